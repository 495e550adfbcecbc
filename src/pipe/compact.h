/*
 * compact: many small table files of a quiet hour become few. doc/compaction.md has the reasons.
 *
 * A pass first goes on with what is under way (its own, or a dead one's), then looks at folders, newest first, and
 * compacts what is quiet. It may be stopped or killed anywhere: a manifest put if absent decides, everything after it
 * is done again by whoever comes.
 *
 * Thread  the caller's store; one pass at a time for a state folder, others elsewhere do no harm
 * Units   bytes, milliseconds, hours since 1970
 */
#ifndef PIPE_COMPACT_H
#define PIPE_COMPACT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/metric.h"
#include "base/rc.h"
#include "catalog/catalog.h"
#include "pipe/settings.h"
#include "store/store.h"

enum compact_kind {
	COMPACT_WOULD, /* dry run */
	COMPACT_MADE,
	COMPACT_LEFT, /* not this time: why is in text */
};

struct compact_news {
	enum compact_kind kind;
	const char *dataset;
	const char *partition; /* "y=2026/m=1/d=14/h=9" */
	size_t files_in, files_out;
	uint64_t rows, bytes_in, bytes_out;
	const char *text;
};

enum { COMPACT_GIVEN_UP = 32 };

/*
 * Attempts that were given up in this life of the caller; zeroed is none. Each is swept again for ten minutes: a server
 * may finish an upload after its folder was swept (run.h). Of too many the oldest are forgotten.
 */
struct compact_given_up {
	struct {
		char epoch[40];
		struct mono since;
	} attempt[COMPACT_GIVEN_UP];
	size_t count;
};

struct compact_params {
	const struct settings *settings;
	struct store *store;
	struct catalog *catalog;     /* NULL: nobody reads through one */
	struct metric_slot *figures; /* NULL: not counted */
	const char *dataset;         /* only that one; NULL all */
	int64_t before_hour;         /* INT64_MAX: all that are quiet */
	size_t folders;              /* the newest so many of a dataset; SIZE_MAX all */
	bool dry_run;
	struct compact_given_up *given_up; /* NULL: nothing is swept twice */
	bool (*stop)(void *context);       /* NULL never */
	void (*tell)(void *context, const struct compact_news *news);
	void *context;
};

struct compact_sum {
	uint64_t hours, files_in, files_out, rows, bytes_in, bytes_out;
	uint64_t finished; /* whose kept inputs are gone now */
	uint64_t waiting;  /* under way: the grace is not over, or another instance is at it */
	uint64_t later;    /* hours left for now: a disk or a service was away */
	uint64_t failed;   /* hours that were left because something in them is wrong */
	uint64_t foreign;  /* files of other programs, which were left alone */
	uint64_t brought;  /* files of other programs that were written aside, and are in their hours now */
	uint64_t mixed;    /* hours left because such a file lies in them: see see_folder */
};

/* RC_END: asked to stop. RC_AGAIN, RC_FAIL: the lake is away; what was done stays. */
enum rc compact_pass(const struct compact_params *p, struct compact_sum *sum, struct err *e) MUST_USE;

#endif

/*
 * replay: originals with rejects are dissected again, as configuration and dissectors are now, and the rows that the
 * tables lack are stored. doc/rejects.md has the reasons.
 *
 * A file of this machine that is whole may be dissected in place of an original that came broken: it becomes an original
 * of its own with the rows that the broken one lacked, and the broken one's rejects are settled by the same commit.
 *
 * The commits of a pipeline's replays are a chain of their own, under the topic <instance>.<pipeline>.replay, which no
 * bus has: each commit takes the next number. Their identities are `again` numbers from MANIFEST_REPLAY on.
 *
 * Exactly once: which rows the tables hold is looked up after the chain's newest commit was rolled forward, and the
 * manifest is put if absent at the chain's end. So of two replays, or of one that slept, one is refused and looks
 * again.
 *
 * Thread  one owner
 */
#ifndef PIPE_REPLAY_H
#define PIPE_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/metric.h"
#include "base/rc.h"
#include "confine/confine.h"
#include "ext/hash.h"
#include "pipe/settings.h"

enum { REPLAY_WHY = 1000 }; /* most bytes of a reason to settle, which is one line (str_is_line) */

enum replay_kind {
	REPLAY_WOULD, /* dry run */
	REPLAY_DONE,
	REPLAY_SAME, /* it gives what it gave before */
	REPLAY_SETTLED, /* by hand: nothing was dissected */
	REPLAY_LEFT, /* it can't be replayed: why is in text */
};

struct replay_news {
	enum replay_kind kind;
	const char *pipeline, *name, *path;
	const uint8_t *original;
	uint64_t rows;          /* stored, or that would be */
	uint64_t rejects, lost; /* that are left */
	uint64_t before;        /* rejects there were */
	const char *text;
};

struct replay_params {
	const struct settings *settings;
	const struct pipeline *only; /* NULL: all */
	/* Which originals with rejects; NULL: all. path: in the lake. */
	bool (*wanted)(void *context, const uint8_t original[SHA256_BYTES], const char *name, const char *path);
	struct metric_slot *figures;
	struct confine *confine; /* where dissectors run; NULL: in this process */
	bool dry_run;
	const char *with; /* the file that is whole; wanted means one original then; NULL: replay */
	const char *settle; /* not to be dissected: their rejects count as dealt with from now on, for this reason; NULL: replay */
	bool (*stop)(void *context); /* NULL: never */
	void (*tell)(void *context, const struct replay_news *news);
	void *context;
};

struct replay_sum {
	uint64_t originals, rows, rejects; /* replayed or settled, or that would be */
	uint64_t same, left;
	char catalog[ERR_TEXT]; /* what it was not told, or "" */
};

/* RC_END: asked to stop; what was committed stays. RC_AGAIN, RC_BAD, RC_FAIL: it can't go on; likewise. */
enum rc replay_run(const struct replay_params *p, struct replay_sum *sum, struct err *e) MUST_USE;

#endif

/*
 * collector: watches folders, archives originals, publishes their events. One process; the order of effects is
 * doc/pipe.md, "the collector's order".
 *
 * seal -> hash and archive (one pass) -> durable -> ledger: archived, event and partition -> publish -> acknowledged ->
 * ledger: published -> manifest seen -> ledger: committed -> after.
 */
#ifndef PIPE_COLLECTOR_H
#define PIPE_COLLECTOR_H

#include <stdbool.h>

#include "base/metric.h"
#include "base/rc.h"
#include "pipe/settings.h"

struct collector_progress {         /* for a progress line; counts since start */
	uint64_t files, files_done; /* files: found so far; done: committed, refused, doubled, aside */
	uint64_t bytes, bytes_done;
	uint64_t rows, rejects;
	bool scanning;       /* files may still grow */
	const char *waiting; /* why it waits, or NULL */
};

struct collector_job {
	const struct settings *settings;
	struct metric_slot *figures;
	struct confine *confine; /* where dissectors run; NULL: in this process */
	/* NULL: watch for ever. Else take what is there now and end. */
	bool once;
	/* once: also wait until everything taken is committed or refused (run --once, load). */
	bool until_committed;
	/* load: these paths of one pipeline instead of the watched folders. */
	const struct pipeline *only;
	const char *const *path;
	size_t paths;
	bool again;                  /* load --again */
	bool (*stop)(void *context); /* asked often: leave in good order */
	int wake_fd;                 /* readable when stop may have changed; -1 none */
	void (*progress)(void *context, const struct collector_progress *p); /* may be NULL; several times a second */
	void *context;
};

struct collector_result {
	uint64_t files, doubled, aside, committed, refused, rows, rejects;
	unsigned missing; /* watched folders that were not there */
	uint64_t nulls;   /* values that could not be read, or that their column can't hold */
};

/* Runs until done or stopped. RC_OK also when files were refused: look at the result. RC_FAIL: cannot go on (state
 * unusable). */
enum rc collector_run(const struct collector_job *job, struct collector_result *result, struct err *e) MUST_USE;

#endif

/*
 * worker: reads events, dissects originals, writes tables, commits. N threads share the partitions of every topic:
 * those that the configuration names, else those that the bus hands out to each, else thread t has p % threads == t.
 *
 * The commit protocol is doc/commit.md; the order is in worker.c.
 */
#ifndef PIPE_WORKER_H
#define PIPE_WORKER_H

#include <stdbool.h>

#include "base/metric.h"
#include "base/rc.h"
#include "pipe/settings.h"

struct worker_job {
	const struct settings *settings;
	const char
	    *member; /* this process's name among those that share a bus, the same after a restart; NULL: alone */
	struct metric_slot *figures;
	struct confine *confine; /* where dissectors run; NULL: in this process */
	bool once;                       /* work to the end of every partition as it is now, commit, end */
	bool complete;                   /* partitions that the catalog was not told of at the end are a failure */
	bool (*stop)(void *context);     /* asked often: finish or drop the open commit in good order and leave */
	bool (*stop_now)(void *context); /* the second signal: drop everything open, nothing is lost */
	int wake_fd;
	void *context;
};

/* Runs until done or stopped. Failures of services are waited out; RC_FAIL only when nothing can go on. */
enum rc worker_run(const struct worker_job *job, struct err *e) MUST_USE;

#endif

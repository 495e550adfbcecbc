/*
 * supervise: runs commands of this program as child processes, and keeps them running.
 *
 * A dead child is started again at once; when it dies within five seconds several times in a row, after 100 ms,
 * doubling to 10 s. SIGTERM and SIGINT are passed on and the children have stop_timeout to drain; a second one ends
 * everything at once. A child that is stopped by a signal has `watchdog` to go on; then it is killed and started again.
 * SIGHUP rereads the configuration: when it is good the children are replaced one by one in good order, else the old
 * one stays.
 *
 * Thread  main only; proc_signals must have been called
 */
#ifndef APP_SUPERVISE_H
#define APP_SUPERVISE_H

#include <stdbool.h>

#include "app/args.h"
#include "app/config.h"
#include "base/metric.h"
#include "base/rc.h"

enum { SUPERVISE_CHILDREN = 4 };

struct supervise_child {
	const char *name;        /* for the log: "collector" */
	const char *const *word; /* command and its options, ends with NULL; borrowed */
	bool leads;              /* its own end ends the others, and its exit status is ours */
	bool last;               /* is asked to leave when the others have left: it shows how they do */
};

struct supervise_job {
	const char *file;      /* configuration */
	struct config *config; /* taken: replaced by a reload, freed at the end */
	const struct supervise_child *child;
	unsigned children;
	bool calm; /* children log from warn on */
	struct metric_slot *figures; /* the supervisor's own */
};

/* Until stopped, or until the leading child has ended. */
enum status supervise(struct supervise_job *job);

#endif

/*
 * supervise: runs commands of this program as child processes, and keeps them running.
 *
 * A dead child is started again at once. When it dies again and again, each time within five seconds without having
 * accepted work, or within a second of having begun to, then after 100 ms, doubling to 10 s. SIGTERM and SIGINT are
 * passed on and the children have stop_timeout to drain; a second one ends everything at once. A child that is stopped
 * by a signal has `watchdog` to go on; then it is killed and started again. SIGHUP reads the configuration again, and
 * with it the program: what stands at its path now is asked whether it takes that configuration. If so this process
 * becomes that program, with the children it has, and replaces them one after the other in good order, each when the
 * one before it accepts work; else everything stays as it is.
 *
 * Thread  main only; proc_signals must have been called
 */
#ifndef APP_SUPERVISE_H
#define APP_SUPERVISE_H

#include <stdbool.h>

#include "app/args.h"
#include "app/config.h"
#include "app/handover.h"
#include "base/metric.h"
#include "base/rc.h"

enum { SUPERVISE_CHILDREN = 4 };

struct supervise_child {
	const char *name;        /* for the log: "collector" */
	const char *const *word; /* command and its options, ends with NULL; borrowed */
	const char *figures;     /* name of its slot there; NULL: as above */
	bool leads;              /* its own end ends the others, and its exit status is ours */
	bool last;               /* is asked to leave when the others have left: it shows how they do */
};

struct supervise_job {
	const char *file;      /* configuration */
	struct config *config; /* taken: replaced by a reload, freed at the end */
	const struct supervise_child *child;
	unsigned children;
	bool calm;                     /* children log from warn on */
	const struct metrics *metrics; /* where children say that they accept */
	struct metric_slot *figures;   /* the supervisor's own */

	/* Of a supervisor that can be replaced by the next program: -1 and NULL where no one can. */
	int lock_fd;                   /* of the state folder */
	int config_fd;                 /* the text that config was read from, taken; -1: read from file */
	const struct handover *before; /* what the program before left; NULL: there was none */
};

/* Until stopped, or until the leading child has ended. */
enum status supervise(struct supervise_job *job);

#endif

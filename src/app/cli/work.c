/* sluice work: the second half as a process of its own: events in, tables out. */
#include "app/cli/cli.h"

#include "app/daemon.h"
#include "app/setup.h"
#include "pipe/worker.h"

static enum status once_through(
    const struct args *a, struct config *c, struct metric_slot *figures, struct daemon *d, struct err *e)
{
	struct worker_job job = {
	    .settings = &c->settings,
	    .figures = figures,
	    .once = args_has(a, "once"),
	    .stop = daemon_stop,
	    .stop_now = daemon_stop_now,
	    .wake_fd = daemon_wake_fd(d),
	    .context = d,
	};
	return worker_run(&job, e) == RC_OK ? STATUS_DONE : STATUS_BAD;
}

static enum status run(const struct args *a)
{
	return daemon_run(a, "worker", NULL, once_through);
}

static const struct option option[] = {
    OPTION_CONFIG,
    {"once", 0, NULL, "work off what the bus holds now, commit it, and exit"},
    OPTION_CHILD,
    {0},
};

const struct command command_work = {
    .name = "work",
    .synopsis = "[-c FILE] [--once]",
    .summary = "Only the worker: events in, tables out",
    .details = "For hosts that do nothing else. Several may run: each partition has one worker at a time, the others "
               "stand by.",
    .option = option,
    .run = run,
};

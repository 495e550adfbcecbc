/* sluice collect: the first half as a process of its own: files in, originals archived, events out. */
#include "app/cli/cli.h"

#include "app/daemon.h"
#include "app/ingest.h"
#include "app/setup.h"

static enum status collect(
    const struct args *a, struct config *c, struct metric_slot *figures, struct daemon *d, struct err *e)
{
	bool until = args_has(a, "until-committed");
	struct collector_job job = {.once = args_has(a, "once"), .until_committed = until};
	return ingest_round(until ? "run" : "collect", &job, a, c, figures, d, e);
}

static enum status run(const struct args *a)
{
	return daemon_run(a, "collector", "collect.lock", collect);
}

static const struct option option[] = {
    OPTION_CONFIG,
    {"once", 0, NULL, "take what lies there now, publish it, and exit"},
    {"quiet", 'q', NULL, "with --once: no progress, no summary"},
    {"json", 0, NULL, "with --once: the summary as one JSON object"},
    {"until-committed", 0, NULL, NULL},
    OPTION_CHILD,
    {0},
};

const struct command command_collect = {
    .name = "collect",
    .synopsis = "[-c FILE] [--once]",
    .summary = "Only the collector: files in, originals archived, events out",
    .details = "For hosts where the files arise. A second one on the same state folder stands by.",
    .option = option,
    .run = run,
};

/*
 * outcome: what a run --once or a load came to: a summary, and each file that was not taken whole by name.
 */
#ifndef APP_OUTCOME_H
#define APP_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

#include "app/args.h"
#include "pipe/collector.h"
#include "pipe/settings.h"

struct outcome_params {
	const char *what; /* "load" */
	bool quiet, json;
	int64_t began_ms; /* wall: only what happened since then is named */
	bool restarted;   /* it began with a process that died: what that one counted is in the ledger alone */
	int64_t took_ms;
	bool committed; /* it waited for commits: unfinished originals are failures */
};

/* Summary to standard output, names to standard error. STATUS_BAD when something was rejected or set aside, or a watched
 * folder was not there. */
enum status outcome_show(const struct settings *s, const struct collector_result *own, const struct outcome_params *p);

#endif

/*
 * progress: how far a run --once or a load is: one redrawn line on a terminal, a plain line every few seconds
 * elsewhere.
 *
 * Thread  one owner
 */
#ifndef APP_PROGRESS_H
#define APP_PROGRESS_H

#include <stdbool.h>

#include "pipe/collector.h"

struct progress;

/* what: "load". quiet: shows nothing. Goes to standard error. */
struct progress *progress_new(const char *what, bool quiet);

void progress_show(struct progress *p, const struct collector_progress *now);

/* Clears the redrawn line. */
void progress_free(struct progress **p);

#endif

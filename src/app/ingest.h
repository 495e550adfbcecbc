/*
 * ingest: one round of the collector with its progress and its outcome: what collect and load have in common.
 */
#ifndef APP_INGEST_H
#define APP_INGEST_H

#include "app/daemon.h"
#include "pipe/collector.h"

/*
 * Run job (settings, figures, stop, progress and context are filled in here). With job->once: progress, and at the end
 * a summary named what and the files that were not taken whole. The command's table must have --quiet and --json.
 */
enum status ingest_round(const char *what, struct collector_job *job, const struct args *a, struct config *c,
    struct metric_slot *figures, struct daemon *d, struct err *e);

#endif

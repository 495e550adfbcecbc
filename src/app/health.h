/*
 * health: where everything stands, gathered from the ledger, the bus, the lake and the figures, whether sluice runs or
 * not. Makes nothing that is not there.
 *
 * Thread  one owner
 */
#ifndef APP_HEALTH_H
#define APP_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "app/config.h"
#include "base/rc.h"
#include "pipe/figures.h"
#include "pipe/ledger.h"

enum { HEALTH_PROCESSES = 16, HEALTH_FILES = 100, HEALTH_OPEN = 20, HEALTH_PROBLEMS = 8 };

struct health_process {
	char name[METRIC_NAME];
	int64_t pid;
	bool alive;
	int64_t up_ms;
	uint64_t memory, restarts;
	bool accepting; /* takes new work; the supervisor: its children are started */
	bool waiting;   /* for a service or the disk */
};

struct health_pipeline {
	const struct pipeline *pipeline; /* borrowed from the configuration */
	struct ledger_counts counts;
};

struct health_partition {
	char topic[256];
	unsigned partition;
	uint64_t first, next; /* offsets on the bus */
	uint64_t committed;   /* the offset that the last commit ended before */
	bool has_commit;
	int64_t commit_ms; /* wall: when that was */
};

struct health_file {
	char *pipeline, *path, *note;
	int64_t age_ms; /* of originals that wait */
};

struct health_wait { /* what waits for a service or the disk */
	char *process, *what, *why;
	int64_t since_ms; /* wall */
};

struct health {
	bool up; /* a `sluice run` holds the state folder */
	struct health_process process[HEALTH_PROCESSES];
	unsigned processes;
	struct health_wait *wait;
	size_t waits;
	uint64_t figure[FIGURE_COUNT]; /* sums over all processes there ever were */
	struct health_pipeline *pipeline;
	size_t pipelines;
	struct health_partition *partition;
	size_t partitions;
	struct health_file aside[HEALTH_FILES], open[HEALTH_OPEN], stale[HEALTH_OPEN];
	unsigned asides, opens,
	    stales; /* stale: claims of other instances. Listed; the counts say how many there are */
	uint64_t bus_used, bus_bound;
	uint64_t ledger_used, ledger_bound;
	int64_t
	    catalog_since_ms; /* wall: since when it takes nothing, or took nothing when its process ended; 0: well */
	char catalog_reason[ERR_TEXT];
	uint64_t catalog_waiting;                     /* partitions */
	int64_t newest_commit_ms;                     /* wall, 0 none */
	char problem[HEALTH_PROBLEMS][ERR_TEXT + 32]; /* what could not be asked */
	unsigned problems;
};

void health_gather(const struct config *c, struct health *out);
/* Processes, figures and what waits for the catalog, and no more: no service is asked. */
void health_catalog(const struct config *c, struct health *out);
void health_fini(struct health *h);

#endif

/*
 * health: where everything stands, gathered from the ledger, the bus, the lake and the figures, whether sluice runs or
 * not. Makes nothing that is not there.
 *
 * What lies on this machine answers at once (health_local); the bus and the lake may take as long as their time-outs
 * (health_ask). A caller that asks again and again keeps what was opened in a struct health_sources.
 *
 * Thread  one owner; sources too
 */
#ifndef APP_HEALTH_H
#define APP_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "app/budgets.h"
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
	uint64_t confined_memory; /* of memory: of the processes that dissect for it */
	uint64_t figure[FIGURE_COUNT];
	bool accepting; /* takes new work; the supervisor: its children are started */
	bool waiting;   /* for a service or the disk */
	bool stopped;   /* by a signal (SIGSTOP), or by a debugger */
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

/* The bus or the lake, as of the last time it was asked. */
struct health_service {
	bool asked;            /* false: there was nothing to ask yet */
	char reason[ERR_TEXT]; /* why it does not answer, "" it does */
};

struct health {
	bool up; /* a `sluice run` holds the state folder */
	bool stopping;
	struct health_process process[HEALTH_PROCESSES];
	unsigned processes;
	struct health_wait *wait;
	size_t waits;
	struct budget_state budget[LIMIT_COUNT];
	/* Sums over all processes there ever were; of what confines dissectors the least. */
	uint64_t figure[FIGURE_COUNT];
	bool confines; /* a process lives that dissects in others */
	struct health_pipeline *pipeline;
	size_t pipelines;
	struct health_partition *partition;
	size_t partitions;
	struct health_file aside[HEALTH_FILES], open[HEALTH_OPEN], stale[HEALTH_OPEN];
	unsigned asides, opens,
	    stales; /* stale: claims of other instances. Listed; the counts say how many there are */
	uint64_t bus_used, bus_bound;
	uint64_t ledger_used, ledger_bound;
	struct health_service bus, lake;
	int64_t
	    catalog_since_ms; /* wall: since when it takes nothing, or took nothing when its process ended; 0: well */
	char catalog_reason[ERR_TEXT];
	uint64_t catalog_waiting;                     /* partitions */
	int64_t newest_commit_ms;                     /* wall, 0 none */
	char problem[HEALTH_PROBLEMS][ERR_TEXT + 32]; /* what could not be asked */
	unsigned problems;
};

/* Kept open between two looks; begins as all zero. */
struct health_sources {
	struct ledger *ledger;
	struct bus *bus;
	struct store *store;
};
void health_sources_close(struct health_sources *s);

/* All of it, once. */
void health_gather(const struct config *c, struct health *out);
/* Processes, figures, ledger, what waits for the catalog. */
void health_local(const struct config *c, struct health_sources *from, struct health *out);
/* Bus, lake, partitions, claims; the rest is empty. */
void health_ask(const struct config *c, struct health_sources *from, struct health *out);
/* What asked found moves over into h, which asked about nothing; asked is not to be finished any more. */
void health_join(struct health *h, const struct health *asked);
/* Processes, figures and what waits for the catalog, and no more: no service is asked. */
void health_catalog(const struct config *c, struct health *out);
void health_fini(struct health *h);

/* Lives a process whose name begins so? */
bool health_alive(const struct health *h, const char *name);
/* No half but this one, "collector" or "worker", ever had this state folder: its other figures are those of other
 * folders. */
bool health_only(const struct health *h, const char *name);

/* Events of a partition that no commit holds yet. */
uint64_t health_lag(const struct health_partition *p);
/* Originals of a pipeline in all their states. */
uint64_t health_originals(const struct ledger_counts *c);

#endif

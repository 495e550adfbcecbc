/*
 * collector_work: what the collector's threads share. Private to collector.c, archiver.c and publisher.c.
 *
 * Thread  as each member says; what says nothing is set before threads start, and theirs to read
 */
#ifndef PIPE_COLLECTOR_WORK_H
#define PIPE_COLLECTOR_WORK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/queue.h"
#include "pipe/again.h"
#include "pipe/archive.h"
#include "pipe/board.h"
#include "pipe/collector.h"
#include "pipe/finder.h"
#include "pipe/hold.h"
#include "pipe/inflight.h"
#include "pipe/publish.h"
#include "pipe/run.h"
#include "pipe/spool.h"
#include "pipe/waits.h"

enum {
	ARCHIVERS_MOST = 4,
	WAITER_PUBLISH = ARCHIVERS_MOST, /* numbers on the board: archive threads, publisher, the caller's */
	WAITER_MAIN,
};

struct collector {
	const struct collector_job *job;
	const struct settings *settings;
	struct waits *waits;
	struct board *board;
	struct inflight *inflight;
	struct hold *hold;
	struct run run;
	struct ledger *ledger;
	struct store *store; /* the publisher's */
	struct bus *bus;     /* the publisher's, once its thread runs */
	unsigned *partitions;
	struct rows_limits limits;
	uint64_t rows_max; /* encoded rows of one original */
	struct publish *publish;
	struct spool *spool; /* the publisher's */
	struct again *again; /* likewise */
	bool cut;            /* the bus refuses what was cut for it: again when cut_due says so */
	struct mono cut_due;
	_Atomic size_t event_bytes; /* what archive threads cut by: limits.event_bytes */
	struct finder *finder;

	struct queue *work;   /* items, for archive threads */
	struct queue *groups; /* lists, for the publisher */
	int wake;             /* eventfd: something came back */
	pthread_mutex_t lock;
	struct item_list back; /* under lock: on the way to the finder */

	pthread_t archiver[ARCHIVERS_MOST], publisher;
	struct archive *archive[ARCHIVERS_MOST];
	unsigned archivers, started;
	unsigned claims_next;      /* publisher: the folder of old claims whose turn it is */
	bool publishing;           /* its thread runs */
	_Atomic bool ending;       /* archive threads: no more items will come */
	_Atomic bool archived_all; /* publisher: no more groups will come */
	_Atomic bool caught_up;    /* what earlier runs left is published */
	_Atomic bool spooled;      /* something is in the spool, or its commit is not counted as awaited yet */
	_Atomic bool flush_wanted; /* everything is published: ask the workers to commit */
	_Atomic uint64_t awaited;  /* originals whose commit the publisher waits for */
};

/* Items on their way back to the finder; the list is empty then. Any thread. */
void collector_hand_back(struct collector *c, struct item_list *items);
/* The caller's thread looks what there is. Any thread. */
void collector_wake(struct collector *c);

/* A service failed in that thread: say why, wait a while. */
void collector_trouble(struct collector *c, unsigned waiter, enum rc rc, const struct err *e, int64_t *backoff_ms);

/* Most bytes of rows that a group of files holds. */
uint64_t collector_group_bytes(const struct collector *c);

/* The least of what our topics take. Whose bus it is at the time. */
enum rc collector_ask_limit(struct collector *c, size_t *event_bytes, struct err *e) MUST_USE;

/* Thread functions. An archiver's context is a struct archiver, which becomes its own; the publisher's the collector.
 */
struct archiver {
	struct collector *c;
	unsigned number;
};
void *archiver_run(void *context);
void *publisher_run(void *context);

/* Of publish_params: the bus takes nothing for so long. The publisher's thread. */
void publisher_meanwhile(void *context, int64_t blocked_ms);

#endif

/*
 * board: what the threads of a collector tell each other and the user: counts, why somebody waits, and whether to stop.
 *
 * Thread  any
 */
#ifndef PIPE_BOARD_H
#define PIPE_BOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/metric.h"
#include "base/rc.h"
#include "pipe/waits.h"

enum board_count {
	BOARD_FILES, /* found, and what earlier runs left open */
	BOARD_BYTES,
	BOARD_FILES_DONE, /* committed, refused, doubled, aside */
	BOARD_BYTES_DONE,
	BOARD_DOUBLED,
	BOARD_ASIDE,
	BOARD_COMMITTED,
	BOARD_REFUSED,
	BOARD_ROWS,
	BOARD_REJECTS,
	BOARD_NULLS, /* values */
	BOARD_COUNTS,
};

enum { BOARD_WAITERS = 8 };

struct board;

/* waits: told what the waiters wait for, under these names; borrowed, both. waits may be NULL. */
struct board *board_new(struct metric_slot *figures, struct waits *waits, const char *const waiter[BOARD_WAITERS]);
void board_free(struct board **b);

struct metric_slot *board_figures(struct board *b);

void board_add(struct board *b, enum board_count c, uint64_t n);
uint64_t board_count(struct board *b, enum board_count c);

/* who (a thread's number) waits, and why: logged when it begins. board_go: it works again. */
void board_wait(struct board *b, unsigned who, const char *why);
void board_go(struct board *b, unsigned who);
/* The first reason somebody waits for; false: nobody does. */
bool board_waiting(struct board *b, char *out, size_t size);

void board_stop(struct board *b);
bool board_stopped(struct board *b);
/* Stop because of e; the first reason stays. */
void board_fail(struct board *b, const struct err *e);
bool board_failed(struct board *b, struct err *e);

/* Sleep, at most until somebody stops. */
void board_sleep(struct board *b, int64_t ms);

/* 100 ms, doubled up to 5 s; 0 starts again. */
int64_t board_backoff(int64_t last_ms);

#endif

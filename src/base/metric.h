/*
 * metric: counters and gauges in a shared mapping: one slot per process, readable by others and after its death.
 *
 * The file holds a header, then slots: name, pid, start time, when it began to accept, then METRIC_VALUES 64-bit values
 * in the order of the table that the process passes. The table (name, kind, unit, help) belongs to pipe/figures; base
 * knows only numbers.
 *
 * Thread  metric_add and metric_set from any thread, relaxed atomics
 */
#ifndef BASE_METRIC_H
#define BASE_METRIC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/rc.h"

enum { METRIC_SLOTS = 64, METRIC_VALUES = 119, METRIC_NAME = 32 };

struct metric_slot {
	char name[METRIC_NAME]; /* "collector", "worker" */
	int64_t pid;
	int64_t started_ns;   /* wall time */
	int64_t accepting_ns; /* CLOCK_MONOTONIC: since when this life takes new work, 0 not yet */
	uint64_t value[METRIC_VALUES];
};

struct metrics; /* the mapping */

/* Map (and make) the file; absent directories are RC_FAIL. */
enum rc metrics_open(const char *path, struct metrics **out, struct err *e) MUST_USE;
void metrics_close(struct metrics **m);

/* The slot of that name, for this process from now on: its counters go on where the last owner's stopped. NULL when all
 * are taken. */
struct metric_slot *metrics_claim(struct metrics *m, const char *name);

/* Slot i or NULL past the last used one. */
const struct metric_slot *metrics_slot(const struct metrics *m, unsigned i);

static inline void metric_add(struct metric_slot *s, unsigned id, uint64_t n)
{
	if (s != 0)
		__atomic_fetch_add(&s->value[id], n, __ATOMIC_RELAXED);
}

static inline void metric_set(struct metric_slot *s, unsigned id, uint64_t v)
{
	if (s != 0)
		__atomic_store_n(&s->value[id], v, __ATOMIC_RELAXED);
}

/* This process takes new work from now on, or it does not. Said twice, the first time counts. */
void metric_accepting(struct metric_slot *s, bool on);

/* Since when the process with that number takes new work, in ms of the monotonic clock; 0: not yet, or the slot is
 * another's. */
int64_t metric_accepting_ms(const struct metric_slot *s, pid_t pid);

#endif

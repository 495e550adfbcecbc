/*
 * gap: events of a partition that the bus no longer has although no commit holds them: retention was faster than the
 * workers, or the topic was deleted, or the brokers lost what they had acknowledged.
 *
 * Their originals are in the lake, so whoever published them publishes them again (collector.c), and only then the
 * partition goes on: past what was trimmed by a commit that holds nothing (gap_close), past what is missing at the end
 * by events that say nothing (gap_fill), so that an offset never stands for two events. doc/bus.md, "Lost events".
 *
 * Thread  plain functions; the caller's bus and store
 */
#ifndef PIPE_GAP_H
#define PIPE_GAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "bus/bus.h"
#include "pipe/manifest.h"
#include "store/store.h"

struct gap {
	uint64_t end;         /* where the commits end: what the workers want next */
	uint64_t first, next; /* of what the bus has */
};

/* Compare bus and lake. RC_END: there is no such topic. */
enum rc gap_look(struct bus *bus, struct store *store, const char *topic, unsigned partition, struct gap *out,
    struct err *e) MUST_USE;

static inline bool gap_trimmed(const struct gap *g) /* [end, first) is gone */
{
	return g->first > g->end;
}

static inline bool gap_short(const struct gap *g) /* [next, end) was there once */
{
	return g->next < g->end;
}

/* Fill the partition up to end. RC_AGAIN: not yet, or stopped. Nothing else of the caller's may be handed over. */
enum rc gap_fill(struct bus *bus, const char *topic, unsigned partition, const struct gap *g,
    bool (*stop)(void *context), void *context, struct err *e) MUST_USE;

/*
 * Commit [end, first) with nothing in it. Only after every original whose events may have lain there was published
 * again and acknowledged. RC_OK also when a worker was faster with a commit of its own.
 */
enum rc gap_close(
    struct store *store, const char *topic, unsigned partition, const struct gap *g, struct err *e) MUST_USE;

#endif

/*
 * pending: events handed over and not yet flushed, in memory, bounded.
 *
 * Thread  one owner
 */
#ifndef BUS_EMBED_PENDING_H
#define BUS_EMBED_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/writer.h"
#include "bus/bus.h"

enum { PENDING_BYTES = 16 << 20 };

struct pending_event {
	uint32_t topic, partition;
	size_t at, len;  /* in bytes */
	uint64_t offset; /* once written */
	void *context;
};

struct pending {
	struct writer bytes; /* the events, one after the other */
	struct pending_event *event;
	size_t count, capacity;
};

void pending_init(struct pending *p);
void pending_fini(struct pending *p);

/* false: full, nothing changed. One event always goes into an empty one. */
bool pending_add(struct pending *p, uint32_t topic, uint32_t partition, int64_t time_ms,
    const struct bus_header *header, size_t headers, struct bus_bytes key, struct bus_bytes value, void *context);

/* Forget all; memory beyond the usual goes back. */
void pending_reset(struct pending *p);

#endif

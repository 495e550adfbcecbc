/*
 * event: one event as the embedded bus keeps it (doc/formats/bus-embedded.md, "event").
 *
 * Thread  any; no state
 */
#ifndef BUS_EMBED_EVENT_H
#define BUS_EMBED_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/writer.h"
#include "bus/bus.h"

/* What counts against the limit: key, value, and the headers' names and values. */
size_t event_bytes(const struct bus_header *header, size_t headers, struct bus_bytes key, struct bus_bytes value);

enum {
	EVENT_OVERHEAD = 16 + BUS_HEADERS_MAX * 6, /* most bytes that event_write adds to event_bytes */
	EVENT_BYTES_MAX = 256 << 20,               /* what event_max_bytes can be set to, so the most a reader meets */
};

void event_write(struct writer *w, int64_t time_ms, const struct bus_header *header, size_t headers,
    struct bus_bytes key, struct bus_bytes value);

/* header has room for BUS_HEADERS_MAX. All but the offsets is filled, borrowing from bytes. false: damaged. */
bool event_parse(struct bus_bytes bytes, struct bus_header *header, struct bus_event *out);

#endif

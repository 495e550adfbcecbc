/*
 * event: what travels on the bus, and its identity.
 *
 * Headers of every event: kind (file | rows | flush), original (64 hex), name (escaped), path (of the original in the
 * lake, escaped), size, part, parts, again (number of a forced re-ingest, 0), dissector ("nfcapd/1"), slot (unix
 * seconds, 0), archived (unix seconds). A file event may add mac (88 hex: key, nonce and tag of a GMAC over the
 * original's bytes, made in the pass that gave its sha256; ext/mac.h). A rows event adds: schema (16 hex), hour (since
 * 1970; empty for an event without rows), rows, and its own counters and rejects as JSON (`report`); its value is an
 * Avro array. A flush event asks the worker to commit what it has; it carries nothing else. The key is the original's
 * sha256 in 64 hex.
 *
 * Identity: <pipeline>/<sha256>[+again]/<part>/<parts>. All parts of an original lie in one partition, one after the
 * other, and are one unit.
 */
#ifndef PIPE_EVENT_H
#define PIPE_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "bus/bus.h"
#include "ext/hash.h"
#include "ext/mac.h"

enum event_kind { EVENT_FILE, EVENT_ROWS, EVENT_FLUSH };

struct event {
	enum event_kind kind;
	uint8_t original[SHA256_BYTES];
	const char *name; /* unescaped bytes as C strings; borrowed from the event's own buffer when read */
	const char *path;
	uint64_t size;
	uint32_t part, parts; /* part from 0 */
	uint32_t again;
	const char *dissector;
	int64_t slot_s, archived_s;
	bool has_mac; /* file: mac holds */
	struct mac mac;
	uint64_t schema; /* rows: fingerprint */
	int64_t hour;    /* rows: the hour, INT64_MIN when it has no rows */
	uint64_t rows;
	const char *report; /* rows: JSON text of rejects and counters, on part 0 only; NULL none */
	struct bus_bytes value;
};

/* Publish. RC_* of bus_produce. */
enum rc event_produce(struct bus *b, const char *topic, unsigned partition, const struct event *ev, void *context,
    struct err *e) MUST_USE;

/* Read a bus event; texts live in *buffer (grown, reused). RC_BAD: not one of ours. */
enum rc event_read(
    const struct bus_event *from, struct event *out, char **buffer, size_t *buffer_size, struct err *e) MUST_USE;

/* "<sha256 hex>[+again]": what manifests and the seen index are keyed on, part aside. */
void event_original(const struct event *ev, char out[SHA256_TEXT + 12]);

#endif

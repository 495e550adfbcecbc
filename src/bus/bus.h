/*
 * bus: topics with partitions and offsets. Carries bytes, knows no schema.
 *
 * Producing is asynchronous: bus_flush waits and reports; acknowledged means durable. Reading is by topic, partition
 * and offset; no acknowledgement of consumption matters (commits are manifests in the lake).
 *
 * Thread  one bus per thread (or process); two share nothing but what is behind them
 * Units   offsets count events of a partition from 0, without holes unless a provider says so: go on from event.next
 * Errors  RC_AGAIN: the service is away or full, nothing is lost, try later
 */
#ifndef BUS_BUS_H
#define BUS_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"

struct bus;

enum {
	BUS_TOPIC_MAX = 249, /* characters of a topic's name */
	BUS_PARTITIONS_MAX = 65536,
	BUS_HEADERS_MAX = 32, /* of one event */
	BUS_HEADER_NAME_MAX = 63,
};

struct bus_bytes {
	const void *at;
	size_t len;
};

struct bus_header {
	const char *name; /* [a-z_]{1,63} */
	struct bus_bytes value;
};

struct bus_event { /* borrowed until the next call on the bus */
	uint64_t offset;
	uint64_t next;   /* offset to go on from */
	int64_t time_ms; /* when it was produced, wall */
	struct bus_bytes key, value;
	const struct bus_header *header;
	size_t headers;
};

struct bus_limits {
	size_t event_bytes; /* most bytes of key + value + headers of one event */
};

struct bus_option { /* properties of the provider, as they are: `kafka:`, `bus_max` … */
	const char *key, *value;
};

struct bus_ops {
	const char *scheme; /* "embedded", "kafka" */

	/* Judge options without opening anything, so that a configuration's error has its line. NULL: open does it.
	 * RC_BAD with the nearest that there is. */
	enum rc (*check)(const char *place, const struct bus_option *option, size_t options, struct err *e);
	/* url without its scheme. RC_AGAIN, RC_FAIL. Options it does not know are RC_BAD with the nearest. */
	enum rc (*open)(
	    const char *place, const struct bus_option *option, size_t options, struct bus **out, struct err *e);

	/* Make the topic, or add partitions until it has that many; never fewer, never removed. *have may be NULL. */
	enum rc (*topic_ensure)(struct bus *b, const char *topic, unsigned partitions, unsigned *have, struct err *e);
	/* Partitions that a topic has; RC_END when there is no such topic. */
	enum rc (*topic_partitions)(struct bus *b, const char *topic, unsigned *have, struct err *e);
	/* Asks anew: they may have been changed. */
	enum rc (*limits)(struct bus *b, const char *topic, struct bus_limits *out, struct err *e);

	/*
	 * Hand an event over; copied. context comes back from flush. RC_AGAIN: full (flush, wait, try again:
	 * back-pressure). RC_BAD: larger than the limit.
	 */
	enum rc (*produce)(struct bus *b, const char *topic, unsigned partition, const struct bus_header *header,
	    size_t headers, struct bus_bytes key, struct bus_bytes value, void *context, struct err *e);
	/*
	 * Wait until everything handed over is durable or refused, at most wait_ms. acknowledged is called once per
	 * event, in any order, with RC_OK (its offset) or the failure, and must not call the bus. RC_AGAIN: some were
	 * refused with RC_AGAIN or the time is over. RC_FAIL: some were refused for good. What was refused is the
	 * caller's to produce again; an event that a flush did not speak of is still handed over, and the next flush
	 * does. What was refused, or never flushed, may be there all the same: readers know events by what they say.
	 */
	enum rc (*flush)(struct bus *b, int64_t wait_ms,
	    void (*acknowledged)(void *user, void *context, enum rc rc, uint64_t offset), void *user, struct err *e);

	/*
	 * The event at offset or the first one after it. RC_END: none yet (waits up to wait_ms for one; may come back
	 * earlier when other partitions got something, so that a reader of several can look at all of them; without a
	 * wait, what another handle was told is durable may be seen a moment later); out->next is where to go on from:
	 * the offset, or behind a hole that nothing will fill. RC_BAD: offset lies outside of what was ever kept here:
	 * before the first (data was trimmed) or after the next (this is not the bus that it came from); out->offset is
	 * the first kept, *e says both; never skip.
	 */
	enum rc (*fetch)(struct bus *b, const char *topic, unsigned partition, uint64_t offset, int64_t wait_ms,
	    struct bus_event *out, struct err *e);

	/* First kept offset and the one the next event will get. */
	enum rc (*range)(
	    struct bus *b, const char *topic, unsigned partition, uint64_t *first, uint64_t *next, struct err *e);

	/* Events below offset are not needed any more. A provider with a retention of its own may ignore it. */
	enum rc (*trim)(struct bus *b, const char *topic, unsigned partition, uint64_t offset, struct err *e);

	/*
	 * Share the partitions of these topics with other readers, wherever they run: the provider hands them out, and
	 * claim says what it came to. member is this reader's name among them, the same after a restart, nobody else's.
	 * Again with more topics when there are some. NULL: readers share by claims alone.
	 */
	enum rc (*join)(struct bus *b, const char *member, const char *const *topic, size_t topics, struct err *e);

	/*
	 * Be the only reader of a partition: RC_OK mine; RC_END another has it, or is to have it: let go of it with
	 * release soon. Ask again before every piece of work: after join, what was mine can be asked back. NULL: every
	 * partition is mine.
	 */
	enum rc (*claim)(struct bus *b, const char *topic, unsigned partition, struct err *e);
	void (*release)(struct bus *b, const char *topic, unsigned partition);

	/* Bytes kept and the bound, for status; bound 0 unknown. */
	enum rc (*usage)(struct bus *b, uint64_t *used, uint64_t *bound, struct err *e);

	void (*close)(struct bus *b);
};

/* First member of every provider's own struct. */
struct bus {
	const struct bus_ops *ops;
};

/* Fronts: check arguments, then the provider. Topic names are [A-Za-z0-9._-]{1,249}. */
enum rc bus_check(const struct bus_ops *ops, const char *place, const struct bus_option *option, size_t options,
    struct err *e) MUST_USE;
enum rc bus_open(const struct bus_ops *ops, const char *place, const struct bus_option *option, size_t options,
    struct bus **out, struct err *e) MUST_USE;
enum rc bus_topic_ensure(struct bus *b, const char *topic, unsigned partitions, unsigned *have, struct err *e) MUST_USE;
enum rc bus_topic_partitions(struct bus *b, const char *topic, unsigned *have, struct err *e) MUST_USE;
enum rc bus_limits(struct bus *b, const char *topic, struct bus_limits *out, struct err *e) MUST_USE;
enum rc bus_produce(struct bus *b, const char *topic, unsigned partition, const struct bus_header *header,
    size_t headers, struct bus_bytes key, struct bus_bytes value, void *context, struct err *e) MUST_USE;
enum rc bus_flush(struct bus *b, int64_t wait_ms,
    void (*acknowledged)(void *user, void *context, enum rc rc, uint64_t offset), void *user, struct err *e) MUST_USE;
enum rc bus_fetch(struct bus *b, const char *topic, unsigned partition, uint64_t offset, int64_t wait_ms,
    struct bus_event *out, struct err *e) MUST_USE;
enum rc bus_range(
    struct bus *b, const char *topic, unsigned partition, uint64_t *first, uint64_t *next, struct err *e) MUST_USE;
enum rc bus_trim(struct bus *b, const char *topic, unsigned partition, uint64_t offset, struct err *e) MUST_USE;
/* RC_END: the provider has no such thing. */
enum rc bus_join(struct bus *b, const char *member, const char *const *topic, size_t topics, struct err *e) MUST_USE;
/* Is there a join, so that what was claimed can be asked back? */
bool bus_shares(const struct bus *b);
enum rc bus_claim(struct bus *b, const char *topic, unsigned partition, struct err *e) MUST_USE;
void bus_release(struct bus *b, const char *topic, unsigned partition);
enum rc bus_usage(struct bus *b, uint64_t *used, uint64_t *bound, struct err *e) MUST_USE;
void bus_close(struct bus **b);

/* For providers: what a look-up of the topic, which found so many partitions, means to a caller who named one. */
enum rc bus_has_partition(enum rc looked, const char *topic, unsigned partition, unsigned have, struct err *e) MUST_USE;

/* Header of an event by name; .at NULL when absent. */
struct bus_bytes bus_event_header(const struct bus_event *event, const char *name);

/* The embedded provider: LMDB, several processes on one host. Options: max_bytes (default 1 GiB), event_max_bytes
 * (default 16 MiB). */
extern const struct bus_ops bus_embed;

/* Kafka, over librdkafka. Options: its properties and those of topics (bus/kafka/property.h). */
extern const struct bus_ops bus_kafka;

#endif

/*
 * sender: hands events to the brokers: idempotent, acknowledged by all replicas in sync, bounded.
 *
 * A producer that has met a fatal error is replaced; what it had not got acknowledged is the caller's again.
 *
 * Thread  one owner; acknowledgements come from within sender_flush only
 * Errors  as bus_produce and bus_flush
 */
#ifndef BUS_KAFKA_SENDER_H
#define BUS_KAFKA_SENDER_H

#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "bus/bus.h"
#include "bus/kafka/client.h"
#include "bus/kafka/property.h"

struct sender_topic {
	char *name;
	rd_kafka_topic_t *rkt;
};

struct sender {
	const struct properties *properties;
	struct client client;
	struct sender_topic *topic;
	size_t topics;
	size_t least, most;           /* max.message.bytes of the topics we send to; 0 not known */
	size_t with_least, with_most; /* those that the producer was made with */
	size_t handed;                /* not spoken of yet */

	/* during a flush */
	void (*acknowledged)(void *user, void *context, enum rc rc, uint64_t offset);
	void *user;
	size_t refused;
	bool gone;      /* a topic is not there any more; the owner clears it */
	bool too_large; /* a topic takes less than it said: its limits have to be read again; the owner clears it */
	struct err why;
};

void sender_init(struct sender *s, const struct properties *p);
void sender_fini(struct sender *s); /* what was not sent is not sent any more */

/* A topic takes record batches of at most this many bytes. */
void sender_limit(struct sender *s, size_t message_max);

/* Most bytes that fit into the local queue at all. */
size_t sender_bound(const struct sender *s);

enum rc sender_produce(struct sender *s, const char *topic, unsigned partition, const struct bus_header *header,
    size_t headers, struct bus_bytes key, struct bus_bytes value, void *context, struct err *e) MUST_USE;
enum rc sender_flush(struct sender *s, int64_t wait_ms,
    void (*acknowledged)(void *user, void *context, enum rc rc, uint64_t offset), void *user, struct err *e) MUST_USE;

#endif

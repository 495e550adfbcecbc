/*
 * client: one handle of librdkafka, and what it last complained of.
 *
 * The library connects, and connects again, by itself and in threads of its own; it never says that all is well again.
 * So a complaint only makes us ask.
 *
 * Thread  one owner; the library calls back only from within calls of ours
 * Errors  RC_AGAIN: the brokers are away, with the library's last complaint
 */
#ifndef BUS_KAFKA_CLIENT_H
#define BUS_KAFKA_CLIENT_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/rc.h"
#include "bus/kafka/property.h"

struct client {
	rd_kafka_t *rk; /* NULL: not open */
	void *owner;    /* for call-backs */
	bool suspect;   /* it complained since we last asked */
	struct mono asked;
	char complaint[300];
};

/* conf is taken over. The handle's opaque is the client. RC_FAIL: what is configured can't be done together. */
enum rc client_open(struct client *c, rd_kafka_type_t type, rd_kafka_conf_t *conf, void *owner, struct err *e) MUST_USE;

/*
 * Takes no part in its group any more, and tells the group nothing: a static member never does. The library (2.0.2, and
 * in part up to 2.4) may wait for ever here, when the group shares out anew at that moment or a topic was deleted; such
 * a handle is left behind after a few seconds, and calls nothing of ours any more.
 */
void client_close(struct client *c);

/* Hear complaints. */
void client_poll(struct client *c);

/* A call failed: the reason in words. Returns RC_AGAIN. */
enum rc client_failed(struct client *c, const char *what, rd_kafka_resp_err_t err, struct err *e);

/* Do the brokers answer? Costs nothing unless it complained; asks at most once a second. */
enum rc client_check(struct client *c, struct err *e) MUST_USE;

/* Wait for a first answer. */
enum rc client_reach(struct client *c, int64_t wait_ms, struct err *e) MUST_USE;

/* Partitions of a topic, asked of the brokers, without making it. RC_END: there is no such topic. */
enum rc client_partitions(struct client *c, const char *topic, unsigned *have, struct err *e) MUST_USE;

#endif

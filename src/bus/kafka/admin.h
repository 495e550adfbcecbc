/*
 * admin: topics made and grown, and what they take.
 *
 * Thread  one owner
 * Errors  RC_AGAIN: no answer, or the broker can't do it now. RC_BAD: it never will (a property of a topic that is
 * none) Source  cluster-facts: existing = TOPIC_ALREADY_EXISTS, not more than there are = INVALID_PARTITIONS
 */
#ifndef BUS_KAFKA_ADMIN_H
#define BUS_KAFKA_ADMIN_H

#include <stddef.h>

#include "base/rc.h"
#include "bus/kafka/client.h"
#include "bus/kafka/property.h"

/* Existing is fine, also when another makes it at this moment. */
enum rc admin_make(
    struct client *c, const struct properties *p, const char *topic, unsigned partitions, struct err *e) MUST_USE;

/* As many or more is fine. */
enum rc admin_grow(struct client *c, const char *topic, unsigned partitions, struct err *e) MUST_USE;

/* max.message.bytes in effect: the topic's own, else the broker's. 0: the broker does not tell us. */
enum rc admin_message_max(struct client *c, const char *topic, size_t *out, struct err *e) MUST_USE;

#endif

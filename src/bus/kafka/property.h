/*
 * property: what the `kafka:` map says, checked by librdkafka itself, as the configuration of one of its handles.
 *
 * A key is a property of librdkafka, as it is. "NAME/file" gives the file and "NAME/env" the environment variable that
 * holds the value: secrets come only that way. "topic/NAME" is a property of the topics that we make;
 * "topic/replication.factor" is theirs too.
 *
 * Thread  immutable once read
 * Errors  RC_BAD: the property and the nearest that there is; never a value that may be a secret
 * Source  CONFIGURATION.md of librdkafka 2.0.2
 */
#ifndef BUS_KAFKA_PROPERTY_H
#define BUS_KAFKA_PROPERTY_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "bus/bus.h"

struct property {
	char *name, *value;
};

struct properties {
	char *brokers;           /* "host:port,host:port" */
	struct property *client; /* in their order: a later one wins */
	size_t clients;
	struct property *topic; /* of topics that we make */
	size_t topics;
	int replication; /* of topics that we make; -1 the broker's default */
};

/* Judge options without touching anything outside: secrets are not read. */
enum rc properties_check(const char *place, const struct bus_option *option, size_t options, struct err *e) MUST_USE;

/* The same, and keep them. */
enum rc properties_read(
    const char *place, const struct bus_option *option, size_t options, struct properties *out, struct err *e) MUST_USE;
void properties_fini(struct properties *p);

/* Value in effect as given, or NULL. */
const char *properties_get(const struct properties *p, const char *name);

/* The same as a number. */
size_t properties_number(const struct properties *p, const char *name, size_t otherwise);

/* A configuration for rd_kafka_new: our defaults, then the given ones, then what can't be chosen (set, names and values
 * in turn, NULL at its end). */
rd_kafka_conf_t *properties_conf(const struct properties *p, const char *const *set);

#endif

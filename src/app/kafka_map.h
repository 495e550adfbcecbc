/*
 * kafka_map: the `kafka:` map of a configuration as options of the bus: properties of librdkafka as they are, those of
 * topics under `topic:`, secrets as { file: PATH } or { env: VARIABLE }.
 *
 * Errors  RC_BAD: "FILE:LINE: kafka: reason", with the nearest property where one was mistyped
 */
#ifndef APP_KAFKA_MAP_H
#define APP_KAFKA_MAP_H

#include <stddef.h>

#include "base/rc.h"
#include "bus/bus.h"
#include "ext/yaml.h"

struct kafka_map {
	struct bus_option *option;
	size_t count;
};

/* file is the configuration's name, folder where its relative paths begin. */
enum rc kafka_map_read(
    const struct yaml_node *map, const char *file, const char *folder, struct kafka_map *out, struct err *e) MUST_USE;
void kafka_map_add(struct kafka_map *m, const char *key, const char *value);
void kafka_map_fini(struct kafka_map *m);

/* As one would write it; secrets are where they lie. */
void kafka_map_show(const struct kafka_map *m, char *out, size_t size);

#endif

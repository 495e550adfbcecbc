/*
 * maps: extension maps of layout 1: which extensions follow the head of an old flow record, by the number that the
 * record names.
 *
 * A map holds until another with its number replaces it.
 */
#ifndef DISSECT_NFCAPD_MAPS_H
#define DISSECT_NFCAPD_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MAP_EXTENSIONS = 64, /* more are cut: all known ones together are 40 */
	MAPS = 4096,         /* in one file; further ones are not kept */
};

struct map {
	uint16_t number;
	uint16_t count;
	uint16_t id[MAP_EXTENSIONS];
};

struct maps {
	struct map *map;
	size_t count, capacity;
	uint16_t *index; /* by number: place in map + 1, made with the first one */
};

void maps_fini(struct maps *m);

/* Keep the map of a record of type 2 that records_check has passed. false: it says nothing new. */
bool maps_put(struct maps *m, const uint8_t *record, size_t size);

/* NULL: no such map. Valid until the next put. */
const struct map *maps_find(const struct maps *m, unsigned number);

#endif

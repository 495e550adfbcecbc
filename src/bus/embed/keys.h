/*
 * keys: keys and small values of the embedded bus's tables (doc/formats/bus-embedded.md).
 */
#ifndef BUS_EMBED_KEYS_H
#define BUS_EMBED_KEYS_H

#include <stdint.h>
#include <string.h>

#include "kv/kv.h"

enum { PARTITION_KEY = 8, EVENT_KEY = 16 };

/* Big-endian, so that the tree's order is topic, partition, offset. */
static inline void key_partition(uint32_t topic, uint32_t partition, uint8_t out[PARTITION_KEY])
{
	kv_key_u64((uint64_t)topic << 32 | partition, out);
}

static inline void key_event(uint32_t topic, uint32_t partition, uint64_t offset, uint8_t out[EVENT_KEY])
{
	key_partition(topic, partition, out);
	kv_key_u64(offset, out + PARTITION_KEY);
}

#endif

/*
 * tables: the records of the embedded bus in LMDB (doc/formats/bus-embedded.md): topics, and what each partition keeps.
 *
 * Thread  like kv: transactions belong to their thread
 */
#ifndef BUS_EMBED_TABLES_H
#define BUS_EMBED_TABLES_H

#include <stdbool.h>
#include <stdint.h>

#include "bus/embed/keys.h"
#include "kv/kv.h"

struct tables {
	struct kv *kv;
	kv_table meta, topics, partitions, events;
};

enum { TABLES = 4 };

struct extent { /* of a partition */
	uint64_t first, next;
};

/* Open or make them; refuses a format that is not ours. kv is borrowed. */
enum rc tables_open(struct tables *t, struct kv *kv, struct err *e) MUST_USE;

/* false: damaged. A partition that nothing was ever produced to has 0, 0. */
bool tables_extent(struct kv_txn *txn, const struct tables *t, const uint8_t key[PARTITION_KEY], struct extent *out);
void tables_put_extent(
    struct kv_txn *txn, const struct tables *t, const uint8_t key[PARTITION_KEY], const struct extent *x);

/* RC_END: there is no such topic. */
enum rc tables_topic(
    const struct tables *t, const char *name, uint32_t *id, uint32_t *partitions, struct err *e) MUST_USE;
/* Make it, or give it more partitions; what it has then. */
enum rc tables_grow_topic(const struct tables *t, const char *name, uint32_t least, uint32_t *id, uint32_t *partitions,
    struct err *e) MUST_USE;

enum rc tables_damaged(struct err *e, const char *what);

#endif

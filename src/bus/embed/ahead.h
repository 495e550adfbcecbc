/*
 * ahead: events that were read before they were asked for, one buffer per partition, bounded.
 *
 * Reading copies a batch inside one short read transaction; none is held while the caller works or waits, since it
 * would keep every page freed meanwhile from being used again.
 *
 * Thread  one owner
 */
#ifndef BUS_EMBED_AHEAD_H
#define BUS_EMBED_AHEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "bus/bus.h"
#include "kv/kv.h"

struct ahead;

struct ahead *ahead_new(void);
void ahead_free(struct ahead **a);

/* The event at offset, if it is here. RC_END: not here. RC_FAIL: damaged. *out is borrowed until the next call. */
enum rc ahead_get(struct ahead *a, uint32_t topic, uint32_t partition, uint64_t offset, struct bus_event *out,
    struct err *e) MUST_USE;

/* Fill the partition's buffer from offset on. RC_END: the table has none there. */
enum rc ahead_fill(struct ahead *a, struct kv_txn *txn, kv_table events, uint32_t topic, uint32_t partition,
    uint64_t offset, struct err *e) MUST_USE;

#endif

/*
 * hold: the encoded rows that a collector has in memory, counted against collect.memory.
 *
 * Rows are counted once they are made: how large they get is not known before. So each thread may pass the limit by the
 * rows of one original.
 *
 * Thread  any
 */
#ifndef PIPE_HOLD_H
#define PIPE_HOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/metric.h"

struct hold;

struct hold *hold_new(uint64_t most_bytes, struct metric_slot *figures);
void hold_free(struct hold **h);

void hold_take(struct hold *h, size_t bytes);
void hold_give(struct hold *h, size_t bytes);

/* Is there room for more? Waits up to wait_ms for it. */
bool hold_room(struct hold *h, int64_t wait_ms);

#endif

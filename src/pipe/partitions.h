/*
 * partitions: those of the bus that the lake has commits of.
 *
 * Thread  the caller's store
 */
#ifndef PIPE_PARTITIONS_H
#define PIPE_PARTITIONS_H

#include <stdint.h>

#include "base/rc.h"
#include "store/store.h"

/* Every partition with manifests or history, each once. see's other rc ends it and comes back. */
enum rc partitions_each(struct store *s,
    enum rc (*see)(void *context, const char *topic, uint32_t partition, struct err *e), void *context,
    struct err *e) MUST_USE;

#endif

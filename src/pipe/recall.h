/*
 * recall: brings the index of committed identities (seen) up to what the lake says.
 *
 * Thread  the caller's store
 */
#ifndef PIPE_RECALL_H
#define PIPE_RECALL_H

#include <stdint.h>

#include "base/rc.h"
#include "pipe/manifest.h"
#include "pipe/seen.h"
#include "store/store.h"

/*
 * Read the manifests and history that the index lacks, up to end and no further: what begins there may not be rolled
 * forward yet, and the index must not know it before. newest is the head of the newest manifest, rolled forward
 * already, which ends at end; NULL: none, history only. An index that belongs to another lake is forgotten first.
 * RC_AGAIN: also when somebody went on meanwhile.
 */
enum rc recall(struct store *store, struct seen *seen, const char *topic, unsigned partition,
    const struct manifest_head *newest, uint64_t end, int64_t horizon_ms, struct err *e) MUST_USE;

#endif

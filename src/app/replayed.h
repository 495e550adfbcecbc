/*
 * replayed: which rejects a replay has dealt with since, by the chains of replays in the lake. The ledger does not
 * know.
 *
 * Thread  one owner
 * Errors  of the store
 */
#ifndef APP_REPLAYED_H
#define APP_REPLAYED_H

#include <stddef.h>

#include "base/rc.h"
#include "ext/hash.h"
#include "ext/json.h"
#include "pipe/settings.h"
#include "store/store.h"

struct replayed;

struct replayed *replayed_new(const struct settings *s);
void replayed_free(struct replayed **r);

/* What came since the last call, added to into: "<pipeline>/<sha256>" -> {left: rejects that its newest replay
 * has left, rows: what they stored, time_ms: of the newest, settled: why, where that settled them}. */
enum rc replayed_read(struct replayed *r, struct store *store, json_t *into, struct err *e) MUST_USE;

/* -1: it was not replayed. */
json_int_t replayed_left(const json_t *all, const char *pipeline, const uint8_t sha256[SHA256_BYTES]);
/* NULL: likewise; else the object, borrowed from all. */
const json_t *replayed_of(const json_t *all, const char *pipeline, const uint8_t sha256[SHA256_BYTES]);

#endif

/*
 * original: an archived original, read for dissecting and checked against its sha256 on the way: rows come from the
 * bytes that were archived, or not at all.
 *
 * Thread  one owner
 */
#ifndef PIPE_ORIGINAL_H
#define PIPE_ORIGINAL_H

#include <stdint.h>

#include "base/rc.h"
#include "base/source.h"
#include "ext/hash.h"
#include "store/store.h"

struct original;

/* RC_END: it is not in the lake. */
enum rc original_open(struct store *store, const char *path, struct original **out, struct err *e) MUST_USE;
void original_close(struct original **o);

/* A source for a dissector, which closes it; to be asked for once. It must be closed before original_check. */
struct source *original_source(struct original *o);

/* Read what nobody read yet; RC_BAD: these are other bytes than were archived. */
enum rc original_check(struct original *o, uint64_t size, const uint8_t sha256[SHA256_BYTES], struct err *e) MUST_USE;

#endif

/*
 * parts: originals whose events have come only partly yet. The rule that makes their rows stored exactly once is in
 * doc/commit.md, "parts".
 *
 * Only offsets are kept, not rows: a set that is complete is read from the bus again.
 *
 * Thread  one owner
 */
#ifndef PIPE_PARTS_H
#define PIPE_PARTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "pipe/event.h"
#include "pipe/seen.h"

struct parts;

enum { PARTS_MAX = 1 << 16 }; /* of one original */

struct parts *parts_new(void);
void parts_free(struct parts **p);

/* Forget all. */
void parts_reset(struct parts *p);

/*
 * Take a part that lies at offset. RC_OK: its set is whole now, and *offsets (borrowed until the next call, key->parts
 * of them) says where its parts lie, in order of parts. RC_END: some are missing yet. RC_BAD: numbers that can't be.
 */
enum rc parts_add(
    struct parts *p, const struct event *ev, uint64_t offset, const uint64_t **offsets, struct err *e) MUST_USE;

/* The set of this original is dealt with. */
void parts_done(struct parts *p, const struct seen_key *key);

/* Lowest offset that an open set needs, UINT64_MAX when none is open; and how many are. */
uint64_t parts_first(const struct parts *p);
size_t parts_open(const struct parts *p);

#endif

/*
 * original: an archived original, read for dissecting and checked on the way: rows come from the bytes that were
 * archived, or not at all. Checked is the MAC, a tenth of the work, where the event has one: it was made in the pass
 * that gave the sha256, and its key is not in the lake. Else the sha256.
 *
 * Thread  one owner
 */
#ifndef PIPE_ORIGINAL_H
#define PIPE_ORIGINAL_H

#include <stdint.h>

#include "base/rc.h"
#include "base/source.h"
#include "pipe/event.h"
#include "store/store.h"

struct original;

/* ev is borrowed until close. RC_END: it is not in the lake. */
enum rc original_open(struct store *store, const struct event *ev, struct original **out, struct err *e) MUST_USE;
void original_close(struct original **o);

/* A source for a dissector, which closes it; to be asked for once. It must be closed before original_check. */
struct source *original_source(struct original *o);

/* Read what nobody read yet; RC_BAD: these are other bytes than were archived. */
enum rc original_check(struct original *o, struct err *e) MUST_USE;

#endif

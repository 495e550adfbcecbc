/*
 * bell: wakes those who wait for a change, in any process. A file that is written after the change and watched by
 * inotify.
 *
 * To wait without missing a ring: bell_hush, look, and only if there is nothing bell_wait.
 *
 * Thread  one owner; rings of other owners are heard
 */
#ifndef BUS_EMBED_BELL_H
#define BUS_EMBED_BELL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"

struct bell;

/* The file is made if absent. */
enum rc bell_open(const char *dir, const char *name, struct bell **out, struct err *e) MUST_USE;
void bell_close(struct bell **b);

void bell_ring(struct bell *b);

/* Forget the rings so far. */
void bell_hush(struct bell *b);
/* Sleep until it rings, at most wait_ms; true if it rang. A signal ends the sleep as well. */
bool bell_wait(struct bell *b, int64_t wait_ms);

#endif

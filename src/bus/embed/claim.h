/*
 * claim: being the only reader of a partition on this host: a locked file, so that a claim ends with its process,
 * however that ends.
 *
 * Two handles exclude each other in one process as well. A child forked without exec holds its parent's claims until it
 * has ended too.
 *
 * Thread  one owner
 */
#ifndef BUS_EMBED_CLAIM_H
#define BUS_EMBED_CLAIM_H

#include "base/rc.h"

struct claims;

/* Makes dir/claims if absent. */
enum rc claims_open(const char *dir, struct claims **out, struct err *e) MUST_USE;
void claims_close(struct claims **c); /* releases all */

/* RC_OK: mine, also when it was before. RC_END: another has it. */
enum rc claims_take(struct claims *c, const char *topic, unsigned partition, struct err *e) MUST_USE;
void claims_drop(struct claims *c, const char *topic, unsigned partition);

#endif

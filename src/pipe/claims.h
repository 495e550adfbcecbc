/*
 * claims: the digests that are between hashed and in the ledger, so that two files of equal content are not both archived.
 *
 * Thread  any
 */
#ifndef PIPE_CLAIMS_H
#define PIPE_CLAIMS_H

#include <stdbool.h>
#include <stdint.h>

#include "ext/hash.h"

struct pipeline;
struct claims;

struct claims *claims_new(void);
void claims_free(struct claims **c);

/* false: another file with this content is on its way. */
bool claims_take(struct claims *c, const struct pipeline *p, const uint8_t sha256[SHA256_BYTES]);
void claims_release(struct claims *c, const struct pipeline *p, const uint8_t sha256[SHA256_BYTES]);

#endif

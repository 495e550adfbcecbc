/*
 * inflight: the digests that are between hashed and in the ledger, so that two files of equal content are not both
 * archived.
 *
 * Thread  any
 */
#ifndef PIPE_INFLIGHT_H
#define PIPE_INFLIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "ext/hash.h"

struct pipeline;
struct inflight;

struct inflight *inflight_new(void);
void inflight_free(struct inflight **c);

/* false: another file with this content is on its way. */
bool inflight_take(struct inflight *c, const struct pipeline *p, const uint8_t sha256[SHA256_BYTES]);
void inflight_release(struct inflight *c, const struct pipeline *p, const uint8_t sha256[SHA256_BYTES]);

#endif

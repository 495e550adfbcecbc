/*
 * relay: blocks of bytes that a thread of its own works on, in their order, while their owner goes on with the same
 * bytes: a file is hashed while it is on its way elsewhere.
 *
 * Thread  one owner; work is called by the relay's thread, or by the owner when no thread is to be had
 * Owner   blocks are the relay's
 */
#ifndef BASE_RELAY_H
#define BASE_RELAY_H

#include <stddef.h>
#include <stdint.h>

struct relay;

/* So many blocks may be under way at once, at least 2. */
struct relay *relay_new(size_t block_bytes, unsigned blocks);
void relay_free(struct relay **r);

/* What becomes of the blocks from here on. */
void relay_begin(struct relay *r, void (*work)(void *context, const uint8_t *bytes, size_t size), void *context);

/* Where the next block goes; waits until one is free. It stays as it was filled until the next call. */
uint8_t *relay_block(struct relay *r);

/* The block is filled with so many bytes. Both sides read it from here on. */
void relay_put(struct relay *r, size_t size);

/* Wait until all that was put is worked on: what work wrote is the owner's then. */
void relay_end(struct relay *r);

#endif

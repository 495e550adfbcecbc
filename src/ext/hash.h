/*
 * hash: SHA-256 of originals (libcrypto).
 *
 * Thread  one owner per context
 */
#ifndef EXT_HASH_H
#define EXT_HASH_H

#include <stddef.h>
#include <stdint.h>

enum { SHA256_BYTES = 32, SHA256_TEXT = 65 };

struct sha256;

struct sha256 *sha256_new(void);
void sha256_free(struct sha256 **h);
void sha256_reset(struct sha256 *h);
void sha256_add(struct sha256 *h, const void *bytes, size_t size);
void sha256_peek(const struct sha256 *h, uint8_t out[SHA256_BYTES]); /* digest so far; adding may go on */
void sha256_of(const void *bytes, size_t size, uint8_t out[SHA256_BYTES]);

#endif

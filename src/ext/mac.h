/*
 * mac: a one-time message authentication code over an original's bytes (GMAC, NIST SP 800-38D section 6.4, with
 * AES-128), ten times as fast as SHA-256.
 *
 * Key and nonce are random and serve once. Whoever changes the bytes without knowing the key is found out, but for one
 * chance in 2^128 per block; so it stands in for the digest only where the key travels apart from the bytes.
 *
 * Thread  one owner per context
 */
#ifndef EXT_MAC_H
#define EXT_MAC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MAC_KEY = 28, MAC_TAG = 16, MAC_BYTES = MAC_KEY + MAC_TAG };

struct mac {
	uint8_t key[MAC_KEY]; /* 16 of AES, 12 of nonce */
	uint8_t tag[MAC_TAG];
};

struct gmac;

/* A new random key. False: the system has no randomness to give; make none then. */
bool mac_draw(struct mac *s);

struct gmac *gmac_new(void);
void gmac_free(struct gmac **z);
void gmac_begin(struct gmac *z, const struct mac *s); /* its key is copied */
void gmac_add(struct gmac *z, const void *bytes, size_t size);
void gmac_end(struct gmac *z, uint8_t tag[MAC_TAG]); /* begin again before adding */

/* In constant time. */
bool mac_holds(const struct mac *s, const uint8_t tag[MAC_TAG]);

#endif

/*
 * siphash: a hash with a secret key, for tables whose keys the sender of the packets chooses (SipHash-1-3, Aumasson and
 * Bernstein 2012).
 *
 * The key decides only where an entry lies, never what comes out.
 *
 * Thread  any; plain data
 */
#ifndef DISSECT_PCAP_SIPHASH_H
#define DISSECT_PCAP_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct siphash {
	uint64_t key[2];
};

void siphash_seed(struct siphash *s); /* a new key from the kernel */
uint64_t siphash_words(const struct siphash *s, const uint64_t *word, size_t count);

#endif

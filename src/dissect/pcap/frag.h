/*
 * frag: IP datagrams from their fragments (RFC 791, RFC 8200 section 4.5), in any order, with duplicates and overlaps (the first bytes to come stay).
 *
 * Bounded whatever comes: so many open datagrams, so many bytes, so many seconds of capture time; what goes for that is counted.
 *
 * Thread  one owner
 */
#ifndef DISSECT_PCAP_FRAG_H
#define DISSECT_PCAP_FRAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/type.h"

enum {
	FRAG_DATAGRAMS = 1024,    /* open at once; the oldest goes */
	FRAG_BYTES = 4 << 20,     /* held by all of them */
	FRAG_SECONDS = 60,        /* by the capture's clock; RFC 8200 */
	FRAG_DATAGRAM_MAX = 65535,
};

struct frag_key {
	struct ip src, dst;
	uint32_t id;
	uint8_t proto;
};

/* What is remembered of the first fragment, for the datagram that it begins. */
struct frag_counts {
	uint64_t whole, evicted, expired, oversized;
};

struct frags;

struct frags *frags_new(void);
void frags_free(struct frags **f);

/*
 * A fragment: have bytes at offset; more: others follow. true: the datagram is whole, *whole and *size say where (until the next call). A fragment that is
 * cut by the snap length (cut) makes its datagram end there: what follows the hole is not given.
 */
bool frags_add(struct frags *f, const struct frag_key *key, uint32_t offset, bool more, const uint8_t *bytes, size_t have, bool cut, int64_t time_ns,
    const uint8_t **whole, size_t *size);
const struct frag_counts *frags_counts(const struct frags *f);

#endif

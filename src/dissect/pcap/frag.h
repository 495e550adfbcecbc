/*
 * frag: IP datagrams from their fragments (RFC 791, RFC 8200 section 4.5), in any order, with duplicates and overlaps
 * (the first bytes to come stay).
 *
 * Bounded whatever comes: so many open datagrams, so many bytes, so many seconds of capture time; what goes for that is
 * counted.
 *
 * Thread  one owner
 * Units   times in nanoseconds of the capture's clock, offsets and sizes in bytes of the datagram's payload
 * Memory  FRAG_BYTES and 96 KiB, as fragments come
 */
#ifndef DISSECT_PCAP_FRAG_H
#define DISSECT_PCAP_FRAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/type.h"

enum {
	FRAG_DATAGRAMS = 1024, /* open at once; the oldest goes */
	FRAG_BYTES = 4 << 20,  /* held by all of them */
	FRAG_SECONDS = 60,     /* by the capture's clock; RFC 8200 */
	FRAG_DATAGRAM_MAX = 65535,
};

struct frag_key {
	struct ip src, dst;
	uint32_t id;
	uint8_t proto;
};

struct frag_counts {
	uint64_t whole;     /* datagrams put together */
	uint64_t evicted;   /* given up for room */
	uint64_t expired;   /* given up for age */
	uint64_t oversized; /* fragments that reach past FRAG_DATAGRAM_MAX */
};

struct frags;

struct frags *frags_new(void);
void frags_free(struct frags **f);

/*
 * A fragment: have bytes at offset (a multiple of 8); more: others follow. true: the datagram is whole, *whole and
 * *size say where (until the next call). A fragment that is cut by the snap length (cut) makes its datagram end there:
 * what follows the hole is not given.
 */
bool frags_add(struct frags *f, const struct frag_key *key, uint32_t offset, bool more, const uint8_t *bytes,
    size_t have, bool cut, int64_t time_ns, const uint8_t **whole, size_t *size);
const struct frag_counts *frags_counts(const struct frags *f);

#endif

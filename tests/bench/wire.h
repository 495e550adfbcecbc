/*
 * wire: frames into a capture file (pcap, microseconds, Ethernet), with right lengths and checksums.
 *
 * Times rise evenly over the span: the capture says when a frame was seen by how many came before it.
 *
 * Thread  one owner
 * Units   sizes in bytes, times in microseconds since 1970 UTC
 * Errors  a file that cannot be written ends the program
 */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "chance.h"
#include "distinct.h"

enum {
	WIRE_MTU = 1500,
	WIRE_DATAGRAM_MAX = 4500, /* of UDP, header included */
	WIRE_FIN = 1,
	WIRE_SYN = 2,
	WIRE_PSH = 8,
	WIRE_ACK = 16,
};

struct host {
	bool v6;
	uint8_t bytes[16]; /* the first 4 without v6 */
};

struct path {
	struct host src, dst;
	uint16_t src_port, dst_port;
};

struct wire {
	FILE *out;
	uint64_t packets, limit, bytes, v6, fragments;
	int64_t start_us, span_us;
	struct chance chance;
	struct distinct addresses;
};

void wire_open(struct wire *w, const char *path, uint64_t limit, uint64_t seed);
void wire_close(struct wire *w);
static inline bool wire_full(const struct wire *w)
{
	return w->packets >= w->limit;
}

struct path path_back(const struct path *p);

void wire_udp(struct wire *w, const struct path *p, const void *payload, size_t size);
void wire_tcp(
    struct wire *w, const struct path *p, uint32_t seq, uint32_t ack, uint8_t flags, const void *payload, size_t size);

/* Fragments that a UDP payload of size needs, and the fragment with that number. */
unsigned wire_fragments(const struct path *p, size_t size);
void wire_fragment(
    struct wire *w, const struct path *p, uint32_t id, unsigned number, const void *payload, size_t size);

#endif

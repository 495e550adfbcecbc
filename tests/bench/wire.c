/*
 * wire: how frames are laid out (RFC 791, 8200, 768, 9293) and written.
 */
#include "wire.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { ETHERNET = 14, IPV4 = 20, IPV6 = 40, IPV6_FRAGMENT = 8, UDP = 8, TCP = 20, TCP_MSS = 4 };
enum { PROTO_TCP = 6, PROTO_UDP = 17, PROTO_FRAGMENT = 44 };
enum { STEP_US = 1800 }; /* between packets: two million make an hour */

/* Where a datagram's piece lies in it; all of it: whole. */
struct piece {
	bool whole, more;
	uint16_t offset; /* a multiple of 8 */
	uint32_t id;
};

static void put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static void put32(uint8_t *at, uint32_t v)
{
	put16(at, v >> 16);
	put16(at + 2, v);
}

static uint32_t sum(uint32_t start, const uint8_t *at, size_t size)
{
	uint64_t s = start;
	for (; size >= 2; at += 2, size -= 2)
		s += (uint32_t)(at[0] << 8 | at[1]);
	if (size > 0)
		s += (uint32_t)at[0] << 8;
	while (s >> 16 != 0)
		s = (s & 0xffff) + (s >> 16);
	return (uint32_t)s;
}

static size_t address_size(const struct path *p)
{
	return p->src.v6 ? 16 : 4;
}

/* Of UDP and TCP, over the pseudo header. 0 means none in UDP, so it is sent as all ones. */
static uint32_t checksum(const struct path *p, uint8_t proto, const uint8_t *datagram, size_t size)
{
	uint32_t s = sum(proto + (uint32_t)size, p->src.bytes, address_size(p));
	s = sum(s, p->dst.bytes, address_size(p));
	s = ~sum(s, datagram, size) & 0xffff;
	return s == 0 && proto == PROTO_UDP ? 0xffff : s;
}

static void write_all(struct wire *w, const void *bytes, size_t size)
{
	if (fwrite_unlocked(bytes, 1, size, w->out) != size) {
		perror("dns_capture: write");
		exit(1);
	}
}

void wire_open(struct wire *w, const char *path, uint64_t limit, uint64_t seed)
{
	static const uint32_t head[] = {0xa1b2c3d4, 2 | 4 << 16, 0, 0, 262144, 1};
	*w = (struct wire){.limit = limit,
	    .start_us = INT64_C(1768381200) * 1000000,
	    .span_us = (int64_t)limit * STEP_US,
	    .chance = {seed}};
	w->out = fopen(path, "wb");
	if (w->out == NULL) {
		perror(path);
		exit(1);
	}
	setvbuf(w->out, NULL, _IOFBF, 1 << 20);
	write_all(w, head, sizeof head);
}

void wire_close(struct wire *w)
{
	if (fclose(w->out) != 0) {
		perror("dns_capture: close");
		exit(1);
	}
	distinct_fini(&w->addresses);
}

struct path path_back(const struct path *p)
{
	return (struct path){.src = p->dst, .dst = p->src, .src_port = p->dst_port, .dst_port = p->src_port};
}

static void put_record(struct wire *w, const uint8_t *frame, size_t size)
{
	int64_t step = w->span_us / (int64_t)w->limit;
	int64_t at = w->start_us + (int64_t)((double)w->packets * ((double)w->span_us / (double)w->limit));
	if (step > 1)
		at += chance_below(&w->chance, (uint32_t)step);
	uint32_t head[] = {(uint32_t)(at / 1000000), (uint32_t)(at % 1000000), (uint32_t)size, (uint32_t)size};
	write_all(w, head, sizeof head);
	write_all(w, frame, size);
	w->packets++;
	w->bytes += size;
}

static size_t put_v4(uint8_t *ip, const struct path *p, uint8_t proto, const struct piece *piece, size_t size)
{
	memset(ip, 0, IPV4);
	ip[0] = 0x45;
	put16(ip + 2, (uint32_t)(IPV4 + size));
	put16(ip + 4, piece->id);
	put16(ip + 6, piece->whole ? 0x4000 : (piece->more ? 0x2000 : 0) | piece->offset >> 3);
	ip[8] = 58;
	ip[9] = proto;
	memcpy(ip + 12, p->src.bytes, 4);
	memcpy(ip + 16, p->dst.bytes, 4);
	put16(ip + 10, ~sum(0, ip, IPV4) & 0xffff);
	return IPV4;
}

static size_t put_v6(uint8_t *ip, const struct path *p, uint8_t proto, const struct piece *piece, size_t size)
{
	size_t extra = piece->whole ? 0 : IPV6_FRAGMENT;
	put32(ip, 0x60000000);
	put16(ip + 4, (uint32_t)(extra + size));
	ip[6] = piece->whole ? proto : PROTO_FRAGMENT;
	ip[7] = 58;
	memcpy(ip + 8, p->src.bytes, 16);
	memcpy(ip + 24, p->dst.bytes, 16);
	if (!piece->whole) {
		ip[40] = proto;
		ip[41] = 0;
		put16(ip + 42, piece->offset | (piece->more ? 1 : 0));
		put32(ip + 44, piece->id);
	}
	return IPV6 + extra;
}

static void put_ip(
    struct wire *w, const struct path *p, uint8_t proto, const struct piece *piece, const uint8_t *part, size_t size)
{
	static const uint8_t macs[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
	uint8_t frame[ETHERNET + WIRE_MTU];
	memcpy(frame, macs, sizeof macs);
	put16(frame + 12, p->src.v6 ? 0x86dd : 0x0800);
	uint8_t *ip = frame + ETHERNET;
	size_t head = p->src.v6 ? put_v6(ip, p, proto, piece, size) : put_v4(ip, p, proto, piece, size);
	assert(head + size <= WIRE_MTU);
	memcpy(ip + head, part, size);
	distinct_add(&w->addresses, p->src.bytes, address_size(p));
	distinct_add(&w->addresses, p->dst.bytes, address_size(p));
	w->v6 += p->src.v6;
	w->fragments += !piece->whole;
	put_record(w, frame, ETHERNET + head + size);
}

static size_t put_udp(uint8_t *udp, const struct path *p, const void *payload, size_t size)
{
	assert(UDP + size <= WIRE_DATAGRAM_MAX);
	put16(udp, p->src_port);
	put16(udp + 2, p->dst_port);
	put16(udp + 4, (uint32_t)(UDP + size));
	put16(udp + 6, 0);
	memcpy(udp + UDP, payload, size);
	put16(udp + 6, checksum(p, PROTO_UDP, udp, UDP + size));
	return UDP + size;
}

void wire_udp(struct wire *w, const struct path *p, const void *payload, size_t size)
{
	uint8_t datagram[WIRE_DATAGRAM_MAX];
	size_t all = put_udp(datagram, p, payload, size);
	put_ip(w, p, PROTO_UDP, &(struct piece){.whole = true, .id = (uint16_t)w->packets}, datagram, all);
}

void wire_tcp(
    struct wire *w, const struct path *p, uint32_t seq, uint32_t ack, uint8_t flags, const void *payload, size_t size)
{
	uint8_t segment[WIRE_MTU] = {0};
	size_t head = TCP + (flags & WIRE_SYN ? TCP_MSS : 0);
	assert(head + size <= sizeof segment);
	put16(segment, p->src_port);
	put16(segment + 2, p->dst_port);
	put32(segment + 4, seq);
	put32(segment + 8, ack);
	segment[12] = (uint8_t)(head / 4 << 4);
	segment[13] = flags;
	put16(segment + 14, 65000);
	if (flags & WIRE_SYN)
		put32(segment + 20, 2 << 24 | 4 << 16 | 1460);
	if (size > 0)
		memcpy(segment + head, payload, size);
	put16(segment + 16, checksum(p, PROTO_TCP, segment, head + size));
	put_ip(w, p, PROTO_TCP, &(struct piece){.whole = true, .id = (uint16_t)w->packets}, segment, head + size);
}

/* The largest multiple of 8 that fits behind the headers. */
static size_t fragment_size(const struct path *p)
{
	return p->src.v6 ? (WIRE_MTU - IPV6 - IPV6_FRAGMENT) & ~7U : (WIRE_MTU - IPV4) & ~7U;
}

unsigned wire_fragments(const struct path *p, size_t size)
{
	return (unsigned)((UDP + size + fragment_size(p) - 1) / fragment_size(p));
}

void wire_fragment(struct wire *w, const struct path *p, uint32_t id, unsigned number, const void *payload, size_t size)
{
	uint8_t datagram[WIRE_DATAGRAM_MAX];
	size_t all = put_udp(datagram, p, payload, size), at = number * fragment_size(p);
	assert(at < all);
	size_t part = all - at < fragment_size(p) ? all - at : fragment_size(p);
	struct piece piece = {.more = at + part < all, .offset = (uint16_t)at, .id = p->src.v6 ? id : (uint16_t)id};
	put_ip(w, p, PROTO_UDP, &piece, datagram + at, part);
}

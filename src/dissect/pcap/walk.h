/*
 * walk: one frame on its way through the layers. A step reads the header at `at`, moves behind it and names the step
 * that follows.
 *
 * Thread  the owner of the layers
 */
#ifndef DISSECT_PCAP_WALK_H
#define DISSECT_PCAP_WALK_H

#include "dissect/pcap/layers.h"

#include <string.h>

enum step {
	STEP_NONE,  /* the frame carries nothing for us; counted */
	STEP_FOUND, /* the segment is filled in */
	STEP_LINK,  /* the header that the link type says */
	STEP_ETHERNET,
	STEP_TYPE, /* walk.type says what follows */
	STEP_LLC,
	STEP_PPP,
	STEP_MPLS,
	STEP_IP, /* by its version */
	STEP_IPV4,
	STEP_IPV6,
	STEP_PROTOCOL, /* walk.protocol says what follows; IPv6 extension headers are among it */
	STEP_GRE,
	STEP_UDP,
	STEP_UDPLITE,
	STEP_TCP,
	STEP_SCTP,
	STEP_COUNT,
};

struct layers {
	struct layers_counts counts;
	struct frags *frags;
	int64_t clock_ns; /* of the last frame that has a time */
	bool filtered;
	uint64_t wanted[LAYERS_PORT_WORDS]; /* all ones without a filter */
	uint64_t udp[LAYERS_PORT_WORDS];    /* and the tunnels */
};

struct walk {
	struct layers *layers;
	const uint8_t *at;
	uint32_t have;   /* bytes in memory from at on */
	uint32_t length; /* as the headers so far allow; at least have */
	uint16_t link;
	uint16_t type; /* EtherType */
	uint8_t protocol;
	uint8_t family; /* of the last IP header; 0: none yet */
	bool quoted, reassembled;
	uint32_t depth;
	const uint8_t *src, *dst; /* addresses of the last IP header */
	const uint8_t *outer;     /* source and destination of the first IPv4 header */
	struct segment *out;
};

/* Steps; each wants nothing but what its place in the table says. */
enum step link_step(struct walk *w);
enum step ethernet_step(struct walk *w);
enum step type_step(struct walk *w);
enum step llc_step(struct walk *w);
enum step ppp_step(struct walk *w);
enum step mpls_step(struct walk *w);
enum step ip_step(struct walk *w);
enum step ipv4_step(struct walk *w);
enum step ipv6_step(struct walk *w);
enum step protocol_step(struct walk *w);
enum step gre_step(struct walk *w);
enum step udp_step(struct walk *w);
enum step udplite_step(struct walk *w);
enum step tcp_step(struct walk *w);
enum step sctp_step(struct walk *w);

/* UDP payload at w->at of a datagram with this port: is it a tunnel? STEP_NONE: no, and the walk stands where it stood;
 * nothing is counted. */
enum step tunnel_step(struct walk *w, uint16_t port);
bool tunnel_port(uint16_t port);

static inline uint16_t get_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t get_be32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return __builtin_bswap32(v);
}

static inline bool port_in(const uint64_t *ports, uint16_t port)
{
	return ports[port / 64] >> (port % 64) & 1;
}

/* The frame ends here for us, and *count says why. */
static inline enum step walk_end(uint64_t *count)
{
	++*count;
	return STEP_NONE;
}

static inline enum step walk_malformed(struct walk *w)
{
	return walk_end(&w->layers->counts.malformed);
}

/* There are not n bytes: are they missing, or only not captured? */
static inline enum step walk_short(struct walk *w, uint32_t n)
{
	return walk_end(n > w->length ? &w->layers->counts.malformed : &w->layers->counts.cut);
}

/* Behind n bytes that are there. */
static inline void walk_skip(struct walk *w, uint32_t n)
{
	w->at += n;
	w->have -= n;
	w->length -= n;
}

/* No more than n bytes from at on. */
static inline void walk_clip(struct walk *w, uint32_t n)
{
	if (n < w->length)
		w->length = n;
	if (n < w->have)
		w->have = n;
}

/* One more header of those that tunnels are made of: may it be followed? */
static inline bool walk_deeper(struct walk *w)
{
	return ++w->depth <= LAYERS_DEPTH;
}

#endif

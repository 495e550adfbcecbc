/* IPv4 (RFC 791), IPv6 (RFC 8200) with its extension headers, fragments of both, and the packets that ICMP errors
 * quote. */
#include "dissect/pcap/walk.h"

enum { IPV4_HEADER = 20, IPV6_HEADER = 40, ICMP_HEADER = 8, FRAGMENT_HEADER = 8 };

enum { IPV4_MORE = 0x2000, IPV4_OFFSET = 0x1FFF, IPV6_MORE = 1, IPV6_OFFSET = 0xFFF8 };

/* RFC 8200 section 4, and the IANA registry of protocol numbers. */
enum {
	PROTOCOL_HOP_BY_HOP = 0,
	PROTOCOL_ICMP = 1,
	PROTOCOL_IPV4 = 4,
	PROTOCOL_IPV6 = 41,
	PROTOCOL_ROUTING = 43,
	PROTOCOL_FRAGMENT = 44,
	PROTOCOL_GRE = 47,
	PROTOCOL_AH = 51,
	PROTOCOL_ICMPV6 = 58,
	PROTOCOL_DESTINATION = 60,
	PROTOCOL_MOBILITY = 135,
	PROTOCOL_MPLS = 137,
};

static enum step not_ours(struct walk *w)
{
	return walk_end(&w->layers->counts.other);
}

/* A fragment at w->at: the datagram it makes whole, or nothing yet. */
static enum step fragment(struct walk *w, uint32_t id, uint32_t offset, bool more)
{
	/* What a quote holds is somebody else's, and a fragment inside a reassembled datagram would overwrite what it
	 * is read from. */
	if (w->quoted)
		return not_ours(w);
	if (w->reassembled)
		return walk_end(&w->layers->counts.too_deep);
	struct frag_key key = {.id = id, .proto = w->protocol};
	size_t octets = w->family == 4 ? 4 : 16;
	key.src.family = key.dst.family = w->family;
	memcpy(key.src.octet, w->src, octets);
	memcpy(key.dst.octet, w->dst, octets);
	const uint8_t *whole;
	size_t size;
	if (!frags_add(w->layers->frags, &key, offset, more, w->at, w->have, w->have < w->length, w->layers->clock_ns,
	        &whole, &size))
		return STEP_NONE;
	w->reassembled = true;
	w->at = whole;
	w->have = w->length = (uint32_t)size;
	return STEP_PROTOCOL;
}

enum step ip_step(struct walk *w)
{
	if (w->have < 1)
		return walk_short(w, 1);
	switch (w->at[0] >> 4) {
	case 4:
		return STEP_IPV4;
	case 6:
		return STEP_IPV6;
	default:
		return walk_end(&w->layers->counts.not_ip);
	}
}

enum step ipv4_step(struct walk *w)
{
	if (w->have < IPV4_HEADER)
		return walk_short(w, IPV4_HEADER);
	const uint8_t *p = w->at;
	uint32_t header = (p[0] & 15u) * 4, total = get_be16(p + 2);
	if (p[0] >> 4 != 4 || header < IPV4_HEADER || (total != 0 && total < header))
		return walk_malformed(w);
	if (!walk_deeper(w))
		return walk_end(&w->layers->counts.too_deep);
	/* 0: the sending host left the length to its network card. */
	if (total != 0)
		walk_clip(w, total);
	if (w->have < header)
		return walk_short(w, header);
	w->family = 4;
	w->src = p + 12;
	w->dst = p + 16;
	if (w->outer == NULL)
		w->outer = w->src;
	w->protocol = p[9];
	uint32_t offset = get_be16(p + 6);
	walk_skip(w, header);
	if ((offset & (IPV4_MORE | IPV4_OFFSET)) != 0)
		return fragment(w, get_be16(p + 4), (offset & IPV4_OFFSET) * 8, (offset & IPV4_MORE) != 0);
	return STEP_PROTOCOL;
}

enum step ipv6_step(struct walk *w)
{
	if (w->have < IPV6_HEADER)
		return walk_short(w, IPV6_HEADER);
	const uint8_t *p = w->at;
	if (p[0] >> 4 != 6)
		return walk_malformed(w);
	if (!walk_deeper(w))
		return walk_end(&w->layers->counts.too_deep);
	uint32_t payload = get_be16(p + 4);
	w->family = 6;
	w->src = p + 8;
	w->dst = p + 24;
	w->protocol = p[6];
	walk_skip(w, IPV6_HEADER);
	/* 0: a jumbogram (RFC 2675), or left to the network card. */
	if (payload != 0)
		walk_clip(w, payload);
	return STEP_PROTOCOL;
}

/* An extension header of (byte 1 + more) units: skip it. */
static enum step extension(struct walk *w, uint32_t more, uint32_t unit)
{
	if (w->have < 2)
		return walk_short(w, 2);
	uint32_t size = (w->at[1] + more) * unit;
	if (w->have < size)
		return walk_short(w, size);
	w->protocol = w->at[0];
	walk_skip(w, size);
	return STEP_PROTOCOL;
}

/* RFC 8200 section 4.5. A fragment that is the whole datagram (RFC 6946) needs no others. */
static enum step fragment_header(struct walk *w)
{
	if (w->have < FRAGMENT_HEADER)
		return walk_short(w, FRAGMENT_HEADER);
	const uint8_t *p = w->at;
	uint32_t offset = get_be16(p + 2);
	w->protocol = p[0];
	walk_skip(w, FRAGMENT_HEADER);
	if ((offset & (IPV6_OFFSET | IPV6_MORE)) == 0)
		return STEP_PROTOCOL;
	return fragment(w, get_be32(p + 4), offset & IPV6_OFFSET, (offset & IPV6_MORE) != 0);
}

/* RFC 792: unreachable, source quench, redirect, time exceeded, parameter problem. RFC 4443: types 1 to 4. */
static bool quotes(unsigned protocol, unsigned type)
{
	if (protocol == PROTOCOL_ICMPV6)
		return type >= 1 && type <= 4;
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

/* What an error quotes is looked into once: errors about errors are not sent. */
static enum step icmp(struct walk *w)
{
	if (w->have < ICMP_HEADER)
		return walk_short(w, ICMP_HEADER);
	if (w->quoted || !quotes(w->protocol, w->at[0]))
		return not_ours(w);
	w->quoted = true;
	walk_skip(w, ICMP_HEADER);
	return w->protocol == PROTOCOL_ICMP ? STEP_IPV4 : STEP_IPV6;
}

enum step protocol_step(struct walk *w)
{
	switch (w->protocol) {
	case TRANSPORT_UDP:
		return STEP_UDP;
	case TRANSPORT_TCP:
		return w->quoted ? not_ours(w) : STEP_TCP;
	case TRANSPORT_UDPLITE:
		return STEP_UDPLITE;
	case TRANSPORT_SCTP:
		return w->quoted ? not_ours(w) : STEP_SCTP;
	case PROTOCOL_IPV4:
		return STEP_IPV4;
	case PROTOCOL_IPV6:
		return STEP_IPV6;
	case PROTOCOL_GRE:
		return STEP_GRE;
	case PROTOCOL_MPLS:
		return STEP_MPLS;
	case PROTOCOL_AH: /* RFC 4302 section 2.2: units of 4, less 2 */
		return extension(w, 2, 4);
	case PROTOCOL_ICMP:
		return w->family == 4 ? icmp(w) : not_ours(w);
	case PROTOCOL_ICMPV6:
		return w->family == 6 ? icmp(w) : not_ours(w);
	case PROTOCOL_HOP_BY_HOP:
	case PROTOCOL_ROUTING:
	case PROTOCOL_DESTINATION:
	case PROTOCOL_MOBILITY:
		return w->family == 6 ? extension(w, 1, 8) : not_ours(w);
	case PROTOCOL_FRAGMENT:
		return w->family == 6 ? fragment_header(w) : not_ours(w);
	default:
		return not_ours(w);
	}
}

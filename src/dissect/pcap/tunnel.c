/* What IP and UDP carry that begins all over again: GRE (RFC 2784, 2890, 2637, in UDP 8086), VXLAN (RFC 7348), GENEVE
 * (RFC 8926), GTP-U (3GPP TS 29.281), L2TPv2 (RFC 2661), Teredo (RFC 4380). */
#include "dissect/pcap/walk.h"

enum {
	PORT_L2TP = 1701,
	PORT_GTP_U = 2152,
	PORT_TEREDO = 3544,
	PORT_GRE = 4754,
	PORT_VXLAN = 4789,
	PORT_GENEVE = 6081
};

enum {
	TYPE_IPV4 = 0x0800,
	TYPE_IPV6 = 0x86DD,
	TYPE_ETHERNET = 0x6558,
	TYPE_ERSPAN = 0x88BE,
	TYPE_PPP = 0x880B,
	TYPE_MPLS = 0x8847
};

enum {
	GRE_CHECKSUM = 0x8000,
	GRE_ROUTING = 0x4000,
	GRE_KEY = 0x2000,
	GRE_SEQUENCE = 0x1000,
	GRE_ACK = 0x0080,
	GRE_VERSION = 7
};

enum { ERSPAN_HEADER = 8 };

/* Bytes of the header that its flags announce. */
static uint32_t gre_size(unsigned flags)
{
	bool version_1 = (flags & GRE_VERSION) == 1;
	uint32_t size = 4;
	size += !version_1 && (flags & GRE_CHECKSUM) != 0 ? 4 : 0;
	size += (flags & GRE_KEY) != 0 ? 4 : 0;
	size += (flags & GRE_SEQUENCE) != 0 ? 4 : 0;
	size += version_1 && (flags & GRE_ACK) != 0 ? 4 : 0;
	return size;
}

enum step gre_step(struct walk *w)
{
	if (w->have < 4)
		return walk_short(w, 4);
	unsigned flags = get_be16(w->at), version = flags & GRE_VERSION;
	w->type = get_be16(w->at + 2);
	/* Version 1 is for PPP only (RFC 2637 section 4.1); source routes were taken out of version 0. */
	if (version > 1 || (version == 0 && (flags & GRE_ROUTING) != 0) || (version == 1 && w->type != TYPE_PPP))
		return walk_end(&w->layers->counts.other);
	uint32_t size = gre_size(flags);
	/* ERSPAN II tells itself from I, which has no header, by the sequence number. */
	if (w->type == TYPE_ERSPAN && (flags & GRE_SEQUENCE) != 0)
		size += ERSPAN_HEADER;
	if (w->have < size)
		return walk_short(w, size);
	walk_skip(w, size);
	if (w->type == TYPE_ETHERNET || w->type == TYPE_ERSPAN)
		return STEP_ETHERNET;
	return STEP_TYPE;
}

/* RFC 8086 section 3: version 0, whose header is the one above. Bits that are reserved there must not be set: without a
 * protocol number they are what tells GRE from anything else. */
static enum step gre_in_udp(struct walk *w)
{
	if (w->have < 4)
		return STEP_NONE;
	unsigned flags = get_be16(w->at), type = get_be16(w->at + 2);
	if ((flags & ~(unsigned)(GRE_CHECKSUM | GRE_KEY | GRE_SEQUENCE)) != 0 || w->have < gre_size(flags) ||
	    (type != TYPE_IPV4 && type != TYPE_IPV6 && type != TYPE_ETHERNET && type != TYPE_MPLS))
		return STEP_NONE;
	return gre_step(w);
}

static enum step vxlan(struct walk *w)
{
	/* The flag that there is a network identifier, and the byte that is always zero. */
	if (w->have < 8 || (w->at[0] & 0x08) == 0 || w->at[7] != 0)
		return STEP_NONE;
	walk_skip(w, 8);
	return STEP_ETHERNET;
}

static enum step geneve(struct walk *w)
{
	if (w->have < 8 || w->at[0] >> 6 != 0 || w->at[7] != 0)
		return STEP_NONE;
	uint32_t size = 8 + (w->at[0] & 0x3Fu) * 4;
	unsigned type = get_be16(w->at + 2);
	if (w->have < size || (type != TYPE_ETHERNET && type != TYPE_IPV4 && type != TYPE_IPV6))
		return STEP_NONE;
	w->type = (uint16_t)type;
	walk_skip(w, size);
	return type == TYPE_ETHERNET ? STEP_ETHERNET : STEP_TYPE;
}

/* Section 5.1: version 1, protocol type GTP, a T-PDU; section 5.2 the extension headers. */
static enum step gtp_u(struct walk *w)
{
	if (w->have < 8 || (w->at[0] & 0xF0) != 0x30 || w->at[1] != 0xFF)
		return STEP_NONE;
	uint32_t size = 8;
	if ((w->at[0] & 7) != 0) {
		size += 4;
		if (w->have < size)
			return STEP_NONE;
		unsigned following = (w->at[0] & 4) != 0 ? w->at[11] : 0;
		while (following != 0) {
			if (w->have <= size || w->at[size] == 0 || w->have < size + w->at[size] * 4u)
				return STEP_NONE;
			size += w->at[size] * 4u;
			following = w->at[size - 1];
		}
	}
	if (w->have <= size || (w->at[size] >> 4 != 4 && w->at[size] >> 4 != 6))
		return STEP_NONE;
	walk_skip(w, size);
	return STEP_IP;
}

/* Section 3.1: only data messages of version 2. */
static enum step l2tp(struct walk *w)
{
	enum { CONTROL = 0x8000, LENGTH = 0x4000, SEQUENCE = 0x0800, OFFSET = 0x0200, VERSION = 15 };
	if (w->have < 6)
		return STEP_NONE;
	unsigned flags = get_be16(w->at);
	if ((flags & CONTROL) != 0 || (flags & VERSION) != 2)
		return STEP_NONE;
	uint32_t size = 6;
	size += (flags & LENGTH) != 0 ? 2 : 0;
	size += (flags & SEQUENCE) != 0 ? 4 : 0;
	if ((flags & OFFSET) != 0) {
		if (w->have < size + 2)
			return STEP_NONE;
		size += 2u + get_be16(w->at + size);
	}
	if (w->have <= size)
		return STEP_NONE;
	walk_skip(w, size);
	return STEP_PPP;
}

/* Section 5.1.1: an authentication and an origin indication may stand before the IPv6 packet. */
static enum step teredo(struct walk *w)
{
	uint32_t at = 0;
	if (w->have >= 4 && get_be16(w->at) == 1)
		at = 4u + w->at[2] + w->at[3] + 8 + 1;
	if (w->have >= at + 8 && get_be16(w->at + at) == 0)
		at += 8;
	if (w->have <= at || w->at[at] >> 4 != 6)
		return STEP_NONE;
	walk_skip(w, at);
	return STEP_IPV6;
}

bool tunnel_port(uint16_t port)
{
	return port == PORT_L2TP || port == PORT_GTP_U || port == PORT_TEREDO || port == PORT_GRE ||
	       port == PORT_VXLAN || port == PORT_GENEVE;
}

enum step tunnel_step(struct walk *w, uint16_t port)
{
	switch (port) {
	case PORT_L2TP:
		return l2tp(w);
	case PORT_GTP_U:
		return gtp_u(w);
	case PORT_TEREDO:
		return teredo(w);
	case PORT_GRE:
		return gre_in_udp(w);
	case PORT_VXLAN:
		return vxlan(w);
	case PORT_GENEVE:
		return geneve(w);
	default:
		return STEP_NONE;
	}
}

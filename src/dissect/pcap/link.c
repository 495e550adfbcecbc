/* The header that a capture's link type says (the LINKTYPE_ registry of tcpdump.org). */
#include "dissect/pcap/walk.h"

enum {
	LINK_NULL = 0,
	LINK_ETHERNET = 1,
	LINK_PPP = 9,
	LINK_FDDI = 10,
	LINK_RAW_12 = 12, /* DLT_RAW, written by mistake */
	LINK_RAW_14 = 14, /* the same on OpenBSD */
	LINK_PPPOE = 51,
	LINK_RAW = 101,
	LINK_CISCO_HDLC = 104,
	LINK_80211 = 105,
	LINK_LOOP = 108,
	LINK_SLL = 113,
	LINK_RADIOTAP = 127,
	LINK_IPV4 = 228,
	LINK_IPV6 = 229,
	LINK_NFLOG = 239,
	LINK_SLL2 = 276,
};

enum { TYPE_PPPOE = 0x8864, TYPE_LEAST = 0x0600 };

static enum step not_ip(struct walk *w)
{
	return walk_end(&w->layers->counts.not_ip);
}

static uint32_t get_le32(const uint8_t *p)
{
	return __builtin_bswap32(get_be32(p));
}

/* The family in four bytes, in either byte order, of 32 bits or (IRIX, UNICOS) of 16 before 16 that are unused. */
static uint32_t null_family(const uint8_t *p)
{
	enum { FAMILY_LIMIT = 6 };
	uint32_t little = get_le32(p), big = get_be32(p), low = little & 0xFFFF, high = little >> 16;
	if (high != 0)
		return high < FAMILY_LIMIT ? high : big;
	return (low & 0xFF) == 0 && low >> 8 < FAMILY_LIMIT ? low >> 8 : low;
}

/* Four bytes of an address family, whose order and numbers are those of the capturing host. */
static enum step null(struct walk *w)
{
	if (w->have < 4)
		return walk_short(w, 4);
	/* Some hosts put a PPP header here, or an EtherType, or a header of Cisco HDLC that ends with one. */
	if (w->at[0] == 0xFF && w->at[1] == 0x03)
		return STEP_PPP;
	uint32_t family = null_family(w->at);
	walk_skip(w, 4);
	switch (family) {
	case 2:
		return STEP_IPV4;
	case 24:
	case 28:
	case 30:
		return STEP_IPV6;
	default:
		w->type = (uint16_t)family;
		return w->type < TYPE_LEAST ? not_ip(w) : STEP_TYPE;
	}
}

/* ISO 9314-2 section 7.3: frame control, two addresses of six bytes; of frames the asynchronous LLC ones. */
static enum step fddi(struct walk *w)
{
	enum { HEADER = 13, KIND = 0xF0, LLC_ASYNC = 0x50 };
	if (w->have < HEADER)
		return walk_short(w, HEADER);
	if ((w->at[0] & KIND) != LLC_ASYNC)
		return not_ip(w);
	walk_skip(w, HEADER);
	return STEP_LLC;
}

/* Address, control, an EtherType. The first two say unicast or broadcast, which nobody needs. */
static enum step cisco_hdlc(struct walk *w)
{
	enum { HEADER = 4 };
	if (w->have < HEADER)
		return walk_short(w, HEADER);
	w->type = get_be16(w->at + 2);
	walk_skip(w, HEADER);
	return w->type < TYPE_LEAST ? not_ip(w) : STEP_TYPE;
}

/* Linux cooked capture: the protocol is an EtherType, or one of Linux's own numbers below. */
static enum step cooked(struct walk *w, uint32_t size, uint32_t protocol_at)
{
	enum { PROTOCOL_8022 = 4 };
	if (w->have < size)
		return walk_short(w, size);
	w->type = get_be16(w->at + protocol_at);
	walk_skip(w, size);
	if (w->type == PROTOCOL_8022)
		return STEP_LLC;
	return w->type < TYPE_LEAST ? not_ip(w) : STEP_TYPE;
}

/* IEEE 802.11-2020 section 9.2.4.1. aligned: radiotap says that the header is padded to four bytes. */
static enum step wireless(struct walk *w, bool aligned)
{
	enum { HEADER = 24, ADDRESS = 6, QOS = 2, HT = 4, SUBFRAME = 14 };
	enum { TO_DS = 1, FROM_DS = 2, MORE = 4, PROTECTED = 0x40, ORDER = 0x80, AMSDU = 0x80 };
	if (w->have < HEADER)
		return walk_short(w, HEADER);
	const uint8_t *p = w->at;
	unsigned subtype = p[0] >> 4, flags = p[1], fragment = p[22] & 15;
	bool data = (p[0] & 15) == 8, qos = subtype & 8, empty = subtype & 4;
	/* Neither encrypted frames nor fragments of frames. */
	if (!data || empty || (flags & (PROTECTED | MORE)) != 0 || fragment != 0)
		return not_ip(w);
	uint32_t size = HEADER;
	size += (flags & TO_DS) && (flags & FROM_DS) ? ADDRESS : 0;
	uint32_t qos_at = size;
	size += qos ? QOS : 0;
	size += qos && (flags & ORDER) ? HT : 0;
	if (aligned)
		size = (size + 3) & ~3u;
	if (w->have < size)
		return walk_short(w, size);
	bool aggregate = qos && (p[qos_at] & AMSDU) != 0;
	walk_skip(w, size);
	if (!aggregate)
		return STEP_LLC;
	/* Of several frames in one (section 9.3.2.2) the first is followed. */
	if (w->have < SUBFRAME)
		return walk_short(w, SUBFRAME);
	uint32_t length = get_be16(w->at + 12);
	walk_skip(w, SUBFRAME);
	walk_clip(w, length);
	return STEP_LLC;
}

/* radiotap.org: a header of little-endian fields, of which the flags tell how the frame stands. */
static enum step radiotap(struct walk *w)
{
	enum { HEADER = 8, WORD = 4, TSFT = 1, FLAGS = 2, FCS_THERE = 0x10, PADDED = 0x20, FCS = 4 };
	if (w->have < HEADER)
		return walk_short(w, HEADER);
	const uint8_t *p = w->at;
	uint32_t size = p[2] | (uint32_t)p[3] << 8, present = get_le32(p + 4), at = HEADER;
	if (p[0] != 0 || size < HEADER)
		return walk_malformed(w);
	if (w->have < size)
		return walk_short(w, size);
	/* Bit 31: another word of what is present follows. The fields stand behind the last one. */
	for (uint32_t word = present; word >> 31 != 0; at += WORD) {
		if (size - at < WORD)
			return walk_malformed(w);
		word = get_le32(p + at);
	}
	if (present & TSFT)
		at = ((at + 7) & ~7u) + 8;
	unsigned flags = (present & FLAGS) != 0 && at < size ? p[at] : 0;
	walk_skip(w, size);
	if ((flags & FCS_THERE) != 0)
		walk_clip(w, w->length > FCS ? w->length - FCS : 0);
	return wireless(w, (flags & PADDED) != 0);
}

/* Attributes of 16-bit length and type in the capturing host's order, padded to four bytes; number 9 is the packet. */
static bool find_payload(const struct walk *w, bool little, uint32_t *at, uint32_t *size)
{
	enum { HEADER = 4, ATTRIBUTE = 4, PAYLOAD = 9 };
	for (uint32_t place = HEADER; w->have - place >= ATTRIBUTE;) {
		const uint8_t *p = w->at + place;
		uint32_t length = get_be16(p), type = get_be16(p + 2);
		if (little) {
			length = __builtin_bswap16((uint16_t)length);
			type = __builtin_bswap16((uint16_t)type);
		}
		if (length < ATTRIBUTE)
			return false;
		*at = place + ATTRIBUTE;
		*size = length - ATTRIBUTE;
		if (type == PAYLOAD)
			return true;
		uint32_t padded = (length + 3) & ~3u;
		if (padded > w->have - place)
			return false;
		place += padded;
	}
	return false;
}

static enum step nflog(struct walk *w)
{
	enum { HEADER = 4, VERSION_AT = 1, FAMILY_IPV4 = 2, FAMILY_IPV6 = 10 };
	if (w->have < HEADER)
		return walk_short(w, HEADER);
	unsigned family = w->at[0];
	uint32_t at, size;
	if (w->at[VERSION_AT] != 0 || (family != FAMILY_IPV4 && family != FAMILY_IPV6 && family != 0))
		return not_ip(w);
	if (!find_payload(w, true, &at, &size) && !find_payload(w, false, &at, &size))
		return not_ip(w);
	walk_skip(w, at);
	walk_clip(w, size);
	return STEP_IP;
}

enum step link_step(struct walk *w)
{
	switch (w->link) {
	case LINK_ETHERNET:
		return STEP_ETHERNET;
	case LINK_NULL:
	case LINK_LOOP:
		return null(w);
	case LINK_PPP:
		return STEP_PPP;
	case LINK_FDDI:
		return fddi(w);
	case LINK_CISCO_HDLC:
		return cisco_hdlc(w);
	case LINK_RAW:
	case LINK_RAW_12:
	case LINK_RAW_14:
		return STEP_IP;
	case LINK_IPV4:
		return STEP_IPV4;
	case LINK_IPV6:
		return STEP_IPV6;
	case LINK_PPPOE:
		w->type = TYPE_PPPOE;
		return STEP_TYPE;
	case LINK_80211:
		return wireless(w, false);
	case LINK_RADIOTAP:
		return radiotap(w);
	case LINK_SLL:
		return cooked(w, 16, 14);
	case LINK_SLL2:
		return cooked(w, 20, 0);
	case LINK_NFLOG:
		return nflog(w);
	default:
		w->layers->counts.unknown_link++;
		return not_ip(w);
	}
}

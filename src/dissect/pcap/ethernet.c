/* Ethernet and what its type says: tags, MPLS (RFC 3032), PPPoE (RFC 2516), PPP (RFC 1661), LLC with SNAP (RFC 1042).
 */
#include "dissect/pcap/walk.h"

enum { ETHERNET_HEADER = 14, TAG = 4, LABEL = 4, PPPOE_HEADER = 6, LLC_HEADER = 3, SNAP_HEADER = 5 };

enum {
	TYPE_LENGTH_MAX = 1500, /* up to here it is a length, and LLC follows */
	TYPE_IPV4 = 0x0800,
	TYPE_VLAN = 0x8100,
	TYPE_IPV6 = 0x86DD,
	TYPE_PPP = 0x880B,
	TYPE_MPLS = 0x8847,
	TYPE_MPLS_UPSTREAM = 0x8848,
	TYPE_PPPOE = 0x8864,
	TYPE_SERVICE = 0x88A8,
	TYPE_QINQ = 0x9100,
};

enum { PPP_IPV4 = 0x0021, PPP_IPV6 = 0x0057, PPP_MPLS = 0x0281, PPP_MPLS_MULTICAST = 0x0283 };

static enum step not_ip(struct walk *w)
{
	return walk_end(&w->layers->counts.not_ip);
}

enum step ethernet_step(struct walk *w)
{
	if (w->have < ETHERNET_HEADER)
		return walk_short(w, ETHERNET_HEADER);
	if (!walk_deeper(w))
		return walk_end(&w->layers->counts.too_deep);
	w->type = get_be16(w->at + 12);
	walk_skip(w, ETHERNET_HEADER);
	return STEP_TYPE;
}

/* Version 1, type 1, session data; the length leaves out the padding of the Ethernet frame. */
static enum step pppoe(struct walk *w)
{
	if (w->have < PPPOE_HEADER)
		return walk_short(w, PPPOE_HEADER);
	if (w->at[0] != 0x11 || w->at[1] != 0)
		return not_ip(w);
	uint32_t length = get_be16(w->at + 4);
	walk_skip(w, PPPOE_HEADER);
	walk_clip(w, length);
	return STEP_PPP;
}

enum step type_step(struct walk *w)
{
	while (w->type == TYPE_VLAN || w->type == TYPE_SERVICE || w->type == TYPE_QINQ) {
		if (w->have < TAG)
			return walk_short(w, TAG);
		w->type = get_be16(w->at + 2);
		walk_skip(w, TAG);
	}
	switch (w->type) {
	case TYPE_IPV4:
		return STEP_IPV4;
	case TYPE_IPV6:
		return STEP_IPV6;
	case TYPE_MPLS:
	case TYPE_MPLS_UPSTREAM:
		return STEP_MPLS;
	case TYPE_PPPOE:
		return pppoe(w);
	case TYPE_PPP:
		return STEP_PPP;
	default:
		if (w->type > TYPE_LENGTH_MAX)
			return not_ip(w);
		walk_clip(w, w->type);
		return STEP_LLC;
	}
}

/* SNAP with the organisation 0 (or 00-00-F8, bridges) names an EtherType; 06 is IP itself. */
enum step llc_step(struct walk *w)
{
	if (w->have < LLC_HEADER)
		return walk_short(w, LLC_HEADER);
	const uint8_t *p = w->at;
	if (p[0] == 0x06 && p[1] == 0x06 && p[2] == 0x03) {
		walk_skip(w, LLC_HEADER);
		return STEP_IPV4;
	}
	if (p[0] != 0xAA || p[1] != 0xAA || p[2] != 0x03)
		return not_ip(w);
	if (w->have < LLC_HEADER + SNAP_HEADER)
		return walk_short(w, LLC_HEADER + SNAP_HEADER);
	w->type = get_be16(p + 6);
	if (p[3] != 0 || p[4] != 0 || (p[5] != 0 && p[5] != 0xF8) || w->type <= TYPE_LENGTH_MAX)
		return not_ip(w);
	walk_skip(w, LLC_HEADER + SNAP_HEADER);
	return STEP_TYPE;
}

/* Address and control may be left out, and a protocol below 256 be one byte (section 2 and RFC 1662 section 3.2). */
enum step ppp_step(struct walk *w)
{
	if (w->have >= 2 && w->at[0] == 0xFF && w->at[1] == 0x03)
		walk_skip(w, 2);
	if (w->have < 1)
		return walk_short(w, 1);
	uint32_t size = w->at[0] & 1 ? 1 : 2;
	if (w->have < size)
		return walk_short(w, size);
	unsigned protocol = size == 1 ? w->at[0] : get_be16(w->at);
	walk_skip(w, size);
	switch (protocol) {
	case PPP_IPV4:
		return STEP_IPV4;
	case PPP_IPV6:
		return STEP_IPV6;
	case PPP_MPLS:
	case PPP_MPLS_MULTICAST:
		return STEP_MPLS;
	default:
		return not_ip(w);
	}
}

/* Labels do not say what they label: below the last one the version of IP must. */
enum step mpls_step(struct walk *w)
{
	for (bool last = false; !last;) {
		if (w->have < LABEL)
			return walk_short(w, LABEL);
		last = w->at[2] & 1;
		walk_skip(w, LABEL);
	}
	return STEP_IP;
}

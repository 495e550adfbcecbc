/* The front of the layers: refuse the common unwanted frame early, walk the others step by step. */
#include "dissect/pcap/layers.h"

#include "base/mem.h"
#include "dissect/pcap/walk.h"

enum { LINK_ETHERNET = 1, TYPE_IPV4 = 0x0800, TYPE_IPV6 = 0x86DD, TYPE_VLAN = 0x8100 };
enum { ETHERNET = 14, TAG = 4, IPV4 = 20, IPV6 = 40, PORTS = 4 };

static enum step (*const take[STEP_COUNT])(struct walk *w) = {
    [STEP_LINK] = link_step,
    [STEP_ETHERNET] = ethernet_step,
    [STEP_TYPE] = type_step,
    [STEP_LLC] = llc_step,
    [STEP_PPP] = ppp_step,
    [STEP_MPLS] = mpls_step,
    [STEP_IP] = ip_step,
    [STEP_IPV4] = ipv4_step,
    [STEP_IPV6] = ipv6_step,
    [STEP_PROTOCOL] = protocol_step,
    [STEP_GRE] = gre_step,
    [STEP_UDP] = udp_step,
    [STEP_UDPLITE] = udplite_step,
    [STEP_TCP] = tcp_step,
    [STEP_SCTP] = sctp_step,
};

struct layers *layers_new(void)
{
	struct layers *l = mem_zero(1, sizeof *l);
	l->frags = frags_new();
	layers_set_ports(l, NULL);
	return l;
}

void layers_free(struct layers **lp)
{
	struct layers *l = *lp;
	if (l == NULL)
		return;
	frags_free(&l->frags);
	mem_free(lp);
}

void layers_set_ports(struct layers *l, const uint64_t *wanted)
{
	l->filtered = wanted != NULL;
	if (wanted == NULL) {
		memset(l->wanted, 0xFF, sizeof l->wanted);
		memset(l->udp, 0xFF, sizeof l->udp);
		return;
	}
	memcpy(l->wanted, wanted, sizeof l->wanted);
	memcpy(l->udp, wanted, sizeof l->udp);
	for (unsigned port = 0; port < 65536; port++) {
		if (tunnel_port((uint16_t)port))
			l->udp[port / 64] |= UINT64_C(1) << (port % 64);
	}
}

/* Ethernet, at most one tag, IP without options and not a fragment, UDP or TCP, and neither port wanted: most of most
 * captures. Whatever does not look like that is the walk's. */
static inline bool unwanted(const struct layers *l, const struct frame *f)
{
	if (f->link != LINK_ETHERNET || f->captured < ETHERNET + TAG + IPV6 + PORTS)
		return false;
	const uint8_t *p = f->bytes + ETHERNET;
	unsigned type = get_be16(p - 2), protocol;
	if (type == TYPE_VLAN) {
		p += TAG;
		type = get_be16(p - 2);
	}
	if (type == TYPE_IPV4) {
		/* Neither more fragments nor an offset. */
		if (p[0] != 0x45 || (get_be16(p + 6) & 0x3FFF) != 0)
			return false;
		protocol = p[9];
		p += IPV4;
	} else if (type == TYPE_IPV6) {
		if (p[0] >> 4 != 6)
			return false;
		protocol = p[6];
		p += IPV6;
	} else {
		return false;
	}
	if (protocol != TRANSPORT_UDP && protocol != TRANSPORT_TCP)
		return false;
	const uint64_t *ports = protocol == TRANSPORT_UDP ? l->udp : l->wanted;
	return !port_in(ports, get_be16(p)) && !port_in(ports, get_be16(p + 2));
}

static void set_ip(struct ip *ip, unsigned family, const uint8_t *octets)
{
	*ip = (struct ip){.family = (uint8_t)family};
	if (family != 0)
		memcpy(ip->octet, octets, family == 4 ? 4 : 16);
}

static void set_addresses(const struct walk *w)
{
	set_ip(&w->out->src, w->family, w->src);
	set_ip(&w->out->dst, w->family, w->dst);
	unsigned outer = w->outer != NULL ? 4 : 0;
	set_ip(&w->out->outer_src, outer, w->outer);
	set_ip(&w->out->outer_dst, outer, outer != 0 ? w->outer + 4 : NULL);
	w->out->quoted = w->quoted;
	w->out->reassembled = w->reassembled;
}

static bool walk_frame(struct layers *l, const struct frame *f, struct segment *out)
{
	if (f->timed)
		l->clock_ns = f->time_ns;
	struct walk w = {
	    .layers = l, .at = f->bytes, .have = f->captured, .length = f->length, .link = f->link, .out = out};
	/* Some writers put the smaller number into the wrong field; and the frame check sequence is nobody's payload.
	 */
	if (w.length < w.have)
		w.length = w.have;
	walk_clip(&w, w.length > f->fcs ? w.length - f->fcs : 0);
	enum step s = STEP_LINK;
	while (s != STEP_NONE && s != STEP_FOUND)
		s = take[s](&w);
	if (s == STEP_FOUND)
		set_addresses(&w);
	return s == STEP_FOUND;
}

bool layers_decode(struct layers *l, const struct frame *f, struct segment *out)
{
	if (unwanted(l, f)) {
		l->counts.unwanted++;
		return false;
	}
	return walk_frame(l, f, out);
}

const struct layers_counts *layers_counts(const struct layers *l)
{
	return &l->counts;
}

const struct frag_counts *layers_frag_counts(const struct layers *l)
{
	return frags_counts(l->frags);
}

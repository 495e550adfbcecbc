/* What frames carry: every link type, tag and tunnel by one packet made by hand; then the same packets cut, flipped and
 * lied about. */
#include "pk_build.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "dissect/pcap/layers.h"

enum { ETHERNET = 1, UDP = 17, TCP = 6, IPV4 = 0x0800, IPV6 = 0x86DD, FLIPS = 3000, LINE = 4096 };

#define A4 "10.0.0.1:53 10.0.1.1:4000"
#define A6 "2001:db8::1:53 2001:db8::1:1:4000"

/* "transport source:port destination:port have/length payload", and what is out of the common. */
static void show(const struct segment *s, char out[LINE])
{
	char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN], outer[INET_ADDRSTRLEN] = "";
	inet_ntop(s->src.family == 4 ? AF_INET : AF_INET6, s->src.octet, src, sizeof src);
	inet_ntop(s->dst.family == 4 ? AF_INET : AF_INET6, s->dst.octet, dst, sizeof dst);
	int n = snprintf(out, LINE, "%u %s:%u %s:%u %u/%u %.*s", s->transport, src, s->src_port, dst, s->dst_port,
	    s->have, s->length, (int)s->have, (const char *)s->payload);
	if (s->outer_src.family == 4 && memcmp(&s->outer_src, &s->src, sizeof s->src) != 0)
		n += snprintf(
		    out + n, LINE - n, " outer %s", inet_ntop(AF_INET, s->outer_src.octet, outer, sizeof outer));
	if (s->transport == TCP)
		n += snprintf(out + n, LINE - n, " seq %u flags %u", s->seq, s->flags);
	snprintf(out + n, LINE - n, "%s%s", s->quoted ? " quoted" : "", s->reassembled ? " reassembled" : "");
}

static struct layers *decode_with(struct layers *l, const struct frame *f, char out[LINE])
{
	struct segment s;
	if (layers_decode(l, f, &s))
		show(&s, out);
	else
		snprintf(out, LINE, "none");
	return l;
}

static void expect_frame(const struct frame *f, const char *text)
{
	char got[LINE];
	struct layers *l = decode_with(layers_new(), f, got);
	layers_free(&l);
	assert_null(l);
	assert_string_equal(got, text);
}

static void expect(const struct pk *p, unsigned link, const char *text)
{
	/* A copy of just its size, so that a sanitizer sees a step too far. */
	uint8_t *bytes = mem_copy(pk_bytes(p), p->size);
	expect_frame(&(struct frame){.bytes = bytes,
	                 .captured = (uint32_t)p->size,
	                 .length = (uint32_t)p->size,
	                 .timed = true,
	                 .link = (uint16_t)link},
	    text);
	mem_free(&bytes);
}

static void make4(struct pk *p)
{
	pk_payload(p, "hello");
	pk_udp(p, 53, 4000);
	pk_ip4(p, UDP, 1, 0);
}

static void make6(struct pk *p)
{
	pk_payload(p, "hello");
	pk_udp(p, 53, 4000);
	pk_ip6(p, UDP, 1);
}

/* How a packet of IPv4 or IPv6 is wrapped, the outermost header last. */
struct wrap {
	const char *what;
	const char *text; /* NULL: as without it */
	void (*wrap)(struct pk *p);
	unsigned link;
	bool six;
};

#define WRAP(name, body)                                                                                               \
	static void name(struct pk *p)                                                                                 \
	{                                                                                                              \
		body;                                                                                                  \
	}

WRAP(w_none, )
WRAP(w_ethernet, pk_ethernet(p, IPV4))
WRAP(w_ethernet6, pk_ethernet(p, IPV6))
WRAP(w_padded, pk_tail(p, 20); pk_ethernet(p, IPV4))
WRAP(w_padded6, pk_tail(p, 20); pk_ethernet(p, IPV6))
WRAP(w_vlan, PK_RAW(p, "\0\5\x08\0"); pk_ethernet(p, 0x8100))
WRAP(w_qinq, PK_RAW(p, "\0\5\x88\xA8\0\5\x91\0\0\5\x81\0\0\6\x08\0"); pk_ethernet(p, 0x88A8))
WRAP(w_mpls, PK_RAW(p, "\0\1\0\x40\0\2\1\x40"); pk_ethernet(p, 0x8847))
WRAP(w_mpls_multicast6, PK_RAW(p, "\0\0\x21\x40"); pk_ethernet(p, 0x8848))
static void w_pppoe_payload(struct pk *p)
{
	unsigned size = (unsigned)p->size + 2;
	pk_tail(p, 9);
	PK_RAW(p, "\0\x21");
	pk_be16(p, size);
	PK_RAW(p, "\x11\0\0\7");
}
WRAP(w_pppoe, w_pppoe_payload(p); pk_ethernet(p, 0x8864))
WRAP(w_pppoe6, PK_RAW(p, "\0\x57"); pk_be16(p, (unsigned)p->size); PK_RAW(p, "\x11\0\0\7"); pk_ethernet(p, 0x8864))
WRAP(w_snap, PK_RAW(p, "\xAA\xAA\3\0\0\0\x08\0"); pk_ethernet(p, (unsigned)p->size))
WRAP(w_llc_ip, PK_RAW(p, "\6\6\3"); pk_ethernet(p, (unsigned)p->size))
WRAP(w_gre, PK_RAW(p, "\0\0\x08\0"); pk_ip4(p, 47, 9, 0))
WRAP(w_gre_all, PK_RAW(p, "\xB0\0\x08\0cs\0\0key.seq."); pk_ip4(p, 47, 9, 0))
WRAP(w_gre_ethernet, pk_ethernet(p, IPV4); PK_RAW(p, "\0\0\x65\x58"); pk_ip4(p, 47, 9, 0))
WRAP(w_gre_ppp, PK_RAW(p, "\x30\x81\x88\x0B"
                          "lnid"
                          "seq."
                          "ack."
                          "\xFF\3\0\x21");
     pk_ip4(p, 47, 9, 0))
WRAP(w_erspan, pk_ethernet(p, IPV4); PK_RAW(p, "\x10\0\x88\xBEseq.\x10\0\0\0\0\0\0\0"); pk_ip4(p, 47, 9, 0))
WRAP(w_erspan_1, pk_ethernet(p, IPV4); PK_RAW(p, "\0\0\x88\xBE"); pk_ip4(p, 47, 9, 0))
WRAP(w_ipip, pk_ip4(p, 4, 9, 0))
WRAP(w_6in4, pk_ip4(p, 41, 9, 0))
WRAP(w_4in6, pk_ip6(p, 4, 9))
WRAP(w_mpls_in_ip, PK_RAW(p, "\0\1\1\x40"); pk_ip4(p, 137, 9, 0))
WRAP(w_vxlan, pk_ethernet(p, IPV4); PK_RAW(p, "\x08\0\0\0\0\0\7\0"); pk_udp(p, 40000, 4789); pk_ip4(p, UDP, 9, 0))
WRAP(w_vxlan_from, pk_ethernet(p, IPV4); PK_RAW(p, "\x08\0\0\0\0\0\7\0"); pk_udp(p, 4789, 600); pk_ip4(p, UDP, 9, 0))
WRAP(w_geneve, pk_ethernet(p, IPV4); PK_RAW(p, "\1\0\x65\x58\0\0\7\0opt."); pk_udp(p, 40000, 6081);
     pk_ip4(p, UDP, 9, 0))
WRAP(w_geneve_ip, PK_RAW(p, "\0\0\x08\0\0\0\7\0"); pk_udp(p, 40000, 6081); pk_ip4(p, UDP, 9, 0))
WRAP(w_gtp, PK_RAW(p, "\x30\xFF\0\0teid"); pk_udp(p, 2152, 2152); pk_ip4(p, UDP, 9, 0))
WRAP(w_gtp_extended, PK_RAW(p, "\x34\xFF\0\0teidsqn\x85\1ab\xC0\2abcdef\0"); pk_udp(p, 2152, 2152);
     pk_ip4(p, UDP, 9, 0))
WRAP(w_l2tp, PK_RAW(p, "\0\2tusi\xFF\3\0\x21"); pk_udp(p, 1701, 1701); pk_ip4(p, UDP, 9, 0))
WRAP(w_l2tp_all, PK_RAW(p, "\x4A\2lntusinsnr\0\2pd\x21"); pk_udp(p, 1701, 1701); pk_ip4(p, UDP, 9, 0))
WRAP(w_teredo, pk_udp(p, 3544, 40000); pk_ip4(p, UDP, 9, 0))
WRAP(w_teredo_all, PK_RAW(p, "\0\1\2\3"
                             "idaut"
                             "nonce..."
                             "c"
                             "\0\0origin");
     pk_udp(p, 3544, 40000); pk_ip4(p, UDP, 9, 0))
WRAP(w_icmp, PK_RAW(p, "\3\3\0\0\0\0\0\0"); pk_ip4(p, 1, 9, 0))
WRAP(w_icmp6, PK_RAW(p, "\1\4\0\0\0\0\0\0"); pk_ip6(p, 58, 9))
WRAP(w_echo, PK_RAW(p, "\x08\0\0\0\0\0\0\0"); pk_ip4(p, 1, 9, 0))
WRAP(w_null_be, PK_RAW(p, "\0\0\0\2"))
WRAP(w_null_le, PK_RAW(p, "\2\0\0\0"))
WRAP(w_null_24, PK_RAW(p, "\0\0\0\x18"))
WRAP(w_null_28, PK_RAW(p, "\x1C\0\0\0"))
WRAP(w_null_30, PK_RAW(p, "\x1E\0\0\0"))
WRAP(w_null_10, PK_RAW(p, "\x0A\0\0\0"))
WRAP(w_null_ppp, PK_RAW(p, "\xFF\3\0\x21"))
WRAP(w_null_type, PK_RAW(p, "\0\0\x08\0"))
WRAP(w_null_16_be, PK_RAW(p, "\0\2\0\0"))
WRAP(w_null_16_le, PK_RAW(p, "\0\0\2\0"))
WRAP(w_null_cisco, PK_RAW(p, "\x0F\0\x08\0"))
WRAP(w_null_low, PK_RAW(p, "\0\0\5\xDC"))
WRAP(w_fddi, PK_RAW(p, "\x50"
                       "addr-1addr-2"
                       "\xAA\xAA\3\0\0\0\x08\0"))
WRAP(w_fddi_token, PK_RAW(p, "\x80"
                             "addr-1addr-2"
                             "\xAA\xAA\3\0\0\0\x08\0"))
WRAP(w_cisco, PK_RAW(p, "\x0F\0\x08\0"))
WRAP(w_cisco6, PK_RAW(p, "\x8F\0\x86\xDD"))
WRAP(w_cisco_slarp, PK_RAW(p, "\x8F\0\0\x35"))
WRAP(w_gre_udp, PK_RAW(p, "\0\0\x08\0"); pk_udp(p, 40000, 4754); pk_ip4(p, UDP, 9, 0))
WRAP(w_gre_udp_all, pk_ethernet(p, IPV4); PK_RAW(p, "\xB0\0\x65\x58"
                                                    "cs\0\0key.seq.");
     pk_udp(p, 4754, 40000); pk_ip4(p, UDP, 9, 0))
WRAP(w_ppp_short, PK_RAW(p, "\0\x21"))
WRAP(w_ppp_shorter, PK_RAW(p, "\x21"))
WRAP(w_ppp6, PK_RAW(p, "\xFF\3\0\x57"))
WRAP(w_ppp_lcp, PK_RAW(p, "\xFF\3\xC0\x21"))
WRAP(w_sll, PK_RAW(p, "\0\0\0\1\0\6abcdef\0\0\x08\0"))
WRAP(w_sll_vlan, PK_RAW(p, "\0\0\0\1\0\6abcdef\0\0\x81\0\0\5\x08\0"))
WRAP(w_sll2, PK_RAW(p, "\x08\0\0\0\0\0\0\1\0\1\0\6abcdef\0\0"))
WRAP(w_80211, PK_RAW(p, "\x08\2\0\0"
                        "addr-1addr-2addr-3"
                        "\x10\0"
                        "\xAA\xAA\3\0\0\0\x08\0"))
WRAP(w_80211_qos, PK_RAW(p, "\x88\2\0\0"
                            "addr-1addr-2addr-3"
                            "\x10\0"
                            "\0\0"
                            "\xAA\xAA\3\0\0\0\x08\0"))
WRAP(w_80211_four, PK_RAW(p, "\x88\x83\0\0"
                             "addr-1addr-2addr-3"
                             "\x10\0"
                             "addr-4"
                             "\0\0"
                             "htc."
                             "\xAA\xAA\3\0\0\0\x08\0"))
static void w_80211_amsdu(struct pk *p)
{
	PK_RAW(p, "\xAA\xAA\3\0\0\0\x08\0");
	pk_be16(p, (unsigned)p->size);
	pk_tail(p, 30);
	PK_RAW(p, "\x88\2\0\0"
	          "addr-1addr-2addr-3"
	          "\x10\0"
	          "\x80\0"
	          "daddrssaddrs");
}
WRAP(w_80211_secret, PK_RAW(p, "\x08\x42\0\0"
                               "addr-1addr-2addr-3"
                               "\x10\0"
                               "\xAA\xAA\3\0\0\0\x08\0"))
WRAP(w_80211_null, PK_RAW(p, "\x48\2\0\0"
                             "addr-1addr-2addr-3"
                             "\x10\0"
                             "\xAA\xAA\3\0\0\0\x08\0"))
WRAP(w_radiotap, w_80211(p); PK_RAW(p, "\0\0\x08\0\0\0\0\0"))
/* Two words of what is present, a time that is aligned, and flags: a frame check sequence and a padded header. */
static void w_radiotap_flags(struct pk *p)
{
	PK_RAW(p, "\x88\2\0\0"
	          "addr-1addr-2addr-3"
	          "\x10\0"
	          "\0\0"
	          "\0\0"
	          "\xAA\xAA\3\0\0\0\x08\0");
	pk_tail(p, 4);
	PK_RAW(p, "\0\0\x1A\0\3\0\0\x80\0\0\0\0"
	          "pad."
	          "timetime"
	          "\x30"
	          "r");
}
WRAP(w_nflog_le, uint16_t n = (uint16_t)(p->size + 4); pk_raw(p, (uint8_t[]){n & 255, n >> 8, 9, 0}, 4);
     PK_RAW(p, "\2\0\0\0\x05\0\1\0x\0\0\0"))
WRAP(w_nflog_be, uint16_t n = (uint16_t)(p->size + 4); pk_raw(p, (uint8_t[]){n >> 8, n & 255, 0, 9}, 4);
     PK_RAW(p, "\2\0\0\0\0\x05\0\1x\0\0\0"))

#define OUTER  " outer 10.0.0.9"
#define PLAIN  "17 " A4 " 5/5 hello"
#define PLAIN6 "17 " A6 " 5/5 hello"

static const struct wrap wraps[] = {
    {"raw", PLAIN, w_none, 101},
    {"raw 12", PLAIN, w_none, 12},
    {"raw 14", PLAIN6, w_none, 14, true},
    {"ipv4", PLAIN, w_none, 228},
    {"ipv6", PLAIN6, w_none, 229, true},
    {"ipv6 on ipv4", "none", w_none, 228, true},
    {"ipv4 on ipv6", "none", w_none, 229},
    {"mpls", "none", w_mpls, 219},
    {"ethernet", PLAIN, w_ethernet, 1},
    {"ethernet 6", PLAIN6, w_ethernet6, 1, true},
    {"padded", PLAIN, w_padded, 1},
    {"padded 6", PLAIN6, w_padded6, 1, true},
    {"vlan", PLAIN, w_vlan, 1},
    {"qinq", PLAIN, w_qinq, 1},
    {"mpls", PLAIN, w_mpls, 1},
    {"mpls multicast", PLAIN6, w_mpls_multicast6, 1, true},
    {"pppoe", PLAIN, w_pppoe, 1},
    {"pppoe 6", PLAIN6, w_pppoe6, 1, true},
    {"pppoe link", PLAIN, w_pppoe_payload, 51},
    {"snap", PLAIN, w_snap, 1},
    {"llc", PLAIN, w_llc_ip, 1},
    {"gre", PLAIN OUTER, w_gre, 101},
    {"gre all", PLAIN OUTER, w_gre_all, 101},
    {"gre ethernet", PLAIN OUTER, w_gre_ethernet, 101},
    {"gre ppp", PLAIN OUTER, w_gre_ppp, 101},
    {"erspan", PLAIN OUTER, w_erspan, 101},
    {"erspan I", PLAIN OUTER, w_erspan_1, 101},
    {"ip in ip", PLAIN OUTER, w_ipip, 101},
    {"6in4", PLAIN6 OUTER, w_6in4, 101, true},
    {"4in6", PLAIN, w_4in6, 101},
    {"mpls in ip", PLAIN OUTER, w_mpls_in_ip, 101},
    {"vxlan", PLAIN OUTER, w_vxlan, 101},
    {"vxlan answer", PLAIN OUTER, w_vxlan_from, 101},
    {"geneve", PLAIN OUTER, w_geneve, 101},
    {"geneve ip", PLAIN OUTER, w_geneve_ip, 101},
    {"gtp", PLAIN OUTER, w_gtp, 101},
    {"gtp extended", PLAIN OUTER, w_gtp_extended, 101},
    {"l2tp", PLAIN OUTER, w_l2tp, 101},
    {"l2tp all", PLAIN OUTER, w_l2tp_all, 101},
    {"teredo", PLAIN6 OUTER, w_teredo, 101, true},
    {"teredo all", PLAIN6 OUTER, w_teredo_all, 101, true},
    {"icmp", PLAIN OUTER " quoted", w_icmp, 101},
    {"icmp 6", PLAIN6 " quoted", w_icmp6, 101, true},
    {"echo", "none", w_echo, 101},
    {"null be", PLAIN, w_null_be, 0},
    {"null le", PLAIN, w_null_le, 0},
    {"loop", PLAIN, w_null_be, 108},
    {"null 24", PLAIN6, w_null_24, 0, true},
    {"loop 24", PLAIN6, w_null_24, 108, true},
    {"null 28", PLAIN6, w_null_28, 0, true},
    {"null 30", PLAIN6, w_null_30, 0, true},
    {"null 10", "none", w_null_10, 0, true},
    {"null ppp", PLAIN, w_null_ppp, 0},
    {"null type", PLAIN, w_null_type, 0},
    {"null 16 be", PLAIN, w_null_16_be, 0},
    {"null 16 le", PLAIN, w_null_16_le, 0},
    {"null cisco", PLAIN, w_null_cisco, 0},
    {"null 1500", "none", w_null_low, 0},
    {"fddi", PLAIN, w_fddi, 10},
    {"fddi token", "none", w_fddi_token, 10},
    {"cisco", PLAIN, w_cisco, 104},
    {"cisco 6", PLAIN6, w_cisco6, 104, true},
    {"slarp", "none", w_cisco_slarp, 104},
    {"gre in udp", PLAIN OUTER, w_gre_udp, 101},
    {"gre in udp all", PLAIN OUTER, w_gre_udp_all, 101},
    {"ppp", PLAIN, w_null_ppp, 9},
    {"ppp short", PLAIN, w_ppp_short, 9},
    {"ppp shorter", PLAIN, w_ppp_shorter, 9},
    {"ppp 6", PLAIN6, w_ppp6, 9, true},
    {"lcp", "none", w_ppp_lcp, 9},
    {"sll", PLAIN, w_sll, 113},
    {"sll vlan", PLAIN, w_sll_vlan, 113},
    {"sll2", PLAIN, w_sll2, 276},
    {"802.11", PLAIN, w_80211, 105},
    {"802.11 qos", PLAIN, w_80211_qos, 105},
    {"802.11 four addresses", PLAIN, w_80211_four, 105},
    {"802.11 aggregate", PLAIN, w_80211_amsdu, 105},
    {"802.11 encrypted", "none", w_80211_secret, 105},
    {"802.11 empty", "none", w_80211_null, 105},
    {"radiotap", PLAIN, w_radiotap, 127},
    {"radiotap flags", PLAIN, w_radiotap_flags, 127},
    {"nflog le", PLAIN, w_nflog_le, 239},
    {"nflog be", PLAIN, w_nflog_be, 239},
    {"user 0", "none", w_ethernet, 147},
    {"wrong type", "none", w_ethernet6, 1},
};
enum { WRAPS = sizeof wraps / sizeof *wraps };

static void make(struct pk *p, const struct wrap *w)
{
	if (w->six)
		make6(p);
	else
		make4(p);
	w->wrap(p);
}

static void test_wraps(void **state)
{
	struct pk p;
	for (size_t i = 0; i < WRAPS; i++) {
		make(&p, &wraps[i]);
		expect(&p, wraps[i].link, wraps[i].text);
	}
}

/* Two of every kind on each other: as deep as is allowed, and one deeper. */
static void test_depth(void **state)
{
	struct pk p;
	make4(&p);
	for (int i = 1; i < LAYERS_DEPTH; i++)
		pk_ip4(&p, 4, 9, 0);
	expect(&p, 101, PLAIN OUTER);
	pk_ip4(&p, 4, 9, 0);
	expect(&p, 101, "none");
	/* Tags cost four bytes each and nothing else. */
	make4(&p);
	for (int i = 0; i < 1000; i++) {
		pk_be16(&p, i == 0 ? IPV4 : 0x8100);
		pk_be16(&p, 5);
	}
	pk_ethernet(&p, 0x8100);
	expect(&p, 1, PLAIN);
}

static void test_ip4(void **state)
{
	struct pk p;
	make4(&p);
	p.room[PK_MAX - p.size + 2] = p.room[PK_MAX - p.size + 3] = 0; /* total length */
	expect(&p, 101, PLAIN);
	p.room[PK_MAX - p.size + 3] = 19;
	expect(&p, 101, "none");
	make4(&p);
	p.room[PK_MAX - p.size + 3] += 100; /* beyond the frame */
	expect(&p, 101, PLAIN);
	make4(&p);
	p.room[PK_MAX - p.size + 3] -= 2; /* before the end of the payload */
	expect(&p, 101, "17 " A4 " 3/3 hel");
	make4(&p);
	p.room[PK_MAX - p.size] = 0x44;
	expect(&p, 101, "none");
	p.room[PK_MAX - p.size] = 0x55;
	expect(&p, 101, "none");
	/* Options. */
	pk_payload(&p, "hello");
	pk_udp(&p, 53, 4000);
	PK_RAW(&p, "\1\1\1\0");
	pk_ip4(&p, UDP, 1, 0x4000);
	p.room[PK_MAX - p.size] = 0x46;
	expect(&p, 101, PLAIN);
	p.room[PK_MAX - p.size] = 0x4F;
	expect(&p, 101, "none");
}

static void test_ip6(void **state)
{
	struct pk p;
	static const struct {
		unsigned protocol;
		uint8_t header[16];
		unsigned size;
	} row[] = {
	    {0, {17, 0, 1, 4}, 8},
	    {43, {17, 1}, 16},
	    {60, {17, 0}, 8},
	    {51, {17, 2}, 16},
	    {44, {17, 0, 0, 0, 1, 2, 3, 4}, 8},
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		pk_payload(&p, "hello");
		pk_udp(&p, 53, 4000);
		pk_raw(&p, row[i].header, row[i].size);
		pk_ip6(&p, row[i].protocol, 1);
		expect(&p, 101, PLAIN6);
	}
	/* Many, then one that is too long. */
	pk_payload(&p, "hello");
	pk_udp(&p, 53, 4000);
	for (int i = 0; i < 500; i++)
		pk_raw(&p, (uint8_t[8]){i == 0 ? 17 : 60}, 8);
	pk_ip6(&p, 60, 1);
	expect(&p, 101, PLAIN6);
	pk_payload(&p, "hello");
	pk_udp(&p, 53, 4000);
	pk_raw(&p, (uint8_t[8]){17, 200}, 8);
	pk_ip6(&p, 60, 1);
	expect(&p, 101, "none");
	make6(&p);
	p.room[PK_MAX - p.size + 5] = 0; /* payload length */
	expect(&p, 101, PLAIN6);
	make6(&p);
	p.room[PK_MAX - p.size + 6] = 59; /* nothing follows */
	expect(&p, 101, "none");
}

static void test_transport(void **state)
{
	struct pk p;
	make4(&p);
	p.room[PK_MAX - 5 - 3] = 7; /* UDP length */
	expect(&p, 101, "none");
	p.room[PK_MAX - 5 - 3] = 8;
	expect(&p, 101, "none");
	p.room[PK_MAX - 5 - 3] = 11;
	expect(&p, 101, "17 " A4 " 3/3 hel");
	p.room[PK_MAX - 5 - 3] = 200;
	expect(&p, 101, PLAIN);
	pk_payload(&p, "hello");
	pk_udp(&p, 53, 4000);
	pk_ip4(&p, 136, 1, 0);
	expect(&p, 101, "136 " A4 " 5/5 hello");
	pk_payload(&p, "hello");
	pk_tcp(&p, 53, 4000, UINT32_MAX, 0x12, 12);
	pk_ip4(&p, TCP, 1, 0);
	expect(&p, 101, "6 " A4 " 5/5 hello seq 0 flags 18");
	pk_payload(&p, "");
	pk_tcp(&p, 53, 4000, 7, 0x11, 0);
	pk_ip4(&p, TCP, 1, 0);
	pk_tail(&p, 6);
	expect(&p, 101, "6 " A4 " 0/0  seq 7 flags 17");
	p.room[PK_MAX - 6 - 8] = 0x40; /* data offset */
	expect(&p, 101, "none");
	p.room[PK_MAX - 6 - 8] = 0xF0;
	expect(&p, 101, "none");
	/* A chunk that is no data, half a message, then a whole one. */
	pk_payload(&p, "hello");
	pk_tail(&p, 3);
	PK_RAW(&p, "\x04\0\0\5x\0\0\0"
	           "\0\1\0\x13tsn.sidsppidabc\0"
	           "\0\3\0\x15tsn.sidsppid");
	PK_RAW(&p, "\0\x35\x0F\xA0vtagcrc.");
	pk_ip4(&p, 132, 1, 0);
	expect(&p, 101, "132 " A4 " 5/5 hello");
	p.room[PK_MAX - 8 - 16 - 20 - 8 + 3] = 0; /* length of the first chunk */
	expect(&p, 101, "none");
}

/* A quote that ends with the header of UDP, one of TCP, one of a quote. */
static void test_quotes(void **state)
{
	struct pk p;
	pk_payload(&p, "");
	pk_udp(&p, 53, 4000);
	pk_ip4(&p, UDP, 1, 0);
	w_icmp(&p);
	expect(&p, 101, "none");
	pk_payload(&p, "hello");
	pk_tcp(&p, 53, 4000, 1, 0x10, 0);
	pk_ip4(&p, TCP, 1, 0);
	w_icmp(&p);
	expect(&p, 101, "none");
	make4(&p);
	w_icmp(&p);
	w_icmp(&p);
	expect(&p, 101, "none");
	pk_payload(&p, "hello");
	pk_udp(&p, 53, 4000);
	pk_ip4(&p, UDP, 1, 0x2000);
	w_icmp(&p);
	expect(&p, 101, "none");
}

/* A port of a tunnel that is only a client's. */
static void test_tunnel_ports(void **state)
{
	struct pk p;
	p.size = 0;
	PK_RAW(&p, "\x08\0\0\0\0\0\7\0"); /* could be VXLAN */
	pk_tail(&p, 60);
	pk_udp(&p, 53, 4789);
	pk_ip4(&p, UDP, 1, 0);
	char got[LINE];
	struct frame f = {.bytes = pk_bytes(&p), .captured = (uint32_t)p.size, .length = (uint32_t)p.size, .link = 101};
	struct layers *l = decode_with(layers_new(), &f, got);
	assert_true(str_starts(got, "17 10.0.0.1:53 10.0.1.1:4789 68/68"));
	layers_free(&l);
	pk_payload(&p, "no tunnel");
	pk_udp(&p, 5000, 6081);
	pk_ip4(&p, UDP, 1, 0);
	expect(&p, 101, "17 10.0.0.1:5000 10.0.1.1:6081 9/9 no tunnel");
	/* GRE with a reserved bit, over something unknown, and with more header than there is. */
	static const char *const no_gre[] = {"\4\x01\x08\x01", "\xB0\x01\x08\x01", "\x30\xFF\x86\xDD"};
	for (size_t i = 0; i < sizeof no_gre / sizeof *no_gre; i++) {
		char want[LINE];
		pk_payload(&p, no_gre[i]);
		pk_udp(&p, 5000, 4754);
		pk_ip4(&p, UDP, 1, 0);
		snprintf(want, sizeof want, "17 10.0.0.1:5000 10.0.1.1:4754 4/4 %s", no_gre[i]);
		expect(&p, 101, want);
	}
	p.size = 0;
	PK_RAW(&p, "\xB0\0\x08\0key.seq");
	pk_udp(&p, 5000, 4754);
	pk_ip4(&p, UDP, 1, 0);
	f = (struct frame){
	    .bytes = pk_bytes(&p), .captured = (uint32_t)p.size, .length = (uint32_t)p.size, .link = 101};
	l = decode_with(layers_new(), &f, got);
	assert_true(str_starts(got, "17 10.0.0.1:5000 10.0.1.1:4754 11/11"));
	layers_free(&l);
}

static void test_cut(void **state)
{
	struct pk p;
	char got[LINE];
	make4(&p);
	w_ethernet(&p);
	for (uint32_t n = 0; n <= p.size; n++) {
		uint8_t *bytes = mem_copy(pk_bytes(&p), n);
		struct frame f = {.bytes = bytes, .captured = n, .length = (uint32_t)p.size, .link = 1};
		struct layers *l = decode_with(layers_new(), &f, got);
		char want[LINE] = "none";
		if (n > 42)
			snprintf(want, sizeof want, "17 " A4 " %u/5 %.*s", n - 42, (int)(n - 42), "hello");
		assert_string_equal(got, want);
		assert_int_equal(layers_counts(l)->cut, n <= 42);
		assert_int_equal(layers_counts(l)->malformed, 0);
		layers_free(&l);
		mem_free(&bytes);
	}
	/* The smaller length in the wrong field, and a frame check sequence behind a datagram without a length. */
	uint32_t size = (uint32_t)p.size;
	expect_frame(&(struct frame){.bytes = pk_bytes(&p), .captured = size, .length = 3, .link = 1}, PLAIN);
	p.room[PK_MAX - p.size + 14 + 3] = 0;
	p.room[PK_MAX - 8 - 5 + 5] = 255;
	pk_tail(&p, 4);
	size = (uint32_t)p.size;
	expect_frame(
	    &(struct frame){.bytes = pk_bytes(&p), .captured = size, .length = size, .link = 1, .fcs = 4}, PLAIN);
	expect_frame(
	    &(struct frame){.bytes = pk_bytes(&p), .captured = size - 4, .length = size, .link = 1, .fcs = 4}, PLAIN);
	expect_frame(&(struct frame){.bytes = pk_bytes(&p), .captured = 2, .length = 2, .link = 1, .fcs = 4}, "none");
}

static void one_port(uint64_t ports[LAYERS_PORT_WORDS], unsigned port)
{
	memset(ports, 0, LAYERS_PORT_WORDS * sizeof *ports);
	ports[port / 64] |= UINT64_C(1) << (port % 64);
}

static void test_filter(void **state)
{
	struct pk p;
	char got[LINE];
	uint64_t ports[LAYERS_PORT_WORDS];
	struct layers *l = layers_new();
	for (size_t i = 0; i < WRAPS; i++) {
		make(&p, &wraps[i]);
		struct frame f = {.bytes = pk_bytes(&p),
		    .captured = (uint32_t)p.size,
		    .length = (uint32_t)p.size,
		    .link = (uint16_t)wraps[i].link};
		for (int wanted = 0; wanted < 3; wanted++) {
			one_port(ports, wanted == 0 ? 5353 : wanted == 1 ? 53 : 4000);
			layers_set_ports(l, ports);
			decode_with(l, &f, got);
			assert_string_equal(got, wanted == 0 ? "none" : wraps[i].text);
		}
	}
	for (int tagged = 0; tagged < 2; tagged++) {
		uint64_t before = layers_counts(l)->unwanted;
		pk_payload(&p, "hello, hello, hello, hello, hello");
		pk_tcp(&p, 443, 4000, 1, 0x18, 0);
		pk_ip4(&p, TCP, 1, 0);
		if (tagged)
			w_vlan(&p);
		else
			w_ethernet(&p);
		struct frame f = {
		    .bytes = pk_bytes(&p), .captured = (uint32_t)p.size, .length = (uint32_t)p.size, .link = 1};
		one_port(ports, 53);
		layers_set_ports(l, ports);
		decode_with(l, &f, got);
		assert_string_equal(got, "none");
		assert_int_equal(layers_counts(l)->unwanted, before + 1);
		layers_set_ports(l, NULL);
		decode_with(l, &f, got);
		assert_string_equal(
		    got, "6 10.0.0.1:443 10.0.1.1:4000 33/33 hello, hello, hello, hello, hello seq 1 flags 24");
	}
	layers_free(&l);
}

/* The second half first; a filter must not drop the half that has no ports. */
static void test_fragments(void **state)
{
	char got[2][LINE];
	uint64_t ports[LAYERS_PORT_WORDS];
	struct pk whole, half[2];
	pk_payload(&whole, "hello, fragments");
	pk_udp(&whole, 53, 4000);
	for (int six = 0; six < 2; six++) {
		struct layers *l = layers_new();
		one_port(ports, 53);
		layers_set_ports(l, ports);
		for (int i = 0; i < 2; i++) {
			int part = 1 - i;
			half[i].size = 0;
			pk_raw(&half[i], pk_bytes(&whole) + (part ? 16 : 0), part ? whole.size - 16 : 16);
			if (six) {
				pk_raw(&half[i], (uint8_t[]){17, 0, 0, part ? 16 : 1, 1, 2, 3, 4}, 8);
				pk_ip6(&half[i], 44, 1);
				w_ethernet6(&half[i]);
			} else {
				pk_ip4(&half[i], UDP, 1, part ? 2 : 0x2000);
				w_ethernet(&half[i]);
			}
			struct frame f = {.bytes = pk_bytes(&half[i]),
			    .captured = (uint32_t)half[i].size,
			    .length = (uint32_t)half[i].size,
			    .link = 1};
			decode_with(l, &f, got[i]);
		}
		assert_string_equal(got[0], "none");
		assert_string_equal(got[1], six ? "17 " A6 " 16/16 hello, fragments reassembled"
		                                : "17 " A4 " 16/16 hello, fragments reassembled");
		assert_int_equal(layers_frag_counts(l)->whole, 1);
		layers_free(&l);
	}
}

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* The payload is where memory is. */
static void touch(struct layers *l, const struct frame *f)
{
	struct segment s;
	volatile uint8_t sink = 0;
	if (!layers_decode(l, f, &s))
		return;
	assert_true(s.have <= s.length && (s.have > 0 || s.transport == TCP));
	for (uint32_t i = 0; i < s.have; i++)
		sink ^= s.payload[i];
}

static void test_hostile(void **state)
{
	struct pk p;
	uint64_t seed = 88172645463325252u;
	struct layers *l = layers_new();
	for (size_t i = 0; i < WRAPS; i++) {
		make(&p, &wraps[i]);
		for (uint32_t n = 0; n <= p.size; n++) {
			uint8_t *bytes = mem_copy(pk_bytes(&p), n);
			touch(l, &(struct frame){.bytes = bytes,
			             .captured = n,
			             .length = (uint32_t)p.size,
			             .link = (uint16_t)wraps[i].link});
			touch(l, &(struct frame){
			             .bytes = bytes, .captured = n, .length = n, .link = (uint16_t)wraps[i].link});
			mem_free(&bytes);
		}
		for (int k = 0; k < FLIPS / 10; k++) {
			uint8_t *bytes = mem_copy(pk_bytes(&p), p.size);
			for (int j = 0; j <= k % 3; j++)
				bytes[next_random(&seed) % p.size] = (uint8_t)(k % 2 ? 0xFF : next_random(&seed));
			touch(l, &(struct frame){.bytes = bytes,
			             .captured = (uint32_t)p.size,
			             .length = (uint32_t)p.size,
			             .link = (uint16_t)wraps[i].link});
			mem_free(&bytes);
		}
	}
	layers_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_wraps),
	    cmocka_unit_test(test_depth),
	    cmocka_unit_test(test_ip4),
	    cmocka_unit_test(test_ip6),
	    cmocka_unit_test(test_transport),
	    cmocka_unit_test(test_quotes),
	    cmocka_unit_test(test_tunnel_ports),
	    cmocka_unit_test(test_cut),
	    cmocka_unit_test(test_filter),
	    cmocka_unit_test(test_fragments),
	    cmocka_unit_test(test_hostile),
	};
	return cmocka_run_group_tests_name("dissect_layers", tests, NULL, NULL);
}

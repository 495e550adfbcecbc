/* Captures are put together from pk_build's packets and dns_build's messages. */
#include "cap_build.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "data/render.h"
#include "dissect/dns/fields.h"
#include "dissect/pcap_dns/counters.h"
#include "dissect/pcap_dns/pcap_dns.h"

enum { ETHERNET = 1, IPV4 = 0x0800, IPV6 = 0x86DD, UDP = 17, TCP = 6, CEILING = 64 << 20, OPTIONS = 8 };

void cap_begin(struct cap *c, uint32_t link)
{
	*c = (struct cap){.frames = 0};
	writer_init(&c->w, CEILING);
	pk_file(&c->w, false, false, link);
}

void cap_fini(struct cap *c)
{
	writer_fini(&c->w);
}

void cap_frame(struct cap *c, const struct pk *p)
{
	uint32_t size = (uint32_t)p->size;
	pk_record(&c->w, false, CAP_SECOND + ++c->frames, 0, pk_bytes(p), size, size);
}

void cap_set_id(struct dns_build *d, uint16_t id)
{
	d->bytes[0] = (uint8_t)(id >> 8);
	d->bytes[1] = (uint8_t)id;
}

void cap_response(struct dns_build *d, uint16_t id)
{
	dns_answer(d, 1, "\xC0\0\2\1", 4);
	cap_set_id(d, id);
}

void cap_query(struct dns_build *d, uint16_t id)
{
	dns_begin(d, 0x0100, 1, 0, 0, 0);
	dns_question(d, "www.example.com", 1);
	cap_set_id(d, id);
}

void cap_udp(struct pk *p, const struct dns_build *d, unsigned src, unsigned dst)
{
	pk_payload(p, "");
	pk_raw(p, d->bytes, d->len);
	pk_udp(p, src, dst);
}

void cap_udp4(struct pk *p, const struct dns_build *d, unsigned src, unsigned dst)
{
	cap_udp(p, d, src, dst);
	pk_ip4(p, UDP, 1, 0);
}

void cap_udp6(struct pk *p, const struct dns_build *d, unsigned src, unsigned dst)
{
	cap_udp(p, d, src, dst);
	pk_ip6(p, UDP, 1);
}

void cap_put4(struct cap *c, const struct dns_build *d, unsigned src, unsigned dst)
{
	struct pk p;
	cap_udp4(&p, d, src, dst);
	pk_ethernet(&p, IPV4);
	cap_frame(c, &p);
}

static void make_segment(struct pk *p, unsigned host, uint32_t seq, const void *bytes, size_t size)
{
	pk_payload(p, "");
	pk_raw(p, bytes, size);
	pk_tcp(p, 53, 4000, seq, 0x18, 0);
	pk_ip4(p, TCP, host, 0);
	pk_ethernet(p, IPV4);
}

void cap_segment(struct cap *c, unsigned host, uint32_t seq, const void *bytes, size_t size)
{
	struct pk p;
	make_segment(&p, host, seq, bytes, size);
	cap_frame(c, &p);
}

/* ---- everything ---- */

#define BYTES(literal) literal, sizeof literal - 1

static const struct {
	unsigned link;
	const char *head; /* before IPv4, or before IPv6 where it stands twice */
	size_t size;
} links[] = {
    {1, BYTES("\2\0\0\0\0\1\2\0\0\0\0\2\x08\0")},
    {1, BYTES("\2\0\0\0\0\1\2\0\0\0\0\2\x88\xA8\0\5\x81\0\0\6\x08\0")},
    {1, BYTES("\2\0\0\0\0\1\2\0\0\0\0\2\x88\x47\0\1\0\x40\0\2\1\x40")},
    {0, BYTES("\2\0\0\0")},
    {108, BYTES("\0\0\0\2")},
    {9, BYTES("\xFF\3\0\x21")},
    {10, BYTES("\x50"
               "addr-1addr-2"
               "\xAA\xAA\3\0\0\0\x08\0")},
    {12, BYTES("")},
    {51, BYTES("\x11\0\0\7\0\x60\0\x21")},
    {104, BYTES("\x0F\0\x08\0")},
    {105, BYTES("\x88\2\0\0"
                "addr-1addr-2addr-3"
                "\x10\0\0\0"
                "\xAA\xAA\3\0\0\0\x08\0")},
    {113, BYTES("\0\0\0\1\0\6abcdef\0\0\x08\0")},
    {127, BYTES("\0\0\x08\0\0\0\0\0"
                "\x08\2\0\0"
                "addr-1addr-2addr-3"
                "\x10\0"
                "\xAA\xAA\3\0\0\0\x08\0")},
    {228, BYTES("")},
    {239, BYTES("\2\0\0\0\x60\0\x09\0")},
    {276, BYTES("\x08\0\0\0\0\0\0\1\0\1\0\6abcdef\0\0")},
    {147, BYTES("")},
};
enum { LINKS = sizeof links / sizeof links[0] };

/* Tunnels: what stands before the inner IPv4, and the outer protocol or port. */
static const struct {
	unsigned protocol, port;
	const char *head;
	size_t size;
} tunnels[] = {
    {4, 0, BYTES("")},
    {47, 0, BYTES("\xB0\0\x08\0cs\0\0key.seq.")},
    {UDP, 4754, BYTES("\0\0\x08\0")},
    {UDP, 4789, BYTES("\x08\0\0\0\0\0\7\0\2\0\0\0\0\1\2\0\0\0\0\2\x08\0")},
    {UDP, 6081, BYTES("\1\0\x08\0\0\0\7\0opt.")},
    {UDP, 2152, BYTES("\x34\xFF\0\0teidsqn\x85\1ab\xC0\2abcdef\0")},
    {UDP, 1701, BYTES("\x4A\2lntusinsnr\0\2pd\x21")},
    {1, 0, BYTES("\3\3\0\0\0\0\0\0")},
    {137, 0, BYTES("\0\1\1\x40")},
};

static void put(struct writer *w, unsigned interface, uint64_t *clock, const struct pk *p)
{
	uint32_t size = (uint32_t)p->size;
	pk_enhanced(w, false, interface, (*clock)++ * 1000000, pk_bytes(p), size, size);
}

static void put_tunnels(struct writer *w, uint64_t *clock, const struct dns_build *d)
{
	struct pk p;
	for (size_t i = 0; i < sizeof tunnels / sizeof tunnels[0]; i++) {
		cap_udp4(&p, d, 53, 4000);
		pk_raw(&p, tunnels[i].head, tunnels[i].size);
		if (tunnels[i].port != 0)
			pk_udp(&p, 40000, tunnels[i].port);
		pk_ip4(&p, tunnels[i].protocol, 9, 0);
		pk_ethernet(&p, IPV4);
		put(w, 0, clock, &p);
	}
	cap_udp6(&p, d, 53, 4000);
	pk_udp(&p, 3544, 40000);
	pk_ip4(&p, UDP, 9, 0);
	pk_ethernet(&p, IPV4);
	put(w, 0, clock, &p);
}

/* A datagram in two fragments, the second one first. */
static void put_fragments(struct writer *w, uint64_t *clock, const struct dns_build *d)
{
	enum { FIRST = 24, MORE = 0x2000 };
	struct pk whole, p;
	cap_udp(&whole, d, 53, 4000);
	for (int i = 1; i >= 0; i--) {
		pk_payload(&p, "");
		pk_raw(&p, pk_bytes(&whole) + (i ? FIRST : 0), i ? whole.size - FIRST : FIRST);
		pk_ip4(&p, UDP, 1, i ? FIRST / 8 : MORE);
		pk_ethernet(&p, IPV4);
		put(w, 0, clock, &p);
	}
}

static void put_segments(struct writer *w, uint64_t *clock, const struct dns_build *d)
{
	struct dns_build stream = {.len = 0};
	struct pk p;
	size_t third = (d->len + 2) / 3;
	dns_u16(&stream, (unsigned)d->len);
	dns_put(&stream, d->bytes, d->len);
	/* Whole; then in three parts, the last two of them the wrong way round, and one that never ends. */
	make_segment(&p, 1, 1000, stream.bytes, stream.len);
	put(w, 0, clock, &p);
	uint32_t seq = 1000 + (uint32_t)stream.len;
	static const unsigned order[] = {0, 2, 1};
	for (unsigned i = 0; i < 3; i++) {
		size_t from = order[i] * third, to = order[i] == 2 ? stream.len : from + third;
		make_segment(&p, 1, seq + (uint32_t)from, stream.bytes + from, to - from);
		put(w, 0, clock, &p);
	}
	make_segment(&p, 1, seq + 2 * (uint32_t)stream.len + 3, stream.bytes, stream.len);
	put(w, 0, clock, &p);
}

static void put_odd(struct writer *w, uint64_t *clock, const struct dns_build *d)
{
	struct dns_build bad = *d;
	struct pk p;
	/* A record that the header counts and that is not there. */
	bad.bytes[7] = 2;
	cap_udp4(&p, &bad, 53, 4000);
	pk_ethernet(&p, IPV4);
	put(w, 0, clock, &p);
	/* Cut by the snap length. */
	pk_enhanced(w, false, 0, (*clock)++ * 1000000, pk_bytes(&p), (uint32_t)p.size - 20, (uint32_t)p.size);
	/* Of an unknown block type, and without a time. */
	size_t at = pk_block(w, false, 0x0BAD);
	writer_text(w, "what");
	pk_block_end(w, false, at);
	at = pk_block(w, false, 3);
	pk_u32(w, false, (uint32_t)p.size);
	writer_put(w, pk_bytes(&p), p.size);
	pk_block_end(w, false, at);
}

void cap_everything(struct writer *w)
{
	struct dns_build d;
	struct pk p;
	uint64_t clock = CAP_SECOND;
	writer_init(w, CEILING);
	pk_section(w, false);
	for (unsigned i = 0; i < LINKS; i++)
		pk_interface(w, false, links[i].link, 0, NULL, 0);
	for (unsigned i = 0; i < LINKS; i++) {
		cap_response(&d, (uint16_t)(i + 1));
		cap_udp4(&p, &d, 53, 4000);
		pk_raw(&p, links[i].head, links[i].size);
		put(w, i, &clock, &p);
	}
	cap_udp6(&p, &d, 53, 4000);
	pk_ethernet(&p, IPV6);
	put(w, 0, &clock, &p);
	cap_response(&d, 100);
	put_tunnels(w, &clock, &d);
	put_fragments(w, &clock, &d);
	put_segments(w, &clock, &d);
	put_odd(w, &clock, &d);
}

/* ---- rows as text ---- */

static void show(struct writer *w, const struct batch *b, unsigned column, enum type type, uint32_t row)
{
	char text[RENDER_TEXT];
	const uint8_t *at = (const uint8_t *)batch_read(b, column) + row * type_size(type);
	union {
		struct span s;
		struct ip ip;
		uint32_t u32;
		int64_t i64;
	} v;
	memcpy(&v, at, type_size(type));
	if (batch_is_null(b, column, row))
		writer_u8(w, '-');
	else if (type == TYPE_BYTES)
		writer_put(w, batch_span(b, v.s), v.s.length);
	else if (type == TYPE_IP)
		writer_put(w, text, render_ip(&v.ip, text));
	else if (type == TYPE_TIME)
		writer_format(w, "%" PRId64, v.i64 / NS_PER_S);
	else if (type == TYPE_U32)
		writer_format(w, "%" PRIu32, v.u32);
	else
		writer_format(w, "%" PRId64, v.i64);
}

static void show_rows(struct writer *w, const struct batch *b, const enum type *types, size_t count)
{
	for (uint32_t row = 0; row < b->rows; row++) {
		for (size_t i = 0; i < count; i++) {
			writer_text(w, i == 0 ? "row " : "|");
			show(w, b, (unsigned)i, types[i], row);
		}
		writer_u8(w, '\n');
	}
}

static void show_rejects(struct writer *w, const struct batch *b)
{
	const struct batch_reject *r = (const void *)((const uint8_t *)b + b->rejects_at);
	for (uint32_t i = 0; i < b->rejects; i++) {
		writer_format(
		    w, "reject %" PRIu64 "+%" PRIu64 " %" PRId64 " ", r[i].offset, r[i].length, (int64_t)r[i].rows);
		writer_put(w, batch_span(b, r[i].reason), r[i].reason.length);
		writer_u8(w, '\n');
	}
}

static size_t find_names(const char *names, unsigned *wanted, enum type *types)
{
	size_t count = 0;
	char *copy = mem_text(names), *rest = NULL;
	for (char *name = strtok_r(copy, " ", &rest); name != NULL; name = strtok_r(NULL, " ", &rest)) {
		int f = field_find(dns_field, DNS_FIELD_COUNT, name);
		assert(f >= 0);
		wanted[count] = (unsigned)f;
		types[count++] = dns_field[f].type;
	}
	mem_free(&copy);
	return count;
}

/* Words of text become keys and values in place. */
static size_t split_options(char *text, struct dissect_option *out)
{
	size_t count = 0;
	char *rest = NULL;
	for (char *word = strtok_r(text, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
		char *value = strchr(word, '=');
		assert(value != NULL && count < OPTIONS);
		*value = '\0';
		out[count++] = (struct dissect_option){.key = word, .value = value + 1};
	}
	return count;
}

/* Rows and rejects as they come, then what was counted, then how it ended. */
static void show_all(struct writer *w, struct dissector *d, const enum type *types, size_t wants)
{
	uint64_t sum[PCAP_DNS_COUNTER_COUNT] = {0};
	struct writer rejects;
	const struct batch *b;
	bool clean = false;
	struct err e;
	enum rc rc;
	writer_init(&rejects, CEILING);
	while ((rc = dissect_next(d, &b, &clean, &e)) == RC_OK) {
		enum rc good = batch_check(b, types, wants, b->size, &e);
		assert(good == RC_OK);
		show_rows(w, b, types, wants);
		show_rejects(&rejects, b);
		for (unsigned i = 0; i < PCAP_DNS_COUNTER_COUNT; i++)
			sum[i] += b->counter[i];
	}
	writer_put(w, rejects.bytes, rejects.len);
	writer_fini(&rejects);
	for (unsigned i = 0; i < PCAP_DNS_COUNTER_COUNT; i++)
		if (sum[i] != 0 && i != COUNT_FRAMES && i != COUNT_MESSAGES)
			writer_format(w, "%s=%" PRIu64 "\n", dissect_pcap_dns.counter[i], sum[i]);
	if (rc == RC_END)
		writer_text(w, clean ? "clean" : "unclean");
	else
		writer_format(w, "bad: %s", e.text);
}

char *cap_dump(const void *bytes, size_t size, const char *options, const char *names, uint32_t rows)
{
	unsigned wanted[DNS_FIELD_COUNT];
	enum type types[DNS_FIELD_COUNT];
	struct dissect_option option[OPTIONS];
	char *text = mem_text(options);
	struct dissect_params params = {.field = dns_field, .wanted = wanted, .rows = rows, .option = option};
	struct dissect_hints hints = {.name = "x", .size = size, .archived_s = CAP_ARCHIVED};
	struct dissector *d = NULL;
	struct writer w;
	struct err e;
	size_t len;
	params.wants = find_names(names, wanted, types);
	params.options = split_options(text, option);
	writer_init(&w, 2 * CEILING);
	if (dissect_open(&dissect_pcap_dns, source_memory(bytes, size), &hints, &params, &d, &e) == RC_OK)
		show_all(&w, d, types, params.wants);
	else
		writer_format(&w, "refused: %s", e.text);
	dissect_close(&d);
	mem_free(&text);
	writer_u8(&w, 0);
	return (char *)writer_take(&w, &len);
}

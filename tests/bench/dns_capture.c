/*
 * dns_capture: writes a capture of mixed traffic for benchmarks, the same in every run, and prints what is in it.
 *
 *     dns_capture [-n PACKETS] [-s SEED] [-f] FILE
 *
 * Conversations run beside each other: lookups over UDP and TCP, web pages over TCP, datagrams over UDP. Three packets
 * in ten are DNS; of the lookups one in twenty goes over TCP, with answers in two segments or several in one. One
 * packet in twenty is IPv6, about one in a hundred an IP fragment. -f floods: nine packets in ten are TCP segments of
 * messages that never end and first fragments of datagrams that never become whole. Prints lines "name<TAB>number".
 * response_frames is what a reader counts that gives one row for all messages that a segment completes.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "dns_text.h"
#include "wire.h"

enum {
	TALKS = 256,
	FILL = 1 << 16,
	BATCH_MAX = 3,
	STREAM_MAX = 3 * (DNS_TEXT_MAX + 2),
	SEGMENT_V4 = 1460,
	SEGMENT_V6 = 1440
};

enum kind {
	LOOKUP_UDP,
	LOOKUP_FRAGMENTS,
	LOOKUP_TCP,
	LOOKUP_KINDS,
	PAGE_TCP = LOOKUP_KINDS,
	DATAGRAMS,
	DATAGRAM_FRAGMENTS
};

struct talk {
	struct path out; /* from who began it */
	enum kind kind;
	unsigned step, steps;
	uint32_t seq, ack;  /* TCP: the next of either side */
	uint32_t id, extra; /* of fragments; sizes and variants */
	unsigned messages;
	struct question question[BATCH_MAX];
};

/* How much of what was planned is of a kind: the next talk is of the kind that is behind. */
struct share {
	uint64_t all, part;
};

struct counts {
	uint64_t dns_packets, queries, udp, tcp, fragmented, frames;
};

struct capture {
	struct wire wire;
	struct counts counts;
	struct share dns, tcp, v6[2], fragments[2];
	struct distinct names;
	uint64_t next_name;
	uint8_t fill[FILL];
	struct talk talks[TALKS];
};

static bool share_due(const struct share *s, unsigned permille)
{
	return s->part * 1000 < s->all * permille;
}

static void share_add(struct share *s, uint64_t count, bool part)
{
	s->all += count;
	s->part += part ? count : 0;
}

static struct host host_pick(struct chance *c, bool v6, bool inside, uint32_t of)
{
	struct host h = {.v6 = v6, .bytes = {0x20, 0x01, 0x0d, 0xb8}};
	uint32_t number = chance_below(c, of);
	uint64_t mixed = chance_mix(number + (inside ? 1U << 30 : 0));
	memcpy(h.bytes + 8, &mixed, 8);
	if (!v6) {
		h.bytes[0] = (uint8_t)(inside ? 10 : 20 + (number & 127));
		memcpy(h.bytes + 1, &mixed, 3);
	}
	return h;
}

static void question_pick(struct capture *c, struct question *q, bool large)
{
	static const uint16_t types[] = {TYPE_A, TYPE_A, TYPE_A, TYPE_A, TYPE_A, TYPE_A, TYPE_A, TYPE_A, TYPE_A, TYPE_A,
	    TYPE_A, TYPE_AAAA, TYPE_AAAA, TYPE_AAAA, TYPE_AAAA, TYPE_AAAA, TYPE_MX, TYPE_TXT, TYPE_PTR, TYPE_A};
	struct chance *r = &c->wire.chance;
	double u = chance_below(r, 1000000) / 1e6;
	bool popular = chance_below(r, 100) < 35;
	*q = (struct question){.id = (uint16_t)chance_next(r), .opt = large || chance_below(r, 10) < 7, .large = large};
	q->name = popular ? (uint64_t)(DNS_POPULAR * u * u * u) : DNS_POPULAR + c->next_name++;
	q->type = large ? TYPE_TXT : types[chance_below(r, sizeof types / sizeof types[0])];
}

/* The answer without counting its names: for its size. */
static size_t response_size(const struct question *q)
{
	struct dns_text t = {0};
	dns_response(&t, q);
	return t.size;
}

static void lookup_begin(struct capture *c, struct talk *t)
{
	struct chance *r = &c->wire.chance;
	bool v6 = share_due(&c->v6[0], 50), fragments = share_due(&c->fragments[0], 10);
	t->out = (struct path){.src = host_pick(r, v6, true, 65536),
	    .dst = host_pick(r, v6, true, 16),
	    .src_port = (uint16_t)chance_between(r, 32768, 65535),
	    .dst_port = 53};
	t->messages = 1;
	if (fragments) {
		t->kind = LOOKUP_FRAGMENTS;
		question_pick(c, &t->question[0], true);
		t->steps = 1 + wire_fragments(&t->out, response_size(&t->question[0]));
		t->id = (uint32_t)chance_next(r);
	} else if (share_due(&c->tcp, 50)) {
		t->kind = LOOKUP_TCP;
		t->extra = chance_below(r, 3); /* 0: one segment, 1: two, 2: several messages in one */
		t->messages = t->extra == 2 ? chance_between(r, 2, BATCH_MAX) : 1;
		for (unsigned i = 0; i < t->messages; i++)
			question_pick(c, &t->question[i], t->extra == 1 && chance_below(r, 2) == 0);
		if (t->extra == 1 && response_size(&t->question[0]) + 2 > 2 * SEGMENT_V6)
			t->question[0].large = false;
		t->steps = 9 + (t->extra == 1);
	} else {
		t->kind = LOOKUP_UDP;
		question_pick(c, &t->question[0], false);
		t->steps = 2;
	}
	share_add(&c->tcp, t->messages, t->kind == LOOKUP_TCP);
	share_add(&c->v6[0], t->steps, v6);
	share_add(&c->fragments[0], t->steps, false);
	c->fragments[0].part += fragments ? t->steps - 1 : 0;
}

static void web_begin(struct capture *c, struct talk *t)
{
	struct chance *r = &c->wire.chance;
	bool v6 = share_due(&c->v6[1], 50), fragments = share_due(&c->fragments[1], 10);
	t->out = (struct path){.src = host_pick(r, v6, true, 65536),
	    .dst = host_pick(r, v6, false, 131072),
	    .src_port = (uint16_t)chance_between(r, 32768, 65535),
	    .dst_port = 443};
	if (fragments) {
		t->kind = DATAGRAM_FRAGMENTS;
		t->out.dst_port = 16400;
		t->extra = chance_between(r, 1600, 4000);
		t->steps = wire_fragments(&t->out, t->extra);
		t->id = (uint32_t)chance_next(r);
	} else if (chance_below(r, 4) == 0) {
		t->kind = DATAGRAMS;
		t->out.dst_port = 443;
		t->steps = chance_between(r, 4, 16);
	} else {
		t->kind = PAGE_TCP;
		t->steps = 8 + 2 * chance_between(r, 1, chance_below(r, 4) == 0 ? 12 : 4);
	}
	share_add(&c->v6[1], t->steps, v6);
	share_add(&c->fragments[1], t->steps, fragments);
}

static void talk_begin(struct capture *c, struct talk *t)
{
	bool dns = share_due(&c->dns, 300);
	*t =
	    (struct talk){.seq = (uint32_t)chance_next(&c->wire.chance), .ack = (uint32_t)chance_next(&c->wire.chance)};
	if (dns)
		lookup_begin(c, t);
	else
		web_begin(c, t);
	share_add(&c->dns, t->steps, dns);
}

static const uint8_t *fill(struct capture *c, size_t size)
{
	return c->fill + chance_below(&c->wire.chance, (uint32_t)(FILL - size));
}

static void send_tcp(struct capture *c, struct talk *t, bool back, uint8_t flags, const void *payload, size_t size)
{
	struct path p = back ? path_back(&t->out) : t->out;
	uint32_t *mine = back ? &t->ack : &t->seq, *other = back ? &t->seq : &t->ack;
	wire_tcp(&c->wire, &p, *mine, flags & WIRE_ACK ? *other : 0, flags, payload, size);
	*mine += (uint32_t)size + (flags & (WIRE_SYN | WIRE_FIN) ? 1 : 0);
}

static void open_step(struct capture *c, struct talk *t, unsigned step)
{
	static const uint8_t flags[] = {WIRE_SYN, WIRE_SYN | WIRE_ACK, WIRE_ACK};
	send_tcp(c, t, step == 1, flags[step], NULL, 0);
}

static void close_step(struct capture *c, struct talk *t, unsigned step)
{
	send_tcp(c, t, step == 1, step == 2 ? WIRE_ACK : WIRE_FIN | WIRE_ACK, NULL, 0);
}

/* The messages of one direction as TCP carries them. */
static size_t stream(struct capture *c, const struct talk *t, bool responses, uint8_t *out)
{
	size_t size = 0;
	for (unsigned i = 0; i < t->messages; i++) {
		struct dns_text text = {.seen = &c->names};
		if (responses)
			dns_response(&text, &t->question[i]);
		else
			dns_query(&text, &t->question[i]);
		out[size] = (uint8_t)(text.size >> 8);
		out[size + 1] = (uint8_t)text.size;
		memcpy(out + size + 2, text.bytes, text.size);
		size += 2 + text.size;
	}
	return size;
}

static void lookup_tcp_step(struct capture *c, struct talk *t)
{
	uint8_t bytes[STREAM_MAX];
	unsigned segments = t->extra == 1 ? 2 : 1, at = t->step - 3;
	if (t->step < 3) {
		open_step(c, t, t->step);
	} else if (at == 0) {
		send_tcp(c, t, false, WIRE_PSH | WIRE_ACK, bytes, stream(c, t, false, bytes));
		c->counts.queries += t->messages;
	} else if (at <= segments) {
		size_t size = stream(c, t, true, bytes), from = (at - 1) * (size / 2);
		send_tcp(c, t, true, WIRE_PSH | WIRE_ACK, bytes + from, (at == segments ? size : size / 2) - from);
		c->counts.tcp += at == segments ? t->messages : 0;
		c->counts.frames += at == segments;
	} else if (t->steps - t->step == 4) {
		send_tcp(c, t, false, WIRE_ACK, NULL, 0);
	} else {
		close_step(c, t, 3 - (t->steps - t->step));
	}
}

static void lookup_udp_step(struct capture *c, struct talk *t)
{
	struct dns_text text = {.seen = &c->names};
	struct path back = path_back(&t->out);
	if (t->step == 0) {
		dns_query(&text, &t->question[0]);
		wire_udp(&c->wire, &t->out, text.bytes, text.size);
		c->counts.queries++;
		return;
	}
	dns_response(&text, &t->question[0]);
	if (t->kind == LOOKUP_UDP) {
		wire_udp(&c->wire, &back, text.bytes, text.size);
		c->counts.udp++;
	} else {
		wire_fragment(&c->wire, &back, t->id, t->step - 1, text.bytes, text.size);
		c->counts.fragmented += t->step + 1 == t->steps;
	}
	c->counts.frames += t->step + 1 == t->steps;
}

/* Handshake, request, its acknowledgement, then segment and acknowledgement in turn, then the end of both sides. */
static void page_step(struct capture *c, struct talk *t)
{
	uint8_t record[SEGMENT_V4];
	size_t size = 0;
	bool back = t->step >= 4 && t->step % 2 == 1;
	if (t->step < 3) {
		open_step(c, t, t->step);
		return;
	}
	if (t->steps - t->step <= 3) {
		close_step(c, t, 3 - (t->steps - t->step));
		return;
	}
	if (t->step == 3)
		size = chance_between(&c->wire.chance, 250, 700);
	else if (back)
		size = t->steps - t->step == 5 ? chance_between(&c->wire.chance, 40, 1400)
		       : t->out.src.v6         ? SEGMENT_V6
		                               : sizeof record;
	if (size == 0) {
		send_tcp(c, t, t->step == 4, WIRE_ACK, NULL, 0);
		return;
	}
	memcpy(record, fill(c, size), size);
	/* application data of TLS 1.2 (RFC 5246 section 6.2.1) */
	memcpy(record, (const uint8_t[]){23, 3, 3, (uint8_t)((size - 5) >> 8), (uint8_t)(size - 5)}, 5);
	send_tcp(c, t, back, WIRE_PSH | WIRE_ACK, record, size);
}

static void datagram_step(struct capture *c, struct talk *t)
{
	bool back = t->step > 0 && chance_below(&c->wire.chance, 3) != 0;
	struct path p = back ? path_back(&t->out) : t->out;
	size_t size = back && chance_below(&c->wire.chance, 2) == 0 ? 1250 : chance_between(&c->wire.chance, 25, 90);
	uint8_t payload[1250];
	memcpy(payload, fill(c, size), size);
	payload[0] = 0x40 | (payload[0] & 0x3f); /* a short header of QUIC (RFC 9000 section 17.3) */
	wire_udp(&c->wire, &p, payload, size);
}

static void talk_step(struct capture *c, struct talk *t)
{
	switch (t->kind) {
	case LOOKUP_UDP:
	case LOOKUP_FRAGMENTS:
		lookup_udp_step(c, t);
		break;
	case LOOKUP_TCP:
		lookup_tcp_step(c, t);
		break;
	case PAGE_TCP:
		page_step(c, t);
		break;
	case DATAGRAMS:
		datagram_step(c, t);
		break;
	case DATAGRAM_FRAGMENTS: /* the same bytes for each fragment, or the checksum would be wrong */
		wire_fragment(&c->wire, &t->out, t->id, t->step, c->fill + t->id % 1024, t->extra);
		break;
	}
	c->counts.dns_packets += t->kind < LOOKUP_KINDS;
	if (++t->step == t->steps)
		talk_begin(c, t);
}

/* Costs memory: a stream of its own that promises 65,535 bytes, or the first of fragments that do not come. */
static void flood_step(struct capture *c)
{
	struct chance *r = &c->wire.chance;
	struct path p = {.src = host_pick(r, false, false, 131072),
	    .dst = host_pick(r, false, true, 16),
	    .src_port = 53,
	    .dst_port = (uint16_t)chance_between(r, 32768, 65535)};
	uint8_t payload[4000] = {0xff, 0xff};
	memcpy(payload + 2, fill(c, 3998), 3998);
	payload[4] &= 0x7f;
	if (chance_below(r, 2) == 0)
		wire_tcp(&c->wire, &p, (uint32_t)chance_next(r), 1, WIRE_ACK, payload, 1460);
	else
		wire_fragment(&c->wire, &p, (uint32_t)chance_next(r), chance_below(r, 2), payload, sizeof payload);
}

static void run(struct capture *c, bool flood)
{
	for (size_t i = 0; i < FILL / 8; i++) {
		uint64_t v = chance_next(&c->wire.chance);
		memcpy(c->fill + i * 8, &v, 8);
	}
	for (size_t i = 0; i < TALKS; i++)
		talk_begin(c, &c->talks[i]);
	while (!wire_full(&c->wire)) {
		if (flood && chance_below(&c->wire.chance, 10) != 0)
			flood_step(c);
		else
			talk_step(c, &c->talks[chance_below(&c->wire.chance, TALKS)]);
	}
}

static void print(const struct capture *c)
{
	const struct counts *n = &c->counts;
	const struct {
		const char *name;
		uint64_t value;
	} lines[] = {{"packets", c->wire.packets}, {"bytes", c->wire.bytes}, {"ipv6_packets", c->wire.v6},
	    {"fragment_packets", c->wire.fragments}, {"dns_packets", n->dns_packets}, {"queries", n->queries},
	    {"responses", n->udp + n->tcp + n->fragmented}, {"responses_udp", n->udp}, {"responses_tcp", n->tcp},
	    {"responses_fragmented", n->fragmented}, {"response_frames", n->frames}, {"names", c->names.count},
	    {"addresses", c->wire.addresses.count}};
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
		printf("%s\t%" PRIu64 "\n", lines[i].name, lines[i].value);
}

int main(int argc, char **argv)
{
	uint64_t packets = 2000000, seed = 1;
	bool flood = false;
	int o;
	while ((o = getopt(argc, argv, "n:s:f")) != -1) {
		if (o == 'n')
			packets = strtoull(optarg, NULL, 10);
		else if (o == 's')
			seed = strtoull(optarg, NULL, 10);
		else if (o == 'f')
			flood = true;
		else
			packets = 0;
	}
	if (packets == 0 || optind + 1 != argc) {
		fprintf(stderr, "usage: dns_capture [-n PACKETS] [-s SEED] [-f] FILE\n");
		return 2;
	}
	struct capture *c = mem_zero(1, sizeof *c);
	wire_open(&c->wire, argv[optind], packets, seed);
	run(c, flood);
	print(c);
	wire_close(&c->wire);
	distinct_fini(&c->names);
	mem_free(&c);
	return 0;
}

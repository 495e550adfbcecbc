/*
 * pcap_dns: frames, what they carry, messages, rows. One frame at a time; what a frame completes is kept until its rows
 * fit the batch, so that a full batch costs no message.
 */
#include "dissect/pcap_dns/pcap_dns.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "dissect/dns/fields.h"
#include "dissect/dns/message.h"
#include "dissect/option.h"
#include "dissect/pcap/capture.h"
#include "dissect/pcap/layers.h"
#include "dissect/pcap/tcp.h"
#include "dissect/pcap_dns/counters.h"
#include "dissect/pcap_dns/ports.h"

enum {
	ROWS = 8192, /* in a batch: a Spot row is 100 bytes and its name */
	ROWS_LEAST = 256,
	FRAME_BYTES = 128,       /* of a small one, for the guess how many rows an input has */
	ARENA_SHORT = 512 << 10, /* names */
	ARENA_LONG = 2 << 20,    /* and lists */
	TURN_FRAMES = 1 << 16,   /* without a row; then the counters are handed over */
	QR = 0x80,               /* of the third byte: a response */
	TINY = 4,                /* bytes: what a message needs to be one */
	RAW = 512,               /* of a malformed message kept with its reject */
};

enum messages { MESSAGES_RESPONSES, MESSAGES_QUERIES, MESSAGES_BOTH };

static const char *const counter_name[PCAP_DNS_COUNTER_COUNT] = {
#define X(id, name) [COUNT_##id] = name,
    PCAP_DNS_COUNTERS(X)
#undef X
};

/* The frame that completed a message, and whose it is. */
struct origin {
	struct tcp_mark mark;
	const struct ip *src, *dst, *outer_src, *outer_dst;
	uint16_t src_port, dst_port;
};

struct pcap_dns {
	struct dissector base;
	unsigned *wanted;
	size_t wants;
	uint32_t rows; /* of a batch, as asked for; 0 our choice */
	struct batch **spare;
	uint64_t size; /* of the input, as hinted */
	struct dns_style style;
	enum messages messages;
	struct ports ports;

	struct capture *capture;
	struct layers *layers;
	struct tcp *tcp;
	struct dns_filler *filler;
	struct batch *batch;
	void *column[DNS_FIELD_COUNT];  /* values of the packet's fields; NULL: not wanted */
	uint8_t place[DNS_FIELD_COUNT]; /* batch columns of them */

	/* the frame at work */
	struct frame frame;
	struct segment segment;
	struct dns_message message;
	struct origin origin; /* of message */
	bool waiting;         /* message has not become a row yet */
	bool streaming;       /* tcp may have more messages */
	bool ended;
	int64_t time_ns; /* of the newest frame that had one */

	uint64_t count[PCAP_DNS_COUNTER_COUNT]; /* all so far */
	uint64_t told[PCAP_DNS_COUNTER_COUNT];  /* in batches that were handed over */
};

static void pcap_dns_close(struct dissector *d)
{
	struct pcap_dns *p = (struct pcap_dns *)d;
	capture_free(&p->capture);
	layers_free(&p->layers);
	tcp_free(&p->tcp);
	dns_filler_free(&p->filler);
	batch_keep(&p->batch, p->spare);
	mem_free(&p->wanted);
	mem_free(&p);
}

/* ---- options ---- */

static enum rc read_option(struct pcap_dns *p, const struct dissect_option *o, bool *ports_given, struct err *e)
{
	static const char *const known[] = {"compat", "messages", "names", "ports", NULL};
	static const char *const compat[] = {"none", "tshark", NULL};
	static const char *const names[] = {"record", "question", NULL};
	static const char *const messages[] = {"responses", "queries", "both", NULL};
	int choice = 0;
	enum rc rc;
	if (strcmp(o->key, "compat") == 0) {
		rc = option_choice(o->key, o->value, compat, &choice, e);
		p->style.tshark = p->ports.tshark = choice == 1;
	} else if (strcmp(o->key, "names") == 0) {
		rc = option_choice(o->key, o->value, names, &choice, e);
		p->style.names = choice == 1 ? DNS_NAMES_QUESTION : DNS_NAMES_RECORD;
	} else if (strcmp(o->key, "messages") == 0) {
		rc = option_choice(o->key, o->value, messages, &choice, e);
		p->messages = (enum messages)choice;
	} else if (strcmp(o->key, "ports") == 0) {
		rc = ports_add(&p->ports, o->value, e);
		*ports_given = true;
	} else {
		rc = option_unknown(o->key, known, e);
	}
	return rc;
}

static enum rc read_options(struct pcap_dns *p, const struct dissect_params *params, struct err *e)
{
	bool ports_given = false;
	enum rc rc = RC_OK;
	for (size_t i = 0; i < params->options && rc == RC_OK; i++)
		rc = read_option(p, &params->option[i], &ports_given, e);
	if (rc == RC_OK && p->style.tshark && p->style.names == DNS_NAMES_QUESTION)
		rc = err_set(
		    RC_BAD, e, "names: question has no meaning with compat: tshark, which shows the first record's");
	if (rc == RC_OK && (p->style.tshark || !ports_given))
		rc = ports_add(&p->ports, p->style.tshark ? "53 5353 5355" : "53", e);
	if (rc == RC_OK && !p->ports.any && !p->style.tshark)
		layers_set_ports(p->layers, p->ports.set);
	return rc;
}

static enum rc pcap_dns_open(struct source *src, const struct dissect_hints *hints, const struct dissect_params *params,
    struct dissector **out, struct err *e)
{
	struct pcap_dns *p = mem_zero(1, sizeof *p);
	p->base.ops = &dissect_pcap_dns;
	p->wanted = mem_copy(params->wanted, params->wants * sizeof *p->wanted);
	p->wants = params->wants;
	p->rows = params->rows;
	p->spare = params->spare;
	p->size = hints->size;
	p->time_ns = hints->archived_s * NS_PER_S;
	p->capture = capture_new(src);
	p->layers = layers_new();
	p->tcp = tcp_new();
	enum rc rc = read_options(p, params, e);
	p->filler = dns_filler_new(p->wanted, p->wants, &p->style);
	struct dissector *d = &p->base;
	if (rc == RC_OK)
		*out = d;
	else
		pcap_dns_close(d);
	return rc;
}

/* ---- the batch ---- */

/* As many rows as the input may have: the columns of a small file share pages, which is most of what it costs. */
static uint32_t rows_for(const struct pcap_dns *p)
{
	uint64_t rows = p->size == DISSECT_SIZE_UNKNOWN ? ROWS : p->size / FRAME_BYTES;
	if (p->rows != 0)
		return p->rows;
	return rows >= ROWS ? ROWS : rows <= ROWS_LEAST ? ROWS_LEAST : (uint32_t)rows;
}

static bool is_list(unsigned field)
{
	return dns_field[field].type == TYPE_BYTES && field != DNS_FIELD_NAME && field != DNS_FIELD_QNAME;
}

static void make_batch(struct pcap_dns *p)
{
	enum type types[BATCH_COLUMNS];
	size_t arena = 0;
	uint32_t rows = rows_for(p);
	for (size_t i = 0; i < p->wants; i++) {
		unsigned field = p->wanted[i];
		types[i] = dns_field[field].type;
		size_t need = types[i] != TYPE_BYTES ? 0 : is_list(field) ? ARENA_LONG : ARENA_SHORT;
		arena = need > arena ? need : arena;
	}
	/* A small input has few names, but one row may be as long as any. */
	size_t least = BATCH_ROW_BYTES + (size_t)rows * 64;
	p->batch = batch_again(p->spare, types, p->wants, rows, arena > least ? least : arena);
	for (size_t i = 0; i < p->wants; i++) {
		p->column[p->wanted[i]] = batch_values(p->batch, (unsigned)i);
		p->place[p->wanted[i]] = (uint8_t)i;
	}
}

/* What parts count is theirs; a batch takes what came since the last one. */
static void hand_counters(struct pcap_dns *p)
{
	const struct capture_counts *c = capture_counts(p->capture);
	const struct layers_counts *l = layers_counts(p->layers);
	const struct frag_counts *f = layers_frag_counts(p->layers);
	const struct tcp_counts *t = tcp_counts(p->tcp);
	const struct {
		enum pcap_dns_counter to;
		uint64_t now;
	} part[] = {
	    {COUNT_FRAMES, c->frames},
	    {COUNT_FRAMES_CUT, c->cut_by_snaplen},
	    {COUNT_DROPS, c->drops},
	    {COUNT_TIMES_CARRIED, c->times_carried},
	    {COUNT_TIMES_ABSENT, c->untimed},
	    {COUNT_BLOCKS_SKIPPED, c->blocks_skipped},
	    {COUNT_LINKS_UNKNOWN, l->unknown_link},
	    {COUNT_HEADERS_MALFORMED, l->malformed},
	    {COUNT_TUNNELS_TOO_DEEP, l->too_deep},
	    {COUNT_DATAGRAMS_REASSEMBLED, f->whole},
	    {COUNT_DATAGRAMS_EVICTED, f->evicted},
	    {COUNT_DATAGRAMS_EXPIRED, f->expired},
	    {COUNT_DATAGRAMS_OVERSIZED, f->oversized},
	    {COUNT_STREAMS_REORDERED, t->reordered},
	    {COUNT_STREAMS_RETRANSMITTED, t->retransmitted},
	    {COUNT_STREAMS_GAPS, t->gaps},
	    {COUNT_STREAMS_LOST_BYTES, t->lost_bytes},
	    {COUNT_STREAMS_EVICTED, t->evicted},
	    {COUNT_STREAMS_EXPIRED, t->expired},
	    {COUNT_STREAMS_OVERFLOWED, t->overflowed},
	};
	for (size_t i = 0; i < sizeof part / sizeof part[0]; i++)
		p->count[part[i].to] = part[i].now;
	for (unsigned i = 0; i < PCAP_DNS_COUNTER_COUNT; i++) {
		p->batch->counter[i] = p->count[i] - p->told[i];
		p->told[i] = p->count[i];
	}
}

/* ---- rows ---- */

static void put_u32(const struct pcap_dns *p, enum dns_field field, uint32_t row, uint32_t value)
{
	if (p->column[field] != NULL)
		((uint32_t *)p->column[field])[row] = value;
}

static void put_null(struct pcap_dns *p, enum dns_field field, uint32_t row)
{
	if (p->column[field] != NULL)
		batch_set_null(p->batch, p->place[field], row);
}

static void put_ip(struct pcap_dns *p, enum dns_field field, uint32_t row, const struct ip *ip)
{
	if (p->column[field] == NULL)
		return;
	((struct ip *)p->column[field])[row] = *ip;
	if (ip->family == 0)
		batch_set_null(p->batch, p->place[field], row);
}

static void put_times(struct pcap_dns *p, uint32_t row)
{
	if (p->column[DNS_FIELD_TIME] != NULL)
		((int64_t *)p->column[DNS_FIELD_TIME])[row] = p->origin.mark.time_ns;
	if (p->column[DNS_FIELD_FRAME_TIME] != NULL)
		((int64_t *)p->column[DNS_FIELD_FRAME_TIME])[row] = p->origin.mark.time_ns;
	if (!p->origin.mark.timed)
		put_null(p, DNS_FIELD_FRAME_TIME, row);
}

/* The fields that come from the packet. */
static void put_packet(struct pcap_dns *p, uint32_t row, const struct dns_fault *fault)
{
	const struct origin *o = &p->origin;
	put_times(p, row);
	put_u32(p, DNS_FIELD_FRAME_LEN, row, o->mark.frame_length);
	put_ip(p, DNS_FIELD_SRC_ADDR, row, p->style.tshark ? o->outer_src : o->src);
	put_ip(p, DNS_FIELD_DST_ADDR, row, p->style.tshark ? o->outer_dst : o->dst);
	put_ip(p, DNS_FIELD_OUTER_SRC_ADDR, row, o->outer_src);
	put_ip(p, DNS_FIELD_OUTER_DST_ADDR, row, o->outer_dst);
	if (p->column[DNS_FIELD_FRAME_NUMBER] != NULL)
		((uint64_t *)p->column[DNS_FIELD_FRAME_NUMBER])[row] = o->mark.number;
	put_u32(p, DNS_FIELD_SRC_PORT, row, o->src_port);
	put_u32(p, DNS_FIELD_DST_PORT, row, o->dst_port);
	put_u32(p, DNS_FIELD_TRANSPORT, row, p->streaming ? TRANSPORT_TCP : p->segment.transport);
	put_u32(p, DNS_FIELD_REASSEMBLED, row, !p->streaming && p->segment.reassembled);
	put_u32(p, DNS_FIELD_MESSAGE_SIZE, row, (uint32_t)p->message.size);
	put_u32(p, DNS_FIELD_MALFORMED, row, fault->reason != NULL && !fault->cut);
}

static bool put_fault(struct pcap_dns *p, const struct dns_fault *fault)
{
	const struct tcp_mark *mark = &p->origin.mark;
	char reason[200];
	if (fault->reason == NULL)
		return true;
	if (fault->cut) {
		p->count[COUNT_MESSAGES_CUT]++;
		return true;
	}
	snprintf(reason, sizeof reason, "malformed DNS message in frame %llu: %s, at its byte %zu",
	    (unsigned long long)mark->number, fault->reason, fault->offset);
	if (!batch_reject(p->batch, mark->offset, mark->captured, 0, reason, p->message.bytes,
	        p->message.have < RAW ? p->message.have : RAW))
		return false;
	p->count[COUNT_MESSAGES_MALFORMED]++;
	return true;
}

/* The message that waits becomes a row. false: the batch has no room for it. */
static bool put_row(struct pcap_dns *p)
{
	struct batch *b = p->batch;
	struct dns_fault fault = {.reason = NULL};
	uint32_t row = b->rows, arena = b->arena_used;
	if (row == b->row_capacity)
		return false;
	if (!dns_fill(p->filler, &p->message, b, row, &fault) || !put_fault(p, &fault)) {
		batch_unwind(b, row, arena);
		return false;
	}
	put_packet(p, row, &fault);
	p->count[COUNT_ROWS_SHORTENED] += fault.shortened;
	b->rows++;
	p->waiting = false;
	return true;
}

/* ---- messages ---- */

/* Is it one that becomes a row? */
static bool is_wanted(struct pcap_dns *p)
{
	const struct dns_message *m = &p->message;
	if (m->have < TINY) {
		p->count[COUNT_MESSAGES_TINY]++;
		return false;
	}
	bool response = m->bytes[2] & QR;
	p->count[COUNT_MESSAGES]++;
	if (p->messages == MESSAGES_BOTH || response == (p->messages == MESSAGES_RESPONSES))
		return true;
	p->count[COUNT_MESSAGES_OTHER]++;
	return false;
}

static bool over_tcp(const struct segment *s)
{
	return s->transport == TRANSPORT_TCP;
}

static struct tcp_mark mark_frame(const struct pcap_dns *p)
{
	return (struct tcp_mark){.time_ns = p->time_ns,
	    .number = capture_counts(p->capture)->frames,
	    .offset = p->frame.offset,
	    .frame_length = p->frame.length,
	    .captured = p->frame.captured,
	    .timed = p->frame.timed};
}

/* The message that a datagram holds. false: none that counts. */
static bool take_datagram(struct pcap_dns *p, enum claim claim)
{
	const struct segment *s = &p->segment;
	p->message = (struct dns_message){.bytes = s->payload,
	    .have = s->have,
	    .size = s->length,
	    .mdns = s->transport == TRANSPORT_UDP && (s->src_port == PORT_MDNS || s->dst_port == PORT_MDNS)};
	if (claim == CLAIM_MAYBE && !(p->style.tshark ? dns_heuristic(&p->message) : dns_plausible(&p->message)))
		return false;
	p->origin = (struct origin){.mark = mark_frame(p),
	    .src = &s->src,
	    .dst = &s->dst,
	    .outer_src = &s->outer_src,
	    .outer_dst = &s->outer_dst,
	    .src_port = s->src_port,
	    .dst_port = s->dst_port};
	return is_wanted(p);
}

/* The next message that streams have whole now; it may be of another one than the frame at work. */
static bool take_stream(struct pcap_dns *p)
{
	struct tcp_message m;
	while (tcp_next(p->tcp, &m)) {
		p->message = (struct dns_message){.bytes = m.bytes, .have = m.have, .size = m.size};
		p->origin = (struct origin){.mark = m.mark,
		    .src = &m.ends->src,
		    .dst = &m.ends->dst,
		    .outer_src = &m.ends->outer_src,
		    .outer_dst = &m.ends->outer_dst,
		    .src_port = m.ends->src_port,
		    .dst_port = m.ends->dst_port};
		if (is_wanted(p))
			return true;
	}
	return false;
}

/* What the frame at work carries. true: a message waits. */
static bool take_segment(struct pcap_dns *p)
{
	struct segment *s = &p->segment;
	enum claim claim = ports_claim(&p->ports, s);
	if (claim == CLAIM_NONE)
		return false;
	if (s->quoted && !p->style.tshark) {
		p->count[COUNT_MESSAGES_QUOTED]++;
		return false;
	}
	if (!over_tcp(s))
		return take_datagram(p, claim);
	/* A quote holds the beginning of a segment, never a whole stream. */
	if (s->quoted)
		return false;
	tcp_add(p->tcp, s, mark_frame(p));
	p->streaming = true;
	return false;
}

/* ---- frames ---- */

static bool hand_damage(struct pcap_dns *p)
{
	struct capture_damage *d = capture_damage(p->capture);
	if (!d->set)
		return true;
	if (!batch_reject(p->batch, d->offset, d->length, REJECT_ROWS_UNKNOWN, d->reason, NULL, 0))
		return false;
	d->set = false;
	return true;
}

/* The next frame and what it carries. */
static enum rc next_frame(struct pcap_dns *p, struct err *e)
{
	enum rc rc = capture_next(p->capture, &p->frame, e);
	if (rc != RC_OK)
		return rc;
	if (p->frame.timed)
		p->time_ns = p->frame.time_ns;
	if (layers_decode(p->layers, &p->frame, &p->segment))
		p->waiting = take_segment(p);
	return RC_OK;
}

/* Fill the batch. RC_END: nothing more will come. */
static enum rc fill_batch(struct pcap_dns *p, struct err *e)
{
	for (unsigned turn = 0; turn < TURN_FRAMES;) {
		if (p->waiting && !put_row(p))
			return RC_OK;
		if (p->streaming) {
			p->waiting = take_stream(p);
			p->streaming = p->waiting;
			continue;
		}
		if (!hand_damage(p))
			return RC_OK;
		if (p->ended)
			return RC_END;
		enum rc rc = next_frame(p, e);
		if (rc == RC_END) {
			p->ended = p->streaming = true;
			tcp_finish(p->tcp);
		} else if (rc != RC_OK) {
			return rc;
		}
		turn++;
	}
	return RC_OK;
}

static enum rc pcap_dns_next(struct dissector *d, const struct batch **out, bool *clean, struct err *e)
{
	struct pcap_dns *p = (struct pcap_dns *)d;
	if (p->batch == NULL)
		make_batch(p);
	batch_reset(p->batch);
	enum rc rc = fill_batch(p, e);
	hand_counters(p);
	/* Rows that came before the end or an error go first; the same will be said again. */
	if (batch_holds(p->batch) && rc != RC_BAD && rc != RC_OK)
		rc = RC_OK;
	if (rc == RC_OK)
		*out = p->batch;
	else if (rc == RC_END)
		*clean = capture_clean(p->capture);
	return rc;
}

const struct dissect_ops dissect_pcap_dns = {
    .name = "pcap-dns",
    .version = "1",
    .dataset = "dns",
    .field = dns_field,
    .fields = DNS_FIELD_COUNT,
    .counter = counter_name,
    .counters = PCAP_DNS_COUNTER_COUNT,
    .open = pcap_dns_open,
    .next = pcap_dns_next,
    .close = pcap_dns_close,
};

/*
 * What is in order and complete is handed out where it lies. Only the rest is copied: the beginning of a message whose
 * end is to come (part) and segments that came early (held). Where the framing is lost the stream is adrift until a
 * segment begins as a message would.
 */
#include "dissect/pcap/stream.h"

#include <string.h>

#include "base/mem.h"

enum {
	LENGTH = 2,
	HEADER = 12,
	FRONT = LENGTH + HEADER, /* what shows whether a message begins, and the first label */
	QUESTION_MIN = 5,        /* root, type, class */
	RECORD_MIN = 11,         /* root, type, class, TTL, length */
	LABEL_MAX = 63,
	OPCODES = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 4 | 1 << 5 | 1 << 6, /* assigned, RFC 8490 the last */
	PART_MAX = LENGTH + UINT16_MAX,
};

struct held {
	struct held *next;
	uint32_t seq, have, length;
	struct tcp_mark mark;
	uint8_t bytes[];
};

static uint32_t be16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* How far a lies after b; sequence numbers wrap. */
static int32_t after(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

/* Can a message of this size have this header? */
static bool header_fits(const uint8_t *h, uint32_t size)
{
	uint32_t records = be16(h + 6) + be16(h + 8) + be16(h + 10);
	return OPCODES >> (h[2] >> 3 & 15) & 1 && HEADER + be16(h + 4) * QUESTION_MIN + records * RECORD_MIN <= size;
}

bool stream_begins(const uint8_t *bytes, size_t have)
{
	/* An empty message may stand before it. */
	if (have >= LENGTH && be16(bytes) == 0) {
		bytes += LENGTH;
		have -= LENGTH;
	}
	if (have < FRONT)
		return false;
	const uint8_t *h = bytes + LENGTH;
	uint32_t size = be16(bytes), questions = be16(h + 4);
	/* Bit 6 of the second octet of flags is reserved and zero (RFC 6895 section 2). */
	if (size < HEADER || questions > 1 || (h[3] & 0x40) != 0 || !header_fits(h, size))
		return false;
	return questions == 0 || (have > FRONT && bytes[FRONT] <= LABEL_MAX);
}

static void drop_part(struct stream *s, struct stream_sums *sums)
{
	sums->bytes -= s->part_room;
	mem_free(&s->part);
	s->part_have = s->part_room = 0;
}

static void release(struct held *h, struct stream_sums *sums)
{
	sums->bytes -= sizeof *h + h->have;
	mem_release(h);
}

static struct held *pop(struct stream *s)
{
	struct held *h = s->held;
	s->held = h->next;
	s->held_count--;
	s->held_bytes -= h->have;
	return h;
}

static void drop_first(struct stream *s, struct stream_sums *sums)
{
	struct held *h = pop(s);
	sums->counts.lost_bytes += h->length;
	if (s->begun && after(h->seq + h->length, s->next) > 0)
		s->next = h->seq + h->length;
	release(h, sums);
}

/* The framing is lost: what stood here is given up. */
static void lose(struct stream *s, struct stream_sums *sums)
{
	sums->counts.gaps++;
	sums->counts.lost_bytes += s->part_have + s->run.length;
	s->next += s->run.length;
	s->run.length = s->run.have = 0;
	s->skip = 0;
	s->adrift = true;
	drop_part(s, sums);
}

static void advance(struct stream *s, uint32_t n)
{
	uint32_t have = least(n, s->run.have);
	s->run.bytes += have;
	s->run.have -= have;
	s->run.length -= n;
	s->next += n;
}

static void stash(struct stream *s, uint32_t n, struct stream_sums *sums)
{
	if (s->part_have + n > s->part_room) {
		/* Grows with what has come, not with what the length promises. */
		size_t room = mem_grow(s->part_room, s->part_have + n);
		room = room < PART_MAX ? room : PART_MAX;
		s->part = mem_resize(s->part, room);
		sums->bytes += room - s->part_room;
		s->part_room = (uint32_t)room;
	}
	if (s->part_have == 0 || s->run.mark.number >= s->part_mark.number)
		s->part_mark = s->run.mark;
	if (n > 0)
		memcpy(s->part + s->part_have, s->run.bytes, n);
	s->part_have += n;
	advance(s, n);
}

/* More of the message in part; true: it is given. */
static bool take_rest(struct stream *s, struct tcp_message *out, struct stream_sums *sums)
{
	if (s->part_have < LENGTH) {
		if (s->run.have == 0) {
			lose(s, sums);
			return false;
		}
		stash(s, 1, sums);
		if (be16(s->part) == 0)
			drop_part(s, sums);
		return false;
	}
	uint32_t size = be16(s->part), need = LENGTH + size - s->part_have;
	uint32_t n = least(need, s->run.have);
	bool cut = n < need && s->run.have < s->run.length;
	stash(s, n, sums);
	if (n < need && !cut)
		return false;
	*out = (struct tcp_message){
	    .bytes = s->part + LENGTH, .have = s->part_have - LENGTH, .size = size, .mark = s->part_mark};
	s->skip = need - n;
	s->given = true;
	return true;
}

/* The next message that ends in the run, or is cut there. false: the run is used up. */
static bool take(struct stream *s, struct tcp_message *out, struct stream_sums *sums)
{
	while (s->run.length > 0) {
		uint32_t have = s->run.have;
		if (s->skip > 0) {
			uint32_t n = least(s->skip, s->run.length);
			s->skip -= n;
			advance(s, n);
		} else if (s->part_have > 0) {
			if (take_rest(s, out, sums))
				return true;
		} else if (have < LENGTH) {
			if (have == s->run.length)
				stash(s, have, sums);
			else
				lose(s, sums);
		} else if (be16(s->run.bytes) == 0) {
			advance(s, LENGTH);
		} else {
			uint32_t size = be16(s->run.bytes);
			if (have - LENGTH < size && have == s->run.length) {
				stash(s, have, sums);
				continue;
			}
			*out = (struct tcp_message){.bytes = s->run.bytes + LENGTH,
			    .have = least(have - LENGTH, size),
			    .size = size,
			    .mark = s->run.mark};
			s->skip = LENGTH + size;
			return true;
		}
	}
	return false;
}

/*
 * A run begins as a message would, while another is not complete: was the length of that one a lie? Yes if its header
 * contradicts it. If its header is not there yet: when the new one fills the run exactly, and the old one would not
 * even end in it.
 */
static void doubt_part(struct stream *s, struct stream_sums *sums)
{
	const struct run *r = &s->run;
	if (s->part_have == 0 || s->skip > 0 || !stream_begins(r->bytes, r->have))
		return;
	uint32_t whole = LENGTH + be16(r->bytes);
	bool lied;
	if (s->part_have >= FRONT) {
		lied = whole <= r->length && !header_fits(s->part + LENGTH, be16(s->part));
	} else {
		uint32_t size = s->part_have == 1 ? (uint32_t)s->part[0] << 8 | r->bytes[0] : be16(s->part);
		lied = whole == r->length && LENGTH + size - s->part_have > r->length;
	}
	if (!lied)
		return;
	sums->counts.gaps++;
	sums->counts.lost_bytes += s->part_have;
	drop_part(s, sums);
}

/* Keep what came early, in stream order. What it covers goes, as it does if it is covered. */
static void keep(struct stream *s, uint32_t seq, const struct run *r, struct stream_sums *sums)
{
	struct held **at = &s->held;
	uint32_t end = seq + r->length;
	while (*at != NULL && after((*at)->seq, seq) <= 0) {
		if (after((*at)->seq + (*at)->length, end) >= 0) {
			sums->counts.retransmitted++;
			return;
		}
		at = &(*at)->next;
	}
	while (*at != NULL && after((*at)->seq + (*at)->length, end) <= 0) {
		struct held *h = *at;
		sums->counts.retransmitted++;
		*at = h->next;
		s->held_count--;
		s->held_bytes -= h->have;
		release(h, sums);
	}
	struct held *h = mem_alloc(sizeof *h + r->have);
	h->next = *at;
	h->seq = seq;
	h->have = r->have;
	h->length = r->length;
	h->mark = r->mark;
	if (r->have > 0)
		memcpy(h->bytes, r->bytes, r->have);
	*at = h;
	s->held_count++;
	s->held_bytes += r->have;
	sums->bytes += sizeof *h + r->have;
}

/* The first bytes at h, over as many segments as follow each other. */
static size_t peek(const struct held *h, uint8_t *to, size_t size)
{
	size_t n = 0;
	uint32_t seq = h->seq;
	for (; h != NULL && h->seq == seq && n < size; seq += h->length, h = h->next) {
		size_t some = h->have < size - n ? h->have : size - n;
		memcpy(to + n, h->bytes, some);
		n += some;
		if (h->have < h->length)
			break;
	}
	return n;
}

/* Go on at the first held segment that begins as a message would. */
static bool settle(struct stream *s, struct stream_sums *sums)
{
	uint8_t front[FRONT + 1];
	const struct held *h = s->held;
	while (h != NULL && !stream_begins(front, peek(h, front, sizeof front)))
		h = h->next;
	if (h == NULL)
		return false;
	while (s->held != h)
		drop_first(s, sums);
	if (!s->begun)
		s->start = h->seq;
	s->begun = true;
	s->adrift = false;
	s->next = h->seq;
	return true;
}

static bool full(const struct stream *s)
{
	return s->held_count > (s->adrift ? TCP_ADRIFT_SEGMENTS : TCP_STREAM_SEGMENTS) ||
	       s->held_bytes + s->part_have > TCP_STREAM_BYTES;
}

/* The first held segment becomes the run, if it stands at next. */
static void continue_held(struct stream *s, struct stream_sums *sums)
{
	struct held *h = pop(s);
	uint32_t old = s->next - h->seq;
	if (old >= h->length) {
		sums->counts.retransmitted++;
		release(h, sums);
		return;
	}
	sums->counts.reordered++;
	uint32_t from = least(old, h->have);
	s->run = (struct run){
	    .bytes = h->bytes + from, .have = h->have - from, .length = h->length - old, .mark = h->mark, .owner = h};
	doubt_part(s, sums);
}

/* Nothing is left of the run: bring the held segments to where one can be read. false: none can, yet. */
static bool go_on(struct stream *s, bool last, struct stream_sums *sums)
{
	while (s->held != NULL) {
		bool give_up = last || full(s);
		if (s->adrift) {
			if (settle(s, sums))
				continue;
			if (!give_up)
				return false;
			drop_first(s, sums);
			continue;
		}
		int32_t hole = after(s->held->seq, s->next);
		if (hole > 0 && (uint32_t)hole <= s->skip) {
			s->skip -= (uint32_t)hole;
			s->next = s->held->seq;
			hole = 0;
		}
		if (hole <= 0) {
			continue_held(s, sums);
			if (s->run.length > 0)
				return true;
		} else if (give_up) {
			sums->counts.overflowed += !last;
			lose(s, sums);
		} else {
			return false;
		}
	}
	return false;
}

void stream_init(struct stream *s)
{
	*s = (struct stream){.adrift = true};
}

void stream_fini(struct stream *s, struct stream_sums *sums)
{
	sums->counts.lost_bytes += s->given ? 0 : s->part_have;
	drop_part(s, sums);
	if (s->run.owner != NULL)
		release(s->run.owner, sums);
	s->run.owner = NULL;
	while (s->held != NULL)
		drop_first(s, sums);
}

bool stream_start(struct stream *s, uint32_t seq, struct stream_sums *sums)
{
	if (s->begun) {
		/* One that comes after the first data of a stream that was joined in the middle is taken as its own. */
		bool ours = s->started ? seq == s->start : s->next - seq <= PART_MAX;
		if (ours)
			s->start = seq;
		s->started |= ours;
		return ours;
	}
	while (s->held != NULL && after(s->held->seq, seq) < 0)
		drop_first(s, sums);
	s->start = s->next = seq;
	s->begun = s->started = true;
	s->adrift = false;
	return true;
}

bool stream_far(const struct stream *s, uint32_t seq)
{
	int32_t ahead = after(seq, s->next);
	return s->begun && (ahead > TCP_WINDOW || ahead < -TCP_WINDOW);
}

void stream_add(struct stream *s, const struct segment *g, struct tcp_mark mark, struct stream_sums *sums)
{
	struct run r = {.bytes = g->payload, .have = least(g->have, g->length), .length = g->length, .mark = mark};
	uint32_t seq = g->seq;
	if (s->begun && after(seq, s->next) < 0) {
		uint32_t old = s->next - seq;
		sums->counts.retransmitted++;
		if (old >= r.length)
			return;
		uint32_t from = least(old, r.have);
		r.bytes += from;
		r.have -= from;
		r.length -= old;
		seq = s->next;
	}
	if (s->adrift && s->held == NULL && stream_begins(r.bytes, r.have)) {
		s->start = s->begun ? s->start : seq;
		s->next = seq;
		s->begun = true;
		s->adrift = false;
	}
	if (!s->adrift && seq == s->next) {
		s->run = r;
		doubt_part(s, sums);
	} else {
		keep(s, seq, &r, sums);
	}
}

bool stream_next(struct stream *s, bool last, struct tcp_message *out, struct stream_sums *sums)
{
	if (s->given)
		drop_part(s, sums);
	s->given = false;
	do {
		if (take(s, out, sums)) {
			sums->counts.messages++;
			return true;
		}
		if (s->run.owner != NULL)
			release(s->run.owner, sums);
		s->run.owner = NULL;
	} while (go_on(s, last, sums));
	return false;
}

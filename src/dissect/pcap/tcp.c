/*
 * The streams of all connections: found by a keyed hash, in order of their last segment, those that hold bytes apart
 * from those that do not, so that what must go for room is found at once.
 */
#include "dissect/pcap/tcp.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "dissect/pcap/siphash.h"
#include "dissect/pcap/stream.h"

enum {
	FLAG_SYN = 2,
	FLAG_RST = 4,
	BUCKETS = 2 * TCP_STREAMS,
	RESERVE =
	    4 * (UINT16_MAX +
	            1), /* most that one segment can add: itself, and a message that is put together while it is held */
};

struct entry {
	struct entry *chain;         /* in its bucket, or of those that go */
	struct entry *older, *newer; /* in its list */
	uint32_t bucket;
	bool holds; /* which list */
	int64_t last_ns;
	struct tcp_ends ends;
	struct stream stream;
};

struct list {
	struct entry *oldest, *newest;
};

struct tcp {
	struct siphash hash;
	struct stream_sums sums;
	struct list list[2]; /* by entry.holds */
	size_t streams;
	struct entry *current;                /* that tcp_add fed */
	struct entry *leaving, **leaving_end; /* not in the table any more, but messages may wait in them */
	struct entry *bucket[BUCKETS];
};

static uint32_t bucket_of(const struct tcp *t, const struct segment *g)
{
	uint64_t word[5];
	memcpy(word, g->src.octet, 16);
	memcpy(word + 2, g->dst.octet, 16);
	word[4] = (uint64_t)g->src.family << 40 | (uint64_t)g->src_port << 16 | g->dst_port;
	return (uint32_t)(siphash_words(&t->hash, word, 5) % BUCKETS);
}

static struct entry *find(struct tcp *t, const struct segment *g, uint32_t bucket)
{
	struct entry *n = t->bucket[bucket];
	while (n != NULL && (n->ends.src_port != g->src_port || n->ends.dst_port != g->dst_port ||
	                        memcmp(&n->ends.src, &g->src, sizeof g->src) != 0 ||
	                        memcmp(&n->ends.dst, &g->dst, sizeof g->dst) != 0))
		n = n->chain;
	return n;
}

static void link_newest(struct tcp *t, struct entry *n)
{
	n->holds = stream_holds(&n->stream);
	struct list *l = &t->list[n->holds];
	n->older = l->newest;
	n->newer = NULL;
	*(l->newest != NULL ? &l->newest->newer : &l->oldest) = n;
	l->newest = n;
}

static void unlink_entry(struct tcp *t, struct entry *n)
{
	struct list *l = &t->list[n->holds];
	*(n->older != NULL ? &n->older->newer : &l->oldest) = n->newer;
	*(n->newer != NULL ? &n->newer->older : &l->newest) = n->older;
}

static void remove_entry(struct tcp *t, struct entry *n)
{
	struct entry **at = &t->bucket[n->bucket];
	while (*at != n)
		at = &(*at)->chain;
	*at = n->chain;
	n->chain = NULL;
	unlink_entry(t, n);
	t->streams--;
	if (t->current == n)
		t->current = NULL;
}

static void entry_free(struct tcp *t, struct entry *n)
{
	stream_fini(&n->stream, &t->sums);
	mem_release(n);
}

/* Out of the table; what waits in it comes out with the next tcp_next. */
static void leave(struct tcp *t, struct entry *n)
{
	remove_entry(t, n);
	if (!stream_holds(&n->stream)) {
		entry_free(t, n);
		return;
	}
	*t->leaving_end = n;
	t->leaving_end = &n->chain;
}

static struct entry *oldest(const struct tcp *t)
{
	struct entry *a = t->list[false].oldest, *b = t->list[true].oldest;
	return a == NULL || (b != NULL && b->last_ns < a->last_ns) ? b : a;
}

static void expire(struct tcp *t, int64_t now_ns)
{
	struct entry *n;
	/* Clocks of captures also go backwards: then nothing is old. */
	while ((n = oldest(t)) != NULL && now_ns > n->last_ns &&
	       (uint64_t)now_ns - (uint64_t)n->last_ns > (uint64_t)TCP_SILENCE_S * NS_PER_S) {
		leave(t, n);
		t->sums.counts.expired++;
	}
}

/* Room for what one segment can add. Those that hold bytes go without giving what waits in them: that would need the
 * room. */
static void make_room(struct tcp *t)
{
	while (t->sums.bytes + RESERVE > TCP_BYTES && t->list[true].oldest != NULL) {
		struct entry *n = t->list[true].oldest;
		remove_entry(t, n);
		entry_free(t, n);
		t->sums.counts.evicted++;
	}
}

static struct entry *open_entry(struct tcp *t, const struct segment *g, uint32_t bucket, int64_t time_ns)
{
	if (t->streams == TCP_STREAMS) {
		leave(t, oldest(t));
		t->sums.counts.evicted++;
	}
	struct entry *n = mem_zero(1, sizeof *n);
	n->ends = (struct tcp_ends){.src = g->src,
	    .dst = g->dst,
	    .outer_src = g->outer_src,
	    .outer_dst = g->outer_dst,
	    .src_port = g->src_port,
	    .dst_port = g->dst_port};
	n->bucket = bucket;
	n->last_ns = time_ns;
	stream_init(&n->stream);
	n->chain = t->bucket[bucket];
	t->bucket[bucket] = n;
	link_newest(t, n);
	t->streams++;
	return n;
}

/* What the caller did not take is gone: the bytes behind it are, too. */
static void drain(struct tcp *t)
{
	struct tcp_message ignored;
	while (tcp_next(t, &ignored))
		;
}

struct tcp *tcp_new(void)
{
	struct tcp *t = mem_zero(1, sizeof *t);
	siphash_seed(&t->hash);
	t->leaving_end = &t->leaving;
	return t;
}

void tcp_free(struct tcp **t)
{
	if (*t == NULL)
		return;
	tcp_finish(*t);
	while ((*t)->leaving != NULL) {
		struct entry *n = (*t)->leaving;
		(*t)->leaving = n->chain;
		entry_free(*t, n);
	}
	mem_free(t);
}

void tcp_add(struct tcp *t, const struct segment *g, struct tcp_mark mark)
{
	drain(t);
	expire(t, mark.time_ns);
	bool syn = (g->flags & FLAG_SYN) != 0;
	/* What comes with a RST is a reason in words at best (RFC 9293 section 3.5.2). */
	if ((g->flags & FLAG_RST) != 0 || (g->length == 0 && !syn))
		return;
	uint32_t bucket = bucket_of(t, g);
	struct entry *n = find(t, g, bucket);
	if (n != NULL && !syn && stream_far(&n->stream, g->seq)) {
		if (!stream_begins(g->payload, g->have)) {
			t->sums.counts.lost_bytes += g->length;
			return;
		}
		leave(t, n);
		n = NULL;
	}
	if (n != NULL && syn && !stream_start(&n->stream, g->seq, &t->sums)) {
		leave(t, n);
		n = NULL;
	}
	if (n == NULL) {
		n = open_entry(t, g, bucket, mark.time_ns);
		if (syn)
			(void)stream_start(&n->stream, g->seq, &t->sums);
	}
	unlink_entry(t, n);
	make_room(t);
	n->last_ns = mark.time_ns;
	if (g->length > 0)
		stream_add(&n->stream, g, mark, &t->sums);
	link_newest(t, n);
	t->current = n;
}

bool tcp_next(struct tcp *t, struct tcp_message *out)
{
	while (t->leaving != NULL) {
		struct entry *n = t->leaving;
		if (stream_next(&n->stream, true, out, &t->sums)) {
			out->ends = &n->ends;
			return true;
		}
		t->leaving = n->chain;
		if (t->leaving == NULL)
			t->leaving_end = &t->leaving;
		entry_free(t, n);
	}
	struct entry *n = t->current;
	if (n == NULL)
		return false;
	if (stream_next(&n->stream, false, out, &t->sums)) {
		out->ends = &n->ends;
		return true;
	}
	unlink_entry(t, n);
	link_newest(t, n);
	t->current = NULL;
	return false;
}

void tcp_finish(struct tcp *t)
{
	drain(t);
	struct entry *n;
	while ((n = oldest(t)) != NULL)
		leave(t, n);
}

const struct tcp_counts *tcp_counts(const struct tcp *t)
{
	return &t->sums.counts;
}

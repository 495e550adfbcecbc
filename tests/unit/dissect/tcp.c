/* Streams cut, shuffled, doubled, overlapped, joined late and left early: exactly their messages come out, in order, at
 * a bounded price. */
#include "dissect/pcap/tcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include <malloc.h>

#include "base/clock.h"
#include "base/mem.h"

enum { FIN = 1, SYN = 2, RST = 4, ACK = 16, MESSAGES = 40, STREAM_MAX = 1 << 20 };

/* A stream of messages, numbered by their id, and what came out of it: the ids as text. */
struct bed {
	struct tcp *t;
	uint8_t *bytes;
	uint32_t size;
	uint32_t at[MESSAGES + 1]; /* where messages begin */
	uint32_t messages;
	uint32_t first; /* sequence number of bytes[0] */
	uint16_t port;
	uint16_t waiting; /* another port whose messages may come; 0 none */
	int64_t second;
	char got[4096];
	size_t got_len;
};

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* A response of this size whose id is its number; its body is never like the start of a message. */
static void append(struct bed *b, uint32_t size)
{
	static const uint8_t header[10] = {0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0};
	uint8_t *p = b->bytes + b->size;
	assert_true(size >= 28 && b->messages < MESSAGES && b->size + 2 + size <= STREAM_MAX);
	p[0] = (uint8_t)(size >> 8), p[1] = (uint8_t)size;
	p[2] = 0, p[3] = (uint8_t)b->messages;
	memcpy(p + 4, header, sizeof header);
	for (uint32_t i = 14; i < size + 2; i++)
		p[i] = (uint8_t)(0x78 | (i * 7 + b->messages) % 8); /* opcode 15 wherever it is taken for one */
	p[14] = 3;
	b->at[b->messages++] = b->size;
	b->size += 2 + size;
	b->at[b->messages] = b->size;
}

static int setup(void **state)
{
	struct bed *b = mem_zero(1, sizeof *b);
	b->t = tcp_new();
	b->bytes = mem_zero(1, STREAM_MAX);
	b->first = 1000;
	b->port = 40000;
	b->second = 100;
	for (unsigned i = 0; i < 4; i++)
		append(b, 60 + 10 * i); /* at 0, 62, 134, 216 .. 308 */
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bed *b = *state;
	tcp_free(&b->t);
	assert_null(b->t);
	mem_free(&b->bytes);
	mem_free(&b);
	return 0;
}

static void collect(struct bed *b)
{
	struct tcp_message m;
	while (tcp_next(b->t, &m)) {
		unsigned id = m.have >= 2 ? (unsigned)m.bytes[0] << 8 | m.bytes[1] : 999;
		const char *mark = m.have < m.size ? "!" : "";
		if (id < b->messages) {
			assert_true(m.size == b->at[id + 1] - b->at[id] - 2 && m.have <= m.size);
			assert_memory_equal(m.bytes, b->bytes + b->at[id] + 2, m.have);
		} else {
			mark = "?";
		}
		assert_true(m.ends->dst_port == b->port || m.ends->dst_port == b->waiting);
		if (b->got_len + 8 < sizeof b->got)
			b->got_len += (size_t)snprintf(b->got + b->got_len, 8, "%u%s ", id % 1000, mark);
	}
}

static void send_raw(struct bed *b, uint32_t seq, const uint8_t *bytes, uint32_t have, uint32_t length, uint8_t flags)
{
	uint8_t *copy = mem_copy(bytes, have); /* so that a sanitizer sees who reads on */
	struct segment g = {.payload = copy,
	    .have = have,
	    .length = length,
	    .src = {.family = 4, .octet = {192, 0, 2, 1}},
	    .dst = {.family = 4, .octet = {192, 0, 2, 2}},
	    .src_port = 53,
	    .dst_port = b->port,
	    .transport = TRANSPORT_TCP,
	    .seq = seq,
	    .flags = flags};
	tcp_add(b->t, &g,
	    (struct tcp_mark){.time_ns = b->second * NS_PER_S, .number = (uint64_t)b->second, .frame_length = length});
	collect(b);
	mem_free(&copy);
}

static void send_part(struct bed *b, uint32_t from, uint32_t to)
{
	send_raw(b, b->first + from, b->bytes + from, to - from, to - from, ACK);
}

static void syn(struct bed *b)
{
	send_raw(b, b->first, b->bytes, 0, 0, SYN | ACK);
}

/* What has come since the last time. */
static void expect(struct bed *b, const char *text)
{
	assert_string_equal(b->got, text);
	b->got_len = 0;
	b->got[0] = 0;
}

static void finish(struct bed *b)
{
	tcp_finish(b->t);
	collect(b);
}

static void test_in_order(void **state)
{
	struct bed *b = *state;
	syn(b);
	send_part(b, 0, 134);
	expect(b, "0 1 ");
	send_part(b, 134, 135);
	send_part(b, 135, 136);
	send_part(b, 136, 217);
	expect(b, "2 ");
	for (uint32_t i = 217; i < b->size; i++)
		send_part(b, i, i + 1);
	expect(b, "3 ");
	assert_int_equal(tcp_counts(b->t)->messages, 4);
	assert_int_equal(tcp_counts(b->t)->lost_bytes, 0);
}

/* A whole message is not copied. */
static void test_no_copy(void **state)
{
	struct bed *b = *state;
	struct tcp_message m;
	struct segment g = {.payload = b->bytes, .have = 134, .length = 134, .seq = 5, .dst_port = b->port};
	tcp_add(b->t, &g, (struct tcp_mark){.time_ns = 7, .number = 7, .frame_length = 200});
	assert_true(tcp_next(b->t, &m));
	assert_ptr_equal(m.bytes, b->bytes + 2);
	assert_int_equal(m.mark.time_ns, 7);
	assert_int_equal(m.mark.frame_length, 200);
	assert_true(tcp_next(b->t, &m));
	assert_ptr_equal(m.bytes, b->bytes + 64);
	assert_false(tcp_next(b->t, &m));
}

static void test_zero_length(void **state)
{
	struct bed *b = *state;
	static const uint8_t zero[4];
	syn(b);
	send_raw(b, b->first, zero, 3, 3, ACK);
	send_raw(b, b->first + 3, zero, 1, 1, ACK);
	b->first += 4;
	send_part(b, 0, 62);
	expect(b, "0 ");
}

static void test_reordered(void **state)
{
	struct bed *b = *state;
	syn(b);
	send_part(b, 200, 308);
	send_part(b, 100, 200);
	send_part(b, 30, 100);
	expect(b, "");
	send_part(b, 0, 30);
	expect(b, "0 1 2 3 ");
	assert_int_equal(tcp_counts(b->t)->reordered, 3);
}

static void test_reordered_without_syn(void **state)
{
	struct bed *b = *state;
	send_part(b, 30, 62);
	send_part(b, 0, 30);
	expect(b, "0 ");
	b->port++;
	send_part(b, 0, 1);
	send_part(b, 1, 2);
	send_part(b, 2, 62);
	expect(b, "0 ");
}

static void test_syn_late(void **state)
{
	struct bed *b = *state;
	send_part(b, 62, 134);
	expect(b, "1 ");
	b->port++;
	send_part(b, 30, 62);
	syn(b);
	send_part(b, 0, 30);
	expect(b, "0 ");
}

static void test_retransmitted(void **state)
{
	struct bed *b = *state;
	syn(b);
	send_part(b, 0, 62);
	send_part(b, 0, 62);
	send_part(b, 40, 100);
	send_part(b, 50, 134);
	send_part(b, 133, 134); /* keep-alive */
	send_part(b, 250, 308);
	send_part(b, 250, 308);
	send_part(b, 240, 280);
	send_part(b, 130, 260);
	expect(b, "0 1 2 3 ");
	assert_int_equal(tcp_counts(b->t)->lost_bytes, 0);
	send_raw(b, b->first, b->bytes, 0, 0, SYN | ACK);
	send_part(b, 0, 308);
	expect(b, "");
}

static void test_wrap(void **state)
{
	struct bed *b = *state;
	b->first = UINT32_MAX - 70;
	syn(b);
	send_part(b, 100, 308);
	send_part(b, 0, 68);
	send_part(b, 60, 100);
	expect(b, "0 1 2 3 ");
}

static void test_flags(void **state)
{
	struct bed *b = *state;
	send_raw(b, b->first, b->bytes, 62, 62, SYN | ACK);
	expect(b, "0 ");
	send_raw(b, b->first + 62, b->bytes + 62, 72, 72, RST);
	expect(b, "");
	send_raw(b, b->first + 62, b->bytes + 62, 72, 72, FIN | ACK);
	expect(b, "1 ");
}

static void test_port_again(void **state)
{
	struct bed *b = *state;
	syn(b);
	send_part(b, 0, 62);
	send_part(b, 134, 216); /* waits behind a hole */
	expect(b, "0 ");
	b->first += 50000;
	syn(b);
	expect(b, "2 ");
	send_part(b, 0, 62);
	expect(b, "0 ");
	b->first += 1 << 30; /* and without a SYN */
	send_part(b, 70, 90);
	send_part(b, 0, 62);
	expect(b, "0 ");
}

static void test_joined_inside(void **state)
{
	struct bed *b = *state;
	send_part(b, 20, 62);
	send_part(b, 62, 100);
	expect(b, "");
	send_part(b, 100, 308);
	expect(b, "1 2 3 ");
	assert_int_equal(tcp_counts(b->t)->lost_bytes, 42);
}

static void test_hole_at_end(void **state)
{
	struct bed *b = *state;
	syn(b);
	send_part(b, 0, 80);
	send_part(b, 134, 308);
	expect(b, "0 ");
	finish(b);
	expect(b, "2 3 ");
	assert_int_equal(tcp_counts(b->t)->gaps, 1);
	assert_int_equal(tcp_counts(b->t)->lost_bytes, 18);
}

static void test_hole_given_up(void **state)
{
	struct bed *b = *state;
	while (b->messages < MESSAGES)
		append(b, 50);
	syn(b);
	send_part(b, 0, 62);
	for (uint32_t i = 2; i < 2 + TCP_STREAM_SEGMENTS; i++)
		send_part(b, b->at[i], b->at[i + 1]);
	expect(b, "0 ");
	send_part(b, b->at[34], b->at[35]);
	expect(b, "2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 ");
	assert_int_equal(tcp_counts(b->t)->overflowed, 1);
	send_part(b, b->at[1], b->at[2]);
	send_part(b, b->at[35], b->at[36]);
	expect(b, "35 ");
}

static void test_lying_length(void **state)
{
	struct bed *b = *state;
	syn(b);
	b->bytes[1] = 12; /* message 0 ends after its header; what follows is read as a length of 0x03xx */
	struct tcp_message m;
	struct segment g = {
	    .payload = b->bytes, .have = 62, .length = 62, .src = {.family = 4}, .seq = 9, .src_port = 1, .flags = SYN};
	tcp_add(b->t, &g, (struct tcp_mark){.time_ns = b->second * NS_PER_S, .number = (uint64_t)b->second});
	assert_true(tcp_next(b->t, &m));
	assert_int_equal(m.size, 12);
	assert_false(tcp_next(b->t, &m));
	g = (struct segment){
	    .payload = b->bytes + 62, .have = 154, .length = 154, .src = {.family = 4}, .seq = 9 + 62, .src_port = 1};
	tcp_add(b->t, &g, (struct tcp_mark){.time_ns = b->second * NS_PER_S, .number = (uint64_t)b->second});
	assert_true(tcp_next(b->t, &m));
	assert_ptr_equal(m.bytes, b->bytes + 64);
	assert_true(tcp_next(b->t, &m));
	assert_ptr_equal(m.bytes, b->bytes + 136);
	assert_false(tcp_next(b->t, &m));
	assert_int_equal(tcp_counts(b->t)->gaps, 1);
}

static void test_trailing_junk(void **state)
{
	struct bed *b = *state;
	static const uint8_t junk[] = {0x40, 0x40, 0x40};
	syn(b);
	send_part(b, 0, 62);
	send_raw(b, b->first + 62, junk, 3, 3, ACK);
	b->first += 3;
	send_part(b, 62, 134);
	send_part(b, 134, 308);
	expect(b, "0 1 2 3 ");
	assert_int_equal(tcp_counts(b->t)->lost_bytes, 3);
}

static void test_snap_length(void **state)
{
	struct bed *b = *state;
	syn(b);
	send_raw(b, b->first, b->bytes, 40, 90, ACK);
	expect(b, "0! ");
	send_raw(b, b->first + 90, b->bytes + 90, 20, 44, ACK);
	send_part(b, 134, 216);
	finish(b);
	expect(b, "2 ");
	/* a message over two segments, the second of them cut; the stream goes on where it would */
	b->port++;
	syn(b);
	send_part(b, 0, 20);
	send_raw(b, b->first + 20, b->bytes + 20, 10, 42, ACK);
	send_part(b, 62, 134);
	expect(b, "0! 1 ");
	/* the rest of a message that was given cut is not waited for */
	send_raw(b, b->first + 134, b->bytes + 134, 20, 30, ACK);
	send_part(b, 216, 308);
	expect(b, "2! 3 ");
}

static void test_silence(void **state)
{
	struct bed *b = *state;
	syn(b);
	send_part(b, 134, 216);
	b->second += TCP_SILENCE_S;
	send_part(b, 0, 30);
	expect(b, "");
	b->second += TCP_SILENCE_S + 1;
	send_part(b, 216, 308);
	expect(b, "2 3 ");
	assert_int_equal(tcp_counts(b->t)->expired, 1);
}

static void test_many_streams(void **state)
{
	struct bed *b = *state;
	syn(b);
	send_part(b, 62, 134); /* waits behind a hole */
	b->second++;
	b->waiting = b->port;
	for (uint32_t i = 0; i < TCP_STREAMS - 1; i++) {
		b->port++;
		syn(b);
	}
	expect(b, "");
	b->port++;
	syn(b);
	expect(b, "1 ");
	assert_int_equal(tcp_counts(b->t)->evicted, 1);
}

static void test_largest(void **state)
{
	struct bed *b = *state;
	append(b, 65535);
	syn(b);
	send_part(b, 0, 308);
	send_part(b, 308, 40000);
	send_part(b, 50000, b->size);
	send_part(b, 40000, 50000);
	expect(b, "0 1 2 3 4 ");
}

/* Random messages, cut anywhere, shuffled within a window, doubled, overlapping; over many sequence numbers. */
static void test_random(void **state)
{
	struct bed *b = *state;
	enum { CUTS = 400, NEAR = 12 };
	static struct {
		uint32_t from, to;
	} cut[CUTS];
	for (uint64_t round = 1; round <= 300; round++) {
		uint64_t seed = round * 0x9E3779B97F4A7C15;
		b->messages = b->size = 0;
		b->port++;
		b->first = round % 3 ? (uint32_t)next_random(&seed) : UINT32_MAX - 500;
		char want[4096] = "";
		size_t want_len = 0;
		while (b->messages < 30) {
			want_len += (size_t)snprintf(want + want_len, sizeof want - want_len, "%u ", b->messages);
			append(b, 28 + (uint32_t)(next_random(&seed) % (b->messages % 10 ? 300 : 4000)));
		}
		unsigned cuts = 0;
		uint32_t most = round % 2 ? 60 : 700;
		if (b->size / (most / 4) > CUTS)
			most = 700;
		for (uint32_t at = 0; at < b->size && cuts < CUTS; cuts++) {
			uint32_t len = 1 + (uint32_t)(next_random(&seed) % most);
			len = cuts == CUTS - 1 || len > b->size - at ? b->size - at : len;
			uint32_t back = next_random(&seed) % 4 ? 0 : (uint32_t)(next_random(&seed) % 100);
			cut[cuts].from = at - (back < at ? back : at);
			cut[cuts].to = at + len;
			at += len;
		}
		for (unsigned i = 0; i + 1 < cuts; i++) {
			unsigned j = i + (unsigned)(next_random(&seed) % NEAR);
			j = j < cuts ? j : cuts - 1;
			uint32_t from = cut[i].from, to = cut[i].to;
			/* the last of a window cannot be pushed on for ever */
			if (j / NEAR != i / NEAR)
				continue;
			cut[i] = cut[j];
			cut[j].from = from, cut[j].to = to;
		}
		syn(b);
		for (unsigned i = 0; i < cuts; i++) {
			send_part(b, cut[i].from, cut[i].to);
			if (next_random(&seed) % 5 == 0)
				send_part(b, cut[i].from, cut[i].to);
		}
		expect(b, want);
	}
	assert_int_equal(tcp_counts(b->t)->gaps, 0);
	assert_int_equal(tcp_counts(b->t)->lost_bytes, 0);
}

/* Segments nobody would send, of many streams: the bound on memory holds, and the work for each is small. */
static void test_flood(void **state)
{
	struct bed *b = *state;
	struct mallinfo2 before = mallinfo2();
	clock_t start = clock(); /* processor time: others may keep the machine busy */
	size_t most = 0;
	uint64_t seed = 4711;
	for (uint32_t i = 0; i < 1000000; i++) {
		uint64_t r = next_random(&seed);
		uint32_t length = r % 8 == 0 ? (uint32_t)(r >> 8) % 30000 : r % 2 ? 1 : (uint32_t)(r >> 8) % 1400;
		uint32_t seq = i % 3 == 0 ? (uint32_t)(r >> 30) : i % 3 == 1 ? (uint32_t)(r >> 30) % 60000 : i;
		struct segment g = {.payload = b->bytes + (r >> 20) % 300,
		    .have = r % 16 ? length : length / 2,
		    .length = length,
		    .seq = seq,
		    .src = {.family = 6},
		    .src_port = (uint16_t)(i % 2 ? 7 : r >> 40),
		    .flags = r >> 16 & 3 ? ACK : SYN};
		tcp_add(b->t, &g, (struct tcp_mark){.time_ns = b->second * NS_PER_S, .number = (uint64_t)b->second});
		struct tcp_message m;
		while (tcp_next(b->t, &m))
			assert_true(m.have <= m.size);
		if (i % 1024 == 0) {
			size_t used = mallinfo2().uordblks - before.uordblks;
			most = used > most ? used : most;
		}
	}
	assert_true(most < TCP_BYTES + (2 << 20));
	assert_true(clock() - start < 60 * CLOCKS_PER_SEC);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(in_order),
	    T(no_copy),
	    T(zero_length),
	    T(reordered),
	    T(reordered_without_syn),
	    T(syn_late),
	    T(retransmitted),
	    T(wrap),
	    T(flags),
	    T(port_again),
	    T(joined_inside),
	    T(hole_at_end),
	    T(hole_given_up),
	    T(lying_length),
	    T(trailing_junk),
	    T(snap_length),
	    T(silence),
	    T(many_streams),
	    T(largest),
	    T(random),
	    T(flood),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}

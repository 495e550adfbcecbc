/* Any bytes as a sequence of TCP segments and IP fragments: what comes out must be readable, its sizes must agree, and
 * the counters must add up. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dissect/pcap/frag.h"
#include "dissect/pcap/tcp.h"

enum { STEP = 8 }; /* bytes that say what a step is; the payload follows */

struct run {
	struct frags *frags;
	struct tcp *tcp;
	uint64_t messages;
	int64_t time_ns;
	volatile uint8_t sum;
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void touch(struct run *r, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		r->sum = (uint8_t)(r->sum + bytes[i]);
}

static void collect(struct run *r)
{
	struct tcp_message m;
	while (tcp_next(r->tcp, &m)) {
		must(m.have <= m.size && m.size <= UINT16_MAX && m.ends != NULL);
		touch(r, m.bytes, m.have);
		r->messages++;
	}
}

static void add_segment(struct run *r, const uint8_t *step, const uint8_t *payload, uint32_t have)
{
	struct segment g = {.payload = payload,
	    .have = have,
	    .length = have + (step[1] & 0x80 ? step[7] : 0),
	    .src = {.family = 4},
	    .dst = {.family = 4},
	    .dst_port = step[1] & 3,
	    .flags = step[1] >> 2 & 7};
	g.seq = (uint32_t)step[2] << 8 | step[3];
	if (step[1] & 0x40)
		g.seq += (uint32_t)step[7] << 24;
	tcp_add(r->tcp, &g, (struct tcp_mark){.time_ns = r->time_ns, .frame_length = have});
	collect(r);
}

static void add_fragment(struct run *r, const uint8_t *step, const uint8_t *payload, uint32_t have)
{
	struct frag_key key = {.src = {.family = 4}, .id = step[1] & 3, .proto = TRANSPORT_UDP};
	uint32_t offset = ((uint32_t)step[2] << 8 | step[3]) % 8192 * 8;
	const uint8_t *whole;
	size_t size;
	if (frags_add(r->frags, &key, offset, (step[1] & 4) != 0, payload, have, (step[1] & 0x80) != 0, r->time_ns,
	        &whole, &size)) {
		must(size > 0 && size <= FRAG_DATAGRAM_MAX);
		touch(r, whole, size);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct run r = {.frags = frags_new(), .tcp = tcp_new()};
	while (size >= STEP) {
		const uint8_t *step = bytes;
		size_t have = (size_t)step[5] << 8 | step[6];
		bytes += STEP, size -= STEP;
		have = have < size ? have : size;
		r.time_ns += (int64_t)step[4] * (step[4] > 250 ? 1000000000 : 1000000);
		/* A copy of its own, so that reading on is seen. */
		uint8_t *payload = malloc(have + 1);
		must(payload != NULL);
		memcpy(payload, bytes, have);
		if (step[0] & 1)
			add_segment(&r, step, payload, (uint32_t)have);
		else
			add_fragment(&r, step, payload, (uint32_t)have);
		free(payload);
		bytes += have, size -= have;
	}
	tcp_finish(r.tcp);
	collect(&r);
	must(tcp_counts(r.tcp)->messages == r.messages);
	tcp_free(&r.tcp);
	frags_free(&r.frags);
	return 0;
}

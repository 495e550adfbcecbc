/*
 * stream: the messages of one direction of a TCP connection, of which tcp keeps many. The rules are in
 * doc/formats/reassembly.md.
 *
 * Thread  one owner
 * Memory  what is held is counted in sums.bytes, at most TCP_STREAM_BYTES and one segment; nothing when nothing is held
 */
#ifndef DISSECT_PCAP_STREAM_H
#define DISSECT_PCAP_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dissect/pcap/tcp.h"

struct held; /* a segment that came early */

struct stream_sums {
	struct tcp_counts counts;
	size_t bytes; /* held by all streams */
};

/* Bytes that stand at stream.next, being read. */
struct run {
	const uint8_t *bytes;
	uint32_t have;   /* of them */
	uint32_t length; /* in the stream; more than have: cut by the snap length */
	struct tcp_mark mark;
	struct held *owner; /* of bytes; NULL: the segment just added */
};

struct stream {
	uint32_t start; /* sequence number it began at */
	uint32_t next;  /* and the next one wanted, when begun */
	uint32_t skip;  /* bytes from next on that belong to a message given cut */
	bool begun;
	bool started; /* by a SYN */
	bool adrift;  /* it is not known where the next message begins */
	bool given;   /* part was handed out and is done with */

	uint8_t *part; /* a message that is not complete, with its length */
	uint32_t part_have, part_room;
	struct tcp_mark part_mark;

	struct held *held; /* in stream order */
	uint32_t held_count, held_bytes;
	struct run run;
};

void stream_init(struct stream *s);
void stream_fini(struct stream *s, struct stream_sums *sums);

/* A SYN; false: it begins another stream. */
bool stream_start(struct stream *s, uint32_t seq, struct stream_sums *sums);
/* Does this segment belong to another stream than the one here? */
bool stream_far(const struct stream *s, uint32_t seq);
/* Could a message begin at these bytes? */
bool stream_begins(const uint8_t *bytes, size_t have);

/* A segment; what is not kept is borrowed until stream_next says false, which must be before the next call. */
void stream_add(struct stream *s, const struct segment *g, struct tcp_mark mark, struct stream_sums *sums);
/* The next message; last: no segment will come, what waits for one need not wait. Fills all but ends. */
bool stream_next(struct stream *s, bool last, struct tcp_message *out, struct stream_sums *sums);

static inline bool stream_holds(const struct stream *s)
{
	return s->held != NULL || s->part != NULL;
}

#endif

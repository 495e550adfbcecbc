/*
 * tcp: DNS messages out of TCP segments (RFC 1035 section 4.2.2, RFC 7766): two bytes of length, then the message, over
 * any segmentation. Segments out of order are put right, retransmissions are taken once, a hole that is not filled is
 * skipped at the next segment that plausibly begins a message.
 *
 * Bounded whatever comes: so many streams, so many bytes each and in all, so many seconds of silence by the capture's
 * clock; what goes is counted.
 *
 * Thread  one owner
 * Units   times in nanoseconds of the capture's clock
 * Memory  TCP_BYTES and 2 MiB, as streams come; an idle stream costs some 330 bytes
 */
#ifndef DISSECT_PCAP_TCP_H
#define DISSECT_PCAP_TCP_H

#include <stdbool.h>
#include <stdint.h>

#include "dissect/pcap/layers.h"

enum {
	TCP_STREAMS = 4096,           /* directions; the one silent longest goes */
	TCP_STREAM_BYTES = 128 << 10, /* held for one direction: a message of the largest size and what came early */
	TCP_STREAM_SEGMENTS = 32,     /* that came early */
	TCP_ADRIFT_SEGMENTS = 8,      /* the same while it is not known where messages begin */
	TCP_BYTES = 5 << 20,          /* held by all */
	TCP_SILENCE_S = 300,
	TCP_WINDOW = 1 << 20, /* a sequence number farther away is of another stream with the same ports */
};

struct tcp_counts {
	uint64_t messages;
	uint64_t reordered;     /* segments that came early and were put right */
	uint64_t retransmitted; /* segments of which all or the beginning was there already */
	uint64_t gaps;          /* places where the framing was lost: a hole, or a length that lied */
	uint64_t evicted;       /* streams that went for room */
	uint64_t expired;       /* streams that went for silence */
	uint64_t overflowed;    /* times that a stream held all it may, so that a hole was given up */
	uint64_t lost_bytes;    /* that gave no message */
};

/* Whose bytes they are, as struct segment has them. */
struct tcp_ends {
	struct ip src, dst, outer_src, outer_dst;
	uint16_t src_port, dst_port;
};

/* The frame that a segment came in. */
struct tcp_mark {
	int64_t time_ns; /* its own, or of the frame before */
	uint64_t number; /* in the capture; a later frame has a larger one */
	uint64_t offset; /* in the capture, bytes */
	uint32_t frame_length, captured;
	bool timed; /* time_ns is its own */
};

struct tcp_message {
	const uint8_t *bytes;        /* after the length; until the next call */
	uint32_t have;               /* of them; less than size: the message was cut by the snap length */
	uint32_t size;               /* as its length says */
	struct tcp_mark mark;        /* the latest frame that brought bytes of it */
	const struct tcp_ends *ends; /* until the next call; not always those of the segment just added */
};

struct tcp;

struct tcp *tcp_new(void);
void tcp_free(struct tcp **t);

/*
 * A segment of a stream that is DNS; its seq is the number of payload[0], with SYN too. Then tcp_next until it says
 * false: the messages that can be given now, in stream order. They may belong to another stream that had to go.
 */
void tcp_add(struct tcp *t, const struct segment *s, struct tcp_mark mark);
bool tcp_next(struct tcp *t, struct tcp_message *out);

/* No more segments: then tcp_next until it says false gives what was waiting behind holes. */
void tcp_finish(struct tcp *t);

const struct tcp_counts *tcp_counts(const struct tcp *t);

#endif

/*
 * tcp: DNS messages out of TCP segments (RFC 1035 section 4.2.2, RFC 7766): two bytes of length, then the message, over any segmentation. Segments out of
 * order are put right, retransmissions are taken once, a hole that is not filled is skipped at the next segment that plausibly begins a message.
 *
 * Bounded whatever comes: so many streams, so many bytes each and in all, so many seconds of silence by the capture's clock; what goes is counted.
 *
 * Thread  one owner
 */
#ifndef DISSECT_PCAP_TCP_H
#define DISSECT_PCAP_TCP_H

#include <stdbool.h>
#include <stdint.h>

#include "dissect/pcap/capture.h"
#include "dissect/pcap/layers.h"

enum {
	TCP_STREAMS = 4096,           /* directions; the one silent longest goes */
	TCP_STREAM_BYTES = 128 << 10, /* held for one direction: a message of the largest size and what came early */
	TCP_STREAM_SEGMENTS = 32,     /* that came early */
	TCP_BYTES = 8 << 20,          /* held by all */
	TCP_SILENCE_S = 300,
};

struct tcp_counts {
	uint64_t messages, reordered, retransmitted, gaps, evicted, expired, overflowed;
	uint64_t lost_bytes; /* of segments that gave no message */
};

struct tcp_message {
	const uint8_t *bytes; /* after the length; until the next call */
	uint32_t have;        /* of them; less than size: the message was cut by the snap length */
	uint32_t size;        /* as its length says */
};

struct tcp;

struct tcp *tcp_new(void);
void tcp_free(struct tcp **t);

/* A segment of a stream that is DNS. Then tcp_next until it says false: the messages that this segment completes, in stream order. */
void tcp_add(struct tcp *t, const struct segment *s, int64_t time_ns);
bool tcp_next(struct tcp *t, struct tcp_message *out);

const struct tcp_counts *tcp_counts(const struct tcp *t);

#endif

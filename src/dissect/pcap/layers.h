/*
 * layers: from a frame to what it carries over UDP, TCP or SCTP: link layer, tags, tunnels, IP with its extension
 * headers, fragments. doc/formats/capture.md lists what is seen through.
 *
 * Lengths in headers are believed only where they make less of a frame: what stands behind an IP datagram (padding, a
 * frame check sequence) is no payload. Checksums are not looked at.
 *
 * Thread  one owner
 * CPU     linear in the bytes of the frame, plus what frag.h says
 */
#ifndef DISSECT_PCAP_LAYERS_H
#define DISSECT_PCAP_LAYERS_H

#include <stdbool.h>
#include <stdint.h>

#include "data/type.h"
#include "dissect/pcap/capture.h"
#include "dissect/pcap/frag.h"

enum {
	LAYERS_DEPTH = 16,
	LAYERS_PORT_WORDS = 65536 / 64
}; /* IP headers and Ethernet headers that are followed in one frame */

enum { TRANSPORT_TCP = 6, TRANSPORT_UDP = 17, TRANSPORT_SCTP = 132, TRANSPORT_UDPLITE = 136 };

struct segment {
	const uint8_t *payload;         /* until the next frame */
	uint32_t have;                  /* of it in memory */
	uint32_t length;                /* as the headers say; more than have: cut by the snap length */
	struct ip src, dst;             /* of the IP header that carries it */
	struct ip outer_src, outer_dst; /* of the first IPv4 header in the frame; family 0 when there is none */
	uint16_t src_port, dst_port;
	uint8_t transport;
	bool quoted;      /* it stands in an ICMP error about somebody else's packet */
	bool reassembled; /* from IP fragments */
	uint32_t seq;     /* TCP: sequence number of payload[0] */
	uint8_t flags;    /* TCP: as in the header: FIN 1, SYN 2, RST 4, PSH 8, ACK 16 */
};

struct layers_counts {
	uint64_t unwanted;     /* frames whose ports nobody wants */
	uint64_t not_ip;       /* frames without IP inside, or of a link type that is not known */
	uint64_t unknown_link; /* of these, for their link type */
	uint64_t malformed;    /* a header that contradicts itself or lies outside the frame */
	uint64_t cut;          /* the snap length left no whole header */
	uint64_t other;        /* IP that carries something else, or nothing that can be read */
	uint64_t too_deep;
};

struct layers;

struct layers *layers_new(void);
void layers_free(struct layers **l);

/*
 * From now on only segments with one of these ports: bit p % 64 of word p / 64, LAYERS_PORT_WORDS of them, copied.
 * NULL: all, as after layers_new. Tunnels are followed whatever the filter says. Frames of the common kind that are not
 * wanted cost a few loads.
 */
void layers_set_ports(struct layers *l, const uint64_t *wanted);

/*
 * What a frame carries. TCP segments may be empty; others are not. Of SCTP: the first DATA chunk that is a whole
 * message.
 *
 * false: nothing (it is counted why), or a fragment that waits for others.
 */
bool layers_decode(struct layers *l, const struct frame *f, struct segment *out);
const struct layers_counts *layers_counts(const struct layers *l);
const struct frag_counts *layers_frag_counts(const struct layers *l);

#endif

/* UDP (RFC 768), UDP-Lite (RFC 3828), TCP (RFC 9293) and SCTP (RFC 9260): ports, and where the payload is. */
#include "dissect/pcap/walk.h"

enum { UDP_HEADER = 8, TCP_HEADER = 20, SCTP_HEADER = 12, SCTP_CHUNK = 4, SCTP_DATA = 16 };

enum { CHUNK_DATA = 0, CHUNK_WHOLE = 3 }; /* begin and end of a message in one chunk */

enum { PORT_DNS = 53, PORT_MDNS = 5353, PORT_LLMNR = 5355 };

/* The walk stands at the payload. */
static enum step found(struct walk *w, uint8_t transport, uint16_t src_port, uint16_t dst_port)
{
	struct segment *s = w->out;
	s->payload = w->at;
	s->have = w->have;
	s->length = w->length;
	s->src_port = src_port;
	s->dst_port = dst_port;
	s->transport = transport;
	s->seq = 0;
	s->flags = 0;
	return STEP_FOUND;
}

static enum step unwanted(struct walk *w)
{
	return walk_end(&w->layers->counts.unwanted);
}

static bool wanted(const struct walk *w, uint16_t src_port, uint16_t dst_port)
{
	return port_in(w->layers->wanted, src_port) || port_in(w->layers->wanted, dst_port);
}

/* Nothing captured of a datagram: neither UDP nor SCTP says anything without its payload. */
static enum step none_captured(struct walk *w)
{
	return walk_end(w->length > 0 ? &w->layers->counts.cut : &w->layers->counts.other);
}

/* A client's port may be that of a tunnel: the lower port says what it is, as everywhere. */
static enum step tunnel(struct walk *w, uint16_t src_port, uint16_t dst_port)
{
	uint16_t low = src_port < dst_port ? src_port : dst_port;
	uint16_t high = src_port < dst_port ? dst_port : src_port;
	if (low == PORT_DNS || low == PORT_MDNS || low == PORT_LLMNR)
		return STEP_NONE;
	enum step s = tunnel_step(w, low);
	return s != STEP_NONE ? s : tunnel_step(w, high);
}

enum step udp_step(struct walk *w)
{
	if (w->have < UDP_HEADER)
		return walk_short(w, UDP_HEADER);
	const uint8_t *p = w->at;
	uint16_t src_port = get_be16(p), dst_port = get_be16(p + 2);
	if (!port_in(w->layers->udp, src_port) && !port_in(w->layers->udp, dst_port))
		return unwanted(w);
	uint32_t length = get_be16(p + 4);
	if (length < UDP_HEADER)
		return walk_malformed(w);
	walk_clip(w, length);
	walk_skip(w, UDP_HEADER);
	enum step s = w->quoted ? STEP_NONE : tunnel(w, src_port, dst_port);
	if (s != STEP_NONE)
		return s;
	if (!wanted(w, src_port, dst_port))
		return unwanted(w);
	return w->have > 0 ? found(w, TRANSPORT_UDP, src_port, dst_port) : none_captured(w);
}

/* The checksum coverage stands where UDP has its length: IP says where the payload ends. */
enum step udplite_step(struct walk *w)
{
	if (w->have < UDP_HEADER)
		return walk_short(w, UDP_HEADER);
	uint16_t src_port = get_be16(w->at), dst_port = get_be16(w->at + 2);
	if (!wanted(w, src_port, dst_port))
		return unwanted(w);
	walk_skip(w, UDP_HEADER);
	return w->have > 0 ? found(w, TRANSPORT_UDPLITE, src_port, dst_port) : none_captured(w);
}

enum step tcp_step(struct walk *w)
{
	if (w->have < TCP_HEADER)
		return walk_short(w, TCP_HEADER);
	const uint8_t *p = w->at;
	uint16_t src_port = get_be16(p), dst_port = get_be16(p + 2);
	if (!wanted(w, src_port, dst_port))
		return unwanted(w);
	uint32_t header = (p[12] >> 4) * 4u;
	if (header < TCP_HEADER)
		return walk_malformed(w);
	if (w->have < header)
		return walk_short(w, header);
	walk_skip(w, header);
	found(w, TRANSPORT_TCP, src_port, dst_port);
	w->out->flags = p[13];
	/* SYN stands before the first byte of the payload in the sequence. */
	w->out->seq = get_be32(p + 4) + (p[13] >> 1 & 1);
	return STEP_FOUND;
}

/* RFC 9260 section 3.3.1. */
enum step sctp_step(struct walk *w)
{
	if (w->have < SCTP_HEADER)
		return walk_short(w, SCTP_HEADER);
	uint16_t src_port = get_be16(w->at), dst_port = get_be16(w->at + 2);
	if (!wanted(w, src_port, dst_port))
		return unwanted(w);
	walk_skip(w, SCTP_HEADER);
	while (w->have >= SCTP_CHUNK) {
		const uint8_t *p = w->at;
		uint32_t size = get_be16(p + 2), padded = (size + 3) & ~3u;
		if (size < SCTP_CHUNK)
			return walk_malformed(w);
		if (p[0] == CHUNK_DATA && (p[1] & CHUNK_WHOLE) == CHUNK_WHOLE && size > SCTP_DATA &&
		    w->have > SCTP_DATA) {
			walk_clip(w, size);
			walk_skip(w, SCTP_DATA);
			return found(w, TRANSPORT_SCTP, src_port, dst_port);
		}
		if (padded > w->have)
			break;
		walk_skip(w, padded);
	}
	return none_captured(w);
}

/*
 * fields: what the pcap-dns dissector can give. Rows of a table here; those above the line come from the packet, those
 * below from the message.
 */
#ifndef DISSECT_DNS_FIELDS_H
#define DISSECT_DNS_FIELDS_H

#include "data/type.h"

/* clang-format off */
#define DNS_FIELDS(X) \
	X(TIME, "time", TIME, "when the frame that completed the message was captured; never null (the frame before, or the archiving, where a frame has none)") \
	X(FRAME_TIME, "frame_time", TIME, "the same, null where the frame has none") \
	X(FRAME_LEN, "frame_len", U32, "bytes of that frame on the wire") \
	X(FRAME_NUMBER, "frame_number", U64, "its number in the capture, from 1") \
	X(SRC_ADDR, "src_addr", IP, "source of the IP header that carries the message") \
	X(DST_ADDR, "dst_addr", IP, "destination of it") \
	X(OUTER_SRC_ADDR, "outer_src_addr", IP, "source of the first IPv4 header in the frame") \
	X(OUTER_DST_ADDR, "outer_dst_addr", IP, "destination of it") \
	X(SRC_PORT, "src_port", U32, "source port") \
	X(DST_PORT, "dst_port", U32, "destination port") \
	X(TRANSPORT, "transport", U32, "IP protocol number: 6 TCP, 17 UDP, 132 SCTP, 136 UDP-Lite") \
	X(REASSEMBLED, "reassembled", U32, "1: from IP fragments") \
	X(MESSAGE_SIZE, "message_size", U32, "bytes of the message") \
	X(MALFORMED, "malformed", U32, "1: the message contradicts itself; the row holds what can be trusted") \
	X(ID, "id", U32, "transaction id") \
	X(RESPONSE, "response", U32, "QR: 1 response, 0 query") \
	X(OPCODE, "opcode", U32, "0 query, 4 notify, 5 update") \
	X(AA, "aa", U32, "authoritative answer") \
	X(TC, "tc", U32, "truncated") \
	X(RD, "rd", U32, "recursion desired") \
	X(RA, "ra", U32, "recursion available") \
	X(AD, "ad", U32, "authentic data") \
	X(CD, "cd", U32, "checking disabled") \
	X(RCODE, "rcode", U32, "the four bits in the header") \
	X(EXTENDED_RCODE, "extended_rcode", U32, "with the eight bits of OPT") \
	X(QDCOUNT, "qdcount", U32, "questions, as the header says") \
	X(ANCOUNT, "ancount", U32, "answers, as the header says") \
	X(NSCOUNT, "nscount", U32, "authority records, as the header says") \
	X(ARCOUNT, "arcount", U32, "additional records, as the header says") \
	X(NAME, "name", BYTES, "owner of the first record that is not OPT, else the name asked; see options names and compat") \
	X(TYPE, "type", U32, "its type") \
	X(CLASS, "class", U32, "its class") \
	X(A, "a", IP, "the first IPv4 address that a record holds") \
	X(QNAME, "qname", BYTES, "name of the first question") \
	X(QTYPE, "qtype", U32, "its type") \
	X(QCLASS, "qclass", U32, "its class") \
	X(QUESTIONS, "questions", BYTES, "all of them: JSON array of objects name, type, class") \
	X(ANSWERS, "answers", BYTES, "all answer records: JSON array of objects name, type, class, ttl, data") \
	X(AUTHORITIES, "authorities", BYTES, "authority records, as answers") \
	X(ADDITIONALS, "additionals", BYTES, "additional records but OPT, as answers") \
	X(ADDRESSES, "addresses", BYTES, "every A and AAAA of the answers: JSON array of texts") \
	X(CNAMES, "cnames", BYTES, "every CNAME of the answers: JSON array of texts") \
	X(TTL, "ttl", U32, "seconds, of the record that gave name") \
	X(EDNS_VERSION, "edns_version", U32, "of OPT; null without") \
	X(EDNS_UDP_SIZE, "edns_udp_size", U32, "largest response that the sender takes over UDP") \
	X(EDNS_DO, "edns_do", U32, "DNSSEC OK") \
	X(EDNS_OPTIONS, "edns_options", BYTES, "options of OPT: JSON array of objects code, name, data") \
	X(CLIENT_SUBNET, "client_subnet", BYTES, "EDNS client subnet: address/source prefix")
/* clang-format on */

enum dns_field {
#define X(id, name, type, help) DNS_FIELD_##id,
	DNS_FIELDS(X)
#undef X
	    DNS_FIELD_COUNT
};

extern const struct field dns_field[DNS_FIELD_COUNT];

#endif

/*
 * fields: the catalogue of what an nfcapd file can carry, and where each field lies in which record.
 *
 * A record is of the old form (types 1 and 10, extensions told by a map) or of the new one (type 11, elements that tell
 * themselves). Places of one field stand together, the better one first.
 */
#ifndef DISSECT_NFCAPD_FIELDS_H
#define DISSECT_NFCAPD_FIELDS_H

#include <stdint.h>

#include "data/type.h"

/* clang-format off */
#define NFCAPD_FIELDS(X) \
	X(TIME, "time", TIME, "when the flow counts: received, else event, else last, else first, else the slot of the file name") \
	X(DURATION, "duration", F32, "last less first in seconds; 0 when negative or without both") \
	X(RECEIVED, "received", TIME, "when the collector received the record (element 1, extension 27)") \
	X(FIRST, "first", TIME, "first packet (element 1)") \
	X(LAST, "last", TIME, "last packet (element 1)") \
	X(EVENT_TIME, "event_time", TIME, "when an event happened (elements 19, 25, extension 37)") \
	X(SRC_ADDR, "src_addr", IP, "source address (elements 2, 3)") \
	X(DST_ADDR, "dst_addr", IP, "destination address (elements 2, 3)") \
	X(SRC_ADDR_6, "src_addr_6", IP, "IPv6 source address of a record, also of one that carries an IPv4 one too (element 3)") \
	X(DST_ADDR_6, "dst_addr_6", IP, "IPv6 destination address of a record, also of one that carries an IPv4 one too (element 3)") \
	X(SRC_PORT, "src_port", U32, "source port (element 1)") \
	X(DST_PORT, "dst_port", U32, "destination port; ICMP: type * 256 + code (element 1)") \
	X(PROTO, "proto", U32, "IP protocol (element 1)") \
	X(TCP_FLAGS, "tcp_flags", U32, "TCP flags of all packets (element 1)") \
	X(FWD_STATUS, "fwd_status", U32, "forwarding status (element 1)") \
	X(SRC_TOS, "src_tos", U32, "type of service, incoming (element 1)") \
	X(IN_PACKETS, "in_packets", U64, "packets, multiplied by the sampling rate already (element 1)") \
	X(IN_BYTES, "in_bytes", U64, "bytes, multiplied by the sampling rate already (element 1)") \
	X(OUT_PACKETS, "out_packets", U64, "packets of the other direction (element 5, extensions 14, 15)") \
	X(OUT_BYTES, "out_bytes", U64, "bytes of the other direction (element 5, extensions 16, 17)") \
	X(FLOWS, "flows", U64, "flows aggregated into this one (element 5, extensions 18, 19)") \
	X(INPUT_IF, "input_if", U32, "input interface, SNMP index (element 4, extensions 4, 5)") \
	X(OUTPUT_IF, "output_if", U32, "output interface, SNMP index (element 4, extensions 4, 5)") \
	X(SRC_MASK, "src_mask", U32, "source prefix length (element 4, extension 8)") \
	X(DST_MASK, "dst_mask", U32, "destination prefix length (element 4, extension 8)") \
	X(DIRECTION, "direction", U32, "0 ingress, 1 egress (element 4, extension 8)") \
	X(DST_TOS, "dst_tos", U32, "type of service, outgoing (element 4, extension 8)") \
	X(BIFLOW_DIR, "biflow_dir", U32, "biflow direction (element 4)") \
	X(END_REASON, "end_reason", U32, "why the exporter ended the flow (element 4)") \
	X(REV_TCP_FLAGS, "rev_tcp_flags", U32, "TCP flags of the other direction (element 4 since nfdump 1.7.1)") \
	X(SRC_VLAN, "src_vlan", U32, "VLAN, incoming (element 6, extension 13)") \
	X(DST_VLAN, "dst_vlan", U32, "VLAN, outgoing (element 6, extension 13)") \
	X(SRC_AS, "src_as", U32, "source AS number (element 7, extensions 6, 7)") \
	X(DST_AS, "dst_as", U32, "destination AS number (element 7, extensions 6, 7)") \
	X(NEXT_AS, "next_as", U32, "next adjacent AS number (element 16, extension 26)") \
	X(PREV_AS, "prev_as", U32, "previous adjacent AS number (element 16, extension 26)") \
	X(BGP_NEXT_HOP, "bgp_next_hop", IP, "BGP next hop (elements 8, 9, extensions 11, 12)") \
	X(NEXT_HOP, "next_hop", IP, "next hop (elements 10, 11, extensions 9, 10)") \
	X(EXPORTER_ADDR, "exporter_addr", IP, "router that sent the record (elements 12, 13, extensions 23, 24, else the exporter record)") \
	X(EXPORTER_ID, "exporter_id", U32, "number of the exporter in this file") \
	X(EXPORTER_SOURCE, "exporter_source", U32, "source or observation domain id (exporter record)") \
	X(EXPORTER_VERSION, "exporter_version", U32, "5, 9, 10; 9999 is sFlow (exporter record)") \
	X(ENGINE_TYPE, "engine_type", U32, "engine type; v9: bits 8..15 of the source id") \
	X(ENGINE_ID, "engine_id", U32, "engine id; v9: bits 0..7 of the source id") \
	X(RECORD_FLAGS, "record_flags", U32, "1 event, 2 sampled, 4 anonymised") \
	X(NF_VERSION, "nf_version", U32, "NetFlow version 1, 5, 9, 10; 65 nfpcapd; 128 and more sFlow") \
	X(MPLS_1, "mpls_1", U32, "MPLS label stack entry 1, label << 4 | exp << 1 | bottom (element 14, extension 22)") \
	X(MPLS_2, "mpls_2", U32, "MPLS label stack entry 2") \
	X(MPLS_3, "mpls_3", U32, "MPLS label stack entry 3") \
	X(MPLS_4, "mpls_4", U32, "MPLS label stack entry 4") \
	X(MPLS_5, "mpls_5", U32, "MPLS label stack entry 5") \
	X(MPLS_6, "mpls_6", U32, "MPLS label stack entry 6") \
	X(MPLS_7, "mpls_7", U32, "MPLS label stack entry 7") \
	X(MPLS_8, "mpls_8", U32, "MPLS label stack entry 8") \
	X(MPLS_9, "mpls_9", U32, "MPLS label stack entry 9") \
	X(MPLS_10, "mpls_10", U32, "MPLS label stack entry 10") \
	X(IN_SRC_MAC, "in_src_mac", U64, "source MAC, incoming (element 15, extension 20)") \
	X(OUT_DST_MAC, "out_dst_mac", U64, "destination MAC, outgoing (element 15, extension 20)") \
	X(IN_DST_MAC, "in_dst_mac", U64, "destination MAC, incoming (element 15, extension 21)") \
	X(OUT_SRC_MAC, "out_src_mac", U64, "source MAC, outgoing (element 15, extension 21)") \
	X(CLIENT_LATENCY, "client_latency", U64, "microseconds (element 17, extension 45)") \
	X(SERVER_LATENCY, "server_latency", U64, "microseconds (element 17, extension 45)") \
	X(APP_LATENCY, "app_latency", U64, "microseconds (element 17, extension 45)") \
	X(SAMPLER_ID, "sampler_id", I64, "sampler (element 18)") \
	X(SAMPLER_EXPORTER, "sampler_exporter", U32, "exporter of the sampler (element 18)") \
	X(SAMPLER_INTERVAL, "sampler_interval", U32, "sampling interval (element 18 before nfdump 1.7.2)") \
	X(SAMPLER_MODE, "sampler_mode", U32, "sampling mode (element 18 before nfdump 1.7.2)") \
	X(CONN_ID, "conn_id", U32, "NSEL connection (element 19, extension 37)") \
	X(FW_EVENT, "fw_event", U32, "NSEL event (element 19, extension 37)") \
	X(FW_XEVENT, "fw_xevent", U32, "NSEL extended event (element 19, extension 37)") \
	X(SGT, "sgt", U32, "security group tag (extension 37)") \
	X(NSEL_ICMP, "nsel_icmp", U32, "ICMP type * 256 + code of an event (extension 37)") \
	X(XLATE_SRC_ADDR, "xlate_src_addr", IP, "translated source address (elements 20, 21, extensions 39, 40)") \
	X(XLATE_DST_ADDR, "xlate_dst_addr", IP, "translated destination address (elements 20, 21, extensions 39, 40)") \
	X(XLATE_SRC_PORT, "xlate_src_port", U32, "translated source port (element 22, extension 38)") \
	X(XLATE_DST_PORT, "xlate_dst_port", U32, "translated destination port (element 22, extension 38)") \
	X(ACL_IN_1, "acl_in_1", U32, "ingress ACL (element 23, extension 41)") \
	X(ACL_IN_2, "acl_in_2", U32, "ingress ACL entry (element 23, extension 41)") \
	X(ACL_IN_3, "acl_in_3", U32, "ingress ACL extended entry (element 23, extension 41)") \
	X(ACL_OUT_1, "acl_out_1", U32, "egress ACL (element 23, extension 41)") \
	X(ACL_OUT_2, "acl_out_2", U32, "egress ACL entry (element 23, extension 41)") \
	X(ACL_OUT_3, "acl_out_3", U32, "egress ACL extended entry (element 23, extension 41)") \
	X(USER, "user", BYTES, "NSEL user name (element 24, extensions 42, 43)") \
	X(NAT_EVENT, "nat_event", U32, "NAT event (element 25, extension 46)") \
	X(NAT_FLAGS, "nat_flags", U32, "NAT flags (extension 46)") \
	X(NAT_POOL, "nat_pool", U32, "NAT pool (element 25)") \
	X(EGRESS_VRF, "egress_vrf", U32, "egress VRF (elements 36, 25 of nfdump 1.7.0, extension 46)") \
	X(INGRESS_VRF, "ingress_vrf", U32, "ingress VRF (elements 36, 25 of nfdump 1.7.0, extension 46)") \
	X(BLOCK_START, "block_start", U32, "port block start (element 26, extension 48)") \
	X(BLOCK_END, "block_end", U32, "port block end (element 26, extension 48)") \
	X(BLOCK_STEP, "block_step", U32, "port block step (element 26, extension 48)") \
	X(BLOCK_SIZE, "block_size", U32, "port block size (element 26, extension 48)") \
	X(APP_ID, "app_id", BYTES, "NBAR application: engine and selector octets (element 27)") \
	X(LABEL, "label", BYTES, "label text (element 28)") \
	X(IN_PAYLOAD, "in_payload", BYTES, "first payload octets, zero padded to 4 (element 29)") \
	X(OUT_PAYLOAD, "out_payload", BYTES, "payload of the other direction (element 30)") \
	X(TUNNEL_SRC, "tunnel_src", IP, "outer source address (elements 31, 32)") \
	X(TUNNEL_DST, "tunnel_dst", IP, "outer destination address (elements 31, 32)") \
	X(TUNNEL_PROTO, "tunnel_proto", U32, "outer IP protocol (elements 31, 32)") \
	X(OBSERVATION_POINT, "observation_point", U64, "observation point (element 33)") \
	X(OBSERVATION_DOMAIN, "observation_domain", U32, "observation domain (element 33)") \
	X(IF_NAME, "if_name", BYTES, "interface name (element 34 before nfdump 1.7.3)") \
	X(VRF_NAME, "vrf_name", BYTES, "VRF name (element 35 before nfdump 1.7.3)") \
	X(FRAME_SIZE, "frame_size", U32, "sFlow frame size (element 34 since nfdump 1.7.3)") \
	X(FRAME_LINK, "frame_link", U32, "sFlow frame link type (element 34 since nfdump 1.7.3)") \
	X(FRAME, "frame", BYTES, "sFlow raw frame (element 35 since nfdump 1.7.3)") \
	X(PF_ACTION, "pf_action", U32, "pflog action (element 37)") \
	X(PF_REASON, "pf_reason", U32, "pflog reason (element 37)") \
	X(PF_DIR, "pf_dir", U32, "pflog direction (element 37)") \
	X(PF_REWRITTEN, "pf_rewritten", U32, "pflog: was the packet rewritten (element 37)") \
	X(PF_RULE, "pf_rule", U32, "pflog rule (element 37)") \
	X(PF_SUBRULE, "pf_subrule", U32, "pflog subrule (element 37)") \
	X(PF_UID, "pf_uid", U32, "pflog user (element 37)") \
	X(PF_PID, "pf_pid", U32, "pflog process (element 37)") \
	X(PF_IF_NAME, "pf_if_name", BYTES, "pflog interface name (element 37)") \
	X(VLAN, "vlan", U32, "layer 2 VLAN (element 38)") \
	X(CUSTOMER_VLAN, "customer_vlan", U32, "customer VLAN (element 38)") \
	X(POST_VLAN, "post_vlan", U32, "VLAN after the observation point (element 38)") \
	X(POST_CUSTOMER_VLAN, "post_customer_vlan", U32, "customer VLAN after the observation point (element 38)") \
	X(PHYS_INPUT_IF, "phys_input_if", U32, "physical input interface (element 38)") \
	X(PHYS_OUTPUT_IF, "phys_output_if", U32, "physical output interface (element 38)") \
	X(VXLAN, "vxlan", U64, "layer 2 segment (element 38)") \
	X(ETHER_TYPE, "ether_type", U32, "Ethernet type (element 38)") \
	X(IP_VERSION, "ip_version", U32, "IP version (element 38)") \
	X(FLOW_ID, "flow_id", U64, "flow id (element 39)") \
	X(IN_SERVICE, "in_service", U32, "Nokia NAT inside service (element 40)") \
	X(OUT_SERVICE, "out_service", U32, "Nokia NAT outside service (element 40)") \
	X(NAT_STRING, "nat_string", BYTES, "Nokia NAT sub string (element 41)") \
	X(IP_FRAGMENT, "ip_fragment", U32, "IP fragment flags: 64 don't, 32 more (element 42)") \
	X(MIN_TTL, "min_ttl", U32, "least time to live (element 42)") \
	X(MAX_TTL, "max_ttl", U32, "greatest time to live (element 42)")
/* clang-format on */

enum nfcapd_field {
#define X(id, name, type, help) FIELD_##id,
	NFCAPD_FIELDS(X)
#undef X
	    NFCAPD_FIELD_COUNT
};

extern const struct field nfcapd_field[NFCAPD_FIELD_COUNT];

/* How a value is read. The name says from what into what. */
enum load {
	LOAD_U8,
	LOAD_U16,
	LOAD_U32,
	LOAD_BE32,
	LOAD_OLD_FLAGS, /* flags of an old record as those of a new one */
	LOAD_WIDE32,    /* u32 into u64 */
	LOAD_U64,       /* also a signed one */
	LOAD_INT32,     /* i32 into i64 */
	LOAD_FLOWS32,   /* 0 means 1 */
	LOAD_FLOWS64,
	LOAD_MS,        /* u64 milliseconds */
	LOAD_OLD_FIRST, /* seconds and milliseconds apart, counted from the record */
	LOAD_OLD_LAST,
	LOAD_IP4,
	LOAD_IP6,
	LOAD_EITHER,     /* IPv4 unless it is zero, else IPv6: some routers fill in the elements of both */
	LOAD_EITHER_SRC, /* the same for one of two addresses, by both being zero */
	LOAD_EITHER_DST,
	LOAD_BYTES,  /* whole payload from the offset on */
	LOAD_TEXT,   /* the same up to a NUL */
	LOAD_STORED, /* from here on no bytes of the record are named by the place */
	LOAD_TIME = LOAD_STORED,
	LOAD_DURATION,
	LOAD_EXPORTER_ADDR, /* of the exporter record with this record's number */
	LOAD_EXPORTER_SOURCE,
	LOAD_EXPORTER_VERSION,
	LOAD_NULL,
};

/* Bytes that a load reads, at least. */
unsigned load_width(enum load load);

enum form { FORM_OLD, FORM_NEW };

/* What a place holds for: elements 34 and 35 changed their meaning with nfdump 1.7.3, record type 1 has a shorter head
 * than type 10. */
enum when { WHEN_ALWAYS, WHEN_BEFORE_173, WHEN_SINCE_173, WHEN_TYPE_1, WHEN_TYPE_10 };

/* Ids of places that are no element and no extension: the record itself, and what every old record has, told by its
 * flags. */
enum {
	PLACE_RECORD = 0,
	PLACE_ADDR4 = 64,
	PLACE_ADDR6,
	PLACE_PACKETS32,
	PLACE_PACKETS64,
	PLACE_BYTES32,
	PLACE_BYTES64,
	PLACE_IDS
};

struct place {
	uint8_t field; /* enum nfcapd_field */
	uint8_t form;  /* enum form */
	uint8_t load;  /* enum load */
	uint8_t when;  /* enum when */
	uint16_t id;   /* element or extension, or PLACE_* */
	uint16_t offset;
	uint16_t least, most; /* payload lengths it holds for */
};

extern const struct place nfcapd_place[];
extern const unsigned nfcapd_places;

/* Bytes of an extension of the old form, 0 for one that nobody knows. */
unsigned extension_size(unsigned id);

#endif

/* The catalogue as tables: names and types from the list in the header, and every place where a record keeps a field.
 */
#include "dissect/nfcapd/fields.h"

const struct field nfcapd_field[NFCAPD_FIELD_COUNT] = {
#define X(id, name, type, help) [FIELD_##id] = {name, TYPE_##type, help},
    NFCAPD_FIELDS(X)
#undef X
};

_Static_assert(NFCAPD_FIELD_COUNT <= UINT8_MAX, "a place names its field in one byte");

#define ANY_LENGTH 0, UINT16_MAX
/* A field at an offset of the payload of an element, of an extension, or of the record itself. */
#define NEW(name, how, element, at)                                                                                    \
	{                                                                                                              \
		FIELD_##name, FORM_NEW, LOAD_##how, WHEN_ALWAYS, element, at, ANY_LENGTH                               \
	}
#define OLD(name, how, extension, at)                                                                                  \
	{                                                                                                              \
		FIELD_##name, FORM_OLD, LOAD_##how, WHEN_ALWAYS, extension, at, ANY_LENGTH                             \
	}
#define SIZED(name, how, element, at, n)                                                                               \
	{                                                                                                              \
		FIELD_##name, FORM_NEW, LOAD_##how, WHEN_ALWAYS, element, at, n, n                                     \
	}
#define SINCE(name, how, element, at, time)                                                                            \
	{                                                                                                              \
		FIELD_##name, FORM_NEW, LOAD_##how, WHEN_##time, element, at, ANY_LENGTH                               \
	}
/* In the head of record type 1 or 10. */
#define HEAD(name, how, type, at)                                                                                      \
	{                                                                                                              \
		FIELD_##name, FORM_OLD, LOAD_##how, WHEN_TYPE_##type, PLACE_RECORD, at, ANY_LENGTH                     \
	}

/* clang-format off */

/*
 * Places of one field stand together. An IPv4 exporter goes before an IPv6 one: nfdump 1.7.1 converting layout 1 stores a BGP next
 * hop as a bogus element 13.
 */
const struct place nfcapd_place[] = {
    NEW(RECEIVED, MS, 1, 16), OLD(RECEIVED, MS, 27, 0),
    NEW(FIRST, MS, 1, 0), OLD(FIRST, OLD_FIRST, PLACE_RECORD, 0),
    NEW(LAST, MS, 1, 8), OLD(LAST, OLD_LAST, PLACE_RECORD, 0),
    NEW(EVENT_TIME, MS, 19, 0), NEW(EVENT_TIME, MS, 25, 0), OLD(EVENT_TIME, MS, 37, 0),
    NEW(SRC_ADDR, IP4, 2, 0), NEW(SRC_ADDR, IP6, 3, 0),
    OLD(SRC_ADDR, IP4, PLACE_ADDR4, 0), OLD(SRC_ADDR, IP6, PLACE_ADDR6, 0),
    NEW(DST_ADDR, IP4, 2, 4), NEW(DST_ADDR, IP6, 3, 16),
    OLD(DST_ADDR, IP4, PLACE_ADDR4, 4), OLD(DST_ADDR, IP6, PLACE_ADDR6, 16),
    NEW(SRC_ADDR_6, IP6, 3, 0), OLD(SRC_ADDR_6, IP6, PLACE_ADDR6, 0), NEW(DST_ADDR_6, IP6, 3, 16),
    OLD(DST_ADDR_6, IP6, PLACE_ADDR6, 16),
    NEW(SRC_PORT, U16, 1, 40), OLD(SRC_PORT, U16, PLACE_RECORD, 24),
    NEW(DST_PORT, U16, 1, 42), OLD(DST_PORT, U16, PLACE_RECORD, 26),
    NEW(PROTO, U8, 1, 44), OLD(PROTO, U8, PLACE_RECORD, 22),
    NEW(TCP_FLAGS, U8, 1, 45), OLD(TCP_FLAGS, U8, PLACE_RECORD, 21),
    NEW(FWD_STATUS, U8, 1, 46), OLD(FWD_STATUS, U8, PLACE_RECORD, 20),
    NEW(SRC_TOS, U8, 1, 47), OLD(SRC_TOS, U8, PLACE_RECORD, 23),
    NEW(IN_PACKETS, U64, 1, 24), OLD(IN_PACKETS, WIDE32, PLACE_PACKETS32, 0), OLD(IN_PACKETS, U64, PLACE_PACKETS64, 0),
    NEW(IN_BYTES, U64, 1, 32), OLD(IN_BYTES, WIDE32, PLACE_BYTES32, 0), OLD(IN_BYTES, U64, PLACE_BYTES64, 0),
    NEW(OUT_PACKETS, U64, 5, 8), OLD(OUT_PACKETS, WIDE32, 14, 0), OLD(OUT_PACKETS, U64, 15, 0),
    NEW(OUT_BYTES, U64, 5, 16), OLD(OUT_BYTES, WIDE32, 16, 0), OLD(OUT_BYTES, U64, 17, 0),
    NEW(FLOWS, FLOWS64, 5, 0), OLD(FLOWS, FLOWS32, 18, 0), OLD(FLOWS, FLOWS64, 19, 0),
    NEW(INPUT_IF, U32, 4, 0), OLD(INPUT_IF, U16, 4, 0), OLD(INPUT_IF, U32, 5, 0),
    NEW(OUTPUT_IF, U32, 4, 4), OLD(OUTPUT_IF, U16, 4, 2), OLD(OUTPUT_IF, U32, 5, 4),
    NEW(SRC_MASK, U8, 4, 8), OLD(SRC_MASK, U8, 8, 2),
    NEW(DST_MASK, U8, 4, 9), OLD(DST_MASK, U8, 8, 3),
    NEW(DIRECTION, U8, 4, 10), OLD(DIRECTION, U8, 8, 1),
    NEW(DST_TOS, U8, 4, 11), OLD(DST_TOS, U8, 8, 0),
    NEW(BIFLOW_DIR, U8, 4, 12), HEAD(BIFLOW_DIR, U8, 10, 30), NEW(END_REASON, U8, 4, 13), HEAD(END_REASON, U8, 10, 31),
    NEW(REV_TCP_FLAGS, U8, 4, 14),
    NEW(SRC_VLAN, U32, 6, 0), OLD(SRC_VLAN, U16, 13, 0),
    NEW(DST_VLAN, U32, 6, 4), OLD(DST_VLAN, U16, 13, 2),
    NEW(SRC_AS, U32, 7, 0), OLD(SRC_AS, U16, 6, 0), OLD(SRC_AS, U32, 7, 0),
    NEW(DST_AS, U32, 7, 4), OLD(DST_AS, U16, 6, 2), OLD(DST_AS, U32, 7, 4),
    NEW(NEXT_AS, U32, 16, 0), OLD(NEXT_AS, U32, 26, 0),
    NEW(PREV_AS, U32, 16, 4), OLD(PREV_AS, U32, 26, 4),
    NEW(BGP_NEXT_HOP, IP4, 8, 0), NEW(BGP_NEXT_HOP, IP6, 9, 0),
    OLD(BGP_NEXT_HOP, IP4, 11, 0), OLD(BGP_NEXT_HOP, IP6, 12, 0),
    NEW(NEXT_HOP, IP4, 10, 0), NEW(NEXT_HOP, IP6, 11, 0), OLD(NEXT_HOP, IP4, 9, 0), OLD(NEXT_HOP, IP6, 10, 0),
    NEW(EXPORTER_ADDR, IP4, 12, 0), NEW(EXPORTER_ADDR, IP6, 13, 0),
    OLD(EXPORTER_ADDR, IP4, 23, 0), OLD(EXPORTER_ADDR, IP6, 24, 0),
    NEW(EXPORTER_ID, U16, PLACE_RECORD, 8), HEAD(EXPORTER_ID, U16, 10, 28), HEAD(EXPORTER_ID, U8, 1, 5),
    NEW(ENGINE_TYPE, U8, PLACE_RECORD, 6), OLD(ENGINE_TYPE, U8, 25, 2),
    NEW(ENGINE_ID, U8, PLACE_RECORD, 7), OLD(ENGINE_ID, U8, 25, 3),
    NEW(RECORD_FLAGS, U8, PLACE_RECORD, 10), OLD(RECORD_FLAGS, OLD_FLAGS, PLACE_RECORD, 4),
    NEW(NF_VERSION, U8, PLACE_RECORD, 11), HEAD(NF_VERSION, U8, 10, 5),
    NEW(MPLS_1, U32, 14, 0), OLD(MPLS_1, U32, 22, 0), NEW(MPLS_2, U32, 14, 4), OLD(MPLS_2, U32, 22, 4),
    NEW(MPLS_3, U32, 14, 8), OLD(MPLS_3, U32, 22, 8), NEW(MPLS_4, U32, 14, 12), OLD(MPLS_4, U32, 22, 12),
    NEW(MPLS_5, U32, 14, 16), OLD(MPLS_5, U32, 22, 16), NEW(MPLS_6, U32, 14, 20), OLD(MPLS_6, U32, 22, 20),
    NEW(MPLS_7, U32, 14, 24), OLD(MPLS_7, U32, 22, 24), NEW(MPLS_8, U32, 14, 28), OLD(MPLS_8, U32, 22, 28),
    NEW(MPLS_9, U32, 14, 32), OLD(MPLS_9, U32, 22, 32), NEW(MPLS_10, U32, 14, 36), OLD(MPLS_10, U32, 22, 36),
    NEW(IN_SRC_MAC, U64, 15, 0), OLD(IN_SRC_MAC, U64, 20, 0),
    NEW(OUT_DST_MAC, U64, 15, 8), OLD(OUT_DST_MAC, U64, 20, 8),
    NEW(IN_DST_MAC, U64, 15, 16), OLD(IN_DST_MAC, U64, 21, 0),
    NEW(OUT_SRC_MAC, U64, 15, 24), OLD(OUT_SRC_MAC, U64, 21, 8),
    NEW(CLIENT_LATENCY, U64, 17, 0), OLD(CLIENT_LATENCY, U64, 45, 0),
    NEW(SERVER_LATENCY, U64, 17, 8), OLD(SERVER_LATENCY, U64, 45, 8),
    NEW(APP_LATENCY, U64, 17, 16), OLD(APP_LATENCY, U64, 45, 16),
    SIZED(SAMPLER_ID, INT32, 18, 0, 12), SIZED(SAMPLER_ID, U64, 18, 0, 16),
    SIZED(SAMPLER_EXPORTER, U16, 18, 10, 12), SIZED(SAMPLER_EXPORTER, U16, 18, 8, 16),
    SIZED(SAMPLER_INTERVAL, U32, 18, 4, 12), SIZED(SAMPLER_MODE, U16, 18, 8, 12),
    NEW(CONN_ID, U32, 19, 8), OLD(CONN_ID, U32, 37, 8),
    NEW(FW_EVENT, U8, 19, 14), OLD(FW_EVENT, U8, 37, 14),
    NEW(FW_XEVENT, U16, 19, 12), OLD(FW_XEVENT, U16, 37, 16),
    OLD(SGT, U16, 37, 18), OLD(NSEL_ICMP, U16, 37, 12),
    NEW(XLATE_SRC_ADDR, IP4, 20, 0), NEW(XLATE_SRC_ADDR, IP6, 21, 0),
    OLD(XLATE_SRC_ADDR, IP4, 39, 0), OLD(XLATE_SRC_ADDR, IP6, 40, 0),
    NEW(XLATE_DST_ADDR, IP4, 20, 4), NEW(XLATE_DST_ADDR, IP6, 21, 16),
    OLD(XLATE_DST_ADDR, IP4, 39, 4), OLD(XLATE_DST_ADDR, IP6, 40, 16),
    NEW(XLATE_SRC_PORT, U16, 22, 0), OLD(XLATE_SRC_PORT, U16, 38, 0),
    NEW(XLATE_DST_PORT, U16, 22, 2), OLD(XLATE_DST_PORT, U16, 38, 2),
    NEW(ACL_IN_1, BE32, 23, 0), OLD(ACL_IN_1, U32, 41, 0), NEW(ACL_IN_2, BE32, 23, 4), OLD(ACL_IN_2, U32, 41, 4),
    NEW(ACL_IN_3, BE32, 23, 8), OLD(ACL_IN_3, U32, 41, 8), NEW(ACL_OUT_1, BE32, 23, 12), OLD(ACL_OUT_1, U32, 41, 12),
    NEW(ACL_OUT_2, BE32, 23, 16), OLD(ACL_OUT_2, U32, 41, 16),
    NEW(ACL_OUT_3, BE32, 23, 20), OLD(ACL_OUT_3, U32, 41, 20),
    NEW(USER, TEXT, 24, 0), OLD(USER, TEXT, 42, 0), OLD(USER, TEXT, 43, 0),
    SIZED(NAT_EVENT, U8, 25, 20, 24), NEW(NAT_EVENT, U8, 25, 12), OLD(NAT_EVENT, U8, 46, 0),
    OLD(NAT_FLAGS, U8, 46, 1),
    SIZED(NAT_POOL, U32, 25, 16, 24), NEW(NAT_POOL, U32, 25, 8),
    NEW(EGRESS_VRF, U32, 36, 0), SIZED(EGRESS_VRF, U32, 25, 8, 24), OLD(EGRESS_VRF, U32, 46, 4),
    NEW(INGRESS_VRF, U32, 36, 4), SIZED(INGRESS_VRF, U32, 25, 12, 24), OLD(INGRESS_VRF, U32, 46, 8),
    NEW(BLOCK_START, U16, 26, 0), OLD(BLOCK_START, U16, 48, 0), NEW(BLOCK_END, U16, 26, 2), OLD(BLOCK_END, U16, 48, 2),
    NEW(BLOCK_STEP, U16, 26, 4), OLD(BLOCK_STEP, U16, 48, 4), NEW(BLOCK_SIZE, U16, 26, 6), OLD(BLOCK_SIZE, U16, 48, 6),
    NEW(APP_ID, BYTES, 27, 0), NEW(LABEL, TEXT, 28, 0), NEW(IN_PAYLOAD, BYTES, 29, 0), NEW(OUT_PAYLOAD, BYTES, 30, 0),
    NEW(TUNNEL_SRC, IP4, 31, 0), NEW(TUNNEL_SRC, IP6, 32, 0),
    NEW(TUNNEL_DST, IP4, 31, 4), NEW(TUNNEL_DST, IP6, 32, 16),
    NEW(TUNNEL_PROTO, U32, 31, 8), NEW(TUNNEL_PROTO, U32, 32, 32),
    NEW(OBSERVATION_POINT, U64, 33, 0), NEW(OBSERVATION_DOMAIN, U32, 33, 8),
    SINCE(IF_NAME, TEXT, 34, 0, BEFORE_173), SINCE(VRF_NAME, TEXT, 35, 0, BEFORE_173),
    SINCE(FRAME_SIZE, U16, 34, 0, SINCE_173), SINCE(FRAME_LINK, U16, 34, 2, SINCE_173),
    SINCE(FRAME, BYTES, 35, 0, SINCE_173),
    NEW(PF_ACTION, U8, 37, 0), NEW(PF_REASON, U8, 37, 1), NEW(PF_DIR, U8, 37, 2), NEW(PF_REWRITTEN, U8, 37, 3),
    NEW(PF_RULE, U32, 37, 4), NEW(PF_SUBRULE, U32, 37, 8), NEW(PF_UID, U32, 37, 12), NEW(PF_PID, U32, 37, 16),
    NEW(PF_IF_NAME, TEXT, 37, 20),
    NEW(VLAN, U16, 38, 0), NEW(CUSTOMER_VLAN, U16, 38, 2), NEW(POST_VLAN, U16, 38, 4),
    NEW(POST_CUSTOMER_VLAN, U16, 38, 6), NEW(PHYS_INPUT_IF, U32, 38, 8), NEW(PHYS_OUTPUT_IF, U32, 38, 12),
    NEW(VXLAN, U64, 38, 16), NEW(ETHER_TYPE, U16, 38, 24), NEW(IP_VERSION, U8, 38, 26),
    NEW(FLOW_ID, U64, 39, 0), NEW(IN_SERVICE, U16, 40, 0), NEW(OUT_SERVICE, U16, 40, 2), NEW(NAT_STRING, TEXT, 41, 0),
    NEW(IP_FRAGMENT, U8, 42, 1), NEW(MIN_TTL, U8, 42, 2), NEW(MAX_TTL, U8, 42, 3),
};

/* clang-format on */

const unsigned nfcapd_places = sizeof nfcapd_place / sizeof *nfcapd_place;

unsigned load_width(enum load load)
{
	static const uint8_t width[] = {
	    [LOAD_U8] = 1,
	    [LOAD_U16] = 2,
	    [LOAD_U32] = 4,
	    [LOAD_BE32] = 4,
	    [LOAD_OLD_FLAGS] = 1,
	    [LOAD_WIDE32] = 4,
	    [LOAD_U64] = 8,
	    [LOAD_INT32] = 4,
	    [LOAD_FLOWS32] = 4,
	    [LOAD_FLOWS64] = 8,
	    [LOAD_MS] = 8,
	    [LOAD_OLD_FIRST] = 20,
	    [LOAD_OLD_LAST] = 20,
	    [LOAD_IP4] = 4,
	    [LOAD_IP6] = 16,
	    [LOAD_EITHER] = 4,
	    [LOAD_EITHER_SRC] = 4,
	    [LOAD_EITHER_DST] = 4,
	    [LOAD_BYTES] = 0,
	    [LOAD_TEXT] = 0,
	};
	return load < LOAD_STORED ? width[load] : 0;
}

unsigned extension_size(unsigned id)
{
	static const uint8_t size[] = {
	    [4] = 4,
	    [5] = 8,
	    [6] = 4,
	    [7] = 8,
	    [8] = 4,
	    [9] = 4,
	    [10] = 16,
	    [11] = 4,
	    [12] = 16,
	    [13] = 4,
	    [14] = 4,
	    [15] = 8,
	    [16] = 4,
	    [17] = 8,
	    [18] = 4,
	    [19] = 8,
	    [20] = 16,
	    [21] = 16,
	    [22] = 40,
	    [23] = 4,
	    [24] = 16,
	    [25] = 4,
	    [26] = 8,
	    [27] = 8,
	    [37] = 20,
	    [38] = 4,
	    [39] = 8,
	    [40] = 32,
	    [41] = 24,
	    [42] = 24,
	    [43] = 72,
	    [45] = 24,
	    [46] = 12,
	    [48] = 8,
	};
	return id < sizeof size ? size[id] : 0;
}

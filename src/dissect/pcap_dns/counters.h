/* counters: what the pcap-dns dissector counts in its batches, and the names under which reports show it. */
#ifndef DISSECT_PCAP_DNS_COUNTERS_H
#define DISSECT_PCAP_DNS_COUNTERS_H

/* clang-format off */
#define PCAP_DNS_COUNTERS(X) \
	X(FRAMES, "frames") \
	X(FRAMES_CUT, "frames_cut")                 /* by the snap length */ \
	X(DROPS, "drops")                           /* frames that the capturing side says it lost */ \
	X(TIMES_CARRIED, "times_carried")           /* a fraction of a second out of range, put right */ \
	X(TIMES_ABSENT, "times_absent")             /* frames without a time */ \
	X(BLOCKS_SKIPPED, "blocks_skipped")         /* unknown blocks of pcapng */ \
	X(LINKS_UNKNOWN, "links_unknown")           /* frames of a link type that is not known */ \
	X(HEADERS_MALFORMED, "headers_malformed")   /* frames whose headers contradict themselves */ \
	X(TUNNELS_TOO_DEEP, "tunnels_too_deep") \
	X(DATAGRAMS_REASSEMBLED, "datagrams_reassembled") \
	X(DATAGRAMS_EVICTED, "datagrams_evicted")   /* incomplete ones that went for a limit */ \
	X(DATAGRAMS_EXPIRED, "datagrams_expired")   /* and for their age */ \
	X(DATAGRAMS_OVERSIZED, "datagrams_oversized") \
	X(STREAMS_REORDERED, "streams_reordered")   /* TCP segments that came early and were put right */ \
	X(STREAMS_RETRANSMITTED, "streams_retransmitted") \
	X(STREAMS_GAPS, "streams_gaps")             /* holes that were skipped */ \
	X(STREAMS_LOST_BYTES, "streams_lost_bytes") /* of TCP that gave no message */ \
	X(STREAMS_EVICTED, "streams_evicted") \
	X(STREAMS_EXPIRED, "streams_expired") \
	X(STREAMS_OVERFLOWED, "streams_overflowed") \
	X(MESSAGES, "messages")                     /* DNS messages seen, rows or not */ \
	X(MESSAGES_OTHER, "messages_other")         /* of them queries, or responses, that `messages` leaves out */ \
	X(MESSAGES_QUOTED, "messages_quoted")       /* in ICMP errors: no rows */ \
	X(MESSAGES_TINY, "messages_tiny")           /* too short to say what they are */ \
	X(MESSAGES_CUT, "messages_cut")             /* rows of what the snap length left */ \
	X(ROWS_SHORTENED, "rows_shortened")         /* their lists had to stay below 256 KiB */ \
	X(MESSAGES_MALFORMED, "messages_malformed") /* rows of what can be trusted; they are rejects too */
/* clang-format on */

enum pcap_dns_counter {
#define X(id, name) COUNT_##id,
	PCAP_DNS_COUNTERS(X)
#undef X
	    PCAP_DNS_COUNTER_COUNT
};

#endif

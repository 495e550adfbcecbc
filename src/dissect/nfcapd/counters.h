/* counters: what the nfcapd dissector counts in its batches, and the names under which reports show it. */
#ifndef DISSECT_NFCAPD_COUNTERS_H
#define DISSECT_NFCAPD_COUNTERS_H

/* clang-format off */
#define NFCAPD_COUNTERS(X) \
	X(SEQUENCE_FAILURES, "sequence_failures") /* gaps in the exporters' sequence numbers, from the statistics record */ \
	X(STAT_MISMATCH, "stat_mismatch")         /* 1: the rows are not what the statistics record says */ \
	X(UNKNOWN_RECORDS, "unknown_records")     /* skipped by their length */ \
	X(UNKNOWN_ELEMENTS, "unknown_elements")   /* and extensions */ \
	X(TIME_FROM_EVENT, "time_from_event")     /* rows whose received time is absent */ \
	X(TIME_FROM_LAST, "time_from_last") \
	X(TIME_FROM_FIRST, "time_from_first") \
	X(TIME_FROM_SLOT, "time_from_slot") \
	X(TIME_ABSENT, "time_absent") \
	X(DURATION_NEGATIVE, "duration_negative") /* shown as 0 */ \
	X(DURATION_OPEN, "duration_open")         /* without begin or end, shown as 0 */ \
	X(EXPORTER_BY_RECORD, "exporter_by_record") /* rows whose exporter address comes from the exporter record */ \
	X(MAPS_MISSING, "maps_missing")           /* flows that name no known extension map; they are in a reject too */ \
	X(BLOCKS_DAMAGED, "blocks_damaged") \
	X(UNFINISHED, "unfinished")               /* 1: the writer never closed the file */
/* clang-format on */

enum nfcapd_counter {
#define X(id, name) COUNT_##id,
	NFCAPD_COUNTERS(X)
#undef X
	    NFCAPD_COUNTER_COUNT
};

#endif

/* counters: what the elff dissector counts in its batches, and the names under which reports show it. */
#ifndef DISSECT_LOG_COUNTERS_H
#define DISSECT_LOG_COUNTERS_H

/* clang-format off */
#define LOG_COUNTERS(X) \
	X(REENCODED_BYTES, "reencoded_bytes")           /* written as \xNN: no UTF-8, or control characters */ \
	X(UNKNOWN_DIRECTIVES, "unknown_directives") \
	X(REJOINED_AGENTS, "rejoined_agents")           /* rows whose unquoted user agent held blanks */ \
	X(UNCLOSED_QUOTES, "unclosed_quotes")           /* rows with a quote that nothing closes */ \
	X(DATE_ROLLOVERS, "date_rollovers")             /* days stepped on because only the time is logged */ \
	X(NUMBERS_OUT_OF_RANGE, "numbers_out_of_range") /* null */ \
	X(NUMBERS_MALFORMED, "numbers_malformed")       /* null */ \
	X(LINES_TOO_LONG, "lines_too_long")             /* rejects */ \
	X(FIELDS_MISSING, "fields_missing")             /* rows without their last x- or rs- fields */ \
	X(FIELDS_IGNORED, "fields_ignored")             /* compat spot: values past the 27th */ \
	X(SYSLOG_PREFIXES, "syslog_prefixes")           /* lines */ \
	X(NUL_BYTES, "nul_bytes")                       /* padding that was skipped */ \
	X(VALUES_CUT, "values_cut")                     /* at the bound of a row */
/* clang-format on */

enum log_counter {
#define X(id, name) COUNT_##id,
	LOG_COUNTERS(X)
#undef X
	    LOG_COUNTER_COUNT
};

#endif

/*
 * when: the dates and times that logs write.
 *
 * Thread  any; no state but the caller's
 * Units   nanoseconds since 1970 UTC, seconds east of UTC for zones
 * Source  W3C Extended Log File Format, section "Date"; Apache mod_log_config %t
 */
#ifndef DISSECT_LOG_WHEN_H
#define DISSECT_LOG_WHEN_H

#include <stdbool.h>
#include <stdint.h>

#include "dissect/log/record.h"

/* The day that was read last: lines of a log mostly share it. Zeroed to begin. */
struct when_day {
	uint8_t text[10];
	int64_t start_s;
};

/* "YYYY-MM-DD" or "DD/Mon/YYYY": unix seconds of its midnight. false: no date. */
bool when_date(struct when_day *cache, struct value v, int64_t *start_s);

/* "hh:mm:ss" with any fraction: nanoseconds since midnight. */
bool when_clock(struct value v, int64_t *ns);

/* "+0100", "-08:00", "Z", "UTC", "GMT". */
bool when_zone(struct value v, int64_t *east_s);

/*
 * Both in one: unix seconds with any fraction, "[DD/Mon/YYYY:hh:mm:ss ZONE]", or a date, " " or "T", a clock and
 * perhaps a zone. The zone that is not written is east_s.
 */
bool when_stamp(struct when_day *cache, struct value v, int64_t east_s, int64_t *ns);

/* Is the time one that tables take: 1970 to 2106-02-07 (the end of 32 bits of seconds)? */
bool when_usable(int64_t ns);

#endif

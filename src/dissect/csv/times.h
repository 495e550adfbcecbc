/*
 * times: text to nanoseconds since 1970 UTC, in the forms that csv options name.
 *
 * Thread  plain data
 */
#ifndef DISSECT_CSV_TIMES_H
#define DISSECT_CSV_TIMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"

enum time_kind { TIME_ISO8601, TIME_EPOCH, TIME_PATTERN };

struct time_format {
	enum time_kind kind;
	unsigned digits;     /* EPOCH: the unit is 10^-digits seconds: 0 s, 3 ms, 6 us, 9 ns */
	const char *pattern; /* PATTERN: of strptime; borrowed */
};

/* "iso8601", "epoch", "epoch_ms", "epoch_us", "epoch_ns", or a strptime pattern. RC_BAD names those there are. */
enum rc time_format_read(const char *text, struct time_format *out, struct err *e) MUST_USE;

/* "UTC", "Z", "+01:00", "-0530" as seconds east. */
enum rc time_zone_read(const char *text, int32_t *seconds, struct err *e) MUST_USE;

/*
 * zone_s is what a text without a zone of its own means. false: no such text, or a time outside 1970-01-01 to
 * 2106-02-07.
 *
 * ISO8601: "YYYY-MM-DD" alone or followed by "T" or a blank and "hh:mm[:ss[.fraction]]" and a zone: "Z", " UTC",
 * "+hh:mm", "+hhmm", "+hh". A pattern takes the whole text, but for a fraction of a second at its end. Fractions are
 * cut to nanoseconds.
 */
bool time_read(const struct time_format *f, int32_t zone_s, const char *text, size_t len, int64_t *ns);

#endif

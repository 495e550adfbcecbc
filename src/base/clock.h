/*
 * clock: wall time, monotonic time, and the UTC calendar. Everything stored or printed is UTC.
 *
 * Wall and monotonic times are different structs so that they cannot mix.
 *
 * Thread  any
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NS_PER_S INT64_C(1000000000)

struct wall {
	int64_t ns; /* since 1970-01-01 UTC */
};

struct mono {
	int64_t ms;
};

struct wall clock_wall(void);
struct mono clock_mono(void);
int64_t clock_mono_ns(void); /* for rates */

static inline int64_t mono_since(struct mono then)
{
	return clock_mono().ms - then.ms;
}

struct civil {
	int32_t year;
	uint8_t month, day, hour, minute, second; /* month 1..12, day 1..31 */
};

/* Proleptic Gregorian, any i64 second that fits the year. */
struct civil civil_of(int64_t seconds);
int64_t civil_seconds(struct civil c);

/* "YYYY-MM-DD hh:mm:ss", 19 characters and a NUL; years 0..9999. */
void civil_text(int64_t seconds, char out[20]);
/* "YYYY-MM-DDThh:mm:ss.mmmZ", 24 characters and a NUL. */
void civil_iso(struct wall t, char out[25]);

/* The hour a second lies in, counted from 1970: floor(seconds / 3600). */
static inline int64_t hour_of(int64_t seconds)
{
	return seconds >= 0 ? seconds / 3600 : -((-seconds + 3599) / 3600);
}

void clock_sleep_ms(int64_t ms); /* returns early on a signal */

#endif

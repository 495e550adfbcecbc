/*
 * clock: the system's clocks, and calendar arithmetic of our own: gmtime is slow, takes locks and knows zones.
 */
#include "base/clock.h"

#include <time.h>

static int64_t now_ns(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

struct wall clock_wall(void)
{
	return (struct wall){.ns = now_ns(CLOCK_REALTIME)};
}

struct mono clock_mono(void)
{
	return (struct mono){.ms = now_ns(CLOCK_MONOTONIC) / 1000000};
}

int64_t clock_mono_ns(void)
{
	return now_ns(CLOCK_MONOTONIC);
}

enum { SECONDS_PER_DAY = 86400, DAYS_PER_ERA = 146097, DAYS_TO_EPOCH = 719468 };

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/*
 * Years are counted from 1 March, so that the leap day is the last of its year, and in eras of 400 years, which all
 * have the same length. Day 0 of era 0 is 0000-03-01, DAYS_TO_EPOCH before 1970.
 */
struct civil civil_of(int64_t seconds)
{
	int64_t days = floor_div(seconds, SECONDS_PER_DAY);
	int32_t rest = (int32_t)(seconds - days * SECONDS_PER_DAY);
	days += DAYS_TO_EPOCH;
	int64_t era = floor_div(days, DAYS_PER_ERA);
	uint32_t day = (uint32_t)(days - era * DAYS_PER_ERA);
	uint32_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	uint32_t of_year = day - (365 * year + year / 4 - year / 100);
	uint32_t month = (5 * of_year + 2) / 153; /* 0 is March */
	return (struct civil){
	    .year = (int32_t)(era * 400 + year + (month >= 10)),
	    .month = (uint8_t)(month < 10 ? month + 3 : month - 9),
	    .day = (uint8_t)(of_year - (153 * month + 2) / 5 + 1),
	    .hour = (uint8_t)(rest / 3600),
	    .minute = (uint8_t)(rest / 60 % 60),
	    .second = (uint8_t)(rest % 60),
	};
}

int64_t civil_seconds(struct civil c)
{
	int64_t year = (int64_t)c.year - (c.month <= 2);
	int64_t era = floor_div(year, 400);
	int64_t of_era = year - era * 400;
	int64_t month = c.month > 2 ? c.month - 3 : c.month + 9;
	int64_t of_year = (153 * month + 2) / 5 + c.day - 1;
	int64_t days = era * DAYS_PER_ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year - DAYS_TO_EPOCH;
	return days * SECONDS_PER_DAY + c.hour * 3600 + c.minute * 60 + c.second;
}

static char *two_digits(char *to, uint32_t v)
{
	to[0] = (char)('0' + v / 10);
	to[1] = (char)('0' + v % 10);
	return to + 2;
}

static char *put_civil(char *to, int64_t seconds, char between)
{
	/* 0000-01-01 and the last second of 9999: the text has four places for the year. */
	static const int64_t first = INT64_C(-62167219200), last = INT64_C(253402300799);
	struct civil c = civil_of(seconds < first ? first : seconds > last ? last : seconds);
	to = two_digits(to, (uint32_t)c.year / 100);
	to = two_digits(to, (uint32_t)c.year % 100);
	*to++ = '-';
	to = two_digits(to, c.month);
	*to++ = '-';
	to = two_digits(to, c.day);
	*to++ = between;
	to = two_digits(to, c.hour);
	*to++ = ':';
	to = two_digits(to, c.minute);
	*to++ = ':';
	return two_digits(to, c.second);
}

void civil_text(int64_t seconds, char out[20])
{
	*put_civil(out, seconds, ' ') = '\0';
}

void civil_iso(struct wall t, char out[25])
{
	int64_t seconds = floor_div(t.ns, NS_PER_S);
	/* Not seconds * NS_PER_S: that can lie before the first time an int64_t holds. */
	int64_t rest = t.ns % NS_PER_S;
	uint32_t ms = (uint32_t)((rest < 0 ? rest + NS_PER_S : rest) / 1000000);
	char *to = put_civil(out, seconds, 'T');
	*to++ = '.';
	*to++ = (char)('0' + ms / 100);
	to = two_digits(to, ms % 100);
	*to++ = 'Z';
	*to = '\0';
}

void clock_sleep_ms(int64_t ms)
{
	if (ms > 0)
		nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

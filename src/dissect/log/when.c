/* Dates are read by position: everything else that a digit may mean is refused, so that a wrong column becomes a reject
 * and no odd time. */
#include "dissect/log/when.h"

#include <strings.h>

#include "base/clock.h"

enum { ZONE_MOST_S = 18 * 3600, YEAR_LEAST = 1900, YEAR_MOST = 2200 };

static bool digits(const uint8_t *p, unsigned n, unsigned *out)
{
	unsigned v = 0;
	for (unsigned i = 0; i < n; i++) {
		if (!is_digit(p[i]))
			return false;
		v = v * 10 + (p[i] - '0');
	}
	*out = v;
	return true;
}

static bool month_named(const uint8_t *p, unsigned *month)
{
	static const char name[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	for (unsigned m = 0; m < 12; m++)
		if (strncasecmp(name + m * 3, (const char *)p, 3) == 0) {
			*month = m + 1;
			return true;
		}
	return false;
}

static bool day_of(unsigned year, unsigned month, unsigned day, int64_t *start_s)
{
	static const uint8_t days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	/* Years whose nanoseconds are sure to fit, with room for zones. */
	if (year < YEAR_LEAST || year > YEAR_MOST)
		return false;
	if (month < 1 || month > 12 || day < 1 || day > days[month - 1] || (month == 2 && day == 29 && !leap))
		return false;
	*start_s = civil_seconds((struct civil){.year = (int32_t)year, .month = (uint8_t)month, .day = (uint8_t)day});
	return true;
}

bool when_date(struct when_day *cache, struct value v, int64_t *start_s)
{
	if (v.form == FORM_ABSENT)
		return false;
	if (v.length == 10 && memcmp(v.at, cache->text, 10) == 0) {
		*start_s = cache->start_s;
		return true;
	}
	unsigned year, month, day;
	const uint8_t *p = v.at;
	if (v.length == 10 && p[4] == '-' && p[7] == '-') {
		if (!digits(p, 4, &year) || !digits(p + 5, 2, &month) || !digits(p + 8, 2, &day))
			return false;
	} else if (v.length == 11 && p[2] == '/' && p[6] == '/') {
		if (!digits(p, 2, &day) || !month_named(p + 3, &month) || !digits(p + 7, 4, &year))
			return false;
	} else {
		return false;
	}
	if (!day_of(year, month, day, start_s))
		return false;
	if (v.length == 10) {
		memcpy(cache->text, p, 10);
		cache->start_s = *start_s;
	}
	return true;
}

/* Digits after the point, as nanoseconds. false: something else stands there. */
static bool fraction(const uint8_t *p, const uint8_t *end, int64_t *ns)
{
	int64_t unit = NS_PER_S / 10;
	*ns = 0;
	for (; p < end; p++, unit /= 10) {
		if (!is_digit(*p))
			return false;
		*ns += (*p - '0') * unit;
	}
	return true;
}

bool when_clock(struct value v, int64_t *ns)
{
	unsigned hour, minute, second;
	const uint8_t *p = v.at;
	int64_t rest = 0;
	if (v.form == FORM_ABSENT || v.length < 8 || p[2] != ':' || p[5] != ':')
		return false;
	if (!digits(p, 2, &hour) || !digits(p + 3, 2, &minute) || !digits(p + 6, 2, &second))
		return false;
	/* A leap second is the last one of its minute. */
	if (hour > 23 || minute > 59 || second > 60)
		return false;
	if (v.length > 8 && ((p[8] != '.' && p[8] != ',') || !fraction(p + 9, p + v.length, &rest)))
		return false;
	*ns = (int64_t)(hour * 3600 + minute * 60 + (second == 60 ? 59 : second)) * NS_PER_S + rest;
	return true;
}

bool when_zone(struct value v, int64_t *east_s)
{
	unsigned hour, minute;
	const uint8_t *p = v.at;
	if (value_is(v, "Z") || value_is(v, "UTC") || value_is(v, "GMT")) {
		*east_s = 0;
		return true;
	}
	if (v.form == FORM_ABSENT || (v.length != 5 && v.length != 6) || (p[0] != '+' && p[0] != '-') ||
	    (v.length == 6 && p[3] != ':'))
		return false;
	if (!digits(p + 1, 2, &hour) || !digits(p + v.length - 2, 2, &minute) || minute > 59)
		return false;
	int64_t s = hour * 3600 + minute * 60;
	if (s > ZONE_MOST_S)
		return false;
	*east_s = p[0] == '-' ? -s : s;
	return true;
}

static bool epoch(struct value v, int64_t *ns)
{
	int64_t s = 0, rest = 0;
	uint32_t i = 0;
	for (; i < v.length && i < 11 && is_digit(v.at[i]); i++)
		s = s * 10 + (v.at[i] - '0');
	if (i == 0 || s > UINT32_MAX ||
	    (i < v.length && (v.at[i] != '.' || !fraction(v.at + i + 1, v.at + v.length, &rest))))
		return false;
	*ns = s * NS_PER_S + rest;
	return true;
}

bool when_stamp(struct when_day *cache, struct value v, int64_t east_s, int64_t *ns)
{
	if (v.form == FORM_ABSENT)
		return false;
	const uint8_t *p = v.at, *end = v.at + v.length;
	if (p < end && *p == '[')
		p++;
	if (end > p && end[-1] == ']')
		end--;
	if (epoch(value_of(p, end), ns))
		return true;
	/* The date is 10 or 11 characters and one that parts it from the clock. */
	size_t date = end - p > 11 && p[2] == '/' ? 11 : 10;
	int64_t start_s, clock;
	if ((size_t)(end - p) < date + 9 || (p[date] != ':' && p[date] != 'T' && p[date] != ' '))
		return false;
	if (!when_date(cache, value_of(p, p + date), &start_s))
		return false;
	p += date + 1;
	const uint8_t *stop = p + 8;
	while (stop < end && (is_digit(*stop) || *stop == '.' || *stop == ','))
		stop++;
	if (!when_clock(value_of(p, stop), &clock))
		return false;
	while (stop < end && is_blank(*stop))
		stop++;
	if (stop < end && !when_zone(value_of(stop, end), &east_s))
		return false;
	*ns = (start_s - east_s) * NS_PER_S + clock;
	return true;
}

bool when_usable(int64_t ns)
{
	return ns >= 0 && ns <= (int64_t)UINT32_MAX * NS_PER_S + NS_PER_S - 1;
}

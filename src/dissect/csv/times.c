/* Times as other tools write them. */
#include "dissect/csv/times.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"

enum { FRACTION_DIGITS = 9, PATTERN_TEXT = 80, ZONE_MAX_S = 24 * 3600 };

#define SECONDS_END (INT64_C(1) << 32) /* 2106-02-07 */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Exactly n digits at *p, which moves behind them. */
static bool take(const char **p, const char *end, int n, int32_t *out)
{
	int32_t v = 0;
	if (end - *p < n)
		return false;
	for (int i = 0; i < n; i++) {
		char c = (*p)[i];
		if (!is_digit(c))
			return false;
		v = v * 10 + (c - '0');
	}
	*p += n;
	*out = v;
	return true;
}

static bool take_char(const char **p, const char *end, char c)
{
	if (*p == end || **p != c)
		return false;
	(*p)++;
	return true;
}

/* Digits of a fraction as nanoseconds; those after the ninth are cut. */
static bool take_fraction(const char **p, const char *end, int64_t *ns)
{
	int64_t v = 0;
	int n = 0;
	for (; *p < end && is_digit(**p); (*p)++, n++)
		if (n < FRACTION_DIGITS)
			v = v * 10 + (**p - '0');
	for (int i = n; i < FRACTION_DIGITS; i++)
		v *= 10;
	*ns = v;
	return n > 0;
}

/* "+hh:mm", "+hhmm", "+hh" */
static bool take_offset(const char **p, const char *end, int32_t *seconds)
{
	int32_t hours = 0, minutes = 0;
	if (*p == end || (**p != '+' && **p != '-'))
		return false;
	bool west = *(*p)++ == '-';
	if (!take(p, end, 2, &hours))
		return false;
	bool colon = take_char(p, end, ':');
	if (!take(p, end, 2, &minutes) && colon)
		return false;
	if (hours > 23 || minutes > 59)
		return false;
	*seconds = (hours * 3600 + minutes * 60) * (west ? -1 : 1);
	return true;
}

static bool take_zone(const char **p, const char *end, int32_t *seconds)
{
	while (take_char(p, end, ' '))
		;
	if (take_char(p, end, 'Z')) {
		*seconds = 0;
		return true;
	}
	if (end - *p >= 3 && (memcmp(*p, "UTC", 3) == 0 || memcmp(*p, "GMT", 3) == 0)) {
		*p += 3;
		*seconds = 0;
		return true;
	}
	return take_offset(p, end, seconds);
}

/* A day that the month does not have comes back as another one. */
static bool real_date(struct civil c)
{
	struct civil day = c, back;
	day.hour = day.minute = day.second = 0;
	if (c.month < 1 || c.month > 12 || c.day < 1 || c.day > 31)
		return false;
	back = civil_of(civil_seconds(day));
	return back.month == c.month && back.day == c.day;
}

static bool in_range(int64_t seconds, int64_t fraction, int64_t *ns)
{
	if (seconds < 0 || seconds >= SECONDS_END)
		return false;
	*ns = seconds * NS_PER_S + fraction;
	return true;
}

static bool read_iso8601(int32_t zone_s, const char *text, size_t len, int64_t *ns)
{
	const char *p = text, *end = text + len;
	int32_t year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
	int64_t fraction = 0;
	if (!take(&p, end, 4, &year) || !take_char(&p, end, '-') || !take(&p, end, 2, &month) ||
	    !take_char(&p, end, '-') || !take(&p, end, 2, &day))
		return false;
	if (p < end) {
		if (*p != 'T' && *p != 't' && *p != ' ')
			return false;
		p++;
		if (!take(&p, end, 2, &hour) || !take_char(&p, end, ':') || !take(&p, end, 2, &minute))
			return false;
		if (take_char(&p, end, ':') && !take(&p, end, 2, &second))
			return false;
		if (p < end && (*p == '.' || *p == ',') && (p++, !take_fraction(&p, end, &fraction)))
			return false;
	}
	if (p < end && (!take_zone(&p, end, &zone_s) || p < end))
		return false;
	/* A leap second is the first one of the next minute. */
	if (hour > 23 || minute > 59 || second > 60)
		return false;
	struct civil c = {.year = year,
	    .month = (uint8_t)month,
	    .day = (uint8_t)day,
	    .hour = (uint8_t)hour,
	    .minute = (uint8_t)minute,
	    .second = (uint8_t)second};
	return real_date(c) && in_range(civil_seconds(c) - zone_s, fraction, ns);
}

/* Decimal, so that nothing of it goes through a float. */
static bool read_epoch(unsigned digits, const char *text, size_t len, int64_t *ns)
{
	const char *p = text, *end = text + len;
	int64_t whole = 0, unit = NS_PER_S, rest = 0;
	for (unsigned i = 0; i < digits; i++)
		unit /= 10;
	if (p == end || !is_digit(*p))
		return false;
	for (; p < end && is_digit(*p); p++)
		if (__builtin_mul_overflow(whole, 10, &whole) || __builtin_add_overflow(whole, *p - '0', &whole))
			return false;
	if (take_char(&p, end, '.') && !take_fraction(&p, end, &rest))
		return false;
	int64_t per_second = NS_PER_S / unit;
	return p == end && in_range(whole / per_second, whole % per_second * unit + rest / per_second, ns);
}

static bool read_pattern(const struct time_format *f, int32_t zone_s, const char *text, size_t len, int64_t *ns)
{
	char copy[PATTERN_TEXT];
	struct tm tm = {.tm_mday = 1, .tm_gmtoff = zone_s};
	int64_t fraction = 0;
	if (len >= sizeof copy || memchr(text, '\0', len) != NULL)
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	const char *p = strptime(copy, f->pattern, &tm), *end = copy + len;
	if (p == NULL)
		return false;
	if (p < end && (*p == '.' || *p == ',') && (p++, !take_fraction(&p, end, &fraction)))
		return false;
	if (p < end && (!take_zone(&p, end, &zone_s) || p < end))
		return false;
	struct civil c = {.year = tm.tm_year + 1900,
	    .month = (uint8_t)(tm.tm_mon + 1),
	    .day = (uint8_t)tm.tm_mday,
	    .hour = (uint8_t)tm.tm_hour,
	    .minute = (uint8_t)tm.tm_min,
	    .second = (uint8_t)tm.tm_sec};
	/* %z is in tm_gmtoff; a zone behind the pattern is in zone_s. */
	int64_t offset = strstr(f->pattern, "%z") != NULL ? tm.tm_gmtoff : zone_s;
	return c.year >= 1970 && c.year <= 2107 && real_date(c) && in_range(civil_seconds(c) - offset, fraction, ns);
}

bool time_read(const struct time_format *f, int32_t zone_s, const char *text, size_t len, int64_t *ns)
{
	switch (f->kind) {
	case TIME_ISO8601:
		return read_iso8601(zone_s, text, len, ns);
	case TIME_EPOCH:
		return read_epoch(f->digits, text, len, ns);
	default:
		return read_pattern(f, zone_s, text, len, ns);
	}
}

enum rc time_format_read(const char *text, struct time_format *out, struct err *e)
{
	static const struct {
		const char *name;
		struct time_format format;
	} known[] = {
	    {"iso8601", {.kind = TIME_ISO8601}},
	    {"epoch", {.kind = TIME_EPOCH}},
	    {"epoch_ms", {.kind = TIME_EPOCH, .digits = 3}},
	    {"epoch_us", {.kind = TIME_EPOCH, .digits = 6}},
	    {"epoch_ns", {.kind = TIME_EPOCH, .digits = 9}},
	};
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (strcmp(text, known[i].name) == 0) {
			*out = known[i].format;
			return RC_OK;
		}
	if (strchr(text, '%') == NULL)
		return err_set(RC_BAD, e,
		    "\"%.60s\" is no time format; there are: iso8601, epoch, epoch_ms, epoch_us, epoch_ns, or a "
		    "pattern "
		    "of strptime such as \"%%d/%%b/%%Y:%%H:%%M:%%S %%z\"",
		    text);
	/* These read the host's zone or its language. */
	if (strstr(text, "%s") != NULL || strstr(text, "%c") != NULL || strstr(text, "%x") != NULL)
		return err_set(RC_BAD, e, "a time pattern has no %%s, %%c or %%x; for unix seconds say epoch");
	*out = (struct time_format){.kind = TIME_PATTERN, .pattern = text};
	return RC_OK;
}

enum rc time_zone_read(const char *text, int32_t *seconds, struct err *e)
{
	const char *p = text, *end = text + strlen(text);
	int32_t s = 0;
	if (!take_zone(&p, end, &s) || p < end || s <= -ZONE_MAX_S || s >= ZONE_MAX_S)
		return err_set(RC_BAD, e, "\"%.60s\" is no zone: UTC or an offset such as +01:00", text);
	*seconds = s;
	return RC_OK;
}

/* Slot times from file names, strictly: a name that is only similar tells nothing. */
#include "dissect/nfcapd/slot.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"

/* The next n digits, or -1. */
static int take(const char **at, int n)
{
	int v = 0;
	for (; n > 0; n--, (*at)++) {
		if (**at < '0' || **at > '9')
			return -1;
		v = 10 * v + (**at - '0');
	}
	return v;
}

static bool zone(const char **at, int64_t *seconds)
{
	int sign = **at == '-' ? -1 : 1;
	if (**at != '+' && **at != '-')
		return true;
	(*at)++;
	int hours = take(at, 2), minutes = take(at, 2);
	if (hours < 0 || hours > 14 || minutes < 0 || minutes > 59)
		return false;
	*seconds = sign * (hours * INT64_C(3600) + minutes * 60);
	return true;
}

int64_t nfcapd_slot(const char *name)
{
	static const char prefix[] = "nfcapd.";
	if (!str_starts(name, prefix))
		return 0;
	const char *at = name + strlen(prefix);
	int year = take(&at, 4), month = year < 0 ? -1 : take(&at, 2), day = month < 0 ? -1 : take(&at, 2);
	int hour = day < 0 ? -1 : take(&at, 2), minute = hour < 0 ? -1 : take(&at, 2), second = 0;
	if (minute >= 0 && *at >= '0' && *at <= '9')
		second = take(&at, 2);
	int64_t east = 0;
	if (minute < 0 || second < 0 || !zone(&at, &east) || *at != '\0')
		return 0;
	struct civil c = {year, (uint8_t)month, (uint8_t)day, (uint8_t)hour, (uint8_t)minute, (uint8_t)second};
	int64_t s = civil_seconds(c);
	struct civil back = civil_of(s);
	/* The 31st of June and 25 o'clock come back as another time. */
	bool real = back.year == c.year && back.month == c.month && back.day == c.day && back.hour == c.hour &&
	            back.minute == c.minute && back.second == c.second;
	return real && s - east > 0 && s - east < INT64_C(1) << 32 ? s - east : 0;
}

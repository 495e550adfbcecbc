/* clock: the calendar against libc's over the years, and its borders. */
#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void assert_same_as_libc(int64_t seconds)
{
	struct tm tm;
	time_t t = (time_t)seconds;
	gmtime_r(&t, &tm);
	struct civil c = civil_of(seconds);
	if (c.year != tm.tm_year + 1900 || c.month != tm.tm_mon + 1 || c.day != tm.tm_mday || c.hour != tm.tm_hour ||
	    c.minute != tm.tm_min || c.second != tm.tm_sec)
		fail_msg("%lld is %d-%d-%d %d:%d:%d", (long long)seconds, c.year, c.month, c.day, c.hour, c.minute,
		    c.second);
	assert_true(civil_seconds(c) == seconds);
}

static void every_day_of_twelve_centuries(void **state)
{
	for (int64_t day = -300000; day < 140000; day++) {
		assert_same_as_libc(day * 86400);
		assert_same_as_libc(day * 86400 + 86399);
	}
}

static void any_second(void **state)
{
	srand(11);
	for (int i = 0; i < 200000; i++)
		assert_same_as_libc(((int64_t)rand() << 8) - (INT64_C(1) << 38) + rand() % 256);
	assert_same_as_libc(0);
	assert_same_as_libc(-1);
	assert_same_as_libc(951782400); /* 2000-02-29 */
	assert_same_as_libc(INT64_C(-67768040609740800));
	assert_same_as_libc(INT64_C(67767000000000000));
}

static void text(void **state)
{
	char t[20];
	civil_text(1768381200, t);
	assert_string_equal(t, "2026-01-14 09:00:00");
	civil_text(-1, t);
	assert_string_equal(t, "1969-12-31 23:59:59");
	civil_text(INT64_C(253402300799), t);
	assert_string_equal(t, "9999-12-31 23:59:59");
	/* no place for a fifth digit: the nearest that fits */
	civil_text(INT64_MAX, t);
	assert_string_equal(t, "9999-12-31 23:59:59");
	civil_text(INT64_MIN, t);
	assert_string_equal(t, "0000-01-01 00:00:00");
}

static void iso(void **state)
{
	char t[25];
	civil_iso((struct wall){.ns = INT64_C(1768381200123999999)}, t);
	assert_string_equal(t, "2026-01-14T09:00:00.123Z");
	civil_iso((struct wall){.ns = -1}, t);
	assert_string_equal(t, "1969-12-31T23:59:59.999Z");
	civil_iso((struct wall){.ns = INT64_MIN}, t);
	assert_string_equal(t, "1677-09-21T00:12:43.145Z");
}

static void hours_round_down_on_both_sides_of_1970(void **state)
{
	assert_int_equal(hour_of(0), 0);
	assert_int_equal(hour_of(3599), 0);
	assert_int_equal(hour_of(3600), 1);
	assert_int_equal(hour_of(-1), -1);
	assert_int_equal(hour_of(-3600), -1);
	assert_int_equal(hour_of(-3601), -2);
}

static void clocks_run(void **state)
{
	struct mono start = clock_mono();
	int64_t ns = clock_mono_ns();
	clock_sleep_ms(20);
	assert_true(mono_since(start) >= 19);
	assert_true(clock_mono_ns() - ns >= 20000000);
	assert_true(clock_wall().ns / NS_PER_S - time(NULL) <= 1);
	clock_sleep_ms(-1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_day_of_twelve_centuries),
	    cmocka_unit_test(any_second),
	    cmocka_unit_test(text),
	    cmocka_unit_test(iso),
	    cmocka_unit_test(hours_round_down_on_both_sides_of_1970),
	    cmocka_unit_test(clocks_run),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

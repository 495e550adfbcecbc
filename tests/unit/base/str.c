/* str: numbers at their limits, names that survive the way there and back, human forms. */
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void prefix_and_suffix(void **state)
{
	assert_true(str_starts("nfcapd.2026", "nfcapd."));
	assert_false(str_starts("nf", "nfcapd."));
	assert_true(str_ends("a.part", ".part"));
	assert_false(str_ends("part", ".part"));
	assert_true(str_ends("x", ""));
}

static void copy_says_when_it_cut(void **state)
{
	char to[4];
	assert_true(str_copy(to, sizeof to, "abc"));
	assert_string_equal(to, "abc");
	assert_false(str_copy(to, sizeof to, "abcd"));
	assert_string_equal(to, "abc");
}

static void numbers(void **state)
{
	static const struct {
		const char *text;
		int64_t min, max, value;
		enum rc rc;
	} rows[] = {
	    {"0", 0, 10, 0, RC_OK},
	    {"10", 0, 10, 10, RC_OK},
	    {"11", 0, 10, 0, RC_BAD},
	    {"-1", 0, 10, 0, RC_BAD},
	    {"-1", -1, 10, -1, RC_OK},
	    {"9223372036854775807", INT64_MIN, INT64_MAX, INT64_MAX, RC_OK},
	    {"-9223372036854775808", INT64_MIN, INT64_MAX, INT64_MIN, RC_OK},
	    {"9223372036854775808", INT64_MIN, INT64_MAX, 0, RC_BAD},
	    {"-9223372036854775809", INT64_MIN, INT64_MAX, 0, RC_BAD},
	    {"99999999999999999999999", INT64_MIN, INT64_MAX, 0, RC_BAD},
	    {"", 0, 10, 0, RC_BAD},
	    {"-", -9, 10, 0, RC_BAD},
	    {"+1", 0, 10, 0, RC_BAD},
	    {" 1", 0, 10, 0, RC_BAD},
	    {"1 ", 0, 10, 0, RC_BAD},
	    {"0x1", 0, 10, 0, RC_BAD},
	    {"1e3", 0, 10000, 0, RC_BAD},
	};
	struct err e;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int64_t v = 4711;
		assert_int_equal(str_number(rows[i].text, rows[i].min, rows[i].max, &v, &e), rows[i].rc);
		assert_int_equal(v, rows[i].rc == RC_OK ? rows[i].value : 4711);
	}
	(void)!str_number("99999999999999999999999", 0, 5, &(int64_t){0}, &e);
	assert_non_null(strstr(e.text, "out of range 0 to 5"));
}

static void sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
		enum rc rc;
	} rows[] = {
	    {"4096", 4096, RC_OK},
	    {"0", 0, RC_OK},
	    {"7 B", 7, RC_OK},
	    {"128MiB", UINT64_C(128) << 20, RC_OK},
	    {"1 GB", 1000000000, RC_OK},
	    {"1kB", 1000, RC_OK},
	    {"1KB", 1000, RC_OK},
	    {"1KiB", 1024, RC_OK},
	    {"2TiB", UINT64_C(2) << 40, RC_OK},
	    {"2TB", UINT64_C(2000000000000), RC_OK},
	    {"18446744073709551615", UINT64_MAX, RC_OK},
	    {"18446744073709551616", 0, RC_BAD},
	    {"16777215TiB", UINT64_C(16777215) << 40, RC_OK},
	    {"16777216TiB", 0, RC_BAD},
	    {"1M", 0, RC_BAD},
	    {"1mib", 0, RC_BAD},
	    {"-1KiB", 0, RC_BAD},
	    {"1.5GiB", 0, RC_BAD},
	    {"", 0, RC_BAD},
	    {"MiB", 0, RC_BAD},
	    {"1MiB ", 0, RC_BAD},
	};
	struct err e;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint64_t v = 4711;
		assert_int_equal(str_size(rows[i].text, &v, &e), rows[i].rc);
		assert_true(v == (rows[i].rc == RC_OK ? rows[i].bytes : 4711));
	}
}

static void durations(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
		enum rc rc;
	} rows[] = {
	    {"0", 0, RC_OK},
	    {"100ms", 100, RC_OK},
	    {"10s", 10000, RC_OK},
	    {"5m", 300000, RC_OK},
	    {"1 h", 3600000, RC_OK},
	    {"30d", INT64_C(2592000000), RC_OK},
	    {"10", 0, RC_BAD},
	    {"00", 0, RC_BAD},
	    {"10x", 0, RC_BAD},
	    {"-1s", 0, RC_BAD},
	    {"s", 0, RC_BAD},
	    {"9223372036854775807ms", INT64_MAX, RC_OK},
	    {"9223372036854775808ms", 0, RC_BAD},
	    {"213503982335d", 0, RC_BAD},
	};
	struct err e;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int64_t v = 4711;
		assert_int_equal(str_duration(rows[i].text, &v, &e), rows[i].rc);
		assert_true(v == (rows[i].rc == RC_OK ? rows[i].ms : 4711));
	}
}

static void a_wrong_unit_is_named(void **state)
{
	static const struct {
		const char *text, *why;
	} size[] =
	    {
	        {"1G", "\"1G\": unknown unit \"G\" (did you mean \"1GiB\"?); units of size: KiB, MiB, GiB, TiB, kB, "
	               "MB, GB, TB"},
	        {"1mb", "\"1mb\": unknown unit \"mb\" (did you mean \"1MB\"?); "},
	        {"12 megabytes", "(did you mean \"12MB\"?)"},
	        {"1XiB", "\"1XiB\": unknown unit \"XiB\"; units of size: "},
	        {"1.5GiB", "unknown unit \".5GiB\"; "},
	    },
	  time[] = {
	      {"10 seconds",
	          "\"10 seconds\": unknown unit \"seconds\" (did you mean \"10s\"?); units of time: ms, s, m, h, d"},
	      {"5min", "(did you mean \"5m\"?)"},
	      {"2S", "(did you mean \"2s\"?)"},
	      {"3w", "\"3w\": unknown unit \"w\"; units of time: ms, s, m, h, d"},
	      {"3months", "unknown unit \"months\"; "},
	      {"10", "\"10\" has no unit of time: ms, s, m, h, d"},
	  };
	struct err e;
	for (size_t i = 0; i < sizeof size / sizeof size[0]; i++) {
		assert_int_equal(str_size(size[i].text, &(uint64_t){0}, &e), RC_BAD);
		if (strstr(e.text, size[i].why) == NULL)
			fail_msg("%s: %s", size[i].text, e.text);
	}
	for (size_t i = 0; i < sizeof time / sizeof time[0]; i++) {
		assert_int_equal(str_duration(time[i].text, &(int64_t){0}, &e), RC_BAD);
		if (strstr(e.text, time[i].why) == NULL)
			fail_msg("%s: %s", time[i].text, e.text);
	}
}

static void human_forms(void **state)
{
	char t[32];
	assert_string_equal(str_show_bytes(0, t, sizeof t), "0 B");
	assert_string_equal(str_show_bytes(1023, t, sizeof t), "1023 B");
	assert_string_equal(str_show_bytes(1024, t, sizeof t), "1.0 KiB");
	assert_string_equal(str_show_bytes(1258291, t, sizeof t), "1.2 MiB");
	assert_string_equal(str_show_bytes((1 << 20) - 1, t, sizeof t), "1.0 MiB");
	assert_string_equal(str_show_bytes(UINT64_MAX, t, sizeof t), "16.0 EiB");
	assert_string_equal(str_show_ms(-5, t, sizeof t), "0ms");
	assert_string_equal(str_show_ms(999, t, sizeof t), "999ms");
	assert_string_equal(str_show_ms(1250, t, sizeof t), "1.2s");
	assert_string_equal(str_show_ms(59999, t, sizeof t), "59s");
	assert_string_equal(str_show_ms(200000, t, sizeof t), "3m 20s");
	assert_string_equal(str_show_ms(7500000, t, sizeof t), "2h 05m");
	assert_string_equal(str_show_ms(INT64_MAX, t, sizeof t), "106751991167d 7h");
	assert_string_equal(str_show_count(0, t, sizeof t), "0");
	assert_string_equal(str_show_count(999, t, sizeof t), "999");
	assert_string_equal(str_show_count(12345, t, sizeof t), "12,345");
	assert_string_equal(str_show_count(UINT64_MAX, t, sizeof t), "18,446,744,073,709,551,615");
}

static void hex(void **state)
{
	char text[9];
	uint8_t back[4];
	str_hex((const uint8_t[]){0x00, 0xff, 0x1a, 0x07}, 4, text);
	assert_string_equal(text, "00ff1a07");
	assert_true(str_unhex("00FF1a07", back, 4));
	assert_memory_equal(back, ((uint8_t[]){0x00, 0xff, 0x1a, 0x07}), 4);
	assert_false(str_unhex("00ff1a", back, 4));
	assert_false(str_unhex("00ff1a0", back, 4));
	assert_false(str_unhex("00ff1a0700", back, 4));
	assert_false(str_unhex("00ff1g07", back, 4));
}

static void every_byte_survives_escaping(void **state)
{
	char bytes[255], out[4 * 255 + 1], back[256];
	size_t len;
	for (int i = 0; i < 255; i++)
		bytes[i] = (char)(i + 1);
	size_t n = str_escape(bytes, sizeof bytes, out);
	assert_int_equal(n, strlen(out));
	for (size_t i = 0; i < n; i++)
		assert_true(out[i] >= ' ' && out[i] < 0x7f);
	assert_true(str_unescape(out, back, sizeof back, &len));
	assert_int_equal(len, sizeof bytes);
	assert_memory_equal(back, bytes, sizeof bytes);
}

static void any_pair_of_bytes_survives_escaping(void **state)
{
	for (int a = 0; a < 256; a++) {
		for (int b = 0; b < 256; b++) {
			char bytes[2] = {(char)a, (char)b}, out[9], back[3];
			size_t len = 0;
			str_escape(bytes, 2, out);
			assert_true(str_unescape(out, back, sizeof back, &len));
			assert_int_equal(len, 2);
			assert_memory_equal(back, bytes, 2);
		}
	}
}

static void what_can_be_read_stays_readable(void **state)
{
	char out[64];
	str_escape("a b\"ü€😀", strlen("a b\"ü€😀"), out);
	assert_string_equal(out, "a b\"ü€😀");
	str_escape("\x1b[2J\\\n", 6, out);
	assert_string_equal(out, "\\x1b[2J\\x5c\\x0a");
	/* U+009B is a control sequence of one character */
	str_escape("\xc2\x9b", 2, out);
	assert_string_equal(out, "\\xc2\\x9b");
	str_escape("\xc2", 1, out);
	assert_string_equal(out, "\\xc2");
}

static void malformed_escapes_are_refused(void **state)
{
	char back[8];
	size_t len;
	assert_false(str_unescape("\\", back, sizeof back, &len));
	assert_false(str_unescape("\\x", back, sizeof back, &len));
	assert_false(str_unescape("\\x1", back, sizeof back, &len));
	assert_false(str_unescape("\\n", back, sizeof back, &len));
	assert_false(str_unescape("\\xg0", back, sizeof back, &len));
	assert_false(str_unescape("12345678", back, sizeof back, &len));
	assert_true(str_unescape("1234567", back, sizeof back, &len));
	assert_true(str_unescape("", back, 1, &len));
	assert_false(str_unescape("", back, 0, &len));
}

static void utf8_refuses_what_unicode_refuses(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
	} rows[] = {
	    {"a", 1},
	    {"\xc3\xbc", 2},
	    {"\xe2\x82\xac", 3},
	    {"\xf0\x9f\x98\x80", 4},
	    {"\xf4\x8f\xbf\xbf", 4},
	    {"\xc0\x80", 0},         /* overlong */
	    {"\xc1\xbf", 0},         /* overlong */
	    {"\xe0\x9f\xbf", 0},     /* overlong */
	    {"\xf0\x8f\xbf\xbf", 0}, /* overlong */
	    {"\xed\xa0\x80", 0},     /* surrogate */
	    {"\xf4\x90\x80\x80", 0}, /* past U+10FFFF */
	    {"\xf5\x80\x80\x80", 0},
	    {"\x80", 0},
	    {"\xff", 0},
	    {"\xe2\x82", 0}, /* cut */
	    {"\xe2\x28\xa1", 0},
	    {"\xf0\x9f\x98\x28", 0},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		/* On the heap, so that a read past the end is seen. */
		size_t n = strlen(rows[i].bytes);
		uint8_t *copy = malloc(n);
		memcpy(copy, rows[i].bytes, n);
		assert_int_equal(str_utf8(copy, n), rows[i].length);
		free(copy);
	}
	assert_int_equal(str_utf8((const uint8_t *)"a", 0), 0);
}

static void a_line_is_one_of_utf8(void **state)
{
	static const struct {
		const char *text;
		bool line;
	} rows[] = {
	    {"came again whole", true},
	    {"Gr\xc3\xbc\xc3\x9f"
	     "e",
	        true},
	    {"0123456789abcdef", true}, {"", false}, {"0123456789abcdefg", false}, {"two\nlines", false},
	    {"a\x1b[31m", false}, {"\x7f", false}, {"cut \xc3", false},
	    {"0123456789abcde\xc3\xbc", false}, /* one byte too long */
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(str_is_line(rows[i].text, 16), rows[i].line);
}

static void patterns(void **state)
{
	assert_true(str_match("nfcapd.[0-9]*", "nfcapd.202601140900"));
	assert_false(str_match("nfcapd.[0-9]*", "nfcapd.current.12"));
	assert_true(str_match("*", ".hidden"));
	assert_true(str_match("@(*.pcap|capture*)", "a.pcap"));
	assert_true(str_match("@(*.pcap|capture*)", "capture-1"));
	assert_false(str_match("@(*.pcap|capture*)", "a.log"));
	assert_true(str_match("@(a[|]b|c[)]*)", "a|b"));
	assert_true(str_match("@(a[|]b|c[)]*)", "c)d"));
}

static void distances(void **state)
{
	assert_int_equal(str_distance("", ""), 0);
	assert_int_equal(str_distance("abc", ""), 3);
	assert_int_equal(str_distance("", "abc"), 3);
	assert_int_equal(str_distance("worker", "workers"), 1);
	assert_int_equal(str_distance("kitten", "sitting"), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(prefix_and_suffix),
	    cmocka_unit_test(copy_says_when_it_cut),
	    cmocka_unit_test(numbers),
	    cmocka_unit_test(sizes),
	    cmocka_unit_test(durations),
	    cmocka_unit_test(a_wrong_unit_is_named),
	    cmocka_unit_test(human_forms),
	    cmocka_unit_test(hex),
	    cmocka_unit_test(every_byte_survives_escaping),
	    cmocka_unit_test(any_pair_of_bytes_survives_escaping),
	    cmocka_unit_test(what_can_be_read_stays_readable),
	    cmocka_unit_test(malformed_escapes_are_refused),
	    cmocka_unit_test(utf8_refuses_what_unicode_refuses),
	    cmocka_unit_test(a_line_is_one_of_utf8),
	    cmocka_unit_test(patterns),
	    cmocka_unit_test(distances),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* render: every row of the table against a computation of its own: libc's calendar, inet_ntop, printf. */
#include "data/render.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "data/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static uint64_t random_u64(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static const struct render *find(enum type type, const char *as, enum sql_type sql)
{
	const struct render *r = render_find(type, as, sql);
	assert_non_null(r);
	return r;
}

/* A batch of one column. */
static struct batch *column_of(enum type type, const void *values, uint32_t rows)
{
	struct batch *b = batch_new(&type, 1, rows, 0);
	memcpy(batch_values(b, 0), values, rows * type_size(type));
	b->rows = rows;
	return b;
}

/* Text of one value of a column, through normalise and print. */
static void shows(enum type type, const char *as, const void *value, const char *want)
{
	const struct render *r = find(type, as, SQL_STRING);
	struct batch *b = column_of(type, value, 1);
	union key_value key = {0};
	char text[RENDER_TEXT];
	r->normalise(b, 0, 0, NULL, 1, &key);
	size_t len = r->print(&key, text);
	text[len] = '\0';
	assert_string_equal(text, want);
	/* And back, but for names that two numbers share and floats that are none. */
	union key_value back = {0};
	if (strcmp(want, "IDPR") != 0 && strcmp(want, "nan") != 0) {
		assert_true(r->parse(want, &back));
		assert_memory_equal(&back, &key, sizeof key);
	}
	batch_free(&b);
}

static void number_text(enum type type, uint64_t v, const char *format)
{
	char want[RENDER_TEXT];
	uint32_t narrow = (uint32_t)v;
	snprintf(want, sizeof want, format, v);
	shows(type, "number", type == TYPE_U32 ? (const void *)&narrow : &v, want);
}

static void integers_print_as_printf_does(void **state)
{
	uint64_t seed = 1;
	uint64_t edges[] = {
	    0, 9, 10, 99, 100, 999, 1000, 65535, INT32_MAX, UINT32_MAX, INT64_MAX, (uint64_t)INT64_MIN, UINT64_MAX};
	for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
		number_text(TYPE_U64, edges[i], "%" PRIu64);
		number_text(TYPE_I64, edges[i], "%" PRId64);
		number_text(TYPE_U32, (uint32_t)edges[i], "%" PRIu64);
	}
	for (int i = 0; i < 20000; i++) {
		uint64_t v = random_u64(&seed) >> (random_u64(&seed) % 64);
		number_text(TYPE_U64, v, "%" PRIu64);
		number_text(TYPE_I64, i % 2 != 0 ? v : 0 - v, "%" PRId64);
	}
}

/* Every second of days that calendars trip over. */
static void times_agree_with_libc(void **state)
{
	static const int64_t day[] = {0, 59 * 86400, 789 * 86400, 11016 * 86400, 16860 * 86400, 20467LL * 86400,
	    47540LL * 86400, 49709LL * 86400, -86400, -25567LL * 86400};
	static const char *const part[] = {"year", "month", "day", "hour", "minute", "second"};
	enum { BATCH = 10800 };
	int64_t *ns = mem_zero(BATCH, sizeof *ns);
	uint64_t *keys = mem_zero(BATCH, sizeof *keys);
	for (size_t d = 0; d < sizeof day / sizeof day[0]; d++) {
		for (int64_t at = 0; at < 86400; at += BATCH) {
			for (int64_t i = 0; i < BATCH; i++)
				ns[i] = (day[d] + at + i) * 1000000000 + (i * 7919 % 1000000000);
			struct batch *b = column_of(TYPE_TIME, ns, BATCH);
			for (int p = -1; p < 6; p++) {
				const struct render *r = find(TYPE_TIME, p < 0 ? "datetime" : part[p], SQL_STRING);
				r->normalise(b, 0, 0, NULL, BATCH, keys);
				for (int64_t i = 0; i < BATCH; i++) {
					time_t second = day[d] + at + i;
					struct tm t;
					gmtime_r(&second, &t);
					int want[] = {
					    t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec};
					if (p >= 0) {
						assert_true(keys[i] == (uint64_t)want[p]);
						continue;
					}
					char text[RENDER_TEXT], expect[64];
					assert_int_equal(r->print(&(union key_value){.u64 = keys[i]}, text), 19);
					snprintf(expect, sizeof expect, "%04d-%02d-%02d %02d:%02d:%02d", want[0],
					    want[1], want[2], want[3], want[4], want[5]);
					assert_memory_equal(text, expect, 19);
				}
			}
			batch_free(&b);
		}
	}
	mem_free(&ns);
	mem_free(&keys);
}

static void times_before_1970_are_floored(void **state)
{
	int64_t ns = -1;
	shows(TYPE_TIME, "unix", &ns, "-1");
	shows(TYPE_TIME, "unix_ms", &ns, "-1");
	shows(TYPE_TIME, "datetime", &ns, "1969-12-31 23:59:59");
	shows(TYPE_TIME, "date", &ns, "1969-12-31");
	shows(TYPE_TIME, "clock", &ns, "23:59:59");
	shows(TYPE_TIME, "second", &ns, "59");
	ns = INT64_MIN;
	shows(TYPE_TIME, "datetime", &ns, "1677-09-21 00:12:43");
	shows(TYPE_TIME, "year", &ns, "1677");
	ns = INT64_MAX;
	shows(TYPE_TIME, "datetime", &ns, "2262-04-11 23:47:16");
	shows(TYPE_TIME, "unix", &ns, "9223372036");
	shows(TYPE_TIME, "unix_ms", &ns, "9223372036854");
}

/* The first of all times lies right behind the last, by its bits: it has the date of its own all the same. */
static void the_last_day_is_not_the_first(void **state)
{
	static const int64_t time[] = {INT64_MAX, INT64_MIN, INT64_MAX};
	uint64_t year[3];
	struct batch *b = column_of(TYPE_TIME, time, 3);
	find(TYPE_TIME, "year", SQL_INT)->normalise(b, 0, 0, NULL, 3, year);
	assert_int_equal(year[0], 2262);
	assert_int_equal(year[1], 1677);
	assert_int_equal(year[2], 2262);
	batch_free(&b);
}

/* A selection picks the same values as all rows do, out of order and twice. */
static void selections_pick_rows(void **state)
{
	static const uint16_t sel[] = {5, 0, 5, 3, 999};
	static uint8_t values[1000 * sizeof(struct ip)];
	uint64_t seed = 3;
	for (size_t i = 0; i < sizeof values; i++)
		values[i] = (uint8_t)random_u64(&seed);
	for (size_t i = 0; render_row(i) != NULL; i++) {
		const struct render *r = render_row(i);
		struct batch *b = column_of(r->type, values, 1000);
		size_t size = r->key == KEY_IP ? sizeof(struct ip) : sizeof(uint64_t);
		uint8_t *all = mem_zero(1000, size), *some = mem_zero(5, size);
		r->normalise(b, 0, 0, NULL, 1000, all);
		r->normalise(b, 0, 0, sel, 5, some);
		for (size_t j = 0; j < 5; j++)
			assert_memory_equal(some + j * size, all + sel[j] * size, size);
		r->normalise(b, 0, 995, NULL, 5, some);
		assert_memory_equal(some, all + 995 * size, 5 * size);
		mem_free(&all);
		mem_free(&some);
		batch_free(&b);
	}
}

/* What is said of a second holds for each of its times, and of the others for none. */
static void seconds_have_one_key_where_it_is_said(void **state)
{
	static const int64_t second[] = {INT64_C(-86400), -1, 0, 59, 1768381199, 9223372035};
	for (size_t i = 0; render_row(i) != NULL; i++) {
		const struct render *r = render_row(i);
		for (size_t k = 0; k < sizeof second / sizeof second[0]; k++) {
			int64_t time[] = {second[k] * 1000000000, second[k] * 1000000000 + 999999999};
			uint64_t key[2];
			if (r->type != TYPE_TIME) {
				assert_false(render_by_second(r));
				continue;
			}
			struct batch *b = column_of(TYPE_TIME, time, 2);
			r->normalise(b, 0, 0, NULL, 2, key);
			assert_int_equal(key[0] == key[1], render_by_second(r));
			batch_free(&b);
		}
	}
}

static void the_table_is_consistent(void **state)
{
	for (size_t i = 0; render_row(i) != NULL; i++) {
		const struct render *r = render_row(i);
		assert_ptr_equal(render_find(r->type, r->as, r->sql), r);
		assert_non_null(render_default(r->type, r->sql));
		assert_true((r->key == KEY_BYTES) == (r->text != NULL));
		assert_true((r->key == KEY_BYTES) == (r->parse == NULL));
		assert_true((r->print != NULL) == (r->sql == SQL_STRING && r->key != KEY_BYTES));
		assert_false(r->bounded && r->sql == SQL_STRING);
	}
	assert_null(render_find(TYPE_IP, "ip", SQL_INT));
	assert_null(render_find(TYPE_U32, "ip", SQL_STRING));
	assert_null(render_default(TYPE_IP, SQL_INT));
	assert_string_equal(render_default(TYPE_TIME, SQL_STRING), "datetime");
	assert_string_equal(render_default(TYPE_TIME, SQL_BIGINT), "unix");
	assert_string_equal(render_default(TYPE_U32, SQL_STRING), "number");
	assert_string_equal(render_default(TYPE_U64, SQL_STRING), "number");
	assert_string_equal(render_default(TYPE_BYTES, SQL_STRING), "text");
}

static void only_what_fits_fits(void **state)
{
	const struct render *u32 = find(TYPE_U32, "number", SQL_INT);
	assert_true(render_fits(u32, INT32_MAX));
	assert_false(render_fits(u32, (uint64_t)INT32_MAX + 1));
	assert_false(render_fits(u32, UINT32_MAX));
	const struct render *i64 = find(TYPE_I64, "number", SQL_INT);
	assert_true(render_fits(i64, (uint64_t)INT64_C(-1)));
	assert_true(render_fits(i64, (uint64_t)(int64_t)INT32_MIN));
	assert_false(render_fits(i64, (uint64_t)((int64_t)INT32_MIN - 1)));
	assert_false(render_fits(i64, (uint64_t)INT32_MAX + 1));
	const struct render *u64 = find(TYPE_U64, "number", SQL_BIGINT);
	assert_true(render_fits(u64, INT64_MAX));
	assert_false(render_fits(u64, (uint64_t)INT64_MAX + 1));
	assert_true(render_fits(find(TYPE_I64, "number", SQL_BIGINT), (uint64_t)INT64_MIN));
	assert_true(render_fits(find(TYPE_U32, "number", SQL_BIGINT), UINT32_MAX));
	assert_false(render_fits(find(TYPE_TIME, "unix", SQL_INT), 9223372036));
	assert_true(render_fits(find(TYPE_U64, "number", SQL_STRING), UINT64_MAX));
}

static void address(int family, const uint8_t octet[16])
{
	struct ip ip = {.family = (uint8_t)family}, back;
	char want[INET6_ADDRSTRLEN];
	memcpy(ip.octet, octet, family == 4 ? 4 : 16);
	assert_non_null(inet_ntop(family == 4 ? AF_INET : AF_INET6, octet, want, sizeof want));
	shows(TYPE_IP, "ip", &ip, want);
	assert_true(render_ip_parse(want, &back));
	assert_memory_equal(&back, &ip, sizeof ip);
}

static void addresses_print_as_inet_ntop_does(void **state)
{
	uint64_t seed = 7;
	for (int i = 0; i < 30000; i++) {
		uint8_t octet[16];
		uint64_t zero = random_u64(&seed), small = random_u64(&seed);
		for (int k = 0; k < 16; k++)
			octet[k] =
			    (zero >> (k / 2) & 1) != 0 ? 0 : (uint8_t)(random_u64(&seed) >> (small >> k & 1 ? 60 : 56));
		address(6, octet);
		address(4, octet);
	}
	/* All ways of zero and other groups, with the last ones as IPv4 would have them. */
	for (unsigned mask = 0; mask < 256; mask++) {
		for (unsigned group = 1; group <= 0xffff; group = group * 16 + 15) {
			uint8_t octet[16] = {0};
			for (unsigned k = 0; k < 8; k++) {
				octet[2 * k] = (uint8_t)(mask >> k & 1 ? group >> 8 : 0);
				octet[2 * k + 1] = (uint8_t)(mask >> k & 1 ? group : 0);
			}
			address(6, octet);
		}
	}
	struct ip ip;
	static const char *const none[] = {"", "1.2.3", "1.2.3.256", ":", "1::2::3", "fe80::1%eth0", " 1.2.3.4"};
	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
		assert_false(render_ip_parse(none[i], &ip));
}

/* Significant digits of a decimal text. */
static int digits(const char *text)
{
	char only[RENDER_TEXT];
	int n = 0;
	for (; *text != '\0' && *text != 'e'; text++)
		if (*text >= '0' && *text <= '9' && (n > 0 || *text != '0'))
			only[n++] = *text;
	while (n > 0 && only[n - 1] == '0')
		n--;
	return n;
}

static void real(float v)
{
	char text[RENDER_TEXT], shorter[RENDER_TEXT];
	text[render_float(v, text)] = '\0';
	float back = strtof(text, NULL);
	assert_memory_equal(&back, &v, sizeof v);
	int n = digits(text);
	assert_true(n <= 9);
	if (n > 1) {
		snprintf(shorter, sizeof shorter, "%.*e", n - 2, (double)v);
		assert_true(strtof(shorter, NULL) != v);
	}
}

static void floats_read_back_and_are_short(void **state)
{
	uint64_t seed = 11;
	for (int i = 0; i < 60000; i++) {
		uint32_t bits = (uint32_t)random_u64(&seed);
		float v;
		memcpy(&v, &bits, sizeof v);
		if (!isnan(v) && !isinf(v))
			real(v);
		real((float)(random_u64(&seed) % 400000000) / 1000.0f);
	}
	for (int i = 0; i < 1100000; i += 7)
		real((float)(i / 1000.0));
	static const struct {
		float v;
		const char *text;
	} want[] = {{0, "0"}, {-0.0f, "-0"}, {0.1f, "0.1"}, {0.001f, "0.001"}, {1.5f, "1.5"}, {-2.25f, "-2.25"},
	    {299.99f, "299.99"}, {999.999f, "999.999"}, {100000, "100000"}, {16777216, "16777216"}, {INFINITY, "inf"},
	    {-INFINITY, "-inf"}, {NAN, "nan"}};
	for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
		shows(TYPE_F32, "float", &want[i].v, want[i].text);
}

static void flags_show_their_letters(void **state)
{
	for (uint32_t v = 0; v < 256; v++) {
		char want[16], want6[16];
		for (int bit = 0; bit < 8; bit++)
			want[bit] = v & (0x80u >> bit) ? "CEUAPRSF"[bit] : '.';
		want[8] = '\0';
		if (v > 63)
			snprintf(want6, sizeof want6, "  0x%2x", v);
		else
			memcpy(want6, want + 2, 7);
		shows(TYPE_U32, "tcp_flags", &v, want);
		shows(TYPE_U32, "tcp_flags6", &v, want6);
	}
}

static void protocols_have_nfdumps_names(void **state)
{
	static const struct {
		uint32_t number;
		const char *name;
	} want[] = {{0, "0"}, {1, "ICMP"}, {6, "TCP"}, {17, "UDP"}, {35, "IDPR"}, {38, "IDPR"}, {58, "ICMP6"},
	    {99, "99"}, {112, "VRRP"}, {128, "128"}, {132, "SCTP"}, {134, "134"}, {137, "MPLS"}, {138, "138"},
	    {255, "255"}};
	for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
		shows(TYPE_U32, "proto", &want[i].number, want[i].name);
	assert_int_equal(proto_number("IDPR"), 35);
	assert_int_equal(proto_number("nothing"), -1);
	assert_null(proto_name(138));
}

static void labels_and_macs(void **state)
{
	uint64_t mac = UINT64_C(0xffff0123456789ab);
	shows(TYPE_U64, "mac", &mac, "01:23:45:67:89:ab");
	uint32_t label = 299776 << 4 | 5 << 1 | 1;
	shows(TYPE_U32, "mpls", &label, "299776-5-1");
	label = 0;
	shows(TYPE_U32, "mpls", &label, "0-0-0");
	uint32_t class = 1;
	shows(TYPE_U32, "hex4", &class, "0x0001");
	shows(TYPE_U32, "hex8", &class, "0x00000001");
	class = 0xabcdef;
	shows(TYPE_U32, "hex4", &class, "0xabcdef");
}

/* dns-format.md section 2: a fixed English month, the day right-aligned, nine digits whatever the capture has. */
static void frame_times_are_tsharks_without_the_comma(void **state)
{
	int64_t ns = INT64_C(1700000001000001000);
	shows(TYPE_TIME, "frame_time", &ns, "Nov 14 2023 22:13:21.000001000 UTC");
	ns = INT64_C(1704067200987654321);
	shows(TYPE_TIME, "frame_time", &ns, "Jan  1 2024 00:00:00.987654321 UTC");
	ns = -1;
	shows(TYPE_TIME, "frame_time", &ns, "Dec 31 1969 23:59:59.999999999 UTC");
}

static void malformed_texts_are_no_keys(void **state)
{
	static const struct {
		enum type type;
		const char *as, *text;
	} none[] = {{TYPE_U64, "number", ""}, {TYPE_U64, "number", "-1"}, {TYPE_U64, "number", "1 "},
	    {TYPE_U64, "number", "18446744073709551616"}, {TYPE_I64, "number", "--1"}, {TYPE_I64, "number", " 1"},
	    {TYPE_TIME, "datetime", "2026-02-30 00:00:00"}, {TYPE_TIME, "datetime", "2026-01-01T00:00:00"},
	    {TYPE_TIME, "datetime", "2026-01-01 00:00:60"}, {TYPE_TIME, "datetime", "2026-13-01 00:00:00"},
	    {TYPE_F32, "float", "1.5x"}, {TYPE_F32, "float", ""}, {TYPE_U64, "mac", "01:23:45:67:89"},
	    {TYPE_U32, "proto", "tcp"}, {TYPE_U32, "tcp_flags", "...AP.SX"}, {TYPE_U32, "tcp_flags", "......"},
	    {TYPE_U32, "tcp_flags6", "........"}, {TYPE_U32, "mpls", "1-8-0"}, {TYPE_U32, "mpls", "x"},
	    {TYPE_IP, "ip", "host"}, {TYPE_U32, "hex4", "0x1"}, {TYPE_TIME, "clock", "24:00:00"},
	    {TYPE_TIME, "date", "2026-02-30"}, {TYPE_TIME, "frame_time", "Nov 14, 2023 22:13:21.000001000 UT"}};
	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
		union key_value key;
		assert_false(find(none[i].type, none[i].as, SQL_STRING)->parse(none[i].text, &key));
	}
}

static void utf8(const char *in, size_t len, const char *want)
{
	const uint8_t *out;
	uint8_t *scratch = NULL;
	size_t size = 0;
	uint8_t *copy = mem_copy(in, len); /* exact, so that a read past its end is seen */
	size_t n = render_utf8(copy, len, &out, &scratch, &size);
	assert_int_equal(n, strlen(want));
	assert_memory_equal(out, want, n);
	assert_int_equal(out == copy, n == len && memcmp(in, want, len) == 0);
	mem_free(&copy);
	mem_free(&scratch);
}

static void bytes_become_valid_text(void **state)
{
	utf8("", 0, "");
	utf8("plain ascii text", 16, "plain ascii text");
	utf8("h\xc3\xa9llo \xe2\x82\xac \xf0\x9f\x98\x80", 15, "h\xc3\xa9llo \xe2\x82\xac \xf0\x9f\x98\x80");
	utf8("a\xff"
	     "b",
	    3,
	    "a\xef\xbf\xbd"
	    "b");
	utf8("\xc3", 1, "\xef\xbf\xbd");
	utf8("1234567890\xe2\x82", 12, "1234567890\xef\xbf\xbd\xef\xbf\xbd");
	utf8("\xc0\x80", 2, "\xef\xbf\xbd\xef\xbf\xbd");
	utf8("\xed\xa0\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");

	const uint8_t *out;
	uint8_t *scratch = NULL;
	size_t size = 0;
	size_t n = find(TYPE_BYTES, "hex", SQL_STRING)->text((const uint8_t *)"\x00\xff\x1a", 3, &out, &scratch, &size);
	assert_int_equal(n, 6);
	assert_memory_equal(out, "00ff1a", 6);
	mem_free(&scratch);
}

/* Wherever it lies in a text of whatever length. */
static void one_bad_byte_is_found(void **state)
{
	enum { LONGEST = 40, REPLACED = 3 };
	for (size_t len = 1; len <= LONGEST; len++)
		for (size_t at = 0; at < len; at++) {
			char text[LONGEST], want[LONGEST + REPLACED];
			memset(text, 'x', len);
			snprintf(want, sizeof want, "%.*s", (int)len, text);
			utf8(text, len, want);
			text[at] = '\x80';
			snprintf(want, sizeof want, "%.*s\xef\xbf\xbd%.*s", (int)at, text, (int)(len - at - 1),
			    text + at + 1);
			utf8(text, len, want);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(integers_print_as_printf_does),
	    cmocka_unit_test(times_agree_with_libc),
	    cmocka_unit_test(times_before_1970_are_floored),
	    cmocka_unit_test(the_last_day_is_not_the_first),
	    cmocka_unit_test(selections_pick_rows),
	    cmocka_unit_test(seconds_have_one_key_where_it_is_said),
	    cmocka_unit_test(the_table_is_consistent),
	    cmocka_unit_test(only_what_fits_fits),
	    cmocka_unit_test(addresses_print_as_inet_ntop_does),
	    cmocka_unit_test(floats_read_back_and_are_short),
	    cmocka_unit_test(flags_show_their_letters),
	    cmocka_unit_test(protocols_have_nfdumps_names),
	    cmocka_unit_test(labels_and_macs),
	    cmocka_unit_test(frame_times_are_tsharks_without_the_comma),
	    cmocka_unit_test(malformed_texts_are_no_keys),
	    cmocka_unit_test(bytes_become_valid_text),
	    cmocka_unit_test(one_bad_byte_is_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* csv: every rule of doc/formats/csv.md. */
#include "dissect/csv/csv.h"

#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <zlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/writer.h"
#include "dissect/csv/times.h"
#include "dissect/csv/values.h"
#include "unit/dissect/csv_dump.h"

#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void expect_table(
    struct csv_table *t, const char *text, size_t len, const char *const *options, const char *want)
{
	/* The same whatever the batches are. */
	for (uint32_t rows = 0; rows < 3; rows++) {
		char *got = csv_dump(&dissect_csv, t, text, len, rows, options);
		assert_string_equal(got, want);
		mem_free(&got);
	}
}

static void expect(const char *text, const char *const *options, const char *want)
{
	struct csv_table t;
	csv_orders(&t);
	expect_table(&t, text, strlen(text), options, want);
}

static void test_rfc4180(void **state)
{
	expect("at,n,ip,price,note\r\n"
	       "2026-01-14T09:00:00Z,1,10.0.0.1,1.5,plain\r\n"
	       "2026-01-14T09:00:01Z,2,::1,2,\"a, \"\"b\"\"\r\nc\"\r\n",
	    NULL,
	    "row 2026-01-14 09:00:00|1|10.0.0.1|1.5|plain\n"
	    "row 2026-01-14 09:00:01|2|::1|2|a, \"b\"\r\nc\n"
	    "clean\n");
}

static void test_line_ends(void **state)
{
	expect("\xEF\xBB\xBF"
	       "at,n,ip,price,note\n\n2026-01-14,1,,,\n\r\n2026-01-15,2,,,\"x\"",
	    NULL, "row 2026-01-14 00:00:00|1|~|~|~\nrow 2026-01-15 00:00:00|2|~|~|x\nunterminated=1\nclean\n");
	expect("at,n,ip,price,note\n2026-01-14,1,,,a\rb\n2026-01-14,1,,,\"q\"\r", NULL,
	    "row 2026-01-14 00:00:00|1|~|~|a\rb\nrow 2026-01-14 00:00:00|1|~|~|q\nunterminated=1\nclean\n");
}

static void test_empty(void **state)
{
	expect("", NULL, "clean\n");
	expect("\xEF\xBB\xBF", NULL, "clean\n");
	expect("\n\n", NULL, "clean\n");
	expect("at,n,ip,price,note", NULL, "clean\n");
	expect("", OPTIONS("header=no", "columns=at,n,ip,price,note"), "clean\n");
	expect("one\n", OPTIONS("skip=3"), "clean\n");
}

static void test_nulls(void **state)
{
	expect("at,n,ip,price,note\n2026-01-14,,,,\n2026-01-14,\"\",\"\",\"\",\"\"\n", NULL,
	    "row 2026-01-14 00:00:00|~|~|~|~\nrow 2026-01-14 00:00:00|~|~|~|\nclean\n");
	expect("at,n,ip,price,note\n2026-01-14,NA,-,NA,NA\n2026-01-14,1,,,\"NA\"\n2026-01-14,1,,,\n",
	    OPTIONS("null=NA", "null=-"),
	    "row 2026-01-14 00:00:00|~|~|~|~\nrow 2026-01-14 00:00:00|1|~|~|NA\nrow 2026-01-14 "
	    "00:00:00|1|~|~|\nclean\n");
}

/* A value that cannot be read costs itself. */
static void test_bad_values(void **state)
{
	expect("at,n,ip,price,note\n2026-01-14,1x,1.2.3,1.2.3,ok\n2026-01-14,99999999999999999999,x,inf,ok\n", NULL,
	    "row 2026-01-14 00:00:00|~|~|~|ok\nrow 2026-01-14 "
	    "00:00:00|~|~|~|ok\nbad_numbers=4\nbad_addresses=2\nclean\n");
}

/* A record without its cells or its time costs the row, and no other. */
static void test_rejects(void **state)
{
	expect("at,n,ip,price,note\n"
	       "2026-01-14,1,,,a\n"
	       "2026-01-14,1,,\n"
	       "2026-01-14,1,,,a,b\n"
	       ",1,,,a\n"
	       "yesterday,1,,,a\n"
	       "2026-01-14,2,,,z\n",
	    NULL,
	    "row 2026-01-14 00:00:00|1|~|~|a\n"
	    "row 2026-01-14 00:00:00|2|~|~|z\n"
	    "reject at 36 length 15 rows 1: line 3: 4 fields, the header has 5\n"
	    "reject at 51 length 19 rows 1: line 4: 6 fields, the header has 5\n"
	    "reject at 70 length 7 rows 1: line 5: no time for field \"at\"\n"
	    "reject at 77 length 16 rows 1: line 6: \"yesterday\" is no time for field \"at\"\n"
	    "clean\n");
}

static void test_quotes_out_of_place(void **state)
{
	/* The line of the bad quote is given up, the next one is a record again. */
	expect("at,n,ip,price,note\n2026-01-14,1,,,\"a\"b\n2026-01-14,2,,,in\"side\n", NULL,
	    "row 2026-01-14 00:00:00|2|~|~|in\"side\n"
	    "reject at 19 length 20 rows -1: line 2: text behind a closing quote\nunclean\n");
	expect("at,n,ip,price,note\n2026-01-14,1,,,\"open\n2026-01-14,2,,,b\n", NULL,
	    "row 2026-01-14 00:00:00|2|~|~|b\n"
	    "reject at 19 length 21 rows -1: line 2: a quote that is not closed\nunclean\n");
	expect("at;n;ip;price;note\n2026-01-14;1;;;'it''s; here'\n", OPTIONS("delimiter=semicolon", "quote=apostrophe"),
	    "row 2026-01-14 00:00:00|1|~|~|it's; here\nclean\n");
	expect("at,n,ip,price,note\n2026-01-14,1,,,\"x\n", OPTIONS("quote=none"),
	    "row 2026-01-14 00:00:00|1|~|~|\"x\nclean\n");
}

static void test_header(void **state)
{
	expect(
	    "AT, N ,\"ip\",price,extra,Note\n2026-01-14,1,,,x,y\n", NULL, "row 2026-01-14 00:00:00|1|~|~|y\nclean\n");
	expect("at,n,ip,price,notes\n", NULL,
	    "bad: line 1: header: field \"note\": no column \"note\" (did you mean \"notes\"?)\n");
	/* The wrong delimiter leaves one column. */
	expect("at;n;ip;price;note\n2026-01-14;1;;;x\n", NULL,
	    "bad: line 1: header: field \"at\": no column \"at\"; the header has one column, with semicolons in it: "
	    "delimiter: semicolon?\n");
	expect("at,n\tx,ip\n", OPTIONS("delimiter=pipe"),
	    "bad: line 1: header: field \"at\": no column \"at\"; the header has one column, with tabs in it: "
	    "delimiter: "
	    "tab?\n");
	expect("when\n2026-01-14\n", NULL,
	    "bad: line 1: header: field \"at\": no column \"at\"; the header has one column\n");
	expect("at,n,ip,price,note,Note\n", NULL, "bad: line 1: header: the column \"note\" is there twice\n");
	expect("at,n,ip,price,\"note\"x\n", NULL, "bad: line 1: header: text behind a closing quote\n");
	expect("\xFF\xFE"
	       "a",
	    NULL, "bad: UTF-16; only UTF-8 and single-byte texts are read\n");
}

static void test_mapping(void **state)
{
	expect("when,count,who,cost,what\n2026-01-14,1,::2,3,x\n",
	    OPTIONS("column.at=When", "column.n=2", "column.ip=who", "column.price=-", "column.note=what"),
	    "row 2026-01-14 00:00:00|1|::2|~|x\nclean\n");
	expect("2026-01-14,1,::2,3,x\n", OPTIONS("header=no", "columns=at,n,ip,price,note"),
	    "row 2026-01-14 00:00:00|1|::2|3|x\nclean\n");
	expect("a,b,c,d,e\n2026-01-14,1,::2,3,x\n",
	    OPTIONS("columns=at", "columns=n", "columns=ip", "columns=-", "columns=note", "column.price=-"),
	    "row 2026-01-14 00:00:00|1|::2|~|x\nclean\n");
	expect("x,2026-01-14,7\nx,2026-01-15\n",
	    OPTIONS("header=no", "column.at=2", "column.n=3", "column.ip=-", "column.price=-", "column.note=1"),
	    "row 2026-01-14 00:00:00|7|~|~|x\n"
	    "reject at 15 length 13 rows 1: line 2: 2 fields, the mapping wants 3 to 4096\nclean\n");
	/* The first of several that holds something. */
	expect("a,b,c\n2026-01-14,x,1\n,2026-01-15,2\nbad,2026-01-16,3\n",
	    OPTIONS("column.at=a", "column.at=b", "column.n=c", "column.ip=-", "column.price=-", "column.note=-"),
	    "row 2026-01-14 00:00:00|1|~|~|~\nrow 2026-01-15 00:00:00|2|~|~|~\nrow 2026-01-16 "
	    "00:00:00|3|~|~|~\nclean\n");
}

static void test_around_the_table(void **state)
{
	expect("made by a tool\n\"odd\nat|n|ip|price|note\n#2026-01-13|0|||\n2026-01-14|1|||a\nTotal 1\nanything, "
	       "\"here\n",
	    OPTIONS("skip=2", "comment=#", "delimiter=pipe", "trailer=Total"),
	    "row 2026-01-14 00:00:00|1|~|~|a\nclean\n");
	expect("at\tn\tip\tprice\tnote\n2026-01-14\t1\t\t\ta,b\n", OPTIONS("delimiter=tab"),
	    "row 2026-01-14 00:00:00|1|~|~|a,b\nclean\n");
}

static void test_wrong_options(void **state)
{
	static const struct {
		const char *option, *want;
	} row[] = {
	    {"delimeter=,", "bad: unknown option \"delimeter\" (did you mean \"delimiter\"?)\n"},
	    {"delimiter=,,",
	        "bad: delimiter: wants one character, or comma, tab, semicolon, pipe, space, colon, not \",,\"\n"},
	    {"quote=,", "bad: quote: is the delimiter too\n"},
	    {"comment=,", "bad: comment: is the delimiter too\n"},
	    {"header=maybe", "bad: header: yes or no, not \"maybe\"\n"},
	    {"column.nn=2", "bad: column.nn: the table has no field \"nn\" (did you mean \"n\"?)\n"},
	    {"column.n=", "bad: column.n: wants a column's name or number, or - for none\n"},
	    {"columns=a,,b", "bad: columns: a name is empty; - skips a column\n"},
	    {"columns=a,b", "bad: field \"at\": no column \"at\" (did you mean \"a\"?)\n"},
	    {"column.at=-", "bad: line 1: header: column.at: the partition time cannot be left out\n"},
	    {"column.at=9", "bad: line 1: header: column.at: \"9\" is out of range 1 to 5\n"},
	    {"zone=Paris", "bad: zone: \"Paris\" is no zone: UTC or an offset such as +01:00\n"},
	    {"max_line=10", "bad: max_line: \"10\" is out of range 1KiB to 4MiB\n"},
	    {"skip=-1", "bad: skip: \"-1\" is out of range 0 to 1000000\n"},
	    {"trailer=", "bad: trailer: wants the beginning of a line, at most 1000 bytes\n"},
	    {"time_format=%s", "bad: time_format: a time pattern has no %s, %c or %x; for unix seconds say epoch\n"},
	    {"header=no", "bad: field \"at\": which column? column.at: NUMBER\n"},
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		expect("at,n,ip,price,note\n", OPTIONS(row[i].option), row[i].want);
	expect("", OPTIONS("skip=1", "skip=2"), "bad: skip: is given twice\n");
}

static void test_times(void **state)
{
	static const struct {
		const char *format, *text;
		int32_t zone_s;
		int64_t ns; /* -1: no time */
	} row[] = {
	    {"iso8601", "1970-01-01", 0, 0},
	    {"iso8601", "2026-01-14 09:00", 0, 1768381200 * NS_PER_S},
	    {"iso8601", "2026-01-14T09:00:00Z", 3600, 1768381200 * NS_PER_S},
	    {"iso8601", "2026-01-14 09:00:00", 3600, 1768377600 * NS_PER_S},
	    {"iso8601", "2026-01-14 09:00:00.123456789+01:00", 0, 1768377600 * NS_PER_S + 123456789},
	    {"iso8601", "2026-01-14 09:00:00,5 -0130", 0, 1768386600 * NS_PER_S + 500000000},
	    {"iso8601", "2026-01-14 09:00:00.1234567899 UTC", 0, 1768381200 * NS_PER_S + 123456789},
	    {"iso8601", "2016-12-31T23:59:60Z", 0, 1483228800 * NS_PER_S},
	    {"iso8601", "2026-02-29", 0, -1},
	    {"iso8601", "2024-02-29", 0, 1709164800 * NS_PER_S},
	    {"iso8601", "2026-13-01", 0, -1},
	    {"iso8601", "2026-01-14 24:00:00", 0, -1},
	    {"iso8601", "2026-01-14 09:00:00x", 0, -1},
	    {"iso8601", "2026-01-14 09:00:00.", 0, -1},
	    {"iso8601", "2026-01-14 09:00:00+1", 0, -1},
	    {"iso8601", "1969-12-31 23:59:59", 0, -1},
	    {"iso8601", "2106-02-07 06:28:15", 0, INT64_C(4294967295) * NS_PER_S},
	    {"iso8601", "2106-02-07 06:28:16", 0, -1},
	    {"iso8601", "", 0, -1},
	    {"epoch", "1700000000", 3600, 1700000000 * NS_PER_S},
	    {"epoch", "1700000000.000001000", 0, 1700000000 * NS_PER_S + 1000},
	    {"epoch", "-1", 0, -1},
	    {"epoch", "1700000000.", 0, -1},
	    {"epoch", "99999999999999999999", 0, -1},
	    {"epoch_ms", "1700000000123", 0, 1700000000 * NS_PER_S + 123000000},
	    {"epoch_ms", "1700000000123.5", 0, 1700000000 * NS_PER_S + 123500000},
	    {"epoch_us", "1700000000123456", 0, 1700000000 * NS_PER_S + 123456000},
	    {"epoch_ns", "1700000000123456789", 0, 1700000000 * NS_PER_S + 123456789},
	    {"%d/%b/%Y:%H:%M:%S %z", "14/Jan/2026:10:00:00 +0100", 0, 1768381200 * NS_PER_S},
	    {"%d.%m.%Y %H:%M:%S", "14.01.2026 09:00:00.25", 0, 1768381200 * NS_PER_S + 250000000},
	    {"%d.%m.%Y %H:%M:%S", "14.01.2026 10:00:00", 3600, 1768381200 * NS_PER_S},
	    {"%d.%m.%Y", "31.02.2026", 0, -1},
	    {"%d.%m.%Y", "14.01.2026 rest", 0, -1},
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct time_format f;
		struct err e;
		int64_t ns = -7;
		assert_int_equal(time_format_read(row[i].format, &f, &e), RC_OK);
		bool good = time_read(&f, row[i].zone_s, row[i].text, strlen(row[i].text), &ns);
		if (good != (row[i].ns >= 0) || (good && ns != row[i].ns))
			fail_msg("%s \"%s\": %d %lld", row[i].format, row[i].text, good, (long long)ns);
	}
	/* A name would have to be looked up in tables of another country. */
	struct time_format f;
	struct err e;
	assert_int_equal(time_format_read("isoo", &f, &e), RC_BAD);
}

static void test_time_options(void **state)
{
	static const char *const column[] = {"at STRING datetime", "seen BIGINT unix_ms"};
	struct csv_table t;
	csv_table(&t, column, 2);
	const char text[] = "at,seen\n1700000000, 2026-01-14 10:00:00\n1700000001,5\n";
	expect_table(&t, text, strlen(text), OPTIONS("time_format=epoch", "time_format.seen=iso8601", "zone=+01:00"),
	    "row 2023-11-14 22:13:20|2026-01-14 09:00:00\nrow 2023-11-14 22:13:21|~\nbad_times=1\nclean\n");
}

static void test_numbers(void **state)
{
	int64_t i;
	uint64_t u;
	float f;
	struct ip ip;
	assert_true(value_i64(" -9223372036854775808 ", 22, &i) && i == INT64_MIN);
	assert_true(value_i64("+5", 2, &i) && i == 5);
	assert_true(value_i64("0x1F", 4, &i) && i == 31);
	assert_false(value_i64("9223372036854775808", 19, &i));
	assert_false(value_i64("-9223372036854775809", 20, &i));
	assert_false(
	    value_i64("-", 1, &i) || value_i64("", 0, &i) || value_i64("1 2", 3, &i) || value_i64("0x", 2, &i));
	assert_true(value_u64("18446744073709551615", 20, &u) && u == UINT64_MAX);
	assert_false(value_u64("18446744073709551616", 20, &u) || value_u64("-1", 2, &u) ||
	             value_u64("0x11111111111111111", 19, &u));
	assert_true(value_f32("-1.5e3", 6, &f) && f == -1500);
	assert_false(
	    value_f32("1e99", 4, &f) || value_f32("nan", 3, &f) || value_f32("0x1p3", 5, &f) || value_f32("", 0, &f));
	assert_true(value_ip(" ::ffff:1.2.3.4", 15, &ip) && ip.family == 6);
	assert_false(value_ip("1.2.3.4.5", 9, &ip) || value_ip("1.2.3.4\0", 8, &ip) || value_ip("", 0, &ip));
}

/* Integers that the table shows as names are read as these names. */
static void test_named(void **state)
{
	static const char *const column[] = {"at STRING datetime", "proto STRING proto", "flags STRING tcp_flags",
	    "class STRING hex4", "mac STRING mac"};
	struct csv_table t;
	csv_table(&t, column, 5);
	const char text[] = "at,proto,flags,class,mac\n2026-01-14, TCP,...AP.SF,0x0001,00:11:22:33:44:55\n"
	                    "2026-01-14,17,3,1,5\n2026-01-14,TCQ,A,4294967296,00:11\n";
	expect_table(&t, text, strlen(text), NULL,
	    "row 2026-01-14 00:00:00|6|27|1|73588229205\nrow 2026-01-14 00:00:00|17|3|1|5\n"
	    "row 2026-01-14 00:00:00|~|~|~|~\nbad_numbers=4\nclean\n");
}

static void test_catalogue(void **state)
{
	static const char *const good[] = {"at STRING datetime", "n INT", "n STRING proto", "big BIGINT", "f FLOAT",
	    "f STRING", "ip STRING", "ip STRING ip", "m STRING mac", "s STRING", "h STRING hex", "at BIGINT unix",
	    "k STRING number"};
	static const struct {
		const char *name;
		enum type type;
	} want[] = {{"at", TYPE_TIME}, {"n", TYPE_U32}, {"big", TYPE_I64}, {"f", TYPE_F32}, {"ip", TYPE_IP},
	    {"m", TYPE_U64}, {"s", TYPE_BYTES}, {"h", TYPE_BYTES}, {"k", TYPE_I64}};
	struct csv_table t;
	struct field *field;
	size_t count;
	struct err e;
	csv_table(&t, good, sizeof good / sizeof *good);
	assert_int_equal(csv_catalogue(&t.schema, &field, &count, &e), RC_OK);
	assert_int_equal(count, sizeof want / sizeof *want);
	for (size_t i = 0; i < count; i++) {
		assert_string_equal(field[i].name, want[i].name);
		assert_int_equal(field[i].type, want[i].type);
		assert_int_equal(field[i].must, i == 0);
	}
	assert_string_equal(field[1].as, "proto");
	mem_free(&field);
	static const char *const both[] = {"at STRING datetime", "x STRING ip", "x FLOAT"};
	csv_table(&t, both, 3);
	assert_int_equal(csv_catalogue(&t.schema, &field, &count, &e), RC_BAD);
	assert_string_equal(
	    e.text, "t:12: column \"x\": no type of field \"x\" gives FLOAT and what the columns before want");
	static const char *const no_time[] = {"at FLOAT"};
	csv_table(&t, no_time, 1);
	assert_int_equal(csv_catalogue(&t.schema, &field, &count, &e), RC_BAD);
	assert_string_equal(e.text, "t:10: column \"at\": no type of field \"at\" gives FLOAT and what a time");
}

/* Text beyond a row's share is cut at a character, and counted. */
static void test_long_text(void **state)
{
	enum { LONG = 300 << 10 };
	struct csv_table t;
	struct writer w;
	csv_orders(&t);
	writer_init(&w, 1 << 20);
	writer_text(&w, "at,n,ip,price,note\n2026-01-14,1,,,x");
	for (int i = 0; i < LONG / 2; i++)
		writer_text(&w, "\xC3\xA9");
	writer_text(&w, "\n2026-01-14,2,,,y\n");
	char *got = csv_dump(&dissect_csv, &t, w.bytes, w.len, 0, NULL);
	const char *second = strstr(got, "\nrow 2026-01-14 00:00:00|2|~|~|y\ntexts_cut=1\nclean\n");
	assert_non_null(second);
	assert_int_equal(second - got, (int)strlen("row 2026-01-14 00:00:00|1|~|~|") + BATCH_ROW_BYTES - 1);
	mem_free(&got);
	writer_fini(&w);
}

static void test_max_line(void **state)
{
	struct csv_table t;
	struct writer w;
	csv_orders(&t);
	for (int quoted = 0; quoted < 2; quoted++) {
		writer_init(&w, 1 << 20);
		writer_text(&w, "at,n,ip,price,note\n2026-01-14,1,,,");
		writer_text(&w, quoted ? "\"" : "");
		for (int i = 0; i < 200000; i++)
			writer_text(&w, "x");
		writer_text(&w, "\n");
		writer_text(&w, "2026-01-14,2,,,y\n");
		char want[300];
		snprintf(want, sizeof want,
		    "row 2026-01-14 00:00:00|2|~|~|y\n"
		    "reject at 19 length %d rows -1: line 2: longer than 2048 bytes (max_line)%s\nunclean\n",
		    200016 + quoted, quoted ? ", in a quoted field" : "");
		char *got = csv_dump(&dissect_csv, &t, w.bytes, w.len, 0, OPTIONS("max_line=2KiB"));
		assert_string_equal(got, want);
		mem_free(&got);
		writer_fini(&w);
	}
}

/* Records across windows and batches, each seen once. */
static void test_many(void **state)
{
	struct csv_table t;
	struct writer w, want;
	csv_orders(&t);
	writer_init(&w, 16 << 20);
	writer_init(&want, 16 << 20);
	writer_text(&w, "at,n,ip,price,note\n");
	for (int i = 0; i < 60000; i++) {
		writer_format(&w, "2026-01-14 00:%02d:%02d,%d,,,\"%.*s\n\"\n", i / 60 % 60, i % 60, i, i % 50,
		    "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee");
		writer_format(&want, "row 2026-01-14 00:%02d:%02d|%d|~|~|%.*s\n\n", i / 60 % 60, i % 60, i, i % 50,
		    "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee");
	}
	writer_put(&want, "clean\n", 7);
	char *got = csv_dump(&dissect_csv, &t, w.bytes, w.len, 0, NULL);
	assert_string_equal(got, (char *)want.bytes);
	mem_free(&got);
	writer_fini(&w);
	writer_fini(&want);
}

static size_t gzip(const char *text, uint8_t *to, size_t size)
{
	z_stream z = {.next_in = (uint8_t *)(uintptr_t)text,
	    .avail_in = (unsigned)strlen(text),
	    .next_out = to,
	    .avail_out = (unsigned)size};
	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return z.total_out;
}

static void test_gzip(void **state)
{
	struct csv_table t;
	uint8_t bytes[600];
	csv_orders(&t);
	size_t len =
	    gzip("at,n,ip,price,note\n2026-01-14,1,,,aaaaaaaaaaa\n2026-01-14,2,,,bbbbbbbbbbbbb\n", bytes, sizeof bytes);
	expect_table(&t, (char *)bytes, len, NULL,
	    "row 2026-01-14 00:00:00|1|~|~|aaaaaaaaaaa\nrow 2026-01-14 00:00:00|2|~|~|bbbbbbbbbbbbb\nclean\n");
	/* Its checksum is gone: the rows came, what is missing is a reject. */
	char *got = csv_dump(&dissect_csv, &t, bytes, len - 6, 0, NULL);
	assert_non_null(strstr(got, "row 2026-01-14 00:00:00|1|~|~|aaaaaaaaaaa\n"));
	assert_non_null(strstr(got, "reject at "));
	assert_non_null(strstr(got, "unclean\n"));
	mem_free(&got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rfc4180),
	    cmocka_unit_test(test_line_ends),
	    cmocka_unit_test(test_empty),
	    cmocka_unit_test(test_nulls),
	    cmocka_unit_test(test_bad_values),
	    cmocka_unit_test(test_rejects),
	    cmocka_unit_test(test_quotes_out_of_place),
	    cmocka_unit_test(test_header),
	    cmocka_unit_test(test_mapping),
	    cmocka_unit_test(test_around_the_table),
	    cmocka_unit_test(test_wrong_options),
	    cmocka_unit_test(test_times),
	    cmocka_unit_test(test_time_options),
	    cmocka_unit_test(test_numbers),
	    cmocka_unit_test(test_named),
	    cmocka_unit_test(test_catalogue),
	    cmocka_unit_test(test_long_text),
	    cmocka_unit_test(test_max_line),
	    cmocka_unit_test(test_many),
	    cmocka_unit_test(test_gzip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Proxy logs: what each rule of doc/formats/proxy.md makes of a few lines written here, and that no damage does worse
 * than lose lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/writer.h"
#include "dissect/log/fields.h"
#include "dissect/log/log.h"
#include "pack/pack.h"

#define ORDER                                                                                                          \
	"date time time-taken c-ip cs-username cs-auth-group x-exception-id sc-filter-result cs-categories "           \
	"cs(Referer) sc-status s-action cs-method "                                                                    \
	"rs(Content-Type) cs-uri-scheme cs-host cs-uri-port cs-uri-path cs-uri-query cs-uri-extension cs(User-Agent) " \
	"s-ip sc-bytes cs-bytes "                                                                                      \
	"x-virus-id x-bluecoat-application-name x-bluecoat-application-operation"
#define HEAD                                                                                                           \
	"2016-08-18 05:30:54 7 10.0.0.1 - - - OBSERVED \"A;B C\" - 200 TCP_HIT GET image/gif http www.x.org 80 "       \
	"/a.gif ?q=1 gif "
#define TAIL " 10.0.0.2 7519 611 - \"none\" -\n"

static void put_row(struct writer *w, const struct batch *b, const unsigned *wanted, size_t wants, uint32_t row)
{
	writer_text(w, "row");
	for (unsigned c = 0; c < wants; c++) {
		const struct field *f = &log_field[wanted[c]];
		if (batch_is_null(b, c, row))
			continue;
		writer_format(w, " %s=", f->name);
		if (f->type == TYPE_BYTES) {
			struct span s = ((const struct span *)batch_read(b, c))[row];
			writer_put(w, batch_span(b, s), s.length);
		} else if (f->type == TYPE_TIME) {
			writer_format(w, "%lldms", (long long)(((const int64_t *)batch_read(b, c))[row] / 1000000));
		} else {
			writer_format(w, "%llu", (unsigned long long)((const uint64_t *)batch_read(b, c))[row]);
		}
	}
	writer_text(w, "\n");
}

static void put_batch(struct writer *w, const struct batch *b, const unsigned *wanted, size_t wants)
{
	const struct batch_reject *r = (const void *)((const uint8_t *)b + b->rejects_at);
	for (uint32_t row = 0; row < b->rows; row++)
		put_row(w, b, wanted, wants, row);
	for (uint32_t i = 0; i < b->rejects; i++)
		writer_format(w, "reject %llu+%llu %.*s\n", (unsigned long long)r[i].offset,
		    (unsigned long long)r[i].length, (int)r[i].reason.length, (const char *)batch_span(b, r[i].reason));
	for (size_t i = 0; i < dissect_elff.counters; i++)
		if (b->counter[i] != 0)
			writer_format(w, "%s=%llu\n", dissect_elff.counter[i], (unsigned long long)b->counter[i]);
}

/* names: fields parted by blanks, NULL all; options: "key=value key=value". What comes out, as text; caller frees. */
static char *dump(const void *bytes, size_t size, const char *names, const char *options)
{
	unsigned wanted[BATCH_COLUMNS];
	enum type types[BATCH_COLUMNS];
	size_t wants = 0, count = 0;
	char *list = mem_text(names != NULL ? names : ""), *set = mem_text(options != NULL ? options : ""), *save;
	struct dissect_option option[8];
	for (size_t f = 0; f < LOG_FIELD_COUNT && names == NULL; f++)
		wanted[wants++] = (unsigned)f;
	for (char *n = strtok_r(list, " ", &save); n != NULL; n = strtok_r(NULL, " ", &save)) {
		int f = field_find(log_field, LOG_FIELD_COUNT, n);
		assert_true(f >= 0);
		wanted[wants++] = (unsigned)f;
	}
	for (char *o = strtok_r(set, " ", &save); o != NULL; o = strtok_r(NULL, " ", &save)) {
		char *equals = strchr(o, '=');
		*equals = '\0';
		option[count++] = (struct dissect_option){o, equals + 1};
	}
	for (size_t i = 0; i < wants; i++)
		types[i] = log_field[wanted[i]].type;
	struct dissect_hints hints = {.name = "log", .size = size};
	struct dissect_params params = {.wanted = wanted, .wants = wants, .option = option, .options = count};
	struct writer w;
	struct dissector *d = NULL;
	const struct batch *b;
	bool clean = false;
	struct err e;
	writer_init(&w, 64 << 20);
	enum rc rc = dissect_open(&dissect_elff, source_memory(bytes, size), &hints, &params, &d, &e);
	while (rc == RC_OK && (rc = dissect_next(d, &b, &clean, &e)) == RC_OK) {
		assert_int_equal(batch_check(b, types, wants, b->size, &e), RC_OK);
		put_batch(&w, b, wanted, wants);
	}
	writer_format(&w, "%s", rc == RC_END ? (clean ? "clean" : "unclean") : e.text);
	dissect_close(&d);
	mem_free(&list);
	mem_free(&set);
	size_t len;
	writer_u8(&w, 0);
	return (char *)writer_take(&w, &len);
}

static void expect(const char *log, const char *names, const char *options, const char *text)
{
	char *got = dump(log, strlen(log), names, options);
	assert_string_equal(got, text);
	mem_free(&got);
}

static void test_every_column(void **state)
{
	(void)state;
	expect("#Fields: " ORDER "\r\n" HEAD "\"Moz (x y)\"" TAIL, NULL, NULL,
	    "row time=1471498254000ms clientip=10.0.0.1 host=www.x.org reqmethod=GET useragent=Moz (x y) "
	    "resconttype=image/gif duration=7 "
	    "filterresult=OBSERVED webcat=A;B C respcode=200 action=TCP_HIT urischeme=http uriport=80 uripath=/a.gif "
	    "uriquery=?q=1 uriextension=gif "
	    "serverip=10.0.0.2 scbytes=7519 csbytes=611 bcappname=none fulluri=www.x.org/a.gif?q=1 "
	    "url=http://www.x.org/a.gif?q=1 line_number=2 "
	    "raw_line=" HEAD "\"Moz (x y)\" 10.0.0.2 7519 611 - \"none\" -\nclean");
	expect(HEAD "\"Moz\"" TAIL, "useragent virusid webcat fulluri bcappname", "compat=spot",
	    "row useragent=\"Moz\" virusid=- webcat=\"A;B C\" fulluri=www.x.org/a.gif?q=1 bcappname=\"none\"\nclean");
	expect(HEAD "\"Moz\"" TAIL, "fulluri virusid useragent", "fulluri=url dash=keep quotes=keep",
	    "row fulluri=http://www.x.org/a.gif?q=1 virusid=- useragent=\"Moz\"\nclean");
}

/* Names that may stand for two columns, names from options, and an address that a header claims. */
static void test_names(void **state)
{
	(void)state;
	static const char *const line = "2016-08-18 05:30:54 10.0.0.1 192.0.2.7 MISS DENIED\n";
	char *log = mem_format("#Fields: date time c-ip cs(X-Forwarded-For) s-action sc-action\n%s", line);
	expect(
	    log, "clientip action filterresult", NULL, "row clientip=10.0.0.1 action=MISS filterresult=DENIED\nclean");
	expect(log, "clientip", "xff=yes", "row clientip=192.0.2.7\nclean");
	mem_free(&log);
	expect("#Fields: date time c-ip sc-action\n2016-08-18 05:30:54 10.0.0.1 MISS\n", "action filterresult", NULL,
	    "row action=MISS\nclean");
	expect(line, "clientip action respcode", "fields=date,time,c-ip,-,s-action,sc-status format=elff",
	    "row clientip=10.0.0.1 action=MISS respcode=DENIED\nclean");
}

/* What was compressed comes out the same; what was cut gives what came before and one reject. */
static void test_compressed(void **state)
{
	(void)state;
	static const enum codec codec[] = {CODEC_GZIP, CODEC_ZSTD};
	struct writer w;
	struct err e;
	writer_init(&w, 4 << 20);
	writer_text(&w, "#Fields: date time c-ip time-taken\n");
	for (unsigned i = 0; i < 20000; i++)
		writer_format(&w, "2016-08-18 05:30:54 10.0.%u.%u %u\n", i / 250, i % 250, i * 2654435761u % 100000);
	char *plain = dump(w.bytes, w.len, "clientip duration", NULL);
	for (size_t i = 0; i < 2; i++) {
		struct pack *p = pack_new();
		size_t room = pack_bound(codec[i], w.len), size = 0;
		uint8_t *packed = mem_alloc(room);
		assert_int_equal(pack_block(p, codec[i], 3, w.bytes, w.len, packed, room, &size, &e), RC_OK);
		char *whole = dump(packed, size, "clientip duration", NULL);
		assert_string_equal(whole, plain);
		char *cut = dump(packed, size - 1000, "clientip duration", NULL);
		char *reject = strstr(cut, "\nreject ");
		assert_non_null(reject);
		assert_memory_equal(cut, plain, (size_t)(reject - cut));
		assert_non_null(strstr(cut, "unclean"));
		mem_free(&whole);
		mem_free(&cut);
		mem_free(&packed);
		pack_free(&p);
	}
	mem_free(&plain);
	writer_fini(&w);
}

static void test_quotes(void **state)
{
	(void)state;
	expect(HEAD "\"a \"\"b\"\" c\"" TAIL, "useragent csbytes", NULL, "row useragent=a \"b\" c csbytes=611\nclean");
	expect(HEAD "\"a \\\"b\\\" c\"" TAIL, "useragent csbytes", NULL, "row useragent=a \"b\" c csbytes=611\nclean");
	expect(HEAD "\"\"" TAIL, "useragent csbytes", NULL, "row csbytes=611\nclean");
	expect(HEAD "\"a  b\tc\"" TAIL, "useragent", NULL, "row useragent=a  b\tc\nclean");
	expect("#Fields: date time c-ip cs-uri-path x-a\n2016-08-18 05:30:54 \"1 /x\"y b\n", "clientip uripath extra",
	    NULL, "row clientip=\"1 uripath=/x\"y extra={\"x-a\":\"b\"}\nunclosed_quotes=1\nclean");
	expect("#Software: Microsoft IIS\n#Fields: date time cs-uri-stem c-ip\n2016-08-18 05:30:54 \"C:\\d\\\" 1\n",
	    "uripath clientip", NULL, "row uripath=C:\\d\\ clientip=1\nclean");
}

static void test_counts(void **state)
{
	(void)state;
	expect(HEAD "\"Moz\" 1.1.1.1\n", "clientip", NULL, "reject 0+129 line 1: 22 fields, 27 names\nclean");
	expect(HEAD "Moz (x; y)" TAIL, "useragent csbytes", NULL,
	    "row useragent=Moz (x; y) csbytes=611\nrejoined_agents=1\nclean");
	expect(HEAD "\"Moz\" 10.0.0.2 7519 611 -\n", "useragent csbytes", NULL, "row useragent=Moz csbytes=611\nclean");
	expect("#Fields: date time c-ip x-a rs(B)\n2016-08-18 05:30:54 1\n", "clientip", NULL,
	    "row clientip=1\nfields_missing=1\nclean");
	expect("#Fields: date time c-ip\n2016-08-18 05:30:54 1\n#Fields: c-ip time date\n2 05:30:55 2016-08-18\n",
	    "time clientip", NULL, "row time=1471498254000ms clientip=1\nrow time=1471498255000ms clientip=2\nclean");
	expect("#Fields: date\ttime\tcs(User-Agent)\tc-ip\n2016-08-18\t05:30:54\ta b\t\n", "useragent clientip", NULL,
	    "row useragent=a b\nclean");
}

static void test_times(void **state)
{
	(void)state;
	expect("#Date: 2016-08-18 23:59:00\n#Fields: time c-ip\n23:59:59 1\n00:00:01 2\n", "time clientip", NULL,
	    "row time=1471564799000ms clientip=1\nrow time=1471564801000ms clientip=2\ndate_rollovers=1\nclean");
	expect("#GMT-Offset: -0800\n#Fields: date time\n2016-08-18 00:00:00\n", "time", NULL,
	    "row time=1471507200000ms\nclean");
	expect("#Fields: date-local time-local\n2016-08-18 01:00:00.5\n", "time", "zone=+0100",
	    "row time=1471478400500ms\nclean");
	expect("#Fields: date time\n2016-02-30 01:00:00\n1969-12-31 23:59:59\n2016-8-18 01:00:00\n", "time", NULL,
	    "reject 19+19 line 2: no usable time\nreject 39+19 line 3: no usable time\nreject 59+18 line 4: no usable "
	    "time\nclean");
	expect("#Software: Oracle9iAS\n#Fields: date time time-taken\n2016-08-18 00:00:00 370879\n", "duration", NULL,
	    "row duration=370\nclean");
	expect("#Fields: date time time-taken x-edge-location\n2016-08-18 00:00:00 0.25 A\n", "duration", NULL,
	    "row duration=250\nclean");
}

static void test_numbers_and_bytes(void **state)
{
	(void)state;
	expect("#Fields: date time sc-bytes\n2016-08-18 00:00:00 18446744073709551615\n2016-08-18 00:00:00 "
	       "18446744073709551616\n2016-08-18 00:00:00 1x\n",
	    "scbytes", NULL,
	    "row scbytes=18446744073709551615\nrow\nrow\nnumbers_out_of_range=1\nnumbers_malformed=1\nclean");
	expect(
	    "\xEF\xBB\xBF#Fields: date time cs-host\n2016-08-18 00:00:00 caf\xC3\xA9\n2016-08-18 00:00:00 caf\xE9\x01",
	    "host", NULL, "row host=caf\xC3\xA9\nrow host=caf\\xe9\\x01\nreencoded_bytes=2\nclean");
	expect("#Fields: date time c-ip\n<13>Aug 18 12:30:46 gw 2016-08-18 00:00:00 9\n#Odd: 1\n", "clientip", NULL,
	    "row clientip=9\nunknown_directives=1\nsyslog_prefixes=1\nclean");
}

static void test_other_dialects(void **state)
{
	(void)state;
	expect("1749046087.123      5 192.168.1.1 TCP_DENIED/403 3807 CONNECT a.b.com:443 - HIER_DIRECT/93.94.71.59 "
	       "text/html\n",
	    "time duration clientip action respcode scbytes filterresult host uriport urischeme uripath serverip "
	    "resconttype username fulluri",
	    NULL,
	    "row time=1749046087123ms duration=5 clientip=192.168.1.1 action=TCP_DENIED respcode=403 scbytes=3807 "
	    "filterresult=DENIED host=a.b.com "
	    "uriport=443 urischeme=tcp uripath=/ serverip=93.94.71.59 resconttype=text/html fulluri=a.b.com\nclean");
	expect("1038956400.024 1950 10.0.203.16 TCP_MISS/200 9 GET http://m.com:80/a.b?c CN=Agent Smith,OU=fr "
	       "DIRECT/m.com text/html none Moz [en] (X)\n",
	    "username uriextension uriquery webcat useragent", NULL,
	    "row username=CN=Agent Smith,OU=fr uriextension=b uriquery=?c webcat=none useragent=Moz [en] (X)\nclean");
	expect("v.org:8080 1.2.3.4 - joe [17/Oct/2023:05:57:49 +1100] \"GET /x.y?z \"q\" HTTP/1.1\" 200 - \"-\" \"a "
	       "\\\"b\\\"\"\n",
	    "time clientip username host uriport uripath uriquery protocol scbytes referer useragent", NULL,
	    "row time=1697482669000ms clientip=1.2.3.4 username=joe host=v.org uriport=8080 uripath=/x.y uriquery=?z "
	    "\"q\" protocol=HTTP/1.1 "
	    "useragent=a \"b\"\nclean");
	expect("1.2.3.4 - - [17/Oct/2023:05:57:49 +1100] \"\\x16\\x03\" 400 226\n1.2.3.4 - [17/Oct/2023:05:57:49 "
	       "+1100] \"GET /\" 400 1\n",
	    "reqmethod uripath scbytes", NULL,
	    "row uripath=\\x16\\x03 scbytes=226\nreject 60+52 line 2: no host, ident and user before the time\nclean");
}

static void test_refused(void **state)
{
	(void)state;
	expect("{\"a\":1}\n", "time", NULL, "looks like JSON, no proxy log that elff reads");
	expect("#separator \\x09\n", "time", NULL, "looks like a Zeek log (#separator), no proxy log that elff reads");
	expect("CEF:0|a|b\n", "time", NULL, "looks like CEF or LEEF, no proxy log that elff reads");
	expect("\x7f"
	       "ELF\1\2\3\4\5\6\7",
	    "time", NULL, "looks like binary data, no proxy log");
	expect("", "time", NULL, "clean");
	expect("", "time", "formt=elff", "unknown option \"formt\" (did you mean \"format\"?)");
	expect("", "time", "format=sqid", "format: unknown word \"sqid\" (did you mean \"squid\"?)");
	expect("", "time", "zone=CET", "zone: \"CET\" is neither \"UTC\" nor an offset like \"+0100\"");
}

/* A line over the bound is lost alone, within the window and beyond it; NULs are padding. */
static void test_long_lines(void **state)
{
	(void)state;
	static const size_t size[] = {70000, 600000, 1300000};
	for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
		struct writer w;
		char text[160];
		writer_init(&w, 4 << 20);
		writer_text(&w, "#Fields: date time c-ip\n2016-08-18 00:00:00 1\n");
		memset(writer_room(&w, size[i]), 'a', size[i]);
		writer_advance(&w, size[i]);
		writer_put(&w, "\n2016-08-18 00:00:00 2\n\0\0\0", 26);
		snprintf(text, sizeof text,
		    "row clientip=1\nrow clientip=2\nreject 46+%zu line 3: longer than "
		    "max_line\nlines_too_long=1\nnul_bytes=3\nclean",
		    size[i]);
		char *got = dump(w.bytes, w.len, "clientip", NULL);
		assert_string_equal(got, text);
		mem_free(&got);
		writer_fini(&w);
	}
}

/* Every cut and many flips: dump asserts what must hold for any bytes. */
static void test_damage(void **state)
{
	(void)state;
	static const char *const log[] = {"#Date: 2016-08-18\n#Fields: " ORDER "\n" HEAD "\"Moz \"\"x\"\"\"" TAIL HEAD
	                                  "\"caf\xE9 y" TAIL,
	    "1749046087.123 5 1.1.1.1 TCP_HIT/200 38 GET http://u@[::1]:8/a.b?c - DIRECT/1.2.3.4 text/html [a] [b]\n",
	    "v:8 1.2.3.4 - joe [17/Oct/2023:05:57:49 +1100] \"GET http://h:1/x.y?z HTTP/1.1\" 200 - \"-\" \"a "
	    "\\\"b\\\"\" A:B\n"};
	uint64_t seed = 88172645463325252u;
	for (size_t i = 0; i < sizeof log / sizeof *log; i++) {
		size_t size = strlen(log[i]);
		for (size_t n = 0; n < size; n++) {
			char *copy = mem_copy(log[i], n + 1), *got = dump(copy, n, NULL, i == 0 ? NULL : "xff=yes");
			mem_free(&got);
			mem_free(&copy);
		}
		for (unsigned n = 0; n < 600; n++) {
			char *copy = mem_copy(log[i], size);
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			copy[(seed >> 33) % size] ^= (char)(1u << (seed >> 60) % 8);
			char *got = dump(copy, size, NULL, n % 2 ? "compat=spot" : NULL);
			mem_free(&got);
			mem_free(&copy);
		}
	}
}

/* Lines made to be searched again and again cost no more than others: 2 MiB within seconds even under a sanitizer. */
static void test_bounded(void **state)
{
	(void)state;
	static const char *const piece[] = {"\"a ", "\"\" \"\"", "[1 ", "\\\"", "/A/", "[01/Jan/2016:"};
	for (size_t i = 0; i < sizeof piece / sizeof *piece; i++) {
		struct writer w;
		writer_init(&w, 4 << 20);
		writer_text(&w, "#Fields: gmttime time date cs(User-Agent)\n");
		for (size_t line = 0; line < 32; line++) {
			for (size_t n = 0; n < 60000; n += strlen(piece[i]))
				writer_text(&w, piece[i]);
			writer_text(&w, "\n");
		}
		for (unsigned f = 0; f < 3; f++) {
			clock_t begin = clock();
			char *got = dump(w.bytes, w.len, NULL,
			    ((const char *[]){"format=elff", "format=squid", "format=common"})[f]);
			assert_true(clock() - begin < 10 * CLOCKS_PER_SEC);
			assert_non_null(strstr(got, "reject "));
			mem_free(&got);
		}
		writer_fini(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_column),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_compressed),
	    cmocka_unit_test(test_quotes),
	    cmocka_unit_test(test_counts),
	    cmocka_unit_test(test_times),
	    cmocka_unit_test(test_numbers_and_bytes),
	    cmocka_unit_test(test_other_dialects),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_long_lines),
	    cmocka_unit_test(test_damage),
	    cmocka_unit_test(test_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

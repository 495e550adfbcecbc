/* avsc: what is read is what was written, what is derived equals the specification, and every mistake has its line. */
#include "format/avsc.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "ext/json.h"
#include "format/avro_schema.h"
#include "format/locate.h"
#include "unit/format/sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define SMALL_FINGERPRINT UINT64_C(0x8c4e384d9485fc51)
#define FLOW_FINGERPRINT  UINT64_C(0x4567cfeee88b3a39)

static const char small[] =
    "{\n"
    "  \"type\": \"record\", \"name\": \"t\", \"namespace\": \"org.sluice\", \"time\": \"time\",\n"
    "  \"partition\": [{\"name\": \"y\", \"type\": \"smallint\", \"as\": \"year\"},\n"
    "    {\"name\": \"m\", \"type\": \"string\", \"as\": \"month2\"}],\n"
    "  \"fields\": [\n"
    "    {\"name\": \"a\", \"type\": [\"null\", \"string\"], \"default\": null, \"from\": \"x\", \"doc\": \"d\"},\n"
    "    {\"name\": \"b\", \"type\": [\"null\", \"int\"], \"from\": \"x\", \"as\": \"year\",\n"
    "     \"absent\": \"0\", \"bloom\": true},\n"
    "    {\"name\": \"c\", \"type\": [\"null\", \"long\"], \"from\": \"x\"},\n"
    "    {\"name\": \"d\", \"type\": [\"null\", \"float\"], \"from\": \"x\"}\n"
    "  ]\n"
    "}\n";

static struct schema *read_small(void)
{
	struct schema *s;
	struct err e;
	assert_int_equal(avsc_read("t.avsc", small, sizeof small - 1, &s, &e), RC_OK);
	return s;
}

static void attributes_are_read(void **state)
{
	struct schema *s = read_small();
	assert_string_equal(s->name, "t");
	assert_string_equal(s->full_name, "org.sluice.t");
	assert_string_equal(s->time, "time");
	assert_string_equal(s->file, "t.avsc");
	assert_string_equal(s->text, small);
	assert_int_equal(s->columns, 4);
	assert_int_equal(s->partitions, 2);
	assert_string_equal(s->partition[1].as, "month2");
	assert_int_equal(s->partition[0].type, SQL_SMALLINT);
	assert_int_equal(s->column[0].type, SQL_STRING);
	assert_null(s->column[0].as);
	assert_null(s->column[0].absent);
	assert_int_equal(s->column[0].line, 6);
	assert_string_equal(s->column[1].as, "year");
	assert_string_equal(s->column[1].absent, "0");
	assert_true(s->column[1].bloom);
	assert_false(s->column[2].bloom);
	assert_int_equal(s->column[2].line, 9);
	assert_int_equal(s->column[2].type, SQL_BIGINT);
	assert_int_equal(s->column[3].type, SQL_FLOAT);
	schema_free(&s);
}

/* The numbers are those of the Avro project's own test data, and of fastavro for the records. */
static void fingerprints_are_avros(void **state)
{
	assert_true(avro_fingerprint("\"null\"", 6) == (uint64_t)INT64_C(7195948357588979594));
	assert_true(avro_fingerprint("\"boolean\"", 9) == (uint64_t)INT64_C(-6970731678124411036));
	assert_true(avro_fingerprint("\"int\"", 5) == (uint64_t)INT64_C(8247732601305521295));
	struct schema *s = read_small();
	assert_true(s->fingerprint == SMALL_FINGERPRINT);
	schema_free(&s);
	struct sample flow = sample_open();
	assert_true(flow.schema->fingerprint == FLOW_FINGERPRINT);
	sample_close(&flow);
}

static void the_plain_schema_has_nothing_of_ours(void **state)
{
	struct schema *s = read_small();
	assert_string_equal(s->avro, "{\"type\":\"record\",\"name\":\"t\",\"namespace\":\"org.sluice\",\"fields\":["
	                             "{\"name\":\"a\",\"type\":[\"null\",\"string\"],\"default\":null},"
	                             "{\"name\":\"b\",\"type\":[\"null\",\"int\"],\"default\":null},"
	                             "{\"name\":\"c\",\"type\":[\"null\",\"long\"],\"default\":null},"
	                             "{\"name\":\"d\",\"type\":[\"null\",\"float\"],\"default\":null}]}");
	schema_free(&s);
}

static void tables_are_printed(void **state)
{
	struct schema *s = read_small();
	struct writer w;
	writer_init(&w, 1 << 20);
	avsc_hive_ddl(s, "file:///it's", &w);
	writer_u8(&w, 0);
	assert_string_equal((const char *)w.bytes,
	    "CREATE EXTERNAL TABLE IF NOT EXISTS `t` (\n  `a` STRING,\n  `b` INT,\n  `c` BIGINT,\n  `d` FLOAT\n)\n"
	    "PARTITIONED BY (`y` SMALLINT, `m` STRING)\nSTORED AS PARQUET\nLOCATION 'file:///it\\'s';\n");
	writer_reset(&w);
	avsc_parquet_text(s, &w);
	writer_u8(&w, 0);
	assert_string_equal((const char *)w.bytes, "message org.sluice.t {\n  optional binary a (STRING);\n  optional "
	                                           "int32 b;\n  optional int64 c;\n  optional float d;\n}\n");
	writer_fini(&w);
	schema_free(&s);
}

/* small with the first `from` replaced by `to` must fail with this text. */
static void refused(const char *from, const char *to, const char *want)
{
	const char *at = strstr(small, from);
	assert_non_null(at);
	char *text = mem_format("%.*s%s%s", (int)(at - small), small, to, at + strlen(from));
	struct schema *s = NULL;
	struct err e;
	assert_int_equal(avsc_read("t.avsc", text, strlen(text), &s, &e), RC_BAD);
	assert_string_equal(e.text, want);
	assert_null(s);
	mem_free(&text);
}

static void mistakes_have_their_line(void **state)
{
	refused("\"absent\"", "\"absnet\"", "t.avsc:8: unknown attribute \"absnet\" (did you mean \"absent\"?)");
	refused("\"bloom\"", "\"zzzzzzzz\"", "t.avsc:8: unknown attribute \"zzzzzzzz\"");
	refused("true", "1", "t.avsc:8: column \"b\": \"bloom\" must be true or false");
	refused("\"absent\": \"0\"", "\"absent\": 0", "t.avsc:8: \"absent\" must be a text");
	refused("\"time\": \"time\",", "\"timee\": \"time\",",
	    "t.avsc:2: unknown attribute \"timee\" (did you mean \"time\"?)");
	refused(", \"time\": \"time\"", "", "t.avsc:3: \"partition\" needs \"time\", the field it comes from");
	refused("\"record\"", "\"enum\"", "t.avsc:2: \"type\" must be \"record\"");
	refused("\"org.sluice\"", "\"org..sluice\"", "t.avsc:2: \"org..sluice\" is no namespace");
	refused("\"name\": \"t\"", "\"name\": \"T\"", "t.avsc:2: \"T\" is no dataset name: [a-z_][a-z0-9_]*");
	refused("\"name\": \"c\"", "\"name\": \"a\"", "t.avsc:9: column \"a\" is there already, on line 6");
	refused("\"name\": \"c\"", "\"name\": \"9c\"", "t.avsc:9: \"9c\" is no column name: [a-z_][a-z0-9_]*");
	refused("\"name\": \"c\"", "\"name\": \"\"", "t.avsc:9: \"\" is no column name: [a-z_][a-z0-9_]*");
	refused("\"name\": \"c\", ", "", "t.avsc:9: \"name\" is missing");
	refused("\"default\": null", "\"default\": \"\"", "t.avsc:6: column \"a\": \"default\" must be null");
	refused("\"long\"", "\"double\"", "t.avsc:9: type \"double\" is none of string, int, long, float");
	refused("[\"null\", \"long\"]", "\"long\"",
	    "t.avsc:9: \"type\" must be [\"null\", \"string\" | \"int\" | \"long\" | \"float\"]");
	refused("[\"null\", \"long\"]", "[\"long\", \"null\"]",
	    "t.avsc:9: \"type\" must be [\"null\", \"string\" | \"int\" | \"long\" | \"float\"]");
	refused("\"smallint\"", "\"tinyint\"", "t.avsc:3: \"year\" does not fit type \"tinyint\"");
	refused("\"smallint\"", "\"bigint\"", "t.avsc:3: type \"bigint\" is none of smallint, tinyint, int, string");
	refused("\"type\": \"string\"", "\"type\": \"int\"", "t.avsc:4: \"month2\" does not fit type \"int\"");
	refused(
	    "\"month2\"", "\"week\"", "t.avsc:4: \"as\": \"week\" is none of year month day hour month2 day2 hour2");
	refused("\"name\": \"m\"", "\"name\": \"y\"", "t.avsc:4: partition \"y\": a column or partition has that name");
	refused("\"name\": \"m\"", "\"name\": \"b\"", "t.avsc:4: partition \"b\": a column or partition has that name");
	refused("{\"name\": \"c\"", "7, {\"name\": \"c\"", "t.avsc:5: a field must be an object");
	refused("\"from\": \"x\", \"doc\"", "\"doc\"", "t.avsc:6: \"from\" is missing");
	refused("\"as\": \"year\",\n", "\"as\": \"year\",\n\n,", "t.avsc:9: string or '}' expected near ','");
	refused("\"absent\": \"0\"", "\"name\": \"0\"", "t.avsc:8: duplicate object key near '\"name\"'");
}

static void odd_documents_are_refused(void **state)
{
	static const char *const text[] = {"", "[]", "null", "{}", "{\"type\":\"record\",\"name\":\"t\"}",
	    "{\"type\":\"record\",\"name\":\"t\",\"fields\":[]}", "{\"type\":\"record\",\"name\":\"t\",\"fields\":{}}",
	    "{\"type\":\"record\",\"name\":\"t\",\"fields\":[[]]}"};
	for (size_t i = 0; i < sizeof text / sizeof text[0]; i++) {
		struct schema *s = NULL;
		struct err e;
		assert_int_equal(avsc_read("t.avsc", text[i], strlen(text[i]), &s, &e), RC_BAD);
	}
}

/* Any cut of a good document is refused, and none reads past its end. */
static void cut_documents_are_refused(void **state)
{
	for (size_t len = 0; len + 2 < sizeof small; len++) {
		char *text = mem_copy(small, len + 1);
		struct schema *s = NULL;
		struct err e;
		assert_int_equal(avsc_read("t.avsc", text, len, &s, &e), RC_BAD);
		for (size_t i = 0; i < 3; i++)
			assert_true(
			    locate_line(text, len, (struct locate){.array = "fields", .index = i, .key = "as"}) <= 12);
		mem_free(&text);
	}
}

static void the_shipped_schema_is_spots_table(void **state)
{
	struct sample s = sample_open();
	assert_int_equal(s.schema->columns, 28);
	assert_string_equal(s.schema->column[0].name, "treceived");
	assert_string_equal(s.schema->column[27].name, "rip");
	assert_int_equal(s.schema->partitions, 4);
	sample_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(attributes_are_read),
	    cmocka_unit_test(fingerprints_are_avros),
	    cmocka_unit_test(the_plain_schema_has_nothing_of_ours),
	    cmocka_unit_test(tables_are_printed),
	    cmocka_unit_test(mistakes_have_their_line),
	    cmocka_unit_test(odd_documents_are_refused),
	    cmocka_unit_test(cut_documents_are_refused),
	    cmocka_unit_test(the_shipped_schema_is_spots_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* projection, schema: binding finds every mistake and asks for each field once; where an hour lies. */
#include "data/projection.h"

#include <limits.h>
#include <string.h>

#include "data/batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const struct field fields[] = {
    {"time", TYPE_TIME, ""},
    {"src_addr", TYPE_IP, ""},
    {"src_port", TYPE_U32, ""},
    {"in_bytes", TYPE_U64, ""},
    {"name", TYPE_BYTES, ""},
    {"proto", TYPE_U32, ""},
};
enum { FIELDS = sizeof fields / sizeof fields[0] };

static struct schema schema_of(struct schema_column *column, size_t columns)
{
	return (struct schema){.name = "t", .file = "t.avsc", .time = "time", .column = column, .columns = columns};
}

static void fields_are_asked_for_once(void **state)
{
	struct schema_column column[] = {
	    {.name = "a", .type = SQL_STRING, .from = "src_addr", .absent = "0.0.0.0"},
	    {.name = "b", .type = SQL_STRING, .from = "time"},
	    {.name = "c", .type = SQL_INT, .from = "time", .as = "year"},
	    {.name = "d", .type = SQL_INT, .from = "src_port", .absent = "0"},
	    {.name = "e", .type = SQL_STRING, .from = "name", .absent = "-"},
	};
	struct schema s = schema_of(column, 5);
	struct projection *p;
	struct err e;
	assert_int_equal(projection_open(&s, fields, FIELDS, &p, &e), RC_OK);
	static const unsigned wanted[] = {1, 0, 2, 4};
	assert_int_equal(p->wants, 4);
	assert_memory_equal(p->wanted, wanted, sizeof wanted);
	assert_int_equal(p->types[0], TYPE_IP);
	assert_int_equal(p->time, 1);
	assert_int_equal(p->column[2].source, 1);
	assert_string_equal(p->column[1].render->as, "datetime");
	assert_true(p->column[0].has_absent && p->column[0].absent.ip.family == 4);
	assert_false(p->column[1].has_absent);
	assert_true(p->column[3].has_absent && p->column[3].absent.u64 == 0);
	assert_int_equal(p->column[4].absent.bytes.length, 1);
	projection_free(&p);
	assert_null(p);
}

static void refused(struct schema_column column, const char *time, const char *want)
{
	column.name = "x";
	column.line = 7;
	struct schema s = schema_of(&column, 1);
	struct projection *p = NULL;
	struct err e;
	s.time = (char *)time;
	assert_int_equal(projection_open(&s, fields, FIELDS, &p, &e), RC_BAD);
	assert_string_equal(e.text, want);
	assert_null(p);
}

static void mistakes_are_named(void **state)
{
	refused((struct schema_column){.type = SQL_INT, .from = "src_prt"}, "time",
	    "t.avsc:7: column \"x\": no field \"src_prt\" (did you mean \"src_port\"?)");
	refused((struct schema_column){.type = SQL_INT, .from = "weather"}, "time",
	    "t.avsc:7: column \"x\": no field \"weather\"");
	refused((struct schema_column){.type = SQL_INT, .from = "src_addr"}, "time",
	    "t.avsc:7: column \"x\": field \"src_addr\" (ip) has no default \"as\" for INT");
	refused((struct schema_column){.type = SQL_INT, .from = "src_addr", .as = "ip"}, "time",
	    "t.avsc:7: column \"x\": field \"src_addr\" (ip) as \"ip\" is not allowed for INT");
	refused((struct schema_column){.type = SQL_INT, .from = "src_port", .absent = "none"}, "time",
	    "t.avsc:7: column \"x\": \"absent\": \"none\" is no INT \"number\"");
	refused((struct schema_column){.type = SQL_INT, .from = "src_port", .absent = "4000000000"}, "time",
	    "t.avsc:7: column \"x\": \"absent\": \"4000000000\" is no INT \"number\"");
	refused((struct schema_column){.type = SQL_STRING, .from = "proto", .as = "proto", .absent = "6"}, "time",
	    "t.avsc:7: column \"x\": \"absent\": \"6\" would show as \"TCP\"");
	refused((struct schema_column){.type = SQL_INT, .from = "src_port"}, "tme",
	    "t.avsc: partition time: no field \"tme\" (did you mean \"time\"?)");
	refused((struct schema_column){.type = SQL_INT, .from = "src_port"}, "proto",
	    "t.avsc: partition time: field \"proto\" is u32, no time");
}

static void rendered_rows_have_the_tables_columns(void **state)
{
	struct schema_column column[] = {
	    {.name = "a", .type = SQL_STRING, .from = "src_addr", .as = "ip", .absent = "0.0.0.0"},
	    {.name = "b", .type = SQL_INT, .from = "time"},
	    {.name = "c", .type = SQL_BIGINT, .from = "time"},
	    {.name = "d", .type = SQL_FLOAT, .from = "src_port"},
	};
	static const enum type types[] = {TYPE_BYTES, TYPE_I64, TYPE_I64, TYPE_F32};
	struct schema s = schema_of(column, 4);
	struct projection *p = projection_rendered(&s);
	assert_int_equal(p->time, UINT_MAX);
	assert_int_equal(p->wants, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(p->types[i], types[i]);
		assert_int_equal(p->column[i].source, i);
		assert_non_null(p->column[i].render);
		/* What is null by now stays null. */
		assert_false(p->column[i].has_absent);
	}
	projection_free(&p);
}

static void an_hour_has_its_path(void **state)
{
	struct schema s = {.partitions = 4,
	    .partition = {{"y", SQL_SMALLINT, "year"}, {"m", SQL_TINYINT, "month"}, {"d", SQL_TINYINT, "day"},
	        {"h", SQL_TINYINT, "hour"}}};
	char path[256];
	int64_t hour = INT64_C(1768381200) / 3600; /* 2026-01-14 09:00:00 */
	schema_partition_path(&s, hour, path, sizeof path);
	assert_string_equal(path, "y=2026/m=1/d=14/h=9");
	s.partition[1].as = "month2";
	s.partition[2].as = "day2";
	s.partition[3].as = "hour2";
	schema_partition_path(&s, hour, path, sizeof path);
	assert_string_equal(path, "y=2026/m=01/d=14/h=09");
	schema_partition_path(&s, -1, path, sizeof path);
	assert_string_equal(path, "y=1969/m=12/d=31/h=23");
	char value[SCHEMA_PARTITIONS][16];
	schema_partition_values(&s, hour, value);
	assert_string_equal(value[0], "2026");
	assert_string_equal(value[3], "09");
	assert_true(schema_partition_known("day2"));
	assert_false(schema_partition_known("week"));
	s.partitions = 0;
	schema_partition_path(&s, hour, path, sizeof path);
	assert_string_equal(path, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(fields_are_asked_for_once),
	    cmocka_unit_test(mistakes_are_named),
	    cmocka_unit_test(rendered_rows_have_the_tables_columns),
	    cmocka_unit_test(an_hour_has_its_path),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

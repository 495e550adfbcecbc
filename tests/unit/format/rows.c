/* csv, json_rows: quoting, nulls, absent values, values outside their type; both show the same values. */
#include "format/csv.h"
#include "format/json_rows.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "ext/json.h"
#include "unit/format/sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const struct field fields[] = {
    {"text", TYPE_BYTES, ""},
    {"big", TYPE_U64, ""},
    {"port", TYPE_U32, ""},
    {"real", TYPE_F32, ""},
    {"addr", TYPE_IP, ""},
    {"raw", TYPE_BYTES, ""},
};

static struct schema_column column[] = {
    {.name = "text", .type = SQL_STRING, .from = "text", .absent = "a \"gap\""},
    {.name = "big", .type = SQL_BIGINT, .from = "big"},
    {.name = "port", .type = SQL_INT, .from = "port", .absent = "0"},
    {.name = "real", .type = SQL_FLOAT, .from = "real"},
    {.name = "addr", .type = SQL_STRING, .from = "addr", .absent = "0.0.0.0"},
    {.name = "raw", .type = SQL_STRING, .from = "raw", .as = "hex"},
};
enum { COLUMNS = sizeof column / sizeof column[0] };

struct table {
	struct schema schema;
	struct projection *projection;
	struct batch *batch;
};

static void table_init(struct table *t)
{
	struct err e;
	t->schema = (struct schema){.name = "t", .column = column, .columns = COLUMNS};
	assert_int_equal(projection_open(&t->schema, fields, COLUMNS, &t->projection, &e), RC_OK);
	t->batch = batch_new(t->projection->types, COLUMNS, 1000, 2 << 20);
}

static void table_fini(struct table *t)
{
	batch_free(&t->batch);
	projection_free(&t->projection);
}

/* A row with this text, a null where the text is NULL. */
static void add_row(struct table *t, const char *text, size_t len, uint64_t big, uint32_t port, float real)
{
	struct batch *b = t->batch;
	uint32_t row = b->rows++;
	if (text == NULL)
		batch_set_null(b, 0, row);
	else
		assert_true(batch_put(b, text, len, &((struct span *)batch_values(b, 0))[row]));
	((uint64_t *)batch_values(b, 1))[row] = big;
	((uint32_t *)batch_values(b, 2))[row] = port;
	((float *)batch_values(b, 3))[row] = real;
	((struct ip *)batch_values(b, 4))[row] = (struct ip){.family = 4, .octet = {10, 1, 2, 3}};
	assert_true(batch_put(b, "\x01\xfe", 2, &((struct span *)batch_values(b, 5))[row]));
}

/* An encoder's output of all rows as text; mem_free. */
static char *csv_text(const struct table *t, uint64_t *outside)
{
	struct csv_encoder *c = csv_encoder_new(t->projection);
	struct writer w;
	*outside = 0;
	writer_init(&w, 16 << 20);
	csv_encode(c, t->batch, NULL, t->batch->rows, &w, outside);
	writer_u8(&w, 0);
	assert_false(w.failed);
	csv_encoder_free(&c);
	return (char *)writer_take(&w, &(size_t){0});
}

static char *json_text(const struct table *t, uint64_t *outside)
{
	struct json_encoder *j = json_encoder_new(t->projection);
	struct writer w;
	*outside = 0;
	writer_init(&w, 16 << 20);
	json_encode(j, t->batch, NULL, t->batch->rows, &w, outside);
	writer_u8(&w, 0);
	assert_false(w.failed);
	json_encoder_free(&j);
	return (char *)writer_take(&w, &(size_t){0});
}

static void csv_quotes_only_where_needed(void **state)
{
	struct table t;
	uint64_t outside;
	table_init(&t);
	struct writer head;
	writer_init(&head, 1000);
	csv_head(&t.schema, &head);
	writer_u8(&head, 0);
	assert_string_equal((const char *)head.bytes, "text,big,port,real,addr,raw\n");
	writer_fini(&head);
	add_row(&t, "plain text", 10, 1, 2, 1.5f);
	add_row(&t, "a,b", 3, INT64_MAX, INT32_MAX, 0);
	add_row(&t, "say \"x\"", 7, 0, 0, -0.25f);
	add_row(&t, "two\nlines", 9, 0, 0, 0);
	add_row(&t, "cr\r", 3, 0, 0, 0);
	add_row(&t, "", 0, 0, 0, 0);
	add_row(&t, "bad\xff", 4, 0, 0, 0);
	char *text = csv_text(&t, &outside);
	assert_string_equal(text, "plain text,1,2,1.5,10.1.2.3,01fe\n"
	                          "\"a,b\",9223372036854775807,2147483647,0,10.1.2.3,01fe\n"
	                          "\"say \"\"x\"\"\",0,0,-0.25,10.1.2.3,01fe\n"
	                          "\"two\nlines\",0,0,0,10.1.2.3,01fe\n"
	                          "\"cr\r\",0,0,0,10.1.2.3,01fe\n"
	                          "\"\",0,0,0,10.1.2.3,01fe\n"
	                          "bad\xef\xbf\xbd,0,0,0,10.1.2.3,01fe\n");
	assert_int_equal(outside, 0);
	mem_free(&text);
	table_fini(&t);
}

/* A null field shows as absent; a value that its type cannot hold is null whatever absent says, and counted each time.
 */
static void absent_and_outside_differ(void **state)
{
	struct table t;
	uint64_t outside;
	table_init(&t);
	add_row(&t, NULL, 0, (uint64_t)INT64_MAX + 1, (uint32_t)INT32_MAX + 1, NAN);
	add_row(&t, NULL, 0, UINT64_MAX, UINT32_MAX, INFINITY);
	add_row(&t, NULL, 0, UINT64_MAX, UINT32_MAX, INFINITY);
	add_row(&t, "x", 1, 7, 7, 7);
	for (unsigned i = 1; i < COLUMNS; i++)
		batch_set_null(t.batch, i, 3);
	char *text = csv_text(&t, &outside);
	assert_string_equal(text, "\"a \"\"gap\"\"\",,,nan,10.1.2.3,01fe\n"
	                          "\"a \"\"gap\"\"\",,,inf,10.1.2.3,01fe\n"
	                          "\"a \"\"gap\"\"\",,,inf,10.1.2.3,01fe\n"
	                          "x,,0,,0.0.0.0,\n");
	assert_int_equal(outside, 6);
	mem_free(&text);
	text = json_text(&t, &outside);
	assert_int_equal(outside, 6);
	assert_memory_equal(text,
	    "{\"text\":\"a "
	    "\\\"gap\\\"\",\"big\":null,\"port\":null,\"real\":null,\"addr\":\"10.1.2.3\",\"raw\":\"01fe\"}\n",
	    strcspn(text, "\n") + 1);
	assert_non_null(
	    strstr(text, "{\"text\":\"x\",\"big\":null,\"port\":0,\"real\":null,\"addr\":\"0.0.0.0\",\"raw\":null}\n"));
	mem_free(&text);
	table_fini(&t);
}

/* Each line is one object that jansson reads back to the same text. */
static void json_escapes_every_byte(void **state)
{
	struct table t;
	uint64_t outside;
	char all[128];
	table_init(&t);
	for (int i = 0; i < 128; i++)
		all[i] = (char)i;
	add_row(&t, all + 1, 127, 5, 6, 0.5f);
	add_row(&t, "", 0, 5, 6, 0.5f);
	char *text = json_text(&t, &outside), *line = text;
	for (int i = 0; i < 2; i++) {
		size_t len = strcspn(line, "\n");
		json_t *row;
		struct err e;
		const char *value;
		assert_int_equal(json_parse(line, len, &row, &e), RC_OK);
		assert_int_equal(json_object_size(row), COLUMNS);
		assert_int_equal(json_get_text(row, "text", &value, &e), RC_OK);
		assert_int_equal(strlen(value), i == 0 ? 127 : 0);
		assert_memory_equal(value, all + 1, strlen(value));
		json_decref(row);
		line += len + 1;
	}
	assert_string_equal(line, "");
	mem_free(&text);
	table_fini(&t);
}

/* Long spans shared by many rows: chunks keep their bounds and nothing is lost. */
static void long_values_are_whole(void **state)
{
	enum { LONG = 200 << 10, ROWS = 40 };
	struct table t;
	uint64_t outside;
	struct span s;
	table_init(&t);
	char *big = mem_alloc(LONG);
	memset(big, 0xff, LONG);
	assert_true(batch_put(t.batch, big, LONG, &s));
	for (int i = 0; i < ROWS; i++) {
		add_row(&t, i % 2 == 0 ? "" : "short", i % 2 == 0 ? 0 : 5, 1, 2, 3);
		if (i % 2 == 0)
			((struct span *)batch_values(t.batch, 0))[i] = s;
	}
	struct csv_encoder *c = csv_encoder_new(t.projection);
	struct writer w;
	writer_init(&w, 64 << 20);
	csv_encode(c, t.batch, NULL, t.batch->rows, &w, &outside);
	assert_false(w.failed);
	size_t tail = strlen(",1,2,3,10.1.2.3,01fe\n");
	assert_int_equal(w.len, ROWS / 2 * (3 * LONG + 5) + ROWS * tail);
	assert_memory_equal(w.bytes + 3 * LONG, ",1,2,3,10.1.2.3,01fe\nshort,1", 28);
	writer_fini(&w);
	csv_encoder_free(&c);
	mem_free(&big);
	table_fini(&t);
}

/* Over random flows, both formats show the same values. */
static void both_formats_agree(void **state)
{
	struct sample s = sample_open();
	struct batch *b = sample_batch(&s, 400);
	struct csv_encoder *c = csv_encoder_new(s.projection);
	struct json_encoder *j = json_encoder_new(s.projection);
	struct writer csv, json;
	uint64_t csv_outside = 0, json_outside = 0;
	writer_init(&csv, 16 << 20);
	writer_init(&json, 16 << 20);
	csv_encode(c, b, NULL, b->rows, &csv, &csv_outside);
	json_encode(j, b, NULL, b->rows, &json, &json_outside);
	assert_true(csv_outside > 0 && csv_outside == json_outside);
	const char *cell = (const char *)csv.bytes, *line = (const char *)json.bytes;
	for (uint32_t row = 0; row < b->rows; row++) {
		size_t len = strcspn(line, "\n");
		json_t *object;
		struct err e;
		assert_int_equal(json_parse(line, len, &object, &e), RC_OK);
		for (size_t i = 0; i < s.schema->columns; i++) {
			const json_t *v = json_object_get(object, s.schema->column[i].name);
			size_t n = strcspn(cell, i + 1 < s.schema->columns ? "," : "\n");
			char text[RENDER_TEXT] = "";
			if (json_is_string(v))
				assert_true(
				    strlen(json_string_value(v)) == n && memcmp(json_string_value(v), cell, n) == 0);
			else if (json_is_integer(v))
				assert_true(json_integer_value(v) == strtoll(cell, NULL, 10));
			else if (json_is_real(v))
				assert_true(
				    render_float((float)json_real_value(v), text) == n && memcmp(text, cell, n) == 0);
			else
				assert_true(json_is_null(v) && n == 0);
			cell += n + 1;
		}
		json_decref(object);
		line += len + 1;
	}
	writer_fini(&csv);
	writer_fini(&json);
	csv_encoder_free(&c);
	json_encoder_free(&j);
	batch_free(&b);
	sample_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(csv_quotes_only_where_needed),
	    cmocka_unit_test(absent_and_outside_differ),
	    cmocka_unit_test(json_escapes_every_byte),
	    cmocka_unit_test(long_values_are_whole),
	    cmocka_unit_test(both_formats_agree),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

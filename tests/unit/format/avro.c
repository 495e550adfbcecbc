/* avro: what is encoded decodes to the same rows, schemas resolve or say why not, and no bytes can do harm. */
#include "format/avro.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "format/avsc.h"
#include "format/csv.h"
#include "unit/format/sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { CEILING = 64 << 20 };

/* The batch as an Avro array; the caller's writer. */
static void encode(const struct projection *p, const struct batch *b, const uint16_t *sel, size_t n, struct writer *out,
    uint64_t *outside)
{
	struct avro_encoder *a = avro_encoder_new(p);
	*outside = 0;
	writer_init(out, CEILING);
	avro_array_head(out, n);
	avro_encode(a, b, sel, n, out, outside);
	avro_array_tail(out);
	assert_false(out->failed);
	avro_encoder_free(&a);
}

static void csv_of(const struct projection *p, const struct batch *b, const uint16_t *sel, size_t n, struct writer *out)
{
	struct csv_encoder *c = csv_encoder_new(p);
	uint64_t outside = 0;
	csv_encode(c, b, sel, n, out, &outside);
	csv_encoder_free(&c);
}

/* Decode into batches of that many rows and append their CSV. */
static void decode_to_csv(struct avro_decoder *a, const struct schema *reader, const struct writer *value,
    uint32_t rows, size_t arena, struct writer *out)
{
	struct projection *p = projection_rendered(reader);
	struct batch *b = batch_new(p->types, p->wants, rows, arena);
	struct err e;
	enum rc rc;
	avro_decode_begin(a, value->bytes, value->len);
	while ((rc = avro_decode_next(a, b, &e)) == RC_OK) {
		assert_true(b->rows > 0);
		assert_int_equal(batch_check(b, p->types, p->wants, b->size, &e), RC_OK);
		csv_of(p, b, NULL, b->rows, out);
	}
	assert_int_equal(rc, RC_END);
	assert_int_equal(avro_decode_next(a, b, &e), RC_END);
	batch_free(&b);
	projection_free(&p);
}

static void same_text(const struct writer *x, const struct writer *y)
{
	assert_int_equal(x->len, y->len);
	assert_memory_equal(x->bytes, y->bytes, x->len);
}

/* As encode does all. */
static void row_by_row(const struct projection *p, const struct batch *b, struct writer *out)
{
	struct avro_encoder *a = avro_encoder_new(p);
	uint64_t outside = 0;
	writer_init(out, CEILING);
	avro_array_head(out, b->rows);
	for (uint16_t row = 0; row < b->rows; row++)
		avro_encode(a, b, &row, 1, out, &outside);
	avro_array_tail(out);
	avro_encoder_free(&a);
}

/* Returns the values that became null for their type. */
static uint64_t come_back(const struct sample *s, const struct batch *b)
{
	struct avro_decoder *a;
	struct writer value, want, got;
	struct err e;
	uint64_t outside;
	encode(s->projection, b, NULL, b->rows, &value, &outside);
	writer_init(&want, CEILING);
	csv_of(s->projection, b, NULL, b->rows, &want);
	/* Rows by themselves have no neighbours to share anything with. */
	writer_init(&got, CEILING);
	for (uint16_t row = 0; row < b->rows; row++)
		csv_of(s->projection, b, &row, 1, &got);
	same_text(&got, &want);
	writer_fini(&got);
	row_by_row(s->projection, b, &got);
	same_text(&got, &value);
	writer_fini(&got);
	assert_int_equal(avro_decoder_open(s->schema, s->schema, &a, &e), RC_OK);
	static const uint32_t rows[] = {BATCH_ROWS, 1500, 64, 7, 1};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		writer_init(&got, CEILING);
		decode_to_csv(a, s->schema, &value, rows[i], 64 << 10, &got);
		same_text(&got, &want);
		writer_fini(&got);
	}
	/* An arena of a few rows: the rest comes in the next batch. */
	writer_init(&got, CEILING);
	decode_to_csv(a, s->schema, &value, BATCH_ROWS, 0, &got);
	same_text(&got, &want);
	writer_fini(&got);
	writer_fini(&want);
	writer_fini(&value);
	avro_decoder_free(&a);
	return outside;
}

static void rows_come_back(void **state)
{
	struct sample s = sample_open();
	struct batch *b = sample_batch(&s, 1500);
	assert_true(come_back(&s, b) > 0);
	batch_free(&b);
	/* Around the numbers that take a byte more, and without a limit. */
	static const unsigned bits[] = {6, 7, 13, 14, 20, 21, 27, 28, 34, 0};
	for (size_t i = 0; i < 2 * sizeof bits / sizeof bits[0]; i++) {
		s.bits = bits[i / 2];
		b = sample_steady(&s, 1500);
		come_back(&s, b);
		batch_free(&b);
	}
	sample_close(&s);
}

/* Columns that show parts of a time share what a second has in common, and nothing beyond it. */
static void seconds_begin_where_they_do(void **state)
{
	static const int64_t begin[] = {0, -1, -3601, 1768381199, -9223372036, 9223372035};
	static const uint64_t spread[] = {1, 999999999, 1000000000, 1000000001, 2000000000};
	struct sample s = sample_open();
	for (size_t i = 0; i < sizeof begin / sizeof begin[0]; i++) {
		for (size_t k = 0; k < sizeof spread / sizeof spread[0]; k++) {
			struct batch *b = sample_steady(&s, 300);
			int64_t *time = batch_values(b, s.projection->time);
			for (uint32_t row = 0; row < b->rows; row++)
				/* The last of all times is followed by the first. */
				time[row] = (int64_t)((uint64_t)begin[i] * 1000000000 - (k % 2 == 0 ? 0 : 5) +
				                      (row % 7 == 6 ? spread[k] - 1 : sample_random(&s) % spread[k]));
			come_back(&s, b);
			batch_free(&b);
		}
	}
	sample_close(&s);
}

/* That many rows from one on, each so far behind the one before. */
static void selection_of(struct sample *s, const struct batch *b, size_t first, size_t step)
{
	struct writer value, want, got;
	struct avro_decoder *a;
	struct err e;
	uint16_t sel[200];
	uint64_t outside;
	for (size_t i = 0; i < 200; i++)
		sel[i] = (uint16_t)((first + i * step) % b->rows);
	encode(s->projection, b, sel, 200, &value, &outside);
	writer_init(&want, CEILING);
	for (size_t i = 0; i < 200; i++)
		csv_of(s->projection, b, &sel[i], 1, &want);
	assert_int_equal(avro_decoder_open(s->schema, s->schema, &a, &e), RC_OK);
	writer_init(&got, CEILING);
	decode_to_csv(a, s->schema, &value, 1000, 64 << 10, &got);
	same_text(&got, &want);
	avro_decoder_free(&a);
	writer_fini(&value);
	writer_fini(&want);
	writer_fini(&got);
}

static void a_selection_is_those_rows(void **state)
{
	struct sample s = sample_open();
	struct batch *b = sample_batch(&s, 300);
	selection_of(&s, b, 0, 37);
	selection_of(&s, b, 0, 1);
	selection_of(&s, b, 77, 1);
	selection_of(&s, b, 150, 1); /* the end, and on from the beginning */
	batch_free(&b);
	sample_close(&s);
}

static void no_rows_are_an_empty_array(void **state)
{
	struct sample s = sample_open();
	struct batch *b = sample_batch(&s, 1);
	struct writer value, got;
	struct avro_decoder *a;
	struct err e;
	uint64_t outside;
	encode(s.projection, b, NULL, 0, &value, &outside);
	assert_int_equal(value.len, 1);
	assert_int_equal(avro_decoder_open(s.schema, s.schema, &a, &e), RC_OK);
	writer_init(&got, CEILING);
	decode_to_csv(a, s.schema, &value, 10, 0, &got);
	assert_int_equal(got.len, 0);
	avro_decoder_free(&a);
	writer_fini(&value);
	writer_fini(&got);
	batch_free(&b);
	sample_close(&s);
}

/* A record {x: type, …} from "name type" pairs. */
static struct schema *record(const char *const column[][2], size_t columns)
{
	char text[2048];
	size_t len = (size_t)snprintf(text, sizeof text, "{\"type\":\"record\",\"name\":\"t\",\"fields\":[");
	struct schema *s;
	struct err e;
	for (size_t i = 0; i < columns; i++)
		len += (size_t)snprintf(text + len, sizeof text - len,
		    "%s{\"name\":\"%s\",\"type\":[\"null\",\"%s\"],\"default\":null,\"from\":\"f\"}", i == 0 ? "" : ",",
		    column[i][0], column[i][1]);
	len += (size_t)snprintf(text + len, sizeof text - len, "]}");
	assert_int_equal(avsc_read("t.avsc", text, len, &s, &e), RC_OK);
	return s;
}

static void schemas_resolve_by_name(void **state)
{
	static const char *const writer_column[][2] = {
	    {"gone", "string"}, {"n", "int"}, {"text", "string"}, {"lost", "float"}, {"over", "long"}};
	static const char *const reader_column[][2] = {{"text", "string"}, {"fresh", "int"}, {"n", "long"}};
	/* Two rows in one block with its size, then one more: gone "ab", n -1, text "x", lost 1.0, over 300; all null;
	 * n 64. */
	static const uint8_t value[] = {3, 36, 2, 4, 'a', 'b', 2, 1, 2, 2, 'x', 2, 0, 0, 0x80, 0x3f, 2, 0xd8, 4, 0, 0,
	    0, 0, 0, 2, 0, 2, 0x80, 1, 0, 0, 0, 0};
	struct schema *writer = record(writer_column, 5), *reader = record(reader_column, 3);
	struct avro_decoder *a;
	struct err e;
	struct writer in = {.bytes = (uint8_t *)value, .len = sizeof value}, got;
	assert_int_equal(avro_decoder_open(writer, reader, &a, &e), RC_OK);
	writer_init(&got, CEILING);
	decode_to_csv(a, reader, &in, 10, 0, &got);
	writer_u8(&got, 0);
	assert_string_equal((const char *)got.bytes, "x,,-1\n,,\n,,64\n");
	avro_decoder_free(&a);
	writer_fini(&got);
	schema_free(&writer);
	schema_free(&reader);
}

static void what_cannot_be_resolved_names_both(void **state)
{
	static const char *const as_long[][2] = {{"n", "long"}}, *const as_int[][2] = {{"n", "int"}},
	                         *const as_string[][2] = {{"n", "string"}};
	struct schema *wide = record(as_long, 1), *narrow = record(as_int, 1), *text = record(as_string, 1);
	struct avro_decoder *a = NULL;
	struct err e;
	assert_int_equal(avro_decoder_open(wide, narrow, &a, &e), RC_BAD);
	assert_non_null(strstr(e.text, "column \"n\": written as long (t.avsc:1"));
	assert_non_null(strstr(e.text, "wanted as int (t.avsc:1"));
	assert_int_equal(avro_decoder_open(narrow, text, &a, &e), RC_BAD);
	assert_int_equal(avro_decoder_open(text, narrow, &a, &e), RC_BAD);
	assert_null(a);
	assert_int_equal(avro_decoder_open(narrow, wide, &a, &e), RC_OK);
	avro_decoder_free(&a);
	schema_free(&wide);
	schema_free(&narrow);
	schema_free(&text);
}

/* Every row of the value, or RC_BAD. The copy is exact, so that a read past its end is seen by the sanitizer. */
static enum rc survive(
    struct avro_decoder *a, const struct projection *p, struct batch *b, const uint8_t *bytes, size_t len)
{
	uint8_t *copy = mem_alloc(len + (len == 0));
	struct err e;
	enum rc rc;
	memcpy(copy, bytes, len);
	avro_decode_begin(a, copy, len);
	while ((rc = avro_decode_next(a, b, &e)) == RC_OK)
		assert_int_equal(batch_check(b, p->types, p->wants, b->size, &e), RC_OK);
	if (rc == RC_BAD) {
		assert_int_equal(b->rows, 0);
		assert_int_equal(avro_decode_next(a, b, &e), RC_BAD);
	}
	mem_free(&copy);
	return rc;
}

static void damage_is_found_and_harmless(void **state)
{
	struct sample s = sample_open();
	struct batch *b = sample_batch(&s, 12);
	struct projection *p = projection_rendered(s.schema);
	struct batch *to = batch_new(p->types, p->wants, 5, 1 << 10);
	struct avro_decoder *a;
	struct writer value;
	struct err e;
	uint64_t outside;
	encode(s.projection, b, NULL, b->rows, &value, &outside);
	assert_int_equal(avro_decoder_open(s.schema, s.schema, &a, &e), RC_OK);
	assert_int_equal(survive(a, p, to, value.bytes, value.len), RC_END);
	for (size_t len = 0; len < value.len; len++)
		assert_int_equal(survive(a, p, to, value.bytes, len), RC_BAD);
	for (size_t bit = 0; bit < 8 * value.len; bit++) {
		value.bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		enum rc rc = survive(a, p, to, value.bytes, value.len);
		assert_true(rc == RC_END || rc == RC_BAD);
		value.bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
	}
	static const uint8_t bad[][12] = {
	    {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01},       /* INT64_MIN rows */
	    {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01},       /* INT64_MAX rows */
	    {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00}, /* eleven bytes */
	    {1, 1},                                                             /* one row of -1 bytes */
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(survive(a, p, to, bad[i], sizeof bad[i]), RC_BAD);
	avro_decoder_free(&a);
	writer_fini(&value);
	batch_free(&to);
	projection_free(&p);
	batch_free(&b);
	sample_close(&s);
}

/* A row may have BATCH_ROW_BYTES of text and no more, whatever the arena. */
static void long_rows_are_refused(void **state)
{
	static const char *const column[][2] = {{"a", "string"}, {"b", "string"}};
	struct schema *schema = record(column, 2);
	struct projection *p = projection_rendered(schema);
	struct batch *b = batch_new(p->types, p->wants, 10, 1 << 20);
	struct avro_decoder *a;
	struct err e;
	assert_int_equal(avro_decoder_open(schema, schema, &a, &e), RC_OK);
	for (int over = 0; over < 2; over++) {
		static uint8_t value[BATCH_ROW_BYTES + 64];
		size_t len = 0;
		value[len++] = 2; /* one row */
		for (int i = 0; i < 2; i++) {
			uint64_t zigzag = 2 * (BATCH_ROW_BYTES / 2 + (uint64_t)(over && i == 1));
			value[len++] = 2;
			for (uint64_t rest = zigzag; rest > 0; rest >>= 7)
				value[len++] = (uint8_t)((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
			memset(value + len, 'a' + i, zigzag / 2);
			len += zigzag / 2;
		}
		value[len++] = 0;
		assert_int_equal(survive(a, p, b, value, len), over ? RC_BAD : RC_END);
	}
	avro_decoder_free(&a);
	batch_free(&b);
	projection_free(&p);
	schema_free(&schema);
}

static void a_small_ceiling_fails_the_writer(void **state)
{
	struct sample s = sample_open();
	struct batch *b = sample_batch(&s, 500);
	struct avro_encoder *a = avro_encoder_new(s.projection);
	struct writer out;
	uint64_t outside = 0;
	writer_init(&out, 10000);
	avro_encode(a, b, NULL, b->rows, &out, &outside);
	assert_true(out.failed);
	writer_fini(&out);
	avro_encoder_free(&a);
	batch_free(&b);
	sample_close(&s);
}

static void a_container_file_has_its_frame(void **state)
{
	static const char *const column[][2] = {{"n", "int"}};
	static const uint8_t sync[16] = "0123456789abcdef";
	struct schema *schema = record(column, 1);
	struct writer out;
	writer_init(&out, CEILING);
	avro_file_head(&out, schema, sync);
	assert_memory_equal(out.bytes,
	    "Obj\1\4\x14"
	    "avro.codec\10null\x16"
	    "avro.schema",
	    33);
	assert_memory_equal(out.bytes + out.len - 17,
	    "\0"
	    "0123456789abcdef",
	    17);
	size_t head = out.len;
	avro_file_block(&out, 2, "\2\4\0", 3, sync);
	assert_memory_equal(out.bytes + head,
	    "\4\6\2\4\0"
	    "0123456789abcdef",
	    21);
	assert_int_equal(out.len, head + 21);
	writer_fini(&out);
	schema_free(&schema);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rows_come_back),
	    cmocka_unit_test(seconds_begin_where_they_do),
	    cmocka_unit_test(a_selection_is_those_rows),
	    cmocka_unit_test(no_rows_are_an_empty_array),
	    cmocka_unit_test(schemas_resolve_by_name),
	    cmocka_unit_test(what_cannot_be_resolved_names_both),
	    cmocka_unit_test(damage_is_found_and_harmless),
	    cmocka_unit_test(long_rows_are_refused),
	    cmocka_unit_test(a_small_ceiling_fails_the_writer),
	    cmocka_unit_test(a_container_file_has_its_frame),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* parquet/reader: rows come back as an independent reader sees them, and written again they are the same rows; damaged
 * files are refused or read, never worse. */
#include "format/parquet/reader.h"

#include <string.h>

#include "base/mem.h"
#include "base/writer.h"
#include "format/parquet/parquet.h"
#include "unit/format/parquet_reader.h"
#include "unit/format/sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static enum rc put(void *context, const void *bytes, size_t size, struct err *e)
{
	writer_put(context, bytes, size);
	return RC_OK;
}

static enum rc get(void *context, uint64_t offset, void *to, size_t size, struct err *e)
{
	const struct writer *w = context;
	if (offset > w->len || size > w->len - offset)
		return err_set(RC_BAD, e, "beyond the end");
	memcpy(to, w->bytes + offset, size);
	return RC_OK;
}

static struct parquet *begin(
    const struct projection *p, const struct parquet_options *o, struct pack *pack, struct writer *out)
{
	struct parquet *q = NULL;
	struct err e;
	writer_init(out, 64 << 20);
	assert_int_equal(parquet_open(p, o, pack, (struct parquet_sink){out, put}, &q, &e), RC_OK);
	return q;
}

static void end(struct parquet **q)
{
	const struct parquet_key key = {"sluice.sources", "[1]", 3};
	struct err e;
	assert_int_equal(parquet_close(*q, &key, 1, &e), RC_OK);
	parquet_free(q);
}

static void write_sample(
    struct sample *s, const struct parquet_options *o, unsigned batches, struct pack *pack, struct writer *out)
{
	struct parquet *q = begin(s->projection, o, pack, out);
	struct err e;
	for (unsigned i = 0; i < batches; i++) {
		struct batch *b = sample_batch(s, 3000);
		assert_int_equal(parquet_append(q, b, NULL, b->rows, &e), RC_OK);
		batch_free(&b);
	}
	end(&q);
}

static void same_cell(const struct cell *want, const struct batch *b, unsigned column, uint32_t row)
{
	assert_int_equal(want->null, batch_is_null(b, column, row));
	if (want->null)
		return;
	int64_t number = 0;
	switch (b->column[column].type) {
	case TYPE_BYTES: {
		struct span s = ((const struct span *)batch_read(b, column))[row];
		assert_int_equal(s.length, want->len);
		assert_memory_equal(batch_span(b, s), want->bytes, s.length);
		break;
	}
	case TYPE_F32:
		assert_memory_equal((const float *)batch_read(b, column) + row, want->bytes, 4);
		break;
	default:
		memcpy(&number, want->bytes, want->len);
		number = want->len == 4 ? (int32_t)number : number;
		assert_int_equal(((const int64_t *)batch_read(b, column))[row], number);
	}
}

/* Reads `file` with the reader under test, compares with the other one, and writes the rows again into `again`. */
static void read_and_write(const struct schema *s, struct writer *file, const struct parquet_options *o, size_t arena,
    struct pack *pack, struct writer *again)
{
	struct read_file want;
	struct parquet_reader *r = NULL;
	struct projection *rendered = projection_rendered(s);
	struct parquet *q = begin(rendered, o, pack, again);
	struct batch *b = batch_new(rendered->types, rendered->wants, 4096, arena);
	const struct parquet_bytes bytes = {file, get, file->len};
	uint64_t rows = 0;
	struct err e;
	enum rc rc;
	read_file(file->bytes, file->len, &want);
	assert_int_equal(parquet_reader_open(s, &bytes, pack, &r, &e), RC_OK);
	assert_int_equal(parquet_reader_rows(r), want.rows);
	assert_string_equal(parquet_reader_key(r, "sluice.sources"), "[1]");
	assert_null(parquet_reader_key(r, "sluice"));
	while ((rc = parquet_reader_next(r, b, 1000, &e)) == RC_OK) {
		assert_true(b->rows > 0 && b->rows <= 1000);
		for (unsigned c = 0; c < want.columns; c++)
			for (uint32_t row = 0; row < b->rows; row++)
				same_cell(&want.column[c].cell[rows + row], b, c, row);
		rows += b->rows;
		assert_int_equal(parquet_append(q, b, NULL, b->rows, &e), RC_OK);
	}
	assert_int_equal(rc, RC_END);
	assert_int_equal(rows, want.rows);
	assert_int_equal(parquet_outside(q), 0);
	end(&q);
	parquet_reader_free(&r);
	read_file_free(&want);
	batch_free(&b);
	projection_free(&rendered);
}

static void same_rows(struct writer *a, struct writer *b)
{
	struct read_file x, y;
	read_file(a->bytes, a->len, &x);
	read_file(b->bytes, b->len, &y);
	assert_int_equal(x.rows, y.rows);
	for (unsigned c = 0; c < x.columns; c++)
		for (uint64_t row = 0; row < x.rows; row++) {
			const struct cell *m = &x.column[c].cell[row], *n = &y.column[c].cell[row];
			assert_true(m->null == n->null && (m->null || m->len == n->len));
			if (!m->null)
				assert_memory_equal(m->bytes, n->bytes, m->len);
		}
	read_file_free(&x);
	read_file_free(&y);
}

static void rows_come_back(void **state)
{
	static const struct parquet_options options[] = {
	    {.codec = CODEC_SNAPPY},
	    {.codec = CODEC_NONE, .page_rows = 128},
	    {.codec = CODEC_ZSTD, .row_group_rows = 1024, .page_rows = 1000},
	    {.codec = CODEC_GZIP, .row_group_rows = 5000},
	};
	struct pack *pack = pack_new();
	for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
		struct sample s = sample_open();
		struct writer file, again;
		write_sample(&s, &options[i], i == 0 ? 0 : (unsigned)i + 2, pack, &file);
		/* The second arena is smaller than a batch's texts: it decides then. */
		read_and_write(s.schema, &file, &options[0], i % 2 == 0 ? 1 << 20 : 8 << 10, pack, &again);
		same_rows(&file, &again);
		writer_fini(&file);
		writer_fini(&again);
		sample_close(&s);
	}
	pack_free(&pack);
}

static void another_schema_is_refused_or_filled(void **state)
{
	struct pack *pack = pack_new();
	struct sample s = sample_open();
	const struct parquet_options o = {.codec = CODEC_SNAPPY};
	struct writer file;
	struct parquet_reader *r = NULL;
	struct err e;
	write_sample(&s, &o, 1, pack, &file);
	const struct parquet_bytes bytes = {&file, get, file.len};
	/* A column that the table has and the file lacks is null. */
	struct schema wider = *s.schema;
	wider.column = mem_zero(s.schema->columns + 1, sizeof *wider.column);
	memcpy(wider.column, s.schema->column, s.schema->columns * sizeof *wider.column);
	wider.column[wider.columns++] = (struct schema_column){.name = (char *)"more", .type = SQL_STRING};
	assert_int_equal(parquet_reader_open(&wider, &bytes, pack, &r, &e), RC_OK);
	struct projection *rendered = projection_rendered(&wider);
	struct batch *b = batch_new(rendered->types, rendered->wants, 100, 1 << 20);
	assert_int_equal(parquet_reader_next(r, b, 100, &e), RC_OK);
	assert_int_equal(b->column[wider.columns - 1].null_count, b->rows);
	parquet_reader_free(&r);
	batch_free(&b);
	projection_free(&rendered);
	mem_free(&wider.column);
	/* The other way round rows would lose something. */
	struct schema narrower = *s.schema;
	narrower.columns--;
	assert_int_equal(parquet_reader_open(&narrower, &bytes, pack, &r, &e), RC_BAD);
	assert_non_null(strstr(e.text, s.schema->column[narrower.columns].name));
	writer_fini(&file);
	sample_close(&s);
	pack_free(&pack);
}

static void damage_is_survived(void **state)
{
	struct pack *pack = pack_new();
	struct sample s = sample_open();
	const struct parquet_options o = {.codec = CODEC_SNAPPY, .page_rows = 256};
	struct writer file;
	struct projection *rendered = projection_rendered(s.schema);
	struct batch *b = batch_new(rendered->types, rendered->wants, 4096, 1 << 20);
	unsigned refused = 0;
	write_sample(&s, &o, 1, pack, &file);
	for (unsigned i = 0; i < 1500; i++) {
		/* Mostly in the footer, where lengths and offsets are. */
		size_t at =
		    i % 3 == 0 ? sample_random(&s) % file.len : file.len - 1 - sample_random(&s) % (file.len / 8);
		uint8_t was = file.bytes[at];
		struct parquet_reader *r = NULL;
		struct err e;
		file.bytes[at] ^= (uint8_t)(1 << sample_random(&s) % 8);
		const struct parquet_bytes bytes = {&file, get, i % 5 == 0 ? file.len - i % 900 : file.len};
		enum rc rc = parquet_reader_open(s.schema, &bytes, pack, &r, &e);
		while (rc == RC_OK)
			rc = parquet_reader_next(r, b, 4096, &e);
		assert_true(rc == RC_END || rc == RC_BAD);
		refused += rc == RC_BAD;
		parquet_reader_free(&r);
		file.bytes[at] = was;
	}
	assert_true(refused > 300);
	batch_free(&b);
	projection_free(&rendered);
	writer_fini(&file);
	sample_close(&s);
	pack_free(&pack);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rows_come_back),
	    cmocka_unit_test(another_schema_is_refused_or_filled),
	    cmocka_unit_test(damage_is_survived),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

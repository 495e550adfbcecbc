/* parquet: files written and read back by a reader of the tests' own, against the rows as csv shows them. */
#include "format/parquet/parquet.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "format/csv.h"
#include "format/parquet/inspect.h"
#include "unit/format/parquet_reader.h"
#include "unit/format/sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static enum rc to_writer(void *context, const void *bytes, size_t size, struct err *e)
{
	(void)e;
	writer_put(context, bytes, size);
	return RC_OK;
}

struct file {
	struct pack *pack;
	struct writer bytes;
	struct parquet *q;
	struct writer csv;
	struct csv_encoder *encoder;
	uint64_t outside; /* as csv counts */
};

static void file_open(struct file *f, const struct projection *p, const struct parquet_options *o)
{
	struct err e;
	*f = (struct file){.pack = pack_new(), .encoder = csv_encoder_new(p)};
	writer_init(&f->bytes, 1 << 30);
	writer_init(&f->csv, 1 << 30);
	assert_int_equal(parquet_open(p, o, f->pack, (struct parquet_sink){&f->bytes, to_writer}, &f->q, &e), RC_OK);
}

static void file_append(struct file *f, const struct batch *b, const uint16_t *sel, size_t n)
{
	struct err e;
	csv_encode(f->encoder, b, sel, n, &f->csv, &f->outside);
	assert_int_equal(parquet_append(f->q, b, sel, n, &e), RC_OK);
}

/* What an audit reads of it. Cut or changed, a footer is refused or read within its bytes. */
static void check_inspect(const struct file *f)
{
	struct err e;
	struct inspect in, other;
	size_t len = 0;
	const uint8_t *end = f->bytes.bytes + f->bytes.len;
	assert_int_equal(inspect_length(end - INSPECT_TAIL, f->bytes.len, &len, &e), RC_OK);
	const uint8_t *footer = end - INSPECT_TAIL - len;
	assert_int_equal(inspect_footer(footer, len, &in, &e), RC_OK);
	assert_int_equal(in.rows, parquet_rows(f->q));
	assert_int_equal(in.group_rows, in.rows);
	assert_true(in.columns > 0);
	assert_int_equal(in.sources.len, 2);
	assert_memory_equal(in.sources.at, "[]", 2);
	assert_null(in.dissector.at);
	if (len > 16 << 10)
		return;
	for (size_t cut = 0; cut < len; cut += 1 + len / 200)
		assert_int_equal(inspect_footer(footer, cut, &other, &e), RC_BAD);
	uint8_t *copy = mem_copy(footer, len);
	for (size_t i = 0; i < len; i += 1 + len / 500) {
		copy[i] ^= 0x41;
		(void)!inspect_footer(copy, len, &other, &e);
		copy[i] ^= 0x41;
	}
	mem_free(&copy);
	uint8_t tail[INSPECT_TAIL] = {0xff, 0xff, 0xff, 0x7f, 'P', 'A', 'R', '1'};
	assert_int_equal(inspect_length(tail, 1 << 30, &len, &e), RC_BAD);
	assert_int_equal(inspect_length((const uint8_t *)"\0\0\0\0PAR2", 100, &len, &e), RC_BAD);
}

static void file_close(struct file *f)
{
	struct err e;
	static const struct parquet_key key = {"sluice.sources", "[]", 2};
	assert_int_equal(parquet_close(f->q, &key, 1, &e), RC_OK);
	assert_int_equal(parquet_written(f->q), f->bytes.len);
	assert_int_equal(parquet_outside(f->q), f->outside);
	assert_int_equal(parquet_group_memory(f->q), 0);
	check_inspect(f);
}

static void file_free(struct file *f)
{
	parquet_free(&f->q);
	csv_encoder_free(&f->encoder);
	pack_free(&f->pack);
	writer_fini(&f->bytes);
	writer_fini(&f->csv);
}

/* The next field of csv text: null if it is empty and has no quotes. The text is unquoted in place. */
static char *csv_field(char **at, bool *null, size_t *len)
{
	char *p = *at, *start = p, *to = p;
	*null = *p == ',' || *p == '\n';
	if (*p == '"') {
		for (p++; p[0] != '"' || p[1] == '"'; p++) {
			p += p[0] == '"';
			*to++ = *p;
		}
		p++;
	} else {
		while (*p != ',' && *p != '\n')
			*to++ = *p++;
	}
	assert_true(*p == ',' || *p == '\n');
	*at = p + 1;
	*len = (size_t)(to - start);
	return start;
}

static size_t cell_text(int physical, const struct cell *c, char text[RENDER_TEXT])
{
	int64_t v = 0;
	float f;
	if (physical == 4) {
		memcpy(&f, c->bytes, sizeof f);
		return render_float(f, text);
	}
	memcpy(&v, c->bytes, c->len);
	return (size_t)snprintf(text, RENDER_TEXT, "%lld", physical == 1 ? (long long)(int32_t)v : (long long)v);
}

/* The file must show what csv shows. */
static void expect_rows(const struct file *f, const struct read_file *r)
{
	char *csv = mem_text_n((const char *)f->csv.bytes, f->csv.len), *at = csv;
	for (uint64_t row = 0; row < r->rows; row++) {
		for (size_t i = 0; i < r->columns; i++) {
			const struct read_column *c = &r->column[i];
			const struct cell *cell = &c->cell[row];
			bool null;
			size_t len;
			char *field = csv_field(&at, &null, &len), text[RENDER_TEXT];
			assert_int_equal(cell->null, null);
			if (null)
				continue;
			size_t got = c->physical == 6 ? cell->len : cell_text(c->physical, cell, text);
			assert_int_equal(got, len);
			assert_memory_equal(c->physical == 6 ? (const char *)cell->bytes : text, field, len);
		}
	}
	assert_int_equal(at - csv, f->csv.len);
	mem_free(&csv);
}

static void expect_file(const struct file *f, struct read_file *r)
{
	read_file(f->bytes.bytes, f->bytes.len, r);
	assert_int_equal(r->rows, parquet_rows(f->q));
	expect_rows(f, r);
}

/* Batches of many sizes and selections of random flows. */
static void append_random(struct sample *s, struct file *f, unsigned batches)
{
	for (unsigned i = 0; i < batches; i++) {
		uint32_t rows = 1 + (uint32_t)(sample_random(s) % 3000);
		struct batch *b = sample_batch(s, rows);
		uint16_t sel[3000];
		size_t n = 0;
		for (uint32_t row = 0; row < rows; row++)
			if (i % 3 == 0 ? row >= rows / 3 : sample_random(s) % 3 != 0)
				sel[n++] = (uint16_t)row;
		file_append(f, b, i % 3 == 2 ? NULL : sel, i % 3 == 2 ? rows : n);
		batch_free(&b);
	}
}

static void test_random_flows(void **state)
{
	static const struct parquet_options options[] = {
	    {.codec = CODEC_SNAPPY},
	    {.codec = CODEC_NONE, .page_rows = 100},
	    {.codec = CODEC_ZSTD, .row_group_rows = 5000, .page_rows = 1000},
	    {.codec = CODEC_GZIP, .level = 1, .row_group_rows = 7001},
	    {.codec = CODEC_SNAPPY, .row_group_rows = 1234, .page_rows = 7, .no_page_index = true},
	};
	(void)state;
	for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
		struct sample s = sample_open();
		struct file f;
		struct read_file r;
		file_open(&f, s.projection, &options[i]);
		append_random(&s, &f, 12);
		file_close(&f);
		expect_file(&f, &r);
		assert_true(parquet_outside(f.q) > 0);
		assert_int_equal(node_find(&node_get(&node_get(r.meta, 4)->child[0], 1)->child[0], 4) == NULL,
		    options[i].no_page_index);
		read_file_free(&r);
		file_free(&f);
		sample_close(&s);
	}
}

static void test_same_rows_same_bytes(void **state)
{
	struct file f[2];
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct sample s = sample_open();
		file_open(
		    &f[i], s.projection, &(struct parquet_options){.codec = CODEC_SNAPPY, .row_group_rows = 9000});
		append_random(&s, &f[i], 10);
		file_close(&f[i]);
		sample_close(&s);
	}
	assert_int_equal(f[0].bytes.len, f[1].bytes.len);
	assert_memory_equal(f[0].bytes.bytes, f[1].bytes.bytes, f[0].bytes.len);
	file_free(&f[0]);
	file_free(&f[1]);
}

/* A table of one column. */
struct table {
	struct field field;
	struct schema_column column;
	struct schema schema;
	struct projection *projection;
	struct batch *batch;
	struct file file;
	struct read_file read;
};

static void table_open(struct table *t, enum type type, const char *as, enum sql_type sql, const char *absent,
    const struct parquet_options *o)
{
	struct err e;
	*t = (struct table){.field = {"x", type, ""}};
	t->column =
	    (struct schema_column){.name = "x", .type = sql, .from = "x", .as = (char *)as, .absent = (char *)absent};
	t->schema =
	    (struct schema){.name = "t", .full_name = "test.t", .avro = "{}", .column = &t->column, .columns = 1};
	assert_int_equal(projection_open(&t->schema, &t->field, 1, &t->projection, &e), RC_OK);
	t->batch = batch_new(&type, 1, BATCH_ROWS, 4 << 20);
	file_open(&t->file, t->projection, o);
}

static void table_append(struct table *t)
{
	file_append(&t->file, t->batch, NULL, t->batch->rows);
	batch_reset(t->batch);
}

static void table_read(struct table *t)
{
	file_close(&t->file);
	expect_file(&t->file, &t->read);
}

static void table_free(struct table *t)
{
	read_file_free(&t->read);
	file_free(&t->file);
	batch_free(&t->batch);
	projection_free(&t->projection);
}

static const struct parquet_options plain_options = {.codec = CODEC_SNAPPY, .page_rows = 1000};

static void fill_u64(struct table *t, size_t n, uint64_t from, uint64_t step)
{
	uint64_t *v = batch_values(t->batch, 0);
	for (size_t i = 0; i < n; i++)
		v[i] = from + i * step;
	t->batch->rows = (uint32_t)n;
}

static void test_zero_rows(void **state)
{
	struct table t;
	struct err e;
	(void)state;
	table_open(&t, TYPE_U64, "number", SQL_BIGINT, NULL, &plain_options);
	assert_int_equal(parquet_append(t.file.q, t.batch, NULL, 0, &e), RC_OK);
	assert_int_equal(parquet_flush(t.file.q, &e), RC_OK);
	table_read(&t);
	assert_int_equal(node_get(t.read.meta, 4)->children, 0);
	assert_memory_equal(read_key(&t.read, "parquet.avro.schema")->bytes, "{}", 2);
	assert_memory_equal(read_key(&t.read, "writer.model.name")->bytes, "avro", 4);
	assert_memory_equal(read_key(&t.read, "sluice.sources")->bytes, "[]", 2);
	assert_memory_equal(node_get(t.read.meta, 6)->bytes, "sluice version ", 15);
	table_free(&t);
}

static void test_all_null(void **state)
{
	struct table t;
	(void)state;
	table_open(&t, TYPE_BYTES, "text", SQL_STRING, NULL, &plain_options);
	for (uint32_t row = 0; row < 2500; row++, t.batch->rows++)
		batch_set_null(t.batch, 0, row);
	table_append(&t);
	table_read(&t);
	assert_int_equal(t.read.column[0].pages, 1);
	assert_false(t.read.column[0].page[0].dictionary);
	table_free(&t);
}

/* Pages without a value between pages with some. */
static void test_null_stretches(void **state)
{
	struct table t;
	(void)state;
	table_open(&t, TYPE_U64, "number", SQL_BIGINT, NULL,
	    &(struct parquet_options){.codec = CODEC_SNAPPY, .page_rows = 500});
	for (unsigned round = 0; round < 6; round++) {
		fill_u64(&t, 1000, round * 700, 977);
		for (uint32_t row = 0; round % 2 == 0 && row < 1000; row++)
			batch_set_null(t.batch, 0, row);
		table_append(&t);
	}
	table_read(&t);
	table_free(&t);
}

static void test_absent(void **state)
{
	struct table t;
	(void)state;
	table_open(&t, TYPE_BYTES, "text", SQL_STRING, "none", &plain_options);
	for (uint32_t row = 0; row < 3000; row++, t.batch->rows++) {
		if (row % 3 == 0 || row < 1200)
			batch_set_null(t.batch, 0, row);
		else
			assert_true(batch_put(
			    t.batch, row % 2 ? "some" : "none", 4, &((struct span *)batch_values(t.batch, 0))[row]));
	}
	table_append(&t);
	for (uint32_t row = 0; row < 100; row++, t.batch->rows++)
		batch_set_null(t.batch, 0, row);
	table_append(&t);
	table_read(&t);
	for (size_t i = 0; i < t.read.column[0].cells; i++)
		assert_false(t.read.column[0].cell[i].null);
	table_free(&t);
}

static void test_outside_is_null(void **state)
{
	struct table t;
	(void)state;
	table_open(&t, TYPE_U64, "number", SQL_INT, NULL, &plain_options);
	fill_u64(&t, 2000, (uint64_t)INT32_MAX - 999, 1);
	table_append(&t);
	fill_u64(&t, 50, UINT64_MAX, 0);
	table_append(&t);
	table_read(&t);
	assert_int_equal(parquet_outside(t.file.q), 1050);
	assert_false(t.read.column[0].cell[999].null);
	assert_true(t.read.column[0].cell[1000].null);
	table_free(&t);
}

/* Values that never come again: PLAIN, and nothing left of a dictionary. */
static void test_unique_values_are_plain(void **state)
{
	struct table t;
	(void)state;
	table_open(&t, TYPE_U64, "number", SQL_BIGINT, NULL,
	    &(struct parquet_options){.codec = CODEC_NONE, .row_group_rows = 300000});
	for (unsigned i = 0; i < 40; i++) {
		fill_u64(&t, BATCH_ROWS, UINT64_C(1) << 40 | (uint64_t)i << 32, 12345);
		table_append(&t);
	}
	table_read(&t);
	for (size_t i = 0; i < t.read.column[0].pages; i++)
		assert_false(t.read.column[0].page[i].dictionary);
	table_free(&t);
}

/* Few values, then ever new ones until the dictionary is full: its pages stay, later ones are PLAIN. */
static void test_full_dictionary_leaves_both(void **state)
{
	struct table t;
	size_t dictionary = 0;
	(void)state;
	table_open(&t, TYPE_U64, "number", SQL_BIGINT, NULL, &(struct parquet_options){.codec = CODEC_NONE});
	for (unsigned i = 0; i < 52; i++) {
		fill_u64(&t, BATCH_ROWS, i < 20 ? 7 : (uint64_t)i << 32, i < 20 ? 0 : 1);
		for (size_t row = 0; i < 20 && row < BATCH_ROWS; row++)
			((uint64_t *)batch_values(t.batch, 0))[row] = row * row % 1000;
		table_append(&t);
	}
	table_read(&t);
	for (size_t i = 0; i < t.read.column[0].pages; i++)
		dictionary += t.read.column[0].page[i].dictionary;
	assert_in_range(dictionary, 1, t.read.column[0].pages - 1);
	table_free(&t);
}

static void fill_ips(struct table *t, uint64_t *seed, uint32_t distinct)
{
	struct ip *ip = batch_values(t->batch, 0);
	for (uint32_t i = 0; i < BATCH_ROWS; i++) {
		*seed = *seed * UINT64_C(6364136223846793005) + 1;
		uint32_t host = (uint32_t)(*seed >> 33) % distinct;
		uint32_t mixed = host * 2654435761u;
		ip[i] = (struct ip){.family = 4};
		memcpy(ip[i].octet, &mixed, sizeof mixed);
	}
	t->batch->rows = BATCH_ROWS;
}

/* Texts are dictionary coded in the whole file or nowhere; a crowded dictionary ends its row group. */
static void test_texts_are_of_one_kind(void **state)
{
	static const struct {
		uint32_t distinct, groups;
		bool dictionary;
	} cases[] = {{288000, 3, true}, {UINT32_MAX, 2, false}};
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct table t;
		uint64_t seed = 1;
		table_open(&t, TYPE_IP, "ip", SQL_STRING, NULL, &(struct parquet_options){.codec = CODEC_SNAPPY});
		for (unsigned batch = 0; batch < 60; batch++) {
			fill_ips(&t, &seed, cases[i].distinct);
			table_append(&t);
		}
		/* A last row group of few rows, all different. */
		assert_int_equal(parquet_flush(t.file.q, &(struct err){0}), RC_OK);
		fill_ips(&t, &seed, UINT32_MAX);
		table_append(&t);
		table_read(&t);
		assert_in_range(node_get(t.read.meta, 4)->children, cases[i].groups, 9);
		for (size_t p = 0; p < t.read.column[0].pages; p++)
			assert_int_equal(t.read.column[0].page[p].dictionary, cases[i].dictionary);
		table_free(&t);
	}
}

/* Are the pages of a file with few different values dictionary coded? unique: of one whose values never come again. */
static bool file_is_coded(enum type type, bool unique, struct parquet_habit *habit)
{
	static uint64_t seed = 1;
	const struct parquet_options o = {.codec = CODEC_SNAPPY, .habit = habit};
	struct table t;
	if (type == TYPE_IP)
		table_open(&t, type, "ip", SQL_STRING, NULL, &o);
	else
		table_open(&t, type, "number", SQL_BIGINT, NULL, &o);
	for (unsigned i = 0; i < (unique ? 20 : 6); i++) {
		if (type == TYPE_IP)
			fill_ips(&t, &seed, unique ? UINT32_MAX : 1000);
		else
			fill_u64(&t, BATCH_ROWS, (unique ? (uint64_t)i << 32 : 0) | UINT64_C(1) << 50, 12345);
		table_append(&t);
	}
	table_read(&t);
	size_t coded = 0, pages = t.read.column[0].pages;
	for (size_t i = 0; i < pages; i++)
		coded += t.read.column[0].page[i].dictionary;
	table_free(&t);
	assert_true(coded == 0 || coded == pages);
	return coded != 0;
}

/* Where a dictionary did not pay, the next fifteen files don't try one; those that know nothing of it do. */
static void test_next_files_know(void **state)
{
	static const enum type type[] = {TYPE_IP, TYPE_U64};
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct schema one = {.columns = 1};
		struct parquet_habit *habit = parquet_habit_new(&(struct projection){.schema = &one});
		assert_true(file_is_coded(type[i], false, habit));
		assert_true(file_is_coded(type[i], false, habit));
		assert_false(file_is_coded(type[i], true, habit));
		assert_true(file_is_coded(type[i], false, NULL));
		for (unsigned file = 0; file < 15; file++)
			assert_false(file_is_coded(type[i], false, habit));
		assert_true(file_is_coded(type[i], false, habit));
		parquet_habit_free(&habit);
	}
}

/* A small file decides by what it has: 50 different numbers are cheaper as they are. */
static void test_small_file_is_plain(void **state)
{
	struct table t;
	(void)state;
	table_open(&t, TYPE_U64, "number", SQL_BIGINT, NULL, &(struct parquet_options){.codec = CODEC_NONE});
	fill_u64(&t, 50, UINT64_C(1) << 50, 12345);
	table_append(&t);
	table_read(&t);
	assert_int_equal(t.read.column[0].pages, 1);
	assert_false(t.read.column[0].page[0].dictionary);
	table_free(&t);
}

static void test_long_texts(void **state)
{
	struct table t;
	char *text = mem_alloc(BATCH_ROW_BYTES);
	(void)state;
	table_open(&t, TYPE_BYTES, "text", SQL_STRING, NULL, &plain_options);
	memset(text, 0xFF, BATCH_ROW_BYTES); /* each byte becomes three */
	for (unsigned i = 0; i < 40; i++) {
		text[i * 6000] = (char)('a' + i % 26);
		for (uint32_t row = 0; row < 3; row++)
			assert_true(batch_put(
			    t.batch, text, BATCH_ROW_BYTES - i, &((struct span *)batch_values(t.batch, 0))[row]));
		t.batch->rows = 3;
		table_append(&t);
	}
	table_read(&t);
	mem_free(&text);
	table_free(&t);
}

static void test_floats(void **state)
{
	struct table t;
	(void)state;
	table_open(&t, TYPE_F32, "float", SQL_FLOAT, NULL, &plain_options);
	float *v = batch_values(t.batch, 0);
	for (unsigned i = 0; i < 12000; i++)
		v[i] = i % 100 == 0 ? -0.0f : (float)(i * 7 % 6000) / 1000;
	t.batch->rows = 12000;
	table_append(&t);
	table_read(&t);
	table_free(&t);
}

static void test_memory(void **state)
{
	struct sample s = sample_open();
	struct file f;
	struct err e;
	(void)state;
	file_open(&f, s.projection, &(struct parquet_options){.codec = CODEC_SNAPPY});
	size_t empty = parquet_memory(f.q);
	assert_int_equal(parquet_group_memory(f.q), 0);
	assert_true(empty < 64 << 10);
	append_random(&s, &f, 2);
	size_t group = parquet_group_memory(f.q);
	assert_true(group > 0);
	assert_int_equal(parquet_memory(f.q), empty + group);
	append_random(&s, &f, 20);
	assert_true(parquet_group_memory(f.q) > group);
	assert_int_equal(parquet_flush(f.q, &e), RC_OK);
	assert_int_equal(parquet_group_memory(f.q), 0);
	/* What stays is the row group's part of the footer. */
	assert_in_range(parquet_memory(f.q), empty, empty + (64 << 10));
	file_close(&f);
	file_free(&f);
	sample_close(&s);
}

/* A small append into a new file must not cost the memory of a large one. */
static void test_small_writers_are_small(void **state)
{
	struct sample s = sample_open();
	struct batch *b = sample_batch(&s, 160);
	struct file f;
	(void)state;
	file_open(&f, s.projection, &(struct parquet_options){.codec = CODEC_SNAPPY});
	file_append(&f, b, NULL, 160);
	assert_true(parquet_memory(f.q) < 192 << 10);
	file_close(&f);
	file_free(&f);
	batch_free(&b);
	sample_close(&s);
}

struct failing {
	size_t left; /* bytes until it fails */
};

static enum rc fails(void *context, const void *bytes, size_t size, struct err *e)
{
	struct failing *f = context;
	(void)bytes;
	if (size > f->left)
		return err_set(RC_AGAIN, e, "no space");
	f->left -= size;
	return RC_OK;
}

static void test_sink_that_fails(void **state)
{
	(void)state;
	for (size_t left = 0; left < 60000; left += 1777) {
		struct sample s = sample_open();
		struct pack *pack = pack_new();
		struct failing sink = {left};
		struct parquet *q = NULL;
		struct err e;
		enum rc rc = parquet_open(s.projection, &(struct parquet_options){.row_group_rows = 500}, pack,
		    (struct parquet_sink){&sink, fails}, &q, &e);
		for (unsigned i = 0; i < 4 && rc == RC_OK; i++) {
			struct batch *b = sample_batch(&s, 400);
			rc = parquet_append(q, b, NULL, 400, &e);
			batch_free(&b);
		}
		if (rc == RC_OK)
			rc = parquet_close(q, NULL, 0, &e);
		assert_int_equal(rc, RC_AGAIN);
		assert_string_equal(e.text, "no space");
		/* The file is lost: it says so again. */
		if (q != NULL) {
			struct err again;
			assert_int_equal(parquet_flush(q, &again), RC_AGAIN);
			assert_string_equal(again.text, "no space");
			assert_int_equal(parquet_close(q, NULL, 0, &again), RC_AGAIN);
		}
		parquet_free(&q);
		pack_free(&pack);
		sample_close(&s);
	}
}

static void test_page_rows_can_change(void **state)
{
	struct table t;
	(void)state;
	table_open(&t, TYPE_U64, "number", SQL_BIGINT, NULL,
	    &(struct parquet_options){.codec = CODEC_NONE, .page_rows = 4000});
	for (unsigned i = 0; i < 9; i++) {
		parquet_page_rows(t.file.q, i % 2 == 0 ? 4000 : 100);
		fill_u64(&t, 3333, i * 1000, 3);
		table_append(&t);
	}
	table_read(&t);
	table_free(&t);
}

/* A follower must not take the leader's absent value for a time of its own. */
static void test_absent_times_do_not_lead(void **state)
{
	static const struct field field = {"time", TYPE_TIME, ""};
	static struct schema_column column[] = {
	    {.name = "t", .type = SQL_STRING, .from = "time", .as = "datetime", .absent = "1970-01-01 00:00:00"},
	    {.name = "y", .type = SQL_INT, .from = "time", .as = "year"},
	    {.name = "s", .type = SQL_INT, .from = "time", .as = "second", .absent = "59"},
	};
	struct schema schema = {.name = "t", .full_name = "test.t", .avro = "{}", .column = column, .columns = 3};
	struct projection *p;
	struct file f;
	struct read_file r;
	struct err e;
	(void)state;
	assert_int_equal(projection_open(&schema, &field, 1, &p, &e), RC_OK);
	file_open(&f, p, &(struct parquet_options){.codec = CODEC_SNAPPY, .row_group_rows = 2500});
	for (unsigned round = 0; round < 10; round++) {
		struct batch *b = batch_new(p->types, 1, 500, 0);
		for (uint32_t row = 0; row < 500; row++, b->rows++) {
			((int64_t *)batch_values(b, 0))[row] =
			    INT64_C(1768381200000000000) + (round * 500 + row) * INT64_C(333000000);
			if (round == 4 || (round % 2 == 1 && row % 3 == 0))
				batch_set_null(b, 0, row);
		}
		file_append(&f, b, NULL, 500);
		batch_free(&b);
	}
	file_close(&f);
	expect_file(&f, &r);
	read_file_free(&r);
	file_free(&f);
	projection_free(&p);
}

static void test_unknown_codec(void **state)
{
	struct sample s = sample_open();
	struct parquet *q = NULL;
	struct err e;
	(void)state;
	assert_int_equal(parquet_open(s.projection, &(struct parquet_options){.codec = CODEC_LZ4}, NULL,
	                     (struct parquet_sink){0}, &q, &e),
	    RC_BAD);
	assert_null(q);
	sample_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_random_flows),
	    cmocka_unit_test(test_same_rows_same_bytes),
	    cmocka_unit_test(test_zero_rows),
	    cmocka_unit_test(test_all_null),
	    cmocka_unit_test(test_null_stretches),
	    cmocka_unit_test(test_absent),
	    cmocka_unit_test(test_outside_is_null),
	    cmocka_unit_test(test_unique_values_are_plain),
	    cmocka_unit_test(test_full_dictionary_leaves_both),
	    cmocka_unit_test(test_texts_are_of_one_kind),
	    cmocka_unit_test(test_next_files_know),
	    cmocka_unit_test(test_small_file_is_plain),
	    cmocka_unit_test(test_long_texts),
	    cmocka_unit_test(test_floats),
	    cmocka_unit_test(test_memory),
	    cmocka_unit_test(test_small_writers_are_small),
	    cmocka_unit_test(test_sink_that_fails),
	    cmocka_unit_test(test_page_rows_can_change),
	    cmocka_unit_test(test_absent_times_do_not_lead),
	    cmocka_unit_test(test_unknown_codec),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

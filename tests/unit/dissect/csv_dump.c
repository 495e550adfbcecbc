/* What a delimited text gives, as text. */
#include "unit/dissect/csv_dump.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/writer.h"
#include "data/render.h"

enum { OPTIONS = 64, DUMP_MAX = 256 << 20 };

static enum sql_type sql_of(const char *name)
{
	for (int t = 0; t < SQL_TYPES; t++)
		if (strcmp(sql_name((enum sql_type)t), name) == 0)
			return (enum sql_type)t;
	assert(!"a type");
	return SQL_STRING;
}

void csv_table(struct csv_table *t, const char *const *column, size_t count)
{
	*t = (struct csv_table){.schema = {.name = "t", .columns = count}};
	for (size_t i = 0; i < count; i++) {
		int n = sscanf(column[i], "%39s %39s %39s", t->text[i][0], t->text[i][1], t->text[i][2]);
		assert(n >= 2);
		t->column[i] = (struct schema_column){.name = t->text[i][0],
		    .type = sql_of(t->text[i][1]),
		    .from = t->text[i][0],
		    .as = n == 3 ? t->text[i][2] : NULL,
		    .line = (unsigned)i + 10};
	}
	t->schema.column = t->column;
	t->schema.time = t->text[0][0];
}

void csv_orders(struct csv_table *t)
{
	static const char *const column[] = {
	    "at STRING datetime", "n INT", "ip STRING ip", "price FLOAT", "note STRING"};
	csv_table(t, column, 5);
}

static void put_value(struct writer *w, const struct batch *b, unsigned column, uint32_t row)
{
	const struct batch_column *c = &b->column[column];
	const uint8_t *at = (const uint8_t *)batch_read(b, column) + row * type_size((enum type)c->type);
	char text[RENDER_TEXT];
	struct span s;
	uint64_t v = 0;
	float f;
	if (batch_is_null(b, column, row)) {
		writer_text(w, "~");
		return;
	}
	memcpy(&v, at, type_size((enum type)c->type) < 8 ? 4 : 8);
	switch (c->type) {
	case TYPE_TIME:
		civil_text((int64_t)v / NS_PER_S, text);
		writer_format(w, "%s", text);
		if (v % NS_PER_S != 0)
			writer_format(w, ".%09d", (int)(v % NS_PER_S));
		break;
	case TYPE_F32:
		memcpy(&f, at, sizeof f);
		writer_format(w, "%g", (double)f);
		break;
	case TYPE_IP:
		writer_put(w, text, render_ip((const struct ip *)at, text));
		break;
	case TYPE_BYTES:
		memcpy(&s, at, sizeof s);
		/* What is compared are C strings. */
		for (uint32_t i = 0; i < s.length; i++)
			writer_u8(w, batch_span(b, s)[i] != 0 ? batch_span(b, s)[i] : '?');
		break;
	case TYPE_I64:
		writer_format(w, "%" PRId64, (int64_t)v);
		break;
	default:
		writer_format(w, "%" PRIu64, v);
	}
}

static void put_batch(struct writer *w, const struct batch *b, uint64_t *counter)
{
	for (uint32_t row = 0; row < b->rows; row++) {
		writer_text(w, "row ");
		for (unsigned i = 0; i < b->columns; i++) {
			writer_text(w, i > 0 ? "|" : "");
			put_value(w, b, i, row);
		}
		writer_text(w, "\n");
	}
	const struct batch_reject *r = (const void *)((const uint8_t *)b + b->rejects_at);
	for (uint32_t i = 0; i < b->rejects; i++)
		writer_format(w, "reject at %" PRIu64 " length %" PRIu64 " rows %" PRId64 ": %.*s\n", r[i].offset,
		    r[i].length, (int64_t)r[i].rows, (int)r[i].reason.length, (const char *)batch_span(b, r[i].reason));
	for (size_t i = 0; i < BATCH_COUNTERS; i++)
		counter[i] += b->counter[i];
}

static void put_end(struct writer *w, const struct dissect_ops *ops, const uint64_t *counter)
{
	for (size_t i = 0; i < ops->counters; i++)
		if (counter[i] != 0)
			writer_format(w, "%s=%" PRIu64 "\n", ops->counter[i], counter[i]);
}

static size_t read_options(const char *const *text, struct dissect_option *option, char key[OPTIONS][64])
{
	size_t n = 0;
	for (; text != NULL && text[n] != NULL; n++) {
		size_t len = strcspn(text[n], "=");
		assert(n < OPTIONS && len < 64 && text[n][len] == '=');
		memcpy(key[n], text[n], len);
		key[n][len] = '\0';
		option[n] = (struct dissect_option){key[n], text[n] + len + 1};
	}
	return n;
}

char *csv_dump(const struct dissect_ops *ops, struct csv_table *t, const void *bytes, size_t len, uint32_t rows,
    const char *const *text)
{
	struct dissect_option option[OPTIONS];
	char key[OPTIONS][64];
	struct writer w;
	struct err e;
	struct projection *p = NULL;
	struct dissector *d = NULL;
	const struct batch *b;
	uint64_t counter[BATCH_COUNTERS] = {0};
	const char *note;
	bool clean = false;
	writer_init(&w, DUMP_MAX);
	enum rc rc = dissect_bind(ops, &t->schema, &p, &e);
	if (rc == RC_OK) {
		struct dissect_params params = dissect_params_of(p, option, read_options(text, option, key));
		struct dissect_hints hints = {.name = "test", .size = len};
		params.rows = rows;
		rc = dissect_open(ops, source_memory(bytes, len), &hints, &params, &d, &e);
	}
	while (rc == RC_OK && (rc = dissect_next(d, &b, &clean, &e)) == RC_OK) {
		struct err lie;
		if (batch_check(b, p->types, p->wants, b->size, &lie) != RC_OK)
			writer_format(&w, "lie: %s\n", lie.text);
		put_batch(&w, b, counter);
	}
	put_end(&w, ops, counter);
	if (rc == RC_END)
		writer_text(&w, clean ? "clean\n" : "unclean\n");
	else
		writer_format(&w, "%s: %s\n", rc_name(rc), e.text);
	size_t said = d != NULL ? dissect_note(d, &note) : 0;
	if (said > 0)
		writer_format(&w, "note: %.*s\n", (int)said, note);
	dissect_close(&d);
	projection_free(&p);
	writer_u8(&w, 0);
	assert(!w.failed);
	size_t size;
	return (char *)writer_take(&w, &size);
}

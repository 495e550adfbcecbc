/* Random flows with everything that an encoder can meet: nulls, repeats, both address families, values too large for
 * their column. */
#include "unit/format/sample.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "format/avsc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const struct field catalogue[] = {
    {"time", TYPE_TIME, ""},
    {"duration", TYPE_F32, ""},
    {"src_addr", TYPE_IP, ""},
    {"dst_addr", TYPE_IP, ""},
    {"src_port", TYPE_U32, ""},
    {"dst_port", TYPE_U32, ""},
    {"proto", TYPE_U32, ""},
    {"tcp_flags", TYPE_U32, ""},
    {"fwd_status", TYPE_U32, ""},
    {"src_tos", TYPE_U32, ""},
    {"in_packets", TYPE_U64, ""},
    {"in_bytes", TYPE_U64, ""},
    {"out_packets", TYPE_U64, ""},
    {"out_bytes", TYPE_U64, ""},
    {"input_if", TYPE_U32, ""},
    {"output_if", TYPE_U32, ""},
    {"src_as", TYPE_U32, ""},
    {"dst_as", TYPE_U32, ""},
    {"dst_tos", TYPE_U32, ""},
    {"direction", TYPE_U32, ""},
    {"exporter_addr", TYPE_IP, ""},
};

uint64_t sample_random(struct sample *s)
{
	s->seed ^= s->seed << 13;
	s->seed ^= s->seed >> 7;
	s->seed ^= s->seed << 17;
	return s->seed;
}

struct sample sample_open(void)
{
	struct sample s = {.seed = 42};
	const char *source = getenv("SLUICE_SOURCE");
	char *path = mem_format("%s/schema/flow.avsc", source != NULL ? source : ".");
	char *text = NULL;
	size_t size = 0;
	struct err e;
	assert_int_equal(file_load(path, 1 << 20, &text, &size, &e), RC_OK);
	assert_int_equal(avsc_read("flow.avsc", text, size, &s.schema, &e), RC_OK);
	assert_int_equal(
	    projection_open(s.schema, catalogue, sizeof catalogue / sizeof catalogue[0], &s.projection, &e), RC_OK);
	mem_free(&text);
	mem_free(&path);
	return s;
}

void sample_close(struct sample *s)
{
	projection_free(&s->projection);
	schema_free(&s->schema);
}

static struct ip random_ip(struct sample *s)
{
	struct ip ip = {.family = sample_random(s) % 4 == 0 ? 6 : 4};
	uint64_t a = sample_random(s), b = sample_random(s);
	memcpy(ip.octet, &a, ip.family == 4 ? 4 : 8);
	if (ip.family == 6)
		memcpy(ip.octet + 8, &b, b % 2 == 0 ? 8 : 1);
	return ip;
}

static void put_random(struct sample *s, struct batch *b, unsigned column, uint32_t row)
{
	uint64_t v = sample_random(s) >> (sample_random(s) % 64);
	if (s->bits != 0)
		v &= (UINT64_C(1) << s->bits) - 1;
	void *values = batch_values(b, column);
	switch (b->column[column].type) {
	case TYPE_U32:
		((uint32_t *)values)[row] = (uint32_t)v;
		break;
	case TYPE_U64:
		((uint64_t *)values)[row] = v;
		break;
	case TYPE_F32:
		((float *)values)[row] = (float)(v % 400000) / 1000.0f;
		break;
	case TYPE_TIME:
		((int64_t *)values)[row] = INT64_C(1768381200000000000) + (int64_t)(v % 7200000000000);
		break;
	case TYPE_IP:
		((struct ip *)values)[row] = random_ip(s);
		break;
	}
}

struct batch *sample_batch(struct sample *s, uint32_t rows)
{
	struct batch *b = batch_new(s->projection->types, s->projection->wants, rows, 0);
	for (uint32_t row = 0; row < rows; row++) {
		for (unsigned i = 0; i < b->columns; i++) {
			size_t size = type_size(b->column[i].type);
			uint8_t *values = batch_values(b, i);
			uint64_t choice = sample_random(s) % 8;
			if (choice < 2)
				batch_set_null(b, i, row);
			else if (choice < 4 && row > 0)
				memcpy(values + row * size, values + (row - 1) * size, size);
			else
				put_random(s, b, i, row);
			/* A repeat of a null row has no value of its own. */
			if (choice >= 2 && choice < 4 && row > 0 && batch_is_null(b, i, row - 1))
				put_random(s, b, i, row);
		}
		b->rows++;
	}
	return b;
}

struct batch *sample_steady(struct sample *s, uint32_t rows)
{
	static const unsigned every[] = {
	    UINT32_MAX, 700, UINT32_MAX, 300, 60, 2, 1}; /* rows that a column stays as it is, on average */
	struct batch *b = batch_new(s->projection->types, s->projection->wants, rows, 0);
	for (uint32_t row = 0; row < rows; row++) {
		for (unsigned i = 0; i < b->columns; i++) {
			size_t size = type_size(b->column[i].type);
			uint8_t *values = batch_values(b, i);
			/* Some columns begin with nulls, and two of them stay so; others have some. */
			bool null = i % 5 == 1;
			if (row == 0 || sample_random(s) % every[i % (sizeof every / sizeof every[0])] == 0) {
				put_random(s, b, i, row);
				if (row > 0 && i % 5 < 2)
					null = !batch_is_null(b, i, row - 1);
			} else {
				memcpy(values + row * size, values + (row - 1) * size, size);
				null = batch_is_null(b, i, row - 1);
			}
			if (null)
				batch_set_null(b, i, row);
		}
		b->rows++;
	}
	return b;
}

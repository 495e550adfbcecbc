/* Rows to Avro binary. A value of a ["null", T] column is its branch (0 or 1), then T. */
#include "format/avro.h"

#include <string.h>

#include "base/mem.h"
#include "format/cells.h"
#include "format/varint.h"

enum { BRANCH_NULL = 0, BRANCH_VALUE = 2 };                          /* zig-zag of 0 and 1 */
enum { VARINT_2 = 1 << 14, VARINT_3 = 1 << 21, VARINT_4 = 1 << 28 }; /* the first numbers that take more bytes */

struct avro_encoder {
	struct cells *cells;
};

static uint8_t *put_null(uint8_t *to)
{
	*to++ = BRANCH_NULL;
	return to;
}

static uint8_t *put_number(uint8_t *to, int64_t v)
{
	*to++ = BRANCH_VALUE;
	return varint_put(to, v);
}

/*
 * A column of numbers. Neighbours have different lengths, so that a loop over bytes would be mispredicted time and
 * again: those that take up to four bytes are written as a whole, and how many count is a sum of comparisons.
 */
static uint8_t *put_numbers(uint8_t *to, const uint64_t *v, size_t n, uint8_t *len)
{
	uint64_t any = 0;
	for (size_t i = 0; i < n; i++)
		any |= varint_zigzag((int64_t)v[i]);
	if (any <= 0x7f) {
		for (size_t i = 0; i < n; i++, to += 2) {
			uint16_t bytes = (uint16_t)(varint_zigzag((int64_t)v[i]) << 8 | BRANCH_VALUE);
			memcpy(to, &bytes, sizeof bytes);
		}
		memset(len, 2, n);
		return to;
	}
	for (size_t i = 0; i < n; i++, to += len[i - 1]) {
		uint32_t z = (uint32_t)varint_zigzag((int64_t)v[i]), bytes;
		if (any < VARINT_2) {
			bytes = (z & 0x7f) | (z > 0x7f) << 7 | z >> 7 << 8;
			bytes = bytes << 8 | BRANCH_VALUE;
			memcpy(to, &bytes, sizeof bytes);
			len[i] = (uint8_t)(2 + (z > 0x7f));
		} else if (any < VARINT_4) {
			unsigned more = (z > 0x7f) + (z >= VARINT_2) + (z >= VARINT_3);
			bytes = (z & 0x3fff) | (z & 0x0fffc000) << 2;
			bytes = (bytes & 0x7f007f) | (bytes & 0x3f803f80) << 1;
			bytes |= 0x80808080 & ((1u << 8 * more) - 1);
			*to = BRANCH_VALUE;
			memcpy(to + 1, &bytes, sizeof bytes);
			len[i] = (uint8_t)(2 + more);
		} else {
			len[i] = (uint8_t)(put_number(to, (int64_t)v[i]) - to);
		}
	}
	return to;
}

static uint8_t *put_real(uint8_t *to, float v)
{
	*to++ = BRANCH_VALUE;
	memcpy(to, &v, sizeof v);
	return to + sizeof v;
}

static uint8_t *put_text(uint8_t *to, const uint8_t *bytes, size_t len)
{
	*to++ = BRANCH_VALUE;
	to = varint_put(to, (int64_t)len);
	memcpy(to, bytes, len);
	return to + len;
}

/* Copied as a whole: no call, no loop. */
static uint8_t *put_word(uint8_t *to, const char *text, size_t len)
{
	*to++ = BRANCH_VALUE;
	to = varint_put(to, (int64_t)len);
	memcpy(to, text, RENDER_TEXT / 2);
	if (len > RENDER_TEXT / 2)
		memcpy(to + RENDER_TEXT / 2, text + RENDER_TEXT / 2, RENDER_TEXT / 2);
	return to + len;
}

static const struct cell_format format = {.null = put_null,
    .number = put_number,
    .numbers = put_numbers,
    .real = put_real,
    .text = put_text,
    .word = put_word,
    .text_most = 1};

struct avro_encoder *avro_encoder_new(const struct projection *p)
{
	struct avro_encoder *a = mem_zero(1, sizeof *a);
	a->cells = cells_new(p, &format);
	return a;
}

void avro_encoder_free(struct avro_encoder **a)
{
	if (*a != NULL)
		cells_free(&(*a)->cells);
	mem_free(a);
}

void avro_encode(
    struct avro_encoder *a, const struct batch *b, const uint16_t *sel, size_t n, struct writer *out, uint64_t *outside)
{
	cells_encode(a->cells, b, sel, n, out, outside);
}

static void put_long(struct writer *out, int64_t v)
{
	uint8_t bytes[VARINT_MAX];
	writer_put(out, bytes, (size_t)(varint_put(bytes, v) - bytes));
}

static void put_string(struct writer *out, const char *text)
{
	put_long(out, (int64_t)strlen(text));
	writer_text(out, text);
}

/* An array of no items is just its end: a block of none would say so twice. */
void avro_array_head(struct writer *out, uint64_t rows)
{
	if (rows > 0)
		put_long(out, (int64_t)rows);
}

void avro_array_tail(struct writer *out)
{
	put_long(out, 0);
}

void avro_file_head(struct writer *out, const struct schema *s, const uint8_t sync[16])
{
	writer_put(out, "Obj\1", 4);
	put_long(out, 2);
	put_string(out, "avro.codec");
	put_string(out, "null");
	put_string(out, "avro.schema");
	put_string(out, s->avro);
	put_long(out, 0);
	writer_put(out, sync, 16);
}

void avro_file_block(struct writer *out, uint64_t rows, const void *records, size_t size, const uint8_t sync[16])
{
	put_long(out, (int64_t)rows);
	put_long(out, (int64_t)size);
	writer_put(out, records, size);
	writer_put(out, sync, 16);
}

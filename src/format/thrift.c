/*
 * The compact protocol, written by hand: Parquet needs six kinds of values and two kinds of nesting, a library brings a
 * runtime.
 */
#include "format/thrift.h"

#include <assert.h>
#include <string.h>

size_t thrift_varint(uint64_t v, uint8_t *to)
{
	size_t n = 0;
	while (v >= 0x80) {
		to[n++] = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	to[n++] = (uint8_t)v;
	return n;
}

static void varint(struct thrift *t, uint64_t v)
{
	uint8_t bytes[THRIFT_VARINT];
	writer_put(t->out, bytes, thrift_varint(v, bytes));
}

static void push(struct thrift *t)
{
	assert(t->depth < THRIFT_DEPTH);
	t->last[t->depth++] = 0;
}

static void field(struct thrift *t, int16_t id, enum thrift_type type)
{
	assert(t->depth > 0);
	int16_t *last = &t->last[t->depth - 1];
	assert(id > *last);
	int delta = id - *last;
	if (delta <= 15) {
		writer_u8(t->out, (uint8_t)(delta << 4 | (int)type));
	} else {
		writer_u8(t->out, (uint8_t)type);
		varint(t, thrift_zigzag(id));
	}
	*last = id;
}

void thrift_begin(struct thrift *t, struct writer *out)
{
	*t = (struct thrift){.out = out};
	push(t);
}

void thrift_end(struct thrift *t)
{
	assert(t->depth > 0);
	writer_u8(t->out, 0);
	t->depth--;
}

void thrift_bool(struct thrift *t, int16_t id, bool v)
{
	field(t, id, v ? THRIFT_TRUE : THRIFT_FALSE);
}

void thrift_i8(struct thrift *t, int16_t id, int8_t v)
{
	field(t, id, THRIFT_I8);
	writer_u8(t->out, (uint8_t)v);
}

void thrift_i16(struct thrift *t, int16_t id, int16_t v)
{
	field(t, id, THRIFT_I16);
	varint(t, thrift_zigzag(v));
}

void thrift_i32(struct thrift *t, int16_t id, int32_t v)
{
	field(t, id, THRIFT_I32);
	varint(t, thrift_zigzag(v));
}

void thrift_i64(struct thrift *t, int16_t id, int64_t v)
{
	field(t, id, THRIFT_I64);
	varint(t, thrift_zigzag(v));
}

void thrift_binary(struct thrift *t, int16_t id, const void *bytes, size_t len)
{
	field(t, id, THRIFT_BINARY);
	thrift_item_binary(t, bytes, len);
}

void thrift_text(struct thrift *t, int16_t id, const char *text)
{
	thrift_binary(t, id, text, strlen(text));
}

void thrift_struct(struct thrift *t, int16_t id)
{
	field(t, id, THRIFT_STRUCT);
	push(t);
}

void thrift_made(struct thrift *t, int16_t id, const void *bytes, size_t len)
{
	field(t, id, THRIFT_STRUCT);
	writer_put(t->out, bytes, len);
}

void thrift_list(struct thrift *t, int16_t id, enum thrift_type type, size_t count)
{
	field(t, id, THRIFT_LIST);
	if (count < 15) {
		writer_u8(t->out, (uint8_t)(count << 4 | type));
	} else {
		writer_u8(t->out, (uint8_t)(0xF0 | type));
		varint(t, count);
	}
}

void thrift_item(struct thrift *t)
{
	push(t);
}

void thrift_item_bool(struct thrift *t, bool v)
{
	writer_u8(t->out, v ? THRIFT_TRUE : THRIFT_FALSE);
}

void thrift_item_int(struct thrift *t, int64_t v)
{
	varint(t, thrift_zigzag(v));
}

void thrift_item_binary(struct thrift *t, const void *bytes, size_t len)
{
	varint(t, len);
	writer_put(t->out, bytes, len);
}

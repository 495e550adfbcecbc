/* Footers come from the lake, where others can write: depth, counts and lengths are checked before they are used. */
#include "format/thrift_in.h"

#include "format/varint.h"

enum { SET = 10, MAP = 11, DOUBLE = 7, DOUBLE_BYTES = 8 };

static void fail(struct thrift_in *t)
{
	t->in.failed = true;
	t->in.at = t->in.end;
}

void thrift_in_begin(struct thrift_in *t, const void *bytes, size_t size)
{
	*t = (struct thrift_in){.in = reader_of(bytes, size)};
}

static uint64_t get_varint(struct thrift_in *t)
{
	uint64_t v = 0;
	for (unsigned shift = 0; shift < 7 * THRIFT_VARINT; shift += 7) {
		uint8_t byte = reader_u8(&t->in);
		if (shift == 63 && byte > 1)
			break;
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return v;
	}
	fail(t);
	return 0;
}

bool thrift_in_field(struct thrift_in *t, int16_t *id, unsigned *type)
{
	uint8_t head = reader_u8(&t->in);
	if (t->in.failed)
		return false;
	if (head == 0) {
		t->depth -= t->depth > 0;
		return false;
	}
	int64_t next = head >> 4 != 0 ? t->last[t->depth] + (head >> 4) : thrift_in_int(t);
	if (next < INT16_MIN || next > INT16_MAX) {
		fail(t);
		return false;
	}
	*id = t->last[t->depth] = (int16_t)next;
	*type = head & 15;
	return !t->in.failed;
}

int64_t thrift_in_int(struct thrift_in *t)
{
	return varint_get(&t->in);
}

const uint8_t *thrift_in_bytes(struct thrift_in *t, size_t *len)
{
	uint64_t n = get_varint(t);
	*len = 0;
	if (t->in.failed || n > reader_left(&t->in)) {
		fail(t);
		return NULL;
	}
	*len = (size_t)n;
	return reader_take(&t->in, (size_t)n);
}

void thrift_in_struct(struct thrift_in *t)
{
	if (t->depth + 1 >= THRIFT_DEPTH)
		fail(t);
	else
		t->last[++t->depth] = 0;
}

void thrift_in_list(struct thrift_in *t, unsigned *type, size_t *count)
{
	uint8_t head = reader_u8(&t->in);
	uint64_t n = head >> 4 == 15 ? get_varint(t) : head >> 4;
	*type = head & 15;
	/* An element takes a byte at least. */
	if (n > reader_left(&t->in)) {
		fail(t);
		n = 0;
	}
	*count = (size_t)n;
}

static void skip_list(struct thrift_in *t)
{
	unsigned type;
	size_t count;
	thrift_in_list(t, &type, &count);
	for (size_t i = 0; i < count && !t->in.failed; i++) {
		if (type == THRIFT_TRUE || type == THRIFT_FALSE)
			(void)reader_u8(&t->in); /* a bool of a list is a byte */
		else
			thrift_in_skip(t, type);
	}
}

static void skip_map(struct thrift_in *t)
{
	uint64_t n = get_varint(t);
	if (n == 0)
		return;
	uint8_t types = reader_u8(&t->in);
	for (uint64_t i = 0; i < n && !t->in.failed; i++) {
		thrift_in_skip(t, types >> 4);
		thrift_in_skip(t, types & 15);
	}
}

/* Recursion ends with the depth of structs for structs, and for lists of lists here. */
void thrift_in_skip(struct thrift_in *t, unsigned type)
{
	int16_t id;
	unsigned inner;
	size_t len;
	switch (type) {
	case THRIFT_TRUE:
	case THRIFT_FALSE:
		break;
	case THRIFT_I8:
		(void)reader_u8(&t->in);
		break;
	case THRIFT_I16:
	case THRIFT_I32:
	case THRIFT_I64:
		(void)get_varint(t);
		break;
	case DOUBLE:
		(void)reader_take(&t->in, DOUBLE_BYTES);
		break;
	case THRIFT_BINARY:
		(void)thrift_in_bytes(t, &len);
		break;
	case THRIFT_STRUCT:
		thrift_in_struct(t);
		while (thrift_in_field(t, &id, &inner))
			thrift_in_skip(t, inner);
		break;
	case THRIFT_LIST:
	case SET:
	case MAP:
		if (t->depth + 1 >= THRIFT_DEPTH) {
			fail(t);
			break;
		}
		t->depth++;
		if (type == MAP)
			skip_map(t);
		else
			skip_list(t);
		t->depth -= t->depth > 0;
		break;
	default:
		fail(t);
	}
}

/*
 * thrift: writes the compact protocol of Apache Thrift, as Parquet's footer and page headers need it.
 *
 * Fields of a struct go in ascending id. The writer keeps the last id per nesting level, because a field's header holds
 * the difference.
 *
 *   struct thrift t;
 *   thrift_begin(&t, out);            the outermost struct is open
 *   thrift_i32(&t, 1, version);
 *   thrift_list(&t, 2, THRIFT_STRUCT, n);
 *   for (…) { thrift_item(&t); …; thrift_end(&t); }
 *   thrift_end(&t);
 *
 * Thread  plain data, the caller's
 * Errors  those of the struct writer: sticky there
 */
#ifndef FORMAT_THRIFT_H
#define FORMAT_THRIFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/writer.h"

/* Type nibbles of the compact protocol. */
enum thrift_type {
	THRIFT_TRUE = 1,
	THRIFT_FALSE = 2,
	THRIFT_I8 = 3,
	THRIFT_I16 = 4,
	THRIFT_I32 = 5,
	THRIFT_I64 = 6,
	THRIFT_BINARY = 8,
	THRIFT_LIST = 9,
	THRIFT_STRUCT = 12,
};

enum { THRIFT_DEPTH = 12, THRIFT_VARINT = 10 /* most bytes of one */ };

struct thrift {
	struct writer *out;
	unsigned depth;
	int16_t last[THRIFT_DEPTH];
};

/* ULEB128 into to, which holds THRIFT_VARINT; returns its length. */
size_t thrift_varint(uint64_t v, uint8_t *to);

static inline uint64_t thrift_zigzag(int64_t v)
{
	return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

/* Open the outermost struct. */
void thrift_begin(struct thrift *t, struct writer *out);

/* Close the struct that is open. */
void thrift_end(struct thrift *t);

/* Fields of the open struct. */
void thrift_bool(struct thrift *t, int16_t id, bool v);
void thrift_i8(struct thrift *t, int16_t id, int8_t v);
void thrift_i16(struct thrift *t, int16_t id, int16_t v);
void thrift_i32(struct thrift *t, int16_t id, int32_t v);
void thrift_i64(struct thrift *t, int16_t id, int64_t v);
void thrift_binary(struct thrift *t, int16_t id, const void *bytes, size_t len);
void thrift_text(struct thrift *t, int16_t id, const char *text);
void thrift_struct(struct thrift *t, int16_t id); /* opens it */
void thrift_made(
    struct thrift *t, int16_t id, const void *bytes, size_t len); /* a struct written before, its end included */
void thrift_list(struct thrift *t, int16_t id, enum thrift_type type, size_t count);

/* Elements of the list that was opened last. */
void thrift_item(struct thrift *t); /* opens a struct */
void thrift_item_bool(struct thrift *t, bool v);
void thrift_item_int(struct thrift *t, int64_t v); /* i16, i32, i64, enum */
void thrift_item_binary(struct thrift *t, const void *bytes, size_t len);

#endif

/*
 * thrift_in: reads the compact protocol of Apache Thrift, field by field, as Parquet's footers and page headers are
 * written. Nothing is built in memory: what is not wanted is skipped.
 *
 *   thrift_in_begin(&t, bytes, size);
 *   while (thrift_in_field(&t, &id, &type))
 *     if (id == 3 && type == THRIFT_I64) rows = thrift_in_int(&t);
 *     else thrift_in_skip(&t, type);
 *   if (!thrift_in_ok(&t)) …
 *
 * A nested struct is entered with thrift_in_struct and read by the same loop, which leaves it at its end. A failure is
 * sticky: fields end, numbers are zero.
 *
 * Thread  plain data, the caller's; borrows the bytes
 */
#ifndef FORMAT_THRIFT_IN_H
#define FORMAT_THRIFT_IN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reader.h"
#include "format/thrift.h"

struct thrift_in {
	struct reader in;
	unsigned depth;
	int16_t last[THRIFT_DEPTH];
};

void thrift_in_begin(struct thrift_in *t, const void *bytes, size_t size);

/* The next field of the open struct; false at its end, which closes it. A bool's value is its type. */
bool thrift_in_field(struct thrift_in *t, int16_t *id, unsigned *type);

int64_t thrift_in_int(struct thrift_in *t); /* i16, i32, i64, enum */
/* Borrowed. */
const uint8_t *thrift_in_bytes(struct thrift_in *t, size_t *len);
void thrift_in_struct(struct thrift_in *t);
/* Elements follow, each read as a field of that type would be. */
void thrift_in_list(struct thrift_in *t, unsigned *type, size_t *count);
void thrift_in_skip(struct thrift_in *t, unsigned type);

static inline bool thrift_in_ok(const struct thrift_in *t)
{
	return !t->in.failed;
}

#endif

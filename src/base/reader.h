/*
 * reader: walks bytes in memory; sticky failure.
 *
 * A read past the end gives zero and marks the reader failed for good. Check reader_ok once per record, and always
 * before a value decides a size, a loop or an index. Nested lengths carve a child with reader_sub.
 *
 * Thread  plain data, the caller's
 * Owner   borrows the bytes
 */
#ifndef BASE_READER_H
#define BASE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct reader {
	const uint8_t *at;
	const uint8_t *end;
	bool failed;
};

static inline struct reader reader_of(const void *bytes, size_t len)
{
	return (struct reader){.at = bytes, .end = (const uint8_t *)bytes + len};
}

static inline bool reader_ok(const struct reader *r)
{
	return !r->failed;
}

static inline size_t reader_left(const struct reader *r)
{
	return (size_t)(r->end - r->at);
}

/* n bytes borrowed, or NULL and failed. */
static inline const uint8_t *reader_take(struct reader *r, size_t n)
{
	if (r->failed || n > reader_left(r)) {
		r->failed = true;
		return NULL;
	}
	const uint8_t *p = r->at;
	r->at += n;
	return p;
}

/* A child over the next n bytes; the parent moves past them. A failed parent gives an empty failed child. */
static inline struct reader reader_sub(struct reader *r, size_t n)
{
	const uint8_t *p = reader_take(r, n);
	return p != NULL ? reader_of(p, n) : (struct reader){.failed = true};
}

#define READER_GET(name, type, swap)                                                                                   \
	static inline type name(struct reader *r)                                                                      \
	{                                                                                                              \
		const uint8_t *p = reader_take(r, sizeof(type));                                                       \
		type v = 0;                                                                                            \
		if (p != NULL)                                                                                         \
			memcpy(&v, p, sizeof v);                                                                       \
		return swap(v);                                                                                        \
	}
#define READER_SAME(v) (v)
READER_GET(reader_u8, uint8_t, READER_SAME)
READER_GET(reader_le16, uint16_t, READER_SAME)
READER_GET(reader_le32, uint32_t, READER_SAME)
READER_GET(reader_le64, uint64_t, READER_SAME)
READER_GET(reader_be16, uint16_t, __builtin_bswap16)
READER_GET(reader_be32, uint32_t, __builtin_bswap32)
READER_GET(reader_be64, uint64_t, __builtin_bswap64)
#undef READER_GET
#undef READER_SAME

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the le readers copy: this host must be little-endian");

#endif

/*
 * A chunk has one codec, so a page that gains nothing must still look compressed. Compressing it in vain would cost
 * more than all else that is done to it.
 */
#include "format/parquet/stored.h"

#include "format/thrift.h"

enum {
	PIECE = 64 << 10,    /* Snappy's own encoder makes no longer literals */
	LITERAL_1 = 60 << 2, /* tag: length - 1 in the next byte */
	LITERAL_2 = 61 << 2, /* in the next two */
};

void stored_snappy(const void *bytes, size_t size, struct buffer *out)
{
	const uint8_t *from = bytes;
	uint8_t *to;
	out->len = 0;
	to = buffer_room(out, THRIFT_VARINT + size + (size / PIECE + 1) * 3);
	size_t at = thrift_varint(size, to); /* the same varint as thrift's */
	for (size_t done = 0; done < size;) {
		size_t n = size - done < PIECE ? size - done : PIECE;
		if (n <= 60) {
			to[at++] = (uint8_t)((n - 1) << 2);
		} else if (n <= 256) {
			to[at++] = LITERAL_1;
			to[at++] = (uint8_t)(n - 1);
		} else {
			to[at++] = LITERAL_2;
			to[at++] = (uint8_t)(n - 1);
			to[at++] = (uint8_t)((n - 1) >> 8);
		}
		memcpy(to + at, from + done, n);
		at += n;
		done += n;
	}
	out->len = at;
}

/*
 * lzo: a bounded LZO1X decoder, written from the public description of the stream format.
 *
 * What a small opcode (0..15) means depends on how many literals came before it: none makes it a long literal run, 1..3
 * a match of two bytes close by, a long run a match of three bytes a little further away. "state" remembers that.
 */
#include "pack/lzo.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { STATE_LONG_RUN = 4, SHORT_NEAR = 1, SHORT_FAR = 2049, FAR = 16384, WILD = 16 };

struct lzo {
	const uint8_t *in, *in_end;
	uint8_t *begin, *out, *out_end;
	unsigned state;     /* literals before the next instruction: 0..3, or STATE_LONG_RUN */
	const char *failed; /* why, NULL while all is well */
};

static bool fail(struct lzo *z, const char *why)
{
	z->failed = why;
	return false;
}

static bool next_byte(struct lzo *z, unsigned *b)
{
	if (z->in == z->in_end)
		return fail(z, "the stream is cut");
	*b = *z->in++;
	return true;
}

static bool next_le16(struct lzo *z, unsigned *v)
{
	if (z->in_end - z->in < 2)
		return fail(z, "the stream is cut");
	*v = z->in[0] | (unsigned)z->in[1] << 8;
	z->in += 2;
	return true;
}

/* The low bits of an opcode, continued in further bytes when they are zero: each zero byte adds 255. */
static bool length_of(struct lzo *z, unsigned bits, unsigned mask, size_t *length)
{
	if (bits != 0) {
		*length = bits;
		return true;
	}
	size_t sum = mask;
	unsigned b;
	do {
		if (!next_byte(z, &b))
			return false;
		sum += b != 0 ? b : 255;
	} while (b == 0);
	*length = sum;
	return true;
}

static bool literals(struct lzo *z, size_t n)
{
	if (n > (size_t)(z->in_end - z->in))
		return fail(z, "the stream is cut in literals");
	if (n > (size_t)(z->out_end - z->out))
		return fail(z, "more bytes than the bound");
	/* A fixed-size copy where there is room on both sides: most runs are a few bytes. */
	if (n <= WILD && z->in_end - z->in >= WILD && z->out_end - z->out >= WILD)
		memcpy(z->out, z->in, WILD);
	else
		memcpy(z->out, z->in, n);
	z->in += n;
	z->out += n;
	return true;
}

/* Source and target overlap when distance < n: the bytes repeat. */
static bool match(struct lzo *z, size_t distance, size_t n)
{
	if (distance > (size_t)(z->out - z->begin))
		return fail(z, "a match before the beginning");
	if (n > (size_t)(z->out_end - z->out))
		return fail(z, "more bytes than the bound");
	const uint8_t *from = z->out - distance;
	uint8_t *to = z->out;
	z->out += n;
	if (distance >= WILD && (size_t)(z->out_end - to) >= n + WILD) {
		for (size_t done = 0; done < n; done += WILD)
			memcpy(to + done, from + done, WILD);
	} else if (distance >= n) {
		memcpy(to, from, n);
	} else if (distance == 1) {
		memset(to, *from, n);
	} else {
		while (n-- > 0)
			*to++ = *from++;
	}
	return true;
}

/* A match whose low two bits of `tail` say how many literals follow. */
static bool match_and_tail(struct lzo *z, size_t distance, size_t n, unsigned tail)
{
	z->state = tail & 3;
	return match(z, distance, n) && literals(z, z->state);
}

/* 0000LLLL after no literals: a long run of them. */
static bool long_run(struct lzo *z, unsigned op)
{
	size_t n;
	if (!length_of(z, op, 15, &n))
		return false;
	z->state = STATE_LONG_RUN;
	return literals(z, n + 3);
}

/* 0000DDSS H after literals. */
static bool short_match(struct lzo *z, unsigned op)
{
	unsigned high;
	if (!next_byte(z, &high))
		return false;
	bool far = z->state == STATE_LONG_RUN;
	return match_and_tail(z, (high << 2) + (op >> 2) + (far ? SHORT_FAR : SHORT_NEAR), far ? 3 : 2, op);
}

/* 0001HLLL D16: also the end of the stream, *end. */
static bool far_match(struct lzo *z, unsigned op, bool *end)
{
	size_t n;
	unsigned d;
	if (!length_of(z, op & 7, 7, &n) || !next_le16(z, &d))
		return false;
	size_t distance = FAR + ((op & 8) << 11) + (d >> 2);
	*end = distance == FAR;
	return *end || match_and_tail(z, distance, n + 2, d);
}

/* 001LLLLL D16 */
static bool near_match(struct lzo *z, unsigned op)
{
	size_t n;
	unsigned d;
	if (!length_of(z, op & 31, 31, &n) || !next_le16(z, &d))
		return false;
	return match_and_tail(z, (d >> 2) + 1, n + 2, d);
}

/* 01LDDDSS H and 1LLDDDSS H: the three high bits less one are the length. */
static bool small_match(struct lzo *z, unsigned op)
{
	unsigned high;
	if (!next_byte(z, &high))
		return false;
	return match_and_tail(z, (high << 3) + (op >> 2 & 7) + 1, (op >> 5) + 1, op);
}

/* The first byte can be a count of literals: there is nothing yet that a match could copy. */
static bool first(struct lzo *z)
{
	if (z->in == z->in_end || *z->in <= 17)
		return true;
	size_t n = *z->in++ - 17u;
	z->state = n < STATE_LONG_RUN ? (unsigned)n : STATE_LONG_RUN;
	return literals(z, n);
}

static bool decode(struct lzo *z)
{
	bool end = false;
	if (!first(z))
		return false;
	while (!end) {
		unsigned op;
		if (!next_byte(z, &op))
			return false;
		bool ok = op >= 64       ? small_match(z, op)
		          : op >= 32     ? near_match(z, op)
		          : op >= 16     ? far_match(z, op, &end)
		          : z->state > 0 ? short_match(z, op)
		                         : long_run(z, op);
		if (!ok)
			return false;
	}
	return z->in == z->in_end || fail(z, "bytes after the end of the stream");
}

enum rc lzo_decode(const void *from, size_t size, void *to, size_t capacity, size_t *out, struct err *e)
{
	struct lzo z = {.in = from, .in_end = (const uint8_t *)from + size, .begin = to, .out = to};
	z.out_end = z.begin + capacity;
	if (!decode(&z))
		return err_set(RC_BAD, e, "lzo: %s", z.failed);
	*out = (size_t)(z.out - z.begin);
	return RC_OK;
}

/*
 * Bounds of pages come from the dictionary's values that a page uses, not from its rows: there are fewer of them.
 */
#include "format/parquet/statistics.h"

#include <math.h>

static int compare_text(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
	return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

static void take_text(struct bounds *b, const uint8_t *text, uint32_t len)
{
	if (!b->any || compare_text(text, len, b->least.text, b->least.len) < 0)
		b->least = (struct bound){.text = text, .len = len};
	if (!b->any || compare_text(text, len, b->most.text, b->most.len) > 0)
		b->most = (struct bound){.text = text, .len = len};
	b->any = true;
}

#define NUMBER(type, name)                                                                                             \
	static inline type load_##name(const uint8_t *p)                                                               \
	{                                                                                                              \
		type v;                                                                                                \
		memcpy(&v, p, sizeof v);                                                                               \
		return v;                                                                                              \
	}                                                                                                              \
	static void take_##name(struct bounds *b, type least, type most)                                               \
	{                                                                                                              \
		if (!b->any || least < load_##name(b->least.number))                                                   \
			memcpy(b->least.number, &least, sizeof least);                                                 \
		if (!b->any || most > load_##name(b->most.number))                                                     \
			memcpy(b->most.number, &most, sizeof most);                                                    \
		b->any = true;                                                                                         \
		b->least.len = b->most.len = sizeof least;                                                             \
	}

#define NUMBERS(type, name)                                                                                            \
	static void plain_##name(struct bounds *b, const uint8_t *p, size_t n)                                         \
	{                                                                                                              \
		if (n == 0)                                                                                            \
			return;                                                                                        \
		type least = load_##name(p), most = least;                                                             \
		for (size_t i = 1; i < n; i++) {                                                                       \
			type v = load_##name(p + i * sizeof v);                                                        \
			least = v < least ? v : least;                                                                 \
			most = v > most ? v : most;                                                                    \
		}                                                                                                      \
		take_##name(b, least, most);                                                                           \
	}

NUMBER(int32_t, i32)
NUMBER(int64_t, i64)
NUMBER(float, float)
NUMBERS(int32_t, i32)
NUMBERS(int64_t, i64)

/* One value that may be NaN. The least zero is -0.0 and the most +0.0, as the specification wants: readers can't tell
 * which were there. */
static void one_float(struct bounds *b, float v)
{
	if (v != v)
		return;
	take_float(b, v == 0 ? -0.0f : v, v == 0 ? 0.0f : v);
	/* -0.0 < 0.0 is false, so a zero that came first stays as take_float put it: both signs, one in each bound. */
}

static void take_one(enum physical p, struct bounds *b, const uint8_t *value, uint32_t len)
{
	switch (p) {
	case PHYSICAL_INT32:
		take_i32(b, load_i32(value), load_i32(value));
		break;
	case PHYSICAL_INT64:
		take_i64(b, load_i64(value), load_i64(value));
		break;
	case PHYSICAL_FLOAT:
		one_float(b, load_float(value));
		break;
	case PHYSICAL_BYTES:
		take_text(b, value, len);
		break;
	}
}

int bound_compare(enum physical p, const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	if (p == PHYSICAL_BYTES)
		return compare_text(a, a_len, b, b_len);
	if (p == PHYSICAL_INT64)
		return (load_i64(a) > load_i64(b)) - (load_i64(a) < load_i64(b));
	if (p == PHYSICAL_INT32)
		return (load_i32(a) > load_i32(b)) - (load_i32(a) < load_i32(b));
	return (load_float(a) > load_float(b)) - (load_float(a) < load_float(b));
}

void bounds_fold(enum physical p, struct bounds *into, const struct bounds *from)
{
	if (!from->any)
		return;
	take_one(p, into, bound_bytes(p, &from->least), from->least.len);
	take_one(p, into, bound_bytes(p, &from->most), from->most.len);
}

/* The first eight bytes, big-endian, so that they compare as numbers. */
static inline uint64_t head_of(const uint8_t *text, uint32_t len)
{
	uint64_t head = 0;
	if (len >= sizeof head)
		memcpy(&head, text, sizeof head);
	else
		for (uint32_t i = 0; i < len; i++)
			head |= (uint64_t)text[i] << (8 * i);
	return __builtin_bswap64(head);
}

/* Whole texts are compared only where their heads don't decide. */
static void plain_texts(struct bounds *b, const uint8_t *values, size_t size)
{
	uint64_t least = UINT64_MAX, most = 0;
	for (size_t at = 0; at < size;) {
		uint32_t len;
		memcpy(&len, values + at, sizeof len);
		const uint8_t *text = values + at + sizeof len;
		uint64_t head = head_of(text, len);
		if (head <= least || head >= most)
			take_text(b, text, len);
		least = head < least ? head : least;
		most = head > most ? head : most;
		at += sizeof len + len;
	}
}

struct bounds bounds_plain(enum physical p, const uint8_t *values, size_t size, size_t n)
{
	struct bounds b = {0};
	if (p == PHYSICAL_INT32) {
		plain_i32(&b, values, n);
	} else if (p == PHYSICAL_INT64) {
		plain_i64(&b, values, n);
	} else if (p == PHYSICAL_FLOAT) {
		for (size_t i = 0; i < n; i++)
			one_float(&b, load_float(values + i * sizeof(float)));
	} else {
		plain_texts(&b, values, size);
	}
	return b;
}

/* Heads decide nearly always; whole texts are compared only among those whose head is the least or the most. */
struct heads {
	uint64_t least, most;
};

static void marked_texts(struct bounds *b, const struct dictionary *d, const uint8_t *marks)
{
	const uint64_t *head = (const uint64_t *)(const void *)d->heads.bytes;
	struct heads h = {.least = UINT64_MAX};
	for (uint32_t i = 0; i < d->count; i++) {
		uint64_t mask = 0 - (uint64_t)marks[i], low = head[i] | ~mask, high = head[i] & mask;
		h.least = low < h.least ? low : h.least;
		h.most = high > h.most ? high : h.most;
	}
	for (uint32_t i = 0; i < d->count; i++) {
		uint32_t len;
		if ((head[i] != h.least && head[i] != h.most) || marks[i] == 0)
			continue;
		const uint8_t *text = dictionary_value(d, i, &len);
		take_text(b, text, len);
	}
}

struct bounds bounds_marked(const struct dictionary *d, const uint8_t *marks)
{
	struct bounds b = {0};
	if (d->physical == PHYSICAL_BYTES) {
		marked_texts(&b, d, marks);
		return b;
	}
	size_t size = physical_size(d->physical);
	for (uint32_t i = 0; i < d->count; i++)
		if (marks[i] != 0)
			take_one(d->physical, &b, d->values.bytes + i * size, (uint32_t)size);
	return b;
}

static void texts_of_ids(struct bounds *b, const struct dictionary *d, const uint32_t *ids, size_t n)
{
	const uint64_t *head = (const uint64_t *)(const void *)d->heads.bytes;
	struct heads h = {.least = UINT64_MAX};
	for (size_t i = 0; i < n; i++) {
		uint64_t v = head[ids[i]];
		h.least = v < h.least ? v : h.least;
		h.most = v > h.most ? v : h.most;
	}
	for (size_t i = 0; i < n; i++) {
		uint32_t len;
		if (head[ids[i]] != h.least && head[ids[i]] != h.most)
			continue;
		const uint8_t *text = dictionary_value(d, ids[i], &len);
		take_text(b, text, len);
	}
}

struct bounds bounds_ids(const struct dictionary *d, const uint32_t *ids, size_t n)
{
	struct bounds b = {0};
	if (d->physical == PHYSICAL_BYTES) {
		texts_of_ids(&b, d, ids, n);
		return b;
	}
	size_t size = physical_size(d->physical);
	for (size_t i = 0; i < n; i++)
		take_one(d->physical, &b, d->values.bytes + ids[i] * size, (uint32_t)size);
	return b;
}

enum { LANES = 4 /* independent chains: one would wait for itself */ };

static void keys_of_integers(int64_t least[LANES], int64_t most[LANES], const uint64_t *keys, size_t n)
{
	for (size_t i = 0; i + LANES <= n; i += LANES) {
		for (unsigned l = 0; l < LANES; l++) {
			int64_t v = (int64_t)keys[i + l];
			least[l] = v < least[l] ? v : least[l];
			most[l] = v > most[l] ? v : most[l];
		}
	}
	for (size_t i = n / LANES * LANES; i < n; i++) {
		least[0] = (int64_t)keys[i] < least[0] ? (int64_t)keys[i] : least[0];
		most[0] = (int64_t)keys[i] > most[0] ? (int64_t)keys[i] : most[0];
	}
	for (unsigned l = 1; l < LANES; l++) {
		least[0] = least[l] < least[0] ? least[l] : least[0];
		most[0] = most[l] > most[0] ? most[l] : most[0];
	}
}

static void keys_of_floats(struct bounds *b, const uint64_t *keys, size_t n)
{
	float least = INFINITY, most = -INFINITY;
	for (size_t i = 0; i < n; i++) {
		float v = load_float((const uint8_t *)&keys[i]);
		least = v < least ? v : least;
		most = v > most ? v : most;
	}
	/* Nothing but NaN leaves both as they began, crossed. */
	if (least <= most) {
		one_float(b, least);
		one_float(b, most);
	}
}

struct bounds bounds_keys(enum physical p, const uint64_t *keys, size_t n)
{
	struct bounds b = {0};
	int64_t least[LANES] = {INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX};
	int64_t most[LANES] = {INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN};
	if (n == 0)
		return b;
	if (p == PHYSICAL_FLOAT) {
		keys_of_floats(&b, keys, n);
		return b;
	}
	keys_of_integers(least, most, keys, n);
	if (p == PHYSICAL_INT32)
		take_i32(&b, (int32_t)least[0], (int32_t)most[0]);
	else
		take_i64(&b, least[0], most[0]);
	return b;
}

/* Length of the character whose last byte is before end. Text is valid UTF-8. */
static size_t character_before(const uint8_t *text, size_t end)
{
	size_t n = 1;
	while ((text[end - n] & 0xC0) == 0x80)
		n++;
	return n;
}

/* The longest prefix of whole characters in BOUND_BYTES. */
static size_t prefix(const uint8_t *text)
{
	size_t n = BOUND_BYTES;
	while ((text[n] & 0xC0) == 0x80)
		n--;
	return n;
}

size_t bound_least(const uint8_t *text, size_t len, const uint8_t **bytes, bool *exact)
{
	*bytes = text;
	*exact = len <= BOUND_BYTES;
	return *exact ? len : prefix(text);
}

static uint32_t decode(const uint8_t *p, size_t n)
{
	static const uint8_t first[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
	uint32_t c = p[0] & first[n];
	for (size_t i = 1; i < n; i++)
		c = c << 6 | (p[i] & 0x3F);
	return c;
}

static size_t encode(uint32_t c, uint8_t *p)
{
	if (c < 0x80) {
		p[0] = (uint8_t)c;
		return 1;
	}
	size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const uint8_t lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
	for (size_t i = n - 1; i > 0; i--, c >>= 6)
		p[i] = (uint8_t)(0x80 | (c & 0x3F));
	p[0] = (uint8_t)(lead[n] | c);
	return n;
}

size_t bound_most(const uint8_t *text, size_t len, uint8_t out[BOUND_ROOM], const uint8_t **bytes, bool *exact)
{
	*bytes = text;
	*exact = true;
	if (len <= BOUND_BYTES)
		return len;
	for (size_t end = prefix(text); end > 0;) {
		size_t n = character_before(text, end);
		uint32_t c = decode(text + end - n, n);
		end -= n;
		if (c == 0x10FFFF)
			continue;
		memcpy(out, text, end);
		*bytes = out;
		*exact = false;
		return end + encode(c == 0xD7FF ? 0xE000 : c + 1, out + end);
	}
	/* Nothing but the last character of Unicode: no shorter text is larger. */
	return len <= BOUND_MOST ? len : SIZE_MAX;
}

/*
 * PLAIN values of rows that no dictionary serves.
 */
#include "format/parquet/plain.h"

#include "base/mem.h"

const uint8_t *keys_text(
    const struct keys *k, size_t i, char text[RENDER_TEXT], uint8_t **scratch, size_t *scratch_size, size_t *len)
{
	const struct render *r = k->from->render;
	if (r->key == KEY_BYTES) {
		size_t raw;
		const uint8_t *bytes = keys_bytes(k, i, &raw), *out = bytes;
		bool absent = ((const struct span *)k->at)[i].length == KEYS_ABSENT;
		*len = absent ? raw : r->text(bytes, raw, &out, scratch, scratch_size);
		return out;
	}
	union key_value v = {0};
	if (r->key == KEY_IP)
		v.ip = ((const struct ip *)k->at)[i];
	else
		v.u64 = ((const uint64_t *)k->at)[i];
	*len = r->print(&v, text);
	return (const uint8_t *)text;
}

static size_t put_numbers(const uint64_t *key, size_t n, size_t size, struct buffer *out)
{
	uint8_t *to = buffer_room(out, n * size);
	if (size == 8) {
		memcpy(to, key, n * size);
	} else {
		for (size_t i = 0; i < n; i++) {
			uint32_t v = (uint32_t)key[i];
			memcpy(to + i * sizeof v, &v, sizeof v);
		}
	}
	out->len += n * size;
	return n;
}

/* Copies, and tells if all is ASCII. */
static inline bool copy_ascii(uint8_t *to, const uint8_t *from, size_t n)
{
	uint64_t any = 0, w;
	size_t i = 0;
	if (n < sizeof w) {
		for (; i < n; i++)
			any |= to[i] = from[i];
		return (any & 0x80) == 0;
	}
	for (; i + sizeof w <= n; i += sizeof w) {
		memcpy(&w, from + i, sizeof w);
		memcpy(to + i, &w, sizeof w);
		any |= w;
	}
	memcpy(&w, from + n - sizeof w, sizeof w);
	memcpy(to + n - sizeof w, &w, sizeof w);
	any |= w;
	return (any & UINT64_C(0x8080808080808080)) == 0;
}

/* Nearly every text is ASCII, and that is valid as it is. false: nothing was put, the text must be looked at. */
static inline bool put_ascii(const struct keys *k, size_t i, struct buffer *out)
{
	size_t len;
	const uint8_t *bytes = keys_bytes(k, i, &len);
	uint8_t *to = buffer_room(out, sizeof(uint32_t) + len);
	if (!copy_ascii(to + sizeof(uint32_t), bytes, len))
		return false;
	memcpy(to, &(uint32_t){(uint32_t)len}, sizeof(uint32_t));
	out->len += sizeof(uint32_t) + len;
	return true;
}

static size_t put_texts(const struct keys *k, size_t first, size_t n, struct buffer *out, size_t ceiling)
{
	uint8_t *scratch = NULL;
	size_t scratch_size = 0, i = 0;
	char text[RENDER_TEXT];
	bool as_is = strcmp(k->from->render->as, "text") == 0;
	do {
		size_t len;
		if (as_is && put_ascii(k, first + i, out))
			continue;
		const uint8_t *bytes = keys_text(k, first + i, text, &scratch, &scratch_size, &len);
		buffer_u32(out, (uint32_t)len);
		buffer_put(out, bytes, len);
	} while (++i < n && out->len < ceiling);
	mem_release(scratch);
	return i;
}

size_t plain_put(const struct keys *k, size_t first, size_t n, struct buffer *out, size_t ceiling)
{
	if (n == 0)
		return 0;
	enum physical p = physical_of(k->from->column->type);
	if (p == PHYSICAL_BYTES)
		return put_texts(k, first, n, out, ceiling);
	size_t size = physical_size(p), room = out->len < ceiling ? (ceiling - out->len + size - 1) / size : 1;
	return put_numbers((const uint64_t *)k->at + first, n < room ? n : room, size, out);
}

/* Bytes from the network to text that every reader takes: a single invalid byte in a STRING column fails whole queries
 * elsewhere. */
#include "data/render.h"

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "base/short.h"
#include "base/str.h"
#include "data/print.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */
enum { REPLACEMENT_BYTES = 3 };

#define HIGH_BITS UINT64_C(0x8080808080808080)

/* Some bytes are looked at twice, so that there is no loop over the last ones. */
static bool all_ascii(const uint8_t *p, size_t len)
{
	uint64_t any;
	if (len >= 8) {
		any = short_load(p + len - 8, 8);
		for (size_t i = 0; i + 8 < len; i += 8)
			any |= short_load(p + i, 8);
	} else if (len >= 4) {
		any = short_load(p, 4) | short_load(p + len - 4, 4);
	} else {
		any = len == 0 ? 0 : (uint64_t)(p[0] | p[len / 2] | p[len - 1]);
	}
	return (any & HIGH_BITS) == 0;
}

/* Length of the ASCII bytes at the start. */
static size_t ascii_run(const uint8_t *p, size_t len)
{
	size_t i = 0;
	while (i + 8 <= len && (short_load(p + i, 8) & HIGH_BITS) == 0)
		i += 8;
	while (i < len && p[i] < 0x80)
		i++;
	return i;
}

/* Length of the valid UTF-8 at the start. */
static size_t valid_run(const uint8_t *p, size_t len)
{
	size_t i = ascii_run(p, len);
	while (i < len) {
		size_t n = str_utf8(p + i, len - i);
		if (n == 0)
			break;
		i += n;
		i += ascii_run(p + i, len - i);
	}
	return i;
}

static void scratch_room(uint8_t **scratch, size_t *size, size_t need)
{
	if (*size >= need)
		return;
	*size = mem_grow(*size, need);
	*scratch = mem_resize(*scratch, *size);
}

size_t text_utf8(const uint8_t *bytes, size_t len, const uint8_t **out, uint8_t **scratch, size_t *scratch_size)
{
	size_t good = all_ascii(bytes, len) ? len : valid_run(bytes, len);
	if (good == len) {
		*out = bytes;
		return len;
	}
	scratch_room(scratch, scratch_size, len * REPLACEMENT_BYTES);
	size_t at = 0, used = 0;
	while (at < len) {
		memcpy(*scratch + used, bytes + at, good);
		at += good;
		used += good;
		if (at < len) {
			memcpy(*scratch + used, REPLACEMENT, REPLACEMENT_BYTES);
			used += REPLACEMENT_BYTES;
			at++;
		}
		good = valid_run(bytes + at, len - at);
	}
	*out = *scratch;
	return used;
}

size_t text_hex(const uint8_t *bytes, size_t len, const uint8_t **out, uint8_t **scratch, size_t *scratch_size)
{
	static const char digit[] = "0123456789abcdef";
	scratch_room(scratch, scratch_size, 2 * len + 1);
	for (size_t i = 0; i < len; i++) {
		(*scratch)[2 * i] = (uint8_t)digit[bytes[i] >> 4];
		(*scratch)[2 * i + 1] = (uint8_t)digit[bytes[i] & 15];
	}
	*out = *scratch;
	return 2 * len;
}

size_t render_utf8(const uint8_t *bytes, size_t len, const uint8_t **out, uint8_t **scratch, size_t *scratch_size)
{
	return text_utf8(bytes, len, out, scratch, scratch_size);
}

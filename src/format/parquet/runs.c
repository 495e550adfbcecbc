/* Width 0 is a stream of zeros that some writers give a dictionary of one value. */
#include "format/parquet/runs.h"

#include <string.h>

#include "format/parquet/bits.h"

void runs_begin(struct runs *r, const void *bytes, size_t size, unsigned width)
{
	*r = (struct runs){.at = bytes, .end = (const uint8_t *)bytes + size, .width = width};
}

static bool next_run(struct runs *r)
{
	uint64_t head = 0;
	unsigned shift = 0;
	uint8_t byte = 0x80;
	for (; byte >= 0x80; shift += 7) {
		if (r->at == r->end || shift > 56)
			return false;
		byte = *r->at++;
		head |= (uint64_t)(byte & 0x7f) << shift;
	}
	size_t bytes = (r->width + 7) / 8;
	if ((head & 1) != 0) {
		r->groups = head >> 1;
		/* The last group of some writers is cut at the end of the values: none of ours, and it is not read. */
		return r->groups > 0 && (r->width == 0 || r->groups <= (uint64_t)(r->end - r->at) / r->width);
	}
	if ((size_t)(r->end - r->at) < bytes)
		return false;
	r->value = 0;
	memcpy(&r->value, r->at, bytes);
	r->at += bytes;
	r->same = head >> 1;
	return r->same > 0;
}

static void open_group(struct runs *r)
{
	if (r->width == 0)
		memset(r->open, 0, sizeof r->open);
	else
		bits_unpack(r->at, 1, r->width, r->open);
	r->at += r->width;
	r->groups--;
	r->opened = 8;
}

bool runs_take(struct runs *r, size_t n, uint32_t *out)
{
	while (n > 0) {
		if (r->opened > 0) {
			size_t use = r->opened < n ? r->opened : n;
			memcpy(out, r->open + (8 - r->opened), use * sizeof *out);
			r->opened -= (unsigned)use;
			out += use;
			n -= use;
		} else if (r->groups > 0) {
			size_t whole = n / 8 < r->groups ? n / 8 : (size_t)r->groups;
			if (whole == 0) {
				open_group(r);
				continue;
			}
			if (r->width == 0)
				memset(out, 0, whole * 8 * sizeof *out);
			else
				bits_unpack(r->at, whole, r->width, out);
			r->at += whole * r->width;
			r->groups -= whole;
			out += whole * 8;
			n -= whole * 8;
		} else if (r->same > 0) {
			size_t use = r->same < n ? (size_t)r->same : n;
			for (size_t i = 0; i < use; i++)
				out[i] = r->value;
			r->same -= use;
			out += use;
			n -= use;
		} else if (!next_run(r)) {
			return false;
		}
	}
	return true;
}

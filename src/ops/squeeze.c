/* Apart from pack, whose gzip is that of table pages: here speed counts and the shape is that of HTTP. */
#include "ops/squeeze.h"

#include <zlib.h>

#include "base/mem.h"

enum { LEVEL = 3, GZIP_WINDOW = 15 + 16, MEMORY = 8 };

bool squeeze(struct writer *w)
{
	z_stream z = {.next_in = w->bytes, .avail_in = (uInt)w->len};
	if (w->len == 0 || deflateInit2(&z, LEVEL, Z_DEFLATED, GZIP_WINDOW, MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
		return false;
	/* Room for less than it has now: what needs more is not worth it. */
	size_t room = w->len - 1;
	uint8_t *to = mem_alloc(room);
	z.next_out = to;
	z.avail_out = (uInt)room;
	bool shorter = deflate(&z, Z_FINISH) == Z_STREAM_END;
	size_t len = room - z.avail_out;
	deflateEnd(&z);
	if (shorter) {
		writer_reset(w);
		writer_put(w, to, len);
	}
	mem_free(&to);
	return shorter;
}

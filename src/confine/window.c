/* The pieces lie one behind the other as long as that is cheaper than moving what is left of the one before. */
#include "confine/window.h"

#include <assert.h>
#include <string.h>

#include "confine/wire.h"

/* So few are moved gladly: the next piece lies where the last one did, in the cache. */
enum { FEW = 32 << 10 };

bool window_may_want(const struct window *w, uint64_t offset, uint64_t want, uint32_t *keep)
{
	if (offset > w->served || w->served - offset > w->have)
		return false;
	*keep = (uint32_t)(w->served - offset);
	return want > *keep && want <= WIRE_INPUT;
}

uint32_t window_room(struct window *w, uint8_t *memory, uint32_t keep, uint32_t want)
{
	assert(keep <= w->have && keep < want && want <= WIRE_INPUT);
	uint32_t size = want - keep > WINDOW_PIECE ? want - keep : WINDOW_PIECE;
	if (keep <= FEW || w->filled + size > WIRE_WINDOW) {
		memmove(memory, memory + w->filled - keep, keep);
		w->filled = keep;
	}
	w->have = keep;
	return w->filled + size < WIRE_INPUT ? w->filled + size : WIRE_INPUT;
}

void window_add(struct window *w, uint32_t bytes)
{
	w->served += bytes;
	w->filled += bytes;
	w->have += bytes;
}

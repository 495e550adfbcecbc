/* Few per path: one, and one more each time it was taken again. */
#include "audit/holders.h"

#include "base/mem.h"
#include "pipe/manifest.h"

static struct holder *find_or_add(struct holders *h, uint16_t source, uint32_t again)
{
	for (size_t i = 0; i < h->count; i++)
		if (h->at[i].source == source && h->at[i].again == again)
			return &h->at[i];
	if (h->count == h->capacity) {
		h->capacity = h->capacity == 0 ? 1 : 2 * h->capacity;
		h->at = mem_resize(h->at, h->capacity * sizeof *h->at);
	}
	h->at[h->count] = (struct holder){.source = source, .again = again};
	return &h->at[h->count++];
}

void holders_name(struct holders *h, uint16_t source, uint32_t again)
{
	find_or_add(h, source, again)->named = true;
}

void holders_let_go(struct holders *h, uint16_t source, uint32_t again, int64_t when_ms)
{
	find_or_add(h, source, again)->gone = true;
	h->gone_ms = when_ms > h->gone_ms ? when_ms : h->gone_ms;
}

bool holders_gone(const struct holders *h)
{
	for (size_t i = 0; i < h->count; i++)
		if (h->at[i].named && !h->at[i].gone && h->at[i].again < MANIFEST_REPLAY)
			return false;
	return h->gone_ms > 0;
}

void holders_fini(struct holders *h)
{
	mem_free(&h->at);
	*h = (struct holders){.count = 0};
}

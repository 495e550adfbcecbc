/* A chained table that doubles, a list of those that wait, a queue of those that are ready; all through the items
 * themselves. */
#include "pipe/held.h"

#include <string.h>

#include "base/mem.h"

enum { BUCKETS_FIRST = 1024 };

static size_t slot(const struct held *p, const struct pipeline *pipeline, const char *path)
{
	/* FNV-1a: the paths are the user's own, nobody gains from making them collide. */
	uint64_t h = UINT64_C(14695981039346656037) ^ (uintptr_t)pipeline;
	for (const char *c = path; *c != '\0'; c++)
		h = (h ^ (uint8_t)*c) * UINT64_C(1099511628211);
	return h & (p->buckets - 1);
}

void held_init(struct held *p)
{
	*p = (struct held){.buckets = BUCKETS_FIRST, .next_due = {INT64_MAX}};
	p->bucket = mem_zero(p->buckets, sizeof *p->bucket);
}

void held_fini(struct held *p)
{
	struct item *it;
	while (p->waiting != NULL) {
		it = p->waiting;
		held_unwait(p, it);
		item_free(&it);
	}
	while ((it = items_take(&p->ready)) != NULL)
		item_free(&it);
	mem_free(&p->bucket);
}

struct item *held_find(const struct held *p, const struct pipeline *pipeline, const char *path)
{
	struct item *it = p->bucket[slot(p, pipeline, path)];
	while (it != NULL && (it->pipeline != pipeline || strcmp(it->source, path) != 0))
		it = it->chain;
	return it;
}

static void widen(struct held *p)
{
	struct item **old = p->bucket;
	size_t buckets = p->buckets;
	p->buckets *= 2;
	p->bucket = mem_zero(p->buckets, sizeof *p->bucket);
	for (size_t i = 0; i < buckets; i++)
		while (old[i] != NULL) {
			struct item *it = old[i];
			old[i] = it->chain;
			size_t to = slot(p, it->pipeline, it->source);
			it->chain = p->bucket[to];
			p->bucket[to] = it;
		}
	mem_free(&old);
}

void held_add(struct held *p, struct item *it)
{
	if (p->count >= p->buckets)
		widen(p);
	size_t to = slot(p, it->pipeline, it->source);
	it->chain = p->bucket[to];
	p->bucket[to] = it;
	it->listed = true;
	p->count++;
}

void held_remove(struct held *p, struct item *it)
{
	if (!it->listed)
		return;
	struct item **at = &p->bucket[slot(p, it->pipeline, it->source)];
	while (*at != it)
		at = &(*at)->chain;
	*at = it->chain;
	it->listed = false;
	p->count--;
}

void held_due(struct held *p, struct mono due)
{
	if (due.ms < p->next_due.ms)
		p->next_due = due;
}

void held_wait(struct held *p, struct item *it, enum item_wait how, int64_t after_ms)
{
	it->wait = how;
	it->due.ms = clock_mono().ms + after_ms;
	held_due(p, it->due);
	it->prev_waiting = NULL;
	it->next_waiting = p->waiting;
	if (p->waiting != NULL)
		p->waiting->prev_waiting = it;
	p->waiting = it;
}

void held_unwait(struct held *p, struct item *it)
{
	if (it->prev_waiting != NULL)
		it->prev_waiting->next_waiting = it->next_waiting;
	else
		p->waiting = it->next_waiting;
	if (it->next_waiting != NULL)
		it->next_waiting->prev_waiting = it->prev_waiting;
	it->prev_waiting = it->next_waiting = NULL;
}

void held_ready(struct held *p, struct item *it)
{
	if (it->wait == ITEM_SETTLING || it->wait == ITEM_DELAYED)
		held_unwait(p, it);
	it->wait = ITEM_READY;
	items_add(&p->ready, it);
}

/* Most are added one after the other for the same commit: a look at the last one keeps the list short. */
#include "audit/commit_set.h"

#include <stdlib.h>

#include "base/mem.h"

static int compare(const void *x, const void *y)
{
	const struct commit_id *a = x, *b = y;
	if (a->topic != b->topic)
		return a->topic < b->topic ? -1 : 1;
	if (a->partition != b->partition)
		return a->partition < b->partition ? -1 : 1;
	return a->start < b->start ? -1 : a->start > b->start;
}

void commit_set_add(struct commit_set *s, const struct commit_id *c)
{
	if (s->count > 0 && compare(&s->at[s->count - 1], c) == 0)
		return;
	if (s->count == s->capacity) {
		s->capacity = mem_grow(s->capacity, s->count + 1);
		s->at = mem_resize(s->at, s->capacity * sizeof *s->at);
	}
	s->at[s->count++] = *c;
}

void commit_set_sort(struct commit_set *s)
{
	if (s->count > 1)
		qsort(s->at, s->count, sizeof *s->at, compare);
}

bool commit_set_has(const struct commit_set *s, const struct commit_id *c)
{
	return s->count > 0 && bsearch(c, s->at, s->count, sizeof *s->at, compare) != NULL;
}

void commit_set_fini(struct commit_set *s)
{
	mem_free(&s->at);
	*s = (struct commit_set){.count = 0};
}

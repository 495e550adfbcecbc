/* While there is room names are just collected; then they are a heap with the largest on top, which the next smaller
 * one replaces. */
#include "store/least.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static void swap(char **a, char **b)
{
	char *t = *a;
	*a = *b;
	*b = t;
}

static void sift(struct least *h, size_t i)
{
	for (;;) {
		size_t largest = i;
		for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < h->count; child++)
			if (strcmp(h->name[child], h->name[largest]) > 0)
				largest = child;
		if (largest == i)
			return;
		swap(&h->name[i], &h->name[largest]);
		i = largest;
	}
}

void least_add(struct least *h, const char *name)
{
	if (h->count < h->max) {
		if (h->count == h->capacity) {
			h->capacity = mem_grow(h->capacity, h->count + 1);
			h->name = mem_resize(h->name, h->capacity * sizeof *h->name);
		}
		h->name[h->count++] = mem_text(name);
		return;
	}
	if (!h->ordered) {
		for (size_t i = h->count / 2; i-- > 0;)
			sift(h, i);
		h->ordered = true;
	}
	if (strcmp(name, h->name[0]) >= 0)
		return;
	mem_free(&h->name[0]);
	h->name[0] = mem_text(name);
	sift(h, 0);
}

static int bytewise(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void least_take(struct least *h, char ***names, size_t *count)
{
	if (h->count > 1)
		qsort(h->name, h->count, sizeof *h->name, bytewise);
	*names = h->name;
	*count = h->count;
	*h = (struct least){.max = h->max};
}

void least_fini(struct least *h)
{
	for (size_t i = 0; i < h->count; i++)
		mem_free(&h->name[i]);
	mem_free(&h->name);
	*h = (struct least){.max = h->max};
}

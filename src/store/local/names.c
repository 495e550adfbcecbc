/*
 * names: a directory comes in no order, so all of it is read, but only the max smallest names are kept, the largest of
 * them on top of a heap.
 */
#include "store/local/names.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

struct heap {
	char **name;
	size_t count, capacity, max;
	bool ordered; /* name[0] is the largest: from the moment it is full */
};

static void swap(char **a, char **b)
{
	char *t = *a;
	*a = *b;
	*b = t;
}

static void sift(struct heap *h, size_t i)
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

static void add(struct heap *h, const char *name)
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

enum rc names_read(int dir, const char *after, size_t max, char ***names, size_t *count, struct err *e)
{
	DIR *d = fdopendir(dir);
	if (d == NULL) {
		int sys = errno;
		close(dir);
		return err_sys(RC_FAIL, sys, e, "cannot list");
	}
	struct heap h = {.max = max};
	errno = 0;
	for (struct dirent *entry; (entry = readdir(d)) != NULL; errno = 0) {
		const char *name = entry->d_name;
		if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && (after == NULL || strcmp(name, after) > 0))
			add(&h, name);
	}
	int sys = errno;
	/*
	 * Who lists acts on the names, so they must last. A name is seen from the moment of its rename, and its writer
	 * may have died before it could sync. Best effort: a file system that can't has nothing to lose, and a
	 * read-only one has nothing to write.
	 */
	(void)fsync(dirfd(d));
	closedir(d);
	if (sys != 0) {
		for (size_t i = 0; i < h.count; i++)
			mem_free(&h.name[i]);
		mem_free(&h.name);
		return err_sys(RC_FAIL, sys, e, "cannot list");
	}
	if (h.count > 1)
		qsort(h.name, h.count, sizeof *h.name, bytewise);
	*names = h.name;
	*count = h.count;
	return RC_OK;
}

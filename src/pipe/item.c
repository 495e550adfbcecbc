/* Items and lists of them; what a file looked like. */
#include "pipe/item.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"

struct item *item_new(const struct pipeline *p, enum item_task task, const char *source)
{
	struct item *it = mem_zero(1, sizeof *it);
	it->pipeline = p;
	it->task = task;
	it->source = mem_text(source);
	return it;
}

void item_free(struct item **it)
{
	if (*it == NULL)
		return;
	mem_free(&(*it)->source);
	mem_free(&(*it)->name);
	mem_free(&(*it)->path);
	mem_free(&(*it)->staged);
	mem_free(&(*it)->claim);
	item_drop_rows(*it);
	mem_free(it);
}

void item_hold(struct item *it, struct hold *h)
{
	if (h == NULL)
		return;
	it->hold = h;
	it->held = it->rows.bytes;
	hold_take(h, it->held);
}

void item_drop_rows(struct item *it)
{
	rows_fini(&it->rows);
	if (it->hold != NULL)
		hold_give(it->hold, it->held);
	it->hold = NULL;
	it->held = 0;
}

void item_aside(struct item *it, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(it->note, sizeof it->note, format, args);
	va_end(args);
	it->outcome = ITEM_ASIDE;
}

void items_add(struct item_list *l, struct item *it)
{
	it->next = NULL;
	if (l->last != NULL)
		l->last->next = it;
	else
		l->first = it;
	l->last = it;
	l->count++;
}

struct item *items_take(struct item_list *l)
{
	struct item *it = l->first;
	if (it == NULL)
		return NULL;
	l->first = it->next;
	if (l->first == NULL)
		l->last = NULL;
	l->count--;
	it->next = NULL;
	return it;
}

void items_move(struct item_list *to, struct item_list *from)
{
	if (from->first == NULL)
		return;
	if (to->last != NULL)
		to->last->next = from->first;
	else
		to->first = from->first;
	to->last = from->last;
	to->count += from->count;
	*from = (struct item_list){.count = 0};
}

static int64_t ns_of(struct timespec t)
{
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

void looks_of(const struct stat *st, struct looks *out)
{
	*out = (struct looks){.dev = st->st_dev,
	    .ino = st->st_ino,
	    .size = (uint64_t)st->st_size,
	    .mtime_ns = ns_of(st->st_mtim),
	    .ctime_ns = ns_of(st->st_ctim)};
}

bool looks_same(const struct looks *a, const struct looks *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->mtime_ns == b->mtime_ns &&
	       a->ctime_ns == b->ctime_ns;
}

const char *item_show(const struct item *it, char out[512])
{
	size_t len = strlen(it->source);
	/* The end of a long path tells more than its beginning. */
	const char *from = len > 120 ? it->source + len - 120 : it->source;
	str_escape(from, strlen(from), out);
	return out;
}

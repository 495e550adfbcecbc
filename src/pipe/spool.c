/*
 * An original that is archived is safe, whatever becomes of its source: so archiving goes on while the bus is away or
 * full, as far as collect.spool allows. Rows that can't leave are dropped and made again from the lake: they would be
 * most of the memory.
 */
#include "pipe/spool.h"

#include "base/mem.h"
#include "pipe/limits.h"

enum { MEMORY_SHARE = 4 }; /* of collect.memory, for rows handed over at once */

struct spool {
	struct spool_params params;
	uint64_t at;    /* the ledger's number where the next page begins */
	uint64_t bytes; /* in it: shown, and compared with the limit */
	bool more;      /* there may be something behind `at` */
};

static void show(struct spool *s)
{
	struct metric_slot *figures = board_figures(s->params.recover.board);
	limit_set(figures, LIMIT_COLLECT_SPOOL, s->bytes);
	if (spool_room(s))
		limit_full(figures, LIMIT_COLLECT_SPOOL, false);
}

struct spool *spool_new(const struct spool_params *p, const struct recover_found *found)
{
	struct spool *s = mem_zero(1, sizeof *s);
	s->params = *p;
	s->bytes = found->bytes;
	s->more = found->files > 0;
	show(s);
	return s;
}

void spool_free(struct spool **s)
{
	if (*s == NULL)
		return;
	mem_free(s);
}

bool spool_room(const struct spool *s)
{
	return s->bytes < s->params.recover.settings->collect_spool;
}

bool spool_add(struct spool *s, struct item_list *group)
{
	if (!publish_spool(s->params.recover.publish, group))
		return false;
	for (const struct item *it = group->first; it != NULL; it = it->next) {
		if (it->task != ITEM_TAKE || it->outcome != ITEM_TAKEN)
			continue;
		s->bytes += it->looks.size;
		s->more = true;
	}
	show(s);
	if (!spool_room(s))
		limit_full(board_figures(s->params.recover.board), LIMIT_COLLECT_SPOOL, true);
	return true;
}

static bool stopped(const struct spool *s)
{
	return board_stopped(s->params.recover.board);
}

static void trouble(struct spool *s, enum rc rc, const struct err *e, int64_t *backoff_ms)
{
	struct board *b = s->params.recover.board;
	if (rc == RC_FAIL) {
		board_fail(b, e);
		return;
	}
	board_wait(b, s->params.waiter, e->text);
	*backoff_ms = board_backoff(*backoff_ms);
	board_sleep(b, *backoff_ms);
}

/* As many of a page as may be in memory together, their rows made again. */
static void read_group(struct spool *s, struct item_list *page, struct item_list *group)
{
	const struct settings *settings = s->params.recover.settings;
	uint64_t most = settings->collect_memory / MEMORY_SHARE;
	int64_t backoff_ms = 0;
	uint64_t bytes = 0;
	while (page->count > 0 && bytes < most && !stopped(s)) {
		struct err e;
		enum rc rc = archive_item(s->params.archive, page->first, &e);
		if (rc != RC_OK) {
			trouble(s, rc, &e, &backoff_ms);
			continue;
		}
		board_go(s->params.recover.board, s->params.waiter);
		backoff_ms = 0;
		bytes += page->first->rows.bytes;
		items_add(group, items_take(page));
	}
}

static void left(struct spool *s, const struct item *it)
{
	s->bytes -= it->looks.size < s->bytes ? it->looks.size : s->bytes;
}

static void publish_page(struct spool *s, struct item_list *page, bool counted)
{
	struct item *it;
	while (page->count > 0 && !stopped(s)) {
		struct item_list group = {.count = 0};
		read_group(s, page, &group);
		publish_items(s->params.recover.publish, &group, false);
		while ((it = items_take(&group)) != NULL) {
			if (counted)
				left(s, it);
			item_free(&it);
		}
		show(s);
	}
	while ((it = items_take(page)) != NULL)
		item_free(&it);
}

/* false: there are no more, or a stop came. */
static bool next_page(struct spool *s, bool later, uint64_t *at, struct item_list *page)
{
	struct recover_params recover = s->params.recover;
	int64_t backoff_ms = 0;
	struct err e;
	enum rc rc = RC_AGAIN;
	recover.later = later;
	/* What is published must not look as if it was not. */
	publish_mark(recover.publish);
	while (rc != RC_OK && !stopped(s)) {
		rc = recover_page(&recover, s->params.ledger, at, recover.settings->collect_group, page, &e);
		if (rc != RC_OK)
			trouble(s, rc, &e, &backoff_ms);
	}
	if (backoff_ms != 0)
		board_go(recover.board, s->params.waiter);
	return rc == RC_OK && page->count > 0;
}

void spool_rewind(struct spool *s)
{
	s->at = 0;
	s->more = true;
}

bool spool_publish(struct spool *s)
{
	struct item_list page = {.count = 0};
	if (!s->more)
		return false;
	if (!next_page(s, false, &s->at, &page)) {
		/* Another process may have seen to some: what there is has been seen. */
		s->bytes = 0;
		s->more = false;
		show(s);
		return false;
	}
	publish_page(s, &page, true);
	return !stopped(s);
}

void spool_adopt(struct spool *s)
{
	struct item_list page = {.count = 0};
	uint64_t at = 0;
	while (next_page(s, true, &at, &page))
		publish_page(s, &page, false);
}

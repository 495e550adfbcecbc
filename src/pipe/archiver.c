/* An archive thread: reads, hashes, dissects and copies a group of files at a time, and sends it on to the publisher.
 */
#include "base/mem.h"
#include "pipe/collector_work.h"

enum {
	GROUP_MS = 250, /* a group does not wait longer for its slowest file */
	TAKE_MS = 500,
};

/* Make a group durable and send it on. */
static enum rc finish_group(struct collector *c, struct archive *a, struct item_list *group, struct err *e)
{
	enum rc rc = archive_group(a, group, e);
	struct item_list *list = mem_zero(1, sizeof *list);
	items_move(list, group);
	if (!queue_put(c->groups, list)) {
		collector_hand_back(c, list);
		mem_free(&list);
	}
	return rc;
}

/* Take what is there, at most a group; never wait for more than the first. RC_END: no more will come. */
static enum rc fill_group(struct collector *c, struct archive *a, struct item_list *group, struct err *e)
{
	size_t bytes = 0;
	struct mono begun = clock_mono();
	/* Rows that nobody has yet are never waited for with others in hand: these may be what fills the memory. */
	if (!hold_room(c->hold, TAKE_MS))
		return RC_END;
	while (group->count < c->settings->collect_group && bytes < collector_group_bytes(c) &&
	       !board_stopped(c->board) && (group->count == 0 || hold_room(c->hold, 0))) {
		struct item *it = queue_take(c->work, group->count == 0 ? TAKE_MS : 0);
		if (it == NULL)
			return group->count == 0 && queue_length(c->work) == 0 ? RC_END : RC_OK;
		enum rc rc = archive_item(a, it, e);
		bytes += it->rows.bytes;
		items_add(group, it);
		if (rc != RC_OK)
			return rc;
		if (mono_since(begun) > GROUP_MS)
			break;
	}
	return RC_OK;
}

void *archiver_run(void *context)
{
	struct archiver *me = context;
	struct collector *c = me->c;
	struct archive *a = c->archive[me->number];
	int64_t backoff_ms = 0;
	struct err e, first;
	while (!board_stopped(c->board) && !atomic_load(&c->ending)) {
		struct item_list group = {.count = 0};
		archive_limit(a, atomic_load(&c->event_bytes));
		enum rc rc = fill_group(c, a, &group, &first);
		if (group.count == 0)
			continue;
		enum rc synced = finish_group(c, a, &group, &e);
		if (rc == RC_OK || rc == RC_END)
			rc = synced;
		else
			e = first;
		if (rc != RC_OK) {
			collector_trouble(c, me->number, rc, &e, &backoff_ms);
			continue;
		}
		/* For all of them: what one could not archive was perhaps taken by another, and may have been the last.
		 */
		for (unsigned i = 0; i < c->archivers; i++)
			board_go(c->board, i);
		backoff_ms = 0;
	}
	mem_free(&me);
	return NULL;
}

/*
 * Why it is enough to publish every open original of the partition: an event is handed to the bus only after the ledger
 * has its original. So whatever was on the bus when it was looked at is in the ledger now, and either committed or
 * open; and what is published after the look lies behind the gap.
 */
#include "pipe/again.h"

#include <inttypes.h>

#include "base/log.h"
#include "base/mem.h"
#include "pipe/gap.h"
#include "pipe/recover.h"

enum { MEMORY_SHARE = 4, QUIET_MS = 5000 }; /* of collect.memory, for rows handed over at once */

struct again {
	struct again_params params;
	struct item_list items;
};

struct again *again_new(const struct again_params *p)
{
	struct again *a = mem_zero(1, sizeof *a);
	a->params = *p;
	return a;
}

void again_free(struct again **a)
{
	struct item *it;
	if (*a == NULL)
		return;
	while ((it = items_take(&(*a)->items)) != NULL)
		item_free(&it);
	archive_free(&(*a)->params.archive);
	mem_free(a);
}

void again_archive(struct again *a, struct archive *archive)
{
	a->params.archive = archive;
}

static struct recover_params recover_params(const struct again *a, bool later)
{
	const struct again_params *p = &a->params;
	return (struct recover_params){.settings = p->settings,
	    .only = p->only,
	    .run = p->run,
	    .publish = p->publish,
	    .board = p->board,
	    .later = later};
}

/* The next ones from the lake, as many as go together. */
static void read_some(struct again *a, struct item_list *group)
{
	const struct again_params *p = &a->params;
	int64_t backoff_ms = 0;
	size_t bytes = 0;
	while (a->items.count > 0 && group->count < p->settings->collect_group &&
	       bytes < p->settings->collect_memory / MEMORY_SHARE && !board_stopped(p->board)) {
		struct err e;
		enum rc rc = archive_item(p->archive, a->items.first, &e);
		if (rc == RC_FAIL) {
			board_fail(p->board, &e);
			return;
		}
		if (rc != RC_OK) {
			board_wait(p->board, p->waiter, e.text);
			backoff_ms = board_backoff(backoff_ms);
			board_sleep(p->board, backoff_ms);
			continue;
		}
		board_go(p->board, p->waiter);
		backoff_ms = 0;
		bytes += a->items.first->rows.bytes;
		items_add(group, items_take(&a->items));
	}
}

/*
 * In the order of the ledger, which is the order of publishing, and before anything new: if parts of one are out, its
 * whole set comes before others can fill the bus.
 */
static bool publish_all(struct again *a)
{
	bool all = true;
	while (a->items.count > 0 && !board_stopped(a->params.board)) {
		struct item_list group = {.count = 0};
		struct item *it;
		read_some(a, &group);
		publish_items(a->params.publish, &group, false);
		while ((it = items_take(&group)) != NULL) {
			all &= it->published || it->outcome != ITEM_TAKEN;
			item_free(&it);
		}
	}
	return all && a->items.count == 0;
}

static bool stopped(void *context)
{
	return board_stopped(context);
}

/* What a look has found, for people. */
static void tell(const struct gap *g, const char *topic, unsigned partition)
{
	if (gap_trimmed(g))
		log_warn("events %" PRIu64 " to %" PRIu64 " are gone from the bus and were not committed: their "
		         "originals are published again topic=%s partition=%u",
		    g->end, g->first - 1, topic, partition);
	else if (gap_short(g))
		log_warn("commits go to %" PRIu64 ", the bus ends at %" PRIu64 ": it has lost events; what is not "
		         "committed is published again topic=%s partition=%u",
		    g->end, g->next, topic, partition);
	else
		log_warn("the bus has lost events: what is not committed is published again topic=%s partition=%u",
		    topic, partition);
}

static enum rc look(const struct again *a, const char *topic, unsigned partitions, unsigned partition, struct gap *g,
    bool *lost, struct err *e)
{
	const struct again_params *p = &a->params;
	enum rc rc = gap_look(p->bus, p->store, topic, partition, g, e);
	if (rc != RC_END)
		return rc;
	*lost = true;
	rc = publish_make_anew(p->publish, topic, partitions, e);
	return rc == RC_OK ? gap_look(p->bus, p->store, topic, partition, g, e) : rc;
}

static enum rc restore_one(
    struct again *a, const char *topic, unsigned partitions, unsigned partition, bool lost, struct err *e)
{
	const struct again_params *p = &a->params;
	const struct recover_params params = recover_params(a, true);
	struct gap g;
	enum rc rc = look(a, topic, partitions, partition, &g, &lost, e);
	if (rc != RC_OK)
		return rc == RC_END ? err_set(RC_AGAIN, e, "there is no topic \"%s\"", topic) : rc;
	/* What is awaited was acknowledged: if all that the bus has is committed, it should be in a commit. */
	lost |= g.next == g.end && publish_misses(p->publish, topic, partition, g.end);
	if (!lost && !gap_trimmed(&g) && !gap_short(&g)) {
		publish_intact(p->publish, topic, partition, g.next);
		return RC_OK;
	}
	tell(&g, topic, partition);
	if (gap_short(&g))
		rc = gap_fill(p->bus, topic, partition, &g, stopped, p->board, e);
	if (rc == RC_OK)
		rc = recover_partition(&params, p->ledger, topic, partition, &a->items, e);
	if (rc == RC_OK && !publish_all(a))
		rc = err_set(RC_AGAIN, e, "not everything could be published again");
	if (rc == RC_OK && gap_trimmed(&g))
		rc = gap_close(p->store, topic, partition, &g, e);
	if (rc == RC_OK)
		publish_intact(p->publish, topic, partition, g.next > g.end ? g.next : g.end);
	return rc;
}

void again_restore(struct again *a, bool all)
{
	const struct again_params *p = &a->params;
	struct err e;
	for (size_t i = 0; i < 2 * p->settings->pipelines; i++) {
		const struct pipeline *k = &p->settings->pipeline[i / 2];
		const char *topic = i % 2 ? k->topic_rows : k->topic_files;
		if (p->only != NULL && p->only != k)
			continue;
		for (unsigned n = 0; n < p->partitions[i] && !board_stopped(p->board); n++) {
			bool lost = false, suspect = publish_suspect(p->publish, topic, n, QUIET_MS, &lost);
			if (!suspect && !all)
				continue;
			if (restore_one(a, topic, p->partitions[i], n, lost, &e) == RC_OK)
				continue;
			/* A service is away: each further look would wait for it as well. */
			log_debug("looking for lost events: %s topic=%s partition=%u", e.text, topic, n);
			return;
		}
	}
}

void again_cut(struct again *a, size_t event_bytes)
{
	archive_limit(a->params.archive, event_bytes);
}

/* The publisher's thread: owns ledger and bus while it runs, and sees to everything that comes after archiving. */
#include "base/log.h"
#include "base/mem.h"
#include "pipe/claim.h"
#include "pipe/collector_work.h"

enum {
	SPOOL_AFTER_MS = 3000, /* a bus that is full now and then is not worth making rows twice */
	LOST_MS = 5000,        /* between looks for what the bus has lost, where nothing is committed */
	CUT_MS = 5000,         /* between looks whether the bus takes it */
	ADOPT_MS = 60000,      /* between looks for what a load that died has left */
	FLUSH_AGAIN_MS = 5000, /* flush events are hints: a worker that was restarted needs another */
};

static void hand_back_list(struct collector *c, struct item_list **list)
{
	collector_hand_back(c, *list);
	mem_free(list);
}

/* The bus takes nothing, and not just for a moment: rows that can't leave give their memory to those that come. */
void publisher_meanwhile(void *context, int64_t blocked_ms)
{
	struct collector *c = context;
	struct item_list *list;
	while (blocked_ms >= SPOOL_AFTER_MS && spool_room(c->spool) && !board_stopped(c->board) &&
	       (list = queue_take(c->groups, 0)) != NULL) {
		(void)spool_add(c->spool, list);
		atomic_store(&c->spooled, true);
		hand_back_list(c, &list);
	}
}

/* The bus takes smaller events than it said: ask it, and cut anew what it refused. */
static void cut_again(struct collector *c)
{
	struct err e;
	if (c->cut_due.ms > clock_mono().ms || (!c->cut && !publish_too_large(c->publish, &e)))
		return;
	if (!c->cut)
		log_warn("the bus takes smaller events now, originals are cut anew: %s", e.text);
	c->cut = false;
	size_t event_bytes = 0;
	if (collector_ask_limit(c, &event_bytes, &e) == RC_OK) {
		atomic_store(&c->event_bytes, event_bytes);
		again_cut(c->again, event_bytes);
		spool_rewind(c->spool);
		while (spool_publish(c->spool))
			;
		if (!publish_too_large(c->publish, &e)) {
			board_go(c->board, WAITER_PUBLISH);
			return;
		}
	}
	board_wait(c->board, WAITER_PUBLISH, e.text);
	c->cut = true;
	c->cut_due.ms = clock_mono().ms + CUT_MS;
}

/* What dead runs left staged harms nobody, so nobody waits for this; but a run that ends leaves nothing behind. */
static void clean_dead(struct collector *c)
{
	int64_t backoff_ms = 0;
	struct err e;
	enum rc rc;
	while (!board_stopped(c->board) && (rc = run_clean(&c->run, c->store, false, &e)) != RC_OK)
		collector_trouble(c, WAITER_PUBLISH, rc, &e, &backoff_ms);
	board_go(c->board, WAITER_PUBLISH);
}

/* What arrived in the staging of dead runs after they were swept. */
static void clean_late(struct collector *c)
{
	struct err e;
	if (run_clean(&c->run, c->store, true, &e) != RC_OK)
		log_warn("staging of earlier runs: %s", e.text);
}

/* One of the folders of old claims, by turns. */
static void clean_claims(struct collector *c)
{
	struct err e;
	if (c->settings->claim_shared && claim_clean(c->settings, c->store, c->ledger, c->claims_next++, &e) != RC_OK)
		log_warn("old claims: %s", e.text);
}

/* What waits shares the transactions. */
static void gather(struct collector *c, struct item_list *list)
{
	struct item_list *more;
	uint64_t bytes = 0;
	for (const struct item *it = list->first; it != NULL; it = it->next)
		bytes += it->rows.bytes;
	while (list->count < 2 * (size_t)c->settings->collect_group && bytes < collector_group_bytes(c) &&
	       (more = queue_take(c->groups, 0)) != NULL) {
		for (const struct item *it = more->first; it != NULL; it = it->next)
			bytes += it->rows.bytes;
		items_move(list, more);
		mem_free(&more);
	}
}

void *publisher_run(void *context)
{
	struct collector *c = context;
	struct mono flushed = {0}, adopted = clock_mono(), looked = adopted;
	clean_dead(c);
	/* First, and in the order of publishing: if parts of one are out, its whole set comes before others can fill
	 * the bus. */
	while (spool_publish(c->spool))
		;
	again_restore(c->again, true);
	atomic_store(&c->awaited, publish_waits(c->publish));
	atomic_store(&c->caught_up, true);
	collector_wake(c);
	for (;;) {
		bool more = spool_publish(c->spool);
		int64_t idle_ms = more ? 0 : publish_idle(c->publish);
		if (atomic_exchange(&c->awaited, publish_waits(c->publish)) != 0 && publish_waits(c->publish) == 0)
			collector_wake(c);
		if (!more)
			atomic_store(&c->spooled, false);
		struct item_list *list = queue_take(c->groups, idle_ms);
		if (list == NULL && !more && atomic_load(&c->archived_all) && queue_length(c->groups) == 0)
			break;
		if (list != NULL) {
			gather(c, list);
			publish_items(c->publish, list, queue_length(c->groups) > 0);
			atomic_store(&c->awaited, publish_waits(c->publish));
			hand_back_list(c, &list);
		}
		if (atomic_load(&c->flush_wanted) && !board_stopped(c->board) &&
		    (flushed.ms == 0 || mono_since(flushed) > FLUSH_AGAIN_MS)) {
			publish_flush_events(c->publish);
			flushed = clock_mono();
		}
		cut_again(c);
		if (publish_lost(c->publish) || mono_since(looked) > LOST_MS) {
			again_restore(c->again, false);
			looked = clock_mono();
		}
		if (!c->job->once && mono_since(adopted) > ADOPT_MS) {
			spool_adopt(c->spool);
			clean_late(c);
			clean_claims(c);
			adopted = clock_mono();
		}
	}
	if (c->job->once && c->job->only == NULL && !board_stopped(c->board)) {
		clean_late(c);
		clean_claims(c);
	}
	return NULL;
}

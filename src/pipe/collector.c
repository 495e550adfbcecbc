/*
 * The collector's threads: the caller's finds files and talks to the user; archive threads read, hash, dissect and
 * copy, each with a group of its own; one publisher owns ledger, bus and everything after. Items go round: finder ->
 * archive thread -> publisher -> finder.
 */
#include "pipe/collector.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/queue.h"
#include "pipe/again.h"
#include "pipe/archive.h"
#include "pipe/board.h"
#include "pipe/claim.h"
#include "pipe/inflight.h"
#include "pipe/figures.h"
#include "pipe/finder.h"
#include "pipe/hold.h"
#include "pipe/limits.h"
#include "pipe/publish.h"
#include "pipe/recover.h"
#include "pipe/run.h"
#include "pipe/spool.h"

enum {
	ARCHIVERS_MOST = 4,
	WAITER_PUBLISH = ARCHIVERS_MOST, /* numbers on the board: archive threads, publisher, the caller's */
	WAITER_MAIN,
	GROUPS = 2 * ARCHIVERS_MOST, /* that may wait for the publisher */
	MEMORY_SHARE = 4, /* a group takes that share of collect.memory: what is stuck leaves room for more */
	GROUP_MS = 250,   /* a group does not wait longer for its slowest file */
	TAKE_MS = 500,
	POLL_MOST_MS = 200, /* how late a stop may be seen when nothing wakes us */
	PROGRESS_MS = 200,
	MEASURE_MS = 500,
	SPOOL_AFTER_MS = 3000, /* a bus that is full now and then is not worth making rows twice */
	LOST_MS = 5000,        /* between looks for what the bus has lost, where nothing is committed */
	CUT_MS = 5000,         /* between looks whether the bus takes it */
	ADOPT_MS = 60000,      /* between looks for what a load that died has left */
	FLUSH_AGAIN_MS = 5000, /* flush events are hints: a worker that was restarted needs another */
	POLL_FDS = 256,
};

static const char *const waiter_name[BOARD_WAITERS] = {"archiving", "archiving.2", "archiving.3",
    "archiving.4", [WAITER_PUBLISH] = "publishing", [WAITER_MAIN] = "starting"};

struct collector {
	const struct collector_job *job;
	const struct settings *settings;
	struct waits *waits;
	struct board *board;
	struct inflight *inflight;
	struct hold *hold;
	struct run run;
	struct ledger *ledger;
	struct store *store; /* the publisher's */
	struct bus *bus;     /* the publisher's, once its thread runs */
	unsigned *partitions;
	struct rows_limits limits;
	uint64_t rows_max; /* encoded rows of one original */
	struct publish *publish;
	struct spool *spool; /* the publisher's */
	struct again *again; /* likewise */
	bool cut;            /* the bus refuses what was cut for it: again when cut_due says so */
	struct mono cut_due;
	_Atomic size_t event_bytes; /* what archive threads cut by: limits.event_bytes */
	struct finder *finder;

	struct queue *work;   /* items, for archive threads */
	struct queue *groups; /* lists, for the publisher */
	int wake;             /* eventfd: something came back */
	pthread_mutex_t lock;
	struct item_list back; /* under lock: on the way to the finder */

	pthread_t archiver[ARCHIVERS_MOST], publisher;
	struct archive *archive[ARCHIVERS_MOST];
	unsigned archivers, started;
	unsigned claims_next;      /* publisher: the folder of old claims whose turn it is */
	bool publishing;           /* its thread runs */
	_Atomic bool ending;       /* archive threads: no more items will come */
	_Atomic bool archived_all; /* publisher: no more groups will come */
	_Atomic bool caught_up;    /* what earlier runs left is published */
	_Atomic bool spooled;      /* something is in the spool, or its commit is not counted as awaited yet */
	_Atomic bool flush_wanted; /* everything is published: ask the workers to commit */
	_Atomic uint64_t awaited;  /* originals whose commit the publisher waits for */
};

struct archiver {
	struct collector *c;
	unsigned number;
};

static void wake(struct collector *c)
{
	uint64_t one = 1;
	(void)!write(c->wake, &one, sizeof one);
}

static void hand_back(struct collector *c, struct item_list *items)
{
	pthread_mutex_lock(&c->lock);
	items_move(&c->back, items);
	pthread_mutex_unlock(&c->lock);
	wake(c);
}

/* A service failed in an archive thread: say why, wait a while. */
static void archiver_trouble(struct collector *c, unsigned number, enum rc rc, const struct err *e, int64_t *backoff_ms)
{
	if (rc == RC_FAIL) {
		board_fail(c->board, e);
		return;
	}
	if (board_stopped(c->board))
		return; /* that is why */
	board_wait(c->board, number, e->text);
	*backoff_ms = board_backoff(*backoff_ms);
	board_sleep(c->board, *backoff_ms);
}

/* Make a group durable and send it on. */
static enum rc finish_group(struct collector *c, struct archive *a, struct item_list *group, struct err *e)
{
	enum rc rc = archive_group(a, group, e);
	struct item_list *list = mem_zero(1, sizeof *list);
	items_move(list, group);
	if (!queue_put(c->groups, list)) {
		hand_back(c, list);
		mem_free(&list);
	}
	return rc;
}

static uint64_t group_bytes(const struct collector *c)
{
	return c->settings->collect_memory / MEMORY_SHARE;
}

/* Take what is there, at most a group; never wait for more than the first. RC_END: no more will come. */
static enum rc fill_group(struct collector *c, struct archive *a, struct item_list *group, struct err *e)
{
	size_t bytes = 0;
	struct mono begun = clock_mono();
	/* Rows that nobody has yet are never waited for with others in hand: these may be what fills the memory. */
	if (!hold_room(c->hold, TAKE_MS))
		return RC_END;
	while (group->count < c->settings->collect_group && bytes < group_bytes(c) && !board_stopped(c->board) &&
	       (group->count == 0 || hold_room(c->hold, 0))) {
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

static void *archiver_run(void *context)
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
			archiver_trouble(c, me->number, rc, &e, &backoff_ms);
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

static void hand_back_list(struct collector *c, struct item_list **list)
{
	hand_back(c, *list);
	mem_free(list);
}

/* The bus takes nothing, and not just for a moment: rows that can't leave give their memory to those that come. */
static void meanwhile(void *context, int64_t blocked_ms)
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

/* The least of what our topics take. */
static enum rc ask_limit(struct collector *c, size_t *event_bytes, struct err *e)
{
	const struct settings *s = c->settings;
	size_t least = SIZE_MAX;
	enum rc rc = RC_OK;
	for (size_t i = 0; i < 2 * s->pipelines && rc == RC_OK; i++) {
		struct bus_limits limits = {.event_bytes = SIZE_MAX};
		rc = bus_limits(
		    c->bus, i % 2 ? s->pipeline[i / 2].topic_rows : s->pipeline[i / 2].topic_files, &limits, e);
		least = limits.event_bytes < least ? limits.event_bytes : least;
	}
	if (rc == RC_OK)
		*event_bytes = least;
	return rc;
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
	if (ask_limit(c, &event_bytes, &e) == RC_OK) {
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
		archiver_trouble(c, WAITER_PUBLISH, rc, &e, &backoff_ms);
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
	while (list->count < 2 * (size_t)c->settings->collect_group && bytes < group_bytes(c) &&
	       (more = queue_take(c->groups, 0)) != NULL) {
		for (const struct item *it = more->first; it != NULL; it = it->next)
			bytes += it->rows.bytes;
		items_move(list, more);
		mem_free(&more);
	}
}

static void *publisher_run(void *context)
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
	wake(c);
	for (;;) {
		bool more = spool_publish(c->spool);
		int64_t idle_ms = more ? 0 : publish_idle(c->publish);
		if (atomic_exchange(&c->awaited, publish_waits(c->publish)) != 0 && publish_waits(c->publish) == 0)
			wake(c);
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

static bool asked_to_stop(struct collector *c)
{
	if (!board_stopped(c->board) && c->job->stop != NULL && c->job->stop(c->job->context))
		board_stop(c->board);
	return board_stopped(c->board);
}

static void show_progress(struct collector *c)
{
	struct board *b = c->board;
	char why[ERR_TEXT];
	bool waits = board_waiting(b, why, sizeof why);
	if (c->job->progress == NULL)
		return;
	const struct collector_progress p = {.files = board_count(b, BOARD_FILES),
	    .files_done = board_count(b, BOARD_FILES_DONE),
	    .bytes = board_count(b, BOARD_BYTES),
	    .bytes_done = board_count(b, BOARD_BYTES_DONE),
	    .rows = board_count(b, BOARD_ROWS),
	    .rejects = board_count(b, BOARD_REJECTS),
	    .scanning = finder_scanning(c->finder),
	    .waiting = waits ? why : NULL};
	c->job->progress(c->job->context, &p);
}

/* The same call until the service is there, or somebody says stop (RC_END). */
#define UNTIL_THERE(c, call)                                                                                           \
	do {                                                                                                           \
		int64_t backoff_ms_ = 0;                                                                               \
		while ((rc = (call)) == RC_AGAIN && !asked_to_stop(c)) {                                               \
			board_wait((c)->board, WAITER_MAIN, e->text);                                                  \
			backoff_ms_ = board_backoff(backoff_ms_);                                                      \
			pause_main((c), backoff_ms_);                                                                  \
		}                                                                                                      \
		board_go((c)->board, WAITER_MAIN);                                                                     \
		if (rc != RC_OK)                                                                                       \
			return rc == RC_AGAIN ? RC_END : rc;                                                           \
	} while (0)

/* Sleep in steps in which a stop is seen. */
static void pause_main(struct collector *c, int64_t ms)
{
	struct mono begun = clock_mono();
	while (mono_since(begun) < ms && !asked_to_stop(c))
		board_sleep(c->board, POLL_MOST_MS < ms ? POLL_MOST_MS : ms);
}

static enum rc ensure_topics(struct collector *c, struct err *e)
{
	const struct settings *s = c->settings;
	enum rc rc = RC_OK;
	c->limits = (struct rows_limits){.hours = s->partitions_max,
	    .event_bytes = SIZE_MAX,
	    .ahead_ms = s->ahead_ms,
	    .behind_ms = s->behind_ms,
	    .rejects = s->rejects_max,
	    .figures = board_figures(c->board)};
	for (size_t i = 0; i < 2 * s->pipelines && rc == RC_OK; i++) {
		const char *topic = i % 2 ? s->pipeline[i / 2].topic_rows : s->pipeline[i / 2].topic_files;
		rc = bus_topic_ensure(c->bus, topic, s->workers, &c->partitions[i], e);
	}
	if (rc == RC_OK)
		rc = ask_limit(c, &c->limits.event_bytes, e);
	atomic_store(&c->event_bytes, c->limits.event_bytes);
	/* On a small bus an original's rows must not take most of the room: it goes as a file event. */
	uint64_t used = 0, bound = 0;
	c->rows_max = s->rows_max;
	if (rc == RC_OK && bus_usage(c->bus, &used, &bound, e) == RC_OK && bound != 0 && bound / 16 < c->rows_max)
		c->rows_max = bound / 16;
	return rc;
}

static enum rc open_services(struct collector *c, struct err *e)
{
	const struct settings *s = c->settings;
	char *dir = file_join(s->state, "ledger");
	enum rc rc = file_mkdirs(s->state, e);
	if (rc == RC_OK)
		rc = run_open(s->state, &c->run, e);
	c->claims_next = (unsigned)c->run.id; /* a random number: short runs come round to all of them too */
	if (rc == RC_OK)
		rc = ledger_open(dir, s->ledger_max_bytes, &c->ledger, e);
	mem_free(&dir);
	if (rc != RC_OK)
		return rc == RC_AGAIN ? RC_FAIL : rc;
	UNTIL_THERE(c, store_open(s->store, s->store_place, s->store_option, s->store_options, &c->store, e));
	UNTIL_THERE(c, bus_open(s->bus, s->bus_place, s->bus_option, s->bus_options, &c->bus, e));
	UNTIL_THERE(c, ensure_topics(c, e));
	UNTIL_THERE(c, recover_schemas(s, c->store, e));
	UNTIL_THERE(c, recover_lost_ledger(s, c->store, c->ledger, e));
	UNTIL_THERE(c, recover_copies(s, c->store, c->ledger, e));
	UNTIL_THERE(c, claim_sweep(s, c->store, c->ledger, e));
	return RC_OK;
}

static enum rc open_parts(struct collector *c, struct err *e)
{
	const struct collector_job *job = c->job;
	const struct publish_params publish = {.settings = c->settings,
	    .partitions = c->partitions,
	    .board = c->board,
	    .waiter = WAITER_PUBLISH,
	    .inflight = c->inflight,
	    .run = c->run.id,
	    .meanwhile = meanwhile,
	    .context = c};
	const struct finder_params finder = {.settings = c->settings,
	    .board = c->board,
	    .once = job->once,
	    .only = job->only,
	    .path = job->path,
	    .paths = job->paths,
	    .again = job->again};
	c->finder = finder_new(&finder, ledger_share(c->ledger));
	enum rc rc = publish_open(&publish, c->bus, c->store, c->ledger, &c->publish, e);
	if (rc != RC_OK)
		return rc;
	const struct again_params again = {.settings = c->settings,
	    .only = job->only,
	    .partitions = c->partitions,
	    .run = &c->run,
	    .board = c->board,
	    .waiter = WAITER_PUBLISH,
	    .ledger = c->ledger,
	    .store = c->store,
	    .bus = c->bus,
	    .publish = c->publish};
	c->again = again_new(&again);
	return RC_OK;
}

static enum rc open_archive(struct collector *c, unsigned number, struct archive **out, struct err *e)
{
	const struct settings *s = c->settings;
	struct store *store = NULL;
	enum rc rc;
	UNTIL_THERE(c, store_open(s->store, s->store_place, s->store_option, s->store_options, &store, e));
	const struct archive_params params = {.settings = s,
	    .board = c->board,
	    .inflight = c->inflight,
	    .hold = c->hold,
	    .partitions = c->partitions,
	    .staging = c->run.staging,
	    .thread = number,
	    .run = c->run.id,
	    .limits = c->limits,
	    .confine = c->job->confine,
	    .rows_max = c->rows_max};
	*out = archive_new(&params, store, ledger_share(c->ledger));
	return RC_OK;
}

/* What earlier runs left is counted; the publisher sees to it. */
static enum rc open_spool(struct collector *c, struct err *e)
{
	struct recover_found found = {.files = 0};
	struct spool_params params = {.recover = {.settings = c->settings,
	                                  .only = c->job->only,
	                                  .run = &c->run,
	                                  .publish = c->publish,
	                                  .board = c->board},
	    .ledger = c->ledger,
	    .waiter = WAITER_PUBLISH};
	enum rc rc = recover_open(&params.recover, c->ledger, &found, e);
	if (rc == RC_OK)
		rc = open_archive(c, c->archivers, &params.archive, e);
	if (rc != RC_OK)
		return rc;
	again_archive(c->again, params.archive);
	c->spool = spool_new(&params, &found);
	return RC_OK;
}

static enum rc start_threads(struct collector *c, struct err *e)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	c->archivers = cpus < 2 ? 2 : cpus > ARCHIVERS_MOST ? ARCHIVERS_MOST : (unsigned)cpus;
	enum rc rc = open_spool(c, e);
	for (unsigned i = 0; i < c->archivers && rc == RC_OK; i++)
		rc = open_archive(c, i, &c->archive[i], e);
	if (rc != RC_OK)
		return rc;
	atomic_store(&c->awaited, publish_waits(c->publish));
	for (unsigned i = 0; i < c->archivers; i++) {
		struct archiver *me = mem_zero(1, sizeof *me);
		*me = (struct archiver){c, i};
		int sys = pthread_create(&c->archiver[i], NULL, archiver_run, me);
		if (sys != 0) {
			mem_free(&me);
			return err_sys(RC_FAIL, sys, e, "thread");
		}
		c->started++;
	}
	int sys = pthread_create(&c->publisher, NULL, publisher_run, c);
	c->publishing = sys == 0;
	return sys == 0 ? RC_OK : err_sys(RC_FAIL, sys, e, "thread");
}

/* Items that came back, and items that are ready: as many as the queue takes without waiting. */
static bool move_items(struct collector *c)
{
	struct item_list back = {.count = 0};
	struct item *it;
	pthread_mutex_lock(&c->lock);
	items_move(&back, &c->back);
	pthread_mutex_unlock(&c->lock);
	bool any = back.count > 0;
	while ((it = items_take(&back)) != NULL)
		finder_return(c->finder, it);
	size_t room = 2 * (size_t)c->settings->collect_group;
	/* Only this thread puts: what was free stays free. */
	for (size_t used = queue_length(c->work); used < room && (it = finder_take(c->finder)) != NULL; used++) {
		any = true;
		if (!queue_put(c->work, it)) {
			it->outcome = ITEM_LATER;
			finder_return(c->finder, it);
			break;
		}
	}
	return any;
}

static void sleep_main(struct collector *c)
{
	struct pollfd fds[POLL_FDS];
	int64_t due_ms = 0;
	size_t n = finder_poll(c->finder, fds, POLL_FDS - 2, &due_ms);
	fds[n++] = (struct pollfd){.fd = c->wake, .events = POLLIN};
	if (c->job->wake_fd >= 0)
		fds[n++] = (struct pollfd){.fd = c->job->wake_fd, .events = POLLIN};
	if (poll(fds, n, (int)(due_ms < POLL_MOST_MS ? due_ms : POLL_MOST_MS)) > 0) {
		uint64_t count;
		(void)!read(c->wake, &count, sizeof count);
	}
}

/* Is a run that ends at its end? */
static bool done(struct collector *c)
{
	if (!c->job->once || !atomic_load(&c->caught_up) || atomic_load(&c->spooled) || finder_scanning(c->finder) ||
	    finder_pending(c->finder) > 0)
		return false;
	if (!c->job->until_committed)
		return true;
	atomic_store(&c->flush_wanted, true);
	return atomic_load(&c->awaited) == 0;
}

static void main_loop(struct collector *c)
{
	struct mono shown = {0}, measured = {0};
	while (!asked_to_stop(c)) {
		bool any = move_items(c);
		any |= finder_step(c->finder);
		/* The threads behind it run already. */
		metric_accepting(c->job->figures, finder_watching(c->finder));
		if (mono_since(shown) >= PROGRESS_MS) {
			show_progress(c);
			shown = clock_mono();
		}
		if (mono_since(measured) >= MEASURE_MS) {
			limits_files(c->job->figures);
			limit_set(c->job->figures, LIMIT_LEDGER, ledger_used(c->ledger));
			measured = clock_mono();
		}
		if (any)
			continue;
		if (done(c))
			break;
		sleep_main(c);
	}
	metric_accepting(c->job->figures, false);
}

static void stop_threads(struct collector *c)
{
	struct item_list *list;
	struct item *it;
	atomic_store(&c->ending, true);
	queue_close(c->work);
	for (unsigned i = 0; i < c->started; i++)
		pthread_join(c->archiver[i], NULL);
	atomic_store(&c->archived_all, true);
	queue_close(c->groups);
	if (c->publishing)
		pthread_join(c->publisher, NULL);
	while ((list = queue_take(c->groups, 0)) != NULL) {
		hand_back(c, list);
		mem_free(&list);
	}
	while ((it = queue_take(c->work, 0)) != NULL)
		item_free(&it);
	while ((it = items_take(&c->back)) != NULL)
		item_free(&it);
}

static void close_all(struct collector *c)
{
	for (unsigned i = 0; i < c->archivers; i++)
		archive_free(&c->archive[i]);
	spool_free(&c->spool);
	again_free(&c->again);
	publish_close(&c->publish);
	finder_free(&c->finder);
	hold_free(&c->hold);
	bus_close(&c->bus);
	run_close(&c->run, c->store);
	store_close(&c->store);
	ledger_close(&c->ledger);
	inflight_free(&c->inflight);
	queue_free(&c->work);
	queue_free(&c->groups);
	pthread_mutex_destroy(&c->lock);
	mem_free(&c->partitions);
	close(c->wake);
}

enum rc collector_run(const struct collector_job *job, struct collector_result *result, struct err *e)
{
	const struct settings *s = job->settings;
	struct collector c = {.job = job, .settings = s, .wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
	if (c.wake < 0)
		return err_sys(RC_FAIL, errno, e, "eventfd");
	c.waits = waits_new(s->state, job->figures != NULL ? job->figures->name : "collector");
	c.board = board_new(job->figures, c.waits, waiter_name);
	c.inflight = inflight_new();
	c.hold = hold_new(s->collect_memory, job->figures);
	limits_begin(job->figures);
	c.partitions = mem_zero(2 * s->pipelines + 1, sizeof *c.partitions);
	c.work = queue_new(2 * (size_t)s->collect_group + 1);
	c.groups = queue_new(GROUPS);
	pthread_mutex_init(&c.lock, NULL);

	enum rc rc = open_services(&c, e);
	if (rc == RC_OK)
		rc = open_parts(&c, e);
	if (rc == RC_OK)
		rc = start_threads(&c, e);
	if (rc == RC_OK) {
		log_info("started, run %016" PRIx64, c.run.id);
		main_loop(&c);
		show_progress(&c);
	}
	stop_threads(&c);
	struct board *b = c.board;
	*result = (struct collector_result){.files = board_count(b, BOARD_FILES),
	    .doubled = board_count(b, BOARD_DOUBLED),
	    .aside = board_count(b, BOARD_ASIDE),
	    .committed = board_count(b, BOARD_COMMITTED),
	    .refused = board_count(b, BOARD_REFUSED),
	    .rows = board_count(b, BOARD_ROWS),
	    .nulls = board_count(b, BOARD_NULLS),
	    .rejects = board_count(b, BOARD_REJECTS),
	    .missing = c.finder != NULL ? finder_missing(c.finder) : 0};
	close_all(&c);
	if ((rc == RC_OK || rc == RC_END) && board_failed(b, e))
		rc = RC_FAIL;
	board_free(&c.board);
	waits_free(&c.waits);
	return rc == RC_END ? RC_OK : rc;
}

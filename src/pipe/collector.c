/*
 * The collector's threads: the caller's finds files and talks to the user; archive threads read, hash, dissect and
 * copy, each with a group of its own; one publisher owns ledger, bus and everything after. Items go round: finder ->
 * archive thread -> publisher -> finder.
 */
#include "pipe/collector.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "pipe/claim.h"
#include "pipe/collector_work.h"
#include "pipe/figures.h"
#include "pipe/limits.h"
#include "pipe/recover.h"

enum {
	GROUPS = 2 * ARCHIVERS_MOST, /* that may wait for the publisher */
	MEMORY_SHARE = 4,   /* a group takes that share of collect.memory: what is stuck leaves room for more */
	POLL_MOST_MS = 200, /* how late a stop may be seen when nothing wakes us */
	PROGRESS_MS = 200,
	MEASURE_MS = 500,
	POLL_FDS = 256,
};

static const char *const waiter_name[BOARD_WAITERS] = {"archiving", "archiving.2", "archiving.3",
    "archiving.4", [WAITER_PUBLISH] = "publishing", [WAITER_MAIN] = "starting"};

void collector_wake(struct collector *c)
{
	uint64_t one = 1;
	(void)!write(c->wake, &one, sizeof one);
}

void collector_hand_back(struct collector *c, struct item_list *items)
{
	pthread_mutex_lock(&c->lock);
	items_move(&c->back, items);
	pthread_mutex_unlock(&c->lock);
	collector_wake(c);
}

void collector_trouble(struct collector *c, unsigned waiter, enum rc rc, const struct err *e, int64_t *backoff_ms)
{
	if (rc == RC_FAIL) {
		board_fail(c->board, e);
		return;
	}
	if (board_stopped(c->board))
		return; /* that is why */
	board_wait(c->board, waiter, e->text);
	*backoff_ms = board_backoff(*backoff_ms);
	board_sleep(c->board, *backoff_ms);
}

uint64_t collector_group_bytes(const struct collector *c)
{
	return c->settings->collect_memory / MEMORY_SHARE;
}

enum rc collector_ask_limit(struct collector *c, size_t *event_bytes, struct err *e)
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
		rc = collector_ask_limit(c, &c->limits.event_bytes, e);
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
	    .named_at_end = job->once && job->until_committed,
	    .meanwhile = publisher_meanwhile,
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
		collector_hand_back(c, list);
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

/*
 * A worker is threads that share nothing but the index of identities and the figures. A thread has partitions of every
 * topic as lanes, and turns to each in turn; it has one bus, one store and one memory budget for all of them. Where the
 * bus hands out partitions, every thread has a lane for each there is, and those that are not its own stand by.
 */
#include "pipe/worker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/heap.h"
#include "base/log.h"
#include "base/mem.h"
#include "confine/confine.h"
#include "pipe/figures.h"
#include "pipe/lane.h"
#include "pipe/limits.h"

enum {
	LOOK_MS = 1000,  /* for topics and partitions that are new */
	IDLE_MS = 20,    /* between looks at a quiet bus */
	OPEN_MS = 5,     /* the same while a commit is open, whose age is watched */
	RETRY_MS = 1000, /* of a bus or lake that can't be opened */
	MEASURE_MS = 500,
	PRESSED_SHARE = 4, /* less than that share of the bus is free: it is filling up */
	STOP_SHARE = 3,    /* an original that is being dissected may go on for that share of stop_timeout */
};

/* How far the threads of a process are: shared by them. */
struct start {
	_Atomic unsigned settled; /* threads none of whose partitions is still on its way */
	_Atomic bool reads, over; /* a thread reads; the process accepts */
};

struct thread {
	const struct worker_job *job;
	unsigned index;
	pthread_t id;
	bool started;
	struct bench bench;
	struct crc32_tables crc;
	struct intake **intake; /* per pipeline */
	struct lane **lane;
	size_t lanes, capacity;
	bool shares; /* the bus hands out partitions */
	struct mono looked, measured, given_back;
	struct start *start;
	bool settled;
	struct mono stopped; /* when stop was first seen, 0 not yet */
	enum rc rc;
	struct err reason;
};

static bool stop_asked(struct thread *t)
{
	const struct worker_job *job = t->job;

	if (t->stopped.ms != 0)
		return true;
	if ((job->stop != NULL && job->stop(job->context)) || (job->stop_now != NULL && job->stop_now(job->context)))
		t->stopped = clock_mono();
	if (t->stopped.ms != 0)
		metric_accepting(job->figures, false);
	return t->stopped.ms != 0;
}

static bool now_asked(const struct thread *t)
{
	return t->job->stop_now != NULL && t->job->stop_now(t->job->context);
}

/* Between batches of a long original: a stop lets it end if that is soon. */
static bool halt_asked(void *context)
{
	struct thread *t = context;

	return now_asked(t) ||
	       (stop_asked(t) && mono_since(t->stopped) > t->job->settings->stop_timeout_ms / STOP_SHARE);
}

/* Bus and lake may come up after us. RC_END: asked to stop meanwhile. */
static enum rc open_services(struct thread *t, struct err *e)
{
	const struct settings *s = t->job->settings;
	bool said = false;
	char label[WAITS_WHAT];

	snprintf(label, sizeof label, "thread.%u", t->index);
	for (;;) {
		enum rc rc = RC_OK;
		if (t->bench.bus == NULL)
			rc = bus_open(s->bus, s->bus_place, s->bus_option, s->bus_options, &t->bench.bus, e);
		if (rc == RC_OK && t->bench.store == NULL)
			rc =
			    store_open(s->store, s->store_place, s->store_option, s->store_options, &t->bench.store, e);
		if (rc != RC_AGAIN) {
			waits_end(t->bench.waits, label);
			return rc;
		}
		waits_begin(t->bench.waits, label, e->text);
		if (!said)
			log_warn("waits: %s", e->text);
		said = true;
		if (stop_asked(t))
			return RC_END;
		clock_sleep_ms(RETRY_MS);
	}
}

/* Take part with the topics of all pipelines, those that are not there yet too. */
static enum rc join(struct thread *t, struct err *e)
{
	const struct settings *s = t->job->settings;
	size_t topics = 0;

	if (t->job->member == NULL || s->partitions.count > 0)
		return RC_OK;
	const char **topic = mem_zero(2 * s->pipelines, sizeof *topic);
	for (size_t i = 0; i < s->pipelines; i++) {
		topic[topics++] = s->pipeline[i].topic_files;
		if (s->pipeline[i].rows_worker == ROWS_NATIVE)
			topic[topics++] = s->pipeline[i].topic_rows;
	}
	char *member = mem_format("%s-%u", t->job->member, t->index);
	enum rc rc = bus_join(t->bench.bus, member, topic, topics, e);
	t->shares = rc == RC_OK;
	mem_free(&member);
	mem_free(&topic);
	return rc == RC_END ? RC_OK : rc;
}

static bool has_lane(const struct thread *t, const char *topic, unsigned partition)
{
	for (size_t i = 0; i < t->lanes; i++)
		if (lane_is(t->lane[i], topic, partition))
			return true;
	return false;
}

static void add_lane(struct thread *t, size_t pipeline, const char *topic, unsigned partition)
{
	const struct settings *s = t->job->settings;

	if (t->intake[pipeline] == NULL)
		t->intake[pipeline] = intake_new(&t->bench, &s->pipeline[pipeline]);
	if (t->lanes == t->capacity) {
		t->capacity = mem_grow(t->capacity, t->lanes + 1);
		t->lane = mem_resize(t->lane, t->capacity * sizeof *t->lane);
	}
	t->lane[t->lanes++] = lane_new(&t->bench, t->intake[pipeline], &s->pipeline[pipeline], topic, partition);
}

/* Partitions of a topic that this thread has no lane for yet. */
static enum rc look_at(struct thread *t, size_t pipeline, const char *topic, struct err *e)
{
	const struct number_list *named = &t->job->settings->partitions;
	unsigned have = 0, threads = t->job->settings->workers;
	enum rc rc = bus_topic_partitions(t->bench.bus, topic, &have, e);
	size_t choices = named->count > 0 ? named->count : have;

	for (size_t i = t->shares ? 0 : t->index; rc == RC_OK && i < choices; i += t->shares ? 1 : threads) {
		unsigned p = named->count > 0 ? named->at[i] : (unsigned)i;
		if (p < have && !has_lane(t, topic, p))
			add_lane(t, pipeline, topic, p);
	}
	return rc == RC_END ? RC_OK : rc;
}

static enum rc look(struct thread *t, struct err *e)
{
	const struct settings *s = t->job->settings;
	enum rc rc = RC_OK;

	t->looked = clock_mono();
	for (size_t i = 0; i < s->pipelines && rc == RC_OK; i++) {
		rc = look_at(t, i, s->pipeline[i].topic_files, e);
		/* Spark's worker takes them (spark/rows_worker.py). */
		if (rc == RC_OK && s->pipeline[i].rows_worker == ROWS_NATIVE)
			rc = look_at(t, i, s->pipeline[i].topic_rows, e);
	}
	return rc;
}

/* once: what lies on the bus now, and not what comes later. RC_END: asked to stop meanwhile. */
static enum rc set_targets(struct thread *t, struct err *e)
{
	for (;;) {
		enum rc rc = look(t, e);
		for (size_t i = 0; i < t->lanes && rc == RC_OK; i++)
			rc = lane_once(t->lane[i], e);
		if (rc != RC_AGAIN)
			return rc;
		if (stop_asked(t))
			return RC_END;
		clock_sleep_ms(RETRY_MS);
	}
}

static bool turn(struct thread *t, const struct intake_halt *halt)
{
	bool acted = false;

	for (size_t i = 0; i < t->lanes && !halt_asked(t); i++)
		acted |= lane_step(t->lane[i], halt);
	return acted;
}

/*
 * Whatever partitions this thread shall have it has, recovered, and the bus has answered for each. Those that stay with
 * another process are that one's, but a process that has none at all accepts nothing.
 */
static void tell_accepting(struct thread *t)
{
	bool reads = false;

	if (atomic_load(&t->start->over))
		return;
	for (size_t i = 0; i < t->lanes; i++) {
		enum lane_stand stand = lane_stand(t->lane[i]);
		if (stand == LANE_STARTS)
			return;
		reads |= stand == LANE_READS;
	}
	if (!t->settled)
		atomic_fetch_add(&t->start->settled, 1);
	t->settled = true;
	if (reads)
		atomic_store(&t->start->reads, true);
	if (atomic_load(&t->start->reads) && atomic_load(&t->start->settled) == t->job->settings->workers &&
	    !atomic_exchange(&t->start->over, true))
		metric_accepting(t->job->figures, true);
}

static bool all_done(struct thread *t)
{
	for (size_t i = 0; i < t->lanes; i++) {
		bool failed;
		struct err why;
		if (!lane_done(t->lane[i], &failed, &why))
			return false;
		if (failed && t->rc == RC_OK) {
			t->rc = RC_FAIL;
			t->reason = why;
		}
	}
	return true;
}

/* Events leave the embedded bus only with commits: the closer it is to its bound, the less it helps to collect rows for
 * large files. */
static void measure(struct thread *t)
{
	uint64_t used = 0, bound = 0;
	struct err e;

	t->measured = clock_mono();
	t->bench.pressed =
	    bus_usage(t->bench.bus, &used, &bound, &e) == RC_OK && bound > 0 && used >= bound - bound / PRESSED_SHARE;
	if (t->index == 0) {
		limit_set(t->bench.figures, LIMIT_DEDUPE, seen_used(t->bench.seen));
		limits_files(t->bench.figures);
		heap_give_back(&t->given_back); /* of all threads */
	}
}

/* Turn to the lanes until stopped or, with once, done. */
static void work(struct thread *t)
{
	const struct intake_halt halt = {.asked = halt_asked, .context = t};
	const struct worker_job *job = t->job;

	while (!stop_asked(t)) {
		struct err e;
		bool busy = false;
		if (!job->once && mono_since(t->looked) >= LOOK_MS && look(t, &e) != RC_OK)
			log_debug("looking for topics: %s", e.text);
		if (mono_since(t->measured) >= MEASURE_MS)
			measure(t);
		bool acted = turn(t, &halt);
		tell_accepting(t);
		if (acted)
			continue;
		if (job->once && all_done(t))
			return;
		for (size_t i = 0; i < t->lanes; i++)
			busy |= lane_busy(t->lane[i]);
		clock_sleep_ms(busy ? OPEN_MS : IDLE_MS);
	}
	for (size_t i = 0; i < t->lanes && !halt_asked(t); i++)
		lane_drain(t->lane[i]);
}

static enum rc begin(struct thread *t, struct err *e)
{
	const struct settings *s = t->job->settings;
	const struct budget_limits limits = {.memory = s->worker_memory,
	    .open_files = s->open_hours > 0 ? s->open_hours : 1,
	    .file_bytes = s->file_max_bytes,
	    .parquet = s->parquet};
	enum rc rc = open_services(t, e);

	if (rc == RC_OK)
		rc = join(t, e);
	if (rc != RC_OK)
		return rc;
	t->bench.budget = budget_new(&limits, t->bench.store, &t->crc, t->bench.figures);
	t->looked = clock_mono();
	t->looked.ms -= LOOK_MS;
	t->given_back = clock_mono();
	return t->job->once ? set_targets(t, e) : RC_OK;
}

static void *run(void *context)
{
	struct thread *t = context;
	t->bench.cell = cell_new(t->job->confine);
	enum rc rc = begin(t, &t->reason);

	if (rc == RC_OK)
		work(t);
	else if (rc != RC_END)
		t->rc = rc;
	for (size_t i = 0; i < t->lanes; i++)
		lane_free(&t->lane[i]);
	for (size_t i = 0; i < t->job->settings->pipelines; i++)
		intake_free(&t->intake[i]);
	cell_free(&t->bench.cell);
	budget_free(&t->bench.budget);
	store_close(&t->bench.store);
	bus_close(&t->bench.bus);
	return NULL;
}

static void thread_init(struct thread *t, const struct worker_job *job, unsigned index, struct seen *seen,
    struct registrar *registrar, struct waits *waits)
{
	t->job = job;
	t->index = index;
	t->bench =
	    (struct bench){.settings = job->settings, .seen = seen, .registrar = registrar, .figures = job->figures};
	t->bench.crc = &t->crc;
	t->bench.waits = waits;
	crc32_init(&t->crc);
	t->intake = mem_zero(job->settings->pipelines + 1, sizeof *t->intake);
}

static void thread_fini(struct thread *t)
{
	mem_free(&t->intake);
	mem_free(&t->lane);
}

/* Rows are safe whatever the catalog does; with complete, what it was not told is a failure all the same. */
static enum rc end_registrar(const struct worker_job *job, struct registrar **r, enum rc rc, struct err *e)
{
	struct err why;
	int64_t wait_ms = job->settings->stop_timeout_ms / STOP_SHARE;
	if (registrar_stop(r, wait_ms, job->stop_now, job->context, &why) == RC_OK || rc != RC_OK)
		return rc;
	if (job->complete) {
		*e = why;
		return RC_FAIL;
	}
	log_warn("the catalog was not told of everything: %s", why.text);
	return RC_OK;
}

enum rc worker_run(const struct worker_job *job, struct err *e)
{
	const struct settings *s = job->settings;
	struct seen *seen = NULL;
	struct thread *thread = NULL;
	struct start start = {0};
	enum rc rc = seen_open(s->state, s->dedupe_horizon_ms, s->dedupe_max_bytes, &seen, e);

	if (rc != RC_OK)
		return rc == RC_AGAIN ? RC_FAIL : rc;
	/* Gauges of a process that died stay in its slot. */
	metric_set(job->figures, FIGURE_WAITING, 0);
	metric_set(job->figures, FIGURE_WORKER_MEMORY, 0);
	metric_set(job->figures, FIGURE_OPEN_WRITERS, 0);
	limits_begin(job->figures);
	struct registrar *registrar = registrar_start(s, job->member != NULL ? job->member : "worker", job->figures);
	struct waits *waits = waits_new(s->state, job->figures != NULL ? job->figures->name : "worker");
	thread = mem_zero(s->workers, sizeof *thread);
	for (unsigned i = 0; i < s->workers; i++) {
		thread_init(&thread[i], job, i, seen, registrar, waits);
		thread[i].start = &start;
		thread[i].started = pthread_create(&thread[i].id, NULL, run, &thread[i]) == 0;
		if (!thread[i].started)
			thread[i].rc = err_set(RC_FAIL, &thread[i].reason, "no more threads");
	}
	for (unsigned i = 0; i < s->workers; i++) {
		if (thread[i].started)
			pthread_join(thread[i].id, NULL);
		if (thread[i].rc != RC_OK && rc == RC_OK) {
			rc = RC_FAIL;
			*e = thread[i].reason;
		}
		thread_fini(&thread[i]);
	}
	mem_free(&thread);
	seen_close(&seen);
	waits_free(&waits);
	return end_registrar(job, &registrar, rc, e);
}

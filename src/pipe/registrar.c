/*
 * The catalog may be away for hours, or accept calls and never answer. So this thread is the only one that calls it,
 * what it has to say is a small set that is bounded (beyond its bound the lake itself is the list), and every failure
 * is waited out here.
 */
#include "pipe/registrar.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "pipe/datasets.h"
#include "pipe/figures.h"

enum {
	NOTES = 4096,          /* hours of one dataset that wait; beyond: the lake is looked through instead */
	LOOK_DELAY_MS = 200,   /* several partitions of the bus are taken over at about the same time */
	LOOK_EVERY_MS = 10000, /* at most */
	WAIT_LEAST_MS = 500,   /* back-off, doubling */
	WAIT_MOST_MS = 5000,
	WAIT_BROKEN_MS = 30000, /* of a table that can't be reconciled: a person has to do something */
	SLICE_MS = 50,          /* of a stop that watches for hurry */
	MS_PER_S = 1000,
	MS_PER_HOUR = 3600 * 1000,
	NS_PER_MS = 1000000,
};

/* One dataset. */
struct work {
	const struct catalog_table *table;
	/* under lock */
	int64_t *hour; /* that wait */
	size_t hours;
	bool look;
	struct mono look_due;
	bool absent; /* no table yet, because there are no rows: somebody else may bring the first (a Spark worker) */
	/* the thread's */
	bool ready; /* database and table are as they should be */
	struct mono looked;
	struct mono due; /* nothing before that */
	int64_t wait_ms; /* of the last back-off, 0 none */
	char said[ERR_TEXT];
	char refused[ERR_TEXT]; /* what was said of a partition last */
};

struct registrar {
	const struct settings *settings;
	struct metric_slot *figures;
	char *name;
	struct datasets datasets;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	atomic_bool halt;
	/* under lock */
	struct work *work; /* as the datasets */
	bool stopping, ended;
	/* the thread's */
	struct catalog *catalog;
	struct store *store;
	int64_t since_ms; /* wall, of the first failure in a row; 0 all is well */
	bool tidy;        /* no note lies there: at first, one of a predecessor that was killed may */
	enum rc rc;
	struct err reason;
};

char *registrar_note_path(const char *state, const char *name)
{
	return mem_format("%s/" REGISTRAR_NOTE ".%s", state, name);
}

/* ---- one dataset, here and now ---- */

struct comparison {
	struct catalog *catalog;
	const struct catalog_table *table;
	struct registrar_count *count;
	bool make;
};

static enum rc compare_one(void *context, const char *path, struct err *e)
{
	struct comparison *c = context;
	enum rc rc = RC_OK;
	if (path[0] == '\0')
		return RC_OK; /* a table without partitions */
	if (catalog_knows(c->catalog, c->table, path)) {
		c->count->there++;
		return RC_OK;
	}
	if (c->make)
		rc = catalog_ensure_partition(c->catalog, c->table, path, e);
	if (rc == RC_OK)
		c->count->made++;
	if (rc != RC_BAD)
		return rc;
	/* One that the catalog has elsewhere must not keep the others back. */
	log_error("partition is not registered: %s", e->text);
	c->count->refused++;
	return RC_OK;
}

static enum rc seen_one(void *context, const char *path, struct err *e)
{
	bool *any = context;
	*any = true;
	return RC_END;
}

/* A table is made when the lake has rows of it: made earlier, the catalog would make its folder, as whoever runs it. */
static enum rc make_table(
    struct catalog *c, struct store *store, const struct catalog_table *t, bool *there, struct err *e)
{
	struct catalog_view view = {.match = CATALOG_ABSENT};
	bool any = false, database = false;
	enum rc rc = catalog_reach(c, &database, e);
	if (rc == RC_OK && database)
		rc = catalog_describe(c, t, &view, e);
	if (rc == RC_OK)
		rc = datasets_walk(store, t->schema, seen_one, &any, e);
	*there = any || view.match != CATALOG_ABSENT;
	if (rc != RC_OK || !*there)
		return rc;
	rc = catalog_ensure_database(c, e);
	return rc == RC_OK ? catalog_ensure_table(c, t, e) : rc;
}

enum rc registrar_all(
    struct catalog *c, struct store *store, const struct catalog_table *t, struct registrar_count *count, struct err *e)
{
	struct comparison compare = {c, t, count, .make = true};
	bool there = false;
	*count = (struct registrar_count){0};
	enum rc rc = make_table(c, store, t, &there, e);
	count->table = rc == RC_OK && there;
	if (!count->table)
		return rc;
	rc = catalog_learn(c, t, e);
	if (rc == RC_END)
		rc = err_set(RC_AGAIN, e, "%s: the table vanished", t->schema->name);
	if (rc == RC_OK)
		rc = FAULT(CATALOG_LEARNED, e);
	return rc == RC_OK ? datasets_walk(store, t->schema, compare_one, &compare, e) : rc;
}

enum rc registrar_compare(
    struct catalog *c, struct store *store, const struct catalog_table *t, struct registrar_count *count, struct err *e)
{
	struct comparison compare = {c, t, count, .make = false};
	*count = (struct registrar_count){0};
	enum rc rc = catalog_learn(c, t, e);
	if (rc != RC_OK && rc != RC_END)
		return rc;
	return datasets_walk(store, t->schema, compare_one, &compare, e);
}

/* ---- what is to be told ---- */

void registrar_note(struct registrar *r, const struct schema *schema, int64_t hour)
{
	if (r == NULL)
		return;
	struct work *w = &r->work[datasets_find(&r->datasets, schema)];
	bool there = false;
	pthread_mutex_lock(&r->lock);
	for (size_t i = w->hours; i > 0 && !there; i--)
		there = w->hour[i - 1] == hour;
	if (!there && w->hours < NOTES)
		w->hour[w->hours++] = hour;
	else if (!there)
		w->look = true;
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
}

void registrar_look(struct registrar *r, const struct schema *schema)
{
	if (r == NULL)
		return;
	struct work *w = &r->work[datasets_find(&r->datasets, schema)];
	pthread_mutex_lock(&r->lock);
	w->look = true;
	w->look_due = clock_mono();
	w->look_due.ms += LOOK_DELAY_MS;
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
}

/* ---- telling ---- */

static uint64_t waiting(struct registrar *r)
{
	uint64_t n = 0;
	pthread_mutex_lock(&r->lock);
	for (size_t i = 0; i < r->datasets.count; i++)
		n += r->work[i].hours;
	pthread_mutex_unlock(&r->lock);
	return n;
}

/* So that status, which is another process, can say since when and why. */
static void write_note(struct registrar *r)
{
	struct err ignored;
	char *path = registrar_note_path(r->settings->state, r->name);
	if (r->since_ms == 0) {
		unlink(path);
	} else {
		char *text = mem_format("%" PRId64 "\n%" PRIu64 "\n%s\n", r->since_ms, waiting(r), r->reason.text);
		(void)!file_store(path, text, strlen(text), 0640, &ignored);
		mem_free(&text);
	}
	mem_free(&path);
}

static void show_waiting(struct registrar *r)
{
	metric_set(r->figures, FIGURE_PARTITIONS_WAITING, waiting(r));
	metric_set(r->figures, FIGURE_CATALOG_AWAY, r->since_ms != 0);
}

static void failed(struct registrar *r, struct work *w, enum rc rc, const struct err *e)
{
	bool broken = rc != RC_AGAIN;
	w->ready = false;
	w->wait_ms = w->wait_ms == 0 ? WAIT_LEAST_MS : w->wait_ms * 2;
	if (w->wait_ms > WAIT_MOST_MS)
		w->wait_ms = WAIT_MOST_MS;
	w->due = clock_mono();
	w->due.ms += broken ? WAIT_BROKEN_MS : w->wait_ms;
	if (strcmp(w->said, e->text) != 0) {
		if (broken)
			log_error("partitions are not registered: %s dataset=%s", e->text, w->table->schema->name);
		else
			log_warn("partitions wait for the catalog: %s dataset=%s", e->text, w->table->schema->name);
		(void)!str_copy(w->said, sizeof w->said, e->text);
	}
	if (r->since_ms == 0)
		r->since_ms = clock_wall().ns / NS_PER_MS;
	r->rc = rc;
	r->reason = *e;
	r->tidy = false;
	write_note(r);
}

static void worked(struct registrar *r, struct work *w)
{
	bool well = true;
	if (w->said[0] != '\0')
		log_info("partitions are registered again dataset=%s", w->table->schema->name);
	w->said[0] = '\0';
	w->wait_ms = 0;
	for (size_t i = 0; i < r->datasets.count; i++)
		well &= r->work[i].said[0] == '\0';
	if (!well || r->tidy)
		return;
	r->since_ms = 0;
	r->tidy = true;
	write_note(r);
}

static enum rc open_store(struct registrar *r, struct err *e)
{
	const struct settings *s = r->settings;
	if (r->store != NULL)
		return RC_OK;
	return store_open(s->store, s->store_place, s->store_option, s->store_options, &r->store, e);
}

static enum rc prepare(struct registrar *r, struct work *w, struct err *e)
{
	if (w->ready)
		return RC_OK;
	enum rc rc = catalog_ensure_database(r->catalog, e);
	if (rc == RC_OK)
		rc = catalog_ensure_table(r->catalog, w->table, e);
	if (rc == RC_OK)
		rc = FAULT(CATALOG_READY, e);
	w->ready = rc == RC_OK;
	return rc;
}

static bool first_hour(struct registrar *r, const struct work *w, int64_t *hour)
{
	pthread_mutex_lock(&r->lock);
	bool any = w->hours > 0;
	if (any)
		*hour = w->hour[0];
	pthread_mutex_unlock(&r->lock);
	return any;
}

/* Only notes at the end can have come meanwhile. */
static void drop_first(struct registrar *r, struct work *w)
{
	pthread_mutex_lock(&r->lock);
	w->hours--;
	memmove(w->hour, w->hour + 1, w->hours * sizeof *w->hour);
	pthread_mutex_unlock(&r->lock);
}

/* The catalog has that partition somewhere else. It must not keep the others back. */
static void say_refused(struct work *w, const struct err *e)
{
	if (strcmp(w->refused, e->text) != 0)
		log_error("partition is not registered: %s", e->text);
	(void)!str_copy(w->refused, sizeof w->refused, e->text);
}

static bool may_expire(const struct settings *s, int64_t hour)
{
	int64_t ended_ms = (hour + 1) * MS_PER_HOUR;
	return s->expire_tables_ms > 0 && ended_ms <= clock_wall().ns / NS_PER_MS - s->expire_tables_ms;
}

static enum rc tell_hours(struct registrar *r, struct work *w, struct err *e)
{
	int64_t hour;
	while (first_hour(r, w, &hour)) {
		char path[CATALOG_PATH];
		bool refused = false;
		enum rc rc = prepare(r, w, e);
		schema_partition_path(w->table->schema, hour, path, sizeof path);
		bool known = rc == RC_OK && catalog_knows(r->catalog, w->table, path);
		/* An expiry drops old partitions: one that late rows have come for may have been there and be gone. */
		if (may_expire(r->settings, hour))
			catalog_forget(r->catalog, w->table, path);
		if (rc == RC_OK)
			rc = FAULT(CATALOG_TELLING, e);
		if (rc == RC_OK) {
			rc = catalog_ensure_partition(r->catalog, w->table, path, e);
			refused = rc == RC_BAD;
		}
		if (rc == RC_OK)
			rc = FAULT(CATALOG_TOLD, e);
		if (refused)
			say_refused(w, e);
		else if (rc != RC_OK)
			return rc;
		else if (!known)
			metric_add(r->figures, FIGURE_PARTITIONS_REGISTERED, 1);
		drop_first(r, w);
	}
	return RC_OK;
}

/* The flag goes down before the look: what is published while it goes on is noted. */
static enum rc look_through(struct registrar *r, struct work *w, struct err *e)
{
	struct registrar_count count = {0};
	pthread_mutex_lock(&r->lock);
	w->look = false;
	pthread_mutex_unlock(&r->lock);
	w->looked = clock_mono();
	enum rc rc = open_store(r, e);
	if (rc == RC_OK)
		rc = registrar_all(r->catalog, r->store, w->table, &count, e);
	metric_add(r->figures, FIGURE_PARTITIONS_REGISTERED, count.made);
	if (count.made > 0)
		log_info("partitions that the catalog lacked: %" PRIu64 " registered, %" PRIu64
		         " were there dataset=%s",
		    count.made, count.there, w->table->schema->name);
	pthread_mutex_lock(&r->lock);
	w->look |= rc != RC_OK;
	if (rc != RC_OK)
		w->looked = (struct mono){0}; /* its back-off says when, not the last look */
	w->absent = rc == RC_OK && !count.table;
	pthread_mutex_unlock(&r->lock);
	return rc;
}

/* When there is something to do for it: ms of the monotonic clock; INT64_MAX nothing. Under lock. */
static int64_t due_at(const struct registrar *r, const struct work *w)
{
	int64_t at = INT64_MAX;
	if (w->look || w->absent) {
		at = w->look ? w->look_due.ms : 0;
		if (w->looked.ms != 0 && w->looked.ms + LOOK_EVERY_MS > at)
			at = w->looked.ms + LOOK_EVERY_MS;
	}
	if (w->hours > 0 || (w->look && r->stopping))
		at = 0;
	return at != INT64_MAX && w->due.ms > at ? w->due.ms : at;
}

static bool due_now(struct registrar *r, const struct work *w, bool *look)
{
	int64_t now = clock_mono().ms;
	pthread_mutex_lock(&r->lock);
	bool due = due_at(r, w) <= now;
	bool late = w->look_due.ms <= now && (w->looked.ms == 0 || w->looked.ms + LOOK_EVERY_MS <= now);
	*look = r->stopping ? w->look : (w->look || w->absent) && late;
	pthread_mutex_unlock(&r->lock);
	return due;
}

/* New rows first: they are what somebody looks for. */
static void serve(struct registrar *r, struct work *w, bool look)
{
	struct err e;
	enum rc rc = tell_hours(r, w, &e);
	if (rc == RC_OK && look)
		rc = look_through(r, w, &e);
	if (rc == RC_OK)
		worked(r, w);
	else
		failed(r, w, rc, &e);
}

/* Sleep until something is due. false: asked to stop. */
static bool sleep_until_due(struct registrar *r)
{
	pthread_mutex_lock(&r->lock);
	while (!r->stopping) {
		int64_t at = INT64_MAX;
		struct timespec until;
		for (size_t i = 0; i < r->datasets.count; i++) {
			int64_t due = due_at(r, &r->work[i]);
			at = due < at ? due : at;
		}
		if (at <= clock_mono().ms)
			break;
		if (at == INT64_MAX) {
			pthread_cond_wait(&r->wake, &r->lock);
			continue;
		}
		until = (struct timespec){at / MS_PER_S, at % MS_PER_S * NS_PER_MS};
		pthread_cond_timedwait(&r->wake, &r->lock, &until);
	}
	bool on = !r->stopping;
	pthread_mutex_unlock(&r->lock);
	return on;
}

/* Whatever is left, once, without waiting for a back-off: what fails now is left for the next start. */
static void finish(struct registrar *r)
{
	r->rc = RC_OK;
	for (size_t i = 0; i < r->datasets.count; i++) {
		bool look = false;
		struct work *w = &r->work[i];
		w->due = (struct mono){0};
		if (due_now(r, w, &look))
			serve(r, w, look);
	}
	write_note(r);
	show_waiting(r);
}

static void *run(void *context)
{
	struct registrar *r = context;
	while (sleep_until_due(r)) {
		for (size_t i = 0; i < r->datasets.count; i++) {
			bool look = false;
			if (due_now(r, &r->work[i], &look))
				serve(r, &r->work[i], look);
			show_waiting(r);
		}
	}
	finish(r);
	catalog_close(&r->catalog);
	store_close(&r->store);
	pthread_mutex_lock(&r->lock);
	r->ended = true;
	pthread_cond_broadcast(&r->wake);
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

/* ---- its life ---- */

static void registrar_free(struct registrar **rp)
{
	struct registrar *r = *rp;
	for (size_t i = 0; i < r->datasets.count; i++)
		mem_free(&r->work[i].hour);
	mem_free(&r->work);
	mem_free(&r->name);
	datasets_fini(&r->datasets);
	pthread_cond_destroy(&r->wake);
	pthread_mutex_destroy(&r->lock);
	mem_free(rp);
}

struct registrar *registrar_start(const struct settings *s, const char *name, struct metric_slot *figures)
{
	struct err e;
	pthread_condattr_t attr;
	if (s->catalog == NULL || s->catalog->idle)
		return NULL;
	struct registrar *r = mem_zero(1, sizeof *r);
	r->settings = s;
	r->figures = figures;
	r->name = mem_text(name);
	datasets_init(&r->datasets, s);
	r->work = mem_zero(r->datasets.count + 1, sizeof *r->work);
	for (size_t i = 0; i < r->datasets.count; i++)
		r->work[i] = (struct work){.table = &r->datasets.table[i], .hour = mem_zero(NOTES, sizeof(int64_t))};
	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&r->wake, &attr);
	pthread_condattr_destroy(&attr);
	show_waiting(r);
	write_note(r);
	/* The place was opened once when the configuration was read. */
	if (datasets_catalog(s, &r->halt, &r->catalog, &e) != RC_OK || pthread_create(&r->thread, NULL, run, r) != 0) {
		log_error("no catalog: its thread cannot be started");
		catalog_close(&r->catalog);
		registrar_free(&r);
	}
	return r;
}

enum rc registrar_stop(
    struct registrar **rp, int64_t wait_ms, bool (*hurry)(void *context), void *context, struct err *e)
{
	struct registrar *r = *rp;
	enum rc rc = RC_OK;
	if (r == NULL)
		return RC_OK;
	struct mono began = clock_mono();
	pthread_mutex_lock(&r->lock);
	r->stopping = true;
	pthread_cond_broadcast(&r->wake);
	bool ended = r->ended;
	pthread_mutex_unlock(&r->lock);
	while (!ended && mono_since(began) < wait_ms && !(hurry != NULL && hurry(context))) {
		clock_sleep_ms(SLICE_MS);
		pthread_mutex_lock(&r->lock);
		ended = r->ended;
		pthread_mutex_unlock(&r->lock);
	}
	atomic_store(&r->halt, true);
	pthread_join(r->thread, NULL);
	uint64_t left = waiting(r);
	for (size_t i = 0; i < r->datasets.count; i++)
		left += r->work[i].look;
	if (left > 0)
		rc = err_set(RC_AGAIN, e, "partitions are not registered yet: %.350s", r->reason.text);
	registrar_free(&r);
	*rp = NULL;
	return rc;
}

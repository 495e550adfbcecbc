/* One lock guards the last of everything that was seen; looks are made outside it and handed in whole. */
#include "app/observe.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/replayed.h"
#include "base/clock.h"
#include "base/mem.h"

enum {
	ASK_LOCAL_MS = 2000, /* between two questions to what lies on this machine */
	ASK_AFAR_MS = 10000,
	RECENT = 500,           /* originals whose times are looked at */
	RECENT_MS = 15 * 60000, /* no older than that */
	REJECTS_EVERY_MS = 3000,
	REJECTS_LOOKED_AT = 200000, /* originals gone through for rejects, from the newest on */
};

const char *const observe_series_name[SERIES_COUNT] = {
    [SERIES_SEEN] = "seen",
    [SERIES_ARCHIVED] = "archived",
    [SERIES_PUBLISHED] = "published",
    [SERIES_COMMITTED] = "committed",
    [SERIES_ROWS] = "rows",
    [SERIES_BYTES_IN] = "bytes_in",
    [SERIES_BYTES_OUT] = "bytes_out",
    [SERIES_REJECTS] = "rejects",
    [SERIES_LAG] = "lag",
};

static const int series_figure[SERIES_COUNT] = {
    [SERIES_SEEN] = FIGURE_FILES_SEEN,
    [SERIES_ARCHIVED] = FIGURE_FILES_ARCHIVED,
    [SERIES_PUBLISHED] = FIGURE_FILES_PUBLISHED,
    [SERIES_COMMITTED] = FIGURE_FILES_COMMITTED,
    [SERIES_ROWS] = FIGURE_ROWS_COMMITTED,
    [SERIES_BYTES_IN] = FIGURE_BYTES_ARCHIVED,
    [SERIES_BYTES_OUT] = FIGURE_BYTES_WRITTEN,
    [SERIES_REJECTS] = FIGURE_REJECTS,
    [SERIES_LAG] = -1,
};

struct rejects {
	struct observe_reject entry[OBSERVE_REJECTS];
	unsigned count;
	bool cut;
};

struct observe {
	const struct config *config;
	/* owned by the owner's thread */
	struct health_sources local;
	uint64_t rejects_of; /* what the list was made of */
	struct mono rejects_at;
	/* owned by the asking thread */
	pthread_t asker;
	struct health_sources afar;
	struct replayed *chains;

	pthread_mutex_t lock;
	pthread_cond_t wake;
	/* under lock */
	bool stop;
	struct health looked, asked, joined;
	int64_t looked_ms, asked_ms, silent_ms;
	struct observe_latency latency;
	struct observe_sample sample[OBSERVE_SAMPLES];
	uint64_t samples;
	struct rejects *rejects;
	json_t *replayed;
	uint64_t replays;
};

static int64_t now_ms(void)
{
	return clock_wall().ns / 1000000;
}

/* ---- bus and lake ---- */

static int64_t pause_ms(const struct settings *s)
{
	bool local = strcmp(s->bus->scheme, "embedded") == 0 && strcmp(s->store->scheme, "file") == 0;
	return local ? ASK_LOCAL_MS : ASK_AFAR_MS;
}

/* False: it is over. */
static bool pause_asking(struct observe *o, int64_t ms)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000;
	if (until.tv_nsec >= NS_PER_S) {
		until.tv_sec++;
		until.tv_nsec -= NS_PER_S;
	}
	while (!o->stop && pthread_cond_timedwait(&o->wake, &o->lock, &until) != ETIMEDOUT)
		;
	return !o->stop;
}

/* What cannot be read now is read with the next question. */
static json_t *look_at_replays(struct observe *o)
{
	json_t *fresh = json_object();
	struct err ignored;
	if (o->afar.store != NULL)
		(void)!replayed_read(o->chains, o->afar.store, fresh, &ignored);
	return fresh;
}

static void *ask(void *context)
{
	struct observe *o = context;
	struct health *now = mem_zero(1, sizeof *now);
	pthread_mutex_lock(&o->lock);
	while (!o->stop) {
		o->silent_ms = now_ms();
		pthread_mutex_unlock(&o->lock);
		health_ask(o->config, &o->afar, now);
		/* What fails is opened anew next time. */
		if (now->bus.reason[0] != '\0')
			bus_close(&o->afar.bus);
		if (now->lake.reason[0] != '\0')
			store_close(&o->afar.store);
		json_t *fresh = look_at_replays(o);
		pthread_mutex_lock(&o->lock);
		o->replays += json_object_size(fresh) > 0;
		json_object_update(o->replayed, fresh);
		json_decref(fresh);
		health_fini(&o->asked);
		o->asked = *now;
		o->asked_ms = now_ms();
		o->silent_ms = 0;
		if (!pause_asking(o, pause_ms(&o->config->settings)))
			break;
	}
	pthread_mutex_unlock(&o->lock);
	mem_free(&now);
	return NULL;
}

/* ---- rejects and times, from the ledger ---- */

static void rejects_free(struct rejects **rp)
{
	struct rejects *r = *rp;
	for (unsigned i = 0; r != NULL && i < r->count; i++) {
		mem_free(&r->entry[i].pipeline);
		mem_free(&r->entry[i].source);
		mem_free(&r->entry[i].reason);
	}
	mem_free(rp);
}

struct reject_walk {
	struct rejects *list;
	unsigned looked_at;
};

static bool see_reject(void *context, uint64_t number, const struct ledger_original *o)
{
	struct reject_walk *w = context;
	struct rejects *r = w->list;
	bool refused = o->state == LEDGER_REFUSED;
	if (r->count == OBSERVE_REJECTS || w->looked_at++ == REJECTS_LOOKED_AT) {
		r->cut = true;
		return false;
	}
	if (!refused && o->rejects == 0)
		return true;
	struct observe_reject *e = &r->entry[r->count++];
	*e = (struct observe_reject){.number = number,
	    .pipeline = mem_text(o->pipeline),
	    .source = mem_text(o->source[0] != '\0' ? o->source : o->path),
	    .reason = mem_text(refused ? o->note : ""),
	    .refused = refused,
	    .size = o->size,
	    .rows = o->rows,
	    .rejects = o->rejects,
	    .lost = o->lost,
	    .committed_ms = o->committed_ms};
	memcpy(e->sha256, o->sha256, sizeof e->sha256);
	return true;
}

/* Gone through only when something was rejected since: NULL, the old list is still true. */
static struct rejects *look_at_rejects(struct observe *o, const struct health *h)
{
	struct err ignored;
	uint64_t of = h->figure[FIGURE_REJECTS];
	for (size_t i = 0; i < h->pipelines; i++)
		of += h->pipeline[i].counts.original[LEDGER_REFUSED];
	if (o->local.ledger == NULL || of == o->rejects_of || mono_since(o->rejects_at) < REJECTS_EVERY_MS)
		return NULL;
	struct reject_walk w = {.list = mem_zero(1, sizeof *w.list)};
	if (ledger_each_back(o->local.ledger, 0, see_reject, &w, &ignored) != RC_OK) {
		rejects_free(&w.list);
		return NULL;
	}
	o->rejects_of = of;
	o->rejects_at = clock_mono();
	return w.list;
}

struct recent {
	int64_t now_ms, took[RECENT];
	unsigned looked_at, files;
};

static bool see_recent(void *context, uint64_t number, const struct ledger_original *o)
{
	struct recent *r = context;
	if (o->state == LEDGER_COMMITTED && r->now_ms - o->committed_ms <= RECENT_MS && o->committed_ms >= o->seen_ms)
		r->took[r->files++] = o->committed_ms - o->seen_ms;
	return ++r->looked_at < RECENT;
}

static int by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static struct observe_latency look_at_times(const struct observe *o)
{
	struct err ignored;
	struct recent r = {.now_ms = now_ms()};
	if (o->local.ledger == NULL || ledger_each_back(o->local.ledger, 0, see_recent, &r, &ignored) != RC_OK ||
	    r.files == 0)
		return (struct observe_latency){.files = 0};
	qsort(r.took, r.files, sizeof r.took[0], by_time);
	return (struct observe_latency){
	    .files = r.files, .half_ms = r.took[(r.files - 1) / 2], .most_ms = r.took[(r.files - 1) * 95 / 100]};
}

/* ---- the look ---- */

static void add_sample(struct observe *o, const struct health *h)
{
	struct observe_sample *s = &o->sample[o->samples++ % OBSERVE_SAMPLES];
	s->wall_ms = o->looked_ms;
	for (unsigned i = 0; i < SERIES_COUNT; i++)
		if (series_figure[i] >= 0)
			s->value[i] = h->figure[series_figure[i]];
	s->value[SERIES_LAG] = 0;
	for (size_t i = 0; i < o->asked.partitions; i++)
		s->value[SERIES_LAG] += health_lag(&o->asked.partition[i]);
}

void observe_look(struct observe *o)
{
	struct health *now = mem_zero(1, sizeof *now);
	health_local(o->config, &o->local, now);
	struct rejects *rejects = look_at_rejects(o, now);
	struct observe_latency latency = look_at_times(o);
	pthread_mutex_lock(&o->lock);
	health_fini(&o->looked);
	o->looked = *now;
	o->looked_ms = now_ms();
	o->latency = latency;
	if (rejects != NULL) {
		rejects_free(&o->rejects);
		o->rejects = rejects;
	}
	add_sample(o, now);
	pthread_mutex_unlock(&o->lock);
	mem_free(&now);
}

void observe_see(struct observe *o, void (*see)(void *context, const struct observed *seen), void *context)
{
	pthread_mutex_lock(&o->lock);
	/* Borrowed from both: joined is never finished. */
	o->joined = o->looked;
	health_join(&o->joined, &o->asked);
	struct observed seen = {.config = o->config,
	    .health = &o->joined,
	    .now_ms = now_ms(),
	    .looked_ms = o->looked_ms,
	    .asked_ms = o->asked_ms,
	    .silent_ms = o->silent_ms,
	    .latency = o->latency,
	    .sample = o->sample,
	    .samples = o->samples,
	    .reject = o->rejects != NULL ? o->rejects->entry : NULL,
	    .rejects = o->rejects != NULL ? o->rejects->count : 0,
	    .rejects_cut = o->rejects != NULL && o->rejects->cut,
	    .replayed = o->replayed,
	    .replays = o->replays};
	see(context, &seen);
	pthread_mutex_unlock(&o->lock);
}

struct observe *observe_new(const struct config *config)
{
	struct observe *o = mem_zero(1, sizeof *o);
	pthread_condattr_t attr;
	o->config = config;
	o->chains = replayed_new(&config->settings);
	o->replayed = json_object();
	pthread_mutex_init(&o->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&o->wake, &attr);
	pthread_condattr_destroy(&attr);
	o->rejects_at.ms = clock_mono().ms - REJECTS_EVERY_MS;
	observe_look(o);
	if (pthread_create(&o->asker, NULL, ask, o) != 0)
		abort();
	return o;
}

void observe_free(struct observe **op)
{
	struct observe *o = *op;
	if (o == NULL)
		return;
	pthread_mutex_lock(&o->lock);
	o->stop = true;
	pthread_cond_broadcast(&o->wake);
	pthread_mutex_unlock(&o->lock);
	pthread_join(o->asker, NULL);
	health_fini(&o->looked);
	health_fini(&o->asked);
	rejects_free(&o->rejects);
	replayed_free(&o->chains);
	json_decref(o->replayed);
	health_sources_close(&o->local);
	health_sources_close(&o->afar);
	pthread_cond_destroy(&o->wake);
	pthread_mutex_destroy(&o->lock);
	mem_free(op);
}

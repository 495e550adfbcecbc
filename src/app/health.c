/* status, and later the endpoint for machines, ask the same questions; the answers come from the files that the
 * processes share, never from the processes. */
#include "app/health.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "app/setup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "confine/confine.h"
#include "pipe/claim.h"
#include "pipe/manifest.h"
#include "pipe/registrar.h"
#include "pipe/waits.h"

/* A process that waits for the catalog writes its note anew at every attempt. */
enum { NOTE_FRESH_S = 300 };

static void problem(struct health *h, const char *what, const struct err *e)
{
	if (h->problems < HEALTH_PROBLEMS)
		snprintf(h->problem[h->problems++], sizeof h->problem[0], "%s: %s", what, e->text);
}

static bool there(const char *path)
{
	return access(path, F_OK) == 0;
}

/* When it began, and its state's letter, from the last part of /proc/PID/stat, where no name can disturb. -1: it is not
 * there, or only to be reaped. */
static int64_t start_ticks(int64_t pid, char *state)
{
	char path[64], *text = NULL;
	size_t size = 0;
	struct err e;
	int64_t ticks = -1;
	snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
	if (file_load(path, 8192, &text, &size, &e) != RC_OK)
		return -1;
	char *p = strrchr(text, ')');
	*state = p != NULL && p[1] == ' ' ? p[2] : '?';
	for (int field = 2; p != NULL && field < 22; field++)
		p = strchr(p + 1, ' ');
	if (p != NULL && *state != 'Z' && *state != 'X')
		ticks = strtoll(p, NULL, 10);
	mem_free(&text);
	return ticks;
}

/* A pid may have been given to somebody else since: that one began after the slot was claimed. */
static bool is_alive(const struct metric_slot *s, char *state)
{
	struct timespec boot;
	int64_t ticks = start_ticks(s->pid, state);
	if (s->pid <= 0 || ticks < 0 || clock_gettime(CLOCK_BOOTTIME, &boot) != 0)
		return false;
	int64_t up_ns = (int64_t)boot.tv_sec * NS_PER_S + boot.tv_nsec;
	int64_t began_ns = clock_wall().ns - up_ns + ticks * (NS_PER_S / sysconf(_SC_CLK_TCK));
	return began_ns <= s->started_ns + NS_PER_S;
}

/* What is in force is the least that any process has. */
static void see_confinement(struct health *h, const struct metric_slot *s)
{
	static const enum figure least[] = {FIGURE_SECCOMP, FIGURE_LANDLOCK};
	for (size_t i = 0; i < sizeof least / sizeof least[0]; i++)
		if (!h->confines || s->value[least[i]] < h->figure[least[i]])
			h->figure[least[i]] = s->value[least[i]];
	h->confines = true;
}

static void gather_figures(const struct config *c, struct health *h)
{
	struct err e;
	struct metrics *m = NULL;
	char *path = file_join(c->settings.state, "figures");
	enum rc rc = there(path) ? metrics_open(path, &m, &e) : RC_END;
	mem_free(&path);
	if (rc != RC_OK) {
		if (rc != RC_END)
			problem(h, "figures", &e);
		return;
	}
	const struct metric_slot *s;
	for (unsigned i = 0; (s = metrics_slot(m, i)) != NULL; i++) {
		char state = '?';
		bool alive = is_alive(s, &state);
		if (alive && s->value[FIGURE_CONFINED_STARTED] > 0)
			see_confinement(h, s);
		/* What a dead process held is no longer held; what it counted stays counted. */
		for (unsigned f = 0; f < FIGURE_COUNT; f++)
			if (f != FIGURE_SECCOMP && f != FIGURE_LANDLOCK)
				h->figure[f] += alive || strcmp(figure_info[f].kind, "gauge") != 0 ? s->value[f] : 0;
		budget_add(h->budget, s, alive);
		if (h->processes == HEALTH_PROCESSES)
			continue;
		struct health_process *p = &h->process[h->processes++];
		str_copy(p->name, sizeof p->name, s->name);
		p->pid = s->pid;
		p->alive = alive;
		p->up_ms = p->alive ? (clock_wall().ns - s->started_ns) / 1000000 : 0;
		p->confined_memory = p->alive ? proc_memory_below((pid_t)s->pid, CONFINE_NAME) : 0;
		p->memory = p->alive ? proc_memory((pid_t)s->pid) + p->confined_memory : 0;
		p->restarts = s->value[FIGURE_RESTARTS];
		p->accepting = p->alive && metric_accepting_ms(s, (pid_t)s->pid) != 0;
		for (unsigned f = 0; f < FIGURE_COUNT; f++)
			p->figure[f] = s->value[f];
		p->stopped = p->alive && (state == 'T' || state == 't');
		p->waiting = p->alive && s->value[FIGURE_WAITING] != 0;
	}
	metrics_close(&m);
	h->stopping = h->figure[FIGURE_STOPPING] != 0;
}

static void add_file(struct health_file *f, const char *pipeline, const char *path, const char *note, int64_t age_ms)
{
	*f = (struct health_file){mem_text(pipeline), mem_text(path), mem_text(note != NULL ? note : ""), age_ms};
}

static bool see_aside(void *context, const char *pipeline, const char *path, const struct ledger_path *p)
{
	struct health *h = context;
	if (h->asides == HEALTH_FILES)
		return false;
	add_file(&h->aside[h->asides++], pipeline, path, p->note, 0);
	return true;
}

static bool see_open(void *context, const struct ledger_original *o)
{
	struct health *h = context;
	if (h->opens == HEALTH_OPEN)
		return false;
	add_file(&h->open[h->opens++], o->pipeline, o->source,
	    o->state == LEDGER_ARCHIVED ? "archived, not published yet" : "published, not committed yet",
	    clock_wall().ns / 1000000 - o->seen_ms);
	return true;
}

static void gather_ledger(const struct config *c, struct health_sources *from, struct health *h)
{
	const struct settings *s = &c->settings;
	struct err e;
	char *dir = file_join(s->state, "ledger");
	enum rc rc = RC_OK;
	if (from->ledger == NULL)
		rc = there(dir) ? ledger_open(dir, s->ledger_max_bytes, &from->ledger, &e) : RC_END;
	struct ledger *l = from->ledger;
	if (rc == RC_OK)
		h->ledger_used = ledger_used(l);
	h->ledger_bound = s->ledger_max_bytes;
	mem_free(&dir);
	for (size_t i = 0; i < s->pipelines && rc == RC_OK; i++)
		rc = ledger_count(l, s->pipeline[i].name, &h->pipeline[i].counts, &e);
	if (rc == RC_OK)
		rc = ledger_each_aside(l, see_aside, h, &e);
	if (rc == RC_OK)
		rc = ledger_each_open(l, see_open, h, &e);
	if (rc != RC_OK && rc != RC_END)
		problem(h, "ledger", &e);
}

enum { CLAIMS_LOOKED_AT = 1000 };

struct last_commit {
	uint64_t end;
	int64_t time_ms;
};

static enum rc see_head(void *context, const struct manifest_head *m, struct err *e)
{
	struct last_commit *last = context;
	*last = (struct last_commit){m->end, m->time_ms};
	return RC_OK;
}

static enum rc find_commit(struct store *store, struct health_partition *p, struct err *e)
{
	struct last_commit last = {0};
	struct manifest_visitor v = {.context = &last, .head = see_head};
	uint64_t start = 0;
	enum rc rc = manifest_newest(store, p->topic, p->partition, &start, e);
	if (rc == RC_OK)
		rc = manifest_load(store, p->topic, p->partition, start, &v, e);
	if (rc == RC_END)
		return RC_OK;
	if (rc != RC_OK)
		return rc;
	p->has_commit = true;
	p->committed = last.end;
	p->commit_ms = last.time_ms;
	return RC_OK;
}

static void away(struct health *h, struct health_service *s, const char *what, const struct err *e)
{
	if (s->reason[0] == '\0')
		(void)str_copy(s->reason, sizeof s->reason, e->text);
	problem(h, what, e);
}

/* False: the bus or the lake does not answer, and h says so. */
static bool gather_topic(
    struct health *h, const struct health_sources *from, const struct pipeline *pipeline, const char *topic)
{
	struct err e;
	unsigned have = 0;
	enum rc rc = bus_topic_partitions(from->bus, topic, &have, &e);
	if (rc == RC_END)
		return true;
	if (rc != RC_OK) {
		away(h, &h->bus, pipeline->name, &e);
		return false;
	}
	h->partition = mem_resize(h->partition, (h->partitions + have) * sizeof *h->partition);
	for (unsigned i = 0; i < have; i++) {
		struct health_partition *p = &h->partition[h->partitions];
		*p = (struct health_partition){.partition = i};
		str_copy(p->topic, sizeof p->topic, topic);
		rc = bus_range(from->bus, topic, i, &p->first, &p->next, &e);
		if (rc != RC_OK)
			away(h, &h->bus, pipeline->name, &e);
		else if (from->store != NULL && (rc = find_commit(from->store, p, &e)) != RC_OK)
			away(h, &h->lake, pipeline->name, &e);
		if (rc != RC_OK)
			return false;
		h->partitions++;
		if (p->commit_ms > h->newest_commit_ms)
			h->newest_commit_ms = p->commit_ms;
	}
	return true;
}

static void see_stale(void *context, const char *pipeline, const struct claim *claim)
{
	struct health *h = context;
	char note[160];
	if (h->stales == HEALTH_OPEN)
		return;
	snprintf(
	    note, sizeof note, "claimed by %s, not committed; its partition is %u", claim->instance, claim->partition);
	add_file(&h->stale[h->stales++], pipeline, claim->name, note, clock_wall().ns / 1000000 - claim->time_ms);
}

/* Claims that an instance took and did not finish: is it dead? */
static void gather_claims(const struct settings *s, struct store *store, struct health *h)
{
	struct err e;
	for (size_t i = 0; i < s->pipelines && s->claim_shared && store != NULL; i++)
		if (claim_stale(s, store, s->pipeline[i].name, CLAIMS_LOOKED_AT, see_stale, h, &e) != RC_OK)
			problem(h, s->pipeline[i].name, &e);
}

static void open_bus(const struct settings *s, struct health_sources *from, struct health *h)
{
	struct err e;
	/* Nothing was ever published, and asking would make it. */
	if (strcmp(s->bus->scheme, "embedded") == 0 && !there(s->bus_place))
		return;
	enum rc rc = RC_OK;
	if (from->bus == NULL)
		rc = bus_open(s->bus, s->bus_place, s->bus_option, s->bus_options, &from->bus, &e);
	if (rc == RC_OK)
		rc = bus_usage(from->bus, &h->bus_used, &h->bus_bound, &e);
	h->bus.asked = true;
	if (rc == RC_OK)
		return;
	away(h, &h->bus, "bus", &e);
	bus_close(&from->bus);
}

static void open_lake(const struct settings *s, struct health_sources *from, struct health *h)
{
	struct err e;
	if (strcmp(s->store->scheme, "file") == 0 && !there(s->store_place))
		return;
	h->lake.asked = true;
	if (from->store == NULL &&
	    store_open(s->store, s->store_place, s->store_option, s->store_options, &from->store, &e) != RC_OK)
		away(h, &h->lake, "lake", &e);
}

void health_ask(const struct config *c, struct health_sources *from, struct health *out)
{
	const struct settings *s = &c->settings;
	*out = (struct health){.bus_used = 0};
	open_bus(s, from, out);
	if (from->bus != NULL)
		open_lake(s, from, out);
	bool well = from->bus != NULL;
	for (size_t i = 0; i < s->pipelines && well; i++)
		well = gather_topic(out, from, &s->pipeline[i], s->pipeline[i].topic_files) &&
		       gather_topic(out, from, &s->pipeline[i], s->pipeline[i].topic_rows);
	gather_claims(s, from->store, out);
}

/* Is the note of a process that lives, or is there none that could have written a newer one? */
static bool is_current(const struct health *h, const char *path)
{
	struct stat st;
	bool alive = false;
	for (unsigned i = 0; i < h->processes; i++)
		alive |= h->process[i].alive && str_starts(h->process[i].name, "worker");
	return stat(path, &st) == 0 && (!alive || clock_wall().ns / NS_PER_S - st.st_mtim.tv_sec < NOTE_FRESH_S);
}

static void read_note(struct health *h, char *text)
{
	char *waiting, *reason;
	int64_t since = strtoll(text, &waiting, 10);
	uint64_t count = strtoull(waiting, &reason, 10);
	if (since <= 0 || *waiting != '\n' || *reason != '\n')
		return;
	h->catalog_waiting += count;
	if (h->catalog_since_ms != 0 && h->catalog_since_ms <= since)
		return;
	h->catalog_since_ms = since;
	reason++;
	reason[strcspn(reason, "\n")] = '\0';
	(void)!str_copy(h->catalog_reason, sizeof h->catalog_reason, reason);
}

/* What workers left in the state folder about a catalog that does not answer. */
static void gather_catalog(const struct config *c, struct health *h)
{
	const char *state = c->settings.state;
	DIR *dir = c->settings.catalog->idle ? NULL : opendir(state);
	struct err ignored;
	for (struct dirent *d = dir != NULL ? readdir(dir) : NULL; d != NULL; d = readdir(dir)) {
		char *text = NULL;
		size_t size = 0;
		/* A second dot is in the name of one that was being written. */
		if (!str_starts(d->d_name, REGISTRAR_NOTE ".") || strchr(d->d_name, '.') != strrchr(d->d_name, '.'))
			continue;
		char *path = file_join(state, d->d_name);
		if (is_current(h, path) && file_load(path, 8192, &text, &size, &ignored) == RC_OK)
			read_note(h, text);
		mem_free(&path);
		mem_free(&text);
	}
	if (dir != NULL)
		closedir(dir);
}

static void see_wait(void *context, const char *process, const char *what, int64_t since_ms, const char *why)
{
	struct health *h = context;
	h->wait = mem_resize(h->wait, (h->waits + 1) * sizeof *h->wait);
	h->wait[h->waits++] = (struct health_wait){mem_text(process), mem_text(what), mem_text(why), since_ms};
}

/* What several processes share was measured above. */
static void gather_budgets(const struct config *c, struct health *h)
{
	for (unsigned l = 0; l < LIMIT_COUNT; l++)
		h->budget[l].bound = budget_bound(c, (enum limit)l);
	h->budget[LIMIT_LEDGER].used = h->ledger_used;
}

void health_catalog(const struct config *c, struct health *out)
{
	*out = (struct health){0};
	gather_figures(c, out);
	gather_catalog(c, out);
}

void health_local(const struct config *c, struct health_sources *from, struct health *out)
{
	*out = (struct health){.up = setup_locked(c, "run.lock"), .pipelines = c->settings.pipelines};
	out->pipeline = mem_zero(out->pipelines, sizeof *out->pipeline);
	for (size_t i = 0; i < out->pipelines; i++)
		out->pipeline[i].pipeline = &c->settings.pipeline[i];
	gather_figures(c, out);
	waits_each(c->settings.state, see_wait, out);
	gather_ledger(c, from, out);
	gather_catalog(c, out);
	gather_budgets(c, out);
}

void health_join(struct health *h, const struct health *asked)
{
	h->partition = asked->partition;
	h->partitions = asked->partitions;
	memcpy(h->stale, asked->stale, sizeof h->stale);
	h->stales = asked->stales;
	h->bus_used = asked->bus_used;
	h->bus_bound = asked->bus_bound;
	h->budget[LIMIT_BUS].used = asked->bus_used;
	h->bus = asked->bus;
	h->lake = asked->lake;
	h->newest_commit_ms = asked->newest_commit_ms;
	for (unsigned i = 0; i < asked->problems && h->problems < HEALTH_PROBLEMS; i++)
		memcpy(h->problem[h->problems++], asked->problem[i], sizeof h->problem[0]);
}

void health_gather(const struct config *c, struct health *out)
{
	struct health_sources from = {.ledger = NULL};
	struct health *asked = mem_zero(1, sizeof *asked);
	health_local(c, &from, out);
	health_ask(c, &from, asked);
	health_join(out, asked);
	mem_free(&asked);
	health_sources_close(&from);
}

void health_sources_close(struct health_sources *s)
{
	ledger_close(&s->ledger);
	store_close(&s->store);
	bus_close(&s->bus);
}

bool health_alive(const struct health *h, const char *name)
{
	for (unsigned i = 0; i < h->processes; i++)
		if (h->process[i].alive && str_starts(h->process[i].name, name))
			return true;
	return false;
}

bool health_only(const struct health *h, const char *name)
{
	bool here = false;
	for (unsigned i = 0; i < h->processes; i++) {
		const char *one = h->process[i].name;
		here |= str_starts(one, name);
		if (!str_starts(one, name) && !str_starts(one, "ops"))
			return false;
	}
	return here;
}

uint64_t health_lag(const struct health_partition *p)
{
	uint64_t done = p->has_commit && p->committed > p->first ? p->committed : p->first;
	return p->next > done ? p->next - done : 0;
}

uint64_t health_originals(const struct ledger_counts *c)
{
	return c->original[LEDGER_ARCHIVED] + c->original[LEDGER_PUBLISHED] + c->original[LEDGER_COMMITTED] +
	       c->original[LEDGER_REFUSED];
}

static void file_fini(struct health_file *f)
{
	mem_free(&f->pipeline);
	mem_free(&f->path);
	mem_free(&f->note);
}

void health_fini(struct health *h)
{
	for (unsigned i = 0; i < h->asides; i++)
		file_fini(&h->aside[i]);
	for (unsigned i = 0; i < h->opens; i++)
		file_fini(&h->open[i]);
	for (unsigned i = 0; i < h->stales; i++)
		file_fini(&h->stale[i]);
	for (size_t i = 0; i < h->waits; i++) {
		mem_free(&h->wait[i].process);
		mem_free(&h->wait[i].what);
		mem_free(&h->wait[i].why);
	}
	mem_free(&h->wait);
	mem_free(&h->pipeline);
	mem_free(&h->partition);
}

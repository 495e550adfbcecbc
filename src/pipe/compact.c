/*
 * Who may compact an hour: whoever puts its note, then finds no other note of that hour. The next generation's number
 * is read before the note is put, so that a compaction that was finished meanwhile makes the put of the manifest fail,
 * and one that was not has its note there.
 */
#include "pipe/compact.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "pipe/compaction.h"
#include "pipe/datasets.h"
#include "pipe/figures.h"
#include "pipe/merge.h"
#include "pipe/plan.h"
#include "pipe/strays.h"
#include "pipe/swap.h"

enum { EPOCH_BYTES = 16, NS_PER_MS = 1000000, PATH_BYTES = 512, LATE_MS = 10 * 60 * 1000 };

struct pass {
	const struct compact_params *p;
	struct compact_sum *sum;
	struct datasets datasets;
	const struct pipeline *pipeline; /* one of the dataset */
	int64_t *busy;                   /* hours that are under way */
	size_t busies;
	size_t seen; /* folders */
	bool stopped;
};

static int64_t now_ms(void)
{
	return clock_wall().ns / NS_PER_MS;
}

static bool stopped(struct pass *s)
{
	s->stopped |= s->p->stop != NULL && s->p->stop(s->p->context);
	return s->stopped;
}

static void tell(const struct pass *s, struct compact_news n)
{
	n.dataset = s->pipeline->schema->name;
	if (s->p->tell != NULL)
		s->p->tell(s->p->context, &n);
}

static struct swap swap_of(const struct pass *s)
{
	return (struct swap){.store = s->p->store,
	    .catalog = s->p->catalog,
	    .table = &s->datasets.table[datasets_find(&s->datasets, s->pipeline->schema)],
	    .grace_ms = s->p->settings->compact_grace_ms,
	    .now_ms = now_ms(),
	    .instance = s->p->settings->instance,
	    .brought = &s->sum->brought};
}

/* ---- what is under way ---- */

/* What it staged goes, then its note: as long as that is there, the next pass finds it. */
static enum rc give_up(struct pass *s, const struct swap_key *k, const char *epoch, struct err *e)
{
	struct compact_given_up *g = s->p->given_up;
	enum rc rc = swap_sweep(s->p->store, epoch, e);
	if (rc == RC_OK)
		rc = note_remove(s->p->store, k, e);
	if (rc != RC_OK || g == NULL)
		return rc;
	if (g->count == COMPACT_GIVEN_UP)
		memmove(g->attempt, g->attempt + 1, --g->count * sizeof *g->attempt);
	(void)!str_copy(g->attempt[g->count].epoch, sizeof g->attempt->epoch, epoch);
	g->attempt[g->count++].since = clock_mono();
	return RC_OK;
}

/* What arrived late harms nobody: a lake that is away is told by those who need it. */
static void sweep_late(const struct compact_params *p)
{
	struct compact_given_up *g = p->given_up;
	size_t kept = 0;
	for (size_t i = 0; g != NULL && i < g->count; i++) {
		struct err ignored;
		bool over = mono_since(g->attempt[i].since) > LATE_MS;
		if (swap_sweep(p->store, g->attempt[i].epoch, &ignored) != RC_OK || !over)
			g->attempt[kept++] = g->attempt[i];
	}
	if (g != NULL)
		g->count = kept;
}

/* A note without a manifest: somebody is writing, or died while he was. Ours is dead: we hold the lock of the state. */
static enum rc give_up_dead(struct pass *s, const struct swap_key *k, bool *gone, struct err *e)
{
	struct note n;
	enum rc rc = note_load(s->p->store, k, NOTE_WORK, &n, e);
	*gone = rc == RC_END;
	if (rc != RC_OK)
		return rc == RC_END ? RC_OK : rc;
	bool ours = strcmp(n.instance, s->p->settings->instance) == 0;
	if (!ours && now_ms() - n.time_ms < s->p->settings->claim_stale_ms)
		return RC_OK;
	if (!ours)
		log_warn("compaction of %s was begun by %s and not finished: taken over hour=%" PRId64, k->dataset,
		    n.instance, k->hour);
	rc = give_up(s, k, n.epoch, e);
	*gone = rc == RC_OK;
	return rc;
}

static void note_busy(struct pass *s, int64_t hour)
{
	s->busy = mem_resize(s->busy, (s->busies + 1) * sizeof *s->busy);
	s->busy[s->busies++] = hour;
}

static enum rc go_on(void *context, const struct swap_key *k, struct err *e)
{
	struct pass *s = context;
	const struct swap w = swap_of(s);
	enum swap_state state = SWAP_NONE;
	bool gone = false;
	if (stopped(s))
		return RC_END;
	enum rc rc = swap_forward(&w, k, &state, e);
	if (rc == RC_OK && state == SWAP_NONE)
		rc = give_up_dead(s, k, &gone, e);
	if (rc == RC_BAD || rc == RC_AGAIN) {
		/* What is away may be the catalog: other hours go on, as far as the lake is there. */
		tell(s, (struct compact_news){.kind = COMPACT_LEFT, .partition = "", .text = e->text});
		*(rc == RC_BAD ? &s->sum->failed : &s->sum->waiting) += 1;
		rc = RC_OK;
	} else if (rc == RC_OK && state == SWAP_DONE) {
		s->sum->finished++;
		return RC_OK;
	} else if (rc == RC_OK && !gone) {
		s->sum->waiting++;
	}
	if (!gone)
		note_busy(s, k->hour);
	return rc;
}

static bool is_busy(const struct pass *s, int64_t hour)
{
	for (size_t i = 0; i < s->busies; i++)
		if (s->busy[i] == hour)
			return true;
	return false;
}

/* ---- one hour ---- */

struct job {
	struct pass *s;
	const char *folder, *partition;
	const struct plan_file *file;
	size_t files;
	struct swap_key key;
	struct note note;
	bool others; /* have a note of the same hour */
	bool gone;   /* a file of it expired, and only lies there still */
};

static enum rc see_note(void *context, const struct swap_key *k, struct err *e)
{
	struct job *j = context;
	(void)e;
	j->others |= k->hour == j->key.hour && k->generation != j->key.generation;
	return RC_OK;
}

static enum rc see_taken(void *context, const struct compaction_file *f, struct err *e)
{
	struct job *j = context;
	(void)e;
	for (size_t i = 0; i < j->files && f->expired_ms > 0; i++)
		j->gone |= strcmp(j->file[i].path, f->path) == 0;
	return RC_OK;
}

/*
 * An expiry that was put before the generation is read here has named the files that it deletes; one that is put later
 * wants the same generation. RC_END: the hour is somebody else's now.
 */
static enum rc take_hour(struct job *j, struct err *e)
{
	struct pass *s = j->s;
	struct store *store = s->p->store;
	uint8_t random[EPOCH_BYTES];
	uint64_t newest = 0;
	if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
		return err_set(RC_FAIL, e, "no random bytes");
	j->key = (struct swap_key){.dataset = s->pipeline->schema->name, .hour = j->file[0].hour};
	const struct compaction_visitor v = {.context = j, .file = see_taken};
	enum rc rc = compaction_each(store, j->key.dataset, j->key.hour, &v, &newest, e);
	if (rc != RC_OK || j->gone)
		return rc != RC_OK ? rc : RC_END;
	j->key.generation = newest + 1;
	j->note.time_ms = now_ms();
	(void)!str_copy(j->note.instance, sizeof j->note.instance, s->p->settings->instance);
	str_hex(random, sizeof random, j->note.epoch);
	if ((rc = note_put(store, &j->key, NOTE_WORK, &j->note, e)) != RC_OK)
		return rc;
	if ((rc = FAULT(COMPACT_NOTED, e)) != RC_OK)
		return rc;
	rc = note_each(store, j->key.dataset, see_note, j, e);
	if (rc == RC_OK && !j->others)
		return RC_OK;
	enum rc removed = note_remove(store, &j->key, e);
	return rc != RC_OK ? rc : removed != RC_OK ? removed : RC_END;
}

static const char *leaf_of(const char *path)
{
	return strrchr(path, '/') + 1;
}

static void write_manifest(const struct job *j, const struct merge *m, struct writer *out)
{
	const struct swap_key *k = &j->key;
	struct compaction_head head = {.hour = k->hour, .generation = k->generation, .time_ms = now_ms()};
	(void)!str_copy(head.dataset, sizeof head.dataset, k->dataset);
	(void)!str_copy(head.epoch, sizeof head.epoch, j->note.epoch);
	compaction_begin(out, &head);
	for (size_t i = 0; i < j->files; i++) {
		const struct plan_file *f = &j->file[i];
		char *kept = mem_format("_sluice/compacted/%s/%020" PRId64 "/%020" PRIu64 "/%s", k->dataset, k->hour,
		    k->generation, leaf_of(f->path));
		compaction_add(
		    out, &(struct compaction_file){
		             .path = f->path, .from = kept, .size = f->size, .rows = f->rows, .crc32 = f->crc32});
		mem_free(&kept);
	}
	for (size_t i = 0; i < m->files; i++) {
		const struct merge_file *f = &m->file[i];
		char *path = mem_format(
		    "%s/part-compact-%" PRId64 "-%" PRIu64 "-%05zu.parquet", j->folder, k->hour, k->generation, i);
		char *aside = j->s->p->catalog == NULL ? NULL
		                                       : mem_format("%s/aside/%s/%" PRIu64 "/%s", k->dataset,
		                                             j->partition, k->generation, leaf_of(path));
		compaction_add(out, &(struct compaction_file){.output = true,
		                        .path = path,
		                        .from = f->staged,
		                        .aside = aside,
		                        .size = f->size,
		                        .rows = f->rows,
		                        .crc32 = f->crc32});
		mem_free(&aside);
		mem_free(&path);
	}
	compaction_end(out);
}

static enum rc see_owner(void *context, const struct compaction_head *h, struct err *e)
{
	(void)e;
	memcpy(context, h->epoch, sizeof h->epoch);
	return RC_OK;
}

/* The commit point. RC_END: another compaction has this generation. */
static enum rc put_manifest(const struct job *j, struct merge *m, struct err *e)
{
	struct writer text;
	char path[PATH_BYTES], owner[sizeof j->note.epoch] = "";
	const struct compaction_visitor v = {.context = owner, .head = see_owner};
	writer_init(&text, COMPACTION_MAX);
	write_manifest(j, m, &text);
	lake_compaction(path, sizeof path, j->key.dataset, j->key.hour, j->key.generation);
	enum rc rc = text.failed ? err_set(RC_BAD, e, "%s: larger than %d bytes", path, COMPACTION_MAX)
	                         : store_put_if_absent(j->s->p->store, path, text.bytes, text.len, e);
	writer_fini(&text);
	if (rc == RC_AGAIN || rc == RC_END) {
		bool unsure = rc == RC_AGAIN;
		struct err there;
		/* An answer was lost, or the name is taken: only what is there says whose it is. What may still come
		 * needs its files; the next pass finds out. */
		rc = compaction_load(j->s->p->store, j->key.dataset, j->key.hour, j->key.generation, &v, &there);
		if (rc == RC_OK && strcmp(owner, j->note.epoch) != 0)
			return RC_END;
		if (rc != RC_OK && unsure)
			merge_keep(m);
		if (rc == RC_END)
			rc = unsure ? RC_AGAIN : err_set(RC_AGAIN, e, "%s was not stored", path);
		else if (rc != RC_OK)
			*e = there;
	}
	if (rc == RC_OK)
		merge_keep(m);
	return rc;
}

static void count(struct job *j, const struct merge *m)
{
	struct compact_sum *sum = j->s->sum;
	struct metric_slot *figures = j->s->p->figures;
	struct compact_news n = {.kind = COMPACT_MADE,
	    .partition = j->partition,
	    .files_in = j->files,
	    .files_out = m->files,
	    .rows = m->rows,
	    .bytes_out = m->bytes};
	for (size_t i = 0; i < j->files; i++)
		n.bytes_in += j->file[i].size;
	sum->hours++;
	sum->files_in += n.files_in;
	sum->files_out += n.files_out;
	sum->rows += n.rows;
	sum->bytes_in += n.bytes_in;
	sum->bytes_out += n.bytes_out;
	metric_add(figures, FIGURE_COMPACTIONS, 1);
	metric_add(figures, FIGURE_FILES_COMPACTED, n.files_in);
	tell(j->s, n);
}

/* RC_END: not ours, or asked to stop. */
static enum rc work(struct job *j, struct err *e)
{
	struct pass *s = j->s;
	struct merge m = {.files = 0};
	enum swap_state state;
	char *staging = swap_staging(j->note.epoch), *prefix = mem_format("%s/", staging);
	const struct merge_params p = {.settings = s->p->settings,
	    .store = s->p->store,
	    .pipeline = s->pipeline,
	    .prefix = prefix,
	    .target_bytes = s->p->settings->compact_target_bytes,
	    .stop = s->p->stop,
	    .context = s->p->context};
	enum rc rc = merge_files(&p, j->file, j->files, &m, e);
	if (rc == RC_OK)
		rc = FAULT(COMPACT_STAGED, e);
	if (rc == RC_OK)
		rc = put_manifest(j, &m, e);
	if (rc == RC_OK)
		rc = FAULT(COMPACT_PUT, e);
	bool made = rc == RC_OK, keep = m.keep;
	if (made) {
		const struct swap w = swap_of(s);
		rc = swap_forward(&w, &j->key, &state, e);
	}
	if (made && rc == RC_OK)
		count(j, &m);
	merge_fini(&m);
	if (!keep) {
		struct err ignored;
		(void)!give_up(s, &j->key, j->note.epoch, &ignored);
	}
	mem_free(&prefix);
	mem_free(&staging);
	return rc;
}

static enum rc compact_hour(struct job *j, struct err *e)
{
	struct pass *s = j->s;
	struct compact_news n = {.kind = COMPACT_WOULD, .partition = j->partition, .files_in = j->files};
	for (size_t i = 0; i < j->files; i++) {
		n.rows += j->file[i].rows;
		n.bytes_in += j->file[i].size;
	}
	if (s->p->dry_run) {
		n.files_out = 1 + (size_t)(n.bytes_in / s->p->settings->compact_target_bytes);
		s->sum->hours++;
		s->sum->files_in += n.files_in;
		s->sum->files_out += n.files_out;
		s->sum->rows += n.rows;
		s->sum->bytes_in += n.bytes_in;
		tell(s, n);
		return RC_OK;
	}
	enum rc rc = take_hour(j, e);
	if (rc == RC_OK)
		rc = work(j, e);
	if (rc == RC_BAD || rc == RC_AGAIN) {
		n.kind = COMPACT_LEFT;
		n.text = e->text;
		*(rc == RC_BAD ? &s->sum->failed : &s->sum->later) += 1;
		tell(s, n);
		rc = RC_OK;
	}
	return rc == RC_END && !stopped(s) ? RC_OK : rc;
}

/* ---- folders ---- */

static enum rc see_folder(void *context, const char *partition, struct err *e)
{
	struct pass *s = context;
	const struct settings *set = s->p->settings;
	const struct plan_limits limits = {.quiet_ms = set->compact_quiet_ms,
	    .now_ms = now_ms(),
	    .before_hour = s->p->before_hour,
	    .target_bytes = set->compact_target_bytes};
	struct plan plan;
	if (stopped(s) || s->seen++ >= s->p->folders)
		return RC_END;
	char *folder = mem_format("%s/hive%s%s", s->pipeline->schema->name, partition[0] != '\0' ? "/" : "", partition);
	enum rc rc = plan_folder(s->p->store, s->pipeline->schema, folder, &limits, &plan, e);
	s->sum->foreign += plan.foreign;
	/* The aside folder that the catalog shows for a while holds what we made, and would hide what others put here.
	 */
	if (rc == RC_OK && plan.foreign > 0 && s->p->catalog != NULL) {
		s->sum->mixed++;
		plan_fini(&plan);
	}
	for (size_t from = 0, to; rc == RC_OK && from < plan.files && !stopped(s); from = to) {
		to = plan_hour_end(&plan, from);
		struct job j = {
		    .s = s, .folder = folder, .partition = partition, .file = plan.file + from, .files = to - from};
		if (j.files >= 2 && !is_busy(s, plan.file[from].hour))
			rc = compact_hour(&j, e);
	}
	plan_fini(&plan);
	mem_free(&folder);
	return rc == RC_END ? RC_OK : rc;
}

/* Without a catalog nobody is shown a place aside. What is wrong with one is no reason to compact nothing. */
static enum rc bring_strays(struct pass *s, struct err *e)
{
	struct compact_news n = {.kind = COMPACT_LEFT, .partition = "", .text = e->text};
	if (s->p->catalog == NULL)
		return RC_OK;
	char *temp = mem_format("_sluice/staging/aside-%s", s->p->settings->instance);
	enum rc rc = strays_home(s->p->store, s->pipeline->schema, temp, &s->sum->brought, e);
	mem_free(&temp);
	if (rc != RC_BAD)
		return rc;
	s->sum->failed++;
	tell(s, n);
	return RC_OK;
}

static enum rc compact_dataset(struct pass *s, struct err *e)
{
	const struct schema *schema = s->pipeline->schema;
	enum rc rc = s->p->dry_run ? RC_OK : note_each(s->p->store, schema->name, go_on, s, e);
	if (rc == RC_OK && !s->p->dry_run)
		rc = bring_strays(s, e);
	if (rc == RC_OK)
		rc = datasets_walk(s->p->store, schema, see_folder, s, e);
	mem_free(&s->busy);
	s->busies = s->seen = 0;
	return rc;
}

enum rc compact_pass(const struct compact_params *p, struct compact_sum *sum, struct err *e)
{
	const struct settings *set = p->settings;
	struct pass s = {.p = p, .sum = sum};
	enum rc rc = RC_OK;
	*sum = (struct compact_sum){0};
	if (!p->dry_run)
		sweep_late(p);
	datasets_init(&s.datasets, set);
	for (size_t i = 0; i < set->pipelines && rc == RC_OK; i++) {
		bool first = true;
		for (size_t before = 0; before < i; before++)
			first &= set->pipeline[before].schema != set->pipeline[i].schema;
		s.pipeline = &set->pipeline[i];
		if (first && (p->dataset == NULL || strcmp(p->dataset, s.pipeline->schema->name) == 0))
			rc = compact_dataset(&s, e);
	}
	datasets_fini(&s.datasets);
	return rc == RC_OK && s.stopped ? RC_END : rc;
}

/* Manifests say what became of an original and which files its commit wrote, not which of them hold its rows: that the
 * footers say. So all table files of a commit are kept, once for all its originals. */
#include "pipe/families.h"

#include <string.h>

#include "base/mem.h"
#include "pipe/compaction.h"
#include "pipe/history.h"
#include "pipe/manifest.h"
#include "pipe/partitions.h"

enum { SLOTS_LEAST = 256 };

struct reading {
	struct store *store;
	const struct pipeline *pipeline;
	struct families *all;
	int64_t time_ms;           /* of the manifest being walked */
	struct family_file reject; /* its rejects file */
	struct family_file *file;  /* its table files */
	size_t files, capacity;
	size_t commit; /* its place in all->commit once an original of ours was in it, SIZE_MAX */
};

/* ---- by digest ---- */

static size_t *slot_of(const struct families *f, const uint8_t original[SHA256_BYTES])
{
	size_t at;
	memcpy(&at, original, sizeof at);
	for (at &= f->slots - 1;
	     f->slot[at] != 0 && memcmp(f->at[f->slot[at] - 1].original, original, SHA256_BYTES) != 0;)
		at = (at + 1) & (f->slots - 1);
	return &f->slot[at];
}

struct family *families_find(const struct families *f, const uint8_t original[SHA256_BYTES])
{
	size_t at = f->slots > 0 ? *slot_of(f, original) : 0;
	return at > 0 ? &f->at[at - 1] : NULL;
}

static void index_all(struct families *f)
{
	mem_free(&f->slot);
	f->slots = f->slots == 0 ? SLOTS_LEAST : 2 * f->slots;
	f->slot = mem_zero(f->slots, sizeof *f->slot);
	for (size_t i = 0; i < f->count; i++)
		*slot_of(f, f->at[i].original) = i + 1;
}

static struct family *find_or_add(struct families *f, const uint8_t original[SHA256_BYTES])
{
	struct family *one = families_find(f, original);
	if (one != NULL)
		return one;
	if (f->count == f->capacity) {
		f->capacity = mem_grow(f->capacity, f->count + 1);
		f->at = mem_resize(f->at, f->capacity * sizeof *f->at);
	}
	one = &f->at[f->count++];
	*one = (struct family){.rejects = 0};
	memcpy(one->original, original, SHA256_BYTES);
	if (2 * f->count > f->slots)
		index_all(f);
	else
		*slot_of(f, original) = f->count;
	return one;
}

/* ---- the first walk: our originals and their replays ---- */

static enum rc see_head(void *context, const struct manifest_head *h, struct err *e)
{
	struct reading *r = context;
	(void)e;
	r->time_ms = h->time_ms;
	mem_free(&r->reject.path);
	for (size_t i = 0; i < r->files; i++)
		mem_free(&r->file[i].path);
	r->files = 0;
	r->commit = SIZE_MAX;
	return RC_OK;
}

static enum rc see_reject_file(void *context, const struct manifest_file *f, struct err *e)
{
	struct reading *r = context;
	(void)e;
	if (!f->rejects)
		return RC_OK;
	mem_free(&r->reject.path);
	r->reject = (struct family_file){mem_text(f->path), f->hour, f->size, f->rows, f->crc32};
	return RC_OK;
}

static void set_outcome(struct family *f, const struct manifest_original *o, const struct family_file *file)
{
	mem_free(&f->file.path);
	f->file = *file;
	f->file.path = mem_text(file->path);
	f->rejects = o->rejects;
	f->lost = o->lost;
	mem_free(&f->reason);
	f->reason = o->reason != NULL ? mem_text(o->reason) : NULL;
}

static void describe(struct family *f, const struct manifest_original *o, uint32_t again, int64_t committed_ms)
{
	mem_free(&f->name);
	mem_free(&f->path);
	f->name = mem_text(o->name);
	f->path = mem_text(o->path);
	f->size = o->size;
	f->again = again;
	f->committed_ms = committed_ms;
}

/* An ingest and its replays may be met in any order: a replay's outcome is the one that counts. */
static enum rc see_own(void *context, const struct manifest_original *o, struct err *e)
{
	struct reading *r = context;
	(void)e;
	if (o->rejects == 0 && o->again < MANIFEST_REPLAY)
		return RC_OK;
	struct family *f = find_or_add(r->all, o->original);
	if (o->again >= MANIFEST_REPLAY) {
		if (o->again - MANIFEST_REPLAY > f->replays) {
			f->replays = o->again - MANIFEST_REPLAY;
			set_outcome(f, o, &r->reject);
		}
		if (f->name == NULL)
			describe(f, o, 0, r->time_ms);
		return RC_OK;
	}
	if (f->name != NULL && o->again < f->again)
		return RC_OK;
	describe(f, o, o->again, r->time_ms);
	if (f->replays == 0)
		set_outcome(f, o, &r->reject);
	return RC_OK;
}

static enum rc own_partition(void *context, const char *topic, uint32_t partition, struct err *e)
{
	struct reading *r = context;
	const struct pipeline *p = r->pipeline;
	const struct manifest_visitor v = {
	    .context = r, .head = see_head, .file = see_reject_file, .original = see_own};
	uint64_t next = 0;
	if (strcmp(topic, p->topic_files) != 0 && strcmp(topic, p->topic_rows) != 0 &&
	    strcmp(topic, p->topic_replay) != 0)
		return RC_OK;
	enum rc rc = history_each(r->store, topic, partition, 0, 0, &v, &next, e);
	return rc == RC_END ? RC_OK : rc;
}

/* ---- the second walk: everybody's commits of them ---- */

static enum rc see_file(void *context, const struct manifest_file *f, struct err *e)
{
	struct reading *r = context;
	(void)e;
	if (f->rejects || strcmp(f->dataset, r->pipeline->schema->name) != 0)
		return RC_OK;
	if (r->files == r->capacity) {
		r->capacity = mem_grow(r->capacity, r->files + 1);
		r->file = mem_resize(r->file, r->capacity * sizeof *r->file);
	}
	r->file[r->files++] = (struct family_file){
	    .path = mem_text(f->path), .hour = f->hour, .size = f->size, .rows = f->rows, .crc32 = f->crc32};
	return RC_OK;
}

/* The table files of the manifest being walked, handed over to the list with its first original of ours. */
static size_t commit_of(struct reading *r)
{
	struct families *f = r->all;
	if (r->commit != SIZE_MAX)
		return r->commit;
	if (f->commits == f->commit_capacity) {
		f->commit_capacity = mem_grow(f->commit_capacity, f->commits + 1);
		f->commit = mem_resize(f->commit, f->commit_capacity * sizeof *f->commit);
	}
	f->commit[f->commits] = (struct family_commit){.file = r->file, .files = r->files};
	r->file = NULL;
	r->files = r->capacity = 0;
	return r->commit = f->commits++;
}

static bool is_of_dataset(const char *path, const char *dataset)
{
	size_t len = strlen(dataset);
	return strncmp(path, dataset, len) == 0 && path[len] == '/';
}

static enum rc see_any(void *context, const struct manifest_original *o, struct err *e)
{
	struct reading *r = context;
	struct family *f = families_find(r->all, o->original);
	(void)e;
	if (f == NULL || !is_of_dataset(o->path, r->pipeline->schema->name))
		return RC_OK;
	f->ingests += o->again < MANIFEST_REPLAY;
	f->rows += o->rows;
	if (o->rows == 0 || (f->commits > 0 && f->commit[f->commits - 1] == r->commit))
		return RC_OK;
	if (f->commits == f->capacity) {
		f->capacity = mem_grow(f->capacity, f->commits + 1);
		f->commit = mem_resize(f->commit, f->capacity * sizeof *f->commit);
	}
	f->commit[f->commits++] = commit_of(r);
	return RC_OK;
}

static enum rc any_partition(void *context, const char *topic, uint32_t partition, struct err *e)
{
	struct reading *r = context;
	const struct manifest_visitor v = {.context = r, .head = see_head, .file = see_file, .original = see_any};
	uint64_t next = 0;
	enum rc rc = history_each(r->store, topic, partition, 0, 0, &v, &next, e);
	return rc == RC_END ? RC_OK : rc;
}

enum rc families_read(
    struct store *s, const struct pipeline *p, const uint8_t *also, struct families *out, struct err *e)
{
	struct families all = {.count = 0};
	struct reading r = {.store = s, .pipeline = p, .all = &all, .commit = SIZE_MAX};
	if (also != NULL)
		(void)find_or_add(&all, also);
	enum rc rc = partitions_each(s, own_partition, &r, e);
	if (rc == RC_OK && all.count > 0)
		rc = partitions_each(s, any_partition, &r, e);
	for (size_t i = 0; i < r.files; i++)
		mem_free(&r.file[i].path);
	mem_free(&r.file);
	mem_free(&r.reject.path);
	if (rc == RC_OK)
		*out = all;
	else
		families_fini(&all);
	return rc;
}

void families_fini(struct families *f)
{
	for (size_t i = 0; i < f->count; i++) {
		mem_free(&f->at[i].name);
		mem_free(&f->at[i].path);
		mem_free(&f->at[i].reason);
		mem_free(&f->at[i].file.path);
		mem_free(&f->at[i].commit);
	}
	for (size_t i = 0; i < f->commits; i++) {
		for (size_t j = 0; j < f->commit[i].files; j++)
			mem_free(&f->commit[i].file[j].path);
		mem_free(&f->commit[i].file);
	}
	mem_free(&f->at);
	mem_free(&f->commit);
	mem_free(&f->slot);
	*f = (struct families){.count = 0};
}

/* ---- where the rows lie now ---- */

struct outputs { /* of the compactions of one hour, less those that went into later ones */
	struct family_file *file;
	size_t files, capacity;
	int64_t hour;
};

static void outputs_clear(struct outputs *o)
{
	for (size_t i = 0; i < o->files; i++)
		mem_free(&o->file[i].path);
	o->files = 0;
}

static enum rc see_compacted(void *context, const struct compaction_file *f, struct err *e)
{
	struct outputs *o = context;
	(void)e;
	if (f->output) {
		if (o->files == o->capacity) {
			o->capacity = mem_grow(o->capacity, o->files + 1);
			o->file = mem_resize(o->file, o->capacity * sizeof *o->file);
		}
		o->file[o->files++] = (struct family_file){
		    .path = mem_text(f->path), .hour = o->hour, .size = f->size, .rows = f->rows, .crc32 = f->crc32};
		return RC_OK;
	}
	for (size_t i = 0; i < o->files; i++)
		if (strcmp(o->file[i].path, f->path) == 0) {
			mem_free(&o->file[i].path);
			o->file[i] = o->file[--o->files];
			break;
		}
	return RC_OK;
}

struct looking {
	struct store *store;
	const char *dataset;
	enum rc (*see)(void *context, const struct family_file *file, struct err *e);
	void *context;
	int64_t *hour; /* whose compactions were told of */
	size_t hours, capacity;
	struct outputs outputs;
};

/* A file is gone: what its hour was compacted to, once. */
static enum rc see_outputs(struct looking *l, int64_t hour, struct err *e)
{
	for (size_t i = 0; i < l->hours; i++)
		if (l->hour[i] == hour)
			return RC_OK;
	if (l->hours == l->capacity) {
		l->capacity = mem_grow(l->capacity, l->hours + 1);
		l->hour = mem_resize(l->hour, l->capacity * sizeof *l->hour);
	}
	l->hour[l->hours++] = hour;
	outputs_clear(&l->outputs);
	l->outputs.hour = hour;
	const struct compaction_visitor v = {.context = &l->outputs, .file = see_compacted};
	enum rc rc = compaction_each(l->store, l->dataset, hour, &v, NULL, e);
	for (size_t i = 0; i < l->outputs.files && rc == RC_OK; i++)
		rc = l->see(l->context, &l->outputs.file[i], e);
	return rc == RC_END ? RC_OK : rc;
}

static enum rc see_commit(struct looking *l, const struct family_commit *c, struct err *e)
{
	enum rc rc = RC_OK;
	for (size_t i = 0; i < c->files && rc == RC_OK; i++) {
		struct store_stat st;
		rc = store_stat(l->store, c->file[i].path, &st, e);
		if (rc == RC_OK)
			rc = l->see(l->context, &c->file[i], e);
		else if (rc == RC_END)
			rc = see_outputs(l, c->file[i].hour, e);
	}
	return rc;
}

enum rc families_files(struct store *s, const struct families *f, const struct family *one, const char *dataset,
    enum rc (*see)(void *context, const struct family_file *file, struct err *e), void *context, struct err *e)
{
	struct looking l = {.store = s, .dataset = dataset, .see = see, .context = context};
	enum rc rc = RC_OK;
	for (size_t i = 0; i < one->commits && rc == RC_OK; i++)
		rc = see_commit(&l, &f->commit[one->commit[i]], e);
	outputs_clear(&l.outputs);
	mem_free(&l.outputs.file);
	mem_free(&l.hour);
	return rc;
}

/*
 * A partition goes when its last hour is old enough, hour by hour of its files: the record of an hour is the next
 * generation of its compactions. So whoever compacts that hour meanwhile collides with it, and who looks for a file
 * that is gone finds why where he looks anyway.
 */
#include <inttypes.h>
#include <string.h>

#include "base/fault.h"
#include "base/mem.h"
#include "base/str.h"
#include "ext/json.h"
#include "pipe/compaction.h"
#include "pipe/expire_work.h"
#include "pipe/footer.h"
#include "pipe/plan.h"
#include "pipe/swap.h"

enum { MS_PER_HOUR = 3600 * 1000, SOURCES_BYTES = 16 << 20 };

struct tables {
	struct expire *x;
	json_t *young; /* partitions with an hour that is not old enough */
	json_t *busy;  /* hours with a compaction under way, by number */
	struct plan plan;
	bool *gone, *taken; /* files of the plan that an expiry or a compaction names */
	struct writer sources;
};

/* ---- one hour ---- */

static enum rc see_busy(void *context, const struct swap_key *k, struct err *e)
{
	struct tables *t = context;
	char hour[24];
	(void)e;
	snprintf(hour, sizeof hour, "%" PRId64, k->hour);
	json_object_set_new(t->busy, hour, json_true());
	return RC_OK;
}

/* Asked before each hour: a listing of a folder that is mostly empty. */
static enum rc is_busy(struct tables *t, int64_t number, bool *busy, struct err *e)
{
	char hour[24];
	json_object_clear(t->busy);
	enum rc rc = note_each(t->x->p->store, t->x->schema->name, see_busy, t, e);
	snprintf(hour, sizeof hour, "%" PRId64, number);
	*busy = json_object_get(t->busy, hour) != NULL;
	return rc;
}

static enum rc see_taken(void *context, const struct compaction_file *f, struct err *e)
{
	struct tables *t = context;
	(void)e;
	for (size_t i = 0; i < t->plan.files && !f->output; i++) {
		const struct plan_file *there = &t->plan.file[i];
		if (strcmp(there->path, f->path) == 0 && there->size == f->size)
			*(f->expired_ms > 0 ? &t->gone[i] : &t->taken[i]) = true;
	}
	return RC_OK;
}

static enum rc see_source(
    void *context, const uint8_t sha256[SHA256_BYTES], uint64_t first, uint64_t rows, struct err *e)
{
	struct tables *t = context;
	char hex[SHA256_TEXT];
	(void)first, (void)e;
	str_hex(sha256, SHA256_BYTES, hex);
	writer_format(&t->sources, "%s[\"%s\",%" PRIu64 "]", t->sources.len > 1 ? "," : "", hex, rows);
	return RC_OK;
}

/* Whose its rows are: from its footer, which nobody can ask any more afterwards. RC_BAD: it contradicts its manifest.
 */
static enum rc read_sources(struct tables *t, const struct plan_file *f, struct err *e)
{
	struct footer footer;
	enum rc rc = footer_read(t->x->p->store, f->path, f->size, &footer, e);
	if (rc != RC_OK)
		return rc;
	writer_reset(&t->sources);
	writer_text(&t->sources, "[");
	if (footer.inspect.rows != f->rows)
		rc = err_set(
		    RC_BAD, e, "its footer says %" PRIu64 " rows, its manifest %" PRIu64, footer.inspect.rows, f->rows);
	if (rc == RC_OK)
		rc = footer_sources(&footer.inspect, see_source, t, e);
	writer_text(&t->sources, "]");
	writer_u8(&t->sources, '\0');
	mem_free(&footer.bytes);
	if (rc == RC_OK && t->sources.failed)
		rc = err_set(RC_BAD, e, "more sources than a record can hold");
	return rc;
}

/* A damaged file stays: audit names it, and somebody may have a copy to put in its place. */
static enum rc let_go(struct tables *t, struct release *r, const struct plan_file *f, struct err *e)
{
	struct expire *x = t->x;
	struct expiry_file file = {.path = f->path, .size = f->size, .rows = f->rows, .crc32 = f->crc32};
	enum rc rc = x->p->dry_run ? RC_OK : read_sources(t, f, e);
	if (rc == RC_BAD) {
		expire_leave(x, err_wrap(rc, e, "%.300s", f->path) == RC_BAD ? e->text : "");
		return RC_OK;
	}
	if (rc != RC_OK) /* RC_END: it went meanwhile, so somebody is at this hour */
		return rc;
	file.of = (const char *)t->sources.bytes;
	return release_add(r, &file, e);
}

static enum rc let_hour_go(struct tables *t, size_t from, size_t to, struct err *e)
{
	struct expire *x = t->x;
	const struct compaction_visitor v = {.context = t, .file = see_taken};
	int64_t hour = t->plan.file[from].hour;
	struct release r;
	uint64_t newest = 0;
	enum rc rc = compaction_each(x->p->store, x->schema->name, hour, &v, &newest, e);
	release_begin(&r, x, hour, newest);
	for (size_t i = from; i < to && rc == RC_OK; i++) {
		const struct plan_file *f = &t->plan.file[i];
		if (t->gone[i])
			rc = release_finish(x, f->path, e);
		else if (f->unfinished)
			x->sum->busy++;
		else if (!f->known || t->taken[i])
			x->sum->strange++;
		else
			rc = let_go(t, &r, f, e);
	}
	if (rc == RC_OK)
		rc = release_end(&r, e);
	release_fini(&r);
	return rc;
}

/* The note of a compaction is looked for first: one that is put later finds that the generation it wants is taken. */
static enum rc see_hour(struct tables *t, size_t from, size_t to, struct err *e)
{
	bool busy = false;
	int64_t hour = t->plan.file[from].hour;
	if (hour >= t->x->before_hour)
		return RC_OK;
	enum rc rc = is_busy(t, hour, &busy, e);
	if (rc == RC_OK && !busy)
		rc = let_hour_go(t, from, to, e);
	if ((rc == RC_OK && busy) || rc == RC_END) {
		t->x->sum->busy++;
		rc = RC_OK;
	}
	return rc;
}

/* ---- folders ---- */

static enum rc see_folder(void *context, const char *partition, struct err *e)
{
	struct tables *t = context;
	struct expire *x = t->x;
	const char *dataset = x->schema->name;
	if (expire_stopped(x))
		return RC_END;
	if (json_object_get(t->young, partition) != NULL)
		return RC_OK;
	char *root = mem_format("%s/hive", dataset);
	char *folder = mem_format("%s%s%s", root, partition[0] != '\0' ? "/" : "", partition);
	enum rc rc = plan_all(x->p->store, x->schema, folder, false, &t->plan, e);
	x->sum->strange += rc == RC_OK ? t->plan.strange : 0;
	t->gone = mem_zero(t->plan.files + 1, sizeof *t->gone);
	t->taken = mem_zero(t->plan.files + 1, sizeof *t->taken);
	for (size_t from = 0, to; from < t->plan.files && rc == RC_OK; from = to) {
		to = plan_hour_end(&t->plan, from);
		rc = see_hour(t, from, to, e);
	}
	mem_free(&t->gone);
	mem_free(&t->taken);
	plan_fini(&t->plan);
	if (rc == RC_OK)
		rc = expire_clear(x, folder, root, e);
	mem_free(&folder);
	mem_free(&root);
	return rc;
}

/* Partitions of the hours that stay. A table without partition keys has one, whose files are told apart by hour. */
static void list_young(struct tables *t)
{
	char path[CATALOG_PATH];
	int64_t now = t->x->now_ms / MS_PER_HOUR;
	for (int64_t hour = t->x->before_hour; hour <= now && t->x->schema->partitions > 0; hour++) {
		schema_partition_path(t->x->schema, hour, path, sizeof path);
		json_object_set_new(t->young, path, json_true());
	}
}

/* ---- the catalog ---- */

struct telling {
	struct tables *t;
	json_t *lost; /* partitions that the catalog has and the lake has not */
};

static void see_partition(void *context, const char *path)
{
	struct telling *c = context;
	if (json_object_get(c->t->young, path) == NULL)
		json_object_set_new(c->lost, path, json_true());
}

static enum rc is_there(struct expire *x, const char *partition, bool *there, struct err *e)
{
	struct store_stat st;
	char *folder = mem_format("%s/hive/%s", x->schema->name, partition);
	enum rc rc = store_stat(x->p->store, folder, &st, e);
	*there = rc == RC_OK;
	mem_free(&folder);
	return rc == RC_END ? RC_OK : rc;
}

static enum rc keep_lost(struct telling *c, struct err *e)
{
	const char *partition;
	json_t *ignored;
	void *next;
	enum rc rc = RC_OK;
	json_object_foreach_safe(c->lost, next, partition, ignored)
	{
		bool there = true;
		if (rc == RC_OK)
			rc = is_there(c->t->x, partition, &there, e);
		if (there)
			json_object_del(c->lost, partition);
	}
	return rc;
}

static enum rc see_head(void *context, const struct compaction_head *h, struct err *e)
{
	(void)e;
	*(bool *)context = h->expired;
	return RC_OK;
}

/* Who publishes late rows asks for their partition after their file is there: so one of the two sees the other. */
static enum rc drop(struct expire *x, const char *partition, struct err *e)
{
	bool there = false;
	x->sum->dropped++;
	if (x->p->dry_run)
		return RC_OK;
	enum rc rc = catalog_drop_partition(x->p->catalog, x->table, partition, e);
	if (rc == RC_OK)
		rc = FAULT(EXPIRE_DROPPED, e);
	if (rc == RC_OK || rc == RC_END)
		rc = is_there(x, partition, &there, e);
	return rc == RC_OK && there ? catalog_ensure_partition(x->p->catalog, x->table, partition, e) : rc;
}

/* One whose folder somebody else has deleted is for an audit to name. */
static enum rc drop_expired(struct telling *c, struct err *e)
{
	struct expire *x = c->t->x;
	int64_t *hour = NULL;
	size_t hours = 0;
	enum rc rc = compaction_hours(x->p->store, x->schema->name, &hour, &hours, e);
	for (size_t i = 0; i < hours && rc == RC_OK && hour[i] < x->before_hour; i++) {
		char path[CATALOG_PATH];
		bool expired = false;
		const struct compaction_visitor v = {.context = &expired, .head = see_head};
		schema_partition_path(x->schema, hour[i], path, sizeof path);
		if (json_object_get(c->lost, path) == NULL)
			continue;
		rc = compaction_each(x->p->store, x->schema->name, hour[i], &v, NULL, e);
		if (rc == RC_OK && expired) {
			json_object_del(c->lost, path);
			rc = drop(x, path, e);
		}
	}
	mem_free(&hour);
	return rc;
}

/* The lake is as it should be by now: a catalog that is away is told by the next run. */
static enum rc tell_catalog(struct tables *t, struct err *e)
{
	struct telling c = {.t = t, .lost = json_object()};
	struct expire *x = t->x;
	enum rc rc = RC_END;
	if (x->p->catalog != NULL && x->schema->partitions > 0)
		rc = catalog_partitions(x->p->catalog, x->table, see_partition, &c, e);
	if (rc == RC_OK)
		rc = keep_lost(&c, e);
	if (rc == RC_OK && json_object_size(c.lost) > 0)
		rc = drop_expired(&c, e);
	json_decref(c.lost);
	if (rc == RC_AGAIN || rc == RC_BAD) {
		expire_leave(x, e->text);
		rc = RC_OK;
	}
	return rc == RC_END ? RC_OK : rc;
}

enum rc expire_tables(struct expire *x, struct err *e)
{
	struct tables t = {.x = x, .young = json_object(), .busy = json_object()};
	writer_init(&t.sources, SOURCES_BYTES);
	list_young(&t);
	enum rc rc = datasets_walk(x->p->store, x->schema, see_folder, &t, e);
	if (rc == RC_OK && !expire_stopped(x))
		rc = tell_catalog(&t, e);
	writer_fini(&t.sources);
	json_decref(t.busy);
	json_decref(t.young);
	return rc;
}

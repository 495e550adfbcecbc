/*
 * Everything here can be thrown away at any moment: nothing a draft does is visible to a reader. Final names are made
 * of the range of events, so that whoever rolls a manifest forward gives the same names.
 */
#include "pipe/draft.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/fault.h"
#include "base/mem.h"
#include "base/str.h"
#include "pipe/lines.h"
#include "pipe/rejects.h"

enum {
	LABEL_TOPIC = 120, /* a longer topic is cut and told apart by a digest: file names end at 255 bytes */
	LABEL_CUT = 96,
	EPOCH_BYTES = 16,
	PATH_BYTES = 1024,
	PREFIX_BYTES = 384,
	PARTITION_PATH = 256,
};

struct draft {
	const struct bench *bench;
	const struct place *place;
	uint64_t start, end;
	struct mono since;
	char prefix[PREFIX_BYTES]; /* of staged files; table borrows it */
	struct table *table;
	struct rejects *rejects;
	struct seen_set *set;
	struct writer originals; /* lines of the manifest */
	struct draft_totals totals;
	struct draft_file *file;
	size_t files;
};

void place_init(struct place *p, const char *topic, unsigned partition, const struct pipeline *pipeline,
    const struct projection *projection)
{
	*p = (struct place){.topic = topic, .partition = partition, .pipeline = pipeline, .projection = projection};
	p->seen = seen_place_of(topic, partition);
	if (strlen(topic) <= LABEL_TOPIC) {
		snprintf(p->label, sizeof p->label, "%s-%u", topic, partition);
	} else {
		char hex[2 * 8 + 1];
		str_hex(p->seen.at, 8, hex);
		snprintf(p->label, sizeof p->label, "%.*s-%s-%u", LABEL_CUT, topic, hex, partition);
	}
	place_renew(p);
}

void place_renew(struct place *p)
{
	uint8_t random[EPOCH_BYTES];
	char attempt[sizeof p->label + sizeof p->epoch];
	ssize_t n = getrandom(random, sizeof random, 0);

	assert(n == (ssize_t)sizeof random);
	str_hex(random, sizeof random, p->epoch);
	snprintf(attempt, sizeof attempt, "%s-%s", p->label, p->epoch);
	lake_staging(p->staging, sizeof p->staging, attempt);
}

struct draft *draft_new(const struct bench *bench, const struct place *place, uint64_t start)
{
	struct draft *d = mem_zero(1, sizeof *d);
	char rejects[PREFIX_BYTES + 16];

	d->bench = bench;
	d->place = place;
	d->start = start;
	d->since = clock_mono();
	snprintf(d->prefix, sizeof d->prefix, "%s/%020" PRIu64 "-", place->staging, start);
	snprintf(rejects, sizeof rejects, "%srejects.jsonl", d->prefix);
	d->table = table_new(bench->budget, place->projection, d->prefix);
	d->rejects = rejects_new(bench->store, bench->crc, rejects);
	d->set = seen_set_new();
	writer_init(&d->originals, MANIFEST_MAX / 2);
	return d;
}

void draft_free(struct draft **d)
{
	if (*d == NULL)
		return;
	table_drop(&(*d)->table);
	rejects_drop(&(*d)->rejects);
	seen_set_free(&(*d)->set);
	writer_fini(&(*d)->originals);
	for (size_t i = 0; i < (*d)->files; i++) {
		mem_free(&(*d)->file[i].staged);
		mem_free(&(*d)->file[i].path);
	}
	mem_free(&(*d)->file);
	mem_free(d);
}

bool draft_renders(const struct draft *d)
{
	return d->place->projection == d->place->pipeline->rendered;
}

uint64_t draft_start(const struct draft *d)
{
	return d->start;
}

struct draft_totals *draft_totals(struct draft *d)
{
	return &d->totals;
}

struct mono draft_since(const struct draft *d)
{
	return d->since;
}

uint64_t draft_bytes(const struct draft *d)
{
	return table_bytes(d->table);
}

size_t draft_files_count(const struct draft *d)
{
	size_t count = 0;

	(void)table_files(d->table, &count);
	return count;
}

enum rc draft_rows(struct draft *d, int64_t hour, const struct table_source *source, const struct batch *b,
    const uint16_t *sel, size_t n, uint64_t *outside, struct err *e)
{
	return table_append(d->table, hour, source, b, sel, n, outside, e);
}

static uint64_t counter(const struct report *r, const char *name)
{
	for (size_t i = 0; i < r->dissector->counters && i < BATCH_COUNTERS; i++)
		if (strcmp(r->dissector->counter[i], name) == 0)
			return r->counter[i];
	return 0;
}

enum rc draft_original(struct draft *d, const struct manifest_original *o, const struct report *report, struct err *e)
{
	struct draft_totals *t = &d->totals;
	struct seen_key key = {.again = o->again};
	enum rc rc = rejects_add(d->rejects, o, report, e);

	if (rc != RC_OK)
		return rc;
	manifest_add_original(&d->originals, o);
	if (d->originals.failed)
		return err_set(RC_FAIL, e, "the manifest of one commit would pass %d bytes", MANIFEST_MAX / 2);
	memcpy(key.original, o->original, SHA256_BYTES);
	seen_set_add(d->set, &key);
	t->originals++;
	t->rows += o->rows;
	t->rejects += o->rejects;
	t->lost += o->lost;
	t->outside += o->outside;
	t->ahead += o->ahead;
	t->behind += o->behind;
	t->sequence_failures += counter(report, "sequence_failures");
	t->stat_mismatches += counter(report, "stat_mismatch");
	return RC_OK;
}

bool draft_has(const struct draft *d, const struct seen_key *key)
{
	return seen_set_has(d->set, key);
}

const struct seen_key *draft_keys(const struct draft *d, size_t *count)
{
	return seen_set_keys(d->set, count);
}

static void name_table(const struct draft *d, const struct table_file *t, size_t number, struct draft_file *out)
{
	const struct schema *schema = d->place->pipeline->schema;
	char partition[PARTITION_PATH];

	schema_partition_path(schema, t->hour, partition, sizeof partition);
	out->staged = mem_text(t->staged->path);
	out->path = mem_format("%s/hive/%s/part-%s-%" PRIu64 "-%" PRIu64 "-%05zu.parquet", schema->name, partition,
	    d->place->label, d->start, d->end, number);
	out->hour = t->hour;
	out->rows = t->rows;
	out->size = t->staged->size;
	out->crc32 = t->staged->crc32;
}

static void name_rejects(
    const struct draft *d, const struct staged *s, uint64_t lines, size_t number, struct draft_file *out)
{
	int64_t now_s = clock_wall().ns / NS_PER_S;
	struct civil c = civil_of(now_s);

	out->staged = mem_text(s->path);
	out->path = mem_format("%s/rejects/%04d%02u%02u/%02u/part-%s-%" PRIu64 "-%" PRIu64 "-%05zu.jsonl",
	    d->place->pipeline->schema->name, c.year, c.month, c.day, c.hour, d->place->label, d->start, d->end,
	    number);
	out->rejects = true;
	out->hour = hour_of(now_s);
	out->rows = lines;
	out->size = s->size;
	out->crc32 = s->crc32;
}

/* Names for all files, and their handles for the sync. */
static void settle_files(struct draft *d, struct store_file ***handles)
{
	size_t tables = 0;
	uint64_t lines = 0;
	struct table_file *t = table_files(d->table, &tables);
	struct staged *rejects = rejects_file(d->rejects, &lines);

	d->file = mem_zero(tables + 1, sizeof *d->file);
	*handles = mem_zero(tables + 1, sizeof **handles);
	for (size_t i = 0; i < tables; i++) {
		name_table(d, &t[i], i, &d->file[i]);
		(*handles)[i] = staged_take(t[i].staged);
		d->totals.bytes += t[i].staged->size;
	}
	d->files = tables;
	d->totals.table_files = tables;
	if (rejects != NULL) {
		name_rejects(d, rejects, lines, tables, &d->file[tables]);
		(*handles)[tables] = staged_take(rejects);
		d->files++;
	}
}

static void step(const struct draft *d, enum commit_step s)
{
	if (d->bench->step != NULL)
		d->bench->step(d->bench->step_context, s);
}

enum rc draft_finish(struct draft *d, uint64_t end, struct err *e)
{
	struct store_file **handles = NULL;
	enum rc rc;

	assert(d->files == 0);
	d->end = end;
	if ((rc = table_finish(d->table, e)) != RC_OK || (rc = rejects_finish(d->rejects, e)) != RC_OK ||
	    (rc = FAULT(WORKER_STAGED, e)) != RC_OK)
		return rc;
	step(d, STEP_STAGED);
	settle_files(d, &handles);
	if (d->files > 0)
		rc = store_sync(d->bench->store, handles, d->files, e);
	if (rc == RC_OK)
		rc = FAULT(WORKER_SYNCED, e);
	mem_free(&handles);
	if (rc != RC_OK)
		draft_discard(d);
	else
		step(d, STEP_SYNCED);
	return rc;
}

const struct draft_file *draft_files(const struct draft *d, size_t *count)
{
	*count = d->files;
	return d->file;
}

enum rc draft_manifest(const struct draft *d, struct manifest_head *head, struct writer *out, struct err *e)
{
	*head = (struct manifest_head){
	    .partition = d->place->partition, .start = d->start, .end = d->end, .time_ms = clock_wall().ns / 1000000};
	str_copy(head->topic, sizeof head->topic, d->place->topic);
	str_copy(head->epoch, sizeof head->epoch, d->place->epoch);
	manifest_begin(out, head);
	for (size_t i = 0; i < d->files; i++) {
		const struct draft_file *f = &d->file[i];
		const struct manifest_file m = {.path = f->path,
		    .staged = f->staged,
		    .rejects = f->rejects,
		    .dataset = d->place->pipeline->schema->name,
		    .hour = f->hour,
		    .size = f->size,
		    .rows = f->rows,
		    .crc32 = f->crc32};
		manifest_add_file(out, &m);
	}
	writer_put(out, d->originals.bytes, d->originals.len);
	lines_end(out);
	return out->failed ? err_set(RC_FAIL, e, "a manifest larger than %d bytes", MANIFEST_MAX) : RC_OK;
}

/* Best effort: what can't be deleted now is swept by a later recovery. */
void draft_discard(struct draft *d)
{
	const char **path = mem_zero(d->files + 1, sizeof *path);
	struct err ignored;

	for (size_t i = 0; i < d->files; i++)
		path[i] = d->file[i].staged;
	(void)!store_remove(d->bench->store, path, d->files, &ignored);
	mem_free(&path);
}

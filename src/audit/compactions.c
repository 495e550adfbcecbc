/*
 * What compactions say: which files of commits are gone because their rows lie in others now.
 *
 * A generation under way has a note beside it. Until its outputs lie in the table, its inputs are what counts; from
 * then on the outputs are. Its manifest is there before either changes.
 */
#include "audit/work.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "pipe/compaction.h"
#include "pipe/datasets.h"
#include "pipe/manifest.h"

enum { PATH_BYTES = 512, GENERATIONS = 64 };

struct generation {
	struct audit *audit;
	const char *dataset;
	int64_t hour;
	uint64_t number;
	bool under_way, switched;
	bool expired; /* nothing came for the inputs */
	unsigned depth;
};

static enum rc is_there(struct audit *a, const char *path, bool *there, struct err *e)
{
	struct store_stat st;
	enum rc rc = store_stat(a->store, path, &st, e);
	*there = rc == RC_OK;
	return rc == RC_END ? RC_OK : rc;
}

static enum rc see_output(void *context, const struct compaction_file *f, struct err *e)
{
	struct generation *g = context;
	bool there = true;
	enum rc rc = f->output ? is_there(g->audit, f->path, &there, e) : RC_OK;
	g->switched &= there;
	return rc;
}

/* Rows that went count as they did in their file. */
static enum rc see_expired(void *context, const uint8_t sha256[SHA256_BYTES], uint64_t rows, struct err *e)
{
	const struct generation *g = context;
	struct audit *a = g->audit;
	const struct rows_of of = {.dataset = names_add(&a->datasets, g->dataset, strlen(g->dataset)), .rows = rows};
	struct ident id = {.source = NAMES_NONE, .again = of.dataset, .fact = IDENT_ROWS};
	memcpy(id.sha256, sha256, SHA256_BYTES);
	return audit_add_ident(a, &id, &of, e);
}

static enum rc see_file(void *context, const struct compaction_file *f, struct err *e)
{
	struct generation *g = context;
	struct audit *a = g->audit;
	const struct named_file file = {.commit = {.topic = NAMES_NONE,
	                                    .partition = names_add(&a->datasets, g->dataset, strlen(g->dataset)),
	                                    .start = (uint64_t)g->hour},
	    .generation = g->number,
	    .size = f->size,
	    .rows = f->rows,
	    .crc32 = f->crc32,
	    .under_way = g->under_way,
	    .expired_ms = f->expired_ms,
	    .hour = g->hour,
	    .dataset = names_add(&a->datasets, g->dataset, strlen(g->dataset)),
	    .staged = f->from != NULL ? f->from : ""};
	if (f->expired_ms > 0) {
		enum rc rc = compaction_sources(f, see_expired, g, e);
		if (rc != RC_OK)
			return rc;
	}
	if (g->switched)
		return audit_add_path(a, f->path, f->output ? PATH_FILE : PATH_TAKEN, &file, e);
	if (!f->output)
		return RC_OK;
	/* Where folders cannot be exchanged, some outputs are there before the others. */
	audit_note_staged(a, f->from);
	return audit_add_path(a, f->path, PATH_TAKEN, &file, e);
}

/* A second note says that the switch was made; without it, it was if all outputs are there. */
static enum rc find_state(struct generation *g, struct err *e)
{
	const struct compaction_visitor v = {.context = g, .file = see_output};
	char note[PATH_BYTES];
	bool noted = false;
	int len = snprintf(
	    note, sizeof note, "_sluice/compacting/%s/%020" PRId64 "-%020" PRIu64, g->dataset, g->hour, g->number);
	enum rc rc = is_there(g->audit, note, &g->under_way, e);
	g->switched = true;
	if (rc != RC_OK || !g->under_way)
		return rc;
	snprintf(note + len, sizeof note - (size_t)len, ".switched");
	rc = is_there(g->audit, note, &noted, e);
	if (rc == RC_OK && !noted)
		rc = compaction_load(g->audit->store, g->dataset, g->hour, g->number, &v, e);
	return rc;
}

/* The newest generation says whether the hour is gone. */
static enum rc see_head(void *context, const struct compaction_head *h, struct err *e)
{
	struct generation *g = context;
	const struct schema *schema = audit_schema(g->audit, g->dataset);
	char path[PATH_BYTES / 2], folder[PATH_BYTES];
	(void)e;
	g->expired = h->expired;
	if (schema == NULL || schema->partitions == 0)
		return RC_OK;
	schema_partition_path(schema, g->hour, path, sizeof path);
	snprintf(folder, sizeof folder, "%s/hive/%s", g->dataset, path);
	if (h->expired)
		json_object_set_new(g->audit->expired, folder, json_integer(h->time_ms));
	else
		json_object_del(g->audit->expired, folder);
	return RC_OK;
}

static enum rc read_generation(struct generation *g, struct err *e)
{
	const struct compaction_visitor all = {.context = g, .head = see_head, .file = see_file};
	struct audit *a = g->audit;
	char path[PATH_BYTES];
	lake_compaction(path, sizeof path, g->dataset, g->hour, g->number);
	enum rc rc = find_state(g, e);
	if (rc == RC_OK)
		rc = compaction_load(a->store, g->dataset, g->hour, g->number, &all, e);
	a->result->compactions += !g->expired;
	if (rc != RC_BAD)
		return rc == RC_END ? RC_OK : rc;
	const char *text = strncmp(e->text, path, strlen(path)) == 0 ? e->text + strlen(path) + 2 : e->text;
	audit_find(a, FINDING_COMPACTION_DAMAGED, path, "%s", text);
	audit_break_hour(a, names_add(&a->datasets, g->dataset, strlen(g->dataset)), g->hour);
	return RC_OK;
}

static enum rc read_hour(struct audit *a, const char *dataset, int64_t hour, struct err *e)
{
	char folder[PATH_BYTES], **name = NULL;
	size_t count = 0;
	lake_compaction_hour(folder, sizeof folder, dataset, hour);
	enum rc rc = store_list(a->store, folder, NULL, SIZE_MAX / 2, &name, &count, e);
	for (size_t i = 0; i < count && rc == RC_OK; i++) {
		struct generation g = {.audit = a, .dataset = dataset, .hour = hour};
		if (manifest_name_read(name[i], &g.number))
			rc = read_generation(&g, e);
	}
	store_list_free(&name, count);
	return rc;
}

enum rc audit_compactions(struct audit *a, struct err *e)
{
	struct datasets d;
	enum rc rc = RC_OK;
	datasets_init(&d, a->settings);
	for (size_t i = 0; i < d.count && rc == RC_OK; i++) {
		const char *dataset = d.table[i].schema->name;
		int64_t *hour = NULL;
		size_t hours = 0;
		rc = compaction_hours(a->store, dataset, &hour, &hours, e);
		for (size_t n = 0; n < hours && rc == RC_OK; n++)
			rc = read_hour(a, dataset, hour[n], e);
		mem_free(&hour);
	}
	datasets_fini(&d);
	return rc;
}

/* Rows of a file that could not be counted. */

static enum rc excuse_generation(
    struct audit *a, const char *dataset, int64_t hour, uint64_t number, unsigned depth, struct err *e);

static enum rc excuse_input(void *context, const struct compaction_file *f, struct err *e)
{
	struct generation *g = context;
	const char *label = NULL;
	size_t len = 0;
	uint64_t start = 0, end = 0, number = 0;
	int64_t hour = 0;
	if (f->output)
		return RC_OK;
	if (compaction_name_read(f->path, &hour, &number))
		return excuse_generation(g->audit, g->dataset, hour, number, g->depth + 1, e);
	if (!chain_file_name(file_name(f->path), &label, &len, &start, &end))
		return RC_OK;
	const struct chain *c = chains_by_label(&g->audit->chains, label, len);
	if (c != NULL)
		commit_set_add(&g->audit->excused, &(struct commit_id){c->topic, c->partition, start});
	return RC_OK;
}

static enum rc excuse_generation(
    struct audit *a, const char *dataset, int64_t hour, uint64_t number, unsigned depth, struct err *e)
{
	struct generation g = {.audit = a, .dataset = dataset, .hour = hour, .number = number, .depth = depth};
	const struct compaction_visitor v = {.context = &g, .file = excuse_input};
	if (depth == GENERATIONS)
		return RC_OK;
	enum rc rc = compaction_load(a->store, dataset, hour, number, &v, e);
	return rc == RC_END || rc == RC_BAD ? RC_OK : rc;
}

enum rc audit_excuse(struct audit *a, const struct named_file *f, struct err *e)
{
	if (f->generation > 0)
		return excuse_generation(a, names_text(&a->datasets, f->dataset), f->hour, f->generation, 0, e);
	commit_set_add(&a->excused, &f->commit);
	return RC_OK;
}

bool compaction_name_read(const char *path, int64_t *hour, uint64_t *generation)
{
	return sscanf(file_name(path), "part-compact-%" SCNd64 "-%" SCNu64 "-", hour, generation) == 2;
}

/* Back from a file: its name says whose commit it is of, its footer whose rows it holds, the manifests what those are
 * called. */
#include "audit/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "audit/content.h"
#include "audit/places.h"
#include "audit/work.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "ext/json.h"
#include "pipe/compaction.h"
#include "pipe/expiry.h"
#include "pipe/footer.h"
#include "pipe/history.h"
#include "pipe/manifest.h"

struct back {
	const struct trace *trace;
	const char *path;
	json_t *one;       /* the answer */
	json_t *by_digest; /* sha256 -> entry of "originals" */
	struct manifest_head head;
	bool named; /* a manifest names the file */
	int64_t hour;
	uint64_t size;
	uint32_t crc32;
};

static json_t *entry_of(struct back *b, const uint8_t sha256[SHA256_BYTES])
{
	char hex[SHA256_TEXT];
	str_hex(sha256, SHA256_BYTES, hex);
	json_t *entry = json_object_get(b->by_digest, hex);
	if (entry != NULL)
		return entry;
	entry = json_pack("{s:s,s:I}", "original", hex, "rows", (json_int_t)0);
	json_array_append_new(json_object_get(b->one, "originals"), entry);
	json_object_set(b->by_digest, hex, entry);
	return entry;
}

static void add_rows(json_t *entry, uint64_t rows)
{
	json_object_set_new(
	    entry, "rows", json_integer(json_integer_value(json_object_get(entry, "rows")) + (json_int_t)rows));
}

static enum rc see_source(
    void *context, const uint8_t sha256[SHA256_BYTES], uint64_t first, uint64_t rows, struct err *e)
{
	json_t *entry = entry_of(context, sha256);
	json_t *ranges = json_object_get(entry, "ranges");
	(void)e;
	if (ranges == NULL) {
		ranges = json_array();
		json_object_set_new(entry, "ranges", ranges);
	}
	json_array_append_new(ranges, json_pack("[I,I]", (json_int_t)first, (json_int_t)rows));
	add_rows(entry, rows);
	return RC_OK;
}

static enum rc see_line(void *context, const struct reject_line *line, struct err *e)
{
	json_t *entry = entry_of(context, line->sha256);
	json_int_t rejects = json_integer_value(json_object_get(entry, "rejects"));
	(void)e;
	json_object_set_new(entry, "rejects", json_integer(rejects + (json_int_t)line->rejects));
	add_rows(entry, line->lost);
	return RC_OK;
}

/* What the file itself says. */
static enum rc read_file(struct back *b, bool rejects, struct err *e)
{
	struct store_stat st;
	struct footer footer;
	enum rc rc = store_stat(b->trace->store, b->path, &st, e);
	json_object_set_new(b->one, "there", json_boolean(rc == RC_OK));
	if (rc != RC_OK)
		return rc == RC_END ? RC_OK : rc;
	json_object_set_new(b->one, "size", json_u64(st.size));
	if (rejects) {
		struct crc32_tables tables;
		uint32_t crc = 0;
		crc32_init(&tables);
		rc = content_rejects(b->trace->store, &tables, b->path, see_line, b, &crc, e);
	} else {
		rc = footer_read(b->trace->store, b->path, st.size, &footer, e);
		if (rc == RC_OK) {
			json_object_set_new(b->one, "rows", json_u64(footer.inspect.rows));
			if (footer.inspect.dissector.at != NULL)
				json_object_set_new(b->one, "dissector",
				    json_stringn(footer.inspect.dissector.at, footer.inspect.dissector.len));
			rc = footer_sources(&footer.inspect, see_source, b, e);
			mem_free(&footer.bytes);
		}
	}
	if (rc == RC_BAD)
		json_object_set_new(b->one, "problem", json_string(e->text));
	return rc == RC_BAD ? RC_OK : rc;
}

/* Commits. */

static enum rc see_head(void *context, const struct manifest_head *h, struct err *e)
{
	struct back *b = context;
	(void)e;
	b->head = *h;
	return RC_OK;
}

static enum rc see_file(void *context, const struct manifest_file *f, struct err *e)
{
	struct back *b = context;
	(void)e;
	if (strcmp(f->path, b->path) != 0)
		return RC_OK;
	b->named = true;
	b->hour = f->hour;
	b->size = f->size;
	b->crc32 = f->crc32;
	return RC_OK;
}

static enum rc see_original(void *context, const struct manifest_original *o, struct err *e)
{
	struct back *b = context;
	char hex[SHA256_TEXT];
	(void)e;
	str_hex(o->original, SHA256_BYTES, hex);
	json_t *entry = json_object_get(b->by_digest, hex);
	if (entry == NULL || json_object_get(entry, "path") != NULL)
		return RC_OK;
	json_object_set_new(entry, "again", json_u64(o->again));
	json_object_set_new(entry, "pipeline", json_string(o->pipeline));
	json_object_set_new(entry, "name", json_escaped(o->name));
	json_object_set_new(entry, "path", json_escaped(o->path));
	return RC_OK;
}

static enum rc add_commit(struct back *b, const struct file_place *place, struct err *e)
{
	const struct manifest_visitor v = {.context = b, .head = see_head, .file = see_file, .original = see_original};
	enum rc rc = history_load(b->trace->store, place->topic, place->partition, place->start, &v, e);
	if (rc != RC_OK)
		return rc == RC_END ? RC_OK : rc;
	json_array_append_new(json_object_get(b->one, "commits"),
	    json_pack("{s:s,s:I,s:I,s:I,s:I,s:s}", "topic", b->head.topic, "partition", (json_int_t)b->head.partition,
	        "start", (json_int_t)b->head.start, "end", (json_int_t)b->head.end, "time_ms",
	        (json_int_t)b->head.time_ms, "epoch", b->head.epoch));
	return RC_OK;
}

/* Compactions: "part-compact-<hour>-<generation>-<number>.parquet". */

struct inputs {
	char **path;
	size_t count;
};

static enum rc see_input(void *context, const struct compaction_file *f, struct err *e)
{
	struct inputs *in = context;
	(void)e;
	if (f->output)
		return RC_OK;
	in->path = mem_resize(in->path, (in->count + 1) * sizeof *in->path);
	in->path[in->count++] = mem_text(f->path);
	return RC_OK;
}

static enum rc see_output(void *context, const struct compaction_file *f, struct err *e)
{
	struct back *b = context;
	(void)e;
	b->named |= f->output && strcmp(f->path, b->path) == 0;
	return RC_OK;
}

/* The commits that a file's rows came by: of its inputs, and of theirs. */
static enum rc add_commits(struct back *b, const char *dataset, const char *path, unsigned depth, struct err *e)
{
	struct inputs in = {.count = 0};
	const struct compaction_visitor v = {.context = &in, .file = see_input};
	struct file_place place;
	int64_t hour = 0;
	uint64_t generation = 0;
	if (!compaction_name_read(path, &hour, &generation)) {
		enum rc rc = places_of_file(b->trace->store, path, &place, e);
		return rc == RC_OK ? add_commit(b, &place, e) : rc == RC_END ? RC_OK : rc;
	}
	enum rc rc = compaction_load(b->trace->store, dataset, hour, generation, &v, e);
	for (size_t i = 0; i < in.count; i++) {
		if (rc == RC_OK && depth > 0)
			rc = add_commits(b, dataset, in.path[i], depth - 1, e);
		mem_free(&in.path[i]);
	}
	mem_free(&in.path);
	return rc == RC_END ? RC_OK : rc;
}

static enum rc add_compaction(struct back *b, const char *dataset, struct err *e)
{
	const struct compaction_visitor v = {.context = b, .file = see_output};
	int64_t hour = 0;
	uint64_t generation = 0;
	if (!compaction_name_read(b->path, &hour, &generation))
		return RC_OK;
	json_object_set_new(b->one, "compaction",
	    json_pack("{s:I,s:I}", "hour", (json_int_t)hour, "generation", (json_int_t)generation));
	enum rc rc = compaction_load(b->trace->store, dataset, hour, generation, &v, e);
	return rc == RC_END ? RC_OK : rc;
}

/* Expiries. */

static enum rc see_expired_source(void *context, const uint8_t sha256[SHA256_BYTES], uint64_t rows, struct err *e)
{
	(void)e;
	add_rows(entry_of(context, sha256), rows);
	return RC_OK;
}

static enum rc see_expired(void *context, const struct compaction_file *f, struct err *e)
{
	struct back *b = context;
	if (f->expired_ms == 0 || strcmp(f->path, b->path) != 0)
		return RC_OK;
	json_object_set_new(b->one, "expired_ms", json_integer(f->expired_ms));
	json_object_set_new(b->one, "rows", json_u64(f->rows));
	return compaction_sources(f, see_expired_source, b, e);
}

/* A commit says of which hour its file is, a compacted file its name. */
static enum rc find_hour(struct back *b, struct err *e)
{
	const struct manifest_visitor v = {.context = b, .file = see_file};
	struct file_place place;
	uint64_t generation = 0;
	if (compaction_name_read(b->path, &b->hour, &generation))
		return RC_OK;
	enum rc rc = places_of_file(b->trace->store, b->path, &place, e);
	if (rc == RC_OK)
		rc = history_load(b->trace->store, place.topic, place.partition, place.start, &v, e);
	return rc;
}

/* Why it is not there, if that is meant; and whose its rows were. */
static enum rc add_expiry(struct back *b, const char *dataset, bool rejects, struct err *e)
{
	const struct compaction_visitor v = {.context = b, .file = see_expired};
	int64_t expired_ms = 0;
	if (json_is_true(json_object_get(b->one, "there")))
		return RC_OK;
	enum rc rc = find_hour(b, e);
	if (rc == RC_OK && !rejects)
		rc = compaction_each(b->trace->store, dataset, b->hour, &v, NULL, e);
	else if (rc == RC_OK)
		rc = expiry_took(b->trace->store, dataset, b->hour, b->path, b->size, b->crc32, &expired_ms, e);
	if (expired_ms > 0)
		json_object_set_new(b->one, "expired_ms", json_integer(expired_ms));
	return rc == RC_END ? RC_OK : rc;
}

enum rc trace_file(const struct trace *t, const char *path, json_t **out, struct err *e)
{
	enum { GENERATIONS = 64 };
	struct back b = {.trace = t, .path = path, .one = json_object(), .by_digest = json_object()};
	char *dataset = mem_text_n(path, strcspn(path, "/"));
	bool rejects = strstr(path, "/rejects/") != NULL;
	json_object_set_new(b.one, "file", json_escaped(path));
	json_object_set_new(b.one, "dataset", json_string(dataset));
	json_object_set_new(b.one, "kind", json_string(rejects ? "rejects" : "table"));
	json_object_set_new(b.one, "originals", json_array());
	json_object_set_new(b.one, "commits", json_array());
	enum rc rc = read_file(&b, rejects, e);
	if (rc == RC_OK)
		rc = add_expiry(&b, dataset, rejects, e);
	if (rc == RC_OK)
		rc = add_compaction(&b, dataset, e);
	if (rc == RC_OK)
		rc = add_commits(&b, dataset, path, GENERATIONS, e);
	json_object_set_new(b.one, "named", json_boolean(b.named));
	if (rc == RC_OK && !b.named && !json_is_true(json_object_get(b.one, "there")))
		rc = RC_END;
	if (rc == RC_OK)
		*out = json_pack("[O]", b.one);
	json_decref(b.one);
	json_decref(b.by_digest);
	mem_free(&dataset);
	return rc;
}

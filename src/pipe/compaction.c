/*
 * Written whole or not at all, and read with the same suspicion as the manifests of commits: audit, recovery and the
 * next compaction all decide by it whether rows are there once.
 */
#include "pipe/compaction.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "ext/json.h"
#include "pipe/lines.h"
#include "pipe/manifest.h"

enum { VERSION = 1, PATH_BYTES = 512 };

void lake_compaction_hour(char *out, size_t size, const char *dataset, int64_t hour)
{
	snprintf(out, size, "_sluice/compactions/%s/%020" PRId64, dataset, hour);
}

void lake_compaction(char *out, size_t size, const char *dataset, int64_t hour, uint64_t generation)
{
	snprintf(out, size, "_sluice/compactions/%s/%020" PRId64 "/%020" PRIu64, dataset, hour, generation);
}

void compaction_begin(struct writer *w, const struct compaction_head *h)
{
	writer_format(w, "{\"sluice\":\"compaction\",\"version\":%d", VERSION);
	json_quote_member(w, "dataset", h->dataset);
	writer_format(w, ",\"hour\":%" PRId64 ",\"generation\":%" PRIu64, h->hour, h->generation);
	json_quote_member(w, "epoch", h->epoch);
	json_quote_member(w, "writer", "sluice " SLUICE_VERSION);
	writer_format(w, ",\"time\":%" PRId64 "}\n", h->time_ms);
}

void compaction_add(struct writer *w, const struct compaction_file *f)
{
	writer_text(w, f->output ? "{\"output\":" : "{\"input\":");
	json_quote(w, f->path, strlen(f->path));
	json_quote_member(w, f->output ? "staged" : "kept", f->from);
	if (f->aside != NULL)
		json_quote_member(w, "aside", f->aside);
	writer_format(
	    w, ",\"size\":%" PRIu64 ",\"rows\":%" PRIu64 ",\"crc32\":%" PRIu32 "}\n", f->size, f->rows, f->crc32);
}

void compaction_end(struct writer *w)
{
	lines_end(w);
}

/* Reading. */

struct walk {
	const struct compaction_visitor *v;
	const char *dataset; /* what the name promises; NULL: nothing */
	int64_t hour;
	uint64_t generation;
	uint64_t in, out; /* rows */
	bool expired;
	int64_t time_ms;
};

static enum rc walk_head(void *context, const json_t *line, struct err *e)
{
	struct walk *w = context;
	struct compaction_head h = {.hour = 0};
	const char *kind, *dataset, *epoch;
	int64_t version = 0;
	enum rc rc;

	if ((rc = json_get_text(line, "sluice", &kind, e)) != RC_OK ||
	    (rc = json_get_int(line, "version", &version, e)) != RC_OK)
		return rc;
	h.expired = strcmp(kind, "expiry") == 0;
	if ((strcmp(kind, "compaction") != 0 && !h.expired) || version != VERSION)
		return err_set(RC_BAD, e, "a %.32s of version %" PRId64 ", not a compaction of version %d", kind,
		    version, VERSION);
	if ((rc = json_get_text(line, "dataset", &dataset, e)) != RC_OK ||
	    (rc = json_get_int(line, "hour", &h.hour, e)) != RC_OK ||
	    (rc = json_get_u64(line, "generation", &h.generation, e)) != RC_OK ||
	    (rc = json_get_text(line, "epoch", &epoch, e)) != RC_OK ||
	    (rc = json_get_int(line, "time", &h.time_ms, e)) != RC_OK)
		return rc;
	if (!str_copy(h.dataset, sizeof h.dataset, dataset) || !str_copy(h.epoch, sizeof h.epoch, epoch))
		return err_set(RC_BAD, e, "its first line is damaged");
	if (w->dataset != NULL &&
	    (strcmp(w->dataset, dataset) != 0 || w->hour != h.hour || w->generation != h.generation))
		return err_set(RC_BAD, e, "it speaks of generation %" PRIu64 " of hour %" PRId64 " of %s", h.generation,
		    h.hour, h.dataset);
	w->expired = h.expired;
	w->time_ms = h.time_ms;
	return w->v->head != NULL ? w->v->head(w->v->context, &h, e) : RC_OK;
}

static enum rc walk_file(struct walk *w, const json_t *line, bool output, struct err *e)
{
	struct compaction_file f = {.output = output, .from = ""};
	const json_t *aside = json_object_get(line, "aside");
	uint64_t crc32 = 0;
	enum rc rc;

	if ((rc = json_get_text(line, output ? "output" : "input", &f.path, e)) != RC_OK ||
	    (!w->expired && (rc = json_get_text(line, output ? "staged" : "kept", &f.from, e)) != RC_OK) ||
	    (rc = json_get_u64(line, "size", &f.size, e)) != RC_OK ||
	    (rc = json_get_u64(line, "rows", &f.rows, e)) != RC_OK ||
	    (rc = json_get_u64(line, "crc32", &crc32, e)) != RC_OK)
		return rc;
	if (crc32 > UINT32_MAX || (aside != NULL && !json_is_string(aside)))
		return err_set(RC_BAD, e, "the line of a file is damaged");
	if (w->expired) {
		f.expired_ms = w->time_ms;
		f.of = json_object_get(line, "of");
		if (output || !json_is_array(f.of))
			return err_set(RC_BAD, e, "the line of a file that expired is damaged");
	}
	f.crc32 = (uint32_t)crc32;
	f.aside = json_string_value(aside);
	*(output ? &w->out : &w->in) += f.rows;
	return w->v->file != NULL ? w->v->file(w->v->context, &f, e) : RC_OK;
}

static enum rc walk_line(void *context, const json_t *line, bool *known, struct err *e)
{
	struct walk *w = context;

	if (json_object_get(line, "input") != NULL)
		return walk_file(w, line, false, e);
	if (json_object_get(line, "output") != NULL)
		return walk_file(w, line, true, e);
	*known = false;
	return RC_OK;
}

static enum rc walk_end(void *context, struct err *e)
{
	const struct walk *w = context;

	if (w->in != w->out && !w->expired)
		return err_set(RC_BAD, e, "%" PRIu64 " rows went in, %" PRIu64 " came out", w->in, w->out);
	return RC_OK;
}

static enum rc walk_text(struct walk *w, const char *text, size_t size, struct err *e)
{
	const struct lines_visitor v = {
	    .what = "compaction", .context = w, .head = walk_head, .line = walk_line, .end = walk_end};

	return lines_walk(text, size, &v, e);
}

static bool read_source(const json_t *entry, uint8_t sha256[SHA256_BYTES], uint64_t *rows)
{
	const char *hex = json_string_value(json_array_get(entry, 0));
	const json_t *count = json_array_get(entry, 1);

	if (hex == NULL || !str_unhex(hex, sha256, SHA256_BYTES) || !json_is_integer(count) ||
	    json_integer_value(count) < 0)
		return false;
	*rows = (uint64_t)json_integer_value(count);
	return true;
}

enum rc compaction_sources(const struct compaction_file *f,
    enum rc (*see)(void *context, const uint8_t sha256[SHA256_BYTES], uint64_t rows, struct err *e), void *context,
    struct err *e)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < json_array_size(f->of) && rc == RC_OK; i++) {
		uint8_t sha256[SHA256_BYTES];
		uint64_t rows;
		if (!read_source(json_array_get(f->of, i), sha256, &rows))
			return err_set(RC_BAD, e, "whose the rows of %.200s were is damaged", f->path);
		rc = see(context, sha256, rows, e);
	}
	return rc;
}

struct rows_of {
	const uint8_t *sha256;
	uint64_t rows;
};

static enum rc add_rows(void *context, const uint8_t sha256[SHA256_BYTES], uint64_t rows, struct err *e)
{
	struct rows_of *r = context;

	(void)e;
	if (memcmp(r->sha256, sha256, SHA256_BYTES) == 0)
		r->rows += rows;
	return RC_OK;
}

uint64_t compaction_rows_of(const struct compaction_file *f, const uint8_t sha256[SHA256_BYTES])
{
	struct rows_of r = {.sha256 = sha256};
	struct err ignored;

	return compaction_sources(f, add_rows, &r, &ignored) == RC_OK ? r.rows : 0;
}

enum rc compaction_walk(const char *text, size_t size, const struct compaction_visitor *v, struct err *e)
{
	struct walk w = {.v = v};

	return walk_text(&w, text, size, e);
}

enum rc compaction_load(struct store *s, const char *dataset, int64_t hour, uint64_t generation,
    const struct compaction_visitor *v, struct err *e)
{
	struct walk w = {.v = v, .dataset = dataset, .hour = hour, .generation = generation};
	char path[PATH_BYTES];
	char *text = NULL;
	size_t size = 0;
	enum rc rc;

	lake_compaction(path, sizeof path, dataset, hour, generation);
	rc = store_get(s, path, COMPACTION_MAX, &text, &size, e);
	if (rc != RC_OK)
		return rc;
	rc = walk_text(&w, text, size, e);
	if (rc == RC_BAD)
		rc = err_wrap(rc, e, "%s", path);
	mem_free(&text);
	return rc;
}

enum rc compaction_each(struct store *s, const char *dataset, int64_t hour, const struct compaction_visitor *v,
    uint64_t *newest, struct err *e)
{
	char path[PATH_BYTES];
	char **names = NULL;
	size_t count = 0;
	uint64_t last = 0;
	enum rc rc;

	lake_compaction_hour(path, sizeof path, dataset, hour);
	rc = store_list(s, path, NULL, SIZE_MAX / 2, &names, &count, e);
	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < count && rc == RC_OK; i++) {
		uint64_t generation;
		if (!manifest_name_read(names[i], &generation))
			continue;
		last = generation;
		if (v != NULL)
			rc = compaction_load(s, dataset, hour, generation, v, e);
		if (rc == RC_END)
			rc = err_set(RC_AGAIN, e, "%s/%s vanished", path, names[i]);
	}
	store_list_free(&names, count);
	if (newest != NULL)
		*newest = last;
	return rc;
}

enum rc compaction_hours(struct store *s, const char *dataset, int64_t **hours, size_t *count, struct err *e)
{
	char *path = mem_format("_sluice/compactions/%s", dataset);
	char **names = NULL;
	size_t got = 0, n = 0;
	enum rc rc = store_list(s, path, NULL, SIZE_MAX / 2, &names, &got, e);

	mem_free(&path);
	if (rc != RC_OK)
		return rc;
	*hours = mem_alloc((got + 1) * sizeof **hours);
	for (size_t i = 0; i < got; i++) {
		uint64_t hour;
		if (manifest_name_read(names[i], &hour) && hour <= INT64_MAX)
			(*hours)[n++] = (int64_t)hour;
	}
	store_list_free(&names, got);
	*count = n;
	return RC_OK;
}

struct look {
	const char *path;
	uint64_t size;
	uint32_t crc32;
	bool took;
};

static enum rc look_file(void *context, const struct compaction_file *f, struct err *e)
{
	struct look *l = context;

	(void)e;
	if (!f->output && strcmp(f->path, l->path) == 0)
		l->took |= f->size == l->size && f->crc32 == l->crc32;
	return RC_OK;
}

enum rc compaction_took(struct store *s, const char *dataset, int64_t hour, const char *path, uint64_t size,
    uint32_t crc32, bool *took, struct err *e)
{
	struct look l = {.path = path, .size = size, .crc32 = crc32};
	const struct compaction_visitor v = {.context = &l, .file = look_file};
	enum rc rc = compaction_each(s, dataset, hour, &v, NULL, e);

	if (rc == RC_OK)
		*took = l.took;
	return rc;
}

/* The lines of rejects files are evidence of one moment; the chains of replays say which moments are past. */
#include "audit/rejected.h"

#include <stdio.h>
#include <string.h>

#include "audit/tree.h"
#include "base/mem.h"
#include "base/str.h"
#include "pipe/expiry.h"
#include "pipe/history.h"
#include "pipe/manifest.h"

struct walk {
	struct store *store;
	json_t *replayed; /* "<pipeline>/<sha256>": again of the newest replay */
	json_t *settled;  /* likewise: why, where that settled it */
	struct crc32_tables crc;
	const char *dataset, *file;
	enum rc (*see)(void *context, const struct rejected *r, struct err *e);
	void *context;
};

static char *key_of(const char *pipeline, const uint8_t original[SHA256_BYTES])
{
	char hex[SHA256_TEXT];
	str_hex(original, SHA256_BYTES, hex);
	return mem_format("%s/%s", pipeline, hex);
}

static enum rc see_replayed(void *context, const struct manifest_original *o, struct err *e)
{
	struct walk *w = context;
	char *key = key_of(o->pipeline, o->original);
	(void)e;
	if (json_integer_value(json_object_get(w->replayed, key)) < (json_int_t)o->again) {
		json_object_set_new(w->replayed, key, json_integer(o->again));
		json_object_set_new(w->settled, key, o->settled != NULL ? json_string(o->settled) : json_null());
	}
	mem_free(&key);
	return RC_OK;
}

static enum rc read_replays(struct walk *w, const struct settings *s, struct err *e)
{
	const struct manifest_visitor v = {.context = w, .original = see_replayed};
	enum rc rc = RC_OK;
	for (size_t i = 0; i < s->pipelines && rc == RC_OK; i++) {
		uint64_t next = 0;
		rc = history_each(w->store, s->pipeline[i].topic_replay, 0, 0, 0, &v, &next, e);
		rc = rc == RC_END ? RC_OK : rc;
	}
	return rc;
}

static enum rc see_line(void *context, const struct reject_line *l, struct err *e)
{
	struct walk *w = context;
	struct rejected r = {.dataset = w->dataset, .file = w->file, .reject = l, .line = l->line};
	enum rc rc;
	if ((rc = json_get_text(l->line, "name", &r.name, e)) != RC_OK ||
	    (rc = json_get_text(l->line, "path", &r.path, e)) != RC_OK ||
	    (rc = json_get_text(l->line, "pipeline", &r.pipeline, e)) != RC_OK)
		return rc;
	char *key = key_of(r.pipeline, l->sha256);
	json_int_t newest = json_integer_value(json_object_get(w->replayed, key));
	r.settled = json_string_value(json_object_get(w->settled, key));
	mem_free(&key);
	r.open = newest <= (json_int_t)l->again;
	return w->see(w->context, &r, e);
}

static enum rc see_file(void *context, const char *path, const struct store_stat *st, struct err *e)
{
	struct walk *w = context;
	uint32_t crc = 0;
	(void)st;
	if (!str_ends(path, ".jsonl"))
		return RC_OK;
	w->file = path;
	enum rc rc = content_rejects(w->store, &w->crc, path, see_line, w, &crc, e);
	return rc == RC_BAD ? err_wrap(rc, e, "%.300s", path) : rc == RC_END ? RC_OK : rc;
}

static bool is_first(const struct settings *s, size_t pipeline)
{
	for (size_t i = 0; i < pipeline; i++)
		if (s->pipeline[i].schema == s->pipeline[pipeline].schema)
			return false;
	return true;
}

enum rc rejected_each(const struct settings *s, struct store *store,
    enum rc (*see)(void *context, const struct rejected *r, struct err *e), void *context, struct err *e)
{
	struct walk w = {
	    .store = store, .replayed = json_object(), .settled = json_object(), .see = see, .context = context};
	crc32_init(&w.crc);
	enum rc rc = read_replays(&w, s, e);
	for (size_t i = 0; i < s->pipelines && rc == RC_OK; i++) {
		if (!is_first(s, i))
			continue;
		w.dataset = s->pipeline[i].schema->name;
		char *root = mem_format("%s/rejects", w.dataset);
		rc = tree_walk(store, root, see_file, &w, e);
		mem_free(&root);
	}
	json_decref(w.replayed);
	json_decref(w.settled);
	return rc;
}

const char *rejected_lost(const json_t *line, char out[REJECTED_LOST])
{
	char text[REJECTED_LOST / 2];
	const json_t *rows = json_object_get(line, "rows");
	json_int_t lost = json_integer_value(rows);
	if (!json_is_integer(rows) || lost < 0)
		snprintf(out, REJECTED_LOST, "rows lost: unknown");
	else
		snprintf(out, REJECTED_LOST, "%s%s row%s lost",
		    json_is_true(json_object_get(line, "least")) ? "at least " : "",
		    str_show_count((uint64_t)lost, text, sizeof text), lost == 1 ? "" : "s");
	return out;
}

static enum rc see_expired(void *context, const struct expiry_head *h, const struct expiry_file *f, struct err *e)
{
	uint64_t *lines = context;
	(void)h, (void)e;
	*lines += f->rows;
	return RC_OK;
}

enum rc rejected_expired(const struct settings *s, struct store *store, uint64_t *lines, struct err *e)
{
	enum rc rc = RC_OK;
	*lines = 0;
	for (size_t i = 0; i < s->pipelines && rc == RC_OK; i++) {
		const char *dataset = s->pipeline[i].schema->name;
		int64_t *hour = NULL;
		size_t hours = 0;
		if (!is_first(s, i))
			continue;
		rc = expiry_hours(store, EXPIRY_REJECTS, dataset, &hour, &hours, e);
		for (size_t n = 0; n < hours && rc == RC_OK; n++)
			rc = expiry_each(store, EXPIRY_REJECTS, dataset, hour[n], see_expired, lines, NULL, e);
		mem_free(&hour);
	}
	return rc;
}

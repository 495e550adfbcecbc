/*
 * Manifests are the only truth about what is committed, so they are written whole or not at all and read with
 * suspicion: a line that is missing, doubled or not ours makes the manifest bad, never shorter.
 */
#include "pipe/manifest.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "ext/json.h"
#include "pipe/lines.h"
#include "pipe/settings.h"

enum { VERSION = 1, PAGE = 8192, PATH_BYTES = 512 };

/* Bytes of any kind as printable text: what a reader unescapes is what the file was called. */
static void put_bytes(struct writer *w, const char *key, const char *bytes)
{
	size_t len = strlen(bytes);
	char *escaped = mem_alloc(4 * len + 1);

	str_escape(bytes, len, escaped);
	json_quote_member(w, key, escaped);
	mem_free(&escaped);
}

void manifest_begin(struct writer *w, const struct manifest_head *h)
{
	writer_format(w, "{\"sluice\":\"manifest\",\"version\":%d", VERSION);
	json_quote_member(w, "topic", h->topic);
	writer_format(w, ",\"partition\":%u,\"start\":%" PRIu64 ",\"end\":%" PRIu64, h->partition, h->start, h->end);
	json_quote_member(w, "epoch", h->epoch);
	json_quote_member(w, "writer", "sluice " SLUICE_VERSION);
	writer_format(w, ",\"time\":%" PRId64 "}\n", h->time_ms);
}

void manifest_add_file(struct writer *w, const struct manifest_file *f)
{
	writer_text(w, "{\"file\":");
	json_quote(w, f->path, strlen(f->path));
	json_quote_member(w, "staged", f->staged);
	json_quote_member(w, "kind", f->rejects ? "rejects" : "table");
	json_quote_member(w, "dataset", f->dataset);
	writer_format(w, ",\"hour\":%" PRId64 ",\"size\":%" PRIu64 ",\"rows\":%" PRIu64 ",\"crc32\":%" PRIu32 "}\n",
	    f->hour, f->size, f->rows, f->crc32);
}

void manifest_add_original(struct writer *w, const struct manifest_original *o)
{
	char hex[SHA256_TEXT];

	str_hex(o->original, SHA256_BYTES, hex);
	writer_format(w, "{\"original\":\"%s\",\"again\":%" PRIu32, hex, o->again);
	put_bytes(w, "name", o->name);
	put_bytes(w, "path", o->path);
	writer_format(w, ",\"size\":%" PRIu64, o->size);
	json_quote_member(w, "pipeline", o->pipeline);
	json_quote_member(w, "dissector", o->dissector);
	writer_format(w,
	    ",\"parts\":%" PRIu32 ",\"rows\":%" PRIu64 ",\"rejects\":%" PRIu64 ",\"lost\":%" PRIu64
	    ",\"outside\":%" PRIu64 ",\"clean\":%s",
	    o->parts, o->rows, o->rejects, o->lost, o->outside, o->clean ? "true" : "false");
	if (o->ahead > 0)
		writer_format(w, ",\"ahead\":%" PRIu64, o->ahead);
	if (o->behind > 0)
		writer_format(w, ",\"behind\":%" PRIu64, o->behind);
	if (o->counters != NULL)
		writer_format(w, ",\"counters\":%s", o->counters);
	if (o->reason != NULL)
		json_quote_member(w, "reason", o->reason);
	if (o->settled != NULL)
		json_quote_member(w, "settled", o->settled);
	if (o->note != NULL)
		json_quote_member(w, "note", o->note);
	writer_text(w, "}\n");
}

/* Reading. */

struct walk {
	const struct manifest_visitor *v;
	const char *topic; /* what the name promises; NULL: nothing */
	unsigned partition;
	uint64_t start;
};

/* Escaped text back to bytes; caller frees. */
static enum rc get_bytes(const json_t *line, const char *key, char **out, struct err *e)
{
	const char *text;
	enum rc rc = json_get_text(line, key, &text, e);
	size_t size, len;

	if (rc != RC_OK)
		return rc;
	size = strlen(text) + 1;
	*out = mem_alloc(size + 1);
	if (str_unescape(text, *out, size + 1, &len))
		return RC_OK;
	mem_free(out);
	return err_set(RC_BAD, e, "key \"%s\" is not well escaped", key);
}

/* One that is left out where it is nought. */
static enum rc get_optional(const json_t *line, const char *key, uint64_t *out, struct err *e)
{
	return json_object_get(line, key) != NULL ? json_get_u64(line, key, out, e) : RC_OK;
}

static enum rc walk_head(void *context, const json_t *line, struct err *e)
{
	struct walk *w = context;
	struct manifest_head h = {0};
	const char *kind, *topic, *epoch;
	int64_t version = 0;
	enum rc rc;

	if ((rc = json_get_text(line, "sluice", &kind, e)) != RC_OK ||
	    (rc = json_get_int(line, "version", &version, e)) != RC_OK)
		return rc;
	if (strcmp(kind, "manifest") != 0 || version != VERSION)
		return err_set(
		    RC_BAD, e, "a %.32s of version %" PRId64 ", not a manifest of version %d", kind, version, VERSION);
	if ((rc = json_get_text(line, "topic", &topic, e)) != RC_OK ||
	    (rc = json_get_u32(line, "partition", &h.partition, e)) != RC_OK ||
	    (rc = json_get_u64(line, "start", &h.start, e)) != RC_OK ||
	    (rc = json_get_u64(line, "end", &h.end, e)) != RC_OK ||
	    (rc = json_get_text(line, "epoch", &epoch, e)) != RC_OK ||
	    (rc = json_get_int(line, "time", &h.time_ms, e)) != RC_OK)
		return rc;
	if (!str_copy(h.topic, sizeof h.topic, topic) || !str_copy(h.epoch, sizeof h.epoch, epoch) || h.end <= h.start)
		return err_set(RC_BAD, e, "its first line is damaged");
	if (w->topic != NULL && (strcmp(w->topic, topic) != 0 || w->partition != h.partition || w->start != h.start))
		return err_set(RC_BAD, e, "it speaks of %s/%u from %" PRIu64, h.topic, h.partition, h.start);
	return w->v->head != NULL ? w->v->head(w->v->context, &h, e) : RC_OK;
}

static enum rc walk_file(struct walk *w, const json_t *line, struct err *e)
{
	struct manifest_file f = {0};
	const char *kind;
	enum rc rc;

	if ((rc = json_get_text(line, "file", &f.path, e)) != RC_OK ||
	    (rc = json_get_text(line, "staged", &f.staged, e)) != RC_OK ||
	    (rc = json_get_text(line, "kind", &kind, e)) != RC_OK ||
	    (rc = json_get_text(line, "dataset", &f.dataset, e)) != RC_OK ||
	    (rc = json_get_int(line, "hour", &f.hour, e)) != RC_OK ||
	    (rc = json_get_u64(line, "size", &f.size, e)) != RC_OK ||
	    (rc = json_get_u64(line, "rows", &f.rows, e)) != RC_OK ||
	    (rc = json_get_u32(line, "crc32", &f.crc32, e)) != RC_OK)
		return rc;
	f.rejects = strcmp(kind, "rejects") == 0;
	if (!f.rejects && strcmp(kind, "table") != 0)
		return err_set(RC_BAD, e, "a file of unknown kind \"%.32s\"", kind);
	return w->v->file != NULL ? w->v->file(w->v->context, &f, e) : RC_OK;
}

static enum rc walk_original(struct walk *w, const json_t *line, struct err *e)
{
	struct manifest_original o = {0};
	const json_t *clean = json_object_get(line, "clean");
	const json_t *counters = json_object_get(line, "counters");
	const json_t *reason = json_object_get(line, "reason");
	const json_t *note = json_object_get(line, "note");
	const json_t *settled = json_object_get(line, "settled");
	const char *hex;
	char *name = NULL, *path = NULL, *counters_text = NULL;
	enum rc rc;

	if ((rc = json_get_text(line, "original", &hex, e)) != RC_OK ||
	    (rc = json_get_u32(line, "again", &o.again, e)) != RC_OK ||
	    (rc = get_bytes(line, "name", &name, e)) != RC_OK || (rc = get_bytes(line, "path", &path, e)) != RC_OK ||
	    (rc = json_get_u64(line, "size", &o.size, e)) != RC_OK ||
	    (rc = json_get_text(line, "pipeline", &o.pipeline, e)) != RC_OK ||
	    (rc = json_get_text(line, "dissector", &o.dissector, e)) != RC_OK ||
	    (rc = json_get_u32(line, "parts", &o.parts, e)) != RC_OK ||
	    (rc = json_get_u64(line, "rows", &o.rows, e)) != RC_OK ||
	    (rc = json_get_u64(line, "rejects", &o.rejects, e)) != RC_OK ||
	    (rc = json_get_u64(line, "lost", &o.lost, e)) != RC_OK ||
	    (rc = json_get_u64(line, "outside", &o.outside, e)) != RC_OK ||
	    (rc = get_optional(line, "ahead", &o.ahead, e)) != RC_OK ||
	    (rc = get_optional(line, "behind", &o.behind, e)) != RC_OK)
		goto out;
	if (!str_unhex(hex, o.original, SHA256_BYTES) || !json_is_boolean(clean) ||
	    (reason != NULL && !json_is_string(reason)) || (note != NULL && !json_is_string(note)) ||
	    (settled != NULL && !json_is_string(settled)) || (counters != NULL && !json_is_object(counters))) {
		rc = err_set(RC_BAD, e, "the line of an original is damaged");
		goto out;
	}
	o.name = name;
	o.path = path;
	o.clean = json_is_true(clean);
	o.reason = json_string_value(reason);
	o.settled = json_string_value(settled);
	o.note = json_string_value(note);
	if (counters != NULL && w->v->original != NULL)
		counters_text = json_dumps(counters, JSON_COMPACT);
	o.counters = counters_text;
	rc = w->v->original != NULL ? w->v->original(w->v->context, &o, e) : RC_OK;
out:
	mem_free(&name);
	mem_free(&path);
	mem_free(&counters_text);
	return rc;
}

static enum rc walk_line(void *context, const json_t *line, bool *known, struct err *e)
{
	struct walk *w = context;

	if (json_object_get(line, "file") != NULL)
		return walk_file(w, line, e);
	if (json_object_get(line, "original") != NULL)
		return walk_original(w, line, e);
	*known = false;
	return RC_OK;
}

static enum rc walk_text(struct walk *w, const char *text, size_t size, struct err *e)
{
	const struct lines_visitor v = {.what = "manifest", .context = w, .head = walk_head, .line = walk_line};

	return lines_walk(text, size, &v, e);
}

enum rc manifest_walk(const char *text, size_t size, const struct manifest_visitor *v, struct err *e)
{
	struct walk w = {.v = v};

	return walk_text(&w, text, size, e);
}

enum rc manifest_load(struct store *s, const char *topic, unsigned partition, uint64_t start,
    const struct manifest_visitor *v, struct err *e)
{
	struct walk w = {.v = v, .topic = topic, .partition = partition, .start = start};
	char path[PATH_BYTES];
	char *text = NULL;
	size_t size = 0;
	enum rc rc;

	lake_commit(path, sizeof path, topic, partition, start);
	rc = store_get(s, path, MANIFEST_MAX, &text, &size, e);
	if (rc != RC_OK)
		return rc;
	rc = walk_text(&w, text, size, e);
	if (rc == RC_BAD)
		rc = err_wrap(rc, e, "%s", path);
	mem_free(&text);
	return rc;
}

enum rc manifest_settle(struct store *s, const char *topic, unsigned partition, struct err *e)
{
	char folder[PATH_BYTES];

	lake_commits(folder, sizeof folder, topic, partition);
	return store_settle(s, folder, e);
}

bool manifest_name_read(const char *name, uint64_t *start)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < 20; i++) {
		unsigned digit = (unsigned)(name[i] - '0');
		if (digit > 9 || n > (UINT64_MAX - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	if (name[20] != '\0')
		return false;
	*start = n;
	return true;
}

/* The name that sorts just before the one of start: listing is "after". */
static const char *name_before(uint64_t start, char out[24])
{
	if (start == 0)
		return NULL;
	snprintf(out, 24, "%020" PRIu64, start - 1);
	return out;
}

enum rc manifest_list(struct store *s, const char *topic, unsigned partition, uint64_t from, size_t max,
    uint64_t **starts, size_t *count, struct err *e)
{
	char path[PATH_BYTES];
	char before[24];
	char **names = NULL;
	size_t got = 0, n = 0;
	uint64_t *list;
	enum rc rc;

	lake_commits(path, sizeof path, topic, partition);
	rc = store_list(s, path, name_before(from, before), max, &names, &got, e);
	if (rc != RC_OK)
		return rc;
	list = mem_alloc((got + 1) * sizeof *list);
	for (size_t i = 0; i < got; i++)
		n += manifest_name_read(names[i], &list[n]);
	store_list_free(&names, got);
	*starts = list;
	*count = n;
	return RC_OK;
}

/* Pages by raw names: a name that is no manifest must not make a page look like the last one. */
enum rc manifest_newest(struct store *s, const char *topic, unsigned partition, uint64_t *start, struct err *e)
{
	char path[PATH_BYTES];
	char *after = NULL;
	size_t got = PAGE;
	bool any = false;
	uint64_t newest = 0;
	enum rc rc = RC_OK;

	lake_commits(path, sizeof path, topic, partition);
	while (got == PAGE) {
		char **names = NULL;
		rc = store_list(s, path, after, PAGE, &names, &got, e);
		if (rc != RC_OK)
			break;
		for (size_t i = 0; i < got; i++)
			any |= manifest_name_read(names[i], &newest);
		mem_free(&after);
		if (got > 0)
			after = mem_text(names[got - 1]);
		store_list_free(&names, got);
	}
	mem_free(&after);
	if (rc != RC_OK)
		return rc;
	if (!any)
		return RC_END;
	*start = newest;
	return RC_OK;
}

/* Answers are built as JSON values, because that is what a script gets; what a person sees is made from the same. */
#include "audit/trace.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/content.h"
#include "audit/places.h"
#include "audit/ranges.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "ext/json.h"
#include "pipe/expiry.h"
#include "pipe/history.h"
#include "pipe/manifest.h"
#include "pipe/partitions.h"

enum { CHUNK = 64 << 10 };

static const char *const state_name[LEDGER_STATES] = {"archived", "published", "committed", "refused"};

/* What is looked for: a digest, or a name or path of which the digest is not known. */
struct wanted {
	bool digest;
	uint8_t sha256[SHA256_BYTES];
	const char *name; /* bare, as it was seen */
	const char *path; /* in the lake */
	const char *source;
};

struct search {
	const struct trace *trace;
	struct wanted wanted;
	json_t *out; /* originals */
	struct manifest_head head;
	json_t *files; /* of the manifest being walked: {path, dataset, hour, rejects} */
	enum rc rc;
	struct err *e;
};

/* The original with that identity, made if it is new. */
static json_t *original_of(
    struct search *s, const uint8_t sha256[SHA256_BYTES], uint32_t again, const char *pipeline, bool *fresh)
{
	char hex[SHA256_TEXT];
	size_t i;
	json_t *one;
	str_hex(sha256, SHA256_BYTES, hex);
	json_array_foreach(
	    s->out, i, one) if (strcmp(json_string_value(json_object_get(one, "original")), hex) == 0 &&
	                        json_integer_value(json_object_get(one, "again")) == again &&
	                        strcmp(json_string_value(json_object_get(one, "pipeline")), pipeline) == 0) return one;
	one = json_pack("{s:s,s:I,s:s}", "original", hex, "again", (json_int_t)again, "pipeline", pipeline);
	json_array_append_new(s->out, one);
	*fresh = true;
	return one;
}

static enum rc describe(struct search *s, json_t *one, const uint8_t sha256[SHA256_BYTES], const char *name,
    const char *path, uint64_t size, struct err *e)
{
	struct store_stat st;
	json_object_set_new(one, "name", json_escaped(name));
	json_object_set_new(one, "path", json_escaped(path));
	json_object_set_new(one, "size", json_u64(size));
	enum rc rc = store_stat(s->trace->store, path, &st, e);
	json_object_set_new(one, "archived", rc == RC_OK ? json_u64(st.size) : json_integer(-1));
	json_object_set_new(one, "ledger", json_null());
	json_object_set_new(one, "commits", json_array());
	int64_t expired_ms = 0;
	if (rc == RC_END)
		rc = expiry_took_original(s->trace->store, path, sha256, &expired_ms, e);
	if (expired_ms > 0)
		json_object_set_new(one, "expired_ms", json_integer(expired_ms));
	return rc == RC_BAD ? RC_OK : rc; /* an audit names a damaged record */
}

static bool is_wanted(
    const struct wanted *w, const uint8_t sha256[SHA256_BYTES], const char *name, const char *path, const char *source)
{
	if (w->digest)
		return memcmp(w->sha256, sha256, SHA256_BYTES) == 0;
	return (w->name != NULL && strcmp(w->name, name) == 0) || (w->path != NULL && strcmp(w->path, path) == 0) ||
	       (w->source != NULL && source != NULL && strcmp(w->source, source) == 0);
}

/* The ledger. */

static bool see_ledger(void *context, const struct ledger_original *o)
{
	struct search *s = context;
	bool fresh = false;
	if (!is_wanted(&s->wanted, o->sha256, o->name, o->path, o->source))
		return true;
	json_t *one = original_of(s, o->sha256, o->again, o->pipeline, &fresh);
	s->rc = fresh ? describe(s, one, o->sha256, o->name, o->path, o->size, s->e) : RC_OK;
	json_t *l = json_object();
	json_object_set_new(l, "state", json_string(state_name[o->state]));
	json_object_set_new(l, "source", json_escaped(o->source));
	json_object_set_new(l, "topic", json_string(o->topic));
	json_object_set_new(l, "partition", json_u64(o->partition));
	json_object_set_new(l, "parts", json_u64(o->parts));
	json_object_set_new(l, "seen_ms", json_integer(o->seen_ms));
	json_object_set_new(l, "committed_ms", json_integer(o->committed_ms));
	json_object_set_new(l, "rows", json_u64(o->rows));
	json_object_set_new(l, "rejects", json_u64(o->rejects));
	json_object_set_new(l, "lost", json_u64(o->lost));
	json_object_set_new(l, "note", json_escaped(o->note != NULL ? o->note : ""));
	json_object_set_new(one, "ledger", l);
	return s->rc == RC_OK;
}

/* Manifests. */

static enum rc see_head(void *context, const struct manifest_head *h, struct err *e)
{
	struct search *s = context;
	(void)e;
	s->head = *h;
	json_array_clear(s->files);
	return RC_OK;
}

static enum rc see_file(void *context, const struct manifest_file *f, struct err *e)
{
	struct search *s = context;
	(void)e;
	json_array_append_new(
	    s->files, json_pack("{s:s,s:s,s:s,s:I,s:b,s:I,s:I}", "path", f->path, "staged", f->staged, "dataset",
	                  f->dataset, "hour", (json_int_t)f->hour, "rejects", (int)f->rejects, "size",
	                  (json_int_t)f->size, "crc32", (json_int_t)f->crc32));
	return RC_OK;
}

struct lines {
	const struct manifest_original *original;
	json_t *list;
	uint64_t count;
};

static enum rc see_line(void *context, const struct reject_line *line, struct err *e)
{
	struct lines *l = context;
	(void)e;
	if (line->again != l->original->again || memcmp(line->sha256, l->original->original, SHA256_BYTES) != 0)
		return RC_OK;
	l->count += line->rejects;
	if (json_array_size(l->list) >= TRACE_LINES)
		return RC_OK;
	/* rows as the line has it: null is not nothing. */
	json_t *one = json_pack("{s:I,s:I,s:O?,s:s}", "offset", (json_int_t)line->offset, "length",
	    (json_int_t)line->length, "rows", json_object_get(line->line, "rows"), "reason", line->reason);
	if (json_is_true(json_object_get(line->line, "least")))
		json_object_set_new(one, "least", json_true());
	json_array_append_new(l->list, one);
	return RC_OK;
}

/* The file is gone: told all the same, if that is meant. */
static enum rc add_expired(struct search *s, json_t *commit, const json_t *file, uint64_t rejects, struct err *e)
{
	const char *path = json_string_value(json_object_get(file, "path"));
	int64_t expired_ms = 0;
	enum rc rc = expiry_took(s->trace->store, json_string_value(json_object_get(file, "dataset")),
	    json_integer_value(json_object_get(file, "hour")), path,
	    (uint64_t)json_integer_value(json_object_get(file, "size")),
	    (uint32_t)json_integer_value(json_object_get(file, "crc32")), &expired_ms, e);
	if (rc == RC_OK && expired_ms > 0)
		json_object_set_new(commit, "rejects",
		    json_pack("{s:s,s:I,s:I}", "path", path, "count", (json_int_t)rejects, "expired_ms",
		        (json_int_t)expired_ms));
	return rc == RC_BAD ? RC_OK : rc;
}

static enum rc add_rejects(
    struct search *s, json_t *commit, const json_t *file, const struct manifest_original *o, struct err *e)
{
	const char *path = json_string_value(json_object_get(file, "path"));
	struct lines l = {.original = o, .list = json_array()};
	struct crc32_tables crc_tables;
	uint32_t crc = 0;
	crc32_init(&crc_tables);
	enum rc rc = content_rejects(s->trace->store, &crc_tables, path, see_line, &l, &crc, e);
	if (rc == RC_OK && l.count > 0) {
		json_t *r = json_object();
		json_object_set_new(r, "path", json_string(path));
		json_object_set_new(r, "count", json_u64(l.count));
		json_object_set(r, "lines", l.list);
		json_object_set_new(commit, "rejects", r);
	}
	json_decref(l.list);
	if (rc == RC_END)
		rc = add_expired(s, commit, file, o->rejects, e);
	return rc == RC_BAD ? RC_OK : rc;
}

/* A commit that an original is in: what it says of it, and where the rows lie now. */
static enum rc add_commit(struct search *s, json_t *one, const struct manifest_original *o, struct err *e)
{
	const struct manifest_head *h = &s->head;
	json_t *c = json_object(), *files = json_array(), *file;
	size_t i;
	enum rc rc = RC_OK;
	json_object_set_new(c, "topic", json_string(h->topic));
	json_object_set_new(c, "partition", json_u64(h->partition));
	json_object_set_new(c, "start", json_u64(h->start));
	json_object_set_new(c, "end", json_u64(h->end));
	json_object_set_new(c, "time_ms", json_integer(h->time_ms));
	json_object_set_new(c, "epoch", json_string(h->epoch));
	json_object_set_new(c, "rows", json_u64(o->rows));
	json_object_set_new(c, "rejected", json_u64(o->rejects));
	json_object_set_new(c, "lost", json_u64(o->lost));
	json_object_set_new(c, "outside", json_u64(o->outside));
	json_object_set_new(c, "ahead", json_u64(o->ahead));
	json_object_set_new(c, "behind", json_u64(o->behind));
	json_object_set_new(c, "parts", json_u64(o->parts));
	json_object_set_new(c, "dissector", json_string(o->dissector));
	json_object_set_new(c, "clean", json_boolean(o->clean));
	if (o->reason != NULL)
		json_object_set_new(c, "reason", json_string(o->reason));
	if (o->settled != NULL)
		json_object_set_new(c, "settled", json_string(o->settled));
	json_array_append_new(json_object_get(one, "commits"), c);
	json_object_set_new(c, "files", files);
	json_array_foreach(s->files, i, file)
	{
		if (rc == RC_OK && json_is_true(json_object_get(file, "rejects")))
			rc = o->rejects > 0 ? add_rejects(s, c, file, o, e) : RC_OK;
		else if (rc == RC_OK && o->rows > 0)
			rc = ranges_of_file(s->trace->store, file, o->original, files, e);
	}
	return rc;
}

static enum rc see_original(void *context, const struct manifest_original *o, struct err *e)
{
	struct search *s = context;
	bool fresh = false;
	if (!is_wanted(&s->wanted, o->original, o->name, o->path, NULL))
		return RC_OK;
	json_t *one = original_of(s, o->original, o->again, o->pipeline, &fresh);
	enum rc rc = fresh ? describe(s, one, o->original, o->name, o->path, o->size, e) : RC_OK;
	return rc == RC_OK ? add_commit(s, one, o, e) : rc;
}

static enum rc search_partition(void *context, const char *topic, uint32_t partition, struct err *e)
{
	struct search *s = context;
	const struct manifest_visitor v = {.context = s, .head = see_head, .file = see_file, .original = see_original};
	uint64_t next = 0;
	return history_each(s->trace->store, topic, partition, 0, 0, &v, &next, e);
}

static enum rc search_once(struct search *s, json_t *done, const char *topic, uint32_t partition, struct err *e)
{
	char *key = mem_format("%s/%" PRIu32, topic, partition);
	enum rc rc = json_object_get(done, key) == NULL ? search_partition(s, topic, partition, e) : RC_OK;
	json_object_set_new(done, key, json_true());
	mem_free(&key);
	return rc;
}

/* Partitions that the ledger names for what was found; false: it does not know all of it. */
static enum rc search_commits(struct search *s, struct err *e)
{
	size_t i;
	json_t *one;
	bool all = json_array_size(s->out) == 0;
	json_array_foreach(s->out, i, one) all |= !json_is_object(json_object_get(one, "ledger"));
	if (all)
		return partitions_each(s->trace->store, search_partition, s, e);
	/* A commit of another instance may hold the same content: it is an original of its own, and not asked for. */
	json_t *done = json_object();
	enum rc rc = RC_OK;
	size_t known = json_array_size(s->out);
	for (i = 0; i < known && rc == RC_OK; i++) {
		const json_t *l = json_object_get(json_array_get(s->out, i), "ledger");
		const char *topic = json_string_value(json_object_get(l, "topic"));
		uint32_t partition = (uint32_t)json_integer_value(json_object_get(l, "partition"));
		rc = search_once(s, done, topic, partition, e);
	}
	for (i = 0; i < s->trace->settings->pipelines && rc == RC_OK; i++)
		rc = search_once(s, done, s->trace->settings->pipeline[i].topic_replay, 0, e);
	json_decref(done);
	return rc == RC_END ? RC_OK : rc;
}

static enum rc search(const struct trace *t, const struct wanted *w, json_t **out, struct err *e)
{
	struct search s = {.trace = t, .wanted = *w, .out = json_array(), .files = json_array(), .e = e};
	enum rc rc = t->ledger != NULL ? ledger_each(t->ledger, see_ledger, &s, e) : RC_OK;
	if (rc == RC_OK)
		rc = s.rc;
	if (rc == RC_OK)
		rc = search_commits(&s, e);
	json_decref(s.files);
	if (rc == RC_OK && json_array_size(s.out) == 0)
		rc = RC_END;
	if (rc == RC_OK)
		*out = s.out;
	else
		json_decref(s.out);
	return rc;
}

/* Words. */

/* A path as a program on this machine sees it, as the lake knows it; NULL: it lies somewhere else. Caller frees. */
static char *in_lake(const struct trace *t, const char *word)
{
	char *root = store_local_path(t->store, "_sluice"), *whole = realpath(word, NULL), *found = NULL;
	if (root != NULL && whole != NULL) {
		char *real = realpath(root, NULL);
		size_t len = real != NULL && str_ends(real, "/_sluice") ? strlen(real) - strlen("_sluice") : 0;
		if (len > 0 && strncmp(whole, real, len) == 0)
			found = mem_text(whole + len);
		free(real);
	}
	free(whole);
	mem_free(&root);
	return found;
}

static bool is_file_of(const char *path)
{
	const char *folder = strchr(path, '/');
	return folder != NULL && (str_starts(folder, "/hive/") || str_starts(folder, "/rejects/"));
}

/* What the ledger last took from under that path. */
static enum rc by_path(const struct trace *t, const char *path, struct wanted *w, struct err *e)
{
	for (size_t i = 0; t->ledger != NULL && i < t->settings->pipelines; i++) {
		struct ledger_path p;
		enum rc rc = ledger_path(t->ledger, t->settings->pipeline[i].name, path, &p, e);
		if (rc == RC_OK && p.taken) {
			memcpy(w->sha256, p.sha256, SHA256_BYTES);
			w->digest = true;
			return RC_OK;
		}
		if (rc != RC_OK && rc != RC_END)
			return rc;
	}
	return RC_END;
}

static bool by_content(const char *path, struct wanted *w)
{
	struct err ignored;
	uint8_t bytes[CHUNK];
	size_t got = 0;
	enum rc rc;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	struct source *in = source_fd(fd, true, path);
	struct sha256 *sum = sha256_new();
	while ((rc = source_read(in, bytes, sizeof bytes, &got, &ignored)) == RC_OK)
		sha256_add(sum, bytes, got);
	sha256_peek(sum, w->sha256);
	sha256_free(&sum);
	source_close(&in);
	w->digest = rc == RC_END;
	return w->digest;
}

static enum rc trace_source(const struct trace *t, const char *word, json_t **out, struct err *e)
{
	struct wanted w = {.digest = false};
	char here[PATH_MAX], *whole = realpath(word, NULL);
	char *path = whole != NULL                                      ? mem_text(whole)
	             : word[0] == '/' || getcwd(here, PATH_MAX) == NULL ? mem_text(word)
	                                                                : file_join(here, word);
	enum rc rc = by_path(t, path, &w, e);
	if (rc == RC_OK)
		rc = search(t, &w, out, e);
	if (rc == RC_END && strchr(word, '/') == NULL) {
		w = (struct wanted){.name = word};
		rc = search(t, &w, out, e);
	}
	if (rc == RC_END && whole != NULL && by_content(whole, &w))
		rc = search(t, &w, out, e);
	mem_free(&path);
	free(whole);
	return rc;
}

enum rc trace_word(const struct trace *t, const char *word, json_t **out, struct err *e)
{
	struct wanted w = {.path = word};
	if (str_unhex(word, w.sha256, SHA256_BYTES)) {
		w.digest = true;
		return search(t, &w, out, e);
	}
	char *lake = in_lake(t, word);
	const char *path = lake != NULL ? lake : word;
	enum rc rc = RC_END;
	if (is_file_of(path))
		rc = trace_file(t, path, out, e);
	w.path = path;
	if (rc == RC_END && strstr(path, "/binary/") != NULL)
		rc = search(t, &w, out, e);
	if (rc == RC_END)
		rc = trace_source(t, word, out, e);
	mem_free(&lake);
	return rc;
}

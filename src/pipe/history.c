/*
 * Manifests can't stay for ever: every commit lists their folder. They can't just go either: audit and the look for
 * duplicates need what they said. Order of effects in a fold: segment durable, then manifests removed; a crash between
 * the two leaves manifests that a segment covers, which the next fold removes.
 */
#include "pipe/history.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/mem.h"
#include "base/str.h"
#include "ext/json.h"
#include "pipe/lines.h"
#include "pipe/settings.h"

enum { PATH_BYTES = 512, HEAD_BYTES = 1024, PAGE = 8192, VERSION = 1, RETRIES = 8, LOOK_AHEAD = 64 };

struct segment {
	uint64_t start, end;
	int64_t time_ms; /* of its last manifest */
	uint64_t manifests;
};

static void segment_path(char *out, size_t size, const char *topic, unsigned partition, uint64_t start)
{
	lake_history(out, size, topic, partition);
	size_t len = strlen(out);
	snprintf(out + len, size - len, "/%020" PRIu64, start);
}

static enum rc read_head(const char *line, size_t len, struct segment *out, struct err *e)
{
	json_t *o = NULL;
	const char *kind;
	int64_t version = 0, start = 0, end = 0, time_ms = 0, manifests = 0;
	enum rc rc = json_parse(line, len, &o, e);

	if (rc != RC_OK)
		return rc;
	if ((rc = json_get_text(o, "sluice", &kind, e)) == RC_OK &&
	    (rc = json_get_int(o, "version", &version, e)) == RC_OK &&
	    (rc = json_get_int(o, "start", &start, e)) == RC_OK && (rc = json_get_int(o, "end", &end, e)) == RC_OK &&
	    (rc = json_get_int(o, "time", &time_ms, e)) == RC_OK &&
	    (rc = json_get_int(o, "manifests", &manifests, e)) == RC_OK &&
	    (strcmp(kind, "history") != 0 || version != VERSION || start < 0 || end <= start || manifests < 0))
		rc = err_set(RC_BAD, e, "not a history segment of version %d", VERSION);
	json_decref(o);
	if (rc == RC_OK)
		*out = (struct segment){(uint64_t)start, (uint64_t)end, time_ms, (uint64_t)manifests};
	return rc;
}

/* The first line of a segment only: it says what it covers. RC_END: there is no such segment. */
static enum rc segment_head(
    struct store *s, const char *topic, unsigned partition, uint64_t start, struct segment *out, struct err *e)
{
	char path[PATH_BYTES];
	char head[HEAD_BYTES];
	size_t got = 0;
	enum rc rc;

	segment_path(path, sizeof path, topic, partition, start);
	rc = store_get_range(s, path, 0, head, sizeof head, &got, e);
	if (rc != RC_OK)
		return rc;
	const char *stop = memchr(head, '\n', got);
	rc = stop != NULL ? read_head(head, (size_t)(stop - head), out, e)
	                  : err_set(RC_BAD, e, "its first line is damaged");
	return rc == RC_BAD ? err_wrap(rc, e, "%s", path) : rc;
}

/* Starts of all segments, ascending; caller frees. */
static enum rc segment_list(
    struct store *s, const char *topic, unsigned partition, uint64_t **out, size_t *count, struct err *e)
{
	char path[PATH_BYTES];
	char *after = NULL;
	uint64_t *list = NULL;
	size_t n = 0, got = PAGE;
	enum rc rc = RC_OK;

	lake_history(path, sizeof path, topic, partition);
	while (got == PAGE) {
		char **names = NULL;
		if ((rc = store_list(s, path, after, PAGE, &names, &got, e)) != RC_OK)
			break;
		list = mem_resize(list, (n + got + 1) * sizeof *list);
		for (size_t i = 0; i < got; i++)
			n += manifest_name_read(names[i], &list[n]);
		mem_free(&after);
		if (got > 0)
			after = mem_text(names[got - 1]);
		store_list_free(&names, got);
	}
	mem_free(&after);
	if (rc != RC_OK) {
		mem_free(&list);
		return rc;
	}
	*out = list;
	*count = n;
	return RC_OK;
}

enum rc history_end(struct store *s, const char *topic, unsigned partition, uint64_t *end, struct err *e)
{
	uint64_t *start = NULL;
	size_t count = 0;
	struct segment last;
	enum rc rc = segment_list(s, topic, partition, &start, &count, e);

	if (rc != RC_OK)
		return rc;
	rc = count > 0 ? segment_head(s, topic, partition, start[count - 1], &last, e) : RC_END;
	if (rc == RC_OK)
		*end = last.end;
	mem_free(&start);
	return rc;
}

enum rc history_covers(
    struct store *s, const char *topic, unsigned partition, uint64_t start, bool *covers, struct err *e)
{
	uint64_t end = 0;
	enum rc rc = history_end(s, topic, partition, &end, e);

	if (rc != RC_OK && rc != RC_END)
		return rc;
	*covers = rc == RC_OK && start < end;
	return RC_OK;
}

/* Reading. */

struct pick { /* passes on the manifests of a segment that are wanted */
	const struct manifest_visitor *v;
	uint64_t from;
	int64_t since_ms;
	bool only; /* the one that begins at from */
	bool found, wanted;
	uint64_t next;

	/* of a manifest in its slot, not in a segment */
	struct store *store; /* NULL: in a segment */
	const char *topic;
	unsigned partition;
	uint64_t bound; /* where it has to end to be believed at once */
};

/*
 * A slot that was folded is free for a writer that slept, and what he put there is no link of the chain. A manifest
 * that ends where another begins holds what the chain holds, whoever wrote it. Of any other, history has to say that it
 * does not reach there, and after the manifest was read. RC_END: it does.
 */
static enum rc believe(const struct pick *p, const struct manifest_head *h, struct err *e)
{
	bool covered = false;
	enum rc rc = RC_OK;

	if (p->store != NULL && h->end != p->bound)
		rc = history_covers(p->store, p->topic, p->partition, h->start, &covered, e);
	return rc == RC_OK && covered ? RC_END : rc;
}

static enum rc pick_head(void *context, const struct manifest_head *h, struct err *e)
{
	struct pick *p = context;
	enum rc rc = believe(p, h, e);

	if (rc != RC_OK)
		return rc;
	p->wanted = p->only ? h->start == p->from : h->start >= p->from && h->time_ms >= p->since_ms;
	if (h->start >= p->from && !p->only)
		p->next = h->end;
	if (!p->wanted)
		return RC_OK;
	p->found = true;
	return p->v->head != NULL ? p->v->head(p->v->context, h, e) : RC_OK;
}

static enum rc pick_file(void *context, const struct manifest_file *f, struct err *e)
{
	struct pick *p = context;

	return p->wanted && p->v->file != NULL ? p->v->file(p->v->context, f, e) : RC_OK;
}

static enum rc pick_original(void *context, const struct manifest_original *o, struct err *e)
{
	struct pick *p = context;

	return p->wanted && p->v->original != NULL ? p->v->original(p->v->context, o, e) : RC_OK;
}

static struct manifest_visitor pick_visitor(struct pick *p)
{
	return (struct manifest_visitor){.context = p,
	    .head = pick_head,
	    .file = p->v->file != NULL ? pick_file : NULL,
	    .original = p->v->original != NULL ? pick_original : NULL};
}

static enum rc walk_segment(
    struct store *s, const char *topic, unsigned partition, uint64_t start, struct pick *p, struct err *e)
{
	const struct manifest_visitor v = pick_visitor(p);
	char path[PATH_BYTES];
	char *text = NULL;
	size_t size = 0;
	struct segment head;
	enum rc rc;

	segment_path(path, sizeof path, topic, partition, start);
	if ((rc = store_get(s, path, HISTORY_MAX, &text, &size, e)) != RC_OK)
		return rc == RC_END ? err_set(RC_AGAIN, e, "%s vanished", path) : rc;
	char *at = memchr(text, '\n', size);
	rc = at != NULL ? read_head(text, (size_t)(at - text), &head, e) : err_set(RC_BAD, e, "it is not whole");
	while (rc == RC_OK && ++at < text + size) {
		size_t span = lines_span(at, (size_t)(text + size - at));
		if (span == 0)
			rc = err_set(RC_BAD, e, "it is not whole");
		else
			rc = manifest_walk(at, span, &v, e);
		at += span - 1;
	}
	mem_free(&text);
	return rc == RC_BAD ? err_wrap(rc, e, "%s", path) : rc;
}

/* Index of the last segment that begins at or before offset; count when there is none. */
static size_t segment_of(const uint64_t *start, size_t count, uint64_t offset)
{
	size_t at = count;

	for (size_t i = 0; i < count && start[i] <= offset; i++)
		at = i;
	return at;
}

enum rc history_load(struct store *s, const char *topic, unsigned partition, uint64_t start,
    const struct manifest_visitor *v, struct err *e)
{
	struct pick p = {.v = v, .from = start, .only = true};
	uint64_t *list = NULL;
	size_t count = 0;
	enum rc rc = manifest_load(s, topic, partition, start, v, e);

	if (rc != RC_END)
		return rc;
	if ((rc = segment_list(s, topic, partition, &list, &count, e)) != RC_OK)
		return rc;
	size_t at = segment_of(list, count, start);
	rc = at < count ? walk_segment(s, topic, partition, list[at], &p, e) : RC_END;
	mem_free(&list);
	return rc == RC_OK && !p.found ? RC_END : rc;
}

static enum rc each_segment(struct store *s, const char *topic, unsigned partition, struct pick *p, struct err *e)
{
	uint64_t *list = NULL;
	size_t count = 0;
	enum rc rc = segment_list(s, topic, partition, &list, &count, e);

	if (rc != RC_OK)
		return rc;
	size_t first = segment_of(list, count, p->from);
	for (size_t i = first < count ? first : 0; i < count && rc == RC_OK; i++) {
		struct segment head;
		rc = segment_head(s, topic, partition, list[i], &head, e);
		if (rc != RC_OK || head.end <= p->from)
			continue;
		if (head.time_ms >= p->since_ms)
			rc = walk_segment(s, topic, partition, list[i], p, e);
		p->next = head.end;
	}
	mem_free(&list);
	return rc == RC_END ? err_set(RC_AGAIN, e, "a history segment vanished") : rc;
}

/*
 * Manifests from p->from on, as far as they chain. *again: one was folded meanwhile, or the listing passed over one
 * that was just put or taken away (a listing is not a snapshot); segments and another listing will have it. A hole that
 * both do not fill (*hole is p->from then) was made by hand: nobody knows what was in it, so it is stepped over.
 */
static enum rc each_manifest(
    struct store *s, const char *topic, unsigned partition, struct pick *p, uint64_t *hole, bool *again, struct err *e)
{
	const struct manifest_visitor v = pick_visitor(p);
	uint64_t *start = NULL;
	size_t count = 0;
	enum rc rc = manifest_list(s, topic, partition, p->from, SIZE_MAX / 2, &start, &count, e);

	*again = false;
	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < count && rc == RC_OK && !*again; i++) {
		if (start[i] < p->from)
			continue;
		if (start[i] > p->from && *hole != p->from) {
			*hole = p->from;
			*again = true;
			break;
		}
		p->bound = i + 1 < count ? start[i + 1] : UINT64_MAX;
		rc = manifest_load(s, topic, partition, start[i], &v, e);
		*again = rc == RC_END;
		p->from = p->next;
	}
	mem_free(&start);
	return *again ? RC_OK : rc;
}

enum rc history_each(struct store *s, const char *topic, unsigned partition, uint64_t from, int64_t since_ms,
    const struct manifest_visitor *v, uint64_t *next, struct err *e)
{
	struct pick p = {
	    .v = v, .from = from, .since_ms = since_ms, .next = from, .topic = topic, .partition = partition};
	uint64_t hole = UINT64_MAX;
	bool again = false;

	for (int round = 0; round < RETRIES; round++) {
		uint64_t before = p.from;
		enum rc rc;
		p.store = NULL;
		if ((rc = each_segment(s, topic, partition, &p, e)) != RC_OK)
			return rc;
		p.store = s;
		p.from = p.next;
		if ((rc = each_manifest(s, topic, partition, &p, &hole, &again, e)) != RC_OK)
			return rc;
		if (!again) {
			*next = p.next;
			return RC_OK;
		}
		if (p.from > before)
			round = -1;
	}
	return err_set(RC_AGAIN, e, "manifests of %s/%u are folded faster than they can be read", topic, partition);
}

enum rc history_next(struct store *s, const char *topic, unsigned partition, uint64_t start,
    const struct manifest_visitor *v, struct err *e)
{
	struct pick p = {.v = v,
	    .from = start,
	    .only = true,
	    .store = s,
	    .topic = topic,
	    .partition = partition,
	    .bound = UINT64_MAX};
	const struct manifest_visitor pv = pick_visitor(&p);

	return manifest_load(s, topic, partition, start, &pv, e);
}

/* Folding. */

struct fold {
	struct store *store;
	const char *topic;
	unsigned partition;
	struct writer text; /* of the manifests, one after the other */
	char **path;        /* of the manifests in it */
	size_t paths;
	uint64_t start, end;
	int64_t time_ms;
	struct manifest_head head; /* of the manifest looked at */
	char **staged;
	size_t stageds;
};

static enum rc fold_head(void *context, const struct manifest_head *h, struct err *e)
{
	struct fold *f = context;

	(void)e;
	f->head = *h;
	return RC_OK;
}

static enum rc fold_staged(void *context, const struct manifest_file *file, struct err *e)
{
	struct fold *f = context;

	(void)e;
	f->staged = mem_resize(f->staged, (f->stageds + 1) * sizeof *f->staged);
	f->staged[f->stageds++] = mem_text(file->staged);
	return RC_OK;
}

static void free_list(char ***list, size_t *count)
{
	for (size_t i = 0; i < *count; i++)
		mem_free(&(*list)[i]);
	mem_free(list);
	*count = 0;
}

/*
 * A manifest that history covers is either one that a crash kept from being removed, whose staged files were moved long
 * ago, or the leftover of a writer that slept, whose staged files nobody will ever want. So both go, with whatever is
 * left of their staged files.
 */
static enum rc remove_covered(struct fold *f, uint64_t start, struct err *e)
{
	const struct manifest_visitor v = {.context = f, .file = fold_staged};
	char path[PATH_BYTES];
	const char *one = path;
	enum rc rc = manifest_load(f->store, f->topic, f->partition, start, &v, e);

	if (rc == RC_OK || rc == RC_BAD)
		rc = store_remove(f->store, (const char *const *)f->staged, f->stageds, e);
	free_list(&f->staged, &f->stageds);
	lake_commit(path, sizeof path, f->topic, f->partition, start);
	if (rc == RC_OK)
		rc = store_remove(f->store, &one, 1, e);
	return rc == RC_END ? RC_OK : rc;
}

/* Add the manifest at start if it may go and chains to what is there. *more: the next one may be looked at. */
static enum rc take(struct fold *f, uint64_t start, int64_t age_ms, int64_t now_ms, bool *more, struct err *e)
{
	const struct manifest_visitor v = {.context = f, .head = fold_head};
	char path[PATH_BYTES];
	char *text = NULL;
	size_t size = 0;
	enum rc rc;

	*more = false;
	lake_commit(path, sizeof path, f->topic, f->partition, start);
	rc = store_get(f->store, path, MANIFEST_MAX, &text, &size, e);
	if (rc != RC_OK)
		return rc == RC_END ? RC_OK : rc;
	rc = manifest_walk(text, size, &v, e);
	if (rc == RC_BAD)
		rc = err_wrap(rc, e, "%s", path);
	if (rc == RC_OK && f->head.time_ms + age_ms <= now_ms && (f->paths == 0 || f->head.start == f->end)) {
		if (f->paths == 0)
			f->start = f->head.start;
		f->end = f->head.end;
		f->time_ms = f->head.time_ms;
		writer_put(&f->text, text, size);
		f->path = mem_resize(f->path, (f->paths + 1) * sizeof *f->path);
		f->path[f->paths++] = mem_text(path);
		*more = f->paths < HISTORY_MOST && f->text.len < HISTORY_BYTES;
	}
	mem_free(&text);
	return rc;
}

/* Put the segment; whoever was first, remove what the segment that is there covers. */
static enum rc put(struct fold *f, struct err *e)
{
	struct writer w;
	char path[PATH_BYTES];
	struct segment there;
	enum rc rc;

	writer_init(&w, HISTORY_MAX);
	writer_format(&w, "{\"sluice\":\"history\",\"version\":%d,\"topic\":", VERSION);
	json_quote(&w, f->topic, strlen(f->topic));
	writer_format(&w,
	    ",\"partition\":%u,\"start\":%" PRIu64 ",\"end\":%" PRIu64 ",\"time\":%" PRId64 ",\"manifests\":%zu}\n",
	    f->partition, f->start, f->end, f->time_ms, f->paths);
	writer_put(&w, f->text.bytes, f->text.len);
	segment_path(path, sizeof path, f->topic, f->partition, f->start);
	rc = w.failed ? err_set(RC_FAIL, e, "%s: a segment larger than %d bytes", path, HISTORY_MAX)
	              : store_put_if_absent(f->store, path, w.bytes, w.len, e);
	writer_fini(&w);
	if (rc == RC_OK)
		rc = FAULT(WORKER_FOLDED, e);
	if (rc != RC_OK && rc != RC_END)
		return rc;
	/* Somebody else's may be shorter or longer: what it covers is what may go. */
	rc = segment_head(f->store, f->topic, f->partition, f->start, &there, e);
	if (rc != RC_OK)
		return rc == RC_END ? err_set(RC_AGAIN, e, "%s vanished", path) : rc;
	if (there.end < f->end)
		return RC_OK;
	return store_remove(f->store, (const char *const *)f->path, f->paths, e);
}

enum rc history_fold(
    struct store *s, const char *topic, unsigned partition, int64_t age_ms, int64_t now_ms, struct err *e)
{
	struct fold f = {.store = s, .topic = topic, .partition = partition};
	uint64_t *start = NULL;
	uint64_t covered = 0;
	size_t count = 0, i = 0;
	bool more = true;
	enum rc rc = history_end(s, topic, partition, &covered, e);

	writer_init(&f.text, HISTORY_MAX);
	if (rc != RC_OK && rc != RC_END)
		goto out;
	if ((rc = manifest_list(s, topic, partition, 0, SIZE_MAX / 2, &start, &count, e)) != RC_OK)
		goto out;
	for (; rc == RC_OK && i < count && start[i] < covered; i++)
		rc = remove_covered(&f, start[i], e);
	for (; rc == RC_OK && more && i + HISTORY_KEEP < count; i++)
		rc = take(&f, start[i], age_ms, now_ms, &more, e);
	if (rc != RC_OK)
		goto out;
	if (f.paths < HISTORY_LEAST && f.text.len < HISTORY_BYTES) {
		rc = RC_END;
		goto out;
	}
	/* If another one folded meanwhile, what was read may be a leftover that lay in a slot of his: not for history.
	 */
	uint64_t now = 0;
	if ((rc = history_end(s, topic, partition, &now, e)) != RC_OK && rc != RC_END)
		goto out;
	rc = now == covered ? put(&f, e) : RC_OK;
out:
	mem_free(&start);
	free_list(&f.path, &f.paths);
	writer_fini(&f.text);
	return rc;
}

enum rc history_place(struct store *s, const struct manifest_head *head, bool *newest, bool *link, struct err *e)
{
	uint64_t *starts = NULL;
	size_t higher = 0;
	bool covered = false;
	char path[PATH_BYTES];
	struct store_stat st;
	enum rc rc = manifest_list(s, head->topic, head->partition, head->start + 1, LOOK_AHEAD, &starts, &higher, e);

	if (rc != RC_OK)
		return rc;
	mem_free(&starts);
	*newest = higher == 0;
	*link = false;
	if (*newest)
		return RC_OK;
	if ((rc = history_covers(s, head->topic, head->partition, head->start, &covered, e)) != RC_OK)
		return rc;
	lake_commit(path, sizeof path, head->topic, head->partition, head->end);
	rc = store_stat(s, path, &st, e);
	*link = rc == RC_OK && !covered;
	return rc == RC_END ? RC_OK : rc;
}

enum rc history_list(
    struct store *s, const char *topic, unsigned partition, uint64_t **starts, size_t *count, struct err *e)
{
	return segment_list(s, topic, partition, starts, count, e);
}

enum rc history_head_read(const char *text, size_t size, struct history_head *out, size_t *length, struct err *e)
{
	const char *stop = memchr(text, '\n', size);
	struct segment head = {.start = 0};
	enum rc rc =
	    stop != NULL ? read_head(text, (size_t)(stop - text), &head, e) : err_set(RC_BAD, e, "it is not whole");
	if (rc != RC_OK)
		return rc;
	*out = (struct history_head){head.start, head.end, head.manifests};
	*length = (size_t)(stop - text) + 1;
	return RC_OK;
}

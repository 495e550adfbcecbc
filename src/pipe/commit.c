/*
 * The order of effects is the whole point of this file: staged files durable -> manifest put if absent at the range's
 * start -> still nobody's ghost -> final names
 * -> identities noted -> bus trimmed. Before the manifest nothing happened; after it everything will, whoever does it.
 */
#include "pipe/commit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "pipe/compaction.h"
#include "pipe/expiry.h"
#include "pipe/figures.h"
#include "pipe/history.h"
#include "pipe/limits.h"
#include "pipe/recall.h"

enum { PATH_BYTES = 1024, STAGED_PAGE = 4096, EPOCH_TEXT = 32, START_TEXT = 20, CRC_CHUNK = 64 << 10 };

static void step(const struct bench *b, enum commit_step s)
{
	if (b->step != NULL)
		b->step(b->step_context, s);
}

/* Roll forward. */

struct roll {
	struct manifest_head head;
	struct draft_file *file;
	size_t files, capacity;
};

static enum rc roll_head(void *context, const struct manifest_head *h, struct err *e)
{
	struct roll *r = context;

	(void)e;
	r->head = *h;
	return RC_OK;
}

static enum rc roll_file(void *context, const struct manifest_file *f, struct err *e)
{
	struct roll *r = context;

	(void)e;
	if (r->files == r->capacity) {
		r->capacity = mem_grow(r->capacity, r->files + 1);
		r->file = mem_resize(r->file, r->capacity * sizeof *r->file);
	}
	r->file[r->files++] = (struct draft_file){.staged = mem_text(f->staged),
	    .path = mem_text(f->path),
	    .rejects = f->rejects,
	    .hour = f->hour,
	    .size = f->size,
	    .crc32 = f->crc32};
	return RC_OK;
}

static void roll_fini(struct roll *r)
{
	for (size_t i = 0; i < r->files; i++) {
		mem_free(&r->file[i].staged);
		mem_free(&r->file[i].path);
	}
	mem_free(&r->file);
}

static enum rc file_crc32(const struct bench *b, const char *path, uint32_t *out, struct err *e)
{
	uint8_t *chunk = mem_alloc(CRC_CHUNK);
	uint32_t crc = 0;
	uint64_t offset = 0;
	size_t got = CRC_CHUNK;
	enum rc rc = RC_OK;

	while (rc == RC_OK && got == CRC_CHUNK) {
		rc = store_get_range(b->store, path, offset, chunk, CRC_CHUNK, &got, e);
		if (rc != RC_OK)
			break;
		crc = crc32_add(b->crc, crc, chunk, got);
		offset += got;
	}
	mem_free(&chunk);
	*out = crc;
	return rc == RC_END ? err_set(RC_AGAIN, e, "%s vanished", path) : rc;
}

/* A file that is neither staged nor in place: RC_OK when its rows went on into a compacted one, which is whole, or when
 * it went for its age. */
static enum rc settle_neither(const struct bench *b, const char *dataset, const struct draft_file *f, struct err *e)
{
	bool took = false;
	int64_t expired_ms = 0;
	enum rc rc = f->rejects ? expiry_took(b->store, dataset, f->hour, f->path, f->size, f->crc32, &expired_ms, e)
	                        : compaction_took(b->store, dataset, f->hour, f->path, f->size, f->crc32, &took, e);

	took |= expired_ms > 0;
	if (rc == RC_OK && !took)
		return err_set(RC_BAD, e, "%s is neither staged nor in place: committed rows are missing", f->path);
	return rc;
}

/* The same for one that could not be published; *e says why, and goes on saying it when no compaction took the file. */
static enum rc settle_gone(const struct bench *b, const char *dataset, const struct draft_file *f, struct err *e)
{
	const struct err why = *e;
	enum rc rc = settle_neither(b, dataset, f, e);

	if (rc == RC_BAD)
		*e = why;
	return rc;
}

/* A final name must hold the bytes that the manifest promises. */
static enum rc check_size(const struct bench *b, const char *dataset, const struct draft_file *f, struct err *e)
{
	struct store_stat st;
	enum rc rc = store_stat(b->store, f->path, &st, e);

	if (rc == RC_END)
		return settle_neither(b, dataset, f, e);
	if (rc == RC_OK && st.size != f->size)
		return err_set(
		    RC_BAD, e, "%s has %" PRIu64 " bytes, its manifest says %" PRIu64, f->path, st.size, f->size);
	return rc;
}

/* Staged and final name are both there: fine if the final one holds the promised bytes (a link that was not followed by
 * its unlink). */
static enum rc settle_both(const struct bench *b, const char *dataset, const struct draft_file *f, struct err *e)
{
	const char *staged = f->staged;
	uint32_t crc = 0;
	enum rc rc = check_size(b, dataset, f, e);

	if (rc == RC_OK)
		rc = file_crc32(b, f->path, &crc, e);
	if (rc == RC_OK && crc != f->crc32)
		return err_set(RC_BAD, e, "%s holds other bytes than its manifest says", f->path);
	return rc == RC_OK ? store_remove(b->store, &staged, 1, e) : rc;
}

static enum rc publish(
    const struct bench *b, const char *dataset, const struct draft_file *file, size_t files, struct err *e)
{
	struct store_move *move = mem_zero(files + 1, sizeof *move);
	size_t at = 0;
	enum rc rc = RC_OK;

	for (size_t i = 0; i < files; i++)
		move[i] = (struct store_move){file[i].staged, file[i].path};
	while (at < files) {
		size_t done = 0;
		rc = store_publish(b->store, move + at, files - at, &done, e);
		at += done;
		if (rc == RC_OK && at < files)
			rc = err_set(RC_FAIL, e, "%s was not published", file[at].path);
		if (rc == RC_END)
			rc = settle_both(b, dataset, &file[at++], e);
		else if (rc == RC_BAD && at < files)
			rc = settle_gone(b, dataset, &file[at++], e);
		if (rc != RC_OK)
			break;
	}
	mem_free(&move);
	return rc;
}

/* Committing. */

struct owner {
	char epoch[40];
	uint64_t end;
};

static enum rc owner_head(void *context, const struct manifest_head *h, struct err *e)
{
	struct owner *o = context;

	(void)e;
	memcpy(o->epoch, h->epoch, sizeof o->epoch);
	o->end = h->end;
	return RC_OK;
}

/* An answer was lost (RC_AGAIN, and *e says how), or the name was taken (RC_END): only what is there says whose commit
 * it is. RC_OK: ours. RC_END: somebody else's. */
static enum rc whose(const struct bench *b, const struct manifest_head *head, enum rc put, struct err *e)
{
	struct err there;
	struct owner o = {0};
	const struct manifest_visitor v = {.context = &o, .head = owner_head};
	enum rc rc = manifest_load(b->store, head->topic, head->partition, head->start, &v, &there);

	if (rc == RC_END && put == RC_AGAIN)
		return RC_AGAIN;
	if (rc == RC_END)
		return err_set(RC_AGAIN, e, "the manifest at %" PRIu64 " was not stored", head->start);
	if (rc != RC_OK) {
		*e = there;
		return rc;
	}
	return strcmp(o.epoch, head->epoch) == 0 ? RC_OK : RC_END;
}

static enum rc put(const struct bench *b, struct draft *d, struct manifest_head *head, struct err *e)
{
	struct writer text;
	char path[PATH_BYTES];
	enum rc rc;

	writer_init(&text, MANIFEST_MAX);
	rc = draft_manifest(d, head, &text, e);
	if (rc == RC_OK) {
		lake_commit(path, sizeof path, head->topic, head->partition, head->start);
		rc = store_put_if_absent(b->store, path, text.bytes, text.len, e);
		if (rc == RC_OK)
			rc = FAULT(WORKER_PUT, e);
		if (rc == RC_AGAIN || rc == RC_END)
			rc = whose(b, head, rc, e);
	}
	writer_fini(&text);
	return rc;
}

/*
 * Is this writer the newest? If a manifest with a higher start is there, we slept and somebody went on. Then our
 * manifest is either a link of the chain that he rolled forward for us, and stays; or we put it into a slot that was
 * cleaned up long ago, and it goes. RC_OK: newest. RC_END: not.
 */
static enum rc check(
    const struct bench *b, const struct place *p, const struct manifest_head *head, struct draft *d, struct err *e)
{
	bool newest = false, link = false;
	char path[PATH_BYTES];
	const char *one = path;
	enum rc rc = history_place(b->store, head, &newest, &link, e);

	if (rc != RC_OK || newest)
		return rc;
	if (!link) {
		lake_commit(path, sizeof path, p->topic, p->partition, head->start);
		if ((rc = store_remove(b->store, &one, 1, e)) != RC_OK)
			return rc;
		draft_discard(d);
	}
	return RC_END;
}

void commit_count(const struct bench *b, const struct draft_totals *t)
{
	metric_add(b->figures, FIGURE_COMMITS, 1);
	metric_add(b->figures, b->replay ? FIGURE_FILES_REPLAYED : FIGURE_FILES_COMMITTED, t->originals);
	metric_add(b->figures, FIGURE_EVENTS_CONSUMED, t->events);
	metric_add(b->figures, FIGURE_EVENTS_DUPLICATE, t->duplicates);
	metric_add(b->figures, FIGURE_ROWS_COMMITTED, t->rows);
	if (!b->replay) {
		metric_add(b->figures, FIGURE_REJECTS, t->rejects);
		metric_add(b->figures, FIGURE_ROWS_LOST, t->lost);
	}
	metric_add(b->figures, FIGURE_VALUES_OUTSIDE, t->outside);
	metric_add(b->figures, FIGURE_ROWS_AHEAD, t->ahead);
	metric_add(b->figures, FIGURE_ROWS_BEHIND, t->behind);
	metric_add(b->figures, FIGURE_FILES_WRITTEN, t->table_files);
	metric_add(b->figures, FIGURE_BYTES_WRITTEN, t->bytes);
	metric_add(b->figures, FIGURE_SEQUENCE_FAILURES, t->sequence_failures);
	metric_add(b->figures, FIGURE_STAT_MISMATCHES, t->stat_mismatches);
}

static void note_index(const struct bench *b, enum rc rc, const struct err *e)
{
	if (rc == RC_OK || e->sys == SEEN_FULL)
		limit_full(b->figures, LIMIT_DEDUPE, rc != RC_OK);
}

/*
 * The index must not be behind when the next events are read: one that comes twice would be taken again. So a failure
 * here makes the lane recover, which brings the index up to the lake first. The trim is advice.
 */
static enum rc note_and_trim(const struct bench *b, const struct place *p, const struct draft *d,
    const struct manifest_head *head, struct err *e)
{
	struct seen_position position = {.start = head->start, .end = head->end};
	struct err ignored;
	size_t keys = 0;
	const struct seen_key *key = draft_keys(d, &keys);

	memcpy(position.epoch, head->epoch, sizeof position.epoch);
	enum rc rc = seen_add(b->seen, &p->seen, key, keys, head->time_ms, head->time_ms, &position, e);
	if (rc == RC_OK)
		rc = FAULT(WORKER_NOTED, e);
	note_index(b, rc, e);
	if (rc != RC_OK)
		return err_wrap(rc, e, "index of identities");
	step(b, STEP_NOTED);
	if (b->replay)
		return RC_OK;
	rc = bus_trim(b->bus, p->topic, p->partition, head->end, &ignored);
	if (rc == RC_OK)
		rc = FAULT(WORKER_TRIMMED, &ignored);
	if (rc != RC_OK)
		log_debug("trim: %s topic=%s partition=%u", ignored.text, p->topic, p->partition);
	step(b, STEP_TRIMMED);
	return RC_OK;
}

enum rc commit_run(const struct bench *b, const struct place *p, struct draft *d, uint64_t end, struct err *e)
{
	struct manifest_head head;
	const struct draft_file *file;
	size_t files = 0;
	const char *staging = p->staging;
	struct err ignored;
	enum rc rc = draft_finish(d, end, e);

	if (rc != RC_OK)
		return rc;
	rc = put(b, d, &head, e);
	if (rc == RC_END)
		draft_discard(d);
	if (rc != RC_OK)
		return rc;
	step(b, STEP_PUT);
	if ((rc = check(b, p, &head, d, e)) != RC_OK || (rc = FAULT(WORKER_CHECKED, e)) != RC_OK)
		return rc;
	step(b, STEP_CHECKED);
	file = draft_files(d, &files);
	if ((rc = publish(b, p->pipeline->schema->name, file, files, e)) != RC_OK ||
	    (rc = FAULT(WORKER_PUBLISHED, e)) != RC_OK)
		return rc;
	step(b, STEP_PUBLISHED);
	for (size_t i = 0; i < files; i++)
		if (!file[i].rejects)
			registrar_note(b->registrar, p->pipeline->schema, file[i].hour);
	if ((rc = note_and_trim(b, p, d, &head, e)) != RC_OK)
		return rc;
	(void)!store_remove(b->store, &staging, 1, &ignored);
	return FAULT(WORKER_CLEANED, e);
}

/* Recovering. */

/*
 * It was the newest when it was listed. If it was folded since, another writer that slept may have used its slot, and
 * his files must not be given names: a fold takes such a leftover away.
 */
static enum rc leftover(const struct bench *b, const struct place *p, uint64_t start, struct err *e)
{
	enum rc rc =
	    history_fold(b->store, p->topic, p->partition, b->settings->clean_age_ms, clock_wall().ns / 1000000, e);

	if (rc != RC_OK && rc != RC_END)
		return rc;
	return err_set(RC_AGAIN, e, "the manifest at %" PRIu64 " is not the newest any more", start);
}

static enum rc roll_newest(const struct bench *b, const struct place *p, uint64_t start, struct roll *r, struct err *e)
{
	const struct manifest_visitor v = {.context = r, .head = roll_head, .file = roll_file};
	struct seen_position known;
	enum rc rc = history_next(b->store, p->topic, p->partition, start, &v, e);

	if (rc == RC_END)
		return leftover(b, p, start, e);
	if (rc != RC_OK)
		return rc;
	/* The index knows a position only after its files have their names: nothing left to do. */
	rc = seen_position(b->seen, &p->seen, &known, e);
	if (rc == RC_OK && known.end == r->head.end && strcmp(known.epoch, r->head.epoch) == 0)
		return RC_OK;
	if (rc != RC_OK && rc != RC_END)
		return rc;
	if ((rc = publish(b, p->pipeline->schema->name, r->file, r->files, e)) != RC_OK)
		return rc;
	for (size_t i = 0; i < r->files && rc == RC_OK; i++)
		rc = check_size(b, p->pipeline->schema->name, &r->file[i], e);
	return rc;
}

enum rc commit_recover(const struct bench *b, const struct place *p, uint64_t *next, struct err *e)
{
	struct roll r = {.files = 0};
	uint64_t newest = 0, end = 0;
	enum rc rc = manifest_newest(b->store, p->topic, p->partition, &newest, e);

	if (rc == RC_END) {
		/* Somebody removed the manifests by hand: history still knows how far they went. */
		rc = history_end(b->store, p->topic, p->partition, &end, e);
		if (rc == RC_OK)
			rc = recall(
			    b->store, b->seen, p->topic, p->partition, NULL, end, b->settings->dedupe_horizon_ms, e);
		if (rc == RC_END && seen_forget(b->seen, &p->seen, e) != RC_OK)
			rc = RC_AGAIN;
		if (rc == RC_OK)
			*next = end;
		return rc;
	}
	if (rc != RC_OK)
		return rc;
	/* Its writer may have died before its name was durable. */
	rc = manifest_settle(b->store, p->topic, p->partition, e);
	if (rc == RC_OK)
		rc = roll_newest(b, p, newest, &r, e);
	if (rc == RC_OK)
		rc = FAULT(WORKER_ROLLED, e);
	if (rc == RC_OK) {
		rc = recall(
		    b->store, b->seen, p->topic, p->partition, &r.head, r.head.end, b->settings->dedupe_horizon_ms, e);
		note_index(b, rc, e);
	}
	if (rc == RC_OK)
		*next = r.head.end;
	roll_fini(&r);
	return rc;
}

/* Is it a staging folder of this partition, of any epoch? */
static bool is_ours(const struct place *p, const char *name)
{
	size_t label = strlen(p->label);

	return strlen(name) == label + 1 + EPOCH_TEXT && memcmp(name, p->label, label) == 0 && name[label] == '-' &&
	       strspn(name + label + 1, "0123456789abcdef") == EPOCH_TEXT;
}

static enum rc sweep_folder(const struct bench *b, const char *folder, uint64_t next, struct err *e)
{
	char **names = NULL;
	size_t count = 0;
	enum rc rc = store_list(b->store, folder, NULL, STAGED_PAGE, &names, &count, e);

	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < count && rc == RC_OK; i++) {
		char start_text[START_TEXT + 1];
		uint64_t start;
		char *path;
		(void)!str_copy(start_text, sizeof start_text, names[i]);
		if (!manifest_name_read(start_text, &start) || start >= next)
			continue;
		path = mem_format("%s/%s", folder, names[i]);
		rc = store_remove(b->store, (const char *const *)&path, 1, e);
		mem_free(&path);
	}
	store_list_free(&names, count);
	return rc == RC_OK ? store_remove(b->store, &folder, 1, e) : rc;
}

enum rc commit_sweep(const struct bench *b, const struct place *p, uint64_t next, struct err *e)
{
	static const char root[] = "_sluice/staging";
	char **names = NULL;
	size_t count = 0;
	enum rc rc = store_list(b->store, root, NULL, SIZE_MAX / 2, &names, &count, e);

	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < count && rc == RC_OK; i++) {
		if (!is_ours(p, names[i]))
			continue;
		char *folder = mem_format("%s/%s", root, names[i]);
		rc = sweep_folder(b, folder, next, e);
		mem_free(&folder);
	}
	store_list_free(&names, count);
	return rc;
}

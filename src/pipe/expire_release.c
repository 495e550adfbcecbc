/*
 * Order: the record, durable and only if its number is free; then the files; then their folder; the catalog last (the
 * table's part does that). Killed in between, the record says what is still to go.
 */
#include <assert.h>
#include <string.h>

#include "base/fault.h"
#include "base/mem.h"
#include "base/str.h"
#include "ext/json.h"
#include "pipe/compaction.h"
#include "pipe/expire_work.h"
#include "pipe/lines.h"

enum { PATH_BYTES = 512, RECORD_BYTES = 8 << 20, RECORD_FILES = 16384 };

void release_begin(struct release *r, struct expire *x, int64_t hour, uint64_t newest)
{
	*r = (struct release){.x = x, .hour = hour, .newest = newest};
	writer_init(&r->text, EXPIRY_MAX);
}

static void forget(struct release *r)
{
	for (size_t i = 0; i < r->paths; i++)
		mem_free(&r->path[i]);
	r->paths = 0;
	r->count = (struct expire_count){.files = 0};
	writer_reset(&r->text);
}

void release_fini(struct release *r)
{
	forget(r);
	mem_free(&r->path);
	writer_fini(&r->text);
}

/* ---- the record ---- */

static enum rc see_owner(void *context, const struct compaction_head *h, struct err *e)
{
	(void)e;
	memcpy(context, h->epoch, sizeof h->epoch);
	return RC_OK;
}

static enum rc see_file(void *context, const struct expiry_head *h, const struct expiry_file *f, struct err *e)
{
	(void)f, (void)e;
	memcpy(context, h->epoch, sizeof h->epoch);
	return RC_OK;
}

/* Whose the record of that number is. RC_END: nobody's. */
static enum rc owner_of(const struct release *r, char owner[40], struct err *e)
{
	const struct expire *x = r->x;
	const struct compaction_visitor v = {.context = owner, .head = see_owner};
	if (x->kind == EXPIRY_TABLE)
		return compaction_load(x->p->store, x->schema->name, r->hour, r->newest + 1, &v, e);
	return expiry_load(x->p->store, x->kind, x->schema->name, r->hour, r->newest + 1, see_file, owner, e);
}

/* The point from which on the files are not missed. RC_END: another's record has this number. */
static enum rc put(struct release *r, struct err *e)
{
	const struct expire *x = r->x;
	char path[PATH_BYTES], owner[sizeof x->epoch] = "";
	lines_end(&r->text);
	lake_expiry(path, sizeof path, x->kind, x->schema->name, r->hour, r->newest + 1);
	assert(!r->text.failed);
	enum rc rc = store_put_if_absent(x->p->store, path, r->text.bytes, r->text.len, e);
	if (rc == RC_AGAIN || rc == RC_END) {
		/* An answer was lost, or the name is taken: what is there says whose it is. */
		bool unsure = rc == RC_AGAIN;
		struct err there;
		rc = owner_of(r, owner, &there);
		if (rc == RC_OK && strcmp(owner, x->epoch) != 0)
			rc = RC_END;
		else if (rc == RC_END && unsure)
			rc = RC_AGAIN;
		else if (rc != RC_OK && rc != RC_END)
			*e = there;
	}
	return rc;
}

/* ---- the files ---- */

static enum rc remove_one(struct expire *x, const char *path, struct err *e)
{
	enum rc rc = store_remove(x->p->store, (const char *const[]){path}, 1, e);
	return rc == RC_OK ? FAULT(EXPIRE_REMOVING, e) : rc;
}

static void count_in(struct expire_count *to, const struct release *r)
{
	const struct expire_count *c = &r->count;
	if (to->files == 0 || r->hour < to->first)
		to->first = r->hour;
	if (to->files == 0 || r->hour > to->last)
		to->last = r->hour;
	to->hours += !r->any;
	to->files += c->files;
	to->rows += c->rows;
	to->bytes += c->bytes;
}

static void count(struct release *r)
{
	count_in(&r->x->sum->went[r->x->kind], r);
	count_in(&r->x->count, r);
	r->any = true;
}

static enum rc flush(struct release *r, struct err *e)
{
	struct expire *x = r->x;
	enum rc rc = RC_OK;
	if (r->count.files == 0)
		return RC_OK;
	if (!x->p->dry_run) {
		rc = put(r, e);
		if (rc != RC_OK)
			return rc;
		r->newest++;
		rc = FAULT(EXPIRE_PUT, e);
		for (size_t i = 0; i < r->paths && rc == RC_OK; i++)
			rc = remove_one(x, r->path[i], e);
		if (rc == RC_OK)
			rc = FAULT(EXPIRE_REMOVED, e);
	}
	if (rc == RC_OK)
		count(r);
	forget(r);
	return rc;
}

enum rc release_add(struct release *r, const struct expiry_file *f, struct err *e)
{
	struct expire *x = r->x;
	r->count.files++;
	r->count.rows += f->rows;
	r->count.bytes += f->size;
	if (x->p->dry_run)
		return RC_OK;
	if (r->paths == 0) {
		struct expiry_head h = {
		    .kind = x->kind, .hour = r->hour, .generation = r->newest + 1, .time_ms = x->now_ms};
		(void)!str_copy(h.dataset, sizeof h.dataset, x->schema->name);
		(void)!str_copy(h.epoch, sizeof h.epoch, x->epoch);
		expiry_begin(&r->text, &h);
	}
	expiry_add(&r->text, x->kind, f);
	if (r->paths == r->capacity) {
		r->capacity = mem_grow(r->capacity, r->paths + 1);
		r->path = mem_resize(r->path, r->capacity * sizeof *r->path);
	}
	r->path[r->paths++] = mem_text(f->path);
	return r->text.len >= RECORD_BYTES || r->paths >= RECORD_FILES ? flush(r, e) : RC_OK;
}

enum rc release_end(struct release *r, struct err *e)
{
	return flush(r, e);
}

enum rc release_finish(struct expire *x, const char *path, struct err *e)
{
	x->sum->finished++;
	return x->p->dry_run ? RC_OK : remove_one(x, path, e);
}

/* Rejects go before originals: an original is kept for the rejects that it still has. */
#include "pipe/expire.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/str.h"
#include "pipe/expire_work.h"

enum { EPOCH_BYTES = 16, NS_PER_MS = 1000000, MS_PER_HOUR = 3600 * 1000 };

bool expire_stopped(struct expire *x)
{
	x->stopped |= x->p->stop != NULL && x->p->stop(x->p->context);
	return x->stopped;
}

void expire_leave(struct expire *x, const char *text)
{
	const struct expire_news n = {.news = EXPIRE_LEFT, .dataset = x->schema->name, .kind = x->kind, .text = text};
	x->sum->failed++;
	x->p->tell(x->p->context, &n);
}

enum rc expire_clear(struct expire *x, const char *folder, const char *root, struct err *e)
{
	char *at = mem_text(folder);
	enum rc rc = RC_OK;
	while (!x->p->dry_run && rc == RC_OK && strlen(at) > strlen(root)) {
		rc = store_remove(x->p->store, (const char *const[]){at}, 1, e);
		*strrchr(at, '/') = '\0';
	}
	mem_free(&at);
	return rc == RC_OK && !x->p->dry_run ? FAULT(EXPIRE_CLEARED, e) : rc;
}

/* ---- folders of originals and rejects ---- */

struct day {
	struct expire *x;
	const char *root, *name;
	enum rc (*see)(void *context, const char *folder, int64_t hour, struct err *e);
	void *context;
};

static enum rc see_day(const struct day *d, struct err *e)
{
	char *folder = mem_format("%s/%s", d->root, d->name), **name = NULL;
	size_t count = 0;
	enum rc rc = store_list(d->x->p->store, folder, NULL, SIZE_MAX / 2, &name, &count, e);
	for (size_t i = 0; i < count && rc == RC_OK; i++) {
		int64_t hour = 0;
		if (!expiry_read_hour(d->name, name[i], &hour) || hour >= d->x->before_hour)
			continue;
		if (expire_stopped(d->x)) {
			rc = RC_END;
			break;
		}
		char *deeper = mem_format("%s/%s", folder, name[i]);
		rc = d->see(d->context, deeper, hour, e);
		mem_free(&deeper);
	}
	store_list_free(&name, count);
	mem_free(&folder);
	return rc;
}

enum rc expire_folders(struct expire *x, const char *root,
    enum rc (*see)(void *context, const char *folder, int64_t hour, struct err *e), void *context, struct err *e)
{
	char **name = NULL;
	size_t count = 0;
	enum rc rc = store_list(x->p->store, root, NULL, SIZE_MAX / 2, &name, &count, e);
	for (size_t i = 0; i < count && rc == RC_OK; i++) {
		const struct day d = {x, root, name[i], see, context};
		int64_t first = 0;
		if (expiry_read_hour(name[i], "00", &first) && first < x->before_hour)
			rc = see_day(&d, e);
	}
	store_list_free(&name, count);
	return rc;
}

/* ---- all of it ---- */

static int64_t age_ms(const struct settings *s, enum expiry_kind kind)
{
	const int64_t age[EXPIRY_KINDS] = {[EXPIRY_TABLE] = s->expire_tables_ms,
	    [EXPIRY_REJECTS] = s->expire_rejects_ms,
	    [EXPIRY_ORIGINAL] = s->expire_originals_ms};
	return age[kind];
}

static enum rc one_kind(struct expire *x, enum expiry_kind kind, struct err *e)
{
	int64_t age = age_ms(x->p->settings, kind);
	if (!x->p->kind[kind] || age == 0)
		return RC_OK;
	x->kind = kind;
	x->count = (struct expire_count){.files = 0};
	x->before_hour = (x->now_ms - age) / MS_PER_HOUR; /* the hour that ended by then is the last one to go */
	enum rc rc = kind == EXPIRY_TABLE     ? expire_tables(x, e)
	             : kind == EXPIRY_REJECTS ? expire_rejects(x, e)
	                                      : expire_originals(x, e);
	const struct expire_news n = {
	    .news = EXPIRE_WENT, .dataset = x->schema->name, .kind = kind, .count = &x->count};
	if (x->count.files > 0)
		x->p->tell(x->p->context, &n);
	return rc;
}

enum rc expire_pass(const struct expire_params *p, struct expire_sum *sum, struct err *e)
{
	struct expire x = {.p = p, .sum = sum, .now_ms = clock_wall().ns / NS_PER_MS};
	struct datasets d;
	uint8_t random[EPOCH_BYTES];
	enum rc rc = RC_OK;
	*sum = (struct expire_sum){.finished = 0};
	if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
		return err_set(RC_FAIL, e, "no random bytes");
	str_hex(random, sizeof random, x.epoch);
	datasets_init(&d, p->settings);
	for (size_t i = 0; i < d.count && rc == RC_OK; i++) {
		x.table = &d.table[i];
		x.schema = x.table->schema;
		if (p->dataset != NULL && strcmp(p->dataset, x.schema->name) != 0)
			continue;
		for (int kind = 0; kind < EXPIRY_KINDS && rc == RC_OK; kind++)
			rc = one_kind(&x, (enum expiry_kind)kind, e);
	}
	datasets_fini(&d);
	return rc == RC_OK && x.stopped ? RC_END : rc;
}

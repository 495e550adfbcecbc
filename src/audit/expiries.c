/*
 * What expiries say of rejects files and originals: their absence is meant. Those of table files are generations of the
 * compactions of their hour.
 */
#include "audit/work.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "pipe/datasets.h"
#include "pipe/expiry.h"

static enum rc see_rejects(void *context, const struct expiry_head *h, const struct expiry_file *f, struct err *e)
{
	struct audit *a = context;
	const char *label = NULL;
	size_t len = 0;
	uint64_t start = 0, end = 0;
	const struct named_file file = {.commit = {.topic = NAMES_NONE},
	    .size = f->size,
	    .rows = f->rows,
	    .crc32 = f->crc32,
	    .rejects = true,
	    .expired_ms = h->time_ms,
	    .hour = h->hour,
	    .dataset = names_add(&a->datasets, h->dataset, strlen(h->dataset)),
	    .staged = ""};
	struct chain *c = chain_file_name(file_name(f->path), &label, &len, &start, &end)
	                      ? chains_by_label(&a->chains, label, len)
	                      : NULL;
	if (c != NULL)
		commit_set_add(&a->silent, &(struct commit_id){c->topic, c->partition, start});
	return audit_add_path(a, f->path, PATH_TAKEN, &file, e);
}

static enum rc see_original(void *context, const struct expiry_head *h, const struct expiry_file *f, struct err *e)
{
	struct audit *a = context;
	struct named_original original = {.size = f->size, .expired_ms = h->time_ms};
	enum rc rc = RC_OK;
	memcpy(original.sha256, f->original, SHA256_BYTES);
	for (size_t i = 0; i < f->identities && rc == RC_OK; i++) {
		const char *source = f->identity[i].source;
		original.source = names_add(&a->sources, source, strlen(source));
		original.again = f->identity[i].again;
		rc = audit_add_path(a, f->path, PATH_EXPIRED, &original, e);
	}
	return rc;
}

/* A damaged record is told of, and what it named is missed. */
static enum rc read_hour(struct audit *a, enum expiry_kind kind, const char *dataset, int64_t hour, struct err *e)
{
	char folder[512];
	enum rc rc =
	    expiry_each(a->store, kind, dataset, hour, kind == EXPIRY_REJECTS ? see_rejects : see_original, a, NULL, e);
	if (rc != RC_BAD)
		return rc;
	lake_expiry(folder, sizeof folder, kind, dataset, hour, 0);
	audit_find(a, FINDING_EXPIRY_DAMAGED, folder, "%s", e->text);
	return RC_OK;
}

static enum rc read_kind(struct audit *a, enum expiry_kind kind, const char *dataset, struct err *e)
{
	int64_t *hour = NULL;
	size_t hours = 0;
	enum rc rc = expiry_hours(a->store, kind, dataset, &hour, &hours, e);
	for (size_t i = 0; i < hours && rc == RC_OK; i++)
		rc = read_hour(a, kind, dataset, hour[i], e);
	mem_free(&hour);
	return rc;
}

enum rc audit_expiries(struct audit *a, struct err *e)
{
	struct datasets d;
	enum rc rc = RC_OK;
	datasets_init(&d, a->settings);
	for (size_t i = 0; i < d.count && rc == RC_OK; i++) {
		rc = read_kind(a, EXPIRY_REJECTS, d.table[i].schema->name, e);
		if (rc == RC_OK)
			rc = read_kind(a, EXPIRY_ORIGINAL, d.table[i].schema->name, e);
	}
	datasets_fini(&d);
	commit_set_sort(&a->silent);
	return rc;
}

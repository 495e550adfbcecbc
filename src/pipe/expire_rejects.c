/* Rejects files: their names say of which commit they are, as those of table files do. */
#include <string.h>

#include "base/mem.h"
#include "pipe/expire_work.h"
#include "pipe/plan.h"

struct hour_files {
	struct expire *x;
	struct plan plan;
	bool *gone; /* a record names it already */
};

static enum rc see_gone(void *context, const struct expiry_head *h, const struct expiry_file *f, struct err *e)
{
	struct hour_files *j = context;
	(void)h, (void)e;
	for (size_t i = 0; i < j->plan.files; i++)
		j->gone[i] |= strcmp(j->plan.file[i].path, f->path) == 0 && j->plan.file[i].size == f->size;
	return RC_OK;
}

static enum rc let_go(struct hour_files *j, int64_t hour, struct err *e)
{
	struct expire *x = j->x;
	struct release r;
	uint64_t newest = 0;
	enum rc rc = expiry_each(x->p->store, EXPIRY_REJECTS, x->schema->name, hour, see_gone, j, &newest, e);
	release_begin(&r, x, hour, newest);
	for (size_t i = 0; i < j->plan.files && rc == RC_OK; i++) {
		const struct plan_file *f = &j->plan.file[i];
		const struct expiry_file file = {.path = f->path, .size = f->size, .rows = f->rows, .crc32 = f->crc32};
		if (j->gone[i])
			rc = release_finish(x, f->path, e);
		else if (f->unfinished)
			x->sum->busy++;
		else if (!f->known || f->hour != hour)
			x->sum->strange++;
		else
			rc = release_add(&r, &file, e);
	}
	if (rc == RC_OK)
		rc = release_end(&r, e);
	release_fini(&r);
	if (rc == RC_END) {
		x->sum->busy++;
		rc = RC_OK;
	}
	return rc;
}

static enum rc see_hour(void *context, const char *folder, int64_t hour, struct err *e)
{
	struct expire *x = context;
	struct hour_files j = {.x = x};
	enum rc rc = plan_all(x->p->store, x->schema, folder, true, &j.plan, e);
	if (rc != RC_OK)
		return rc;
	x->sum->strange += j.plan.strange;
	j.gone = mem_zero(j.plan.files + 1, sizeof *j.gone);
	rc = let_go(&j, hour, e);
	mem_free(&j.gone);
	plan_fini(&j.plan);
	char *root = mem_format("%s/rejects", x->schema->name);
	if (rc == RC_OK)
		rc = expire_clear(x, folder, root, e);
	mem_free(&root);
	return rc;
}

enum rc expire_rejects(struct expire *x, struct err *e)
{
	char *root = mem_format("%s/rejects", x->schema->name);
	enum rc rc = expire_folders(x, root, see_hour, x, e);
	mem_free(&root);
	return rc;
}

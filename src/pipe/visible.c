/* A look costs a call per file that is there. So the files of one manifest are kept, and who walks many of them looks
 * once, after the last. */
#include "pipe/visible.h"

#include "base/mem.h"

struct visible_file {
	char *path, *staged;
};

void visible_begin(struct visible *v)
{
	for (size_t i = 0; i < v->files; i++) {
		mem_free(&v->file[i].path);
		mem_free(&v->file[i].staged);
	}
	v->files = 0;
}

void visible_add(struct visible *v, const struct manifest_file *f)
{
	if (v->files == v->capacity) {
		v->capacity = mem_grow(v->capacity, v->files + 1);
		v->file = mem_resize(v->file, v->capacity * sizeof *v->file);
	}
	v->file[v->files++] = (struct visible_file){.path = mem_text(f->path), .staged = mem_text(f->staged)};
}

void visible_fini(struct visible *v)
{
	visible_begin(v);
	mem_free(&v->file);
}

static enum rc look(const struct visible_file *f, struct store *s, struct err *e)
{
	struct store_stat st;
	enum rc rc = store_stat(s, f->path, &st, e);
	if (rc != RC_END)
		return rc;
	rc = store_stat(s, f->staged, &st, e);
	if (rc == RC_OK)
		return store_stat(s, f->path, &st, e); /* it may have got its name between the two */
	return rc == RC_END ? RC_OK : rc;
}

enum rc visible_look(const struct visible *v, struct store *s, struct err *e)
{
	enum rc rc = RC_OK;
	for (size_t i = 0; i < v->files && rc == RC_OK; i++)
		rc = look(&v->file[i], s, e);
	return rc;
}

struct newest {
	uint64_t end;
	struct visible files;
};

static enum rc see_head(void *context, const struct manifest_head *h, struct err *e)
{
	struct newest *n = context;
	n->end = h->end;
	return RC_OK;
}

static enum rc see_file(void *context, const struct manifest_file *f, struct err *e)
{
	struct newest *n = context;
	visible_add(&n->files, f);
	return RC_OK;
}

enum rc visible_end(struct store *s, const char *topic, unsigned partition, uint64_t *end, struct err *e)
{
	struct newest n = {.end = 0};
	const struct manifest_visitor visitor = {.context = &n, .head = see_head, .file = see_file};
	uint64_t start = 0;
	enum rc rc = manifest_newest(s, topic, partition, &start, e);
	if (rc == RC_OK)
		rc = manifest_load(s, topic, partition, start, &visitor, e);
	if (rc == RC_OK)
		rc = visible_look(&n.files, s, e);
	if (rc == RC_OK)
		*end = n.end;
	visible_fini(&n.files);
	return rc;
}

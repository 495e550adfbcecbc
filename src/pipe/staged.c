/* What a manifest promises of a file is counted where its bytes pass, so that nothing is read back before it is
 * committed. */
#include "pipe/staged.h"

#include "base/mem.h"

enum rc staged_open(
    struct store *store, const struct crc32_tables *table, const char *path, struct staged **out, struct err *e)
{
	struct store_file *file = NULL;
	struct staged *s;
	enum rc rc = store_create(store, path, &file, e);

	if (rc != RC_OK)
		return rc;
	s = mem_zero(1, sizeof *s);
	s->store = store;
	s->table = table;
	s->file = file;
	s->path = mem_text(path);
	*out = s;
	return RC_OK;
}

enum rc staged_write(void *context, const void *bytes, size_t size, struct err *e)
{
	struct staged *s = context;
	enum rc rc = store_write(s->store, s->file, bytes, size, e);

	if (rc != RC_OK)
		return rc;
	s->crc32 = crc32_add(s->table, s->crc32, bytes, size);
	s->size += size;
	return RC_OK;
}

enum rc staged_close(struct staged *s, struct err *e)
{
	return store_close_file(s->store, s->file, s->size, e);
}

struct store_file *staged_take(struct staged *s)
{
	struct store_file *file = s->file;

	s->file = NULL;
	return file;
}

void staged_drop(struct staged **s)
{
	if (*s == NULL)
		return;
	if ((*s)->file != NULL)
		store_abandon((*s)->store, &(*s)->file);
	mem_free(&(*s)->path);
	mem_free(s);
}

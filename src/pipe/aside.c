/* A copy, not another name: HDFS has no links, and each of the two files goes at a time of its own. */
#include "pipe/aside.h"

#include <string.h>

#include "base/mem.h"
#include "pipe/staged.h"

enum { CHUNK = 1 << 20, FOLDERS = 16 };

static enum rc copy_bytes(struct store *s, const struct aside_copy *c, struct staged *to, struct err *e)
{
	uint8_t *chunk = mem_alloc(CHUNK);
	enum rc rc = RC_OK;
	for (uint64_t at = 0; at < c->size && rc == RC_OK;) {
		size_t got = 0, n = c->size - at < CHUNK ? (size_t)(c->size - at) : CHUNK;
		rc = store_get_range(s, c->from, at, chunk, n, &got, e);
		if (rc == RC_END || (rc == RC_OK && got < n))
			rc = err_set(RC_AGAIN, e, "%.300s: gone while it was copied", c->from);
		if (rc == RC_OK)
			rc = staged_write(to, chunk, n, e);
		at += n;
	}
	mem_free(&chunk);
	if (rc == RC_OK && to->crc32 != c->crc32)
		rc = err_set(RC_BAD, e, "%.300s: it holds other bytes than its manifest says", c->from);
	return rc;
}

static enum rc copy_one(struct store *s, const struct aside_copy *c, const char *temp, struct err *e)
{
	struct crc32_tables crc;
	struct staged *to = NULL;
	struct store_stat st;
	enum rc rc = store_stat(s, c->to, &st, e);
	if (rc == RC_OK && st.size == c->size)
		return RC_OK;
	if (rc == RC_OK)
		return err_set(RC_BAD, e, "%.300s: another size than its manifest says", c->to);
	if (rc != RC_END)
		return rc;
	crc32_init(&crc);
	rc = store_remove(s, &temp, 1, e); /* of one who died */
	if (rc == RC_OK)
		rc = staged_open(s, &crc, temp, &to, e);
	if (rc == RC_OK)
		rc = copy_bytes(s, c, to, e);
	if (rc == RC_OK)
		rc = staged_close(to, e);
	if (rc == RC_OK) {
		struct store_file *handle = staged_take(to);
		rc = store_sync(s, &handle, 1, e);
	}
	staged_drop(&to);
	if (rc == RC_OK) {
		size_t done = 0;
		rc = store_publish(s, &(struct store_move){temp, c->to}, 1, &done, e);
		if (rc == RC_END) /* somebody else made the same */
			rc = store_remove(s, &temp, 1, e);
	}
	return rc;
}

enum rc aside_make(struct store *s, const struct aside_copy *copy, size_t copies, const char *temp, struct err *e)
{
	enum rc rc = RC_OK;
	for (size_t i = 0; i < copies && rc == RC_OK; i++)
		rc = copy_one(s, &copy[i], temp, e);
	return rc;
}

enum rc aside_remove(struct store *s, const struct aside_copy *copy, size_t copies, struct err *e)
{
	enum rc rc = RC_OK;
	for (size_t i = 0; i < copies && rc == RC_OK; i++)
		rc = store_remove(s, (const char *const[]){copy[i].to}, 1, e);
	if (copies == 0 || rc != RC_OK)
		return rc;
	/* "<dataset>/aside" and below, as far as they are empty. */
	char *folder = mem_text(copy[0].to), *top = strstr(folder, "/aside/"), *slash;
	for (int i = 0; i < FOLDERS && rc == RC_OK && top != NULL; i++) {
		slash = strrchr(folder, '/');
		if (slash <= top)
			break;
		*slash = '\0';
		rc = store_remove(s, (const char *const[]){folder}, 1, e);
	}
	mem_free(&folder);
	return rc;
}

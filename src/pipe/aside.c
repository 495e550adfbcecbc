/* A copy, not another name: HDFS has no links, and each of the two files goes at a time of its own. */
#include "pipe/aside.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "pipe/staged.h"

enum { CHUNK = 1 << 20, FOLDERS = 16 };

static const char OURS[] = "part-compact-";

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
	if (rc == RC_OK && !c->unsummed && to->crc32 != c->crc32)
		rc = err_set(RC_BAD, e, "%.300s: it holds other bytes than its manifest says", c->from);
	return rc;
}

/* A name may be given twice by others: here, and aside. RC_BAD: it was. */
static enum rc is_same(struct store *s, const struct aside_copy *c, uint64_t size, struct err *e)
{
	uint8_t *one = mem_alloc(CHUNK), *other = mem_alloc(CHUNK);
	enum rc rc = RC_OK;
	bool same = size == c->size;
	for (uint64_t at = 0; at < size && same && rc == RC_OK; at += CHUNK) {
		size_t got = 0, also = 0;
		rc = store_get_range(s, c->from, at, one, CHUNK, &got, e);
		if (rc == RC_OK)
			rc = store_get_range(s, c->to, at, other, CHUNK, &also, e);
		same = got == also && memcmp(one, other, got) == 0;
	}
	mem_free(&other);
	mem_free(&one);
	if (rc == RC_END)
		return err_set(RC_AGAIN, e, "%.300s: gone while it was compared", c->from);
	return rc != RC_OK || same ? rc
	                           : err_set(RC_BAD, e, "%.200s and %.200s are two files of one name", c->from, c->to);
}

/* RC_END: it is not there yet. */
static enum rc is_there(struct store *s, const struct aside_copy *c, struct err *e)
{
	struct store_stat st;
	enum rc rc = store_stat(s, c->to, &st, e);
	if (rc == RC_OK && c->unsummed)
		return is_same(s, c, st.size, e);
	if (rc == RC_OK && st.size != c->size)
		rc = err_set(RC_BAD, e, "%.300s: another size than its manifest says", c->to);
	return rc;
}

static enum rc copy_one(struct store *s, const struct aside_copy *c, const char *temp, struct err *e)
{
	struct crc32_tables crc;
	struct staged *to = NULL;
	enum rc rc = is_there(s, c, e);
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
		if (rc == RC_END) { /* somebody else made the same */
			rc = store_remove(s, &temp, 1, e);
			if (rc == RC_OK && (rc = is_there(s, c, e)) == RC_END)
				rc = err_set(RC_AGAIN, e, "%.300s: gone meanwhile", c->to);
		}
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

/* "<dataset>/aside" and below, as far as they are empty. */
static enum rc clear_up(struct store *s, const char *path, struct err *e)
{
	char *folder = mem_text(path), *top = strstr(folder, "/aside/"), *slash;
	enum rc rc = RC_OK;
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

enum rc aside_remove(struct store *s, const struct aside_copy *copy, size_t copies, struct err *e)
{
	enum rc rc = RC_OK;
	for (size_t i = 0; i < copies && rc == RC_OK; i++)
		rc = store_remove(s, (const char *const[]){copy[i].to}, 1, e);
	return copies == 0 || rc != RC_OK ? rc : clear_up(s, copy[0].to, e);
}

/* ---- files of others ---- */

bool aside_of_others(const char *name)
{
	return name[0] != '.' && name[0] != '_' && !str_starts(name, OURS);
}

enum rc aside_bring(
    struct store *s, const char *from, const char *to, const char *temp, bool remove, uint64_t *brought, struct err *e)
{
	struct store_stat st;
	enum rc rc = store_stat(s, from, &st, e);
	if (rc != RC_OK || st.directory)
		return rc == RC_END ? RC_OK : rc; /* RC_END: its owner took it away */
	struct aside_copy c = {.from = mem_text(from), .to = mem_text(to), .size = st.size, .unsummed = true};
	rc = copy_one(s, &c, temp, e);
	if (rc == RC_OK && remove) {
		rc = store_remove(s, &from, 1, e);
		if (rc == RC_OK)
			rc = clear_up(s, from, e);
		*brought += rc == RC_OK;
	}
	mem_free(&c.from);
	mem_free(&c.to);
	return rc;
}

enum rc aside_home(struct store *s, const char *aside, const char *home, const char *temp, bool remove,
    uint64_t *brought, struct err *e)
{
	char **names = NULL;
	size_t count = 0;
	enum rc rc = store_list(s, aside, NULL, SIZE_MAX / 2, &names, &count, e);
	for (size_t i = 0; i < count && rc == RC_OK; i++) {
		if (!aside_of_others(names[i]))
			continue;
		char *from = mem_format("%s/%s", aside, names[i]), *to = mem_format("%s/%s", home, names[i]);
		rc = aside_bring(s, from, to, temp, remove, brought, e);
		mem_free(&from);
		mem_free(&to);
	}
	store_list_free(&names, count);
	if (rc == RC_OK && remove && count == 0) { /* a folder that somebody made and put nothing into */
		char *inside = mem_format("%s/", aside);
		rc = clear_up(s, inside, e);
		mem_free(&inside);
	}
	return rc;
}

/*
 * From staging to a name in the lake: a group's files share one sync, then claims are taken, then each gets its name,
 * which others may have.
 */
#include "pipe/archive_work.h"

#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

enum { HASH_TAG = 12 };

char *archive_beside(struct store *store, const char *path, const char *name, const uint8_t sha256[SHA256_BYTES])
{
	char hex[SHA256_TEXT];
	str_hex(sha256, SHA256_BYTES, hex);
	int folder = (int)(strlen(path) - strlen(file_name(path)));
	int most = ARCHIVE_NAME - 1 - HASH_TAG;
	char *beside = mem_format("%.*s%.*s~%.*s", folder, path, most, name, HASH_TAG, hex);
	if (!store_takes(store, beside)) {
		mem_free(&beside);
		beside = mem_format("%.*s%.*s~%.*s", folder, path, most / 3, name, HASH_TAG, hex);
	}
	return beside;
}

void archive_rename(struct archive *a, struct item *it)
{
	char *path = archive_beside(a->store, it->path, it->name, it->sha256);
	mem_free(&it->path);
	it->path = path;
}

/* sha256 of what lies in the lake under the item's path. RC_END: nothing. */
static enum rc sum_there(struct archive *a, const struct item *it, uint8_t digest[SHA256_BYTES], struct err *e)
{
	struct source *src = NULL;
	size_t got = 0;
	enum rc rc = store_read(a->store, it->path, &src, e);
	if (rc != RC_OK)
		return rc;
	archive_room(a, ARCHIVE_BLOCK);
	sha256_reset(a->hash);
	while ((rc = source_read(src, a->bytes, ARCHIVE_BLOCK, &got, e)) == RC_OK && !board_stopped(a->params.board))
		sha256_add(a->hash, a->bytes, got);
	source_close(&src);
	if (rc == RC_OK)
		return err_set(RC_AGAIN, e, "stopped");
	if (rc != RC_END)
		return rc;
	sha256_peek(a->hash, digest);
	return RC_OK;
}

/* Whose name it is in the lake, and how many rows of that are stored: for a person who looks at the log. */
static void note_other(struct archive *a, struct item *it)
{
	struct err ignored;
	uint8_t digest[SHA256_BYTES];
	if (it->beside > 0)
		return;
	if (it->known && memcmp(it->known_sha256, it->sha256, SHA256_BYTES) != 0)
		it->beside = archive_rows_of(a, it, it->known_sha256);
	else if (sum_there(a, it, digest, &ignored) == RC_OK)
		it->beside = archive_rows_of(a, it, digest);
}

/* Does the lake hold these very bytes under the item's path? */
static enum rc same_there(struct archive *a, struct item *it, bool *same, struct err *e)
{
	struct store_stat st;
	uint8_t digest[SHA256_BYTES];
	enum rc rc = store_stat(a->store, it->path, &st, e);
	*same = false;
	if (rc != RC_OK || st.directory || st.size != it->looks.size)
		return rc == RC_END ? RC_OK : rc;
	rc = sum_there(a, it, digest, e);
	*same = rc == RC_OK && memcmp(digest, it->sha256, SHA256_BYTES) == 0;
	return rc == RC_END ? RC_OK : rc;
}

/*
 * The name is taken. By the same bytes: a crash left them, they are used; the second publish finds the source gone and
 * the target there, and makes the name durable. By others: our copy gets a name of its own.
 */
static enum rc settle_name(struct archive *a, struct item *it, struct err *e)
{
	for (unsigned tries = 0; tries < 2; tries++) {
		bool same = false;
		size_t done = 0;
		enum rc rc = same_there(a, it, &same, e);
		if (rc != RC_OK)
			return rc;
		if (same) {
			rc = store_remove(a->store, &(const char *){it->staged}, 1, e);
		} else {
			note_other(a, it);
			archive_rename(a, it);
		}
		const struct store_move move = {it->staged, it->path};
		if (rc == RC_OK)
			rc = store_publish(a->store, &move, 1, &done, e);
		if (rc != RC_END)
			return rc;
	}
	return err_set(RC_AGAIN, e, "%s: another file has its name and its digest's beginning", it->path);
}

static enum rc publish_all(struct archive *a, struct item **item, size_t count, struct err *e)
{
	struct store_move *move = mem_zero(count, sizeof *move);
	enum rc rc = RC_OK;
	for (size_t i = 0; i < count; i++)
		move[i] = (struct store_move){item[i]->staged, item[i]->path};
	for (size_t at = 0; at < count && rc == RC_OK;) {
		size_t done = 0;
		rc = store_publish(a->store, move + at, count - at, &done, e);
		at += done;
		if (rc == RC_END && at < count) {
			rc = settle_name(a, item[at], e);
			at++;
		}
	}
	mem_free(&move);
	return rc;
}

/*
 * Claims come before originals: from then on no other instance takes them, whatever becomes of us. Items that another
 * one was faster with leave the list; *count is what stays.
 */
static enum rc take_claims(struct archive *a, struct item **item, size_t *count, struct err *e)
{
	enum rc rc = RC_OK;
	size_t kept = 0;
	for (size_t i = 0; i < *count; i++) {
		struct item *it = item[i];
		struct claim c;
		enum claim_owner owner = CLAIM_OURS;
		if (rc == RC_OK && it->claim != NULL)
			rc = claim_take(a->store, it->claim, a->params.settings->instance, it->pipeline->name,
			    it->sha256, &owner, &c, e);
		if (rc == RC_OK && owner == CLAIM_FOREIGN) {
			rc = store_remove(a->store, &(const char *){it->staged}, 1, e);
			if (rc == RC_OK) {
				archive_leave(it, &c);
				archive_release(a, it);
				mem_free(&it->staged);
				mem_free(&it->claim);
				item_drop_rows(it);
				continue;
			}
		}
		item[kept++] = it;
	}
	*count = kept;
	return rc;
}

/* What is left in staging goes now, or with the folder at the next start. */
static void group_failed(struct archive *a, struct item *it, enum rc rc)
{
	struct err ignored;
	const char *const path[] = {it->staged, it->claim};
	(void)!store_remove(a->store, path, it->claim != NULL ? 2 : 1, &ignored);
	item_drop_rows(it);
	archive_later(it, rc);
	archive_release(a, it);
}

enum rc archive_group(struct archive *a, struct item_list *items, struct err *e)
{
	struct item **item = mem_zero(items->count + 1, sizeof *item);
	struct store_file **file = mem_zero(2 * items->count + 1, sizeof *file);
	size_t count = 0, files = 0;
	for (struct item *it = items->first; it != NULL; it = it->next) {
		if (it->task != ITEM_TAKE || it->outcome != ITEM_TAKEN)
			continue;
		item[count++] = it;
		file[files++] = it->file;
		if (it->claim_file != NULL)
			file[files++] = it->claim_file;
		it->file = it->claim_file = NULL;
	}
	enum rc rc = count > 0 ? store_sync(a->store, file, files, e) : RC_OK;
	if (rc == RC_OK && count > 0)
		rc = FAULT(COLLECTOR_SYNCED, e);
	if (rc == RC_OK && count > 0)
		rc = take_claims(a, item, &count, e);
	if (rc == RC_OK && count > 0 && a->params.settings->claim_shared)
		rc = FAULT(COLLECTOR_CLAIMED, e);
	if (rc == RC_OK && count > 0)
		rc = publish_all(a, item, count, e);
	if (rc == RC_OK && count > 0)
		rc = FAULT(COLLECTOR_NAMED, e);
	for (size_t i = 0; i < count; i++) {
		if (rc != RC_OK)
			group_failed(a, item[i], rc);
		mem_free(&item[i]->staged);
		mem_free(&item[i]->claim);
	}
	mem_free(&item);
	mem_free(&file);
	return rc == RC_OK ? RC_OK : rc == RC_FAIL ? RC_FAIL : RC_AGAIN;
}

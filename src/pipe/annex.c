/* Read twice: which originals it has to do with is known by its digest, before it is copied for one of them. */
#include "pipe/annex.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/source.h"
#include "pipe/archive.h"
#include "pipe/original.h"

enum { BLOCK = 256 << 10 };

/* Every block of the source to the digest, and to a file of the store where there is one. */
static enum rc pass(struct annex *a, struct source *src, struct store *store, struct sha256 *sum, struct err *e)
{
	const uint8_t *block = NULL;
	size_t have = 0;
	enum rc rc;
	while ((rc = source_peek(src, BLOCK, &block, &have, e)) == RC_OK) {
		sha256_add(sum, block, have);
		if (a->file != NULL && (rc = store_write(store, a->file, block, have, e)) != RC_OK)
			return rc;
		source_take(src, have);
	}
	a->size = source_offset(src);
	return rc == RC_END ? RC_OK : err_wrap(RC_BAD, e, "%.300s", a->source);
}

static enum rc read_source(struct annex *a, struct store *store, uint8_t digest[SHA256_BYTES], struct err *e)
{
	struct stat st;
	/* O_NONBLOCK: opening a FIFO must not hold us up. */
	int fd = open(a->source, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return err_sys(RC_BAD, errno, e, "%.300s", a->source);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return err_set(RC_BAD, e, "%.300s: not a regular file", a->source);
	}
	struct source *src = source_fd(fd, true, a->source);
	struct sha256 *sum = sha256_new();
	enum rc rc = pass(a, src, store, sum, e);
	sha256_peek(sum, digest);
	sha256_free(&sum);
	source_close(&src);
	return rc;
}

enum rc annex_open(const char *source, struct annex *out, struct err *e)
{
	*out = (struct annex){.source = source, .name = file_name(source)};
	return read_source(out, NULL, out->sha256, e);
}

enum rc annex_stage(struct annex *a, struct store *store, const char *path, struct err *e)
{
	uint8_t digest[SHA256_BYTES];
	enum rc rc = store_create(store, path, &a->file, e);
	if (rc != RC_OK)
		return rc;
	a->path = mem_text(path);
	a->named = false;
	rc = read_source(a, store, digest, e);
	if (rc == RC_OK && memcmp(digest, a->sha256, SHA256_BYTES) != 0)
		rc = err_set(RC_BAD, e, "%.300s: changed while it was read", a->source);
	if (rc == RC_OK)
		rc = store_close_file(store, a->file, a->size, e);
	/* A provider may have sent its bytes only by then. */
	if (rc == RC_OK)
		rc = store_sync(store, &a->file, 1, e);
	if (rc != RC_OK)
		annex_drop(a, store);
	return rc;
}

/* Does that path hold these bytes? RC_BAD: others. */
static enum rc check_there(const struct annex *a, struct store *store, const char *path, struct err *e)
{
	struct event ev = {.kind = EVENT_FILE, .name = a->name, .path = path, .size = a->size, .parts = 1};
	struct original *there = NULL;
	memcpy(ev.original, a->sha256, SHA256_BYTES);
	enum rc rc = original_open(store, &ev, &there, e);
	if (rc == RC_OK)
		rc = original_check(there, e);
	original_close(&there);
	return rc == RC_END ? RC_AGAIN : rc;
}

enum rc annex_name(struct annex *a, struct store *store, const char *beside, struct err *e)
{
	char *path = archive_beside(store, beside, a->name, a->sha256);
	const struct store_move move = {a->path, path};
	size_t done = 0;
	enum rc rc = store_publish(store, &move, 1, &done, e);
	if (rc == RC_END && (rc = check_there(a, store, path, e)) == RC_OK &&
	    (rc = store_remove(store, (const char *const *)&a->path, 1, e)) == RC_OK)
		rc = store_publish(
		    store, &move, 1, &done, e); /* who named it may not have come to make the name durable */
	if (rc != RC_OK) {
		mem_free(&path);
		return err_wrap(rc, e, "%.300s", a->source);
	}
	mem_free(&a->path);
	a->path = path;
	a->named = true;
	return FAULT(COLLECTOR_NAMED, e);
}

void annex_drop(struct annex *a, struct store *store)
{
	struct err ignored;
	if (a->path != NULL && !a->named) {
		store_abandon(store, &a->file);
		(void)!store_remove(store, (const char *const *)&a->path, 1, &ignored);
	}
	mem_free(&a->path);
}

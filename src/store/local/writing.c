/*
 * writing: files on their way in. Small writes are collected; many closed files are made durable by one syncfs.
 */
#include "store/local/local.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/file.h"
#include "base/mem.h"
#include "store/local/dirs.h"

enum { CREATE_TRIES = 8 };

struct store_file {
	int fd; /* -1: closed early, so only syncfs can make it durable */
	char *path;
	uint8_t *buffer;
	size_t used;
	uint64_t size;
	bool closed;
	enum rc rc; /* the first failure: what follows it would leave a hole */
	struct err reason;
};

enum rc writing_create(struct store *s, const char *path, struct store_file **out, struct err *e)
{
	struct local *l = local_of(s);
	int fd = -1;
	for (int i = 0; i < CREATE_TRIES; i++) {
		fd = beneath_open(&l->at, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY, 0640);
		if (fd >= 0 || errno != ENOENT)
			break;
		const char *leaf;
		int dir = beneath_parent(&l->at, path, true, &leaf);
		if (dir < 0)
			break;
		close(dir);
		errno = ENOENT;
	}
	if (fd < 0 && errno == EEXIST)
		return err_set(RC_BAD, e, "%.300s: is there already", path);
	if (fd < 0)
		return beneath_error(errno, path, e, "cannot create");
	struct store_file *f = mem_zero(1, sizeof *f);
	f->fd = fd;
	f->path = mem_text(path);
	f->buffer = l->spare;
	l->spare = NULL;
	*out = f;
	return RC_OK;
}

static enum rc put(struct store_file *f, const void *bytes, size_t size)
{
	f->rc = file_write(f->fd, bytes, size, &f->reason);
	if (f->rc != RC_OK)
		(void)err_wrap(f->rc, &f->reason, "%.300s", f->path);
	return f->rc;
}

static enum rc empty_buffer(struct store_file *f)
{
	size_t used = f->used;
	f->used = 0;
	return used > 0 ? put(f, f->buffer, used) : RC_OK;
}

enum rc writing_write(struct store *s, struct store_file *f, const void *bytes, size_t size, struct err *e)
{
	if (f->rc == RC_OK && f->used + size > WRITE_BUFFER)
		(void)empty_buffer(f);
	if (f->rc == RC_OK && size >= WRITE_BUFFER) {
		(void)put(f, bytes, size);
	} else if (f->rc == RC_OK) {
		if (f->buffer == NULL)
			f->buffer = mem_alloc(WRITE_BUFFER);
		memcpy(f->buffer + f->used, bytes, size);
		f->used += size;
	}
	f->size += size;
	if (f->rc != RC_OK)
		*e = f->reason;
	return f->rc;
}

static void drop_buffer(struct local *l, struct store_file *f)
{
	if (l->spare == NULL)
		l->spare = f->buffer;
	else
		mem_release(f->buffer);
	f->buffer = NULL;
}

/* Look at the length where the bytes lie, not at what was counted. */
static enum rc check_length(struct store_file *f, uint64_t expected)
{
	struct stat st;
	if (f->size != expected)
		return err_set(RC_BAD, &f->reason, "%.300s: %llu bytes were written, %llu were expected", f->path,
		    (unsigned long long)f->size, (unsigned long long)expected);
	if (fstat(f->fd, &st) != 0)
		return err_sys(RC_FAIL, errno, &f->reason, "%.300s", f->path);
	if ((uint64_t)st.st_size != expected)
		return err_set(RC_AGAIN, &f->reason, "%.300s: has %lld bytes, %llu were written", f->path,
		    (long long)st.st_size, (unsigned long long)expected);
	return RC_OK;
}

enum rc writing_close(struct store *s, struct store_file *f, uint64_t expected, struct err *e)
{
	struct local *l = local_of(s);
	if (f->rc == RC_OK)
		(void)empty_buffer(f);
	drop_buffer(l, f);
	if (f->rc == RC_OK)
		f->rc = check_length(f, expected);
	/* Where syncfs will do, descriptors need not pile up. */
	if (f->rc == RC_OK && l->syncfs && l->kept == SYNC_EACH_MAX) {
		int fd = f->fd;
		f->fd = -1;
		if (close(fd) != 0 && errno != EINTR)
			f->rc = err_sys(RC_FAIL, errno, &f->reason, "%.300s: cannot close", f->path);
	} else if (!f->closed) {
		l->kept++;
	}
	f->closed = true;
	if (f->rc != RC_OK)
		*e = f->reason;
	return f->rc;
}

static void free_file(struct local *l, struct store_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	if (f->fd >= 0 && f->closed)
		l->kept--;
	drop_buffer(l, f);
	mem_free(&f->path);
	mem_release(f);
}

static void delete_file(struct local *l, const struct store_file *f)
{
	const char *leaf;
	int dir = beneath_parent(&l->at, f->path, false, &leaf);
	if (dir < 0)
		return;
	(void)unlinkat(dir, leaf, 0);
	close(dir);
}

void writing_abandon(struct store *s, struct store_file *f)
{
	delete_file(local_of(s), f);
	free_file(local_of(s), f);
}

/* All writes are started before the first is waited for. */
static enum rc sync_each(struct local *l, struct store_file **files, size_t count, struct err *e)
{
	struct dirs dirs;
	dirs_init(&dirs, l);
	enum rc rc = RC_OK;
	for (size_t i = 0; i < count; i++)
		if (files[i] != NULL)
			(void)sync_file_range(files[i]->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	for (size_t i = 0; i < count && rc == RC_OK; i++) {
		if (files[i] == NULL)
			continue;
		const char *leaf;
		rc = dirs_room(&dirs, e);
		struct dir *dir = rc == RC_OK ? dirs_of(&dirs, files[i]->path, false, &leaf) : NULL;
		if (rc == RC_OK && dir == NULL && errno == ENOENT)
			rc = err_set(RC_AGAIN, e, "%.300s: was taken away before it was durable", files[i]->path);
		else if (rc == RC_OK && dir == NULL)
			rc = beneath_error(errno, files[i]->path, e, "its directory cannot be opened");
		else if (rc == RC_OK && fdatasync(files[i]->fd) != 0)
			rc = err_sys(RC_FAIL, errno, e, "%.300s: cannot sync", files[i]->path);
		else if (rc == RC_OK)
			dir->changed = true;
	}
	if (rc == RC_OK)
		rc = FAULT(STORE_FILE_SYNCED, e);
	/* The manifest will name these files, so their names must last as well. */
	if (rc == RC_OK)
		rc = dirs_sync(&dirs, e);
	dirs_fini(&dirs);
	return rc;
}

enum rc writing_sync(struct store *s, struct store_file **files, size_t count, struct err *e)
{
	struct local *l = local_of(s);
	bool all = l->syncfs && count > SYNC_EACH_MAX;
	enum rc rc = RC_OK;
	for (size_t i = 0; i < count && rc == RC_OK; i++) {
		if (files[i] == NULL)
			continue;
		all = all || files[i]->fd < 0;
		if (files[i]->rc != RC_OK || !files[i]->closed) {
			rc = files[i]->rc != RC_OK ? files[i]->rc : RC_BAD;
			err_set(rc, e, "%.300s: %s", files[i]->path,
			    files[i]->closed ? "was not written whole" : "is not closed");
		}
	}
	if (rc == RC_OK)
		rc = all ? local_sync_all(l, e) : sync_each(l, files, count, e);
	/*
	 * After a failed sync the kernel has dropped the pages and the next sync says all is well: the files must not
	 * live to see it.
	 */
	for (size_t i = 0; i < count; i++) {
		if (files[i] == NULL)
			continue;
		if (rc != RC_OK)
			delete_file(l, files[i]);
		free_file(l, files[i]);
		files[i] = NULL;
	}
	return rc;
}

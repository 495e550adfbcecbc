/*
 * file: the few sequences of system calls whose order decides what is left after a crash.
 */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

enum rc file_write(int fd, const void *bytes, size_t size, struct err *e)
{
	const char *p = bytes;
	while (size > 0) {
		ssize_t n = write(fd, p, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(RC_FAIL, errno, e, "cannot write");
		p += n;
		size -= (size_t)n;
	}
	return RC_OK;
}

/* Fill buffer until it is full or the file ends. */
static enum rc read_all(int fd, char *buffer, size_t size, size_t *got, struct err *e)
{
	size_t n = 0;
	while (n < size) {
		ssize_t r = read(fd, buffer + n, size - n);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_sys(RC_FAIL, errno, e, "cannot read");
		if (r == 0)
			break;
		n += (size_t)r;
	}
	*got = n;
	return RC_OK;
}

enum rc file_load(const char *path, size_t ceiling, char **bytes, size_t *size, struct err *e)
{
	enum { FIRST_GUESS = 4096 };
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 && errno == ENOENT)
		return RC_END;
	if (fd < 0)
		return err_sys(RC_FAIL, errno, e, "%s", path);

	/* The size that stat tells is a guess: pipes and /proc have none, and a file may grow meanwhile. */
	struct stat st;
	size_t guess = fstat(fd, &st) == 0 && st.st_size > 0 ? (size_t)st.st_size : FIRST_GUESS;
	size_t capacity = (guess < ceiling ? guess : ceiling) + 2, len = 0;
	char *buffer = mem_alloc(capacity);
	enum rc rc;
	for (;;) {
		size_t got = 0, room = capacity - 1 - len;
		rc = read_all(fd, buffer + len, room, &got, e);
		len += got;
		if (rc != RC_OK) {
			err_wrap(rc, e, "%s", path);
			goto out;
		}
		if (len > ceiling) {
			rc = err_set(RC_BAD, e, "%s is longer than %zu bytes", path, ceiling);
			goto out;
		}
		if (got < room)
			break;
		capacity = (capacity < ceiling / 2 ? capacity * 2 : ceiling) + 2;
		buffer = mem_resize(buffer, capacity);
	}
	buffer[len] = '\0';
	*bytes = buffer;
	*size = len;
	buffer = NULL;
out:
	mem_free(&buffer);
	close(fd);
	return rc;
}

static char *parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (slash == NULL)
		return mem_text(".");
	return slash == path ? mem_text("/") : mem_text_n(path, (size_t)(slash - path));
}

enum rc file_sync_dir(const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(RC_FAIL, errno, e, "%s", path);
	enum rc rc = RC_OK;
	if (fsync(fd) != 0)
		rc = err_sys(RC_FAIL, errno, e, "cannot sync %s", path);
	close(fd);
	return rc;
}

/* Content and mode are durable before the name is: the rename must never expose an empty file after a crash. */
static enum rc write_synced(int fd, const void *bytes, size_t size, mode_t mode, struct err *e)
{
	enum rc rc = file_write(fd, bytes, size, e);
	if (rc == RC_OK && fchmod(fd, mode) != 0)
		rc = err_sys(RC_FAIL, errno, e, "cannot set the mode");
	if (rc == RC_OK && fsync(fd) != 0)
		rc = err_sys(RC_FAIL, errno, e, "cannot sync");
	return rc;
}

enum rc file_store(const char *path, const void *bytes, size_t size, mode_t mode, struct err *e)
{
	char *parent = parent_of(path), *temporary = mem_format("%s.XXXXXX", path);
	enum rc rc;
	int fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0) {
		rc = err_sys(RC_FAIL, errno, e, "cannot make %s", temporary);
		goto out;
	}
	rc = write_synced(fd, bytes, size, mode, e);
	/* close reports what some network file systems kept back */
	if (close(fd) != 0 && rc == RC_OK)
		rc = err_sys(RC_FAIL, errno, e, "cannot close");
	if (rc == RC_OK && rename(temporary, path) != 0)
		rc = err_sys(RC_FAIL, errno, e, "cannot rename");
	if (rc != RC_OK) {
		err_wrap(rc, e, "%s", path);
		unlink(temporary);
		goto out;
	}
	rc = file_sync_dir(parent, e);
out:
	mem_free(&temporary);
	mem_free(&parent);
	return rc;
}

/* What lies in a new directory is as durable as its name. Where we may write and not read, or where directories need no
 * sync, there is nothing to be done. */
static enum rc sync_parent(const char *path, struct err *e)
{
	char *parent = parent_of(path);
	enum rc rc = file_sync_dir(parent, e);
	mem_free(&parent);
	return rc != RC_OK && (e->sys == EACCES || e->sys == EINVAL) ? RC_OK : rc;
}

/* One directory; another process may make it first. */
static enum rc make_one(const char *path, struct err *e)
{
	struct stat st;
	if (mkdir(path, 0750) == 0)
		return sync_parent(path, e);
	int sys = errno;
	/* A read-only parent says EROFS or EACCES before it says that the directory is there. */
	if (stat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return RC_OK;
		sys = ENOTDIR;
	}
	return err_sys(RC_FAIL, sys, e, "cannot make the directory %s", path);
}

enum rc file_mkdirs(const char *path, struct err *e)
{
	char *part = mem_text(path);
	enum rc rc = RC_OK;
	for (char *p = part + 1; *part != '\0' && rc == RC_OK; p++) {
		if (*p != '/' && *p != '\0')
			continue;
		char kept = *p;
		*p = '\0';
		rc = make_one(part, e);
		*p = kept;
		if (kept == '\0')
			break;
	}
	mem_free(&part);
	return rc;
}

/* A crash between link and unlink leaves both names: the repeated call sees one file and finishes the move. */
static enum rc link_then_unlink(const char *from, const char *to, struct err *e)
{
	struct stat a, b;
	if (link(from, to) != 0) {
		if (errno != EEXIST)
			return err_sys(RC_FAIL, errno, e, "cannot link %s to %s", from, to);
		if (lstat(from, &a) != 0 || lstat(to, &b) != 0 || a.st_ino != b.st_ino || a.st_dev != b.st_dev)
			return RC_END;
	}
	if (unlink(from) != 0 && errno != ENOENT)
		return err_sys(RC_FAIL, errno, e, "cannot remove %s", from);
	return RC_OK;
}

enum rc file_rename_new(const char *from, const char *to, struct err *e)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return RC_OK;
	if (errno == EEXIST)
		return RC_END;
	if (errno == EINVAL || errno == ENOSYS)
		return link_then_unlink(from, to, e);
	return err_sys(RC_FAIL, errno, e, "cannot rename %s to %s", from, to);
}

static enum rc remove_at(int parent, const char *name, struct err *e);

/* Takes fd. */
static enum rc remove_children(int fd, struct err *e)
{
	DIR *dir = fdopendir(fd);
	if (dir == NULL) {
		int sys = errno;
		close(fd);
		return err_sys(RC_FAIL, sys, e, "cannot list");
	}
	enum rc rc = RC_OK;
	struct dirent *entry;
	while (rc == RC_OK && (errno = 0, entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			rc = remove_at(dirfd(dir), entry->d_name, e);
	if (rc == RC_OK && errno != 0)
		rc = err_sys(RC_FAIL, errno, e, "cannot list");
	closedir(dir);
	return rc;
}

/* By descriptor, so that a directory swapped for a link while we work leads nowhere else. */
static enum rc remove_at(int parent, const char *name, struct err *e)
{
	if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
		return RC_OK;
	if (errno != EISDIR && errno != EPERM)
		return err_sys(RC_FAIL, errno, e, "cannot remove %s", name);
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? RC_OK : err_sys(RC_FAIL, errno, e, "cannot remove %s", name);
	enum rc rc = remove_children(fd, e);
	if (rc == RC_OK && unlinkat(parent, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
		rc = err_sys(RC_FAIL, errno, e, "cannot remove %s", name);
	return rc;
}

enum rc file_remove_tree(const char *path, struct err *e)
{
	return remove_at(AT_FDCWD, path, e);
}

char *file_join(const char *a, const char *b)
{
	size_t len = strlen(a);
	while (len > 0 && a[len - 1] == '/')
		len--;
	while (*b == '/')
		b++;
	/* An empty a stays relative, "/" stays the root. */
	return *a == '\0' ? mem_text(b) : mem_format("%.*s/%s", (int)len, a, b);
}

const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash == NULL ? path : slash + 1;
}

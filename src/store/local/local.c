/*
 * local: a directory on this machine as the lake (doc/store.md).
 */
#include "store/local/local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "store/local/names.h"

enum rc local_sync_all(struct local *l, struct err *e)
{
	if (syncfs(l->at.root) == 0)
		return RC_OK;
	return err_sys(RC_FAIL, errno, e, "%.300s: cannot sync the file system", l->path);
}

/* Before Linux 5.8 syncfs forgets to say that a write failed. */
static bool syncfs_reports(void)
{
	struct utsname name;
	int major = 0, minor = 0;
	if (uname(&name) != 0 || sscanf(name.release, "%d.%d", &major, &minor) != 2)
		return false;
	return major > 5 || (major == 5 && minor >= 8);
}

static enum rc open_root(
    const char *place, const struct store_option *option, size_t options, struct store **out, struct err *e)
{
	if (*place == '\0')
		return err_set(RC_BAD, e, "the lake needs a folder: file:///folder");
	if (options > 0)
		return err_set(RC_BAD, e, "a lake in a folder has no option \"%.100s\"; it has none", option[0].key);
	enum rc rc = file_mkdirs(place, e);
	if (rc != RC_OK)
		return rc;
	int root = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(RC_FAIL, errno, e, "%.300s", place);
	char *path = realpath(place, NULL);
	if (path == NULL) {
		rc = err_sys(RC_FAIL, errno, e, "%.300s", place);
		close(root);
		return rc;
	}
	struct local *l = mem_zero(1, sizeof *l);
	l->store.ops = &store_local;
	beneath_init(&l->at, root);
	l->path = path;
	l->guard = -1;
	l->syncfs = syncfs_reports();
	placing_sweep(l);
	*out = &l->store;
	return RC_OK;
}

bool local_guard(struct local *l, int how, int64_t wait_ms)
{
	const char *leaf;
	struct mono since = clock_mono();
	if (l->guard < 0)
		l->guard = beneath_parent(&l->at, "_sluice/x", true, &leaf);
	if (l->guard < 0)
		return false;
	while (flock(l->guard, how | LOCK_NB) != 0) {
		if (mono_since(since) > wait_ms)
			return false;
		clock_sleep_ms(1);
	}
	return true;
}

void local_unguard(struct local *l)
{
	(void)flock(l->guard, LOCK_UN);
}

static void close_root(struct store *s)
{
	struct local *l = local_of(s);
	if (l->guard >= 0)
		close(l->guard);
	close(l->at.root);
	free(l->path); /* from realpath */
	mem_free(&l->spare);
	mem_release(l);
}

/* RC_END: absent. What is neither file nor directory (a FIFO would block for ever) is refused. */
static enum rc open_file(struct local *l, const char *path, int *out, struct err *e)
{
	int fd = beneath_open(&l->at, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return RC_END;
	if (fd < 0)
		return beneath_error(errno, path, e, "cannot open");
	struct stat st;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		*out = fd;
		return RC_OK;
	}
	close(fd);
	return err_set(RC_BAD, e, "%.300s: is not a file", path);
}

static enum rc get_range(
    struct store *s, const char *path, uint64_t offset, void *to, size_t size, size_t *got, struct err *e)
{
	int fd;
	enum rc rc = open_file(local_of(s), path, &fd, e);
	if (rc != RC_OK)
		return rc;
	size_t n = 0;
	while (n < size) {
		ssize_t r = pread(fd, (char *)to + n, size - n, (off_t)(offset + n));
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			rc = err_sys(errno == EINVAL ? RC_BAD : RC_FAIL, errno, e, "%.300s: cannot read", path);
		if (r <= 0)
			break;
		n += (size_t)r;
	}
	close(fd);
	if (rc == RC_OK)
		*got = n;
	return rc;
}

static enum rc read_file(struct store *s, const char *path, struct source **out, struct err *e)
{
	int fd;
	enum rc rc = open_file(local_of(s), path, &fd, e);
	if (rc != RC_OK)
		return rc;
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	*out = source_fd(fd, true, path);
	return RC_OK;
}

/* Whether the path still leads to the folder that was listed. What can't be told counts as yes. */
static bool is_still(const struct beneath *at, const char *path, const struct stat *listed)
{
	struct stat now;
	int fd = beneath_open(at, path, O_PATH | O_DIRECTORY, 0);
	bool other = fd >= 0 && fstat(fd, &now) == 0 && (now.st_ino != listed->st_ino || now.st_dev != listed->st_dev);
	if (fd >= 0)
		close(fd);
	return !other;
}

/* A folder that was exchanged for another while it was read may have lost names that the other holds: once more. */
static enum rc list(
    struct store *s, const char *prefix, const char *after, size_t max, char ***names, size_t *count, struct err *e)
{
	const struct beneath *at = &local_of(s)->at;
	for (;;) {
		struct stat listed;
		int fd = beneath_open(at, prefix, O_RDONLY | O_DIRECTORY, 0);
		if (fd < 0 && errno == ENOENT) {
			*names = NULL;
			*count = 0;
			return RC_OK;
		}
		if (fd < 0)
			return beneath_error(errno, prefix, e, "cannot list");
		bool known = fstat(fd, &listed) == 0;
		enum rc rc = names_read(fd, after, max, names, count, e);
		if (rc != RC_OK)
			return err_wrap(rc, e, "%.300s", prefix);
		if (!known || is_still(at, prefix, &listed))
			return RC_OK;
		store_list_free(names, *count);
	}
}

static enum rc remove_one(struct local *l, const char *path, struct err *e)
{
	const char *leaf;
	int dir = beneath_parent(&l->at, path, false, &leaf);
	if (dir < 0)
		return errno == ENOENT || errno == ENOTDIR ? RC_OK : beneath_error(errno, path, e, "cannot remove");
	int sys = unlinkat(dir, leaf, 0) == 0 ? 0 : errno;
	if (sys == EISDIR || sys == EPERM)
		sys = unlinkat(dir, leaf, AT_REMOVEDIR) == 0 ? 0 : errno == ENOTDIR ? EPERM : errno;
	close(dir);
	if (sys == 0 || sys == ENOENT || sys == ENOTEMPTY || sys == EEXIST)
		return RC_OK;
	return beneath_error(sys, path, e, "cannot remove");
}

static enum rc remove_paths(struct store *s, const char *const *path, size_t paths, struct err *e)
{
	for (size_t i = 0; i < paths; i++) {
		enum rc rc = remove_one(local_of(s), path[i], e);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

static enum rc stat_path(struct store *s, const char *path, struct store_stat *out, struct err *e)
{
	int fd = beneath_open(&local_of(s)->at, path, O_PATH, 0);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return RC_END;
	if (fd < 0)
		return beneath_error(errno, path, e, "cannot look");
	struct stat st;
	int sys = fstat(fd, &st) == 0 ? 0 : errno;
	close(fd);
	if (sys != 0)
		return beneath_error(sys, path, e, "cannot look");
	*out = (struct store_stat){.size = (uint64_t)st.st_size,
	    .modified_ns = (int64_t)st.st_mtim.tv_sec * NS_PER_S + st.st_mtim.tv_nsec,
	    .directory = S_ISDIR(st.st_mode)};
	return RC_OK;
}

static char *local_path(struct store *s, const char *path)
{
	return file_join(local_of(s)->path, path);
}

const struct store_ops store_local = {
    .scheme = "file",
    .open = open_root,
    .create = writing_create,
    .write = writing_write,
    .close_file = writing_close,
    .sync = writing_sync,
    .abandon = writing_abandon,
    .publish = placing_publish,
    .replace = exchange_replace,
    .put_if_absent = placing_put_if_absent,
    .settle = placing_settle,
    .get_range = get_range,
    .read = read_file,
    .list = list,
    .remove = remove_paths,
    .stat = stat_path,
    .local_path = local_path,
    .close = close_root,
};

/*
 * beneath: the one place that resolves paths of the lake, so that there is one place to trust.
 */
#include "store/local/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"

enum { TRIES = 16, DIRECTORY = O_RDONLY | O_DIRECTORY };

static int openat2_beneath(int root, const char *path, int flags, mode_t mode)
{
	struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC),
	    .mode = (flags & O_CREAT) != 0 ? mode : 0,
	    .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
	return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

void beneath_init(struct beneath *b, int root)
{
	/* An old kernel says ENOSYS, a sandbox may say EPERM: whatever it says, walk. */
	int fd = openat2_beneath(root, ".", DIRECTORY, 0);
	*b = (struct beneath){.root = root, .walk = fd < 0};
	if (fd >= 0)
		close(fd);
}

/* Part by part, following nothing. */
static int walk(int root, const char *path, int flags, mode_t mode)
{
	int at = root;
	for (;;) {
		char part[256];
		size_t n = strcspn(path, "/");
		if (n >= sizeof part) {
			errno = ENAMETOOLONG;
			n = 0;
		}
		memcpy(part, path, n);
		part[n] = '\0';
		bool last = path[n] == '\0';
		int next = n == 0
		               ? -1
		               : openat(at, part, (last ? flags : O_PATH | O_DIRECTORY) | O_NOFOLLOW | O_CLOEXEC, mode);
		int sys = errno;
		if (at != root)
			close(at);
		errno = sys;
		if (next < 0 || last)
			return next;
		at = next;
		path += n + 1;
	}
}

int beneath_open(const struct beneath *b, const char *path, int flags, mode_t mode)
{
	if (*path == '\0')
		path = ".";
	if (b->walk)
		return walk(b->root, path, flags, mode);
	for (int i = 0;; i++) {
		int fd = openat2_beneath(b->root, path, flags, mode);
		/* EAGAIN: something was renamed while the kernel looked, so it can't promise. */
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR) || i == TRIES)
			return fd;
	}
}

static int make_directory(const struct beneath *b, char *path);

/* Make the last part of path, and sync what holds it: a name is only worth something if its directory lasts too. */
static int make_last(const struct beneath *b, char *path)
{
	char *slash = strrchr(path, '/');
	int parent;
	if (slash != NULL) {
		*slash = '\0';
		parent = make_directory(b, path);
		*slash = '/';
	} else {
		parent = beneath_open(b, "", DIRECTORY, 0);
	}
	if (parent < 0)
		return -1;
	int rc = mkdirat(parent, slash != NULL ? slash + 1 : path, 0750);
	if (rc == 0)
		rc = fsync(parent) == 0 || errno == EINVAL ? 0 : -1;
	else if (errno == EEXIST)
		rc = 0;
	int sys = errno;
	close(parent);
	errno = sys;
	return rc;
}

/* Open the directory, made with its parents if need be. path is put back as it was. */
static int make_directory(const struct beneath *b, char *path)
{
	/* Again when somebody removes an empty parent meanwhile. */
	for (int i = 0;; i++) {
		int fd = beneath_open(b, path, DIRECTORY, 0);
		if (fd >= 0 || errno != ENOENT || i == TRIES)
			return fd;
		if (make_last(b, path) != 0 && errno != ENOENT)
			return -1;
	}
}

int beneath_parent(const struct beneath *b, const char *path, bool make, const char **leaf)
{
	const char *slash = strrchr(path, '/');
	*leaf = slash != NULL ? slash + 1 : path;
	if (slash == NULL)
		return beneath_open(b, "", DIRECTORY, 0);
	char *parent = mem_text_n(path, (size_t)(slash - path));
	int fd = make ? make_directory(b, parent) : beneath_open(b, parent, DIRECTORY, 0);
	int sys = errno;
	mem_free(&parent);
	errno = sys;
	return fd;
}

enum rc beneath_sync(int fd, const char *path, struct err *e)
{
	/* EINVAL: a file system whose directories need no sync. */
	return fsync(fd) == 0 || errno == EINVAL
	           ? RC_OK
	           : err_sys(RC_FAIL, errno, e, "%.300s: cannot sync the directory", path);
}

enum rc beneath_error(int sys, const char *path, struct err *e, const char *doing)
{
	switch (sys) {
	case EXDEV:
	case ELOOP:
		return err_set(RC_BAD, e, "%.300s: %s: a symbolic link leads out of the lake", path, doing);
	case ENOTDIR:
	case EISDIR:
	case ENAMETOOLONG:
	case ENXIO:
		return err_sys(RC_BAD, sys, e, "%.300s: %s", path, doing);
	default:
		return err_sys(RC_FAIL, sys, e, "%.300s: %s", path, doing);
	}
}

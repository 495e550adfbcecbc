/*
 * placing: gives finished files their names: renames that never replace, made durable once per directory.
 */
#include "store/local/local.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/mem.h"
#include "store/local/dirs.h"

#define TEMP_DIR "_sluice/tmp"

enum { PLACE_TRIES = 8, STALE_S = 24 * 3600, SWEEP_MAX = 10000, GUARD_MS = 1000 };

static bool stat_in(const struct dir *dir, const char *leaf, struct stat *out)
{
	return dir != NULL && fstatat(dir->fd, leaf, out, AT_SYMLINK_NOFOLLOW) == 0;
}

/* 0 or errno; EEXIST when the target is there. */
static int rename_new(int from_dir, const char *from, int to_dir, const char *to)
{
	if (renameat2(from_dir, from, to_dir, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return errno;
	/* link never replaces either; what is left when we die in between are two names of one file, which a second try
	 * recognises. */
	if (linkat(from_dir, from, to_dir, to, 0) != 0)
		return errno;
	return unlinkat(from_dir, from, 0) == 0 ? 0 : errno;
}

/* Both names are there, or the source is not: what does that mean? */
static enum rc judge(struct dir *from, const char *from_leaf, struct dir *to, const char *to_leaf,
    const struct store_move *move, struct err *e)
{
	struct stat source, target;
	bool has_source = stat_in(from, from_leaf, &source), has_target = stat_in(to, to_leaf, &target);
	if (has_target && !has_source)
		return RC_OK; /* done before, by us or by the one we took over from */
	if (!has_target && !has_source)
		return err_set(RC_BAD, e, "%.200s: is gone, and %.200s is not there", move->from, move->to);
	if (!has_target)
		return RC_AGAIN; /* it went meanwhile: try again */
	if (source.st_dev == target.st_dev && source.st_ino == target.st_ino && !S_ISDIR(source.st_mode)) {
		if (unlinkat(from->fd, from_leaf, 0) != 0 && errno != ENOENT)
			return err_sys(RC_FAIL, errno, e, "%.300s: cannot remove the second name", move->from);
		from->changed = true;
		return RC_OK;
	}
	err_set(RC_END, e, "%.400s", move->to);
	return RC_END;
}

static enum rc move_one(struct dirs *d, const struct store_move *move, struct err *e)
{
	const char *from_leaf, *to_leaf;
	for (int i = 0; i < PLACE_TRIES; i++) {
		enum rc rc = dirs_room(d, e);
		if (rc != RC_OK)
			return rc;
		struct dir *from = dirs_of(d, move->from, false, &from_leaf);
		if (from == NULL && errno != ENOENT)
			return beneath_error(errno, move->from, e, "cannot open its directory");
		/* Without a source directory there is nothing to move, so none is made for it either. */
		struct dir *to = dirs_of(d, move->to, from != NULL, &to_leaf);
		if (to == NULL && errno != ENOENT)
			return beneath_error(errno, move->to, e, "cannot open its directory");
		int sys = from == NULL || to == NULL ? ENOENT : rename_new(from->fd, from_leaf, to->fd, to_leaf);
		if (sys == 0) {
			to->changed = true;
			return FAULT(STORE_RENAMED, e);
		}
		if (sys == EXDEV)
			return err_set(
			    RC_FAIL, e, "%.200s and %.200s are not on one file system", move->from, move->to);
		if (sys != ENOENT && sys != EEXIST)
			return beneath_error(sys, move->to, e, "cannot rename to it");
		rc = judge(from, from_leaf, to, to_leaf, move, e);
		if (rc == RC_OK && to != NULL)
			to->changed = true; /* whoever renamed it may have died before the sync */
		if (rc != RC_AGAIN)
			return rc;
		/* A directory that was open here may have been removed and made anew. */
		rc = dirs_sync(d, e);
		dirs_fini(d);
		if (rc != RC_OK)
			return rc;
	}
	return err_set(RC_AGAIN, e, "%.300s: its directory comes and goes", move->to);
}

enum rc placing_publish(struct store *s, const struct store_move *move, size_t moves, size_t *done, struct err *e)
{
	struct dirs *d = mem_alloc(sizeof *d);
	dirs_init(d, local_of(s));
	enum rc rc = RC_OK;
	size_t i = 0;
	/* An exchange that stands still must not stop everybody: beyond the wait it is done without. */
	bool guarded = local_guard(local_of(s), LOCK_SH, GUARD_MS);
	while (i < moves && (rc = move_one(d, &move[i], e)) == RC_OK)
		i++;
	if (guarded)
		local_unguard(local_of(s));
	/* Also after a failure: what is said to be done must last. */
	struct err sync_reason;
	enum rc synced = dirs_sync(d, &sync_reason);
	if (synced != RC_OK) {
		i = 0;
		rc = synced;
		*e = sync_reason;
	}
	dirs_fini(d);
	mem_free(&d);
	*done = i;
	return rc;
}

static enum rc write_temp(struct local *l, int dir, const char *name, const void *bytes, size_t size, struct err *e)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (fd < 0)
		return err_sys(RC_FAIL, errno, e, "%s/%s: cannot create", TEMP_DIR, name);
	enum rc rc = file_write(fd, bytes, size, e);
	if (rc == RC_OK && fsync(fd) != 0)
		rc = err_sys(RC_FAIL, errno, e, "cannot sync");
	if (close(fd) != 0 && rc == RC_OK && errno != EINTR)
		rc = err_sys(RC_FAIL, errno, e, "cannot close");
	if (rc != RC_OK)
		(void)unlinkat(dir, name, 0);
	return rc;
}

/* The whole file lies under a name of its own; give it the one that was asked for, if that is free. *placed: done. */
static enum rc place_temp(
    struct dirs *d, struct dir *from, const char *temp_leaf, const char *path, bool *placed, struct err *e)
{
	const char *leaf;
	struct dir *to = dirs_of(d, path, true, &leaf);
	if (to == NULL)
		return beneath_error(errno, path, e, "cannot open its directory");
	int sys = rename_new(from->fd, temp_leaf, to->fd, leaf);
	*placed = sys == 0;
	if (sys == ENOENT)
		return err_sys(RC_AGAIN, sys, e, "%.300s: its directory went away", path);
	if (sys != 0 && sys != EEXIST)
		return beneath_error(sys, path, e, "cannot rename to it");
	/* Also when it is taken: whoever took it may have died before the sync, and the caller builds on it. */
	to->changed = true;
	enum rc rc = FAULT(STORE_TEMP_PLACED, e);
	if (rc == RC_OK)
		rc = dirs_sync(d, e);
	return rc != RC_OK || *placed ? rc : RC_END;
}

enum rc placing_put_if_absent(struct store *s, const char *path, const void *bytes, size_t size, struct err *e)
{
	struct local *l = local_of(s);
	char *temp = mem_format(TEMP_DIR "/%lld.%lld.%llu", (long long)getpid(), (long long)clock_wall().ns,
	    (unsigned long long)l->temps++);
	struct dirs *d = mem_alloc(sizeof *d);
	dirs_init(d, l);
	const char *leaf;
	struct dir *dir = dirs_of(d, temp, true, &leaf);
	bool placed = false;
	enum rc rc;
	if (dir == NULL) {
		rc = beneath_error(errno, temp, e, "cannot open its directory");
	} else {
		rc = write_temp(l, dir->fd, leaf, bytes, size, e);
		rc = rc == RC_OK ? FAULT(STORE_TEMP_SYNCED, e) : err_wrap(rc, e, "%.300s", path);
		if (rc == RC_OK) {
			rc = place_temp(d, dir, leaf, path, &placed, e);
			if (!placed)
				(void)unlinkat(dir->fd, leaf, 0);
		}
	}
	dirs_fini(d);
	mem_free(&d);
	mem_free(&temp);
	return rc;
}

enum rc placing_settle(struct store *s, const char *folder, struct err *e)
{
	int fd = beneath_open(&local_of(s)->at, folder, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return errno == ENOENT ? RC_OK : beneath_error(errno, folder, e, "cannot open");
	enum rc rc = beneath_sync(fd, folder, e);
	close(fd);
	return rc;
}

void placing_sweep(struct local *l)
{
	int fd = beneath_open(&l->at, TEMP_DIR, O_RDONLY | O_DIRECTORY, 0);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	if (d == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	int64_t now_s = clock_wall().ns / NS_PER_S;
	struct dirent *entry;
	for (int i = 0; i < SWEEP_MAX && (entry = readdir(d)) != NULL; i++) {
		struct stat st;
		if (fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
		    now_s - st.st_mtime > STALE_S)
			(void)unlinkat(dirfd(d), entry->d_name, 0);
	}
	closedir(d);
}

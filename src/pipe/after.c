/* The last step of the collector, and the only one that touches what is not ours: so it looks twice. */
#include "pipe/after.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

enum { NAMES_TRIED = 1000, BLOCK = 256 << 10 };

static bool still_there(const char *source, const struct looks *was)
{
	struct stat st;
	struct looks now;
	if (lstat(source, &st) != 0 || !S_ISREG(st.st_mode))
		return false;
	looks_of(&st, &now);
	return now.dev == was->dev && now.ino == was->ino && now.size == was->size && now.mtime_ns == was->mtime_ns;
}

static enum rc copy(int from, int to, struct err *e)
{
	char *block = mem_alloc(BLOCK);
	enum rc rc = RC_OK;
	ssize_t n = 0;
	while (rc == RC_OK && (n = read(from, block, BLOCK)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		rc = n < 0 ? err_sys(RC_FAIL, errno, e, "read") : file_write(to, block, (size_t)n, e);
	}
	mem_free(&block);
	if (rc == RC_OK && fsync(to) != 0)
		rc = err_sys(RC_FAIL, errno, e, "fsync");
	return rc;
}

/* Another file system: a copy under a name that no pattern takes, then its name, then the source goes. */
static enum rc move_far(const char *source, const char *target, const char *dir, struct err *e)
{
	char *early = mem_format("%s/.moving-%ld", dir, (long)getpid());
	int from = open(source, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	int to = open(early, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0640);
	enum rc rc =
	    from < 0 || to < 0 ? err_sys(RC_FAIL, errno, e, "%s", from < 0 ? source : early) : copy(from, to, e);
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	if (rc == RC_OK)
		rc = file_rename_new(early, target, e);
	if (rc == RC_OK)
		rc = file_sync_dir(dir, e);
	if (rc == RC_OK && unlink(source) != 0 && errno != ENOENT)
		rc = err_sys(RC_FAIL, errno, e, "%s", source);
	if (to >= 0 && rc != RC_OK)
		unlink(early);
	mem_free(&early);
	return rc;
}

static enum rc move(const struct pipeline *p, const char *source, struct err *e)
{
	enum rc rc = file_mkdirs(p->after_dir, e);
	for (unsigned n = 0; n < NAMES_TRIED && rc == RC_OK; n++) {
		char *target = n == 0 ? mem_format("%s/%s", p->after_dir, file_name(source))
		                      : mem_format("%s/%s.%u", p->after_dir, file_name(source), n);
		rc = file_rename_new(source, target, e);
		if (rc != RC_OK && rc != RC_END && e->sys == EXDEV)
			rc = move_far(source, target, p->after_dir, e);
		mem_free(&target);
		if (rc != RC_END)
			return rc;
		rc = RC_OK;
	}
	return rc == RC_OK ? err_set(RC_FAIL, e, "%s: too many files of that name", p->after_dir) : rc;
}

enum rc after_apply(const struct pipeline *p, const char *source, const struct looks *was, struct err *e)
{
	if (p->after == AFTER_KEEP || !still_there(source, was))
		return RC_END;
	if (p->after == AFTER_MOVE)
		return move(p, source, e);
	if (unlink(source) != 0)
		return errno == ENOENT ? RC_END : err_sys(RC_FAIL, errno, e, "%s", source);
	return RC_OK;
}

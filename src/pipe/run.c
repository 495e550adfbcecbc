/* A lock of flock(2) goes with its process, however that ends: no time-outs, no process numbers that come again. */
#include "pipe/run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "pipe/settings.h"

enum { ID_TEXT = 17, LIST_AT_ONCE = 1000, LATE_S = 600 };

static void staging_of(uint64_t id, char *out, size_t size)
{
	char attempt[40];
	snprintf(attempt, sizeof attempt, "collect-%016" PRIx64, id);
	lake_staging(out, size, attempt);
}

static char *file_of(const struct run *r, uint64_t id)
{
	return mem_format("%s/%016" PRIx64, r->folder, id);
}

enum rc run_open(const char *state, struct run *out, struct err *e)
{
	struct run r = {.fd = -1, .folder = file_join(state, "runs")};
	enum rc rc = file_mkdirs(r.folder, e);
	while (rc == RC_OK && r.id == 0)
		if (getrandom(&r.id, sizeof r.id, 0) != (ssize_t)sizeof r.id)
			r.id = 0;
	/* Locked before it has its name: nobody can take it for dead in between. */
	char *path = file_of(&r, r.id), *early = mem_format("%s/.%016" PRIx64, r.folder, r.id);
	if (rc == RC_OK) {
		r.fd = open(early, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
		if (r.fd < 0 || flock(r.fd, LOCK_EX | LOCK_NB) != 0 || rename(early, path) != 0)
			rc = err_sys(RC_FAIL, errno, e, "%s", path);
	}
	mem_free(&path);
	mem_free(&early);
	if (rc != RC_OK) {
		if (r.fd >= 0)
			close(r.fd);
		mem_free(&r.folder);
		return rc;
	}
	staging_of(r.id, r.staging, sizeof r.staging);
	*out = r;
	return RC_OK;
}

static enum rc clean_one(struct store *s, const char *staging, struct err *e)
{
	char **name = NULL;
	size_t count = 0;
	enum rc rc;
	do {
		rc = store_list(s, staging, NULL, LIST_AT_ONCE, &name, &count, e);
		if (rc != RC_OK)
			return rc;
		char **path = mem_zero(count + 1, sizeof *path);
		for (size_t i = 0; i < count; i++)
			path[i] = mem_format("%s/%s", staging, name[i]);
		if (count > 0)
			rc = store_remove(s, (const char *const *)path, count, e);
		for (size_t i = 0; i < count; i++)
			mem_free(&path[i]);
		mem_free(&path);
		store_list_free(&name, count);
	} while (rc == RC_OK && count == LIST_AT_ONCE);
	return rc == RC_OK ? store_remove(s, &staging, 1, e) : rc;
}

void run_close(struct run *r, struct store *s)
{
	struct err ignored;
	if (r->folder == NULL)
		return;
	char *path = file_of(r, r->id);
	/* Uploads that failed may have arrived since. What can't go now is for the next run, which finds it by that
	 * name. */
	if (s == NULL || clean_one(s, r->staging, &ignored) == RC_OK)
		unlink(path);
	mem_free(&path);
	close(r->fd);
	mem_free(&r->folder);
}

bool run_alive(const struct run *r, uint64_t id)
{
	if (id == r->id)
		return true;
	char *path = file_of(r, id);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	bool alive = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0;
	if (fd >= 0)
		close(fd);
	mem_free(&path);
	return alive;
}

/* A dead run's file holds a byte once its staging was swept, and was last changed then. */
static bool swept_once(const char *path, int64_t *ago_s)
{
	struct stat st;
	if (stat(path, &st) != 0 || st.st_size == 0)
		return false;
	*ago_s = time(NULL) - st.st_mtime;
	return true;
}

static enum rc note_swept(const char *path, struct err *e)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	enum rc rc = RC_OK;
	if (fd < 0 && errno == ENOENT)
		return RC_OK; /* another process was faster */
	if (fd < 0 || pwrite(fd, "s", 1, 0) != 1)
		rc = err_sys(RC_AGAIN, errno, e, "%s", path);
	if (fd >= 0)
		close(fd);
	return rc;
}

/* An age below zero: the clock was set back, and says nothing. */
static enum rc clean_dead(const struct run *r, uint64_t id, struct store *s, bool again, struct err *e)
{
	char staging[64], *path = file_of(r, id);
	int64_t ago_s = 0;
	bool swept = swept_once(path, &ago_s);
	enum rc rc = RC_OK;
	if (!swept || again) {
		staging_of(id, staging, sizeof staging);
		rc = clean_one(s, staging, e);
		if (rc == RC_OK && !swept)
			rc = note_swept(path, e);
		else if (rc == RC_OK && (ago_s > LATE_S || ago_s < 0))
			unlink(path);
	}
	mem_free(&path);
	return rc;
}

enum rc run_clean(const struct run *r, struct store *s, bool again, struct err *e)
{
	DIR *dir = opendir(r->folder);
	const struct dirent *entry;
	enum rc rc = RC_OK;
	if (dir == NULL)
		return err_sys(RC_FAIL, errno, e, "%s", r->folder);
	while (rc == RC_OK && (entry = readdir(dir)) != NULL) {
		char *end = NULL;
		uint64_t id = strtoull(entry->d_name, &end, 16);
		if (strlen(entry->d_name) == ID_TEXT - 1 && *end == '\0' && !run_alive(r, id))
			rc = clean_dead(r, id, s, again, e);
	}
	closedir(dir);
	return rc;
}

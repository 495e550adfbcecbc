/*
 * dirs: not kept from call to call: a directory may be removed or moved by others, and opening one costs microseconds.
 */
#include "store/local/dirs.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

void dirs_init(struct dirs *d, struct local *l)
{
	d->local = l;
	d->count = d->last = 0;
}

enum rc dirs_room(struct dirs *d, struct err *e)
{
	if (d->count + 2 <= DIRS)
		return RC_OK;
	enum rc rc = dirs_sync(d, e);
	dirs_fini(d);
	return rc;
}

static bool is(const struct dir *dir, const char *path, size_t len)
{
	return dir->len == len && memcmp(dir->path, path, len) == 0;
}

struct dir *dirs_of(struct dirs *d, const char *path, bool make, const char **leaf)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash != NULL ? (size_t)(slash - path) : 0;
	*leaf = slash != NULL ? slash + 1 : path;
	for (unsigned i = 0; i < d->count; i++) {
		struct dir *found = &d->dir[(d->last + i) % d->count];
		if (is(found, path, len)) {
			d->last = (unsigned)(found - d->dir);
			return found;
		}
	}
	int fd = beneath_parent(&d->local->at, path, make, leaf);
	if (fd < 0)
		return NULL;
	assert(d->count < DIRS);
	unsigned at = d->count++;
	d->dir[at] = (struct dir){.path = mem_text_n(path, len), .len = len, .fd = fd};
	d->last = at;
	return &d->dir[at];
}

enum rc dirs_sync(struct dirs *d, struct err *e)
{
	unsigned changed = 0;
	for (unsigned i = 0; i < d->count; i++)
		changed += d->dir[i].changed;
	enum rc rc = RC_OK;
	bool all = changed > SYNC_EACH_MAX && d->local->syncfs;
	if (all)
		rc = local_sync_all(d->local, e);
	for (unsigned i = 0; i < d->count && rc == RC_OK; i++) {
		struct dir *dir = &d->dir[i];
		if (dir->changed && !all)
			rc = beneath_sync(dir->fd, dir->path, e);
		dir->changed &= rc != RC_OK;
	}
	return rc;
}

void dirs_fini(struct dirs *d)
{
	for (unsigned i = 0; i < d->count; i++) {
		close(d->dir[i].fd);
		mem_free(&d->dir[i].path);
	}
	d->count = d->last = 0;
}

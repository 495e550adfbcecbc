/*
 * inotify names a folder by a number, so a folder that is renamed would go on under its old path: everything below it
 * is forgotten then, and found again where it went. Whatever inotify can't see (network file systems, a full queue) the
 * collector's rescans find.
 */
#include "pipe/watch.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

enum {
	BUFFER = 64 << 10,
	WANTED = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_ONLYDIR,
};

struct folder {
	int wd;
	char *path;
};

struct watch {
	int fd;
	struct folder *folder; /* by rising wd: the kernel gives rising numbers */
	size_t count, capacity;
	char *buffer;
	size_t at, end;
	char *path; /* of the event that came out last */
};

enum rc watch_open(struct watch **out, struct err *e)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (fd < 0)
		return err_sys(RC_AGAIN, errno, e, "inotify");
	struct watch *w = mem_zero(1, sizeof *w);
	w->fd = fd;
	w->buffer = mem_alloc(BUFFER);
	*out = w;
	return RC_OK;
}

void watch_close(struct watch **w)
{
	if (*w == NULL)
		return;
	close((*w)->fd);
	for (size_t i = 0; i < (*w)->count; i++)
		mem_free(&(*w)->folder[i].path);
	mem_free(&(*w)->folder);
	mem_free(&(*w)->buffer);
	mem_free(&(*w)->path);
	mem_free(w);
}

int watch_fd(const struct watch *w)
{
	return w->fd;
}

/* Index of the first folder with a number of at least wd. */
static size_t position(const struct watch *w, int wd)
{
	size_t low = 0, high = w->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (w->folder[middle].wd < wd)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct folder *find(struct watch *w, int wd)
{
	size_t i = position(w, wd);
	return i < w->count && w->folder[i].wd == wd ? &w->folder[i] : NULL;
}

enum rc watch_add(struct watch *w, const char *folder, struct err *e)
{
	int wd = inotify_add_watch(w->fd, folder, WANTED);
	if (wd < 0)
		return err_sys(errno == ENOSPC || errno == ENOMEM ? RC_AGAIN : RC_BAD, errno, e, "%s", folder);
	size_t i = position(w, wd);
	if (i < w->count && w->folder[i].wd == wd) {
		mem_free(&w->folder[i].path);
		w->folder[i].path = mem_text(folder);
		return RC_OK;
	}
	if (w->count == w->capacity) {
		w->capacity = mem_grow(w->capacity, w->count + 1);
		w->folder = mem_resize(w->folder, w->capacity * sizeof *w->folder);
	}
	memmove(&w->folder[i + 1], &w->folder[i], (w->count - i) * sizeof *w->folder);
	w->folder[i] = (struct folder){wd, mem_text(folder)};
	w->count++;
	return RC_OK;
}

static void forget(struct watch *w, size_t i)
{
	mem_free(&w->folder[i].path);
	memmove(&w->folder[i], &w->folder[i + 1], (w->count - i - 1) * sizeof *w->folder);
	w->count--;
}

/* A folder was renamed away: the watches on it and below it say old paths. */
static void forget_below(struct watch *w, const char *path)
{
	size_t len = strlen(path);
	for (size_t i = w->count; i > 0; i--) {
		const char *p = w->folder[i - 1].path;
		if (strncmp(p, path, len) != 0 || (p[len] != '\0' && p[len] != '/'))
			continue;
		inotify_rm_watch(w->fd, w->folder[i - 1].wd);
		forget(w, i - 1);
	}
}

/* What one event of the kernel means; false: nothing to us. */
static bool take(struct watch *w, const struct inotify_event *ev, struct watch_event *out)
{
	if (ev->mask & IN_Q_OVERFLOW) {
		*out = (struct watch_event){.kind = WATCH_OVERFLOW};
		return true;
	}
	struct folder *folder = find(w, ev->wd);
	if (folder == NULL)
		return false;
	if (ev->mask & IN_IGNORED) {
		forget(w, (size_t)(folder - w->folder));
		return false;
	}
	if (ev->len == 0)
		return false;
	mem_free(&w->path);
	w->path = file_join(folder->path, ev->name);
	if (ev->mask & IN_ISDIR) {
		if (ev->mask & IN_MOVED_FROM)
			forget_below(w, w->path);
		*out = (struct watch_event){.kind = WATCH_FOLDER, .path = w->path};
		return (ev->mask & (IN_CREATE | IN_MOVED_TO)) != 0;
	}
	*out = (struct watch_event){.kind = WATCH_SEALED, .path = w->path};
	return (ev->mask & (IN_CLOSE_WRITE | IN_MOVED_TO)) != 0;
}

bool watch_next(struct watch *w, struct watch_event *out)
{
	for (;;) {
		if (w->at == w->end) {
			ssize_t n = read(w->fd, w->buffer, BUFFER);
			if (n <= 0)
				return false;
			w->at = 0;
			w->end = (size_t)n;
		}
		/* The buffer is aligned, and the kernel pads each event so that the next one is. */
		const struct inotify_event *ev = (const void *)(w->buffer + w->at);
		w->at += sizeof *ev + ev->len;
		if (take(w, ev, out))
			return true;
	}
}

/* A list under a lock, and a file that is its text. Written in place, because a rename would lose the lock. */
#include "pipe/waits.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rc.h"
#include "base/str.h"
#include "base/writer.h"

enum { NS_PER_MS = 1000000, TEXT_MAX = 1 << 20, TRIES = 3 };

static const char prefix[] = "waits.", last_line[] = "end\n";

struct wait {
	char *what;
	int64_t since_ms;
	char why[ERR_TEXT];
};

struct waits {
	char *path;
	int fd; /* -1: not made yet, or it can't be */
	pthread_mutex_t lock;
	/* under lock */
	struct wait *wait;
	size_t count, capacity;
};

/* Is this the name of a process's file, and is that process dead? */
static bool is_left(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	bool left = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) == 0;
	if (fd >= 0)
		close(fd);
	return left;
}

static void each_file(
    const char *state, void (*visit)(void *context, const char *path, const char *name), void *context)
{
	DIR *dir = opendir(state);
	for (struct dirent *d = dir != NULL ? readdir(dir) : NULL; d != NULL; d = readdir(dir)) {
		if (!str_starts(d->d_name, prefix))
			continue;
		char *path = file_join(state, d->d_name);
		visit(context, path, d->d_name + strlen(prefix));
		mem_free(&path);
	}
	if (dir != NULL)
		closedir(dir);
}

static void clean(void *context, const char *path, const char *name)
{
	const char *mine = context;
	size_t len = strlen(mine);
	if (strncmp(name, mine, len) == 0 && name[len] == '.' && is_left(path))
		unlink(path);
}

struct waits *waits_new(const char *state, const char *name)
{
	struct waits *w = mem_zero(1, sizeof *w);
	char *mine = mem_text(name);
	w->fd = -1;
	w->path = mem_format("%s/%s%s.%ld", state, prefix, name, (long)getpid());
	pthread_mutex_init(&w->lock, NULL);
	each_file(state, clean, mine);
	mem_free(&mine);
	return w;
}

void waits_free(struct waits **wp)
{
	struct waits *w = *wp;
	if (w == NULL)
		return;
	if (w->fd >= 0) {
		unlink(w->path);
		close(w->fd);
	}
	for (size_t i = 0; i < w->count; i++)
		mem_free(&w->wait[i].what);
	mem_free(&w->wait);
	mem_free(&w->path);
	pthread_mutex_destroy(&w->lock);
	mem_free(wp);
}

static void write_file(struct waits *w)
{
	struct writer text;
	if (w->fd < 0) {
		w->fd = open(w->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
		if (w->fd < 0)
			return;
		(void)!flock(w->fd, LOCK_EX | LOCK_NB);
	}
	writer_init(&text, TEXT_MAX);
	for (size_t i = 0; i < w->count; i++)
		writer_format(&text, "%" PRId64 " %s %s\n", w->wait[i].since_ms, w->wait[i].what, w->wait[i].why);
	writer_text(&text, last_line);
	if (!text.failed && ftruncate(w->fd, 0) == 0)
		(void)!pwrite(w->fd, text.bytes, text.len, 0);
	writer_fini(&text);
}

static size_t find(const struct waits *w, const char *what)
{
	size_t i = 0;
	while (i < w->count && strcmp(w->wait[i].what, what) != 0)
		i++;
	return i;
}

/* One line. */
static void set_why(struct wait *x, const char *why)
{
	(void)!str_copy(x->why, sizeof x->why, why);
	x->why[sizeof x->why - 1] = '\0';
	for (char *p = x->why; *p != '\0'; p++)
		if (*p == '\n' || *p == '\r')
			*p = ' ';
}

void waits_begin(struct waits *w, const char *what, const char *why)
{
	if (w == NULL)
		return;
	pthread_mutex_lock(&w->lock);
	size_t i = find(w, what);
	if (i == w->count) {
		if (w->count == w->capacity) {
			w->capacity = mem_grow(w->capacity, w->count + 1);
			w->wait = mem_resize(w->wait, w->capacity * sizeof *w->wait);
		}
		w->wait[w->count++] = (struct wait){.what = mem_text(what), .since_ms = clock_wall().ns / NS_PER_MS};
	}
	char before[ERR_TEXT];
	memcpy(before, w->wait[i].why, sizeof before);
	set_why(&w->wait[i], why);
	if (strcmp(before, w->wait[i].why) != 0)
		write_file(w);
	pthread_mutex_unlock(&w->lock);
}

void waits_end(struct waits *w, const char *what)
{
	if (w == NULL)
		return;
	pthread_mutex_lock(&w->lock);
	size_t i = find(w, what);
	if (i < w->count) {
		mem_free(&w->wait[i].what);
		memmove(&w->wait[i], &w->wait[i + 1], (w->count - i - 1) * sizeof *w->wait);
		w->count--;
		write_file(w);
	}
	pthread_mutex_unlock(&w->lock);
}

struct reading {
	void (*visit)(void *context, const char *process, const char *what, int64_t since_ms, const char *why);
	void *context;
};

/* One that is just being written lacks its last line: look again. */
static char *load_whole(const char *path)
{
	struct err ignored;
	for (int i = 0; i < TRIES; i++) {
		char *text = NULL;
		size_t size = 0, end = strlen(last_line);
		if (file_load(path, TEXT_MAX, &text, &size, &ignored) != RC_OK)
			return NULL;
		if (size >= end && memcmp(text + size - end, last_line, end) == 0) {
			text[size - end] = '\0';
			return text;
		}
		mem_free(&text);
		clock_sleep_ms(1);
	}
	return NULL;
}

static void read_file(void *context, const char *path, const char *name)
{
	const struct reading *r = context;
	char *process = mem_text(name), *dot = strrchr(process, '.'), *text = NULL;
	if (dot != NULL && !is_left(path) && (text = load_whole(path)) != NULL) {
		*dot = '\0';
		for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
			*end = '\0';
			char *what = NULL;
			int64_t since_ms = strtoll(line, &what, 10);
			char *why = *what == ' ' ? strchr(what + 1, ' ') : NULL;
			if (why == NULL)
				continue;
			*why = '\0';
			r->visit(r->context, process, what + 1, since_ms, why + 1);
		}
	}
	mem_free(&text);
	mem_free(&process);
}

void waits_each(const char *state,
    void (*visit)(void *context, const char *process, const char *what, int64_t since_ms, const char *why),
    void *context)
{
	struct reading r = {.visit = visit, .context = context};
	each_file(state, read_file, &r);
}

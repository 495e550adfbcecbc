/*
 * source: the buffer in front of every stream of input, and the three kinds that need only libc.
 *
 * A peek reads just what it lacks when it wants much, so that little is left over to be moved to the front by the next
 * one; small peeks read ahead.
 */
#include "base/source.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

enum { READ_AHEAD = 64 << 10, FEW = 1024 };

static size_t buffered(const struct source *s)
{
	return s->end - s->start;
}

/* Space for want bytes from start on. */
static void make_room(struct source *s, size_t want)
{
	size_t least = want < READ_AHEAD ? READ_AHEAD : want;
	/* A few bytes are moved gladly: it gives the next read the whole buffer. */
	bool few = buffered(s) <= FEW;
	if (s->capacity - s->start >= want && !few)
		return;
	if (s->start > 0) {
		memmove(s->buffer, s->buffer + s->start, buffered(s));
		s->end -= s->start;
		s->start = 0;
	}
	if (s->capacity < least) {
		s->buffer = mem_remap(s->buffer, s->capacity, least);
		s->capacity = least;
	}
}

/* Keep how it ended: every later call says the same. */
static void set_ended(struct source *s, enum rc rc, const struct err *e)
{
	s->ended = rc;
	if (rc != RC_END)
		s->reason = *e;
}

static enum rc how_it_ended(const struct source *s, struct err *e)
{
	if (s->ended != RC_OK && s->ended != RC_END)
		*e = s->reason;
	return s->ended;
}

/* Some more behind what is buffered. */
static enum rc read_more(struct source *s, size_t want, struct err *e)
{
	make_room(s, want);
	size_t size = want - buffered(s);
	if (size < READ_AHEAD)
		size = s->capacity - s->end < READ_AHEAD ? s->capacity - s->end : READ_AHEAD;
	size_t got = 0;
	enum rc rc = s->ops->read(s, s->buffer + s->end, size, &got, e);
	if (rc == RC_OK) {
		assert(got > 0 && got <= size);
		s->end += got;
	}
	return rc;
}

enum rc source_peek(struct source *s, size_t want, const uint8_t **bytes, size_t *have, struct err *e)
{
	assert(want > 0 && want <= SOURCE_PEEK_MAX);
	while (buffered(s) < want && s->ended == RC_OK) {
		size_t before = buffered(s);
		enum rc rc = s->ops->extend != NULL ? s->ops->extend(s, want, e) : read_more(s, want, e);
		if (rc == RC_OK)
			assert(buffered(s) > before);
		else
			set_ended(s, rc, e);
	}
	size_t n = buffered(s) < want ? buffered(s) : want;
	*have = n;
	if (n == 0)
		return how_it_ended(s, e);
	*bytes = s->buffer + s->start;
	return RC_OK;
}

void source_take(struct source *s, size_t n)
{
	assert(n <= buffered(s));
	s->start += n;
	s->offset += n;
}

enum rc source_read(struct source *s, void *to, size_t size, size_t *got, struct err *e)
{
	if (buffered(s) == 0 && s->ended == RC_OK && size >= READ_AHEAD && s->ops->extend == NULL) {
		enum rc rc = s->ops->read(s, to, size, got, e);
		if (rc == RC_OK)
			s->offset += *got;
		else
			set_ended(s, rc, e);
		return rc;
	}
	const uint8_t *bytes;
	size_t have;
	if (buffered(s) == 0) {
		enum rc rc = source_peek(s, 1, &bytes, &have, e);
		if (rc != RC_OK)
			return rc;
	}
	have = buffered(s) < size ? buffered(s) : size;
	memcpy(to, s->buffer + s->start, have);
	source_take(s, have);
	*got = have;
	return RC_OK;
}

enum rc source_ended(const struct source *s, struct err *e)
{
	return how_it_ended(s, e);
}

void source_close(struct source **sp)
{
	struct source *s = *sp;
	if (s == NULL)
		return;
	*sp = NULL;
	/* Memory has no capacity of its own: its buffer is borrowed. */
	if (s->capacity > 0)
		mem_unmap(s->buffer, s->capacity);
	s->ops->close(s);
}

struct fd_source {
	struct source base;
	int fd;
	bool close_fd;
	char *name;
};

static enum rc fd_read(struct source *s, void *to, size_t size, size_t *got, struct err *e)
{
	struct fd_source *f = (struct fd_source *)s;
	for (;;) {
		ssize_t n = read(f->fd, to, size);
		if (n > 0) {
			*got = (size_t)n;
			return RC_OK;
		}
		if (n == 0)
			return RC_END;
		if (errno == EAGAIN || errno == EWOULDBLOCK) {
			/* Somebody's non-blocking standard input: waiting is all that is left. */
			poll(&(struct pollfd){.fd = f->fd, .events = POLLIN}, 1, -1);
		} else if (errno != EINTR) {
			return err_sys(RC_FAIL, errno, e, "%.300s: cannot read", f->name);
		}
	}
}

static void fd_close(struct source *s)
{
	struct fd_source *f = (struct fd_source *)s;
	if (f->close_fd)
		close(f->fd);
	mem_free(&f->name);
	mem_free(&f);
}

static const struct source_ops fd_ops = {.name = "fd", .read = fd_read, .close = fd_close};

struct source *source_fd(int fd, bool close_fd, const char *name)
{
	struct fd_source *f = mem_zero(1, sizeof *f);
	*f = (struct fd_source){.base.ops = &fd_ops, .fd = fd, .close_fd = close_fd, .name = mem_text(name)};
	return &f->base;
}

static enum rc memory_read(struct source *s, void *to, size_t size, size_t *got, struct err *e)
{
	return RC_END;
}

static void memory_close(struct source *s)
{
	mem_free(&s);
}

static const struct source_ops memory_ops = {.name = "memory", .read = memory_read, .close = memory_close};

struct source *source_memory(const void *bytes, size_t size)
{
	struct source *s = mem_zero(1, sizeof *s);
	/* All of it is already buffered, so peek shows it in place; nothing writes to a source that has ended. */
	*s = (struct source){.ops = &memory_ops, .buffer = (uint8_t *)(uintptr_t)bytes, .end = size, .ended = RC_END};
	return s;
}

struct tee {
	struct source base;
	struct source *inner;
	void (*see)(void *context, const void *bytes, size_t size);
	void *context;
};

static enum rc tee_read(struct source *s, void *to, size_t size, size_t *got, struct err *e)
{
	struct tee *t = (struct tee *)s;
	enum rc rc = source_read(t->inner, to, size, got, e);
	if (rc == RC_OK)
		t->see(t->context, to, *got);
	return rc;
}

static void tee_close(struct source *s)
{
	struct tee *t = (struct tee *)s;
	source_close(&t->inner);
	mem_free(&t);
}

static const struct source_ops tee_ops = {.name = "tee", .read = tee_read, .close = tee_close};

struct source *source_tee(
    struct source *inner, void (*see)(void *context, const void *bytes, size_t size), void *context)
{
	struct tee *t = mem_zero(1, sizeof *t);
	*t = (struct tee){.base.ops = &tee_ops, .inner = inner, .see = see, .context = context};
	return &t->base;
}

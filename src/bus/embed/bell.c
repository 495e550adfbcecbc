/*
 * bell: between processes that share only a directory; nothing has to be cleaned up after one that was killed.
 */
#include "bus/embed/bell.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

/* Without inotify (the user's instances are used up) waiting becomes looking every few milliseconds. */
enum { DEAF_MS = 20 };

struct bell {
	char *path;
	int fd;
	int watch; /* inotify, -1 until somebody waits */
	bool deaf;
};

enum rc bell_open(const char *dir, const char *name, struct bell **out, struct err *e)
{
	char *path = file_join(dir, name);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0) {
		enum rc rc = err_sys(RC_FAIL, errno, e, "%s", path);
		mem_free(&path);
		return rc;
	}
	struct bell *b = mem_alloc(sizeof *b);
	*b = (struct bell){.path = path, .fd = fd, .watch = -1};
	*out = b;
	return RC_OK;
}

void bell_close(struct bell **b)
{
	if (*b == NULL)
		return;
	if ((*b)->watch >= 0)
		close((*b)->watch);
	close((*b)->fd);
	mem_free(&(*b)->path);
	mem_free(b);
}

void bell_ring(struct bell *b)
{
	/* The byte says nothing. If it can't be written, those who wait look by themselves a little later. */
	if (pwrite(b->fd, "", 1, 0) != 1)
		return;
}

static void listen(struct bell *b)
{
	b->watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (b->watch >= 0 && inotify_add_watch(b->watch, b->path, IN_MODIFY) < 0) {
		close(b->watch);
		b->watch = -1;
	}
	b->deaf = b->watch < 0;
}

void bell_hush(struct bell *b)
{
	if (b->watch < 0 && !b->deaf)
		listen(b);
	char rings[4096];
	if (b->watch >= 0)
		while (read(b->watch, rings, sizeof rings) > 0)
			;
}

bool bell_wait(struct bell *b, int64_t wait_ms)
{
	if (b->deaf) {
		clock_sleep_ms(wait_ms < DEAF_MS ? wait_ms : DEAF_MS);
		return false;
	}
	struct pollfd p = {.fd = b->watch, .events = POLLIN};
	return poll(&p, 1, (int)wait_ms) > 0;
}

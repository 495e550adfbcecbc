/*
 * claim: flock on one file per partition. The files stay: removing one while another process locks it would let two in.
 */
#include "bus/embed/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "bus/bus.h"

enum { NAME_MAX_LEN = BUS_TOPIC_MAX + 8 };

struct claim {
	char name[NAME_MAX_LEN];
	int fd;
};

struct claims {
	char *dir;
	struct claim *claim;
	size_t count, capacity;
};

/* "<topic>.<partition>": what follows the last dot is the partition, whatever dots the topic has. */
static void name_of(const char *topic, unsigned partition, char out[NAME_MAX_LEN])
{
	snprintf(out, NAME_MAX_LEN, "%s.%u", topic, partition);
}

static struct claim *find(struct claims *c, const char *name)
{
	for (size_t i = 0; i < c->count; i++)
		if (strcmp(c->claim[i].name, name) == 0)
			return &c->claim[i];
	return NULL;
}

enum rc claims_open(const char *dir, struct claims **out, struct err *e)
{
	char *path = file_join(dir, "claims");
	enum rc rc = file_mkdirs(path, e);
	if (rc != RC_OK) {
		mem_free(&path);
		return rc;
	}
	*out = mem_zero(1, sizeof **out);
	(*out)->dir = path;
	return RC_OK;
}

void claims_close(struct claims **c)
{
	if (*c == NULL)
		return;
	for (size_t i = 0; i < (*c)->count; i++)
		close((*c)->claim[i].fd);
	mem_free(&(*c)->claim);
	mem_free(&(*c)->dir);
	mem_free(c);
}

static enum rc lock_file(const char *path, int *out, struct err *e)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return err_sys(RC_FAIL, errno, e, "%s", path);
	int sys;
	do
		sys = flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
	while (sys == EINTR);
	if (sys == 0) {
		*out = fd;
		return RC_OK;
	}
	close(fd);
	return sys == EWOULDBLOCK ? RC_END : err_sys(RC_FAIL, sys, e, "%s: cannot lock", path);
}

enum rc claims_take(struct claims *c, const char *topic, unsigned partition, struct err *e)
{
	struct claim made;
	name_of(topic, partition, made.name);
	if (find(c, made.name) != NULL)
		return RC_OK;
	char *path = file_join(c->dir, made.name);
	enum rc rc = lock_file(path, &made.fd, e);
	mem_free(&path);
	if (rc != RC_OK)
		return rc;
	if (c->count == c->capacity) {
		c->capacity = mem_grow(c->capacity, c->count + 1);
		c->claim = mem_resize(c->claim, c->capacity * sizeof *c->claim);
	}
	c->claim[c->count++] = made;
	return RC_OK;
}

void claims_drop(struct claims *c, const char *topic, unsigned partition)
{
	char name[NAME_MAX_LEN];
	name_of(topic, partition, name);
	struct claim *found = find(c, name);
	if (found == NULL)
		return;
	close(found->fd);
	*found = c->claim[--c->count];
}

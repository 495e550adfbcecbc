/*
 * metric: counters that outlive their process, because the mapping is a file's and not a process's.
 */
#include "base/metric.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

static const char magic[8] = {'s', 'l', 'u', 'i', 'c', 'e', 'f', '1'};

struct header {
	char magic[8];
	uint32_t slots, values;
	uint8_t reserved[48];
};

struct file {
	struct header header;
	struct metric_slot slot[METRIC_SLOTS];
};

_Static_assert(sizeof(struct header) == 64, "the file's header");
_Static_assert(sizeof(struct metric_slot) == METRIC_NAME + 24 + 8 * METRIC_VALUES, "a slot has no holes");

struct metrics {
	struct file *file;
	int fd; /* kept for the lock under which slots are claimed */
};

static void lock(int fd, int operation)
{
	while (flock(fd, operation) != 0 && errno == EINTR)
		;
}

static bool is_ours(const struct header *h)
{
	return memcmp(h->magic, magic, sizeof magic) == 0 && h->slots == METRIC_SLOTS && h->values == METRIC_VALUES;
}

/*
 * All blocks are taken at once: a full disk then is an error here, not a SIGBUS at some later addition. Another layout
 * is cleared in place and never cut, since a process of the older binary may still have it mapped.
 */
static enum rc map_file(struct metrics *m, const char *path, struct err *e)
{
	int sys = posix_fallocate(m->fd, 0, sizeof *m->file);
	if (sys != 0)
		return err_sys(RC_FAIL, sys, e, "cannot make %s", path);
	void *p = mmap(NULL, sizeof *m->file, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
	if (p == MAP_FAILED)
		return err_sys(RC_FAIL, errno, e, "cannot map %s", path);
	m->file = p;
	if (!is_ours(&m->file->header)) {
		memset(m->file, 0, sizeof *m->file);
		m->file->header = (struct header){.slots = METRIC_SLOTS, .values = METRIC_VALUES};
		memcpy(m->file->header.magic, magic, sizeof magic);
	}
	return RC_OK;
}

enum rc metrics_open(const char *path, struct metrics **out, struct err *e)
{
	struct metrics *m = mem_zero(1, sizeof *m);
	m->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (m->fd < 0) {
		int sys = errno;
		mem_free(&m);
		return err_sys(RC_FAIL, sys, e, "%s", path);
	}
	lock(m->fd, LOCK_EX);
	enum rc rc = map_file(m, path, e);
	lock(m->fd, LOCK_UN);
	if (rc == RC_OK)
		*out = m;
	else
		metrics_close(&m);
	return rc;
}

void metrics_close(struct metrics **mp)
{
	struct metrics *m = *mp;
	if (m == NULL)
		return;
	if (m->file != NULL)
		munmap(m->file, sizeof *m->file);
	close(m->fd);
	mem_free(mp);
}

struct metric_slot *metrics_claim(struct metrics *m, const char *name)
{
	struct metric_slot *mine = NULL;
	assert(*name != '\0');
	lock(m->fd, LOCK_EX);
	for (unsigned i = 0; i < METRIC_SLOTS && mine == NULL; i++) {
		struct metric_slot *s = &m->file->slot[i];
		if (s->name[0] == '\0')
			str_copy(s->name, sizeof s->name, name);
		if (strncmp(s->name, name, sizeof s->name - 1) == 0)
			mine = s;
	}
	if (mine != NULL) {
		mine->pid = getpid();
		mine->started_ns = clock_wall().ns;
		__atomic_store_n(&mine->accepting_ns, 0, __ATOMIC_RELEASE);
	}
	lock(m->fd, LOCK_UN);
	return mine;
}

void metric_accepting(struct metric_slot *s, bool on)
{
	if (s != NULL && (__atomic_load_n(&s->accepting_ns, __ATOMIC_RELAXED) != 0) != on)
		__atomic_store_n(&s->accepting_ns, on ? clock_mono_ns() : 0, __ATOMIC_RELEASE);
}

int64_t metric_accepting_ms(const struct metric_slot *s, pid_t pid)
{
	if (s == NULL || s->pid != pid)
		return 0;
	return __atomic_load_n(&s->accepting_ns, __ATOMIC_ACQUIRE) / 1000000;
}

const struct metric_slot *metrics_slot(const struct metrics *m, unsigned i)
{
	return i < METRIC_SLOTS && m->file->slot[i].name[0] != '\0' ? &m->file->slot[i] : NULL;
}

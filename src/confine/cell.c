/* The child itself is made by the fork server; here is what is made around it. */
#include "confine/cell.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "confine/notice.h"

void confine_count(struct confine *c, enum confine_event what, const struct jail *jail)
{
	switch (what) {
	case CONFINE_STARTED:
		atomic_fetch_add(&c->started, 1);
		atomic_fetch_add(&c->running, 1);
		break;
	case CONFINE_ENDED:
		atomic_fetch_sub(&c->running, 1);
		break;
	case CONFINE_STOPPED:
		atomic_fetch_add(&c->stopped, 1);
	}
	if (c->params.told != NULL)
		c->params.told(c->params.context, what, jail);
}

/* Memory that the other side can't cut or grow, nor write where it is ours. */
static enum rc share(const char *name, size_t size, bool ours, int *out, void **map, struct err *e)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return err_sys(RC_AGAIN, errno, e, "memfd_create");
	void *p = MAP_FAILED;
	if (ftruncate(fd, (off_t)size) == 0)
		p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	/* The seal comes after our mapping and before the child's. */
	int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL | (ours ? F_SEAL_FUTURE_WRITE : 0);
	if (p == MAP_FAILED || fcntl(fd, F_ADD_SEALS, seals) != 0) {
		int sys = errno;
		if (p != MAP_FAILED)
			munmap(p, size);
		close(fd);
		return err_sys(RC_AGAIN, sys, e, "shared memory");
	}
	*out = fd;
	*map = p;
	return RC_OK;
}

struct cell *cell_new(struct confine *c)
{
	if (c == NULL)
		return NULL;
	struct cell *cell = mem_zero(1, sizeof *cell);
	cell->confine = c;
	cell->fd = cell->listener = cell->input_fd = cell->slab_fd = -1;
	writer_init(&cell->orders, WIRE_SETUP);
	writer_init(&cell->sent, WIRE_SETUP);
	return cell;
}

/* The memory is there with the first input, and stays for all children of this cell. */
static enum rc make_memory(struct cell *cell, struct err *e)
{
	void *p = NULL;
	enum rc rc = RC_OK;
	if (cell->input_fd < 0 && (rc = share("input", WIRE_SETUP + WIRE_INPUT, true, &cell->input_fd, &p, e)) == RC_OK)
		cell->input = p;
	if (rc == RC_OK && cell->slab_fd < 0 &&
	    (rc = share("slab", BATCH_SLAB + WIRE_SHORT, false, &cell->slab_fd, &p, e)) == RC_OK)
		cell->slab = p;
	if (rc == RC_OK && cell->own == NULL)
		cell->own = mem_map(BATCH_SLAB);
	return rc;
}

static void drop_input(struct cell *cell)
{
	if (cell->input != NULL)
		munmap(cell->input, WIRE_SETUP + WIRE_INPUT);
	if (cell->input_fd >= 0)
		close(cell->input_fd);
	cell->input = NULL;
	cell->input_fd = -1;
	cell->touched = 0;
}

static void drop_slab(struct cell *cell)
{
	if (cell->slab != NULL)
		munmap(cell->slab, BATCH_SLAB + WIRE_SHORT);
	if (cell->slab_fd >= 0)
		close(cell->slab_fd);
	cell->slab = NULL;
	cell->slab_fd = -1;
}

/* One of which nobody knows may still be about to die, and must not write where the next one's batches are used. */
enum rc cell_end(struct cell *cell, bool gone, struct server_reply *r)
{
	if (cell->pid == 0)
		return RC_END;
	enum rc rc = keeper_end(cell->confine->keeper, cell->pid, gone, r);
	if (rc != RC_OK)
		drop_slab(cell);
	close(cell->fd);
	if (cell->listener >= 0)
		close(cell->listener);
	cell->fd = cell->listener = -1;
	cell->pid = 0;
	if (cell->ready)
		confine_count(cell->confine, CONFINE_ENDED, NULL);
	cell->ready = false;
	return rc;
}

void cell_free(struct cell **p)
{
	struct cell *cell = *p;
	struct server_reply r = {.pid = 0};
	if (cell == NULL)
		return;
	assert(cell->open == NULL);
	(void)cell_end(cell, false, &r);
	drop_input(cell);
	drop_slab(cell);
	if (cell->own != NULL)
		mem_unmap(cell->own, BATCH_SLAB);
	writer_fini(&cell->orders);
	writer_fini(&cell->sent);
	mem_free(p);
}

enum rc cell_receive(struct cell *cell, struct wire_tell_message *m)
{
	ssize_t n;
	do
		n = recv(cell->fd, m, sizeof *m, MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)sizeof *m) {
		m->text[sizeof m->text - 1] = '\0';
		return RC_OK;
	}
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return RC_END;
	return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? RC_AGAIN : RC_BAD;
}

/* The first things that a child says, before it has seen any input: where it stands still, and that it is confined. */
static enum rc hear_ready(struct cell *cell, struct wire_tell_message *m)
{
	struct mono began = clock_mono();
	int64_t patience_ms = cell->confine->params.time_ms * CELL_STILL_TIMES;
	enum rc rc;
	do
		rc = notice_receive(cell->fd, &cell->listener);
	while (rc == RC_AGAIN && mono_since(began) < patience_ms);
	if (rc != RC_OK)
		return rc;
	do
		rc = cell_receive(cell, m);
	while (rc == RC_AGAIN && mono_since(began) < patience_ms);
	return rc;
}

static enum rc be_ready(struct cell *cell, struct jail *out, struct err *e)
{
	struct wire_tell_message m;
	struct server_reply r = {.pid = 0};
	enum rc rc = hear_ready(cell, &m);
	if (rc == RC_OK && m.what == TELL_READY) {
		*out = m.jail;
		cell->ready = true;
		confine_count(cell->confine, CONFINE_STARTED, &m.jail);
		return RC_OK;
	}
	bool told = rc == RC_OK && m.what == TELL_FAILED;
	(void)cell_end(cell, rc == RC_END, &r);
	return told ? err_set(RC_FAIL, e, "a dissector cannot be confined (\"confine: off\" does without): %s", m.text)
	            : err_set(RC_AGAIN, e, "a process that dissects ends before it begins");
}

enum rc cell_start(struct cell *cell, struct jail *out, struct err *e)
{
	const struct confine_params *p = &cell->confine->params;
	struct timeval step = {.tv_usec = CELL_STEP_MS * 1000};
	int pair[2];
	/* Sealed memory gives no page back: what an unusual input took lives no longer than the child that had it. */
	if (cell->touched > WIRE_WINDOW)
		drop_input(cell);
	enum rc rc = make_memory(cell, e);
	if (rc != RC_OK)
		return rc;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return err_sys(RC_AGAIN, errno, e, "socketpair");
	int fd[WIRE_DESCRIPTORS] = {
	    [WIRE_SOCKET] = pair[1], [WIRE_INPUT_MEMORY] = cell->input_fd, [WIRE_SLAB_MEMORY] = cell->slab_fd};
	(void)setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &step, sizeof step);
	rc = keeper_start(cell->confine->keeper, fd, p->memory, p->copies, &cell->pid, e);
	close(pair[1]);
	if (rc != RC_OK) {
		close(pair[0]);
		cell->pid = 0;
		return rc;
	}
	cell->fd = pair[0];
	cell->listener = -1;
	cell->files = 0;
	cell->cpu = -1;
	writer_reset(&cell->sent);
	return be_ready(cell, out, e);
}

/* Where that can't be, it costs more. */
void cell_bind(struct cell *cell)
{
	cpu_set_t set;
	int cpu = sched_getcpu();
	if (cell->pid == 0 || cpu < 0 || cpu >= CPU_SETSIZE || cpu == cell->cpu)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	(void)!sched_setaffinity(cell->pid, sizeof set, &set);
	cell->cpu = cpu;
}

/*
 * The parent's half: it hands input over, copies batches, and judges.
 *
 * Parent and child take turns, and the child is bound to the processor that its parent runs on: then a turn is a switch
 * on one processor, with what was handed over in its cache. Waking another processor costs several times that, and a
 * daemon has more threads than processors anyway.
 */
#include "confine/confine.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "confine/keeper.h"
#include "confine/orders.h"
#include "confine/wire.h"

enum {
	STEP_MS = 250,     /* how often a child that is silent is looked at */
	LOOK_BATCHES = 64, /* and one that is not */
	MS_PER_MIB = 1000, /* processor time that a MiB of input may take beyond time_ms */
	STILL_TIMES = 10,  /* of the time it may compute, that a child may be silent */
	ROWS =
	    2048, /* in a batch, where nobody asks for fewer: its copy and itself fit a cache beside what uses them */
	KILLED_MOST = 3, /* in a row by somebody else, until the input is blamed */
};

struct confine {
	struct confine_params params;
	struct keeper *keeper;
	atomic_uint_fast64_t running, started, stopped;
};

/* A dissector whose work is done elsewhere. */
struct confined {
	struct dissector base;
	struct cell *cell;
	struct source *source; /* taken; NULL once it has ended */
	enum type type[BATCH_COLUMNS];
	size_t types;
	uint64_t size;   /* of the input, or DISSECT_SIZE_UNKNOWN */
	uint64_t served; /* bytes handed over */
	uint64_t moved;  /* what the child says it has moved past, with its last batch */
	int64_t cpu_ms;  /* of the child when it was first looked at */
	unsigned batches;
	bool owed;   /* the child waits to be asked for its next batch */
	bool looked; /* cpu_ms is known */
	bool dirty;  /* something was rejected: the child is replaced */
	bool over;   /* next has only `end` left to say */
	enum rc end;
	bool clean;
	enum rc input_rc; /* how reading the input failed */
	struct err input_error, error;
};

struct cell {
	struct confine *confine;
	uint8_t *input;      /* shared, the child may only read it */
	const uint8_t *slab; /* shared, we only read it */
	struct batch *own;   /* where batches are copied to */
	int input_fd, slab_fd;
	struct writer orders, sent; /* for this input, and what the child has */
	pid_t pid;                  /* 0: no child */
	int fd;
	int cpu;         /* that the child is bound to; -1 none */
	unsigned files;  /* that the child has had */
	unsigned killed; /* children in a row, by somebody else */
	struct confined *open;
};

struct confine *confine_new(const struct confine_params *p)
{
	struct confine *c = mem_zero(1, sizeof *c);
	c->params = *p;
	c->keeper = keeper_new(CONFINE_WORD);
	return c;
}

void confine_free(struct confine **c)
{
	if (*c == NULL)
		return;
	assert(atomic_load(&(*c)->running) == 0);
	keeper_free(&(*c)->keeper);
	mem_free(c);
}

struct confine_counts confine_counts(struct confine *c)
{
	return (struct confine_counts){.running = atomic_load(&c->running),
	    .started = atomic_load(&c->started),
	    .stopped = atomic_load(&c->stopped)};
}

static void count(struct confine *c, enum confine_event what)
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
		c->params.told(c->params.context, what);
}

/* Memory that the other side can't cut or grow, nor write where it shall not. */
static enum rc share(const char *name, size_t size, bool ours, int *out, void **map, struct err *e)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return err_sys(RC_AGAIN, errno, e, "memfd_create");
	void *p = MAP_FAILED;
	if (ftruncate(fd, (off_t)size) == 0)
		p = mmap(NULL, size, ours ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
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
	cell->fd = cell->input_fd = cell->slab_fd = -1;
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

/* gone: its socket is closed. What became of it is in *r; RC_END: nobody knows. */
static enum rc end_child(struct cell *cell, bool gone, struct server_reply *r)
{
	if (cell->pid == 0)
		return RC_END;
	enum rc rc = keeper_end(cell->confine->keeper, cell->pid, gone, r);
	close(cell->fd);
	cell->fd = -1;
	cell->pid = 0;
	count(cell->confine, CONFINE_ENDED);
	return rc;
}

void cell_free(struct cell **p)
{
	struct cell *cell = *p;
	struct server_reply r = {.pid = 0};
	if (cell == NULL)
		return;
	assert(cell->open == NULL);
	(void)end_child(cell, false, &r);
	if (cell->input != NULL)
		munmap(cell->input, WIRE_SETUP + WIRE_INPUT);
	if (cell->slab != NULL)
		munmap((void *)(uintptr_t)cell->slab, BATCH_SLAB + WIRE_SHORT);
	if (cell->input_fd >= 0)
		close(cell->input_fd);
	if (cell->slab_fd >= 0)
		close(cell->slab_fd);
	if (cell->own != NULL)
		mem_unmap(cell->own, BATCH_SLAB);
	writer_fini(&cell->orders);
	writer_fini(&cell->sent);
	mem_free(p);
}

/* One datagram. RC_OK; RC_END: the child closed its socket; RC_AGAIN: nothing yet; RC_BAD: no message of ours. */
static enum rc receive(int fd, struct wire_tell_message *m)
{
	ssize_t n;
	do
		n = recv(fd, m, sizeof *m, MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)sizeof *m) {
		m->text[sizeof m->text - 1] = '\0';
		return RC_OK;
	}
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return RC_END;
	return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? RC_AGAIN : RC_BAD;
}

/* The first thing that a child says, before it has seen any input. */
static enum rc be_ready(struct cell *cell, struct jail *out, struct err *e)
{
	struct wire_tell_message m;
	struct server_reply r = {.pid = 0};
	enum rc rc = RC_AGAIN;
	for (int64_t waited = 0; rc == RC_AGAIN && waited < cell->confine->params.time_ms * STILL_TIMES;
	     waited += STEP_MS)
		rc = receive(cell->fd, &m);
	if (rc == RC_OK && m.what == TELL_READY) {
		*out = m.jail;
		return RC_OK;
	}
	bool told = rc == RC_OK && m.what == TELL_FAILED;
	(void)end_child(cell, rc == RC_END, &r);
	return told ? err_set(RC_FAIL, e, "a dissector cannot be confined: %s", m.text)
	            : err_set(RC_AGAIN, e, "a process that dissects ends before it begins");
}

static enum rc start_child(struct cell *cell, struct jail *out, struct err *e)
{
	struct timeval step = {.tv_usec = STEP_MS * 1000};
	int pair[2];
	enum rc rc = make_memory(cell, e);
	if (rc != RC_OK)
		return rc;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return err_sys(RC_AGAIN, errno, e, "socketpair");
	int fd[WIRE_DESCRIPTORS] = {
	    [WIRE_SOCKET] = pair[1], [WIRE_INPUT_MEMORY] = cell->input_fd, [WIRE_SLAB_MEMORY] = cell->slab_fd};
	(void)setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &step, sizeof step);
	rc = keeper_start(cell->confine->keeper, fd, cell->confine->params.memory, &cell->pid, e);
	close(pair[1]);
	if (rc != RC_OK) {
		close(pair[0]);
		cell->pid = 0;
		return rc;
	}
	cell->fd = pair[0];
	cell->files = 0;
	cell->cpu = -1;
	writer_reset(&cell->sent);
	count(cell->confine, CONFINE_STARTED);
	return be_ready(cell, out, e);
}

enum rc confine_try(struct confine *c, struct jail *out, struct err *e)
{
	struct cell *cell = cell_new(c);
	enum rc rc = start_child(cell, out, e);
	cell_free(&cell);
	return rc;
}

/* Processor time of a process so far. */
static int64_t cpu_of(pid_t pid)
{
	clockid_t clock;
	struct timespec t;
	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
		return 0;
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t time_of(const struct confined *d)
{
	return d->cell->confine->params.time_ms + (int64_t)(d->served >> 20) * MS_PER_MIB;
}

/* Most inputs are done before anybody looks: from the first look on it is counted. */
static bool past_its_time(struct confined *d)
{
	int64_t now = cpu_of(d->cell->pid);
	if (!d->looked)
		d->cpu_ms = now;
	d->looked = true;
	return now - d->cpu_ms > time_of(d);
}

static enum rc over(struct confined *d, enum rc rc, bool clean)
{
	d->over = true;
	d->end = rc;
	d->clean = clean;
	source_close(&d->source);
	return rc;
}

/* Nothing handed over yet: the whole input is refused. Else what is left of it is one reject, in a batch of its own. */
static enum rc blame(struct confined *d, const struct batch **out, struct err *e)
{
	struct cell *cell = d->cell;
	char reason[ERR_TEXT];
	memcpy(reason, d->error.text, sizeof reason);
	count(cell->confine, CONFINE_STOPPED);
	cell->killed = 0;
	if (d->batches == 0) {
		*e = d->error;
		return over(d, RC_BAD, false);
	}
	cell->own->mapped = BATCH_SLAB;
	struct batch *spare = cell->own;
	struct batch *b = batch_again(&spare, d->type, d->types, 1, 0);
	uint64_t rest = d->size != DISSECT_SIZE_UNKNOWN && d->size > d->moved ? d->size - d->moved : 0;
	bool room = batch_reject(b, d->moved, rest, REJECT_ROWS_UNKNOWN, reason, NULL, 0);
	assert(room);
	(void)room;
	*out = b;
	over(d, RC_END, false);
	return RC_OK;
}

/* Plain text of another's. */
static void printable(char *text)
{
	for (; *text != '\0'; text++)
		if (*text < 0x20 || *text > 0x7e)
			*text = ' ';
}

/*
 * It ended, or has to. why: what it did, NULL if its end says it. Killed by nobody we know it is not the input's fault,
 * unless that goes on.
 */
static enum rc stop(struct confined *d, const char *why, const struct batch **out, struct err *e)
{
	struct cell *cell = d->cell;
	struct server_reply r = {.by_itself = 0};
	char how[64];
	enum rc known = end_child(cell, why == NULL, &r);
	bool strange =
	    why == NULL && (known != RC_OK || (r.by_itself && WIFSIGNALED(r.status) && WTERMSIG(r.status) == SIGKILL));
	if (strange && ++cell->killed < KILLED_MOST) {
		err_set(RC_AGAIN, &d->error, "the process that dissects it was killed");
		*e = d->error;
		return over(d, RC_AGAIN, false);
	}
	r.said[sizeof r.said - 1] = '\0';
	printable(r.said);
	if (why == NULL && known == RC_OK && !r.by_itself)
		why = "it closed its socket";
	if (why != NULL)
		err_set(RC_BAD, &d->error, "dissector stopped: %s", why);
	else if (known != RC_OK)
		err_set(RC_BAD, &d->error, "dissector killed, %d times", KILLED_MOST);
	else
		err_set(RC_BAD, &d->error, "dissector crashed: %s%s%s", proc_status_text(r.status, how, sizeof how),
		    r.said[0] != '\0' ? ": " : "", r.said);
	return blame(d, out, e);
}

/*
 * As much input as the memory takes, and what comes after it. Of a file that is known to have an end that is found out
 * at once; a pipe's bytes are handed on as they come.
 */
static void fill(struct confined *d, struct wire_order_message *m)
{
	uint32_t have = 0;
	enum rc rc = d->source == NULL ? RC_END : RC_OK;
	while (rc == RC_OK && have < WIRE_INPUT && (have == 0 || d->size != DISSECT_SIZE_UNKNOWN)) {
		size_t got = 0;
		uint8_t *to = d->cell->input + WIRE_SETUP + have;
		rc = source_read(d->source, to, WIRE_INPUT - have, &got, &d->input_error);
		have += rc == RC_OK ? (uint32_t)got : 0;
	}
	if (rc != RC_OK && rc != RC_END)
		d->input_rc = rc;
	d->served += have;
	m->input = have;
	m->ended = rc;
	if (rc != RC_OK)
		source_close(&d->source);
}

/* The child to where we are: it is about to work for us, and we are about to wait. Where that can't be, it costs more.
 */
static void bind_child(struct cell *cell)
{
	cpu_set_t set;
	int cpu = sched_getcpu();
	if (cpu < 0 || cpu >= CPU_SETSIZE || cpu == cell->cpu)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	(void)!sched_setaffinity(cell->pid, sizeof set, &set);
	cell->cpu = cpu;
}

static bool order(struct cell *cell, const struct wire_order_message *m)
{
	ssize_t n;
	bind_child(cell);
	do
		n = send(cell->fd, m, sizeof *m, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof *m;
}

/* RC_OK: a message. RC_END: it ended by itself. RC_BAD: it has to be ended, *why. */
static enum rc hear(struct confined *d, struct wire_tell_message *m, const char **why)
{
	int64_t silent = 0;
	for (;;) {
		enum rc rc = receive(d->cell->fd, m);
		*why = "it sends what is no message";
		if (rc != RC_AGAIN)
			return rc;
		silent += STEP_MS;
		*why = "past its time";
		if (past_its_time(d))
			return RC_BAD;
		*why = "past its time, standing still";
		if (silent > time_of(d) * STILL_TIMES)
			return RC_BAD;
	}
}

static enum rc take_batch(
    struct confined *d, const struct wire_tell_message *m, const struct batch **out, struct err *e)
{
	struct cell *cell = d->cell;
	char why[ERR_TEXT];
	const uint8_t *at = cell->slab + (m->copied ? BATCH_SLAB : 0);
	struct err lie;
	if (batch_take(cell->own, at, m->copied ? WIRE_SHORT : BATCH_SLAB, d->type, d->types, &lie) != RC_OK) {
		snprintf(why, sizeof why, "%s", lie.text);
		return stop(d, why, out, e);
	}
	if (!batch_holds(cell->own))
		return stop(d, "batch: nothing in it", out, e);
	if (++d->batches % LOOK_BATCHES == 0 && past_its_time(d))
		return stop(d, "past its time", out, e);
	d->dirty |= cell->own->rejects > 0;
	d->moved = m->offset < d->served ? m->offset : d->served;
	d->owed = !m->copied;
	*out = cell->own;
	return RC_OK;
}

/* What the child says about its end, as far as it may be believed. */
static enum rc take_end(struct confined *d, const struct wire_tell_message *m, const struct batch **out, struct err *e)
{
	d->cell->killed = 0;
	if (m->what == TELL_END)
		return over(d, RC_END, m->clean != 0);
	if (m->what == TELL_BAD) {
		str_copy(d->error.text, sizeof d->error.text, m->text);
		printable(d->error.text);
		d->error.sys = 0;
		*e = d->error;
		return over(d, RC_BAD, false);
	}
	/* Reading is our part: if it did not fail here, it did not fail. */
	if (d->input_rc == RC_OK)
		return stop(d, m->text[0] != '\0' ? m->text : "it gave up", out, e);
	*e = d->error = d->input_error;
	return over(d, d->input_rc, false);
}

static enum rc confined_next(struct dissector *base, const struct batch **out, bool *clean, struct err *e)
{
	struct confined *d = (struct confined *)base;
	/* If the child is gone, listening to it finds that out. */
	if (d->owed)
		(void)!order(d->cell, &(struct wire_order_message){.what = ORDER_NEXT});
	d->owed = false;
	while (!d->over) {
		struct wire_tell_message m;
		struct wire_order_message more = {.what = ORDER_INPUT};
		char call[JAIL_CALL], text[80];
		const char *why = NULL;
		enum rc rc = hear(d, &m, &why);
		if (rc != RC_OK)
			return stop(d, rc == RC_END ? NULL : why, out, e);
		printable(m.text);
		switch (m.what) {
		case TELL_WANT:
			if (d->source == NULL)
				return stop(d, "it reads past the end", out, e);
			fill(d, &more);
			(void)!order(d->cell, &more);
			break;
		case TELL_BATCH:
			return take_batch(d, &m, out, e);
		case TELL_END:
		case TELL_BAD:
		case TELL_FAILED:
			rc = take_end(d, &m, out, e);
			if (!d->over || rc != d->end || rc == RC_OK)
				return rc;
			break;
		case TELL_DENIED:
			snprintf(text, sizeof text, "it called %s", jail_call((long)m.number, call));
			return stop(d, text, out, e);
		default:
			return stop(d, "it sends what is no message", out, e);
		}
	}
	*clean = d->clean;
	if (d->end != RC_END)
		*e = d->error;
	return d->end;
}

/* A child that has not said its end is in the middle of something; one that met a fault is not trusted with the next.
 */
static void confined_close(struct dissector *base)
{
	struct confined *d = (struct confined *)base;
	struct cell *cell = d->cell;
	struct server_reply r = {.pid = 0};
	bool good = d->over && d->end == RC_END && d->clean && !d->dirty;
	if (!good || ++cell->files >= cell->confine->params.files)
		(void)end_child(cell, false, &r);
	source_close(&d->source);
	cell->open = NULL;
	mem_free(&d);
}

static const struct dissect_ops confined_ops = {.name = "confined", .next = confined_next, .close = confined_close};

static enum rc set_orders(struct cell *cell, const struct dissect_ops *ops, const struct dissect_params *params,
    struct wire_order_message *m, struct err *e)
{
	writer_reset(&cell->orders);
	orders_write(ops, params, &cell->orders);
	if (cell->orders.failed)
		return err_set(RC_FAIL, e, "more than %d KiB of columns and options", WIRE_SETUP >> 10);
	if (cell->orders.len == cell->sent.len && memcmp(cell->orders.bytes, cell->sent.bytes, cell->sent.len) == 0)
		return RC_OK;
	memcpy(cell->input, cell->orders.bytes, cell->orders.len);
	m->setup = (uint32_t)cell->orders.len;
	struct writer swap = cell->sent;
	cell->sent = cell->orders;
	cell->orders = swap;
	return RC_OK;
}

enum rc cell_open(struct cell *cell, const struct dissect_ops *ops, struct source *src,
    const struct dissect_hints *hints, const struct dissect_params *params, struct dissector **out, struct err *e)
{
	struct jail jail;
	struct wire_order_message m = {.what = ORDER_OPEN,
	    .rows = params->rows != 0 ? params->rows : ROWS,
	    .size = hints->size,
	    .slot_s = hints->slot_s,
	    .archived_s = hints->archived_s};
	if (cell == NULL || ops->spawns)
		return dissect_open(ops, src, hints, params, out, e);
	assert(cell->open == NULL);
	enum rc rc = cell->pid != 0 ? RC_OK : start_child(cell, &jail, e);
	if (rc == RC_OK)
		rc = set_orders(cell, ops, params, &m, e);
	if (rc != RC_OK) {
		source_close(&src);
		return rc;
	}
	struct confined *d = mem_zero(1, sizeof *d);
	d->base.ops = &confined_ops;
	d->cell = cell;
	d->source = src;
	d->size = hints->size;
	d->types = params->wants;
	for (size_t i = 0; i < params->wants; i++)
		d->type[i] = params->field[params->wanted[i]].type;
	(void)!str_copy(m.name, sizeof m.name, hints->name);
	fill(d, &m);
	/* A child that died while it had nothing to do is found out by the first next. */
	(void)!order(cell, &m);
	cell->open = d;
	*out = &d->base;
	return RC_OK;
}

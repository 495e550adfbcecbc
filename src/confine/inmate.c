/*
 * Nothing here is believed by the parent, so nothing here has to be: a child that goes wrong is replaced. What it is
 * told by the parent it believes.
 */
#include "confine/inmate.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/mem.h"
#include "confine/jail.h"
#include "confine/notice.h"
#include "confine/orders.h"

enum { ENDED_WELL = 0, ENDED_DENIED = 3, ENDED_UNCONFINED = 4 };

struct inmate {
	const struct inmate_params *params;
	const uint8_t *input; /* setup, then input */
	struct batch *slab, *spare;
	struct orders orders;
	struct source *source; /* NULL once the dissector closed it */
	uint64_t moved;        /* what it had moved past by then */
	uint32_t have;         /* bytes of the piece of input that lies there */
	enum rc ended;         /* what comes after it */
	bool whole;            /* it is all of the input */
	bool stands;           /* batches are handed over standing still */
};

/* Nobody listens any more: our parent is gone. */
static void tell(const struct wire_tell_message *m)
{
	ssize_t n;
	do
		n = write(WIRE_FD, m, sizeof *m);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof *m)
		_exit(ENDED_WELL);
}

/* In a signal handler. */
static void denied(int fd, long number)
{
	struct wire_tell_message m = {.what = TELL_DENIED, .number = number};
	tell(&m);
	_exit(ENDED_DENIED);
}

static void listen_for(struct wire_order_message *m)
{
	ssize_t n;
	do
		n = read(WIRE_FD, m, sizeof *m);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof *m)
		_exit(ENDED_WELL);
}

/* The input as the dissector reads it, where the parent put it: a piece, then what is asked for. */
struct handed {
	struct source front;
	struct inmate *child;
};

static void take_piece(struct inmate *c, const struct wire_order_message *m)
{
	c->have = m->input;
	c->ended = (enum rc)m->ended;
	c->source->buffer = (uint8_t *)(uintptr_t)(c->input + WIRE_SETUP);
	c->source->start = m->at;
	c->source->end = m->at + m->input;
}

static enum rc handed_extend(struct source *s, size_t want, struct err *e)
{
	struct inmate *c = ((struct handed *)s)->child;
	struct wire_order_message m;
	size_t seen = s->end - s->start;
	if (c->ended == RC_OK) {
		tell(
		    &(struct wire_tell_message){.what = TELL_WANT, .offset = source_offset(s), .want = (uint32_t)want});
		listen_for(&m);
		assert(m.what == ORDER_INPUT);
		take_piece(c, &m);
	}
	if (s->end - s->start > seen)
		return RC_OK;
	return c->ended == RC_END ? RC_END : err_set(c->ended, e, "the input cannot be read");
}

static void handed_close(struct source *s)
{
	struct inmate *c = ((struct handed *)s)->child;
	c->moved = source_offset(s);
	c->source = NULL;
	mem_free(&s);
}

static const struct source_ops handed_ops = {.name = "handed", .extend = handed_extend, .close = handed_close};

static struct source *handed_source(struct inmate *c, const struct wire_order_message *order)
{
	struct handed *h = mem_zero(1, sizeof *h);
	h->front.ops = &handed_ops;
	h->child = c;
	c->source = &h->front;
	take_piece(c, order);
	c->whole = c->ended == RC_END;
	return c->source;
}

static uint64_t moved(const struct inmate *c)
{
	return c->source != NULL ? source_offset(c->source) : c->moved;
}

struct step { /* what the dissector came to */
	enum rc rc;
	const struct batch *batch;
	bool clean;
	struct err e;
};

static void take_step(struct dissector *d, struct step *s)
{
	s->batch = NULL;
	s->clean = true;
	s->rc = dissect_next(d, &s->batch, &s->clean, &s->e);
}

static void tell_end(struct inmate *c, const struct step *s)
{
	enum wire_tell what = s->rc == RC_END ? TELL_END : s->rc == RC_BAD ? TELL_BAD : TELL_FAILED;
	struct wire_tell_message m = {.what = what, .clean = s->clean, .offset = moved(c)};
	if (s->rc != RC_END)
		memcpy(m.text, s->e.text, sizeof m.text);
	tell(&m);
}

/* Until the parent is done with the batch in the slab. */
static void hand_over(struct inmate *c)
{
	struct wire_order_message order;
	if (c->stands) {
		/* Nobody answers: our parent is gone. */
		if (!notice_stand(moved(c)))
			_exit(ENDED_WELL);
		return;
	}
	tell(&(struct wire_tell_message){.what = TELL_BATCH, .offset = moved(c)});
	listen_for(&order);
	assert(order.what == ORDER_NEXT);
}

/*
 * The first batch of a short input: it is put behind the slab and the next step taken before anything is said, because
 * most often that is the end, and all of it one exchange.
 */
static bool hand_over_short(struct inmate *c, struct dissector *d, struct step *s)
{
	if (!c->whole || c->have > WIRE_SHORT || s->batch->size > WIRE_SHORT)
		return false;
	struct wire_tell_message m = {.what = TELL_BATCH, .copied = true, .offset = moved(c)};
	memcpy((uint8_t *)c->slab + BATCH_SLAB, c->slab, s->batch->size);
	take_step(d, s);
	m.last = s->rc == RC_END;
	m.clean = s->clean;
	tell(&m);
	return true;
}

/* Batch by batch, each in the shared slab. */
static void batches(struct inmate *c, struct dissector *d)
{
	struct step s;
	bool said_end = false;
	take_step(d, &s);
	if (s.rc == RC_OK && hand_over_short(c, d, &s))
		said_end = s.rc == RC_END;
	for (; s.rc == RC_OK; take_step(d, &s)) {
		assert(s.batch == c->slab);
		hand_over(c);
	}
	if (!said_end)
		tell_end(c, &s);
}

static void dissect(struct inmate *c, const struct wire_order_message *order)
{
	struct dissect_hints hints = {
	    .name = order->name, .size = order->size, .slot_s = order->slot_s, .archived_s = order->archived_s};
	struct dissector *d = NULL;
	struct err e;
	enum rc rc = RC_OK;
	if (order->setup > 0) {
		orders_fini(&c->orders);
		rc = orders_read(c->input, order->setup, c->params->table, &c->orders, &e);
		assert(rc == RC_OK);
	}
	/* Whoever makes a batch makes it in this slab, of any size up to a batch's largest. */
	c->slab->mapped = BATCH_SLAB;
	c->spare = c->slab;
	c->orders.params.rows = order->rows;
	c->orders.params.spare = &c->spare;
	rc = dissect_open(c->orders.ops, handed_source(c, order), &hints, &c->orders.params, &d, &e);
	if (rc == RC_OK) {
		batches(c, d);
	} else {
		struct wire_tell_message m = {.what = TELL_BAD};
		memcpy(m.text, e.text, sizeof m.text);
		tell(&m);
	}
	dissect_close(&d);
}

static void *map_shared(int fd, size_t size, int protection)
{
	void *p = mmap(NULL, size, protection, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		_exit(ENDED_UNCONFINED);
	return p;
}

static void keep_descriptors(const struct inmate_params *p)
{
	/* Up first, so that neither is written over before it is used. */
	int wire = fcntl(p->fd[WIRE_SOCKET], F_DUPFD_CLOEXEC, 64), said = fcntl(p->said, F_DUPFD_CLOEXEC, 64);
	if (dup2(said, STDERR_FILENO) < 0 || dup2(wire, WIRE_FD) < 0 || close_range(WIRE_FD + 1, ~0U, 0) != 0 ||
	    close_range(0, 1, 0) != 0)
		_exit(ENDED_UNCONFINED);
}

/* While a descriptor can still be had and sent. */
static bool send_listener(bool copies)
{
	int listener = !copies && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? notice_listener() : -1;
	if (!notice_send(WIRE_FD, listener))
		_exit(ENDED_UNCONFINED);
	if (listener >= 0)
		close(listener);
	return listener >= 0;
}

void inmate_run(const struct inmate_params *p)
{
	struct inmate c = {.params = p};
	struct jail_params jail = {
	    .fd = WIRE_FD, .call = -1, .parent = p->parent, .memory = p->memory, .denied = denied};
	struct wire_tell_message ready = {.what = TELL_READY};
	struct wire_order_message order;
	struct err e;
	prctl(PR_SET_NAME, "sluice-dissect");
	heap_keep();
	c.input = map_shared(p->fd[WIRE_INPUT_MEMORY], WIRE_SETUP + WIRE_INPUT, PROT_READ);
	c.slab = map_shared(p->fd[WIRE_SLAB_MEMORY], BATCH_SLAB + WIRE_SHORT, PROT_READ | PROT_WRITE);
	keep_descriptors(p);
	c.stands = send_listener(p->copies);
	if (c.stands)
		jail.call = notice_call();
	if (jail_enter(&jail, &ready.jail, &e) != RC_OK) {
		ready.what = TELL_FAILED;
		memcpy(ready.text, e.text, sizeof ready.text);
		tell(&ready);
		_exit(ENDED_UNCONFINED);
	}
	tell(&ready);
	for (;;) {
		listen_for(&order);
		assert(order.what == ORDER_OPEN);
		dissect(&c, &order);
	}
}

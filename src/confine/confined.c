/*
 * The parent's half: it hands input over, takes batches, and judges.
 *
 * Parent and child take turns, and the child is bound to the processor that its parent runs on: then a turn is a switch
 * on one processor, with what was handed over in its cache. Waking another processor costs several times that, and a
 * daemon has more threads than processors anyway.
 */
#include "confine/confine.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "confine/cell.h"
#include "confine/notice.h"
#include "confine/orders.h"
#include "confine/window.h"

enum {
	LOOK_BATCHES = 64, /* how often a child that hands over batch after batch is looked at */
	MS_PER_MIB = 1000, /* processor time that a MiB of input may take beyond time_ms */
	ROWS =
	    2048, /* in a batch that is copied, where nobody asks for fewer: both fit a cache beside what uses them */
	KILLED_MOST = 3, /* in a row by somebody else, until the input is blamed */
};

/* A dissector whose work is done elsewhere. */
struct confined {
	struct dissector base;
	struct cell *cell;
	struct source *source; /* taken; NULL once it has ended */
	enum type type[BATCH_COLUMNS];
	size_t types;
	uint64_t size; /* of the input, or DISSECT_SIZE_UNKNOWN */
	struct window window;
	uint64_t moved; /* what the child says it has moved past, with its last batch */
	int64_t cpu_ms; /* of the child when it was first looked at */
	unsigned batches;
	bool owed;  /* the child waits to be asked for its next batch */
	bool stood; /* it stands still: notice says where */
	struct notice notice;
	bool looked; /* cpu_ms is known */
	bool dirty;  /* something was rejected: the child is replaced */
	bool over;   /* next has only `end` left to say */
	enum rc end;
	bool clean;
	enum rc input_rc; /* how reading the input failed */
	struct err input_error, error;
};

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
	return d->cell->confine->params.time_ms + (int64_t)(d->window.served >> 20) * MS_PER_MIB;
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
	confine_count(cell->confine, CONFINE_STOPPED, NULL);
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
	enum rc known = cell_end(cell, why == NULL, &r);
	d->stood = d->owed = false;
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
 * So much of the input that want bytes are in view, or a piece; and what comes after it. Of a file that is known to
 * have an end that is found out at once; a pipe's bytes are handed on as they come.
 */
static void fill(struct confined *d, uint32_t keep, uint32_t want, struct wire_order_message *m)
{
	struct window *w = &d->window;
	uint8_t *memory = d->cell->input + WIRE_SETUP;
	uint32_t most = window_room(w, memory, keep, want);
	enum rc rc = d->source == NULL ? RC_END : RC_OK;
	while (rc == RC_OK && w->filled < most && (w->have == keep || d->size != DISSECT_SIZE_UNKNOWN)) {
		size_t got = 0;
		rc = source_read(d->source, memory + w->filled, most - w->filled, &got, &d->input_error);
		window_add(w, rc == RC_OK ? (uint32_t)got : 0);
	}
	if (d->cell->touched < w->filled)
		d->cell->touched = w->filled;
	if (rc != RC_OK && rc != RC_END)
		d->input_rc = rc;
	m->at = w->filled - w->have;
	m->input = w->have;
	m->ended = rc;
	if (rc != RC_OK)
		source_close(&d->source);
}

static bool order(struct cell *cell, const struct wire_order_message *m)
{
	ssize_t n;
	cell_bind(cell);
	do
		n = send(cell->fd, m, sizeof *m, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof *m;
}

/* We are done with its batch. If the child is gone, listening to it finds that out. */
static void let_go_on(struct confined *d)
{
	if (d->stood) {
		cell_bind(d->cell);
		(void)!notice_answer(d->cell->listener, d->notice.id);
	} else if (d->owed) {
		(void)!order(d->cell, &(struct wire_order_message){.what = ORDER_NEXT});
	}
	d->stood = d->owed = false;
}

/* What came, if anything did: RC_OK a message, or d->stood. Its end is seen by its socket. */
static enum rc look(struct confined *d, struct wire_tell_message *m)
{
	struct cell *cell = d->cell;
	struct pollfd p[] = {{.fd = cell->fd, .events = POLLIN}, {.fd = cell->listener, .events = POLLIN}};
	int n = poll(p, 2, CELL_STEP_MS);
	if (n < 0 && errno == EINTR)
		return RC_AGAIN;
	if (n > 0 && p[0].revents != 0)
		return cell_receive(cell, m);
	if (n > 0 && (p[1].revents & POLLIN) != 0) {
		enum rc rc = notice_take(cell->listener, cell->pid, &d->notice);
		d->stood = rc == RC_OK;
		return rc;
	}
	if (n > 0) {
		close(cell->listener);
		cell->listener = -1;
	}
	return RC_AGAIN;
}

/* RC_OK: a message, or d->stood. RC_END: it ended by itself. RC_BAD: it has to be ended, *why. */
static enum rc hear(struct confined *d, struct wire_tell_message *m, const char **why)
{
	struct mono began = clock_mono();
	for (;;) {
		enum rc rc = look(d, m);
		*why = "it sends what is no message";
		if (rc != RC_AGAIN)
			return rc;
		int64_t silent = mono_since(began);
		*why = "past its time";
		if (silent >= CELL_STEP_MS && past_its_time(d))
			return RC_BAD;
		*why = "past its time, standing still";
		if (silent > time_of(d) * CELL_STILL_TIMES)
			return RC_BAD;
	}
}

/* A batch that was judged, or the first lie in it. */
static enum rc take_batch(struct confined *d, struct batch *b, enum rc judged, const struct err *lie, uint64_t offset,
    const struct batch **out, struct err *e)
{
	if (judged != RC_OK) {
		char why[ERR_TEXT];
		snprintf(why, sizeof why, "%s", lie->text);
		return stop(d, why, out, e);
	}
	if (!batch_holds(b))
		return stop(d, "batch: nothing in it", out, e);
	if (++d->batches % LOOK_BATCHES == 0 && past_its_time(d))
		return stop(d, "past its time", out, e);
	d->dirty |= b->rejects > 0;
	d->moved = offset < d->window.served ? offset : d->window.served;
	*out = b;
	return RC_OK;
}

/* The child stands still until it is answered: the batch is used where it lies. */
static enum rc take_standing(struct confined *d, const struct batch **out, struct err *e)
{
	struct err lie;
	struct batch *b = (struct batch *)(void *)d->cell->slab;
	enum rc rc = batch_accept(b, BATCH_SLAB, d->type, d->types, &lie);
	return take_batch(d, b, rc, &lie, d->notice.offset, out, e);
}

static enum rc take_copy(struct confined *d, const struct wire_tell_message *m, const struct batch **out, struct err *e)
{
	struct cell *cell = d->cell;
	struct err lie;
	const uint8_t *at = cell->slab + (m->copied ? BATCH_SLAB : 0);
	enum rc rc = batch_take(cell->own, at, m->copied ? WIRE_SHORT : BATCH_SLAB, d->type, d->types, &lie);
	rc = take_batch(d, cell->own, rc, &lie, m->offset, out, e);
	if (d->over)
		return rc;
	d->owed = !m->copied;
	if (m->copied && m->last) {
		cell->killed = 0;
		(void)over(d, RC_END, m->clean != 0);
	}
	return rc;
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

/* More input, if it is more. Where the child says that it stands decides what it sees again, of its own input. */
static const char *serve(struct confined *d, const struct wire_tell_message *m)
{
	struct wire_order_message more = {.what = ORDER_INPUT};
	uint32_t keep;
	if (d->source == NULL)
		return "it reads past the end";
	if (!window_may_want(&d->window, m->offset, m->want, &keep))
		return "it wants input that it cannot want";
	fill(d, keep, m->want, &more);
	(void)!order(d->cell, &more);
	return NULL;
}

static enum rc confined_next(struct dissector *base, const struct batch **out, bool *clean, struct err *e)
{
	struct confined *d = (struct confined *)base;
	let_go_on(d);
	while (!d->over) {
		struct wire_tell_message m;
		char call[JAIL_CALL], text[80];
		const char *why = NULL;
		enum rc rc = hear(d, &m, &why);
		if (rc != RC_OK)
			return stop(d, rc == RC_END ? NULL : why, out, e);
		if (d->stood)
			return take_standing(d, out, e);
		printable(m.text);
		switch (m.what) {
		case TELL_WANT:
			why = serve(d, &m);
			if (why != NULL)
				return stop(d, why, out, e);
			break;
		case TELL_BATCH:
			return take_copy(d, &m, out, e);
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
		(void)cell_end(cell, false, &r);
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
	struct wire_order_message m = {
	    .what = ORDER_OPEN, .size = hints->size, .slot_s = hints->slot_s, .archived_s = hints->archived_s};
	if (cell == NULL || ops->spawns)
		return dissect_open(ops, src, hints, params, out, e);
	assert(cell->open == NULL);
	enum rc rc = cell->pid != 0 ? RC_OK : cell_start(cell, &jail, e);
	m.rows = params->rows != 0 || cell->listener >= 0 ? params->rows : ROWS;
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
	fill(d, 0, WINDOW_PIECE, &m);
	/* A child that died while it had nothing to do is found out by the first next. */
	(void)!order(cell, &m);
	cell->open = d;
	*out = &d->base;
	return RC_OK;
}

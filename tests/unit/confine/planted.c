/* What a dissector would do that somebody took over: each act is tried for real. */
#include "planted.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "confine/notice.h"
#include "confine/wire.h"

struct planted {
	struct dissector base;
	struct source *source;
	struct batch *batch, **spare;
	void (*act)(struct planted *p);
	long after;
	size_t peek; /* how much it wants to see at once */
};

static void open_socket(struct planted *p)
{
	socket(AF_INET, SOCK_STREAM, 0);
}

static void open_file(struct planted *p)
{
	(void)!open("/etc/passwd", O_RDONLY);
}

static void write_file(struct planted *p)
{
	(void)!open("/tmp/planted", O_WRONLY | O_CREAT, 0600);
}

static void start_process(struct planted *p)
{
	if (fork() == 0)
		_exit(0);
}

static void *nothing(void *context)
{
	return NULL;
}

static void start_thread(struct planted *p)
{
	pthread_t id;
	pthread_create(&id, NULL, nothing, NULL);
}

static void run_program(struct planted *p)
{
	char *const argv[] = {"/bin/true", NULL};
	execv(argv[0], argv);
}

static void kill_parent(struct planted *p)
{
	kill(getppid(), SIGKILL);
}

static void kill_by_number(struct planted *p)
{
	kill(1, SIGKILL);
}

static void trace(struct planted *p)
{
	ptrace(PTRACE_ATTACH, 1, NULL, NULL);
}

static void make_code(struct planted *p)
{
	(void)!mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void turn_to_code(struct planted *p)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(at, 4096, PROT_READ | PROT_EXEC);
}

static void read_other(struct planted *p)
{
	char byte;
	(void)!read(WIRE_FD + 1, &byte, 1);
}

static void pass_descriptor(struct planted *p)
{
	struct msghdr head = {.msg_iov = NULL};
	sendmsg(WIRE_FD, &head, 0);
}

static void allow_signals(struct planted *p)
{
	signal(SIGSYS, SIG_IGN);
}

static void spin(struct planted *p)
{
	for (volatile unsigned long i = 0;; i++)
		;
}

static void stand_still(struct planted *p)
{
	struct wire_order_message m;
	for (;;)
		(void)!read(WIRE_FD, &m, sizeof m);
}

static void eat(struct planted *p)
{
	for (;;)
		memset(mem_alloc(1 << 20), 1, 1 << 20);
}

static unsigned deeper(volatile unsigned *depth)
{
	volatile unsigned frame[1024];
	frame[*depth % 1024] = ++*depth;
	return *depth == 0 ? 0 : deeper(depth) + frame[1];
}

static void fall(struct planted *p)
{
	volatile unsigned depth = 0;
	deeper(&depth);
}

static void fail(struct planted *p)
{
	abort();
}

static void fault(struct planted *p)
{
	volatile char *volatile nowhere = NULL;
	*nowhere = 1;
}

static void talk(struct planted *p)
{
	static const char line[] = "words ";
	for (;;)
		(void)!write(STDERR_FILENO, line, sizeof line - 1);
}

static void leave(struct planted *p)
{
	_exit(0);
}

static void hang_up(struct planted *p)
{
	(void)!write(WIRE_FD, "", 0);
	spin(p);
}

static void send_garbage(struct planted *p)
{
	(void)!write(WIRE_FD, "garbage", 7);
	stand_still(p);
}

static void send_much(struct planted *p)
{
	static char much[sizeof(struct wire_tell_message) + 1];
	(void)!write(WIRE_FD, much, sizeof much);
	stand_still(p);
}

static void send_unknown(struct planted *p)
{
	struct wire_tell_message m = {.what = 4711};
	(void)!write(WIRE_FD, &m, sizeof m);
	stand_still(p);
}

/* Batches that nobody asked for, as fast as they go. */
static void flood(struct planted *p)
{
	struct wire_tell_message m = {.what = TELL_BATCH};
	batch_reset(p->batch);
	p->batch->counter[0] = 1;
	for (;;)
		(void)!write(WIRE_FD, &m, sizeof m);
}

static void lie_about_reading(struct planted *p)
{
	struct wire_tell_message m = {.what = TELL_FAILED, .text = "the disk is gone"};
	(void)!write(WIRE_FD, &m, sizeof m);
	stand_still(p);
}

static void ask_for_more(struct planted *p)
{
	struct wire_tell_message m = {.what = TELL_WANT};
	for (;;)
		(void)!write(WIRE_FD, &m, sizeof m);
}

static void want(uint64_t offset, uint32_t bytes)
{
	struct wire_tell_message m = {.what = TELL_WANT, .offset = offset, .want = bytes};
	(void)!write(WIRE_FD, &m, sizeof m);
	stand_still(NULL);
}

/* From where it has not been. */
static void want_ahead(struct planted *p)
{
	want(UINT64_C(1) << 40, 100);
}

/* From where it was long ago. */
static void want_back(struct planted *p)
{
	const uint8_t *bytes;
	size_t have;
	struct err e;
	while (
	    source_offset(p->source) < 4 * WIRE_WINDOW / 3 && source_peek(p->source, 10000, &bytes, &have, &e) == RC_OK)
		source_take(p->source, have);
	want(0, WIRE_INPUT);
}

static void want_much(struct planted *p)
{
	want(source_offset(p->source), WIRE_INPUT + 1);
}

/* What it has already. */
static void want_little(struct planted *p)
{
	want(source_offset(p->source), 1);
}

static void tell(struct planted *p)
{
	struct wire_tell_message m = {.what = TELL_BATCH};
	(void)!write(WIRE_FD, &m, sizeof m);
	stand_still(p);
}

static void write_past(struct planted *p)
{
	memset((uint8_t *)p->batch + BATCH_SLAB, 0xff, BATCH_SLAB);
	spin(p);
}

static void write_input(struct planted *p)
{
	/* The input memory lies somewhere below: asking for the right to write to all of it changes nothing there. */
	mprotect((uint8_t *)p->batch - 4096, 4096, PROT_READ | PROT_WRITE);
	_exit(9);
}

static void many_rows(struct planted *p)
{
	p->batch->rows = UINT32_MAX;
	tell(p);
}

static void large_slab(struct planted *p)
{
	p->batch->size = UINT32_MAX;
	p->batch->arena_used = UINT32_MAX - 1;
	tell(p);
}

static void many_rejects(struct planted *p)
{
	p->batch->rejects = 1000;
	tell(p);
}

static void wild_span(struct planted *p)
{
	struct span *s = batch_values(p->batch, 1);
	p->batch->rows = 2;
	s[0] = (struct span){.length = 0};
	s[1] = (struct span){.offset = UINT32_MAX - 7, .length = 16};
	tell(p);
}

static void wild_reject(struct planted *p)
{
	struct batch_reject *r = (void *)((uint8_t *)p->batch + p->batch->rejects_at);
	p->batch->rejects = 1;
	*r = (struct batch_reject){.rows = UINT64_MAX - 1};
	tell(p);
}

static void empty_batch(struct planted *p)
{
	batch_reset(p->batch);
	tell(p);
}

/* The same lies, standing still: nobody copies them. */
static void stand_rows(struct planted *p)
{
	p->batch->rows = UINT32_MAX;
	notice_stand(0);
	spin(p);
}

static void stand_size(struct planted *p)
{
	p->batch->size = BATCH_SLAB + 1;
	notice_stand(0);
	spin(p);
}

static void stand_span(struct planted *p)
{
	struct span *s = batch_values(p->batch, 1);
	p->batch->rows = 2;
	s[0] = (struct span){.length = 0};
	s[1] = (struct span){.offset = UINT32_MAX - 7, .length = 16};
	notice_stand(0);
	spin(p);
}

static void stand_empty(struct planted *p)
{
	batch_reset(p->batch);
	notice_stand(0);
	spin(p);
}

/* Says that it is done with the batch and goes on changing it. */
static void tamper(struct planted *p)
{
	struct wire_tell_message m = {.what = TELL_BATCH};
	struct span *s = batch_values(p->batch, 1);
	p->batch->rows = PLANTED_ROWS;
	(void)!write(WIRE_FD, &m, sizeof m);
	for (uint32_t i = 0;; i++) {
		s[i % PLANTED_ROWS] = (struct span){.offset = i * 2654435761u, .length = i};
		*(volatile uint32_t *)&p->batch->rows = i % 2 == 0 ? PLANTED_ROWS : i;
	}
}

static const struct {
	const char *name;
	void (*act)(struct planted *p);
} act[] = {
    {"socket", open_socket},
    {"open", open_file},
    {"write", write_file},
    {"fork", start_process},
    {"thread", start_thread},
    {"exec", run_program},
    {"kill_parent", kill_parent},
    {"kill", kill_by_number},
    {"ptrace", trace},
    {"make_code", make_code},
    {"turn_to_code", turn_to_code},
    {"read", read_other},
    {"sendmsg", pass_descriptor},
    {"signal", allow_signals},
    {"spin", spin},
    {"stand_still", stand_still},
    {"eat", eat},
    {"fall", fall},
    {"abort", fail},
    {"fault", fault},
    {"talk", talk},
    {"leave", leave},
    {"hang_up", hang_up},
    {"garbage", send_garbage},
    {"much", send_much},
    {"unknown", send_unknown},
    {"flood", flood},
    {"lie_about_reading", lie_about_reading},
    {"ask_for_more", ask_for_more},
    {"want_ahead", want_ahead},
    {"want_back", want_back},
    {"want_much", want_much},
    {"want_little", want_little},
    {"write_past", write_past},
    {"write_input", write_input},
    {"many_rows", many_rows},
    {"large_slab", large_slab},
    {"many_rejects", many_rejects},
    {"wild_span", wild_span},
    {"wild_reject", wild_reject},
    {"empty_batch", empty_batch},
    {"tamper", tamper},
    {"stand_rows", stand_rows},
    {"stand_size", stand_size},
    {"stand_span", stand_span},
    {"stand_empty", stand_empty},
};

const char *planted_act(size_t i)
{
	return i < sizeof act / sizeof act[0] ? act[i].name : NULL;
}

static enum rc open_planted(struct source *src, const struct dissect_hints *hints, const struct dissect_params *params,
    struct dissector **out, struct err *e)
{
	static const enum type types[] = {TYPE_U32, TYPE_BYTES};
	struct planted *p = mem_zero(1, sizeof *p);
	p->base.ops = &dissect_planted;
	p->source = src;
	p->spare = params->spare;
	p->peek = PLANTED_ROWS;
	p->batch = batch_again(p->spare, types, 2, PLANTED_ROWS, 4096);
	for (size_t i = 0; i < params->options; i++) {
		const struct dissect_option *o = &params->option[i];
		if (strcmp(o->key, "after") == 0)
			p->after = strtol(o->value, NULL, 10);
		if (strcmp(o->key, "peek") == 0)
			p->peek = strtoul(o->value, NULL, 10);
		for (size_t k = 0; k < sizeof act / sizeof act[0]; k++)
			if (strcmp(o->key, "act") == 0 && strcmp(o->value, act[k].name) == 0)
				p->act = act[k].act;
	}
	*out = &p->base;
	return RC_OK;
}

static enum rc next_planted(struct dissector *d, const struct batch **out, bool *clean, struct err *e)
{
	struct planted *p = (struct planted *)d;
	const uint8_t *bytes;
	size_t have = 0;
	if (p->act != NULL && p->after-- == 0)
		p->act(p);
	batch_reset(p->batch);
	enum rc rc = source_peek(p->source, p->peek, &bytes, &have, e);
	*clean = rc == RC_END;
	if (rc != RC_OK)
		return rc;
	have = have < PLANTED_ROWS ? have : PLANTED_ROWS;
	if (bytes[0] == '!')
		return err_set(RC_BAD, e, "no rows in \"%.*s\"", (int)have, (const char *)bytes);
	for (size_t i = 0; i < have; i++) {
		struct span *span = (struct span *)batch_values(p->batch, 1) + i;
		((uint32_t *)batch_values(p->batch, 0))[i] = bytes[i];
		if (bytes[i] == '?' &&
		    batch_reject(p->batch, source_offset(p->source) + i, 1, 1, "a question", NULL, 0))
			batch_set_null(p->batch, 1, (uint32_t)i);
		else if (!batch_put(p->batch, &bytes[i], 1, span))
			return RC_FAIL;
	}
	p->batch->rows = (uint32_t)have;
	source_take(p->source, have);
	*out = p->batch;
	return RC_OK;
}

static void close_planted(struct dissector *d)
{
	struct planted *p = (struct planted *)d;
	source_close(&p->source);
	batch_keep(&p->batch, p->spare);
	mem_free(&p);
}

static const struct field fields[] = {
    {.name = "byte", .type = TYPE_U32, .help = "its value"},
    {.name = "text", .type = TYPE_BYTES, .help = "itself"},
};

const struct dissect_ops dissect_planted = {
    .name = "planted",
    .version = "1",
    .field = fields,
    .fields = 2,
    .open = open_planted,
    .next = next_planted,
    .close = close_planted,
};

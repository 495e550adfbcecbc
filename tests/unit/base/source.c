/* source: peeks across the buffer's borders, errors that stay, and input that comes in crumbs. */
#include "base/source.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* Gives a counting pattern in pieces of varying size, then ends as told. */
struct crumbs {
	struct source base;
	uint64_t at, total;
	size_t piece;
	enum rc ending;
	unsigned reads_after_end;
};

static uint8_t pattern(uint64_t offset)
{
	return (uint8_t)(offset * 31 + (offset >> 8));
}

static enum rc crumbs_read(struct source *s, void *to, size_t size, size_t *got, struct err *e)
{
	struct crumbs *c = (struct crumbs *)s;
	if (c->at == c->total) {
		c->reads_after_end++;
		return c->ending == RC_END ? RC_END : err_set(c->ending, e, "the wire broke");
	}
	size_t n = c->piece == 0 || c->piece > size ? size : c->piece;
	if (n > c->total - c->at)
		n = c->total - c->at;
	for (size_t i = 0; i < n; i++)
		((uint8_t *)to)[i] = pattern(c->at++);
	*got = n;
	return RC_OK;
}

static void crumbs_close(struct source *s)
{
	free(s);
}

static struct source *crumbs_open(uint64_t total, size_t piece, enum rc ending)
{
	static const struct source_ops ops = {.name = "crumbs", .read = crumbs_read, .close = crumbs_close};
	struct crumbs *c = calloc(1, sizeof *c);
	*c = (struct crumbs){.base.ops = &ops, .total = total, .piece = piece, .ending = ending};
	return &c->base;
}

static void assert_pattern(const uint8_t *bytes, size_t n, uint64_t offset)
{
	for (size_t i = 0; i < n; i++)
		if (bytes[i] != pattern(offset + i))
			fail_msg("wrong byte at %llu", (unsigned long long)(offset + i));
}

static void every_mix_of_peek_and_take_sees_the_stream(void **state)
{
	static const size_t pieces[] = {0, 1, 7, 4096, 70000};
	const uint64_t total = 300001;
	struct err e;
	srand(7);
	for (size_t p = 0; p < sizeof pieces / sizeof pieces[0]; p++) {
		struct source *s = crumbs_open(total, pieces[p], RC_END);
		uint64_t at = 0;
		while (at < total) {
			size_t want = 1 + (size_t)rand() % (rand() % 4 == 0 ? 100000 : 50), have = 0;
			const uint8_t *bytes;
			assert_int_equal(source_peek(s, want, &bytes, &have, &e), RC_OK);
			assert_int_equal(have, want < total - at ? want : total - at);
			assert_pattern(bytes, have, at);
			size_t n = (size_t)rand() % (have + 1);
			source_take(s, n);
			at += n;
			assert_true(source_offset(s) == at);
		}
		size_t have = 9;
		assert_int_equal(source_peek(s, 1, &(const uint8_t *){NULL}, &have, &e), RC_END);
		assert_int_equal(have, 0);
		source_close(&s);
		assert_null(s);
	}
}

static void the_buffer_grows_to_the_largest_peek_only(void **state)
{
	struct source *s = crumbs_open(40 << 20, 0, RC_END);
	const uint8_t *bytes;
	size_t have;
	struct err e;
	for (int i = 0; i < 30; i++) {
		assert_int_equal(source_peek(s, 1 << 20, &bytes, &have, &e), RC_OK);
		assert_int_equal(have, 1 << 20);
		assert_true(s->capacity <= (1 << 20) + 4096);
		source_take(s, have - 1);
	}
	assert_int_equal(source_peek(s, SOURCE_PEEK_MAX, &bytes, &have, &e), RC_OK);
	assert_int_equal(have, SOURCE_PEEK_MAX);
	assert_true(s->capacity <= SOURCE_PEEK_MAX + 4096);
	source_close(&s);
}

static void an_error_waits_behind_what_came_before_it(void **state)
{
	struct source *s = crumbs_open(100, 0, RC_BAD);
	const uint8_t *bytes;
	size_t have;
	struct err e = {.text = ""};
	assert_int_equal(source_peek(s, 200, &bytes, &have, &e), RC_OK);
	assert_int_equal(have, 100);
	assert_int_equal(source_ended(s, &e), RC_BAD);
	source_take(s, 60);
	assert_int_equal(source_peek(s, 200, &bytes, &have, &e), RC_OK);
	assert_int_equal(have, 40);
	assert_pattern(bytes, 40, 60);
	source_take(s, 40);
	for (int i = 0; i < 3; i++) {
		e.text[0] = '\0';
		assert_int_equal(source_peek(s, 1, &bytes, &have, &e), RC_BAD);
		assert_int_equal(have, 0);
		assert_string_equal(e.text, "the wire broke");
		size_t got;
		uint8_t to[10];
		assert_int_equal(source_read(s, to, sizeof to, &got, &e), RC_BAD);
	}
	assert_int_equal(((struct crumbs *)s)->reads_after_end, 1);
	source_close(&s);
}

static void big_reads_meet_the_same_error(void **state)
{
	struct source *s = crumbs_open(100000, 0, RC_FAIL);
	uint8_t *to = malloc(200000);
	size_t got, have;
	const uint8_t *bytes;
	struct err e;
	assert_int_equal(source_read(s, to, 200000, &got, &e), RC_OK);
	assert_int_equal(got, 100000);
	assert_pattern(to, got, 0);
	assert_true(source_offset(s) == 100000);
	assert_int_equal(source_read(s, to, 200000, &got, &e), RC_FAIL);
	assert_int_equal(source_read(s, to, 10, &got, &e), RC_FAIL);
	assert_int_equal(source_peek(s, 10, &bytes, &have, &e), RC_FAIL);
	assert_int_equal(((struct crumbs *)s)->reads_after_end, 1);
	free(to);
	source_close(&s);
}

static void reads_of_any_size_join_up(void **state)
{
	static const size_t sizes[] = {1, 100, 65535, 65536, 100000};
	const uint64_t total = 500000;
	uint8_t *to = malloc(100000);
	struct err e;
	for (size_t i = 0; i < 5; i++) {
		struct source *s = crumbs_open(total, 30000, RC_END);
		const uint8_t *bytes;
		size_t have, got;
		uint64_t at = 0;
		/* what a peek left in the buffer comes first */
		assert_int_equal(source_peek(s, 10, &bytes, &have, &e), RC_OK);
		enum rc rc;
		while ((rc = source_read(s, to, sizes[i], &got, &e)) == RC_OK) {
			assert_true(got >= 1 && got <= sizes[i]);
			assert_pattern(to, got, at);
			at += got;
		}
		assert_int_equal(rc, RC_END);
		assert_true(at == total);
		source_close(&s);
	}
	free(to);
}

static void memory_is_shown_in_place(void **state)
{
	static const char text[] = "hello";
	struct source *s = source_memory(text, 5);
	const uint8_t *bytes;
	size_t have;
	struct err e;
	assert_int_equal(source_peek(s, 100, &bytes, &have, &e), RC_OK);
	assert_int_equal(have, 5);
	assert_ptr_equal(bytes, text);
	assert_int_equal(source_ended(s, &e), RC_END);
	source_take(s, 4);
	char to[8];
	size_t got;
	assert_int_equal(source_read(s, to, sizeof to, &got, &e), RC_OK);
	assert_int_equal(got, 1);
	assert_int_equal(to[0], 'o');
	assert_int_equal(source_read(s, to, sizeof to, &got, &e), RC_END);
	source_close(&s);
	s = source_memory(NULL, 0);
	assert_int_equal(source_peek(s, 1, &bytes, &have, &e), RC_END);
	source_close(&s);
}

/* Shows a pattern where it lies, a piece more each time, moved about as its owner likes. */
struct shown {
	struct source base;
	uint8_t *memory;
	size_t size;
	uint64_t shown;
};

enum { SHOWN = 300001, SHOWN_PIECE = 1000 };

static enum rc shown_extend(struct source *s, size_t want, struct err *e)
{
	struct shown *c = (struct shown *)s;
	size_t seen = s->end - s->start, more = want - seen < SHOWN_PIECE ? want - seen : SHOWN_PIECE;
	assert_true(want > seen);
	if (more > SHOWN - c->shown)
		more = SHOWN - c->shown;
	if (more == 0)
		return err_set(RC_BAD, e, "the wire broke");
	size_t at = (size_t)rand() % (c->size - seen - more);
	memmove(c->memory + at, s->buffer + s->start, seen);
	for (size_t i = 0; i < more; i++)
		c->memory[at + seen + i] = pattern(c->shown++);
	s->buffer = c->memory;
	s->start = at;
	s->end = at + seen + more;
	return RC_OK;
}

static void shown_close(struct source *s)
{
	free(((struct shown *)s)->memory);
	free(s);
}

static void what_lies_in_memory_is_seen_there_piece_by_piece(void **state)
{
	static const struct source_ops ops = {.name = "shown", .extend = shown_extend, .close = shown_close};
	struct shown *c = calloc(1, sizeof *c);
	uint8_t to[100000];
	uint64_t at = 0;
	struct err e;
	enum rc rc;
	*c = (struct shown){.base.ops = &ops, .memory = malloc(1 << 20), .size = 1 << 20};
	c->base.buffer = c->memory;
	struct source *s = &c->base;
	srand(11);
	do {
		size_t want = 1 + (size_t)rand() % (rand() % 4 == 0 ? 20000 : 50), have = 0, got = 0;
		const uint8_t *bytes;
		rc = source_peek(s, want, &bytes, &have, &e);
		assert_int_equal(have, want < SHOWN - at ? want : SHOWN - at);
		assert_int_equal(rc, have > 0 ? RC_OK : RC_BAD);
		if (rc == RC_OK)
			assert_true(bytes >= c->memory && bytes + have <= c->memory + c->size);
		assert_pattern(bytes, have, at);
		source_take(s, have / 2);
		at += have / 2;
		rc = source_read(s, to, rand() % 2 == 0 ? 70 : sizeof to, &got, &e);
		if (rc == RC_OK)
			assert_pattern(to, got, at);
		at += rc == RC_OK ? got : 0;
		assert_true(source_offset(s) == at);
	} while (rc == RC_OK);
	assert_int_equal(rc, RC_BAD);
	assert_string_equal(e.text, "the wire broke");
	assert_true(at == SHOWN);
	assert_int_equal(s->capacity, 0);
	source_close(&s);
}

struct feeder {
	int fd;
	size_t total;
};

static void *feed(void *argument)
{
	struct feeder *f = argument;
	for (size_t at = 0; at < f->total;) {
		uint8_t piece[977];
		size_t n = f->total - at < sizeof piece ? f->total - at : sizeof piece;
		for (size_t i = 0; i < n; i++)
			piece[i] = pattern(at + i);
		ssize_t put = write(f->fd, piece, n);
		if (put < 0)
			break;
		at += (size_t)put;
	}
	close(f->fd);
	return NULL;
}

static void a_pipe_gives_short_reads_and_peek_whole_ones(void **state)
{
	int fds[2];
	pthread_t thread;
	struct err e;
	assert_int_equal(pipe(fds), 0);
	struct feeder f = {.fd = fds[1], .total = 500000};
	assert_int_equal(pthread_create(&thread, NULL, feed, &f), 0);
	struct source *s = source_fd(fds[0], true, "pipe");
	const uint8_t *bytes;
	size_t have;
	for (uint64_t at = 0; at < 500000; at += 100000) {
		assert_int_equal(source_peek(s, 100000, &bytes, &have, &e), RC_OK);
		assert_int_equal(have, 100000);
		assert_pattern(bytes, have, at);
		source_take(s, have);
	}
	assert_int_equal(source_peek(s, 1, &bytes, &have, &e), RC_END);
	pthread_join(thread, NULL);
	source_close(&s);
	assert_int_equal(close(fds[0]), -1);
}

static void a_descriptor_that_cannot_be_read_fails(void **state)
{
	int fds[2];
	struct err e;
	const uint8_t *bytes;
	size_t have;
	assert_int_equal(pipe(fds), 0);
	/* the end that only writes */
	struct source *s = source_fd(fds[1], false, "pipe");
	assert_int_equal(source_peek(s, 1, &bytes, &have, &e), RC_FAIL);
	assert_int_not_equal(e.sys, 0);
	source_close(&s);
	assert_int_equal(close(fds[1]), 0);
	close(fds[0]);
}

static void note(void *context, const void *bytes, size_t size)
{
	uint64_t *seen = context;
	assert_pattern(bytes, size, *seen);
	*seen += size;
}

static void a_tee_shows_each_byte_once_and_passes_the_end_on(void **state)
{
	const uint64_t total = 200000;
	uint64_t seen = 0, at = 0;
	struct err e;
	struct source *s = source_tee(crumbs_open(total, 5000, RC_BAD), note, &seen);
	const uint8_t *bytes;
	size_t have, got;
	uint8_t *to = malloc(100000);
	assert_int_equal(source_peek(s, 10, &bytes, &have, &e), RC_OK);
	assert_int_equal(source_peek(s, 20000, &bytes, &have, &e), RC_OK);
	assert_pattern(bytes, have, 0);
	source_take(s, 15000);
	at = 15000;
	enum rc rc;
	while ((rc = source_read(s, to, 100000, &got, &e)) == RC_OK) {
		assert_pattern(to, got, at);
		at += got;
	}
	assert_int_equal(rc, RC_BAD);
	assert_string_equal(e.text, "the wire broke");
	assert_true(at == total);
	assert_true(seen == total);
	free(to);
	source_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_mix_of_peek_and_take_sees_the_stream),
	    cmocka_unit_test(the_buffer_grows_to_the_largest_peek_only),
	    cmocka_unit_test(an_error_waits_behind_what_came_before_it),
	    cmocka_unit_test(big_reads_meet_the_same_error),
	    cmocka_unit_test(reads_of_any_size_join_up),
	    cmocka_unit_test(memory_is_shown_in_place),
	    cmocka_unit_test(what_lies_in_memory_is_seen_there_piece_by_piece),
	    cmocka_unit_test(a_pipe_gives_short_reads_and_peek_whole_ones),
	    cmocka_unit_test(a_descriptor_that_cannot_be_read_fails),
	    cmocka_unit_test(a_tee_shows_each_byte_once_and_passes_the_end_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

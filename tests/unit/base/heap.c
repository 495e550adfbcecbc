/* heap: what a thread's backlog took goes back to the kernel, and not more often than is said. */
#include "base/heap.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/proc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* A sanitizer has an allocator of its own. */
#if !defined(__GLIBC__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OTHER_ALLOCATOR
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define OTHER_ALLOCATOR
#endif
#endif

enum { PIECES = 64 << 10, SIZE = 1000, MINUTE_MS = 61 * 1000 };

static void once_a_minute(void **state)
{
	struct mono last = clock_mono(), asked = last;
	heap_give_back(&last);
	assert_int_equal(last.ms, asked.ms);
	last.ms -= MINUTE_MS;
	heap_give_back(&last);
	assert_in_range(last.ms, asked.ms, asked.ms + 60000);
}

#ifndef OTHER_ALLOCATOR
/* In an arena of this thread, most likely. */
static void *take_many(void *context)
{
	char **piece = context;
	for (size_t i = 0; i < PIECES; i++) {
		piece[i] = mem_alloc(SIZE);
		memset(piece[i], 1, SIZE);
	}
	return NULL;
}

static void a_backlog_goes_back(void **state)
{
	pthread_t thread;
	char **piece = mem_zero(PIECES, sizeof *piece);
	struct mono last = clock_mono();
	heap_keep();
	uint64_t before = proc_memory(getpid());
	assert_int_equal(pthread_create(&thread, NULL, take_many, piece), 0);
	pthread_join(thread, NULL);
	/* The last one stays: as in life, the end of the arena is not free. */
	for (size_t i = 0; i + 1 < PIECES; i++)
		mem_free(&piece[i]);
	uint64_t kept = proc_memory(getpid());
	assert_true(kept > before + (uint64_t)PIECES * SIZE / 2);
	heap_give_back(&last);
	assert_true(proc_memory(getpid()) > before + (uint64_t)PIECES * SIZE / 2);
	last.ms -= MINUTE_MS;
	heap_give_back(&last);
	assert_true(proc_memory(getpid()) < before + (uint64_t)PIECES * SIZE / 8);
	mem_free(&piece[PIECES - 1]);
	mem_free(&piece);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(once_a_minute),
#ifndef OTHER_ALLOCATOR
	    cmocka_unit_test(a_backlog_goes_back),
#endif
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

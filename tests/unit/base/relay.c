/* Every block is worked on, once, in order, with the bytes that were put; the owner is never more than the ring ahead.
 */
#include "base/relay.h"

#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { BLOCK = 4096, BLOCKS = 4, MANY = 5000 };

struct seen {
	unsigned blocks;      /* the thread's until relay_end */
	_Atomic unsigned now; /* the same, to look at meanwhile */
	bool wrong;
	int64_t slow_ms;
};

/* Block n holds n everywhere and is n % BLOCK + 1 bytes long. */
static void look(void *context, const uint8_t *bytes, size_t size)
{
	struct seen *s = context;
	s->wrong |= size != s->blocks % BLOCK + 1;
	for (size_t i = 0; i < size; i++)
		s->wrong |= bytes[i] != (uint8_t)s->blocks;
	if (s->slow_ms > 0)
		clock_sleep_ms(s->slow_ms);
	s->blocks++;
	atomic_store(&s->now, s->blocks);
}

static const uint8_t *give(struct relay *r, unsigned n)
{
	uint8_t *block = relay_block(r);
	memset(block, (int)n, n % BLOCK + 1);
	relay_put(r, n % BLOCK + 1);
	return block;
}

static void in_order(void **state)
{
	struct relay *r = relay_new(BLOCK, BLOCKS);
	for (unsigned round = 0; round < 3; round++) {
		struct seen s = {.blocks = 0};
		relay_begin(r, look, &s);
		for (unsigned n = 0; n < MANY; n++) {
			const uint8_t *block = give(r, n);
			/* it stays the owner's to read */
			assert_int_equal(block[0], (uint8_t)n);
			assert_int_equal(block[n % BLOCK], (uint8_t)n);
		}
		relay_end(r);
		assert_int_equal(s.blocks, MANY);
		assert_false(s.wrong);
	}
	relay_free(&r);
	assert_null(r);
}

static void the_owner_waits(void **state)
{
	struct relay *r = relay_new(BLOCK, BLOCKS);
	struct seen s = {.slow_ms = 2};
	relay_begin(r, look, &s);
	for (unsigned n = 0; n < 50; n++) {
		(void)relay_block(r);
		assert_true(n - atomic_load(&s.now) < BLOCKS);
		give(r, n);
	}
	relay_end(r);
	assert_int_equal(s.blocks, 50);
	assert_false(s.wrong);
	relay_free(&r);
}

static void an_end_without_a_block(void **state)
{
	struct relay *r = relay_new(BLOCK, BLOCKS);
	struct seen s = {.blocks = 0};
	relay_begin(r, look, &s);
	relay_end(r);
	relay_end(r);
	assert_int_equal(s.blocks, 0);
	relay_free(&r);
	relay_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(in_order),
	    cmocka_unit_test(the_owner_waits),
	    cmocka_unit_test(an_end_without_a_block),
	};
	return cmocka_run_group_tests_name("relay", tests, NULL, NULL);
}

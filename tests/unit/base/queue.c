/* queue: nothing is lost or doubled between threads, and closing lets everybody end. */
#include "base/queue.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static int items[4];

static void first_in_first_out(void **state)
{
	struct queue *q = queue_new(3);
	for (int i = 0; i < 10; i++) {
		assert_true(queue_put(q, &items[i % 3]));
		assert_true(queue_put(q, &items[3]));
		assert_int_equal(queue_length(q), 2);
		assert_ptr_equal(queue_take(q, 0), &items[i % 3]);
		assert_ptr_equal(queue_take(q, -1), &items[3]);
	}
	assert_int_equal(queue_length(q), 0);
	queue_free(&q);
	assert_null(q);
	queue_free(&q);
}

static void an_empty_queue_times_out(void **state)
{
	struct queue *q = queue_new(1);
	struct mono start = clock_mono();
	assert_null(queue_take(q, 0));
	assert_null(queue_take(q, 30));
	assert_in_range(mono_since(start), 29, 5000);
	queue_free(&q);
}

static void a_closed_queue_drains_and_then_ends(void **state)
{
	struct queue *q = queue_new(4);
	assert_true(queue_put(q, &items[0]));
	assert_true(queue_put(q, &items[1]));
	queue_close(q);
	assert_false(queue_put(q, &items[2]));
	assert_ptr_equal(queue_take(q, -1), &items[0]);
	assert_ptr_equal(queue_take(q, -1), &items[1]);
	assert_null(queue_take(q, -1));
	assert_null(queue_take(q, 1000));
	queue_free(&q);
}

enum { PRODUCERS = 3, CONSUMERS = 3, EACH = 20000 };

struct crowd {
	struct queue *q;
	atomic_int next;
	atomic_uchar *seen; /* one per item */
	atomic_int refused;
};

static void *produce(void *argument)
{
	struct crowd *c = argument;
	for (int i = 0; i < EACH; i++) {
		int n = atomic_fetch_add(&c->next, 1);
		if (!queue_put(c->q, &c->seen[n]))
			atomic_fetch_add(&c->refused, 1);
	}
	return NULL;
}

static void *consume(void *argument)
{
	struct crowd *c = argument;
	atomic_uchar *item;
	while ((item = queue_take(c->q, -1)) != NULL)
		atomic_fetch_add(item, 1);
	return NULL;
}

static void a_crowd_loses_and_doubles_nothing(void **state)
{
	struct crowd c = {.q = queue_new(7), .seen = calloc(PRODUCERS * EACH, 1)};
	pthread_t producer[PRODUCERS], consumer[CONSUMERS];
	for (int i = 0; i < CONSUMERS; i++)
		assert_int_equal(pthread_create(&consumer[i], NULL, consume, &c), 0);
	for (int i = 0; i < PRODUCERS; i++)
		assert_int_equal(pthread_create(&producer[i], NULL, produce, &c), 0);
	for (int i = 0; i < PRODUCERS; i++)
		pthread_join(producer[i], NULL);
	queue_close(c.q);
	for (int i = 0; i < CONSUMERS; i++)
		pthread_join(consumer[i], NULL);
	for (int i = 0; i < PRODUCERS * EACH; i++)
		assert_int_equal(c.seen[i], 1);
	assert_int_equal(c.refused, 0);
	queue_free(&c.q);
	free(c.seen);
}

struct blocked {
	struct queue *q;
	bool put;
	void *taken;
};

static void *put_one(void *argument)
{
	struct blocked *b = argument;
	b->put = queue_put(b->q, &items[1]);
	return NULL;
}

static void *take_one(void *argument)
{
	struct blocked *b = argument;
	b->taken = queue_take(b->q, -1);
	return NULL;
}

static void closing_wakes_those_who_wait(void **state)
{
	pthread_t thread;
	struct blocked b = {.q = queue_new(1), .put = true, .taken = &items[2]};
	assert_true(queue_put(b.q, &items[0]));
	assert_int_equal(pthread_create(&thread, NULL, put_one, &b), 0);
	clock_sleep_ms(20);
	queue_close(b.q);
	pthread_join(thread, NULL);
	assert_false(b.put);
	assert_int_equal(queue_length(b.q), 1);
	queue_free(&b.q);

	b.q = queue_new(1);
	assert_int_equal(pthread_create(&thread, NULL, take_one, &b), 0);
	clock_sleep_ms(20);
	queue_close(b.q);
	pthread_join(thread, NULL);
	assert_null(b.taken);
	queue_free(&b.q);
}

static void a_full_queue_waits_for_room(void **state)
{
	pthread_t thread;
	struct blocked b = {.q = queue_new(1)};
	assert_true(queue_put(b.q, &items[0]));
	assert_int_equal(pthread_create(&thread, NULL, put_one, &b), 0);
	clock_sleep_ms(20);
	assert_int_equal(queue_length(b.q), 1);
	assert_ptr_equal(queue_take(b.q, -1), &items[0]);
	assert_ptr_equal(queue_take(b.q, 5000), &items[1]);
	pthread_join(thread, NULL);
	assert_true(b.put);
	queue_free(&b.q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(first_in_first_out),
	    cmocka_unit_test(an_empty_queue_times_out),
	    cmocka_unit_test(a_closed_queue_drains_and_then_ends),
	    cmocka_unit_test(a_crowd_loses_and_doubles_nothing),
	    cmocka_unit_test(closing_wakes_those_who_wait),
	    cmocka_unit_test(a_full_queue_waits_for_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

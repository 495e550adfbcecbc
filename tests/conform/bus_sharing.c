/* One bus under several processes and threads, and under those that die. */
#include "conform/bus_conform.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>

/* ---- several processes ---- */

void fetch_wakes_when_something_comes(void **state)
{
	struct bench *t = *state;
	EXPECT(RC_OK, bus_topic_ensure(t->bus, topic("t"), 1, NULL, &e));
	pid_t pid = child_start();
	if (pid == 0) {
		struct bus *b = open_again(t->folder);
		struct acks a = {.ok = 0};
		clock_sleep_ms(200);
		MUST(produce(b, topic("t"), 0, "hello") == RC_OK);
		MUST(bus_flush(b, 10000, on_ack, &a, &e) == RC_OK);
		bus_close(&b);
		_exit(0);
	}
	struct bus_event ev;
	struct mono start = clock_mono();
	enum rc rc;
	while ((rc = bus_fetch(t->bus, topic("t"), 0, 0, 30000, &ev, &e)) == RC_END && mono_since(start) < 30000)
		;
	assert_int_equal(rc, RC_OK);
	assert_true(mono_since(start) < 10000);
	assert_true(is(ev.value, "hello"));
	child_succeeds(pid);
	start = clock_mono();
	EXPECT(RC_END, bus_fetch(t->bus, topic("t"), 0, 1, 120, &ev, &e));
	assert_true(mono_since(start) >= 100);
}

enum { PRODUCERS = 3, EACH = 3000, WIDTH = 2 };

static void produce_numbers(const char *folder, uint32_t producer)
{
	struct bus *b = open_again(folder);
	struct acks a = {.ok = 0};
	uint64_t seed = producer;
	for (uint32_t i = 0; i < EACH; i++) {
		uint32_t value[2] = {producer, i};
		MUST(bus_produce(b, topic("t"), i % WIDTH, NULL, 0, NONE, (struct bus_bytes){value, sizeof value}, NULL,
		         &e) == RC_OK);
		if (random_next(&seed) % 50 == 0)
			MUST(bus_flush(b, 10000, on_ack, &a, &e) == RC_OK);
	}
	MUST(bus_flush(b, 10000, on_ack, &a, &e) == RC_OK);
	MUST(a.ok == EACH);
	bus_close(&b);
}

/* Read one partition until all are there: each producer's events in its order, each once. */
static bool consume_numbers(struct bus *b, unsigned partition)
{
	uint32_t expect[PRODUCERS] = {partition, partition, partition};
	struct bus_event ev = {.next = 0};
	struct mono start = clock_mono();
	for (size_t n = 0; n < (size_t)PRODUCERS * EACH / WIDTH;) {
		enum rc rc = bus_fetch(b, topic("t"), partition, ev.next, 1000, &ev, &e);
		if (rc == RC_END && mono_since(start) < 60000)
			continue;
		uint32_t value[2];
		if (rc != RC_OK || ev.value.len != sizeof value || ev.offset != n++) {
			fprintf(stderr, "partition %u, event %zu: %s %s\n", partition, n, rc_name(rc),
			    rc == RC_OK || rc == RC_END ? "" : e.text);
			return false;
		}
		memcpy(value, ev.value.at, sizeof value);
		if (value[0] >= PRODUCERS || value[1] != expect[value[0]]) {
			fprintf(stderr, "partition %u, event %zu: %u of producer %u, not %u\n", partition, n, value[1],
			    value[0], expect[value[0] % PRODUCERS]);
			return false;
		}
		expect[value[0]] += WIDTH;
	}
	return true;
}

void processes_share_it(void **state)
{
	struct bench *t = *state;
	EXPECT(RC_OK, bus_topic_ensure(t->bus, topic("t"), WIDTH, NULL, &e));
	pid_t pid[PRODUCERS + 1];
	for (uint32_t i = 0; i < PRODUCERS; i++)
		if ((pid[i] = child_start()) == 0) {
			produce_numbers(t->folder, i);
			_exit(0);
		}
	if ((pid[PRODUCERS] = child_start()) == 0) {
		struct bus *b = open_again(t->folder);
		MUST(consume_numbers(b, 1));
		bus_close(&b);
		_exit(0);
	}
	assert_true(consume_numbers(t->bus, 0));
	for (int i = 0; i <= PRODUCERS; i++)
		child_succeeds(pid[i]);
}

static void *produce_thread(void *arg)
{
	struct bench *t = ((void **)arg)[0];
	produce_numbers(t->folder, (uint32_t)(uintptr_t)((void **)arg)[1]);
	return NULL;
}

static void *consume_thread(void *arg)
{
	struct bench *t = ((void **)arg)[0];
	struct bus *b = open_again(t->folder);
	bool good = consume_numbers(b, (unsigned)(uintptr_t)((void **)arg)[1]);
	bus_close(&b);
	return good ? arg : NULL;
}

/* One handle each, all over the same folder. */
void threads_share_it(void **state)
{
	struct bench *t = *state;
	EXPECT(RC_OK, bus_topic_ensure(t->bus, topic("t"), WIDTH, NULL, &e));
	pthread_t producer[PRODUCERS], consumer[WIDTH];
	void *arg[PRODUCERS + WIDTH][2];
	for (int i = 0; i < PRODUCERS + WIDTH; i++) {
		arg[i][0] = t;
		arg[i][1] = (void *)(uintptr_t)(i < PRODUCERS ? i : i - PRODUCERS);
	}
	for (int i = 0; i < WIDTH; i++)
		assert_int_equal(pthread_create(&consumer[i], NULL, consume_thread, arg[PRODUCERS + i]), 0);
	for (int i = 0; i < PRODUCERS; i++)
		assert_int_equal(pthread_create(&producer[i], NULL, produce_thread, arg[i]), 0);
	for (int i = 0; i < PRODUCERS; i++)
		pthread_join(producer[i], NULL);
	for (int i = 0; i < WIDTH; i++) {
		void *good;
		pthread_join(consumer[i], &good);
		assert_non_null(good);
	}
}

/* ---- death ---- */

struct victim {
	int report; /* pipe: offsets that were acknowledged */
	uint32_t from;
};

static void report_ack(void *user, void *context, enum rc rc, uint64_t offset)
{
	struct victim *v = user;
	uint64_t pair[2] = {(uintptr_t)context, offset};
	if (rc == RC_OK)
		MUST(write(v->report, pair, sizeof pair) == sizeof pair);
}

enum { VICTIM_GROUP = 50 };

static size_t victim_bytes(uint64_t number)
{
	return 8 + number % 5 * 1111;
}

static void be_victim(const char *folder, struct victim v)
{
	struct bus *b = open_again(folder);
	uint8_t value[8 + 4 * 1111];
	for (uint64_t n = v.from;; n++) {
		memset(value, (int)(n & 0xff), sizeof value);
		memcpy(value, &n, sizeof n);
		MUST(bus_produce(b, topic("t"), 0, NULL, 0, NONE, (struct bus_bytes){value, victim_bytes(n)},
		         (void *)(uintptr_t)n, &e) == RC_OK);
		if (n % VICTIM_GROUP == VICTIM_GROUP - 1)
			MUST(bus_flush(b, 10000, report_ack, &v, &e) == RC_OK);
	}
}

/* What was acknowledged is there under its offset; what else is there is whole. */
static uint64_t check_after_kill(struct bus *b, uint64_t offset, int report)
{
	uint64_t pair[2], number = 0;
	struct bus_event ev;
	while (read(report, pair, sizeof pair) == sizeof pair) {
		EXPECT(RC_OK, bus_fetch(b, topic("t"), 0, pair[1], SOON, &ev, &e));
		assert_int_equal(ev.offset, pair[1]);
		memcpy(&number, ev.value.at, sizeof number);
		assert_int_equal(number, pair[0]);
	}
	enum rc rc;
	while ((rc = bus_fetch(b, topic("t"), 0, offset, SOON / 100, &ev, &e)) == RC_OK) {
		assert_int_equal(ev.offset, offset);
		memcpy(&number, ev.value.at, sizeof number);
		assert_int_equal(ev.value.len, victim_bytes(number));
		for (size_t i = 8; i < ev.value.len; i++)
			assert_int_equal(((const uint8_t *)ev.value.at)[i], number & 0xff);
		offset = ev.next;
	}
	assert_int_equal(rc, RC_END);
	return offset;
}

void killed_producers_leave_nothing_half(void **state)
{
	struct bench *t = *state;
	EXPECT(RC_OK, bus_topic_ensure(t->bus, topic("t"), 1, NULL, &e));
	uint64_t seed = 11, offset = 0;
	for (int round = 0; round < (provider->served ? 10 : 30); round++) {
		int report[2];
		assert_int_equal(pipe2(report, O_CLOEXEC), 0);
		assert_true(fcntl(report[1], F_SETPIPE_SZ, 1 << 20) > 0);
		pid_t pid = child_start();
		if (pid == 0)
			be_victim(t->folder, (struct victim){report[1], (uint32_t)round * 1000000});
		close(report[1]);
		/* Once it works, at any moment. */
		struct pollfd p = {.fd = report[0], .events = POLLIN};
		assert_int_equal(poll(&p, 1, 20000), 1);
		usleep((useconds_t)(random_next(&seed) % 20000));
		kill(pid, SIGKILL);
		int status;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		offset = check_after_kill(t->bus, offset, report[0]);
		close(report[0]);
	}
	assert_true(offset > 0);
	produce_now(t->bus, topic("t"), 0, "and it goes on");
}

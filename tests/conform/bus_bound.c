/* What is trimmed is gone, what is full pushes back, and room that was made is room. */
#include "conform/bus_conform.h"

/* ---- trimming and the bound ---- */

void trimmed_is_gone_and_said_so(void **state)
{
	struct bench *t = *state;
	EXPECT(RC_OK, bus_topic_ensure(t->bus, topic("t"), 2, NULL, &e));
	struct acks a = {.ok = 0};
	for (int i = 0; i < 10000; i++)
		EXPECT(RC_OK, produce(t->bus, topic("t"), 0, "x"));
	EXPECT(RC_OK, produce(t->bus, topic("t"), 1, "neighbour"));
	EXPECT(RC_OK, bus_flush(t->bus, 10000, on_ack, &a, &e));
	uint64_t first, next;
	struct bus_event ev;
	provider->expire(t->bus, topic("t"), 0, 9000);
	EXPECT(RC_OK, bus_range(t->bus, topic("t"), 0, &first, &next, &e));
	assert_int_equal(first, 9000);
	assert_int_equal(next, 10000);
	EXPECT(RC_BAD, bus_fetch(t->bus, topic("t"), 0, 8999, 0, &ev, &e));
	assert_int_equal(ev.offset, 9000);
	EXPECT(RC_OK, bus_fetch(t->bus, topic("t"), 0, 9000, SOON, &ev, &e));
	EXPECT(RC_BAD, bus_fetch(t->bus, topic("t"), 0, 10001, 0, &ev, &e));
	assert_int_equal(ev.offset, 9000);
	EXPECT(RC_END, bus_fetch(t->bus, topic("t"), 0, 10000, 0, &ev, &e));
	/* Back is nothing to do; beyond the end is the end, and offsets go on from there. */
	provider->expire(t->bus, topic("t"), 0, 5);
	provider->expire(t->bus, topic("t"), 0, UINT64_MAX);
	provider->expire(t->bus, topic("t"), 0, UINT64_MAX);
	EXPECT(RC_OK, bus_range(t->bus, topic("t"), 0, &first, &next, &e));
	assert_int_equal(first, 10000);
	assert_int_equal(next, 10000);
	bus_close(&t->bus);
	t->bus = open_again(t->folder);
	produce_now(t->bus, topic("t"), 0, "on");
	EXPECT(RC_OK, bus_fetch(t->bus, topic("t"), 0, 10000, SOON, &ev, &e));
	assert_true(is(ev.value, "on"));
	EXPECT(RC_OK, bus_fetch(t->bus, topic("t"), 1, 0, SOON, &ev, &e));
	assert_true(is(ev.value, "neighbour"));
}

void handing_over_is_bounded(void **state)
{
	struct bench *t = *state;
	EXPECT(RC_OK, bus_topic_ensure(t->bus, topic("t"), 1, NULL, &e));
	char *value = mem_zero(1, 1 << 20);
	memset(value, 'v', (1 << 20) - 1);
	size_t handed = 0;
	enum rc rc;
	while ((rc = produce(t->bus, topic("t"), 0, value)) == RC_OK && handed < 4096)
		handed++;
	assert_int_equal(rc, RC_AGAIN);
	struct acks a = {.ok = 0};
	EXPECT(RC_OK, bus_flush(t->bus, 30000, on_ack, &a, &e));
	assert_int_equal(a.ok, handed);
	EXPECT(RC_OK, produce(t->bus, topic("t"), 0, value));
	mem_free(&value);
}

/* Fill until it refuses; how many were taken. Every event is spoken of once. */
static size_t fill(struct bus *b, size_t from, size_t group, const char *filler)
{
	uint8_t *seen = mem_zero(1 << 20, 1);
	struct acks a = {.seen = seen};
	size_t handed = 0;
	enum rc rc = RC_OK;
	while (rc == RC_OK && handed < 1 << 20) {
		for (size_t i = 0; i < group; i++, handed++) {
			char text[64];
			int n = snprintf(text, sizeof text, "%zu", from + handed);
			struct bus_header h = {"n", {text, (size_t)n}};
			EXPECT(RC_OK,
			    bus_produce(b, topic("t"), 0, &h, 1, NONE, TEXT(filler), (void *)(uintptr_t)handed, &e));
		}
		size_t before = a.ok + a.refused;
		rc = bus_flush(b, 0, on_ack, &a, &e);
		assert_int_equal(a.ok + a.refused, before + group);
	}
	assert_int_equal(rc, RC_AGAIN);
	for (size_t i = 0; i < handed; i++)
		assert_int_equal(seen[i], 1);
	mem_free(&seen);
	return a.ok;
}

static void check_numbers(struct bus *b, uint64_t from, uint64_t to)
{
	struct bus_event ev = {.next = from};
	while (ev.next < to) {
		uint64_t want = ev.next;
		EXPECT(RC_OK, bus_fetch(b, topic("t"), 0, want, SOON, &ev, &e));
		char text[64];
		snprintf(text, sizeof text, "%llu", (unsigned long long)want);
		assert_int_equal(ev.offset, want);
		assert_true(is(bus_event_header(&ev, "n"), text));
	}
}

static void fill_and_relieve(const char *folder, size_t value, size_t group)
{
	enum { BOUND = 4 << 20 };
	struct bus_option option[] = {{"max_bytes", "4MiB"}, {"event_max_bytes", "1MiB"}};
	struct bus *b = open_with(folder, option, 2);
	EXPECT(RC_OK, bus_topic_ensure(b, topic("t"), 1, NULL, &e));
	char *filler = mem_zero(1, value + 1);
	memset(filler, 'f', value);
	size_t taken = fill(b, 0, group, filler);
	assert_true(taken * (value + 64) > BOUND / 3);
	assert_true(taken * value <= BOUND);
	uint64_t used, bound;
	EXPECT(RC_OK, bus_usage(b, &used, &bound, &e));
	assert_int_equal(bound, BOUND);
	assert_true(used > BOUND / 2 && used <= BOUND + BOUND / 8);
	check_numbers(b, 0, taken);
	/* Many times around: what is trimmed really is free again. */
	for (int round = 0; round < 5; round++) {
		uint64_t first, next;
		EXPECT(RC_OK, bus_range(b, topic("t"), 0, &first, &next, &e));
		assert_int_equal(next, taken);
		EXPECT(RC_OK, bus_trim(b, topic("t"), 0, first + (next - first) * 3 / 4, &e));
		size_t more = fill(b, taken, group, filler);
		assert_true(more >= (next - first) / 2);
		taken += more;
		EXPECT(RC_OK, bus_range(b, topic("t"), 0, &first, &next, &e));
		check_numbers(b, first, taken);
	}
	bus_close(&b);
	mem_free(&filler);
}

void full_bus_pushes_back_and_trim_relieves(void **state)
{
	if (!provider->bounded)
		skip();
	static const size_t value[][2] = {{20, 1000}, {1500, 100}, {20000, 20}, {900000, 1}};
	for (size_t i = 0; i < sizeof value / sizeof value[0]; i++) {
		char *folder = folder_make(NULL);
		fill_and_relieve(folder, value[i][0], value[i][1]);
		folder_remove(&folder);
	}
}

/* A producer that waits in flush goes on when another process trims. */
void flush_waits_for_room(void **state)
{
	if (!provider->bounded)
		skip();
	char *folder = folder_make(NULL), filler[20001];
	struct bus_option option[] = {{"max_bytes", "4MiB"}, {"event_max_bytes", "1MiB"}};
	memset(filler, 'f', sizeof filler - 1);
	filler[sizeof filler - 1] = '\0';
	struct bus *b = open_with(folder, option, 2);
	EXPECT(RC_OK, bus_topic_ensure(b, topic("t"), 1, NULL, &e));
	(void)fill(b, 0, 20, filler);
	pid_t pid = child_start();
	if (pid == 0) {
		struct bus *mine = open_with(folder, option, 2);
		clock_sleep_ms(150);
		MUST(bus_trim(mine, topic("t"), 0, 200, &e) == RC_OK);
		bus_close(&mine);
		_exit(0);
	}
	struct acks a = {.ok = 0};
	struct mono start = clock_mono();
	for (int i = 0; i < 50; i++)
		EXPECT(RC_OK, produce(b, topic("t"), 0, filler));
	EXPECT(RC_OK, bus_flush(b, 20000, on_ack, &a, &e));
	assert_int_equal(a.ok, 50);
	assert_true(mono_since(start) < 10000);
	child_succeeds(pid);
	bus_close(&b);
	folder_remove(&folder);
}

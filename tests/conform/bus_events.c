/* Topics, arguments, and events: what goes in comes out, under offsets that go on. */
#include "conform/bus_conform.h"

/* ---- topics and arguments ---- */

void topics_grow_only(void **state)
{
	struct bench *t = *state;
	unsigned have = 0;
	EXPECT(RC_END, bus_topic_partitions(t->bus, topic("a.b-c_D9"), &have, &e));
	EXPECT(RC_OK, bus_topic_ensure(t->bus, topic("a.b-c_D9"), 2, &have, &e));
	assert_int_equal(have, 2);
	EXPECT(RC_OK, bus_topic_ensure(t->bus, topic("a.b-c_D9"), 5, NULL, &e));
	EXPECT(RC_OK, bus_topic_ensure(t->bus, topic("a.b-c_D9"), 3, &have, &e));
	assert_int_equal(have, 5);
	EXPECT(RC_OK, bus_topic_partitions(t->bus, topic("a.b-c_D9"), &have, &e));
	assert_int_equal(have, 5);
	EXPECT(RC_END, bus_topic_partitions(t->bus, topic("a.b-c_D"), &have, &e));
}

void another_handle_sees_new_partitions(void **state)
{
	struct bench *t = *state;
	EXPECT(RC_OK, bus_topic_ensure(t->bus, topic("t"), 1, NULL, &e));
	struct bus *other = open_again(t->folder);
	EXPECT(RC_BAD, produce(other, topic("t"), 3, "x"));
	EXPECT(RC_OK, bus_topic_ensure(t->bus, topic("t"), 4, NULL, &e));
	EXPECT(RC_OK, produce(other, topic("t"), 3, "x"));
	bus_close(&other);
}

void wrong_arguments_are_refused(void **state)
{
	struct bench *t = *state;
	char longest[BUS_TOPIC_MAX + 2];
	memset(longest, 'x', sizeof longest);
	memcpy(longest, run, strlen(run));
	longest[BUS_TOPIC_MAX + 1] = '\0';
	static const char *const names[] = {"", "a/b", "a b", "../x", "a\nb", "\xc3\xa4"};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		EXPECT(RC_BAD, bus_topic_ensure(t->bus, names[i], 1, NULL, &e));
	EXPECT(RC_BAD, bus_topic_ensure(t->bus, longest, 1, NULL, &e));
	longest[BUS_TOPIC_MAX] = '\0';
	EXPECT(RC_OK, bus_topic_ensure(t->bus, longest, 1, NULL, &e));
	EXPECT(RC_OK, bus_claim(t->bus, longest, 0, &e));
	EXPECT(RC_BAD, bus_topic_ensure(t->bus, topic("t"), 0, NULL, &e));
	EXPECT(RC_BAD, bus_topic_ensure(t->bus, topic("t"), BUS_PARTITIONS_MAX + 1, NULL, &e));
	EXPECT(RC_OK, bus_topic_ensure(t->bus, topic("t"), 1, NULL, &e));

	EXPECT(RC_BAD, produce(t->bus, topic("unknown"), 0, "x"));
	EXPECT(RC_BAD, produce(t->bus, topic("t"), 1, "x"));
	static const char *const headers[] = {"", "A", "a-b", "a1"};
	for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
		struct bus_header h = {headers[i], TEXT("v")};
		EXPECT(RC_BAD, bus_produce(t->bus, topic("t"), 0, &h, 1, NONE, NONE, NULL, &e));
	}
	struct bus_event event;
	EXPECT(RC_BAD, bus_fetch(t->bus, topic("t"), 7, 0, 0, &event, &e));
	EXPECT(RC_BAD, bus_fetch(t->bus, topic("unknown"), 0, 0, 0, &event, &e));
	/* Nothing of it was handed over. */
	struct acks a = {.ok = 0};
	EXPECT(RC_OK, bus_flush(t->bus, 1000, on_ack, &a, &e));
	assert_int_equal(a.ok + a.refused, 0);

	struct bus *b = NULL;
	struct bus_option wrong = {"max_byte", "1MiB"};
	EXPECT(RC_BAD, bus_open(provider->ops, server != NULL ? server : t->folder, &wrong, 1, &b, &e));
	assert_null(b);
}

/* ---- what goes in comes out ---- */

void events_come_back_whole(void **state)
{
	struct bench *t = *state;
	EXPECT(RC_OK, bus_topic_ensure(t->bus, topic("t"), 2, NULL, &e));
	struct bus_header h[BUS_HEADERS_MAX];
	char names[BUS_HEADERS_MAX][BUS_HEADER_NAME_MAX + 1];
	for (int i = 0; i < BUS_HEADERS_MAX; i++) {
		memset(names[i], 'a' + i % 26, sizeof names[i]);
		names[i][1 + i] = '\0';
		h[i] = (struct bus_header){names[i], {"\0\xff\n", (size_t)(i % 4)}};
	}
	struct acks a = {.ok = 0};
	int64_t before_ms = clock_wall().ns / 1000000;
	EXPECT(RC_OK, bus_produce(t->bus, topic("t"), 1, h, BUS_HEADERS_MAX, TEXT("key"), (struct bus_bytes){"v\0w", 3},
	                  NULL, &e));
	EXPECT(RC_OK, bus_produce(t->bus, topic("t"), 1, NULL, 0, NONE, NONE, NULL, &e));
	EXPECT(RC_OK, bus_flush(t->bus, 10000, on_ack, &a, &e));
	assert_int_equal(a.ok, 2);

	struct bus_event ev;
	EXPECT(RC_OK, bus_fetch(t->bus, topic("t"), 1, 0, SOON, &ev, &e));
	assert_int_equal(ev.offset, 0);
	assert_true(is(ev.key, "key"));
	assert_int_equal(ev.value.len, 3);
	assert_memory_equal(ev.value.at, "v\0w", 3);
	assert_true(ev.time_ms >= before_ms && ev.time_ms <= clock_wall().ns / 1000000);
	assert_int_equal(ev.headers, BUS_HEADERS_MAX);
	for (int i = 0; i < BUS_HEADERS_MAX; i++) {
		assert_string_equal(ev.header[i].name, names[i]);
		assert_int_equal(ev.header[i].value.len, i % 4);
		assert_memory_equal(ev.header[i].value.at, "\0\xff\n", (size_t)(i % 4));
	}
	assert_int_equal(bus_event_header(&ev, names[2]).len, 2);
	assert_null(bus_event_header(&ev, "absent").at);
	EXPECT(RC_OK, bus_fetch(t->bus, topic("t"), 1, ev.next, SOON, &ev, &e));
	assert_int_equal(ev.key.len + ev.value.len + ev.headers, 0);
	EXPECT(RC_END, bus_fetch(t->bus, topic("t"), 1, ev.next, 0, &ev, &e));
	EXPECT(RC_END, bus_fetch(t->bus, topic("t"), 0, 0, 0, &ev, &e));
	/* The same one again, and back. */
	EXPECT(RC_OK, bus_fetch(t->bus, topic("t"), 1, 1, SOON, &ev, &e));
	EXPECT(RC_OK, bus_fetch(t->bus, topic("t"), 1, 1, SOON, &ev, &e));
	assert_int_equal(ev.offset, 1);
	EXPECT(RC_OK, bus_fetch(t->bus, topic("t"), 1, 0, SOON, &ev, &e));
	assert_true(is(ev.key, "key"));
}

void large_events(void **state)
{
	struct bench *t = *state;
	EXPECT(RC_OK, bus_topic_ensure(t->bus, topic("t"), 1, NULL, &e));
	struct bus_limits limits;
	EXPECT(RC_OK, bus_limits(t->bus, topic("t"), &limits, &e));
	assert_true(limits.event_bytes >= 1 << 20);
	static const size_t sizes[] = {1, 2000, 2014, 2015, 4096, 65535, 65536, 300000, 5 << 20};
	size_t most = limits.event_bytes;
	uint8_t *bytes = mem_alloc(most + 1);
	uint64_t seed = 7;
	for (size_t i = 0; i < most + 1; i++)
		bytes[i] = (uint8_t)(i % 4096 == 0 ? seed = random_next(&seed) : seed + i);
	enum { COUNT = sizeof sizes / sizeof sizes[0] };
	struct acks a = {.ok = 0};
	EXPECT(
	    RC_BAD, bus_produce(t->bus, topic("t"), 0, NULL, 0, NONE, (struct bus_bytes){bytes, most + 1}, NULL, &e));
	for (size_t i = 0; i < COUNT + 1; i++) {
		struct bus_bytes value = {bytes, i < COUNT && sizes[i] < most ? sizes[i] : most};
		enum rc rc = bus_produce(t->bus, topic("t"), 0, NULL, 0, NONE, value, NULL, &e);
		if (rc == RC_AGAIN) {
			EXPECT(RC_OK, bus_flush(t->bus, 10000, on_ack, &a, &e));
			rc = bus_produce(t->bus, topic("t"), 0, NULL, 0, NONE, value, NULL, &e);
		}
		assert_int_equal(rc, RC_OK);
	}
	EXPECT(RC_OK, bus_flush(t->bus, 10000, on_ack, &a, &e));
	assert_int_equal(a.ok, COUNT + 1);
	struct bus_event ev = {.next = 0};
	for (size_t i = 0; i < COUNT + 1; i++) {
		EXPECT(RC_OK, bus_fetch(t->bus, topic("t"), 0, ev.next, SOON, &ev, &e));
		assert_int_equal(ev.value.len, i < COUNT && sizes[i] < most ? sizes[i] : most);
		assert_memory_equal(ev.value.at, bytes, ev.value.len);
	}
	mem_free(&bytes);
}

void offsets_go_on_after_reopen(void **state)
{
	struct bench *t = *state;
	EXPECT(RC_OK, bus_topic_ensure(t->bus, topic("t"), 3, NULL, &e));
	EXPECT(RC_OK, bus_topic_ensure(t->bus, topic("u"), 1, NULL, &e));
	for (int round = 0; round < 4; round++) {
		for (unsigned p = 0; p < 3; p++) {
			char text[32];
			snprintf(text, sizeof text, "%d/%u", round, p);
			produce_now(t->bus, topic("t"), p, text);
		}
		produce_now(t->bus, topic("u"), 0, "other");
		bus_close(&t->bus);
		t->bus = open_again(t->folder);
	}
	for (unsigned p = 0; p < 3; p++) {
		struct bus_event ev = {.next = 0};
		for (int round = 0; round < 4; round++) {
			char text[32];
			snprintf(text, sizeof text, "%d/%u", round, p);
			EXPECT(RC_OK, bus_fetch(t->bus, topic("t"), p, ev.next, SOON, &ev, &e));
			assert_int_equal(ev.offset, round);
			assert_true(is(ev.value, text));
		}
		uint64_t first, next;
		EXPECT(RC_OK, bus_range(t->bus, topic("t"), p, &first, &next, &e));
		assert_int_equal(first, 0);
		assert_int_equal(next, 4);
	}
}

void events_not_flushed_are_not_there(void **state)
{
	struct bench *t = *state;
	EXPECT(RC_OK, bus_topic_ensure(t->bus, topic("t"), 1, NULL, &e));
	EXPECT(RC_OK, produce(t->bus, topic("t"), 0, "never"));
	bus_close(&t->bus);
	t->bus = open_again(t->folder);
	struct bus_event ev;
	enum rc rc = bus_fetch(t->bus, topic("t"), 0, 0, 0, &ev, &e);
	assert_true(rc == RC_END || (provider->eager && rc == RC_OK));
}

void many_partitions_are_read_in_turn(void **state)
{
	enum { PARTITIONS = 100, EACH = 30 };
	struct bench *t = *state;
	EXPECT(RC_OK, bus_topic_ensure(t->bus, topic("t"), PARTITIONS, NULL, &e));
	struct acks a = {.ok = 0};
	for (int i = 0; i < EACH; i++)
		for (unsigned p = 0; p < PARTITIONS; p++) {
			char text[32];
			snprintf(text, sizeof text, "%d/%u", i, p);
			EXPECT(RC_OK, produce(t->bus, topic("t"), p, text));
		}
	EXPECT(RC_OK, bus_flush(t->bus, 60000, on_ack, &a, &e));
	assert_int_equal(a.ok, PARTITIONS * EACH);
	for (int i = 0; i < EACH; i++)
		for (unsigned p = 0; p < PARTITIONS; p++) {
			char text[32];
			struct bus_event ev;
			snprintf(text, sizeof text, "%d/%u", i, p);
			EXPECT(RC_OK, bus_fetch(t->bus, topic("t"), p, (uint64_t)i, SOON, &ev, &e));
			assert_true(is(ev.value, text));
		}
}

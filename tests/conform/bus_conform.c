/*
 * What every bus owes, whoever provides it. SLUICE_BUS is the URL of one ("kafka://127.0.0.1:9092"); without it all
 * that need no server are tested.
 */
#include "conform/conform.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>

#include <librdkafka/rdkafka.h>

#include "bus/bus.h"

#define TEXT(s) ((struct bus_bytes){(s), strlen(s)})
#define NONE    ((struct bus_bytes){NULL, 0})

/* Events below offset are not kept any more, by whatever makes this provider forget them. */
typedef void expire(struct bus *b, const char *name, unsigned partition, uint64_t offset);

struct provider {
	const struct bus_ops *ops;
	expire *expire;
	bool served;  /* place is a server's, not a folder; what one handle did, another sees a moment later */
	bool bounded; /* keeps to max_bytes and gives back what is trimmed */
	bool locks;   /* claims exclude without a join */
	bool groups;  /* hands out partitions: join */
	bool eager;   /* sends before a flush */
};

static expire expire_embed, expire_kafka;

static const struct provider providers[] = {
    {&bus_embed, .expire = expire_embed, .bounded = true, .locks = true},
    {&bus_kafka, .expire = expire_kafka, .served = true, .groups = true, .eager = true},
};

static const struct provider *provider;
static const char *server; /* its place */
static char run[40];       /* before every topic's name: a server keeps topics from one test to the next */

/* Looks at what was acknowledged through another handle wait so long at most. */
#define SOON (provider->served ? 20000 : 0)

struct bench {
	char *folder;
	struct bus *bus;
};

static _Thread_local struct err e;

/* A few at a time per thread. */
static const char *topic(const char *name)
{
	static _Thread_local char text[4][BUS_TOPIC_MAX + 1];
	static _Thread_local unsigned turn;
	char *to = text[turn++ % 4];
	snprintf(to, sizeof text[0], "%s.%s", run, name);
	return to;
}

static struct bus *open_with(const char *folder, const struct bus_option *option, size_t options)
{
	struct bus *b = NULL;
	if (bus_open(provider->ops, server != NULL ? server : folder, option, options, &b, &e) != RC_OK) {
		fprintf(stderr, "bus_open: %s\n", e.text);
		abort();
	}
	return b;
}

static struct bus *open_again(const char *folder)
{
	return open_with(folder, NULL, 0);
}

static int setup(void **state)
{
	static unsigned number;
	struct bench *t = mem_zero(1, sizeof *t);
	snprintf(
	    run, sizeof run, "c%d-%lld-%u", (int)getpid(), (long long)clock_wall().ns / 1000000 % 100000000, number++);
	t->folder = folder_make(NULL);
	t->bus = open_again(t->folder);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct bench *t = *state;
	bus_close(&t->bus);
	assert_null(t->bus);
	folder_remove(&t->folder);
	mem_free(&t);
	return 0;
}

/* ---- acknowledgements ---- */

struct acks {
	size_t ok, refused;
	uint64_t last;
	uint8_t *seen; /* by context, when not NULL */
};

static void on_ack(void *user, void *context, enum rc rc, uint64_t offset)
{
	struct acks *a = user;
	a->ok += rc == RC_OK;
	a->refused += rc != RC_OK;
	if (rc == RC_OK)
		a->last = offset;
	if (a->seen != NULL)
		a->seen[(uintptr_t)context]++;
}

static enum rc produce(struct bus *b, const char *name, unsigned partition, const char *value)
{
	return bus_produce(b, name, partition, NULL, 0, NONE, TEXT(value), NULL, &e);
}

static void produce_now(struct bus *b, const char *name, unsigned partition, const char *value)
{
	struct acks a = {.ok = 0};
	EXPECT(RC_OK, produce(b, name, partition, value));
	EXPECT(RC_OK, bus_flush(b, 10000, on_ack, &a, &e));
	assert_int_equal(a.ok, 1);
}

/* ---- what a provider forgets ---- */

static void expire_embed(struct bus *b, const char *name, unsigned partition, uint64_t offset)
{
	EXPECT(RC_OK, bus_trim(b, name, partition, offset, &e));
}

/* As the topic's retention does it, at once. */
static void expire_kafka(struct bus *b, const char *name, unsigned partition, uint64_t offset)
{
	char why[200] = "";
	EXPECT(RC_OK, bus_trim(b, name, partition, offset, &e));
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	assert_int_equal(rd_kafka_conf_set(conf, "bootstrap.servers", server, why, sizeof why), RD_KAFKA_CONF_OK);
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
	assert_non_null(rk);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(list, name, (int32_t)partition)->offset =
	    offset == UINT64_MAX ? RD_KAFKA_OFFSET_END : (int64_t)offset;
	rd_kafka_DeleteRecords_t *what = rd_kafka_DeleteRecords_new(list);
	rd_kafka_queue_t *q = rd_kafka_queue_new(rk);
	rd_kafka_DeleteRecords(rk, &what, 1, NULL, q);
	rd_kafka_event_t *ev = rd_kafka_queue_poll(q, 30000);
	assert_non_null(ev);
	assert_int_equal(rd_kafka_event_error(ev), RD_KAFKA_RESP_ERR_NO_ERROR);
	const rd_kafka_topic_partition_list_t *done =
	    rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(ev));
	/* An offset behind is refused as outside of the range; nothing is to be done then. */
	assert_true(done->elems[0].err == RD_KAFKA_RESP_ERR_NO_ERROR ||
	            done->elems[0].err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE);
	rd_kafka_event_destroy(ev);
	rd_kafka_queue_destroy(q);
	rd_kafka_DeleteRecords_destroy(what);
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_destroy(rk);
}

static bool is(struct bus_bytes b, const char *text)
{
	return b.len == strlen(text) && memcmp(b.at, text, b.len) == 0;
}

/* ---- topics and arguments ---- */

static void topics_grow_only(void **state)
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

static void another_handle_sees_new_partitions(void **state)
{
	struct bench *t = *state;
	EXPECT(RC_OK, bus_topic_ensure(t->bus, topic("t"), 1, NULL, &e));
	struct bus *other = open_again(t->folder);
	EXPECT(RC_BAD, produce(other, topic("t"), 3, "x"));
	EXPECT(RC_OK, bus_topic_ensure(t->bus, topic("t"), 4, NULL, &e));
	EXPECT(RC_OK, produce(other, topic("t"), 3, "x"));
	bus_close(&other);
}

static void wrong_arguments_are_refused(void **state)
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

static void events_come_back_whole(void **state)
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

static void large_events(void **state)
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

static void offsets_go_on_after_reopen(void **state)
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

static void events_not_flushed_are_not_there(void **state)
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

static void many_partitions_are_read_in_turn(void **state)
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
	EXPECT(RC_OK, bus_flush(t->bus, 10000, on_ack, &a, &e));
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

/* ---- trimming and the bound ---- */

static void trimmed_is_gone_and_said_so(void **state)
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

static void handing_over_is_bounded(void **state)
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

static void full_bus_pushes_back_and_trim_relieves(void **state)
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
static void flush_waits_for_room(void **state)
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

/* ---- several processes ---- */

static void fetch_wakes_when_something_comes(void **state)
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

static void processes_share_it(void **state)
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
static void threads_share_it(void **state)
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

static void killed_producers_leave_nothing_half(void **state)
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

/* ---- claims ---- */

static void claims_exclude_and_end_with_their_holder(void **state)
{
	struct bench *t = *state;
	if (!provider->locks)
		skip();
	EXPECT(RC_OK, bus_topic_ensure(t->bus, topic("t"), 2, NULL, &e));
	struct bus *other = open_again(t->folder);
	EXPECT(RC_OK, bus_claim(t->bus, topic("t"), 0, &e));
	EXPECT(RC_OK, bus_claim(t->bus, topic("t"), 0, &e));
	EXPECT(RC_END, bus_claim(other, topic("t"), 0, &e));
	EXPECT(RC_OK, bus_claim(other, topic("t"), 1, &e));
	EXPECT(RC_END, bus_claim(t->bus, topic("t"), 1, &e));
	bus_release(t->bus, topic("t"), 0);
	EXPECT(RC_OK, bus_claim(other, topic("t"), 0, &e));
	bus_close(&other);
	EXPECT(RC_OK, bus_claim(t->bus, topic("t"), 1, &e));
	bus_release(t->bus, topic("t"), 0);
	bus_release(t->bus, topic("t"), 1);

	int ready[2];
	assert_int_equal(pipe(ready), 0);
	pid_t pid = child_start();
	if (pid == 0) {
		struct bus *b = open_again(t->folder);
		MUST(bus_claim(b, topic("t"), 0, &e) == RC_OK);
		MUST(write(ready[1], "", 1) == 1);
		for (;;)
			pause();
	}
	char byte;
	assert_int_equal(read(ready[0], &byte, 1), 1);
	EXPECT(RC_END, bus_claim(t->bus, topic("t"), 0, &e));
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	EXPECT(RC_OK, bus_claim(t->bus, topic("t"), 0, &e));
	close(ready[0]);
	close(ready[1]);
}

/* ---- groups ---- */

enum { SHARED = 4, SESSION_MS = 3000 };

/* A reader of the group of this run. */
static struct bus *open_member(const char *folder, const char *name)
{
	struct bus_option option[] = {
	    {"group.id", run}, {"session.timeout.ms", "3000"}, {"heartbeat.interval.ms", "500"}};
	struct bus *b = open_with(folder, option, 3);
	const char *topics[] = {topic("t"), topic("later")};
	if (bus_join(b, name, topics, 2, &e) != RC_OK) {
		fprintf(stderr, "bus_join: %s\n", e.text);
		abort();
	}
	return b;
}

/* Bits of the partitions that are this reader's now; it lets go of those that are asked back. */
static unsigned mine(struct bus *b, bool let_go)
{
	unsigned bits = 0;
	for (unsigned p = 0; p < SHARED; p++) {
		enum rc rc = bus_claim(b, topic("t"), p, &e);
		if (rc == RC_OK)
			bits |= 1u << p;
		else if (rc == RC_END && let_go)
			bus_release(b, topic("t"), p);
	}
	return bits;
}

static unsigned count(unsigned bits)
{
	return (unsigned)__builtin_popcount(bits);
}

/* Until it has that many; false after 30 s. */
static bool has(struct bus *b, unsigned wanted)
{
	struct mono start = clock_mono();
	while (count(mine(b, true)) != wanted && mono_since(start) < 30000)
		clock_sleep_ms(20);
	return count(mine(b, true)) == wanted;
}

static void partitions_are_shared_out(void **state)
{
	struct bench *t = *state;
	const char *topics[] = {topic("t")};
	if (!provider->groups) {
		EXPECT(RC_END, bus_join(t->bus, "a", topics, 1, &e));
		return;
	}
	EXPECT(RC_OK, bus_topic_ensure(t->bus, topic("t"), SHARED, NULL, &e));
	struct bus *a = open_member(t->folder, "a");
	assert_true(has(a, SHARED));
	struct bus *b = open_member(t->folder, "b");
	/* What is asked back from a, a part or all of it, is not b's while a holds on to it. */
	struct mono start = clock_mono();
	while (count(mine(a, false)) == SHARED && mono_since(start) < 30000)
		clock_sleep_ms(20);
	assert_true(count(mine(a, false)) <= SHARED / 2);
	start = clock_mono();
	while (mono_since(start) < 1000) {
		assert_int_equal(count(mine(b, true)), 0);
		(void)mine(a, false);
		clock_sleep_ms(20);
	}
	start = clock_mono();
	while (count(mine(a, true)) + count(mine(b, true)) < SHARED || count(mine(b, true)) == 0) {
		if (mono_since(start) > 30000)
			break;
		clock_sleep_ms(20);
	}
	unsigned of_a = mine(a, true), of_b = mine(b, true);
	assert_int_equal(of_a | of_b, (1u << SHARED) - 1);
	assert_int_equal(of_a & of_b, 0);
	/* Advice to tools costs nothing and changes nothing. */
	EXPECT(RC_OK, bus_trim(a, topic("t"), 0, 0, &e));
	bus_close(&b);
	/* It keeps its name: back within the session, it has what it had, and nobody else noticed. */
	b = open_member(t->folder, "b");
	start = clock_mono();
	while (mine(b, true) != of_b && mono_since(start) < 30000) {
		assert_int_equal(mine(a, true), of_a);
		clock_sleep_ms(20);
	}
	assert_int_equal(mine(b, true), of_b);
	bus_close(&b);
	assert_true(has(a, SHARED));
	bus_close(&a);
}

static void a_killed_reader_is_replaced(void **state)
{
	struct bench *t = *state;
	if (!provider->groups)
		skip();
	EXPECT(RC_OK, bus_topic_ensure(t->bus, topic("t"), SHARED, NULL, &e));
	int ready[2];
	assert_int_equal(pipe(ready), 0);
	pid_t pid = child_start();
	if (pid == 0) {
		struct bus *mates = open_member(t->folder, "victim");
		MUST(has(mates, SHARED));
		MUST(has(mates, SHARED / 2));
		MUST(write(ready[1], "", 1) == 1);
		for (;; clock_sleep_ms(20))
			(void)mine(mates, true);
	}
	clock_sleep_ms(1000);
	struct bus *a = open_member(t->folder, "a");
	assert_true(has(a, SHARED / 2));
	char byte;
	assert_int_equal(read(ready[0], &byte, 1), 1);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	struct mono start = clock_mono();
	assert_true(has(a, SHARED));
	assert_true(mono_since(start) < SESSION_MS + 4000);
	bus_close(&a);
	close(ready[0]);
	close(ready[1]);
}

static void shared_topics_may_come_later_and_grow(void **state)
{
	struct bench *t = *state;
	if (!provider->groups)
		skip();
	struct bus *a = open_member(t->folder, "a");
	clock_sleep_ms(300);
	EXPECT(RC_OK, bus_topic_ensure(t->bus, topic("t"), SHARED / 2, NULL, &e));
	assert_true(has(a, SHARED / 2));
	EXPECT(RC_OK, bus_topic_ensure(t->bus, topic("t"), SHARED, NULL, &e));
	assert_true(has(a, SHARED));
	bus_close(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(topics_grow_only, setup, teardown),
	    cmocka_unit_test_setup_teardown(another_handle_sees_new_partitions, setup, teardown),
	    cmocka_unit_test_setup_teardown(wrong_arguments_are_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(events_come_back_whole, setup, teardown),
	    cmocka_unit_test_setup_teardown(large_events, setup, teardown),
	    cmocka_unit_test_setup_teardown(offsets_go_on_after_reopen, setup, teardown),
	    cmocka_unit_test_setup_teardown(events_not_flushed_are_not_there, setup, teardown),
	    cmocka_unit_test_setup_teardown(many_partitions_are_read_in_turn, setup, teardown),
	    cmocka_unit_test_setup_teardown(trimmed_is_gone_and_said_so, setup, teardown),
	    cmocka_unit_test_setup_teardown(handing_over_is_bounded, setup, teardown),
	    cmocka_unit_test_setup_teardown(full_bus_pushes_back_and_trim_relieves, setup, teardown),
	    cmocka_unit_test_setup_teardown(flush_waits_for_room, setup, teardown),
	    cmocka_unit_test_setup_teardown(fetch_wakes_when_something_comes, setup, teardown),
	    cmocka_unit_test_setup_teardown(processes_share_it, setup, teardown),
	    cmocka_unit_test_setup_teardown(killed_producers_leave_nothing_half, setup, teardown),
	    cmocka_unit_test_setup_teardown(claims_exclude_and_end_with_their_holder, setup, teardown),
	    cmocka_unit_test_setup_teardown(threads_share_it, setup, teardown),
	    cmocka_unit_test_setup_teardown(partitions_are_shared_out, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_killed_reader_is_replaced, setup, teardown),
	    cmocka_unit_test_setup_teardown(shared_topics_may_come_later_and_grow, setup, teardown),
	};
	const char *url = getenv("SLUICE_BUS");
	int failed = 0;
	cmocka_set_test_filter(getenv("SLUICE_BUS_TEST"));
	for (size_t i = 0; i < sizeof providers / sizeof providers[0]; i++) {
		provider = &providers[i];
		size_t len = strlen(provider->ops->scheme);
		if (url == NULL ? provider->served : strncmp(url, provider->ops->scheme, len) != 0)
			continue;
		server = provider->served ? url + len + 3 : NULL;
		failed += cmocka_run_group_tests_name(provider->ops->scheme, tests, NULL, NULL);
	}
	return failed;
}

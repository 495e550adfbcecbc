/* The embedded bus alone: bytes of an event that lie, bells, a full disk, and handles that a fork left behind. */
#include "bus/bus.h"
#include "bus/embed/bell.h"
#include "bus/embed/event.h"
#include "bus/embed/keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define OK(call) assert_int_equal((call), RC_OK)
#define BYTES(s) ((struct bus_bytes){(s), sizeof(s) - 1})
#define NOTHING  ((struct bus_bytes){NULL, 0})

static struct err e;

static int setup(void **state)
{
	char *path = mem_text("/tmp/sluice-bus-XXXXXX");
	assert_non_null(mkdtemp(path));
	*state = path;
	return 0;
}

static int teardown(void **state)
{
	char *path = *state;
	OK(file_remove_tree(path, &e));
	mem_free(&path);
	return 0;
}

static struct writer sample(void)
{
	const struct bus_header h[] = {{"identity", BYTES("flow/abc/0/1")}, {"x", NOTHING}};
	struct writer w;
	writer_init(&w, 1 << 16);
	event_write(&w, -5, h, 2, BYTES("key"), BYTES("the value"));
	return w;
}

static void event_has_the_written_form(void **state)
{
	static const char form[] = "\1\2\0\0"
	                           "\3\0\0\0"
	                           "\xfb\xff\xff\xff\xff\xff\xff\xff"
	                           "\x08\x0c\0\0\0identity\0flow/abc/0/1"
	                           "\1\0\0\0\0x\0"
	                           "keythe value";
	struct writer w = sample();
	assert_int_equal(w.len, sizeof form - 1);
	assert_memory_equal(w.bytes, form, w.len);
	struct bus_header h[BUS_HEADERS_MAX];
	struct bus_event ev;
	assert_true(event_parse((struct bus_bytes){w.bytes, w.len}, h, &ev));
	assert_int_equal(ev.time_ms, -5);
	assert_int_equal(ev.headers, 2);
	assert_string_equal(ev.header[0].name, "identity");
	assert_int_equal(ev.value.len, 9);
	assert_memory_equal(ev.key.at, "key", 3);
	const struct bus_header in[] = {{"identity", BYTES("flow/abc/0/1")}, {"x", NOTHING}};
	assert_int_equal(event_bytes(in, 2, BYTES("key"), BYTES("the value")), 8 + 12 + 1 + 3 + 9);
	writer_fini(&w);
}

/* Cut anywhere, or with any byte changed: parsed within its bytes, or refused. */
static void event_that_lies_is_harmless(void **state)
{
	struct writer w = sample();
	struct bus_header h[BUS_HEADERS_MAX];
	struct bus_event ev;
	size_t head = w.len - 9; /* what follows is value, of any length */
	for (size_t len = 0; len < head; len++) {
		uint8_t *cut = mem_copy(w.bytes, len);
		assert_false(event_parse((struct bus_bytes){cut, len}, h, &ev));
		mem_free(&cut);
	}
	for (size_t at = 0; at < head; at++)
		for (int v = 0; v < 256; v++) {
			uint8_t *bad = mem_copy(w.bytes, w.len);
			bad[at] = (uint8_t)v;
			if (event_parse((struct bus_bytes){bad, w.len}, h, &ev)) {
				size_t bytes = event_bytes(ev.header, ev.headers, ev.key, ev.value);
				assert_true(bytes <= w.len);
			}
			mem_free(&bad);
		}
	writer_fini(&w);
}

static void keys_order_by_topic_partition_offset(void **state)
{
	uint8_t a[EVENT_KEY], b[EVENT_KEY];
	key_event(1, 2, 3, a);
	assert_memory_equal(a, "\0\0\0\1\0\0\0\2\0\0\0\0\0\0\0\3", EVENT_KEY);
	key_event(1, 2, UINT64_MAX, a);
	key_event(1, 3, 0, b);
	assert_true(memcmp(a, b, EVENT_KEY) < 0);
	key_event(1, UINT32_MAX, UINT64_MAX, a);
	key_event(2, 0, 0, b);
	assert_true(memcmp(a, b, EVENT_KEY) < 0);
}

static void bell_is_heard(void **state)
{
	struct bell *mine, *theirs;
	OK(bell_open(*state, "bell", &mine, &e));
	OK(bell_open(*state, "bell", &theirs, &e));
	bell_hush(mine);
	struct mono start = clock_mono();
	assert_false(bell_wait(mine, 50));
	assert_true(mono_since(start) >= 40);
	bell_ring(theirs);
	start = clock_mono();
	assert_true(bell_wait(mine, 10000));
	assert_true(mono_since(start) < 5000);
	/* A ring stays until it is forgotten. */
	assert_true(bell_wait(mine, 0));
	bell_hush(mine);
	assert_false(bell_wait(mine, 0));
	bell_close(&theirs);
	bell_close(&mine);
	assert_null(mine);
}

static struct bus *open_bus(const char *place, const char *max)
{
	struct bus *b = NULL;
	struct bus_option option = {"max_bytes", max};
	OK(bus_open(&bus_embed, place, &option, 1, &b, &e));
	return b;
}

static void options_are_checked(void **state)
{
	static const struct bus_option wrong[] = {{"max_bytes", "12"}, {"max_bytes", "lots"},
	    {"event_max_bytes", "1GiB"}, {"event_max_bytes", "0"}, {"event_max_byte", "1MiB"}};
	struct bus *b = NULL;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		assert_int_equal(bus_open(&bus_embed, *state, &wrong[i], 1, &b, &e), RC_BAD);
	assert_non_null(strstr(e.text, "event_max_bytes"));
	assert_int_equal(bus_open(&bus_embed, "", NULL, 0, &b, &e), RC_BAD);
	assert_null(b);
	/* An event is never allowed to be most of the bus. */
	struct bus_limits limits;
	b = open_bus(*state, "16MiB");
	OK(bus_limits(b, "t", &limits, &e));
	assert_int_equal(limits.event_bytes, 4 << 20);
	bus_close(&b);
}

struct count {
	unsigned ok, again, other;
};

static void counting(void *user, void *context, enum rc rc, uint64_t offset)
{
	struct count *c = user;
	c->ok += rc == RC_OK;
	c->again += rc == RC_AGAIN;
	c->other += rc != RC_OK && rc != RC_AGAIN;
}

/* Produce one event of 50 KB, numbered. */
static enum rc put(struct bus *b, unsigned number, struct count *c)
{
	static char value[50000];
	memcpy(value, &number, sizeof number);
	OK(bus_produce(b, "t", 0, NULL, 0, NOTHING, (struct bus_bytes){value, sizeof value}, NULL, &e));
	return bus_flush(b, 0, counting, c, &e);
}

static void full_disk_loses_nothing(void **state)
{
	char *disk = file_join(*state, "disk");
	OK(file_mkdirs(disk, &e));
	if (geteuid() != 0 || mount("tmpfs", disk, "tmpfs", 0, "size=6m") != 0) {
		print_message("skipped: cannot mount a tmpfs here\n");
		mem_free(&disk);
		skip();
	}
	char *place = file_join(disk, "bus");
	struct bus *b = open_bus(place, "1GiB");
	struct count c = {0};
	unsigned number = 0;
	OK(bus_topic_ensure(b, "t", 1, NULL, &e));
	for (int round = 0; round < 3; round++) {
		while (put(b, number, &c) == RC_OK)
			number++;
		assert_int_equal(e.sys, ENOSPC);
		assert_int_equal(c.ok, number);
		assert_int_equal(c.again, round + 1);
		uint64_t first, next;
		OK(bus_range(b, "t", 0, &first, &next, &e));
		assert_int_equal(next, number);
		assert_true(next - first >= 40);
		if (round == 1)
			assert_int_equal(mount("tmpfs", disk, "tmpfs", MS_REMOUNT, "size=12m"), 0);
		else
			OK(bus_trim(b, "t", 0, first + (next - first) / 2, &e));
	}
	struct bus_event ev = {.next = 0};
	uint64_t first, next;
	OK(bus_range(b, "t", 0, &first, &next, &e));
	for (ev.next = first; ev.next < next;) {
		unsigned value;
		OK(bus_fetch(b, "t", 0, ev.next, 0, &ev, &e));
		memcpy(&value, ev.value.at, sizeof value);
		assert_int_equal(value, ev.offset);
	}
	bus_close(&b);
	assert_int_equal(c.other, 0);
	assert_int_equal(umount2(disk, MNT_DETACH), 0);
	mem_free(&place);
	mem_free(&disk);
}

static void child_must_open_its_own(void **state)
{
	struct bus *b = open_bus(*state, "16MiB");
	OK(bus_topic_ensure(b, "t", 1, NULL, &e));
	pid_t pid = fork();
	if (pid == 0) {
		struct bus_event ev;
		enum rc rc = bus_fetch(b, "t", 0, 0, 0, &ev, &e);
		bus_close(&b);
		_exit(rc == RC_FAIL ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	struct count c = {0};
	OK(put(b, 0, &c));
	bus_close(&b);
}

/* An unrelated ring ends the wait early, so that a reader of many partitions looks at all of them. */
static void other_partitions_wake_too(void **state)
{
	struct bus *b = open_bus(*state, "16MiB");
	OK(bus_topic_ensure(b, "t", 2, NULL, &e));
	pid_t pid = fork();
	if (pid == 0) {
		struct bus *mine = open_bus(*state, "16MiB");
		struct count c = {0};
		clock_sleep_ms(100);
		enum rc rc = put(mine, 0, &c);
		bus_close(&mine);
		_exit(rc == RC_OK ? 0 : 1);
	}
	struct bus_event ev;
	struct mono start = clock_mono();
	assert_int_equal(bus_fetch(b, "t", 1, 0, 20000, &ev, &e), RC_END);
	assert_true(mono_since(start) < 10000);
	OK(bus_fetch(b, "t", 0, 0, 0, &ev, &e));
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	bus_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(event_has_the_written_form),
	    cmocka_unit_test(event_that_lies_is_harmless),
	    cmocka_unit_test(keys_order_by_topic_partition_offset),
	    cmocka_unit_test_setup_teardown(bell_is_heard, setup, teardown),
	    cmocka_unit_test_setup_teardown(options_are_checked, setup, teardown),
	    cmocka_unit_test_setup_teardown(full_disk_loses_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(child_must_open_its_own, setup, teardown),
	    cmocka_unit_test_setup_teardown(other_partitions_wake_too, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

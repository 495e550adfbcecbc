/* Events: what goes out comes back, and what somebody else wrote is refused. */
#include "pipe/event.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* A bus that keeps the one event it was given. */
enum { HEADERS = 24 };

struct one {
	struct bus bus;
	struct bus_event event;
	struct bus_header header[HEADERS];
	char *keep[2 * HEADERS + 2];
	size_t kept;
};

static struct bus_bytes kept(struct one *o, struct bus_bytes b)
{
	char *copy = mem_text_n(b.at, b.len);
	o->keep[o->kept++] = copy;
	return (struct bus_bytes){copy, b.len};
}

static enum rc one_produce(struct bus *b, const char *topic, unsigned partition, const struct bus_header *header,
    size_t headers, struct bus_bytes key, struct bus_bytes value, void *context, struct err *e)
{
	struct one *o = (struct one *)b;
	assert_true(headers < HEADERS);
	for (size_t i = 0; i < headers; i++)
		o->header[i] = (struct bus_header){header[i].name, kept(o, header[i].value)};
	o->event = (struct bus_event){
	    .offset = 5, .key = kept(o, key), .value = kept(o, value), .header = o->header, .headers = headers};
	return RC_OK;
}

static const struct bus_ops one_ops = {.scheme = "one", .produce = one_produce};

static void one_fini(struct one *o)
{
	for (size_t i = 0; i < o->kept; i++)
		mem_free(&o->keep[i]);
	o->kept = 0;
}

static struct one sent(const struct event *ev)
{
	struct one o = {.bus = {.ops = &one_ops}};
	struct err e;
	assert_int_equal(event_produce(&o.bus, "t", 0, ev, NULL, &e), RC_OK);
	o.event.header = NULL; /* the struct moves: set where it is used */
	return o;
}

static struct event rows_event(void)
{
	struct event ev = {.kind = EVENT_ROWS,
	    .name = "odd \"name\"\n\\x41\xff\x01",
	    .path = "flow/binary/20260114/09/odd \\ \xc3\x28",
	    .size = 12345,
	    .part = 1,
	    .parts = 3,
	    .again = 2,
	    .dissector = "nfcapd/1",
	    .slot_s = 1768381200,
	    .archived_s = -1,
	    .schema = UINT64_C(0xfedcba9876543210),
	    .hour = 491217,
	    .rows = 17,
	    .report = "{\"rows\":17}",
	    .value = {"\x00\x01value", 7}};
	memset(ev.original, 0xa5, sizeof ev.original);
	return ev;
}

static void round_trip(void **state)
{
	struct event in = rows_event(), out;
	struct one o = sent(&in);
	char *buffer = NULL, id[SHA256_TEXT + 12];
	size_t size = 0;
	struct err e;
	o.event.header = o.header;
	assert_int_equal(event_read(&o.event, &out, &buffer, &size, &e), RC_OK);
	assert_int_equal(out.kind, EVENT_ROWS);
	assert_memory_equal(out.original, in.original, SHA256_BYTES);
	assert_string_equal(out.name, in.name);
	assert_string_equal(out.path, in.path);
	assert_string_equal(out.dissector, in.dissector);
	assert_string_equal(out.report, in.report);
	assert_true(out.size == in.size && out.part == 1 && out.parts == 3 && out.again == 2 &&
	            out.slot_s == in.slot_s && out.archived_s == -1 && out.schema == in.schema && out.hour == in.hour &&
	            out.rows == 17);
	assert_int_equal(out.value.len, 7);
	assert_memory_equal(out.value.at, in.value.at, 7);
	assert_int_equal(o.event.key.len, 64);
	event_original(&out, id);
	assert_string_equal(id + 60, "a5a5+2");
	mem_free(&buffer);
	one_fini(&o);
}

static void kinds(void **state)
{
	struct event file = rows_event(), flush = {.kind = EVENT_FLUSH}, empty = rows_event(), out;
	char *buffer = NULL;
	size_t size = 0;
	struct err e;
	file.kind = EVENT_FILE;
	empty.hour = INT64_MIN;
	empty.rows = 0;
	empty.report = NULL;
	empty.value = (struct bus_bytes){"", 0};
	const struct event *all[] = {&file, &flush, &empty};
	for (size_t i = 0; i < 3; i++) {
		struct one o = sent(all[i]);
		o.event.header = o.header;
		assert_int_equal(event_read(&o.event, &out, &buffer, &size, &e), RC_OK);
		assert_int_equal(out.kind, all[i]->kind);
		assert_true(out.hour == INT64_MIN && out.rows == 0 && out.report == NULL);
		one_fini(&o);
	}
	mem_free(&buffer);
}

/* A MAC that can't be read is none: the worker then sums the digest. */
static void macs(void **state)
{
	struct event file = rows_event(), out;
	char *buffer = NULL;
	size_t size = 0;
	struct err e;
	file.kind = EVENT_FILE;
	file.has_mac = true;
	memset(file.mac.key, 0x17, MAC_KEY);
	memset(file.mac.tag, 0x2b, MAC_TAG);
	struct one o = sent(&file);
	o.event.header = o.header;
	assert_int_equal(event_read(&o.event, &out, &buffer, &size, &e), RC_OK);
	assert_true(out.has_mac);
	assert_memory_equal(&out.mac, &file.mac, sizeof out.mac);
	for (size_t h = 0; h < o.event.headers; h++) {
		static const struct bus_bytes junk[] = {{"", 0}, {"17", 2}};
		char almost[2 * MAC_BYTES];
		if (strcmp(o.header[h].name, "mac") != 0)
			continue;
		memset(almost, 'g', sizeof almost);
		for (size_t j = 0; j < 3; j++) {
			o.header[h].value = j < 2 ? junk[j] : (struct bus_bytes){almost, sizeof almost};
			assert_int_equal(event_read(&o.event, &out, &buffer, &size, &e), RC_OK);
			assert_false(out.has_mac);
		}
	}
	mem_free(&buffer);
	one_fini(&o);
}

/* Each header in turn: gone, empty, endless, with a NUL, nonsense. Whatever comes of it, nothing may be read outside;
 * only some may be taken. */
static void hostile_headers(void **state)
{
	static const struct bus_bytes junk[] = {{"", 0}, {"\x00", 1}, {"-1", 2}, {"99999999999999999999999", 23},
	    {"\\xzz", 4}, {"zz", 2}, {"1 ", 2}, {"0000000000000000\x00", 17}};
	struct event in = rows_event(), out;
	struct one o = sent(&in);
	char *endless = mem_alloc(9 << 20), *buffer = NULL;
	size_t size = 0, taken = 0;
	struct err e;
	memset(endless, 'a', 9 << 20);
	o.event.header = o.header;
	for (size_t h = 0; h < o.event.headers; h++) {
		struct bus_header was = o.header[h];
		for (size_t j = 0; j < sizeof junk / sizeof junk[0]; j++) {
			o.header[h].value = junk[j];
			taken += event_read(&o.event, &out, &buffer, &size, &e) == RC_OK;
		}
		o.header[h].value = (struct bus_bytes){endless, 9 << 20};
		assert_int_equal(event_read(&o.event, &out, &buffer, &size, &e), RC_BAD);
		o.header[h] = (struct bus_header){"other", was.value};
		bool optional = strcmp(was.name, "report") == 0;
		assert_int_equal(event_read(&o.event, &out, &buffer, &size, &e), optional ? RC_OK : RC_BAD);
		o.header[h] = was;
	}
	/* Texts (name, path, dissector, report) may be almost anything; numbers may be -1 where they are times or
	 * hours. */
	assert_in_range(taken, 1, 30);
	assert_int_equal(event_read(&o.event, &out, &buffer, &size, &e), RC_OK);
	mem_free(&endless);
	mem_free(&buffer);
	one_fini(&o);
}

static void parts_must_fit(void **state)
{
	struct event in = rows_event(), out;
	char *buffer = NULL;
	size_t size = 0;
	struct err e;
	in.part = 3; /* of 3 */
	struct one o = sent(&in);
	o.event.header = o.header;
	assert_int_equal(event_read(&o.event, &out, &buffer, &size, &e), RC_BAD);
	one_fini(&o);
	mem_free(&buffer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(round_trip), cmocka_unit_test(kinds),
	    cmocka_unit_test(macs), cmocka_unit_test(hostile_headers), cmocka_unit_test(parts_must_fit)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

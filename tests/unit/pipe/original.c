/* An original is believed only as it was archived, by its MAC or by its digest, however much of it a dissector read. */
#include "pipe/original.h"

#include <string.h>

#include "base/mem.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { SIZE = 700000 };

struct shelf {
	struct world world;
	struct store *store;
	uint8_t *bytes;
	struct event event;
};

static void put(struct shelf *s, const char *path, size_t size)
{
	struct store_file *f = NULL;
	struct err e;
	assert_int_equal(store_create(s->store, path, &f, &e), RC_OK);
	assert_int_equal(store_write(s->store, f, s->bytes, size, &e), RC_OK);
	assert_int_equal(store_close_file(s->store, f, size, &e), RC_OK);
	assert_int_equal(store_sync(s->store, &f, 1, &e), RC_OK);
}

static int set_up(void **state)
{
	struct shelf *s = mem_zero(1, sizeof *s);
	world_open(&s->world);
	s->store = world_store(&s->world);
	s->bytes = mem_alloc(SIZE + 1);
	for (size_t i = 0; i <= SIZE; i++)
		s->bytes[i] = (uint8_t)(i * 31 >> 3);
	s->event = (struct event){.kind = EVENT_FILE, .size = SIZE, .path = "right"};
	sha256_of(s->bytes, SIZE, s->event.original);
	struct gmac *z = gmac_new();
	assert_true(mac_draw(&s->event.mac));
	gmac_begin(z, &s->event.mac);
	gmac_add(z, s->bytes, SIZE);
	gmac_end(z, s->event.mac.tag);
	gmac_free(&z);
	put(s, "right", SIZE);
	put(s, "longer", SIZE + 1);
	put(s, "shorter", SIZE - 1);
	s->bytes[SIZE - 2] ^= 1;
	put(s, "other", SIZE);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct shelf *s = *state;
	store_close(&s->store);
	mem_free(&s->bytes);
	world_close(&s->world);
	mem_free(&s);
	return 0;
}

/* Read size bytes of it as a dissector does, then check it. */
static enum rc checked(struct shelf *s, const char *path, size_t size, struct err *e)
{
	struct original *o = NULL;
	uint8_t chunk[10007];
	s->event.path = path;
	assert_int_equal(original_open(s->store, &s->event, &o, e), RC_OK);
	struct source *from = original_source(o);
	for (size_t got = 0; size > 0; size -= got) {
		size_t most = size < sizeof chunk ? size : sizeof chunk;
		if (source_read(from, chunk, most, &got, e) != RC_OK)
			break;
	}
	source_close(&from);
	enum rc rc = original_check(o, e);
	original_close(&o);
	assert_null(o);
	return rc;
}

static void only_what_was_archived(void **state)
{
	static const size_t read[] = {0, 1, 4096, SIZE - 1, SIZE, SIZE + 9};
	struct shelf *s = *state;
	struct err e;
	for (int has_mac = 0; has_mac < 2; has_mac++)
		for (size_t i = 0; i < sizeof read / sizeof read[0]; i++) {
			s->event.has_mac = has_mac;
			assert_int_equal(checked(s, "right", read[i], &e), RC_OK);
			assert_int_equal(checked(s, "longer", read[i], &e), RC_BAD);
			assert_int_equal(checked(s, "shorter", read[i], &e), RC_BAD);
			assert_non_null(strstr(e.text, "699999 bytes of 700000"));
			assert_int_equal(checked(s, "other", read[i], &e), RC_BAD);
			assert_non_null(strstr(e.text, has_mac ? "MAC differs" : "sha256 differs"));
		}
}

/* The MAC is of other bytes: the digest alone would hold, and the event does not. */
static void a_mac_counts(void **state)
{
	struct shelf *s = *state;
	struct err e;
	s->event.has_mac = true;
	s->event.mac.tag[3] ^= 0x40;
	assert_int_equal(checked(s, "right", SIZE, &e), RC_BAD);
}

static void absent(void **state)
{
	struct shelf *s = *state;
	struct original *o = NULL;
	struct err e;
	s->event.path = "nowhere";
	assert_int_equal(original_open(s->store, &s->event, &o, &e), RC_END);
	assert_null(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(only_what_was_archived, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_mac_counts, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(absent, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

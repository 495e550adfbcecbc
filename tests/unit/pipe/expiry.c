/* expiry: what is written is read, whatever files are called; no cut record is taken for whole. */
#include "pipe/expiry.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "pipe/compaction.h"
#include "pipe/lines.h"
#include "unit/pipe/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { HOUR = 491217 }; /* 2026-01-14 09 */

static const char odd[] = "flow/binary/20260114/09/a\\b\xff\n\"c";

static void build(struct writer *w, enum expiry_kind kind, uint64_t generation)
{
	struct expiry_head h = {
	    .kind = kind, .dataset = "flow", .hour = HOUR, .generation = generation, .time_ms = 1234};
	const struct expiry_identity by[] = {{"edge1.flow", 0}, {"edge1.flow", 3}};
	struct expiry_file f = {.size = 7, .rows = 5, .crc32 = 9, .identity = by, .identities = 2};
	memset(f.original, 0xab, sizeof f.original);
	f.of = "[[\"0000000000000000000000000000000000000000000000000000000000000001\",2],"
	       "[\"0000000000000000000000000000000000000000000000000000000000000002\",2],"
	       "[\"0000000000000000000000000000000000000000000000000000000000000001\",1]]";
	f.path = kind == EXPIRY_TABLE ? "flow/hive/y=1/a" : kind == EXPIRY_REJECTS ? "flow/rejects/20260114/09/a" : odd;
	(void)snprintf(h.epoch, sizeof h.epoch, "e%u", (unsigned)generation);
	writer_init(w, 1 << 20);
	expiry_begin(w, &h);
	expiry_add(w, kind, &f);
	lines_end(w);
}

static void put(struct store *s, enum expiry_kind kind, uint64_t generation, size_t cut)
{
	struct writer w;
	struct err e;
	char path[256];
	build(&w, kind, generation);
	lake_expiry(path, sizeof path, kind, "flow", HOUR, generation);
	assert_int_equal(store_put_if_absent(s, path, w.bytes, w.len - cut, &e), RC_OK);
	writer_fini(&w);
}

struct seen {
	unsigned files, identities, heads;
	char path[64];
	uint64_t rows;
	int64_t expired_ms;
};

static enum rc see(void *context, const struct expiry_head *h, const struct expiry_file *f, struct err *e)
{
	struct seen *s = context;
	(void)e;
	assert_string_equal(h->dataset, "flow");
	assert_true(h->time_ms == 1234 && h->hour == HOUR);
	s->files++;
	s->identities += (unsigned)f->identities;
	if (f->identities > 1) {
		assert_string_equal(f->identity[1].source, "edge1.flow");
		assert_int_equal(f->identity[1].again, 3);
		assert_int_equal(f->original[31], 0xab);
	}
	(void)snprintf(s->path, sizeof s->path, "%s", f->path);
	return RC_OK;
}

static void originals_are_read_whatever_they_are_called(void **state)
{
	struct world w;
	struct err e;
	struct seen seen = {0};
	uint64_t newest = 9;
	int64_t *hours = NULL, when = 0;
	size_t count = 0;
	uint8_t sha256[SHA256_BYTES];
	world_open(&w);
	struct store *s = world_store(&w);
	assert_int_equal(expiry_each(s, EXPIRY_ORIGINAL, "flow", HOUR, see, &seen, &newest, &e), RC_OK);
	assert_true(newest == 0 && seen.files == 0);
	put(s, EXPIRY_ORIGINAL, 1, 0);
	put(s, EXPIRY_ORIGINAL, 2, 0);
	assert_int_equal(expiry_each(s, EXPIRY_ORIGINAL, "flow", HOUR, see, &seen, &newest, &e), RC_OK);
	assert_true(newest == 2 && seen.files == 2 && seen.identities == 4);
	assert_string_equal(seen.path, odd);
	assert_int_equal(expiry_load(s, EXPIRY_ORIGINAL, "flow", HOUR, 3, see, &seen, &e), RC_END);
	assert_int_equal(expiry_hours(s, EXPIRY_ORIGINAL, "flow", &hours, &count, &e), RC_OK);
	assert_true(count == 1 && hours[0] == HOUR);
	mem_free(&hours);
	memset(sha256, 0xab, sizeof sha256);
	assert_int_equal(expiry_took_original(s, odd, sha256, &when, &e), RC_OK);
	assert_int_equal(when, 1234);
	sha256[0] = 0;
	assert_int_equal(expiry_took_original(s, odd, sha256, &when, &e), RC_OK);
	assert_int_equal(when, 0);
	store_close(&s);
	world_close(&w);
}

static void a_rejects_file_was_taken_or_not(void **state)
{
	struct world w;
	struct err e;
	int64_t when = 0;
	const char *path = "flow/rejects/20260114/09/a";
	world_open(&w);
	struct store *s = world_store(&w);
	put(s, EXPIRY_REJECTS, 1, 0);
	assert_int_equal(expiry_took(s, "flow", HOUR, path, 7, 9, &when, &e), RC_OK);
	assert_int_equal(when, 1234);
	assert_int_equal(expiry_took(s, "flow", HOUR, path, 8, 9, &when, &e), RC_OK);
	assert_int_equal(when, 0);
	assert_int_equal(expiry_took(s, "flow", HOUR + 1, path, 7, 9, &when, &e), RC_OK);
	assert_int_equal(when, 0);
	store_close(&s);
	world_close(&w);
}

static void a_cut_record_is_never_whole(void **state)
{
	struct writer text;
	build(&text, EXPIRY_REJECTS, 1);
	for (size_t cut = 1; cut < text.len; cut += 7) {
		struct world w;
		struct err e;
		int64_t when = 0;
		world_open(&w);
		struct store *s = world_store(&w);
		put(s, EXPIRY_REJECTS, 1, cut);
		assert_int_equal(expiry_took(s, "flow", HOUR, "x", 7, 9, &when, &e), RC_BAD);
		assert_non_null(strstr(e.text, "_sluice/expired/rejects/flow/"));
		store_close(&s);
		world_close(&w);
	}
	writer_fini(&text);
}

static enum rc see_head(void *context, const struct compaction_head *h, struct err *e)
{
	struct seen *s = context;
	(void)e;
	s->heads += h->expired;
	return RC_OK;
}

static enum rc see_file(void *context, const struct compaction_file *f, struct err *e)
{
	struct seen *s = context;
	uint8_t sha256[SHA256_BYTES] = {0};
	(void)e;
	s->files++;
	s->expired_ms = f->expired_ms;
	sha256[31] = 1;
	s->rows = compaction_rows_of(f, sha256);
	assert_false(f->output);
	assert_string_equal(f->from, "");
	return RC_OK;
}

static void that_of_a_table_is_a_generation_of_its_hour(void **state)
{
	struct world w;
	struct err e;
	struct seen seen = {0};
	const struct compaction_visitor v = {&seen, see_head, see_file};
	uint64_t newest = 0;
	bool took = false;
	world_open(&w);
	struct store *s = world_store(&w);
	put(s, EXPIRY_TABLE, 1, 0);
	assert_int_equal(compaction_each(s, "flow", HOUR, &v, &newest, &e), RC_OK);
	assert_true(newest == 1 && seen.heads == 1 && seen.files == 1 && seen.expired_ms == 1234 && seen.rows == 3);
	assert_int_equal(compaction_took(s, "flow", HOUR, "flow/hive/y=1/a", 7, 9, &took, &e), RC_OK);
	assert_true(took);
	store_close(&s);
	world_close(&w);
}

static void hours_of_folders(void **state)
{
	int64_t hour = 0;
	assert_true(expiry_read_hour("20260114", "09", &hour));
	assert_int_equal(hour, HOUR);
	assert_false(expiry_read_hour("20261314", "09", &hour));
	assert_false(expiry_read_hour("20260114", "24", &hour));
	assert_false(expiry_read_hour("2026011", "09", &hour));
	assert_false(expiry_read_hour("20260114", "9", &hour));
	assert_false(expiry_read_hour("2026-1-4", "09", &hour));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(originals_are_read_whatever_they_are_called),
	    cmocka_unit_test(a_rejects_file_was_taken_or_not),
	    cmocka_unit_test(a_cut_record_is_never_whole),
	    cmocka_unit_test(that_of_a_table_is_a_generation_of_its_hour),
	    cmocka_unit_test(hours_of_folders),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

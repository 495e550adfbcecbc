/* aside: files of others that were written where the catalog showed an hour are brought home whole, once, and none is
 * lost to another of its name. */
#include "pipe/aside.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "pipe/strays.h"
#include "pipe/swap.h"
#include "unit/pipe/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { HOUR = 491217 }; /* 2026-01-14 09 */

#define PARTITION "y=2026/m=1/d=14/h=9"
#define ASIDE     "flow/aside/" PARTITION "/1"
#define HOME      "flow/hive/" PARTITION

static struct schema_column column = {.name = "one", .type = SQL_STRING};
static const struct schema flow = {.name = "flow",
    .column = &column,
    .columns = 1,
    .partition = {{"y", SQL_SMALLINT, "year"}, {"m", SQL_TINYINT, "month"}, {"d", SQL_TINYINT, "day"},
        {"h", SQL_TINYINT, "hour"}},
    .partitions = 4};

static void lay(struct store *s, const char *path, const char *text)
{
	struct err e;
	assert_int_equal(store_put_if_absent(s, path, text, strlen(text), &e), RC_OK);
}

/* NULL: not there. */
static void expect(struct store *s, const char *path, const char *text)
{
	struct err e;
	char *got = NULL;
	size_t size = 0;
	enum rc rc = store_get(s, path, 1 << 20, &got, &size, &e);
	assert_int_equal(rc, text != NULL ? RC_OK : RC_END);
	if (text != NULL)
		assert_string_equal(got, text);
	mem_free(&got);
}

static void expect_gone(struct store *s, const char *folder)
{
	struct err e;
	struct store_stat st;
	assert_int_equal(store_stat(s, folder, &st, &e), RC_END);
}

static void test_home(void **state)
{
	struct world w;
	struct err e;
	uint64_t brought = 0;
	(void)state;
	world_open(&w);
	struct store *s = world_store(&w);
	lay(s, ASIDE "/part-compact-491217-1-00000.parquet", "ours");
	lay(s, ASIDE "/000000_0", "theirs");
	lay(s, ASIDE "/nothing", "");
	lay(s, ASIDE "/_SUCCESS", "");
	lay(s, ASIDE "/.hive-staging_1/x", "half");
	lay(s, HOME "/000000_1", "before");
	assert_int_equal(aside_home(s, ASIDE, HOME, "_sluice/staging/t", false, &brought, &e), RC_OK);
	expect(s, HOME "/000000_0", "theirs");
	expect(s, HOME "/nothing", "");
	expect(s, ASIDE "/000000_0", "theirs");
	assert_int_equal(brought, 0);
	/* One came late. */
	lay(s, ASIDE "/000000_2", "late");
	assert_int_equal(aside_home(s, ASIDE, HOME, "_sluice/staging/t", true, &brought, &e), RC_OK);
	expect(s, HOME "/000000_2", "late");
	expect(s, HOME "/000000_0", "theirs");
	expect(s, HOME "/000000_1", "before");
	expect(s, HOME "/_SUCCESS", NULL);
	expect(s, HOME "/part-compact-491217-1-00000.parquet", NULL);
	expect(s, ASIDE "/000000_0", NULL);
	expect(s, ASIDE "/part-compact-491217-1-00000.parquet", "ours");
	expect(s, ASIDE "/.hive-staging_1/x", "half");
	expect(s, "_sluice/staging/t", NULL);
	assert_int_equal(brought, 3);
	store_close(&s);
	world_close(&w);
}

static void test_one_name(void **state)
{
	struct world w;
	struct err e;
	uint64_t brought = 0;
	(void)state;
	world_open(&w);
	struct store *s = world_store(&w);
	static const char *const other[] = {"another one", "their5"}; /* of another size, of the same */
	for (size_t i = 0; i < 2; i++) {
		char *from = mem_format("%s/00000%zu_0", ASIDE, i), *to = mem_format("%s/00000%zu_0", HOME, i);
		lay(s, from, "theirs");
		lay(s, to, other[i]);
		assert_int_equal(aside_bring(s, from, to, "_sluice/staging/t", true, &brought, &e), RC_BAD);
		assert_non_null(strstr(e.text, "two files of one name"));
		expect(s, from, "theirs");
		expect(s, to, other[i]);
		mem_free(&to);
		mem_free(&from);
	}
	assert_int_equal(brought, 0);
	store_close(&s);
	world_close(&w);
}

static void test_strays(void **state)
{
	struct world w;
	struct err e;
	uint64_t brought = 0;
	const struct swap_key other = {"flow", HOUR + 1, 4}, ours = {"flow", HOUR, 2};
	const struct note n = {.instance = "t", .epoch = "e", .time_ms = 1};
	(void)state;
	world_open(&w);
	struct store *s = world_store(&w);
	assert_int_equal(strays_home(s, &flow, "_sluice/staging/t", &brought, &e), RC_OK);
	lay(s, ASIDE "/000000_0", "theirs");
	lay(s, "flow/aside/" PARTITION "/3/000000_1", "later");
	assert_int_equal(note_put(s, &other, NOTE_WORK, &n, &e), RC_OK);
	assert_int_equal(note_put(s, &ours, NOTE_WORK, &n, &e), RC_OK);
	/* A compaction of the hour is under way: they are read there. */
	assert_int_equal(strays_home(s, &flow, "_sluice/staging/t", &brought, &e), RC_OK);
	assert_int_equal(brought, 0);
	expect(s, ASIDE "/000000_0", "theirs");
	expect(s, HOME "/000000_0", NULL);
	assert_int_equal(note_remove(s, &ours, &e), RC_OK);
	assert_int_equal(strays_home(s, &flow, "_sluice/staging/t", &brought, &e), RC_OK);
	assert_int_equal(brought, 2);
	expect(s, HOME "/000000_0", "theirs");
	expect(s, HOME "/000000_1", "later");
	expect_gone(s, "flow/aside/y=2026");
	store_close(&s);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_home), cmocka_unit_test(test_one_name), cmocka_unit_test(test_strays)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

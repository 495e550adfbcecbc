/* table: one budget over all open hours, and what happens at each of its limits. */
#include "pipe/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { ROWS = 1000 };

struct bed {
	struct world world;
	struct world_bench bench;
	struct budget *budget;
	struct table *table;
	struct batch *batch;
	uint8_t original[SHA256_BYTES];
	uint64_t outside;
};

static void bed_open(struct bed *b, const struct budget_limits *limits)
{
	static const enum type types[] = {TYPE_TIME, TYPE_I64, TYPE_BYTES};
	memset(b, 0, sizeof *b);
	world_open(&b->world);
	world_bench_open(&b->world, &b->bench);
	b->budget = budget_new(limits, b->bench.bench.store, b->bench.bench.crc, NULL);
	b->table = table_new(b->budget, b->world.projection, "_sluice/staging/x/");
	b->batch = batch_new(types, 3, ROWS, 1 << 20);
}

static void bed_close(struct bed *b)
{
	table_drop(&b->table);
	budget_free(&b->budget);
	batch_free(&b->batch);
	assert_int_equal(world_count(&b->world, "_sluice/staging"), 0);
	world_bench_close(&b->bench);
	world_close(&b->world);
}

/* A thousand rows with texts that no dictionary makes small. */
static enum rc append(struct bed *b, struct table *t, int64_t hour, uint32_t n, struct err *e)
{
	char text[64];
	batch_reset(b->batch);
	for (uint32_t i = 0; i < n; i++) {
		((int64_t *)batch_values(b->batch, 0))[i] = hour * 3600 * 1000000000;
		((int64_t *)batch_values(b->batch, 1))[i] = rand();
		snprintf(text, sizeof text, "%d-%d-%d-%d", rand(), rand(), rand(), rand());
		assert_true(batch_put(b->batch, text, strlen(text), &((struct span *)batch_values(b->batch, 2))[i]));
		b->batch->rows++;
	}
	const struct table_source source = {b->original, "lines/1"};
	return table_append(t, hour, &source, b->batch, NULL, n, &b->outside, e);
}

static uint64_t rows_in(struct table *t, size_t *files)
{
	uint64_t rows = 0;
	const struct table_file *f = table_files(t, files);
	for (size_t i = 0; i < *files; i++)
		rows += f[i].rows;
	return rows;
}

static void the_budget_holds_over_all_tables(void **state)
{
	struct bed b;
	struct err e;
	size_t files = 0;
	uint64_t most = 0;
	bed_open(&b, &(struct budget_limits){.memory = 4 << 20, .open_files = 16, .file_bytes = 1 << 30});
	struct table *other = table_new(b.budget, b.world.projection, "_sluice/staging/y/");
	for (int i = 0; i < 400; i++) {
		assert_int_equal(append(&b, i % 2 == 0 ? b.table : other, i % 7, ROWS, &e), RC_OK);
		assert_true(budget_memory(b.budget) <= 4 << 20);
		if (budget_memory(b.budget) > most)
			most = budget_memory(b.budget);
	}
	assert_true(most > 3 << 20);
	assert_true(table_bytes(b.table) > 0);
	assert_int_equal(table_finish(b.table, &e), RC_OK);
	assert_int_equal(rows_in(b.table, &files), 200 * ROWS);
	assert_true(files >= 7);
	assert_int_equal(table_finish(other, &e), RC_OK);
	assert_int_equal(rows_in(other, &files), 200 * ROWS);
	assert_int_equal(budget_open(b.budget), 0);
	assert_int_equal(budget_memory(b.budget), 0);
	table_drop(&other);
	bed_close(&b);
}

static void the_idle_file_is_finished_at_the_limit(void **state)
{
	struct bed b;
	struct err e;
	size_t files = 0;
	bed_open(&b, &(struct budget_limits){.memory = 48 << 20, .open_files = 3, .file_bytes = 1 << 30});
	for (int hour = 0; hour < 3; hour++)
		assert_int_equal(append(&b, b.table, hour, 10, &e), RC_OK);
	assert_int_equal(append(&b, b.table, 0, 10, &e), RC_OK);
	rows_in(b.table, &files);
	assert_int_equal(files, 0);
	assert_int_equal(append(&b, b.table, 3, 10, &e), RC_OK);
	assert_int_equal(budget_open(b.budget), 3);
	const struct table_file *f = table_files(b.table, &files);
	assert_int_equal(files, 1);
	assert_int_equal(f[0].hour, 1);
	/* It comes again: another part. */
	assert_int_equal(append(&b, b.table, 1, 10, &e), RC_OK);
	assert_int_equal(table_finish(b.table, &e), RC_OK);
	assert_int_equal(rows_in(b.table, &files), 60);
	assert_int_equal(files, 5);
	bed_close(&b);
}

static void files_roll_by_size_and_by_sources(void **state)
{
	struct bed b;
	struct err e;
	size_t files = 0;
	bed_open(&b, &(struct budget_limits){.memory = 1 << 20, .open_files = 3, .file_bytes = 2 << 20});
	for (int i = 0; i < 200; i++)
		assert_int_equal(append(&b, b.table, 5, ROWS, &e), RC_OK);
	assert_int_equal(table_finish(b.table, &e), RC_OK);
	assert_int_equal(rows_in(b.table, &files), 200 * ROWS);
	assert_in_range(files, 2, 10);
	const struct table_file *f = table_files(b.table, &files);
	for (size_t i = 0; i < files; i++)
		assert_true(f[i].staged->size < 4 << 20);
	bed_close(&b);

	bed_open(&b, &(struct budget_limits){.memory = 48 << 20, .open_files = 3, .file_bytes = 1 << 30});
	for (uint32_t i = 0; i < TABLE_SOURCES + 10; i++) {
		memcpy(b.original, &i, sizeof i);
		assert_int_equal(append(&b, b.table, 5, 1, &e), RC_OK);
		assert_int_equal(append(&b, b.table, 5, 1, &e), RC_OK);
	}
	f = table_files(b.table, &files);
	assert_int_equal(files, 1);
	assert_int_equal(f[0].rows, 2 * TABLE_SOURCES);
	bed_close(&b);
}

/* A store that is full for one table's file: the other one goes on, the victim hears of it. */
static void a_failure_stays_with_its_table(void **state)
{
	struct bed b;
	struct err e;
	size_t files = 0;
	bed_open(&b, &(struct budget_limits){.memory = 48 << 20, .open_files = 1, .file_bytes = 1 << 30});
	struct table *other = table_new(b.budget, b.world.projection, "_sluice/staging/y/");
	assert_int_equal(append(&b, other, 1, 10, &e), RC_OK);
	/* Its file grows behind its back, so that its length can't be verified when it has to give way. */
	char *command = mem_format(
	    "for f in %s/_sluice/staging/y/*; do truncate -s 9000000 $f; done", b.world.settings.store_place);
	assert_int_equal(system(command), 0);
	mem_free(&command);
	assert_int_equal(append(&b, b.table, 1, 10, &e), RC_OK);
	assert_int_not_equal(append(&b, other, 1, 10, &e), RC_OK);
	assert_int_not_equal(table_finish(other, &e), RC_OK);
	table_drop(&other);
	assert_int_equal(table_finish(b.table, &e), RC_OK);
	assert_int_equal(rows_in(b.table, &files), 10);
	bed_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_budget_holds_over_all_tables),
	    cmocka_unit_test(the_idle_file_is_finished_at_the_limit),
	    cmocka_unit_test(files_roll_by_size_and_by_sources),
	    cmocka_unit_test(a_failure_stays_with_its_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* hosts, reconcile, definition, known: what a metastore's answers are measured by. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "catalog/catalog.h"
#include "catalog/hive/definition.h"
#include "catalog/hive/hosts.h"
#include "catalog/hive/reconcile.h"
#include "catalog/known.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct err e;

static void places_are_read(void **state)
{
	struct hosts p;
	assert_int_equal(hosts_read("meta", &p, &e), RC_OK);
	assert_int_equal(p.hosts, 1);
	assert_string_equal(p.host[0].name, "meta");
	assert_string_equal(p.host[0].port, "9083");
	assert_string_equal(p.database, "default");
	hosts_fini(&p);
	assert_int_equal(hosts_read("a:1,[::1]:22,b,[fe80::2]/Spot_1/", &p, &e), RC_OK);
	assert_int_equal(p.hosts, 4);
	assert_string_equal(p.host[0].name, "a");
	assert_string_equal(p.host[0].port, "1");
	assert_string_equal(p.host[1].name, "::1");
	assert_string_equal(p.host[1].port, "22");
	assert_string_equal(p.host[2].name, "b");
	assert_string_equal(p.host[2].port, "9083");
	assert_string_equal(p.host[3].name, "fe80::2");
	assert_string_equal(p.database, "spot_1");
	hosts_fini(&p);
}

static void wrong_places_are_refused(void **state)
{
	static const char *const wrong[] = {"", "/spot", ":9083", "a:0", "a:65536", "a:x", "a:123456789", "a,,b", "a,",
	    "[::1", "[::1]x", "a/spot.x", "a/b/c", "a/b c", "1,2,3,4,5,6,7,8,9/spot"};
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		struct hosts p = {.hosts = 77};
		e.text[0] = '\0';
		assert_int_equal(hosts_read(wrong[i], &p, &e), RC_BAD);
		assert_int_not_equal(e.text[0], '\0');
		assert_int_equal(p.hosts, 77); /* untouched */
	}
}

static void one_place_has_many_spellings(void **state)
{
	assert_true(reconcile_same_place("file:///lake/flow", "file:/lake/flow"));
	assert_true(reconcile_same_place("file:///lake/flow", "file:///lake//flow/"));
	assert_true(reconcile_same_place("HDFS://Name:8020/a", "hdfs://name:8020/a"));
	assert_true(reconcile_same_place("/a", "/a/"));
	assert_true(reconcile_same_place("file:///", "file:/"));
	assert_false(reconcile_same_place("file:///lake/flow", "file:///lake/flows"));
	assert_false(reconcile_same_place("file:///lake/flow", "file:///lake"));
	assert_false(reconcile_same_place("file:///lake/flow", "file:///Lake/flow"));
	assert_false(reconcile_same_place("hdfs://a:8020/x", "hdfs://a:8021/x"));
	assert_false(reconcile_same_place("hdfs://a/x", "webhdfs://a/x"));
	assert_false(reconcile_same_place("file:///ab", "file:///a/b"));
	assert_false(reconcile_same_place("file:///a", ""));
}

static void types_are_those_of_the_ddl(void **state)
{
	for (int type = 0; type < SQL_TYPES; type++) {
		char lower[32];
		size_t len = strlen(sql_name((enum sql_type)type));
		for (size_t i = 0; i <= len; i++)
			lower[i] = (char)tolower((unsigned char)sql_name((enum sql_type)type)[i]);
		assert_string_equal(definition_type((enum sql_type)type), lower);
	}
}

static struct schema_column column[] = {{.name = "one", .type = SQL_STRING}, {.name = "two", .type = SQL_FLOAT}};
static struct schema flow = {.name = "flow",
    .column = column,
    .columns = 2,
    .partition = {{.name = "y", .type = SQL_SMALLINT}, {.name = "m", .type = SQL_TINYINT}},
    .partitions = 2};
static const struct catalog_table wanted = {&flow, "file:///lake/flow/hive"};

/* Answers that lack what every table has: refused or harmless, never a crash. */
static void lacking_answers_are_no_crash(void **state)
{
	static const int16_t without[] = {TABLE_SD, TABLE_KEYS, TABLE_PARAMETERS, TABLE_TYPE};
	struct catalog_view view;
	for (size_t i = 0; i < sizeof without / sizeof without[0]; i++) {
		struct tree *table = definition_table(&wanted, "spot", "owner");
		reconcile_look(table, &wanted, &view);
		assert_int_equal(view.match, CATALOG_SAME);
		tree_drop(table, without[i]);
		reconcile_look(table, &wanted, &view);
		assert_int_equal(view.match, CATALOG_OTHER);
		tree_free(&table);
	}
	struct tree *table = definition_table(&wanted, "spot", "owner");
	struct tree *sd = tree_field(table, TABLE_SD, T_STRUCT);
	tree_drop(sd, SD_COLUMNS);
	reconcile_look(table, &wanted, &view);
	assert_int_equal(view.match, CATALOG_SHORTER);
	reconcile_append(table, &wanted);
	reconcile_look(table, &wanted, &view);
	assert_int_equal(view.match, CATALOG_SAME);
	/* A column that is no struct of two texts. */
	tree_drop(sd, SD_COLUMNS);
	tree_add_struct(tree_add_list(sd, SD_COLUMNS, T_STRUCT), 0);
	reconcile_look(table, &wanted, &view);
	assert_int_equal(view.match, CATALOG_OTHER);
	tree_drop(sd, SD_SERDE);
	reconcile_look(table, &wanted, &view);
	assert_non_null(strstr(view.text, "no format"));
	tree_free(&table);
}

static void case_does_not_matter(void **state)
{
	struct catalog_view view;
	struct tree *table = definition_table(&wanted, "spot", "owner");
	struct tree *columns = tree_field(tree_field(table, TABLE_SD, T_STRUCT), SD_COLUMNS, T_LIST);
	tree_drop(columns->first, FIELD_NAME);
	tree_add_text(columns->first, FIELD_NAME, "ONE");
	tree_drop(columns->first, FIELD_TYPE);
	tree_add_text(columns->first, FIELD_TYPE, "String");
	reconcile_look(table, &wanted, &view);
	assert_int_equal(view.match, CATALOG_SAME);
	tree_free(&table);
}

/* Very many columns more than ours: what is said is cut, not written past its end. */
static void long_differences_are_cut(void **state)
{
	struct catalog_view view;
	struct tree *table = definition_table(&wanted, "spot", "owner");
	struct tree *columns = tree_field(tree_field(table, TABLE_SD, T_STRUCT), SD_COLUMNS, T_LIST);
	for (int i = 0; i < 200; i++)
		definition_column(columns, "a_column_of_somebody_else", SQL_BIGINT);
	reconcile_look(table, &wanted, &view);
	assert_int_equal(view.match, CATALOG_SAME);
	assert_true(strlen(view.text) < sizeof view.text);
	tree_free(&table);
}

static void known_is_bounded(void **state)
{
	struct known *k = known_new();
	char path[32];
	assert_false(known_has(k, "flow", "y=1"));
	for (int i = 0; i < KNOWN_MOST; i++) {
		snprintf(path, sizeof path, "y=%d", i);
		known_add(k, "flow", path);
		known_add(k, "flow", path);
	}
	for (int i = 0; i < KNOWN_MOST; i++) {
		snprintf(path, sizeof path, "y=%d", i);
		assert_true(known_has(k, "flow", path));
		assert_false(known_has(k, "flo", path));
	}
	known_add(k, "dns", "y=1");
	assert_true(known_has(k, "dns", "y=1"));
	assert_false(known_has(k, "flow", "y=1"));
	known_clear(k);
	assert_false(known_has(k, "dns", "y=1"));
	known_free(&k);
}

static void what_is_dropped_hides_nothing(void **state)
{
	enum { TEXTS = 40000 };
	struct known *k = known_new();
	char path[32];
	known_drop(k, "flow", "y=1");
	for (int i = 0; i < TEXTS; i++) {
		snprintf(path, sizeof path, "y=%d", i);
		known_add(k, "flow", path);
	}
	for (int i = 0; i < TEXTS; i += 3) {
		snprintf(path, sizeof path, "y=%d", i);
		known_drop(k, "flow", path);
		known_drop(k, "flow", path);
	}
	for (int i = 0; i < TEXTS; i++) {
		snprintf(path, sizeof path, "y=%d", i);
		assert_int_equal(known_has(k, "flow", path), i % 3 != 0);
	}
	known_free(&k);
}

static void paths_become_values(void **state)
{
	char text[CATALOG_PATH];
	const char *value[SCHEMA_PARTITIONS];
	assert_true(catalog_values(&flow, "y=2026/m=01", text, value));
	assert_string_equal(value[0], "2026");
	assert_string_equal(value[1], "01");
	assert_false(catalog_values(&flow, "y=2026/mm=01", text, value));
	assert_false(catalog_values(&flow, "y=2026/m", text, value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(places_are_read),
	    cmocka_unit_test(wrong_places_are_refused),
	    cmocka_unit_test(one_place_has_many_spellings),
	    cmocka_unit_test(types_are_those_of_the_ddl),
	    cmocka_unit_test(lacking_answers_are_no_crash),
	    cmocka_unit_test(case_does_not_matter),
	    cmocka_unit_test(long_differences_are_cut),
	    cmocka_unit_test(known_is_bounded),
	    cmocka_unit_test(what_is_dropped_hides_nothing),
	    cmocka_unit_test(paths_become_values),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

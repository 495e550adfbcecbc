/*
 * What every catalog owes, whoever provides it. SLUICE_CATALOG is the URL of a metastore to run it against
 * (thrift://host:port); without it only the catalog that needs no server is run. Each run has a database of its own.
 */
#include "conform/conform.h"

#include <pthread.h>

#include "catalog/catalog.h"
#include "catalog/hive/call.h"
#include "catalog/hive/definition.h"
#include "format/avsc.h"

enum { WRITERS = 2, HOURS = 24, TRIES = 5 };

static struct err e;

struct bench {
	char *folder, *place;
	struct catalog *catalog;
	struct schema *schema;
	struct catalog_table table;
};

static const struct catalog_ops *ops;
static char *server; /* host:port of the metastore */

/* A dataset of its own for each test; more: columns beside the first two. */
static struct schema *schema_of(const char *name, const char *more)
{
	struct schema *s = NULL;
	char *text =
	    mem_format("{\"type\": \"record\", \"name\": \"%s\", \"namespace\": \"org.test\", \"time\": \"time\",\n"
	               "\"partition\": [{\"name\": \"y\", \"type\": \"smallint\", \"as\": \"year\"}, "
	               "{\"name\": \"m\", \"type\": \"tinyint\", \"as\": \"month\"}],\n"
	               "\"fields\": [{\"name\": \"one\", \"type\": [\"null\", \"string\"], \"from\": \"a\"}, "
	               "{\"name\": \"two\", \"type\": [\"null\", \"int\"], \"from\": \"b\"}%s]}",
	        name, more);
	if (avsc_read("test.avsc", text, strlen(text), &s, &e) != RC_OK)
		fail_msg("%s", e.text);
	mem_free(&text);
	return s;
}

static struct catalog *open_again(const struct bench *t)
{
	struct catalog_params p = {.place = t->place};
	struct catalog *c = NULL;
	EXPECT(RC_OK, catalog_open(ops, &p, &c, &e));
	return c;
}

static int setup(void **state)
{
	static int number;
	struct bench *t = mem_zero(1, sizeof *t);
	char *name = mem_format("t%d", ++number);
	t->folder = folder_make(NULL);
	t->place = mem_format("%s/c%d_%lld", server != NULL ? server : "", (int)getpid(), (long long)clock_wall().ns);
	t->catalog = open_again(t);
	t->schema = schema_of(name, "");
	t->table = (struct catalog_table){t->schema, mem_format("file://%s/%s", t->folder, name)};
	mem_free(&name);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct bench *t = *state;
	catalog_close(&t->catalog);
	assert_null(t->catalog);
	schema_free(&t->schema);
	mem_release((void *)t->table.location);
	folder_remove(&t->folder);
	mem_free(&t->place);
	mem_free(&t);
	return 0;
}

static void make_table(struct bench *t)
{
	EXPECT(RC_OK, catalog_ensure_database(t->catalog, &e));
	EXPECT(RC_OK, catalog_ensure_table(t->catalog, &t->table, &e));
}

/* ---- all of them ---- */

static void everything_may_be_made_again(void **state)
{
	struct bench *t = *state;
	struct catalog_view view;
	bool there = false;
	for (int i = 0; i < 3; i++) {
		make_table(t);
		EXPECT(RC_OK, catalog_ensure_partition(t->catalog, &t->table, "y=2026/m=1", &e));
		EXPECT(RC_OK, catalog_ensure_partition(t->catalog, &t->table, "y=2026/m=12", &e));
		EXPECT(RC_OK, catalog_reach(t->catalog, &there, &e));
		assert_true(there);
		EXPECT(RC_OK, catalog_describe(t->catalog, &t->table, &view, &e));
		assert_int_equal(view.match, CATALOG_SAME);
		/* The third time without anything remembered. */
		if (i == 1) {
			catalog_close(&t->catalog);
			t->catalog = open_again(t);
		}
	}
}

static void paths_are_checked(void **state)
{
	static const char *const wrong[] = {"", "y=2026", "y=2026/m=1/d=1", "m=1/y=2026", "y=/m=1", "y=2026/m=a",
	    "y=2026/m=1/", "/y=2026/m=1", "y=2026//m=1", "y=20 26/m=1", "y=2026/m=__HIVE_DEFAULT_PARTITION__",
	    "y=12345678901234567/m=1"};
	struct bench *t = *state;
	make_table(t);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		EXPECT(RC_BAD, catalog_ensure_partition(t->catalog, &t->table, wrong[i], &e));
}

/* ---- those that remember ---- */

static void nothing_is_made_by_looking(void **state)
{
	struct bench *t = *state;
	struct catalog_view view;
	bool there = true;
	EXPECT(RC_OK, catalog_reach(t->catalog, &there, &e));
	assert_false(there);
	EXPECT(RC_OK, catalog_describe(t->catalog, &t->table, &view, &e));
	assert_int_equal(view.match, CATALOG_ABSENT);
	EXPECT(RC_END, catalog_learn(t->catalog, &t->table, &e));
	EXPECT(RC_AGAIN, catalog_ensure_partition(t->catalog, &t->table, "y=2026/m=1", &e));
	EXPECT(RC_OK, catalog_reach(t->catalog, &there, &e));
	assert_false(there);
}

static void partitions_are_learned(void **state)
{
	struct bench *t = *state;
	make_table(t);
	EXPECT(RC_OK, catalog_learn(t->catalog, &t->table, &e));
	assert_false(catalog_knows(t->catalog, &t->table, "y=2026/m=1"));
	EXPECT(RC_OK, catalog_ensure_partition(t->catalog, &t->table, "y=2026/m=1", &e));
	assert_true(catalog_knows(t->catalog, &t->table, "y=2026/m=1"));
	struct catalog *second = open_again(t);
	assert_false(catalog_knows(second, &t->table, "y=2026/m=1"));
	EXPECT(RC_OK, catalog_learn(second, &t->table, &e));
	assert_true(catalog_knows(second, &t->table, "y=2026/m=1"));
	assert_false(catalog_knows(second, &t->table, "y=2026/m=2"));
	catalog_close(&second);
}

static void partitions_are_dropped(void **state)
{
	struct bench *t = *state;
	EXPECT(RC_END, catalog_drop_partition(t->catalog, &t->table, "y=2026/m=1", &e));
	make_table(t);
	EXPECT(RC_END, catalog_drop_partition(t->catalog, &t->table, "y=2026/m=1", &e));
	EXPECT(RC_OK, catalog_ensure_partition(t->catalog, &t->table, "y=2026/m=1", &e));
	EXPECT(RC_OK, catalog_ensure_partition(t->catalog, &t->table, "y=2026/m=2", &e));
	EXPECT(RC_BAD, catalog_drop_partition(t->catalog, &t->table, "y=2026", &e));
	EXPECT(RC_OK, catalog_drop_partition(t->catalog, &t->table, "y=2026/m=1", &e));
	assert_false(catalog_knows(t->catalog, &t->table, "y=2026/m=1"));
	struct catalog *second = open_again(t);
	EXPECT(RC_OK, catalog_learn(second, &t->table, &e));
	assert_false(catalog_knows(second, &t->table, "y=2026/m=1"));
	assert_true(catalog_knows(second, &t->table, "y=2026/m=2"));
	/* It comes back, and what somebody else has dropped is asked for again when it was forgotten. */
	EXPECT(RC_OK, catalog_ensure_partition(t->catalog, &t->table, "y=2026/m=1", &e));
	EXPECT(RC_OK, catalog_drop_partition(second, &t->table, "y=2026/m=1", &e));
	catalog_forget(t->catalog, &t->table, "y=2026/m=1");
	EXPECT(RC_OK, catalog_ensure_partition(t->catalog, &t->table, "y=2026/m=1", &e));
	EXPECT(RC_OK, catalog_drop_partition(second, &t->table, "y=2026/m=1", &e));
	/* One that lies elsewhere is somebody's. */
	char *elsewhere = mem_format("%s-other", t->table.location);
	struct catalog_table other = {t->schema, elsewhere};
	EXPECT(RC_BAD, catalog_drop_partition(second, &other, "y=2026/m=2", &e));
	mem_free(&elsewhere);
	catalog_close(&second);
}

static void columns_are_appended(void **state)
{
	struct bench *t = *state;
	struct catalog_view view;
	make_table(t);
	struct schema *longer =
	    schema_of(t->schema->name, ", {\"name\": \"three\", \"type\": [\"null\", \"long\"], \"from\": "
	                               "\"c\"}, {\"name\": \"four\", \"type\": [\"null\", \"float\"], "
	                               "\"from\": \"d\"}");
	struct catalog_table wanted = {longer, t->table.location};
	EXPECT(RC_OK, catalog_describe(t->catalog, &wanted, &view, &e));
	assert_int_equal(view.match, CATALOG_SHORTER);
	assert_non_null(strstr(view.text, "three bigint, four float"));
	EXPECT(RC_OK, catalog_ensure_table(t->catalog, &wanted, &e));
	EXPECT(RC_OK, catalog_describe(t->catalog, &wanted, &view, &e));
	assert_int_equal(view.match, CATALOG_SAME);
	/* Whoever still has the shorter schema is not in the way. */
	EXPECT(RC_OK, catalog_describe(t->catalog, &t->table, &view, &e));
	assert_int_equal(view.match, CATALOG_SAME);
	assert_non_null(strstr(view.text, "three bigint, four float"));
	EXPECT(RC_OK, catalog_ensure_table(t->catalog, &t->table, &e));
	EXPECT(RC_OK, catalog_describe(t->catalog, &wanted, &view, &e));
	assert_int_equal(view.match, CATALOG_SAME);
	schema_free(&longer);
}

static void refused(struct bench *t, const struct catalog_table *other, const char *ours, const char *theirs)
{
	struct catalog_view view;
	EXPECT(RC_OK, catalog_describe(t->catalog, other, &view, &e));
	assert_int_equal(view.match, CATALOG_OTHER);
	assert_non_null(strstr(view.text, ours));
	assert_non_null(strstr(view.text, theirs));
	EXPECT(RC_BAD, catalog_ensure_table(t->catalog, other, &e));
	assert_non_null(strstr(e.text, ours));
	assert_non_null(strstr(e.text, theirs));
	EXPECT(RC_OK, catalog_describe(t->catalog, &t->table, &view, &e));
	assert_int_equal(view.match, CATALOG_SAME);
}

static void what_differs_is_refused_with_both_sides(void **state)
{
	struct bench *t = *state;
	struct schema *s = schema_of(t->schema->name, "");
	struct catalog_table other = {s, t->table.location};
	make_table(t);

	s->column[1].type = SQL_BIGINT;
	refused(t, &other, "two bigint in the schema", "two int in the table");
	s->column[1].type = SQL_INT;

	struct schema_column first = s->column[0];
	s->column[0] = s->column[1];
	s->column[1] = first;
	refused(t, &other, "column 1 is two int in the schema", "one string in the table");
	s->column[1] = s->column[0];
	s->column[0] = first;

	s->partitions = 1;
	refused(t, &other, "partition key more than the schema", "m tinyint");
	s->partitions = 2;
	s->partition[1].type = SQL_STRING;
	refused(t, &other, "m string in the schema", "m tinyint in the table");
	s->partition[1].type = SQL_TINYINT;

	char *elsewhere = mem_format("%s-other", t->table.location);
	other.location = elsewhere;
	refused(t, &other, elsewhere, t->table.location);
	mem_free(&elsewhere);
	schema_free(&s);
}

static void partition_elsewhere_is_refused(void **state)
{
	struct bench *t = *state;
	make_table(t);
	EXPECT(RC_OK, catalog_ensure_partition(t->catalog, &t->table, "y=2026/m=1", &e));
	struct catalog *second = open_again(t);
	char *elsewhere = mem_format("%s-other", t->table.location);
	struct catalog_table other = {t->schema, elsewhere};
	EXPECT(RC_BAD, catalog_ensure_partition(second, &other, "y=2026/m=1", &e));
	assert_non_null(strstr(e.text, "-other/y=2026/m=1"));
	catalog_close(&second);
	mem_free(&elsewhere);
}

static void a_table_may_have_no_partitions(void **state)
{
	struct bench *t = *state;
	struct catalog_view view;
	t->schema->partitions = 0;
	make_table(t);
	EXPECT(RC_OK, catalog_describe(t->catalog, &t->table, &view, &e));
	assert_int_equal(view.match, CATALOG_SAME);
	EXPECT(RC_OK, catalog_learn(t->catalog, &t->table, &e));
	EXPECT(RC_OK, catalog_ensure_partition(t->catalog, &t->table, "", &e));
	t->schema->partitions = 2; /* as it is freed */
}

struct writer_job {
	const struct bench *bench;
	enum rc rc;
	struct err e;
};

/* Database, table and partitions, as fast as it goes. */
static enum rc write_once(struct catalog *c, const struct catalog_table *t, struct err *why)
{
	enum rc rc = catalog_ensure_database(c, why);
	if (rc == RC_OK)
		rc = catalog_ensure_table(c, t, why);
	for (int i = 0; i < HOURS && rc == RC_OK; i++) {
		char path[32];
		snprintf(path, sizeof path, "y=%d/m=%d", 2026 + i / 12, i % 12 + 1);
		rc = catalog_ensure_partition(c, t, path, why);
	}
	return rc;
}

/* A metastore whose two threads collide in its own database says that it was in trouble: then once more. */
static void *write_all(void *context)
{
	struct writer_job *job = context;
	struct catalog_params p = {.place = job->bench->place};
	struct catalog *c = NULL;
	job->rc = catalog_open(ops, &p, &c, &job->e);
	if (job->rc == RC_OK)
		job->rc = RC_AGAIN;
	for (int i = 0; i < TRIES && job->rc == RC_AGAIN; i++)
		job->rc = write_once(c, &job->bench->table, &job->e);
	catalog_close(&c);
	return NULL;
}

static void two_writers_are_no_trouble(void **state)
{
	struct bench *t = *state;
	struct writer_job job[WRITERS];
	pthread_t thread[WRITERS];
	for (int i = 0; i < WRITERS; i++) {
		job[i] = (struct writer_job){.bench = t};
		assert_int_equal(pthread_create(&thread[i], NULL, write_all, &job[i]), 0);
	}
	for (int i = 0; i < WRITERS; i++) {
		pthread_join(thread[i], NULL);
		e = job[i].e;
		EXPECT(RC_OK, job[i].rc);
	}
	EXPECT(RC_OK, catalog_learn(t->catalog, &t->table, &e));
	for (int i = 0; i < HOURS; i++) {
		char path[32];
		snprintf(path, sizeof path, "y=%d/m=%d", 2026 + i / 12, i % 12 + 1);
		assert_true(catalog_knows(t->catalog, &t->table, path));
	}
}

/* ---- a metastore, seen past our own ops ---- */

struct raw {
	struct hosts place;
	struct session session;
};

static void raw_open(struct raw *r, const struct bench *t)
{
	EXPECT(RC_OK, hosts_read(t->place, &r->place, &e));
	session_init(&r->session, &r->place, 20000, NULL);
	(void)!snprintf(r->session.user, sizeof r->session.user, "somebody");
}

static void raw_close(struct raw *r)
{
	session_fini(&r->session);
	hosts_fini(&r->place);
}

static struct tree *raw_call(struct raw *r, enum method m, struct tree *args)
{
	struct tree *result = NULL;
	enum reply reply;
	EXPECT(RC_OK, session_call(&r->session, m, args, &reply, &result, &e));
	if (reply != REPLY_DONE)
		fail_msg("%s", e.text);
	return result;
}

static struct tree *raw_names(const struct raw *r, const struct bench *t)
{
	struct tree *args = tree_new(T_STRUCT);
	tree_add_text(args, 1, r->place.database);
	tree_add_text(args, 2, t->schema->name);
	return args;
}

static struct tree *raw_table(struct raw *r, const struct bench *t)
{
	struct tree *args = tree_new(T_STRUCT);
	tree_add(args, 1, raw_names(r, t));
	struct tree *result = raw_call(r, GET_TABLE_REQ, args);
	struct tree *table = tree_copy(tree_field(tree_field(result, 0, T_STRUCT), 1, T_STRUCT));
	tree_free(&result);
	return table;
}

static struct tree *raw_partition(struct raw *r, const struct bench *t, const char *y, const char *m)
{
	struct tree *args = raw_names(r, t);
	struct tree *values = tree_add_list(args, 3, T_STRING);
	tree_add_text(values, 0, y);
	tree_add_text(values, 0, m);
	struct tree *result = raw_call(r, GET_PARTITION, args);
	struct tree *partition = tree_copy(tree_field(result, 0, T_STRUCT));
	tree_free(&result);
	return partition;
}

static void raw_alter(struct raw *r, const struct bench *t, const struct tree *table)
{
	struct tree *args = raw_names(r, t);
	tree_add(args, 3, tree_copy(table));
	tree_add(args, 4, definition_context(false));
	struct tree *result = raw_call(r, ALTER_TABLE, args);
	tree_free(&result);
}

static void set_number(struct tree *t, int16_t id, int64_t number)
{
	tree_drop(t, id);
	tree_add_number(t, id, T_I32, number);
}

static const struct tree *columns_of(const struct tree *t, int16_t sd)
{
	return tree_field(tree_field(t, sd, T_STRUCT), SD_COLUMNS, T_LIST);
}

static void append_keeps_what_others_wrote(void **state)
{
	struct bench *t = *state;
	struct raw r;
	make_table(t);
	EXPECT(RC_OK, catalog_ensure_partition(t->catalog, &t->table, "y=2026/m=1", &e));
	raw_open(&r, t);
	struct tree *table = raw_table(&r, t);
	tree_map_put(tree_field(table, TABLE_PARAMETERS, T_MAP), "somebody.else", "wrote this");
	tree_map_put(tree_field(table, TABLE_PARAMETERS, T_MAP), "comment", "flows of the north");
	set_number(table, 6, 7); /* retention */
	tree_drop(table, 3);
	tree_add_text(table, 3, "the owner");
	raw_alter(&r, t, table);
	tree_free(&table);

	struct schema *longer =
	    schema_of(t->schema->name, ", {\"name\": \"three\", \"type\": [\"null\", \"long\"], \"from\": \"c\"}");
	struct catalog_table wanted = {longer, t->table.location};
	EXPECT(RC_OK, catalog_ensure_table(t->catalog, &wanted, &e));

	table = raw_table(&r, t);
	const struct tree *parameters = tree_field(table, TABLE_PARAMETERS, T_MAP);
	assert_string_equal(tree_map_text(parameters, "somebody.else"), "wrote this");
	assert_string_equal(tree_map_text(parameters, "comment"), "flows of the north");
	assert_string_equal(tree_map_text(parameters, "EXTERNAL"), "TRUE");
	assert_string_equal(tree_text(table, TABLE_TYPE), "EXTERNAL_TABLE");
	assert_string_equal(tree_text(table, 3), "the owner");
	assert_int_equal(tree_field(table, 6, T_I32)->number, 7);
	assert_int_equal(columns_of(table, TABLE_SD)->children, 3);
	/* The partition that was there before has the column too. */
	struct tree *partition = raw_partition(&r, t, "2026", "1");
	assert_int_equal(columns_of(partition, PARTITION_SD)->children, 3);
	assert_string_equal(tree_text(columns_of(partition, PARTITION_SD)->last, FIELD_NAME), "three");
	assert_string_equal(tree_text(columns_of(partition, PARTITION_SD)->last, FIELD_TYPE), "bigint");
	tree_free(&partition);
	/* And the one after it, without having been told. */
	EXPECT(RC_OK, catalog_ensure_partition(t->catalog, &wanted, "y=2026/m=2", &e));
	partition = raw_partition(&r, t, "2026", "2");
	assert_int_equal(columns_of(partition, PARTITION_SD)->children, 3);
	tree_free(&partition);
	tree_free(&table);
	schema_free(&longer);
	raw_close(&r);
}

static void partition_has_location_and_no_statistics(void **state)
{
	struct bench *t = *state;
	struct raw r;
	make_table(t);
	EXPECT(RC_OK, catalog_ensure_partition(t->catalog, &t->table, "y=2026/m=1", &e));
	raw_open(&r, t);
	struct tree *partition = raw_partition(&r, t, "2026", "1");
	const char *location = tree_text(tree_field(partition, PARTITION_SD, T_STRUCT), SD_LOCATION);
	assert_non_null(location);
	assert_non_null(strstr(location, "/y=2026/m=1"));
	const struct tree *parameters = tree_field(partition, 7, T_MAP);
	assert_null(tree_map_text(parameters, "numRows"));
	assert_null(tree_map_text(parameters, "totalSize"));
	assert_null(tree_map_text(parameters, "numFiles"));
	tree_free(&partition);
	raw_close(&r);
}

static void managed_table_is_refused(void **state)
{
	struct bench *t = *state;
	struct raw r;
	enum reply reply;
	EXPECT(RC_OK, catalog_ensure_database(t->catalog, &e));
	raw_open(&r, t);
	struct tree *args = tree_new(T_STRUCT);
	struct tree *table = tree_add(args, 1, definition_table(&t->table, r.place.database, "somebody"));
	tree_drop(table, TABLE_TYPE);
	tree_add_text(table, TABLE_TYPE, "MANAGED_TABLE");
	tree_drop(table, TABLE_PARAMETERS);
	tree_add_map(table, TABLE_PARAMETERS);
	struct tree *sd = tree_field(table, TABLE_SD, T_STRUCT);
	tree_drop(sd, SD_LOCATION);
	EXPECT(RC_OK, session_call(&r.session, CREATE_TABLE, args, &reply, NULL, &e));
	raw_close(&r);
	if (reply != REPLY_DONE) {
		print_message("this server makes no such table: %s\n", e.text);
		skip();
	}
	EXPECT(RC_BAD, catalog_ensure_table(t->catalog, &t->table, &e));
	/* 4.0 turns it into an external one that lies in its own warehouse. */
	assert_true(strstr(e.text, "external table is wanted") != NULL || strstr(e.text, "location is ") != NULL);
}

/* A table that was dropped behind our back is made again, its partitions too. */
static void dropped_table_comes_back(void **state)
{
	struct bench *t = *state;
	make_table(t);
	char *kept = t->place;
	/* Another database is another catalog in which nothing is there. */
	t->place = mem_format("%s/c%d_%lld", server, (int)getpid(), (long long)clock_wall().ns);
	struct catalog *c = open_again(t);
	EXPECT(RC_AGAIN, catalog_ensure_partition(c, &t->table, "y=2026/m=1", &e));
	EXPECT(RC_AGAIN, catalog_ensure_table(c, &t->table, &e));
	EXPECT(RC_OK, catalog_ensure_database(c, &e));
	EXPECT(RC_OK, catalog_ensure_table(c, &t->table, &e));
	EXPECT(RC_OK, catalog_ensure_partition(c, &t->table, "y=2026/m=1", &e));
	catalog_close(&c);
	mem_free(&t->place);
	t->place = kept;
}

int main(void)
{
	const struct CMUnitTest all[] = {
	    cmocka_unit_test_setup_teardown(everything_may_be_made_again, setup, teardown),
	    cmocka_unit_test_setup_teardown(paths_are_checked, setup, teardown),
	};
	const struct CMUnitTest metastore[] = {
	    cmocka_unit_test_setup_teardown(nothing_is_made_by_looking, setup, teardown),
	    cmocka_unit_test_setup_teardown(partitions_are_learned, setup, teardown),
	    cmocka_unit_test_setup_teardown(partitions_are_dropped, setup, teardown),
	    cmocka_unit_test_setup_teardown(columns_are_appended, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_differs_is_refused_with_both_sides, setup, teardown),
	    cmocka_unit_test_setup_teardown(partition_elsewhere_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_table_may_have_no_partitions, setup, teardown),
	    cmocka_unit_test_setup_teardown(two_writers_are_no_trouble, setup, teardown),
	    cmocka_unit_test_setup_teardown(append_keeps_what_others_wrote, setup, teardown),
	    cmocka_unit_test_setup_teardown(partition_has_location_and_no_statistics, setup, teardown),
	    cmocka_unit_test_setup_teardown(managed_table_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(dropped_table_comes_back, setup, teardown),
	};
	const char *url = getenv("SLUICE_CATALOG");
	ops = &catalog_none;
	if (url == NULL || strncmp(url, "thrift://", 9) != 0)
		return cmocka_run_group_tests_name("none", all, NULL, NULL);
	server = mem_text(url + 9);
	ops = &catalog_hive;
	int failed = cmocka_run_group_tests_name("hive", all, NULL, NULL);
	failed += cmocka_run_group_tests_name("hive", metastore, NULL, NULL);
	mem_free(&server);
	return failed;
}

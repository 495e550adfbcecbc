/*
 * A Hive Metastore, 2.3 or later. Every step looks first and then does, and after an answer that was lost looks again:
 * the metastore itself is the only one who knows what happened.
 */
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "catalog/catalog.h"
#include "catalog/hive/call.h"
#include "catalog/hive/definition.h"
#include "catalog/hive/hosts.h"
#include "catalog/hive/reconcile.h"
#include "catalog/known.h"

enum {
	TIMEOUT_MS = 10000,
	TIMEOUT_MOST_MS = 3600000,
	ROUNDS = 4,      /* of look and do, before somebody else who does the same is suspected */
	FRESH_MS = 5000, /* so long a table that was looked at is taken to be as it was */
};

/* The table that was looked at last. */
struct seen_table {
	char *name;
	struct tree *sd;
	struct mono at;
};

struct hive {
	struct catalog catalog;
	struct hosts place;
	struct session session;
	uint64_t opened; /* as the session's when the caches were filled */
	bool no_request; /* the server lacks get_table_req: before 2.3 */
	struct seen_table table;
};

static struct hive *hive_of(struct catalog *c)
{
	return (struct hive *)c;
}

static void forget_table(struct hive *h)
{
	mem_free(&h->table.name);
	tree_free(&h->table.sd);
}

/* Another connection may be another server, or one with another past. */
static enum rc call(
    struct hive *h, enum method m, struct tree *args, enum reply *reply, struct tree **result, struct err *e)
{
	enum rc rc = session_call(&h->session, m, args, reply, result, e);
	if (h->opened != h->session.opened) {
		h->opened = h->session.opened;
		h->no_request = false;
		known_clear(h->catalog.known);
		forget_table(h);
	}
	return rc;
}

/* Two names, as most calls begin. */
static struct tree *names(const struct hive *h, const struct catalog_table *t)
{
	struct tree *args = tree_new(T_STRUCT);
	tree_add_text(args, 1, h->place.database);
	tree_add_text(args, 2, t->schema->name);
	return args;
}

static enum rc hive_reach(struct catalog *c, bool *there, struct err *e)
{
	struct hive *h = hive_of(c);
	enum reply reply;
	struct tree *args = tree_new(T_STRUCT);
	tree_add_text(args, 1, h->place.database);
	enum rc rc = call(h, GET_DATABASE, args, &reply, NULL, e);
	if (rc != RC_OK)
		return rc;
	if (reply != REPLY_DONE && reply != REPLY_MISSING)
		return RC_AGAIN;
	*there = reply == REPLY_DONE;
	return RC_OK;
}

static enum rc hive_ensure_database(struct catalog *c, struct err *e)
{
	struct hive *h = hive_of(c);
	enum reply reply;
	bool there = false;
	enum rc rc = hive_reach(c, &there, e);
	if (rc != RC_OK || there)
		return rc;
	struct tree *args = tree_new(T_STRUCT);
	tree_add(args, 1, definition_database(h->place.database));
	rc = call(h, CREATE_DATABASE, args, &reply, NULL, e);
	if (rc != RC_OK || reply == REPLY_DONE || reply == REPLY_EXISTS)
		return rc;
	return reply == REPLY_REFUSED ? RC_BAD : RC_AGAIN;
}

/* get_table_req is there since 2.3, get_table is gone since 4.0. */
static enum rc ask_table(
    struct hive *h, const struct catalog_table *t, enum reply *reply, struct tree **result, struct err *e)
{
	if (!h->no_request) {
		struct tree *args = tree_new(T_STRUCT);
		tree_add(args, 1, names(h, t));
		enum rc rc = call(h, GET_TABLE_REQ, args, reply, result, e);
		if (rc != RC_OK || *reply != REPLY_UNKNOWN)
			return rc;
		h->no_request = true;
	}
	return call(h, GET_TABLE, names(h, t), reply, result, e);
}

/* The Table struct, the caller's. RC_END: there is none. */
static enum rc get_table(struct hive *h, const struct catalog_table *t, struct tree **out, struct err *e)
{
	struct tree *result = NULL;
	enum reply reply;
	enum rc rc = ask_table(h, t, &reply, &result, e);
	if (rc != RC_OK)
		return rc;
	if (reply == REPLY_MISSING)
		return RC_END;
	if (reply != REPLY_DONE)
		return RC_AGAIN;
	const struct tree *table = tree_field(result, 0, T_STRUCT);
	if (!h->no_request)
		table = tree_field(table, 1, T_STRUCT);
	const struct tree *sd = tree_field(table, TABLE_SD, T_STRUCT);
	if (sd == NULL) {
		tree_free(&result);
		return err_set(RC_AGAIN, e, "%s.%s: the answer holds no table", h->place.database, t->schema->name);
	}
	forget_table(h);
	h->table = (struct seen_table){mem_text(t->schema->name), tree_copy(sd), clock_mono()};
	*out = tree_copy(table);
	tree_free(&result);
	return RC_OK;
}

static enum rc hive_describe(struct catalog *c, const struct catalog_table *t, struct catalog_view *out, struct err *e)
{
	struct tree *table = NULL;
	enum rc rc = get_table(hive_of(c), t, &table, e);
	if (rc == RC_END) {
		*out = (struct catalog_view){.match = CATALOG_ABSENT};
		return RC_OK;
	}
	if (rc != RC_OK)
		return rc;
	reconcile_look(table, t, out);
	tree_free(&table);
	return RC_OK;
}

static enum rc create_table(struct hive *h, const struct catalog_table *t, struct err *e)
{
	enum reply reply;
	struct tree *args = tree_new(T_STRUCT);
	tree_add(args, 1, definition_table(t, h->place.database, h->session.user));
	enum rc rc = call(h, CREATE_TABLE, args, &reply, NULL, e);
	if (rc != RC_OK || reply == REPLY_DONE || reply == REPLY_EXISTS)
		return rc;
	if (reply != REPLY_REFUSED)
		return RC_AGAIN;
	/* Servers call it an invalid table too when its database is not there: that is no fault of the table. */
	bool there = true;
	struct err ignored;
	return hive_reach(&h->catalog, &there, &ignored) != RC_OK || !there ? RC_AGAIN : RC_BAD;
}

/* The whole table goes back, with the columns it lacked: a field that is left out is a field that is reset. */
static enum rc append_columns(struct hive *h, const struct catalog_table *t, struct tree *table, struct err *e)
{
	enum reply reply;
	struct tree *args = names(h, t);
	reconcile_append(table, t);
	tree_add(args, 3, tree_copy(table));
	tree_add(args, 4, definition_context(true));
	enum rc rc = call(h, ALTER_TABLE, args, &reply, NULL, e);
	if (rc != RC_OK || reply == REPLY_DONE)
		return rc;
	return reply == REPLY_REFUSED ? RC_BAD : RC_AGAIN;
}

static enum rc hive_ensure_table(struct catalog *c, const struct catalog_table *t, struct err *e)
{
	struct hive *h = hive_of(c);
	struct catalog_view view;
	for (int round = 0; round < ROUNDS; round++) {
		struct tree *table = NULL;
		enum rc rc = get_table(h, t, &table, e);
		if (rc == RC_END) {
			rc = create_table(h, t, e);
		} else if (rc == RC_OK) {
			reconcile_look(table, t, &view);
			if (view.match == CATALOG_SHORTER)
				rc = append_columns(h, t, table, e);
		}
		bool settled = table != NULL && view.match != CATALOG_SHORTER;
		tree_free(&table);
		if (rc != RC_OK)
			return rc;
		if (settled && view.match == CATALOG_SAME)
			return RC_OK;
		if (settled)
			return err_set(RC_BAD, e, "%s.%s: %s", h->place.database, t->schema->name, view.text);
	}
	return err_set(RC_AGAIN, e, "%s.%s does not stay as it was made", h->place.database, t->schema->name);
}

static enum rc hive_partitions(struct catalog *c, const struct catalog_table *t,
    void (*see)(void *context, const char *path), void *context, struct err *e)
{
	struct hive *h = hive_of(c);
	struct tree *result = NULL, *table = NULL;
	enum reply reply;
	/* Servers differ in what they answer for a table that is not there. */
	enum rc rc = get_table(h, t, &table, e);
	tree_free(&table);
	if (rc != RC_OK)
		return rc;
	struct tree *args = names(h, t);
	tree_add_number(args, 3, T_I16, -1);
	rc = call(h, GET_PARTITION_NAMES, args, &reply, &result, e);
	if (rc != RC_OK)
		return rc;
	if (reply != REPLY_DONE)
		return RC_AGAIN;
	const struct tree *list = tree_field(result, 0, T_LIST);
	for (const struct tree *name = list != NULL ? list->first : NULL; name != NULL; name = name->next)
		if (tree_string(name) != NULL)
			see(context, tree_string(name));
	tree_free(&result);
	return RC_OK;
}

/* The answer that holds a Partition struct, the caller's. RC_END: there is none, or no table. */
static enum rc get_partition(
    struct hive *h, const struct catalog_table *t, const char *const *value, struct tree **result, struct err *e)
{
	struct tree *args = names(h, t);
	struct tree *values = tree_add_list(args, 3, T_STRING);
	enum reply reply;
	for (size_t i = 0; i < t->schema->partitions; i++)
		tree_add_text(values, 0, value[i]);
	enum rc rc = call(h, GET_PARTITION, args, &reply, result, e);
	if (rc != RC_OK)
		return rc;
	if (reply == REPLY_MISSING)
		return RC_END;
	return reply == REPLY_DONE ? RC_OK : RC_AGAIN;
}

static const char *location_in(const struct tree *result)
{
	return tree_text(tree_field(tree_field(result, 0, T_STRUCT), PARTITION_SD, T_STRUCT), SD_LOCATION);
}

/* In its own place, or beside the table where a compaction lets it lie for a while. */
static bool is_in_place(const struct catalog_table *t, const char *path, const char *there)
{
	char *own = mem_format("%s/%s", t->location, path), *aside = catalog_aside(t, path, 0),
	     *above = mem_text(there);
	char *slash = strrchr(above, '/');
	if (slash != NULL)
		*slash = '\0';
	bool in_place = reconcile_same_place(there, own) || reconcile_same_place(above, aside);
	mem_free(&own);
	mem_free(&aside);
	mem_free(&above);
	return in_place;
}

static enum rc check_place(
    const struct hive *h, const struct catalog_table *t, const char *path, const char *there, struct err *e)
{
	if (there == NULL || is_in_place(t, path, there))
		return RC_OK;
	return err_set(RC_BAD, e, "%s.%s: partition %s lies in %.150s/%s, the catalog has it in %.150s",
	    h->place.database, t->schema->name, path, t->location, path, there);
}

/* A partition of that name is there: does it lie where ours does? */
static enum rc look_at_partition(
    struct hive *h, const struct catalog_table *t, const char *path, const char *const *value, struct err *e)
{
	struct tree *result = NULL;
	enum rc rc = get_partition(h, t, value, &result, e);
	if (rc == RC_OK)
		rc = check_place(h, t, path, location_in(result), e);
	tree_free(&result);
	return rc == RC_END ? err_set(RC_AGAIN, e, "partition %s comes and goes", path) : rc;
}

/* The whole partition goes back with another location: a field that is left out is a field that is reset. */
static enum rc hive_move_partition(struct catalog *c, const struct catalog_table *t, const char *path,
    const char *const *value, const char *location, struct err *e)
{
	struct hive *h = hive_of(c);
	struct tree *result = NULL;
	enum reply reply;
	enum rc rc = get_partition(h, t, value, &result, e);
	const char *there = rc == RC_OK ? location_in(result) : NULL;
	if (rc == RC_OK)
		rc = check_place(h, t, path, there, e);
	if (rc == RC_OK && (there == NULL || !reconcile_same_place(there, location))) {
		struct tree *partition = tree_copy(tree_field(result, 0, T_STRUCT));
		struct tree *sd = tree_field(partition, PARTITION_SD, T_STRUCT), *args = names(h, t);
		tree_drop(sd, SD_LOCATION);
		tree_add_text(sd, SD_LOCATION, location);
		tree_add(args, 3, partition);
		tree_add(args, 4, definition_context(false));
		rc = call(h, ALTER_PARTITION, args, &reply, NULL, e);
		if (rc == RC_OK && reply != REPLY_DONE)
			rc = reply == REPLY_REFUSED ? RC_BAD : RC_AGAIN;
	}
	tree_free(&result);
	return rc;
}

/* One that lies elsewhere is somebody's. Its data is not asked to be deleted: what is there is not ours to judge. */
static enum rc hive_drop_partition(
    struct catalog *c, const struct catalog_table *t, const char *path, const char *const *value, struct err *e)
{
	struct hive *h = hive_of(c);
	struct tree *result = NULL;
	enum reply reply;
	enum rc rc = get_partition(h, t, value, &result, e);
	if (rc == RC_OK)
		rc = check_place(h, t, path, location_in(result), e);
	tree_free(&result);
	if (rc != RC_OK)
		return rc;
	struct tree *args = names(h, t), *values = tree_add_list(args, 3, T_STRING);
	for (size_t i = 0; i < t->schema->partitions; i++)
		tree_add_text(values, 0, value[i]);
	tree_add_number(args, 4, T_BOOL, 0);
	rc = call(h, DROP_PARTITION, args, &reply, NULL, e);
	if (rc != RC_OK || reply == REPLY_DONE)
		return rc;
	return reply == REPLY_MISSING ? RC_END : RC_AGAIN;
}

static enum rc hive_ensure_partition(
    struct catalog *c, const struct catalog_table *t, const char *path, const char *const *value, struct err *e)
{
	struct hive *h = hive_of(c);
	enum reply reply;
	enum rc rc = RC_OK;
	if (h->table.name == NULL || strcmp(h->table.name, t->schema->name) != 0 ||
	    mono_since(h->table.at) > FRESH_MS) {
		struct tree *table = NULL;
		rc = get_table(h, t, &table, e);
		tree_free(&table);
	}
	if (rc != RC_OK)
		return rc == RC_END ? err_set(RC_AGAIN, e, "%s.%s is not there", h->place.database, t->schema->name)
		                    : rc;
	struct tree *args = tree_new(T_STRUCT);
	tree_add(args, 1, definition_partition(t, h->place.database, path, value, h->table.sd));
	tree_add(args, 2, definition_context(false));
	rc = call(h, ADD_PARTITION, args, &reply, NULL, e);
	if (rc != RC_OK || reply == REPLY_DONE)
		return rc;
	if (reply == REPLY_EXISTS)
		return look_at_partition(h, t, path, value, e);
	/* "Refused" is what a server says of a table that was dropped meanwhile: looking again tells. */
	forget_table(h);
	return RC_AGAIN;
}

/* Who we are to a server that believes what it is told. */
static void default_user(char *out, size_t size)
{
	struct passwd entry, *found = NULL;
	char buffer[4096];
	const char *name = getenv("HADOOP_USER_NAME");
	if ((name == NULL || name[0] == '\0') && getpwuid_r(geteuid(), &entry, buffer, sizeof buffer, &found) == 0 &&
	    found != NULL)
		name = found->pw_name;
	(void)!str_copy(out, size, name != NULL && name[0] != '\0' ? name : "sluice");
}

static enum rc read_option(struct hive *h, const struct catalog_option *o, struct err *e)
{
	if (strcmp(o->key, "timeout_ms") == 0)
		return str_number(o->value, 1, TIMEOUT_MOST_MS, &h->session.timeout_ms, e);
	if (strcmp(o->key, "user") == 0)
		return str_copy(h->session.user, sizeof h->session.user, o->value)
		           ? RC_OK
		           : err_set(RC_BAD, e, "a user's name has at most %zu characters", sizeof h->session.user - 1);
	return err_set(RC_BAD, e, "no option \"%.60s\"", o->key);
}

static void hive_close(struct catalog *c)
{
	struct hive *h = hive_of(c);
	session_fini(&h->session);
	forget_table(h);
	hosts_fini(&h->place);
	mem_free(&h);
}

static enum rc hive_open(const struct catalog_params *p, struct catalog **out, struct err *e)
{
	struct hive *h = mem_zero(1, sizeof *h);
	h->catalog.ops = &catalog_hive;
	session_init(&h->session, &h->place, TIMEOUT_MS, p->halt);
	default_user(h->session.user, sizeof h->session.user);
	enum rc rc = hosts_read(p->place, &h->place, e);
	for (size_t i = 0; i < p->options && rc == RC_OK; i++)
		rc = read_option(h, &p->option[i], e);
	if (rc != RC_OK) {
		hive_close(&h->catalog);
		return rc;
	}
	*out = &h->catalog;
	return RC_OK;
}

const struct catalog_ops catalog_hive = {
    .scheme = "thrift",
    .open = hive_open,
    .reach = hive_reach,
    .ensure_database = hive_ensure_database,
    .describe = hive_describe,
    .ensure_table = hive_ensure_table,
    .partitions = hive_partitions,
    .ensure_partition = hive_ensure_partition,
    .move_partition = hive_move_partition,
    .drop_partition = hive_drop_partition,
    .close = hive_close,
};

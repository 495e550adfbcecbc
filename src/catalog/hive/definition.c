/* Every struct is built with all the fields that are not optional: servers take absent lists and maps for null, and
 * some of their code paths do not. */
#include "catalog/hive/definition.h"

#include <assert.h>

#include "base/clock.h"
#include "base/mem.h"

const char *definition_type(enum sql_type type)
{
	/* sql_name in lower case; a test compares the two. */
	static const char *const name[SQL_TYPES] = {
	    [SQL_STRING] = "string",
	    [SQL_INT] = "int",
	    [SQL_BIGINT] = "bigint",
	    [SQL_SMALLINT] = "smallint",
	    [SQL_TINYINT] = "tinyint",
	    [SQL_FLOAT] = "float",
	};
	assert((unsigned)type < SQL_TYPES);
	return name[type];
}

void definition_column(struct tree *columns, const char *name, enum sql_type type)
{
	struct tree *field = tree_add_struct(columns, 0);
	tree_add_text(field, FIELD_NAME, name);
	tree_add_text(field, FIELD_TYPE, definition_type(type));
}

struct tree *definition_database(const char *name)
{
	struct tree *t = tree_new(T_STRUCT);
	tree_add_text(t, 1, name);
	tree_add_text(t, 2, "network telemetry");
	tree_add_map(t, 4);
	return t;
}

static void add_serde(struct tree *sd)
{
	struct tree *serde = tree_add_struct(sd, SD_SERDE);
	tree_add_text(serde, SERDE_LIBRARY, PARQUET_SERDE);
	tree_map_put(tree_add_map(serde, 3), "serialization.format", "1");
}

static void add_sd(struct tree *table, const struct catalog_table *t)
{
	struct tree *sd = tree_add_struct(table, TABLE_SD);
	struct tree *columns = tree_add_list(sd, SD_COLUMNS, T_STRUCT);
	for (size_t i = 0; i < t->schema->columns; i++)
		definition_column(columns, t->schema->column[i].name, t->schema->column[i].type);
	tree_add_text(sd, SD_LOCATION, t->location);
	tree_add_text(sd, 3, "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat");
	tree_add_text(sd, 4, "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat");
	tree_add_number(sd, 5, T_BOOL, 0); /* compressed: of the container, not of Parquet's pages */
	tree_add_number(sd, 6, T_I32, -1); /* numBuckets */
	add_serde(sd);
	tree_add_list(sd, 8, T_STRING); /* bucketCols */
	tree_add_list(sd, 9, T_STRUCT); /* sortCols */
	tree_add_map(sd, 10);
}

static int64_t now_s(void)
{
	return clock_wall().ns / NS_PER_S;
}

struct tree *definition_table(const struct catalog_table *t, const char *database, const char *owner)
{
	const struct schema *s = t->schema;
	struct tree *table = tree_new(T_STRUCT);
	tree_add_text(table, 1, s->name);
	tree_add_text(table, 2, database);
	tree_add_text(table, 3, owner);
	tree_add_number(table, 4, T_I32, now_s());
	tree_add_number(table, 5, T_I32, 0); /* lastAccessTime */
	tree_add_number(table, 6, T_I32, 0); /* retention */
	add_sd(table, t);
	struct tree *keys = tree_add_list(table, TABLE_KEYS, T_STRUCT);
	for (size_t i = 0; i < s->partitions; i++)
		definition_column(keys, s->partition[i].name, s->partition[i].type);
	/* Older servers take a table without EXTERNAL for managed, whatever its type says: a DROP would remove the
	 * files. */
	struct tree *parameters = tree_add_map(table, TABLE_PARAMETERS);
	tree_map_put(parameters, "EXTERNAL", "TRUE");
	tree_map_put(parameters, "external.table.purge", "false");
	tree_add_text(table, TABLE_TYPE, "EXTERNAL_TABLE");
	return table;
}

struct tree *definition_partition(const struct catalog_table *t, const char *database, const char *path,
    const char *const *value, const struct tree *sd)
{
	struct tree *p = tree_new(T_STRUCT);
	struct tree *values = tree_add_list(p, 1, T_STRING);
	for (size_t i = 0; i < t->schema->partitions; i++)
		tree_add_text(values, 0, value[i]);
	tree_add_text(p, 2, database);
	tree_add_text(p, 3, t->schema->name);
	tree_add_number(p, 4, T_I32, now_s());
	tree_add_number(p, 5, T_I32, 0);
	struct tree *own = tree_add(p, PARTITION_SD, tree_copy(sd));
	char *location = mem_format("%s/%s", t->location, path);
	tree_drop(own, SD_LOCATION);
	tree_add_text(own, SD_LOCATION, location);
	mem_free(&location);
	tree_add_map(p, 7);
	return p;
}

struct tree *definition_context(bool cascade)
{
	struct tree *context = tree_new(T_STRUCT);
	struct tree *properties = tree_add_map(context, 1);
	tree_map_put(properties, "DO_NOT_UPDATE_STATS", "true");
	if (cascade)
		tree_map_put(properties, "CASCADE", "true");
	return context;
}

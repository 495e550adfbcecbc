/*
 * definition: what a dataset's database, table and partitions are in a metastore's terms. External Parquet tables; the
 * types are those that `sluice schema --ddl hive` prints.
 *
 * Thread  plain functions
 * Source  hive_metastore.thrift: structs Database, Table, StorageDescriptor, SerDeInfo, Partition
 */
#ifndef CATALOG_HIVE_DEFINITION_H
#define CATALOG_HIVE_DEFINITION_H

#include "catalog/catalog.h"
#include "format/thrift_tree.h"

/* Field numbers that more than one file needs. */
enum {
	TABLE_SD = 7,
	TABLE_KEYS = 8,
	TABLE_PARAMETERS = 9,
	TABLE_TYPE = 12,
	SD_COLUMNS = 1,
	SD_LOCATION = 2,
	SD_SERDE = 7,
	SERDE_LIBRARY = 2,
	FIELD_NAME = 1,
	FIELD_TYPE = 2,
	PARTITION_SD = 6,
};

#define PARQUET_SERDE "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"

/* "smallint": lower case, as a metastore keeps it. */
const char *definition_type(enum sql_type type);

struct tree *definition_database(const char *name);
struct tree *definition_table(const struct catalog_table *t, const char *database, const char *owner);
/* sd: of the table as it is there; copied. */
struct tree *definition_partition(const struct catalog_table *t, const char *database, const char *path,
    const char *const *value, const struct tree *sd);

/* A column at the end of a list of FieldSchema. */
void definition_column(struct tree *columns, const char *name, enum sql_type type);

/* EnvironmentContext. Statistics that nobody keeps up to date mislead planners: the server shall make none. */
struct tree *definition_context(bool cascade);

#endif

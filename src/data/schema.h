/*
 * schema: the columns of a table: names, SQL types, where each comes from and how it is rendered. Read from an .avsc by format/avsc.
 *
 * Thread  immutable once read, share freely
 */
#ifndef DATA_SCHEMA_H
#define DATA_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"

enum sql_type { SQL_STRING, SQL_INT, SQL_BIGINT, SQL_SMALLINT, SQL_TINYINT, SQL_FLOAT, SQL_TYPES };

struct schema_column {
	char *name;         /* lower case, [a-z_][a-z0-9_]* */
	enum sql_type type; /* STRING INT BIGINT FLOAT in the table body */
	char *from;         /* field of the dissector's catalogue */
	char *as;           /* rendering; NULL: the default for the types (render_default) */
	char *absent;       /* text shown where the input did not carry the field, NULL for null */
	bool bloom;         /* opt-in bloom filter */
	unsigned line;      /* in the .avsc, for errors */
};

enum { SCHEMA_PARTITIONS = 8 };

struct schema_partition {
	char *name;
	enum sql_type type; /* SMALLINT, TINYINT, INT or STRING */
	char *as;           /* year month day hour month2 day2 hour2 */
};

struct schema {
	char *name;      /* dataset: "flow" */
	char *full_name; /* Avro full name: "org.sluice.flow" */
	char *time;      /* the one field that gives the partition values */
	struct schema_column *column;
	size_t columns;
	struct schema_partition partition[SCHEMA_PARTITIONS];
	size_t partitions;
	char *avro;           /* the plain Avro schema, exactly the columns, no attributes of ours: what goes into Parquet and to Spark */
	uint64_t fingerprint; /* CRC-64-AVRO of its parsing canonical form */
	char *text;           /* the .avsc as it was read */
	char *file;           /* its name, for errors; may be NULL */
};

void schema_free(struct schema **s);

const char *sql_name(enum sql_type t); /* "STRING" */

/* Is this an "as" of a partition? */
bool schema_partition_known(const char *as);

/*
 * Path of the partition that an hour lies in: "y=2026/m=1/d=14/h=9". hour counts from 1970 (hour_of). At most 255 characters.
 */
void schema_partition_path(const struct schema *s, int64_t hour, char *out, size_t size);

/* The same values one by one, as a catalog wants them; out holds s->partitions texts of 16. */
void schema_partition_values(const struct schema *s, int64_t hour, char out[][16]);

#endif

/*
 * avsc: reads a dataset's Avro schema file with our attributes into a struct schema, and prints what the tables are.
 *
 * Attributes: on the record "time" (field of the partition time) and "partition" [{name, type, as}]; on a field "from", "as", "absent", "bloom". Every field is ["null", T].
 * An INT, BIGINT, STRING, FLOAT column is Avro int, long, string, float. Described in doc/formats/schema.md.
 */
#ifndef FORMAT_AVSC_H
#define FORMAT_AVSC_H

#include <stddef.h>

#include "base/rc.h"
#include "base/writer.h"
#include "data/schema.h"

/* file is for messages: RC_BAD is "file:line: reason". "as" may be left out: it stays NULL here and projection_open fills the default by the field's type. */
enum rc avsc_read(const char *file, const char *text, size_t len, struct schema **out, struct err *e) MUST_USE;

/* CREATE EXTERNAL TABLE … as Hive takes it; location may be NULL. */
void avsc_hive_ddl(const struct schema *s, const char *location, struct writer *out);

/* The Parquet message type, as parquet-tools prints it. */
void avsc_parquet_text(const struct schema *s, struct writer *out);

#endif

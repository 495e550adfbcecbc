/*
 * avro_schema: the plain Avro schema of a table and its fingerprint. Private to format.
 *
 * Thread  no state
 */
#ifndef FORMAT_AVRO_SCHEMA_H
#define FORMAT_AVRO_SCHEMA_H

#include <stddef.h>
#include <stdint.h>

#include "data/schema.h"

/* Fill schema->avro and schema->fingerprint from its names and columns. */
void avro_schema_derive(struct schema *s);

/* CRC-64-AVRO (Avro 1.11 specification, "Schema Fingerprints"). */
uint64_t avro_fingerprint(const void *bytes, size_t len);

/* "string", "int", "long", "float" */
const char *avro_type_name(enum sql_type t);

#endif

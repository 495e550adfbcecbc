/*
 * physical: Parquet's physical types that we write, under their numbers in the file.
 */
#ifndef FORMAT_PARQUET_PHYSICAL_H
#define FORMAT_PARQUET_PHYSICAL_H

#include <stddef.h>

#include "data/schema.h"

enum physical { PHYSICAL_INT32 = 1, PHYSICAL_INT64 = 2, PHYSICAL_FLOAT = 4, PHYSICAL_BYTES = 6 };

static inline enum physical physical_of(enum sql_type t)
{
	switch (t) {
	case SQL_STRING:
		return PHYSICAL_BYTES;
	case SQL_BIGINT:
		return PHYSICAL_INT64;
	case SQL_FLOAT:
		return PHYSICAL_FLOAT;
	default:
		return PHYSICAL_INT32;
	}
}

/* Bytes of one PLAIN value; of BYTE_ARRAY only the length in front. */
static inline size_t physical_size(enum physical p)
{
	return p == PHYSICAL_INT64 ? 8 : 4;
}

#endif

/*
 * inspect: what the footer of a Parquet file says of its rows, read from its bytes alone.
 *
 * Reads FileMetaData of parquet.thrift as far as an audit wants it: rows, row groups, column names, key-value metadata.
 * Everything else is stepped over, so that files of other writers are read too. Bytes may be hostile: every length is
 * checked before it is used, nesting is bounded.
 *
 *   read the last INSPECT_TAIL bytes -> inspect_length -> read that many before them -> inspect_footer
 *
 * Thread  plain functions
 * Owner   what is found is borrowed from the footer's bytes
 * Errors  RC_BAD: no footer of a Parquet file
 * Source  apache/parquet-format, README "File format" and parquet.thrift; thrift compact protocol
 */
#ifndef FORMAT_PARQUET_INSPECT_H
#define FORMAT_PARQUET_INSPECT_H

#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"

enum {
	INSPECT_TAIL = 8,        /* length of the footer, "PAR1" */
	INSPECT_HEAD = 4,        /* "PAR1" */
	INSPECT_MAX = 128 << 20, /* bytes of a footer */
};

struct inspect_text {
	const char *at; /* no NUL after it; NULL: absent */
	size_t len;
};

struct inspect {
	uint64_t rows;       /* as FileMetaData has it */
	uint64_t group_rows; /* sum over the row groups */
	size_t groups;
	size_t columns;                         /* leaves of the schema */
	struct inspect_text sources, dissector; /* sluice.sources, sluice.dissector */
	struct inspect_text created_by;
};

/* Bytes of the footer that lies before the tail. */
enum rc inspect_length(const uint8_t tail[INSPECT_TAIL], uint64_t file_size, size_t *length, struct err *e) MUST_USE;

enum rc inspect_footer(const void *footer, size_t length, struct inspect *out, struct err *e) MUST_USE;

#endif

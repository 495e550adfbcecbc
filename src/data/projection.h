/*
 * projection: a table's columns bound to a dissector's fields: what to ask the dissector for, and which batch column feeds which table column.
 *
 * Batch column i of a batch that was opened with `wanted` holds field wanted[i]. Several table columns may share one batch column.
 *
 * Thread  immutable once made
 */
#ifndef DATA_PROJECTION_H
#define DATA_PROJECTION_H

#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "data/render.h"
#include "data/schema.h"
#include "data/type.h"

struct projection_column {
	const struct schema_column *column; /* borrowed from the schema */
	const struct render *render;
	unsigned source;         /* batch column */
	bool has_absent;         /* a null field shows as absent */
	union key_value absent;  /* normalised; for KEY_BYTES the text is column->absent */
};

struct projection {
	const struct schema *schema; /* borrowed: must outlive the projection */
	const struct field *field;   /* the catalogue; borrowed too */
	struct field *made;          /* the same where it was made for this schema, owned; NULL otherwise */
	unsigned *wanted;            /* field indices, each once, in order of first use */
	enum type *types;            /* of those fields: what batch_new wants */
	size_t wants;
	unsigned time;               /* batch column (TYPE_TIME) of the partition time */
	struct projection_column *column; /* schema->columns of them */
};

/*
 * Bind schema to a catalogue. RC_BAD: "<schema>:<line>: column \"x\": no field \"y\" (did you mean \"z\"?)", or a triple that is not allowed, or a partition time that
 * is not TYPE_TIME.
 */
enum rc projection_open(const struct schema *schema, const struct field *fields, size_t count, struct projection **out, struct err *e) MUST_USE;

/*
 * The projection of rows that are rendered already (rows events): batch column i is table column i, STRING as TYPE_BYTES, INT and BIGINT as TYPE_I64, FLOAT as
 * TYPE_F32. It has no time column (time == UINT_MAX): the event says the hour.
 */
struct projection *projection_rendered(const struct schema *schema);

void projection_free(struct projection **p);

#endif

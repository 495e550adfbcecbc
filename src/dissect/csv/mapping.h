/*
 * mapping: which cells of a record fill which wanted field.
 *
 * Thread  one owner; borrows the options and the catalogue
 */
#ifndef DISSECT_CSV_MAPPING_H
#define DISSECT_CSV_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "data/render.h"
#include "dissect/csv/options.h"
#include "dissect/dissect.h"

enum { MAPPING_CELLS = 8 }; /* that one field may fall back on */

struct mapped { /* one wanted field, one column of the batch */
	const struct field *field;
	const struct render *form;        /* text that an integer may have beside digits */
	const struct time_format *format; /* of a time */
	uint16_t cell[MAPPING_CELLS];     /* from 0, in the order to try them */
	unsigned cells;                   /* 0: always null */
};

struct mapping {
	struct mapped column[BATCH_COLUMNS];
	size_t columns;
	size_t exact; /* cells that a record must have; 0: at least `least` */
	size_t least;
};

/* Everything but the cells. RC_BAD: an option that cannot hold whatever the header says. */
enum rc mapping_init(
    struct mapping *m, const struct csv_options *o, const struct dissect_params *params, struct err *e) MUST_USE;

/* names are those of the header, or NULL when columns have none. RC_BAD: a wanted column is not among them. */
enum rc mapping_bind(
    struct mapping *m, const struct csv_options *o, char *const *names, size_t count, struct err *e) MUST_USE;

#endif

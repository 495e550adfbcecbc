/* csv_dump: delimited text through a dissector, all it gives as text: what tests of csv and exec compare. */
#ifndef CSV_DUMP_H
#define CSV_DUMP_H

#include <stddef.h>
#include <stdint.h>

#include "data/schema.h"
#include "dissect/dissect.h"

/* A table: "name TYPE [as]" per column, the field is the name; time is the first column. */
struct csv_table {
	struct schema schema;
	struct schema_column column[32];
	char text[32][3][40];
};

void csv_table(struct csv_table *t, const char *const *column, size_t count);

/* at STRING datetime, n INT, ip STRING ip, price FLOAT, note STRING */
void csv_orders(struct csv_table *t);

/*
 * "row a|b|…", "reject at N length N rows N: reason", "counter=n", "clean" or "unclean", "bad: …", "note: …"; a line
 * each. Null is ~. options are "key=value", NULL behind the last. rows: of a batch, 0 its own choice. Caller frees.
 */
char *csv_dump(const struct dissect_ops *ops, struct csv_table *t, const void *bytes, size_t len, uint32_t rows,
    const char *const *options);

#endif

/*
 * reconcile: is the table that a metastore has the one that is wanted, and if not, can it be made that?
 *
 * Columns may be appended; nothing else is ever changed. More columns than wanted at the end are fine: a newer schema,
 * or a person, put them there.
 *
 * Thread  plain functions
 */
#ifndef CATALOG_HIVE_RECONCILE_H
#define CATALOG_HIVE_RECONCILE_H

#include "catalog/catalog.h"
#include "format/thrift_tree.h"

/* table: the Table struct of an answer. */
void reconcile_look(const struct tree *table, const struct catalog_table *want, struct catalog_view *out);

/* After CATALOG_SHORTER: append what is lacking, in place. */
void reconcile_append(struct tree *table, const struct catalog_table *want);

/* One place, written differently? file:/a and file:///a/ are. */
bool reconcile_same_place(const char *a, const char *b);

#endif

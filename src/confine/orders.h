/*
 * orders: what a dissector is opened with, as bytes: which one, its fields where a schema made them, the wanted ones,
 * its options.
 *
 * Thread  plain data
 */
#ifndef CONFINE_ORDERS_H
#define CONFINE_ORDERS_H

#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/writer.h"
#include "dissect/dissect.h"

/* Appends; check w->failed. Fields are written only for a dissector that has none of its own. */
void orders_write(const struct dissect_ops *ops, const struct dissect_params *params, struct writer *w);

struct orders { /* read back; params borrows from it, rows and spare are the caller's */
	const struct dissect_ops *ops;
	struct dissect_params params;
	char *bytes; /* all text lies in here */
	struct field *field;
	unsigned *wanted;
	struct dissect_option *option;
};

/* table: all dissectors, ends with NULL. RC_BAD: these are no orders. */
enum rc orders_read(const void *bytes, size_t size, const struct dissect_ops *const table[], struct orders *out,
    struct err *e) MUST_USE;
void orders_fini(struct orders *o);

#endif

/*
 * counting: whose rows or rejects a file holds, for the step that adds up identities.
 *
 * Thread  one owner
 */
#ifndef AUDIT_COUNTING_H
#define AUDIT_COUNTING_H

#include "audit/work.h"
#include "pipe/footer.h"

struct counting {
	struct audit *audit;
	struct rows_of rows; /* its rows are set for each original */
	enum ident_fact fact;
};

/* The file holds so many rows of an original. */
enum rc counting_add(struct counting *c, const uint8_t sha256[SHA256_BYTES], uint64_t rows, struct err *e) MUST_USE;

/* All sources that a footer names. RC_BAD: it is damaged, and nothing was counted. */
enum rc counting_footer(struct counting *c, const struct footer *f, struct err *e) MUST_USE;

#endif

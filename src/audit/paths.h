/*
 * paths: what is put together of one path, and what becomes of one that nobody names. Private to paths.c and unnamed.c.
 *
 * Thread  one owner
 */
#ifndef AUDIT_PATHS_H
#define AUDIT_PATHS_H

#include "audit/holders.h"
#include "audit/work.h"

/* One path. */
struct group {
	char *path;
	bool listed, file, twice, taken, under_way, original, contrary;
	struct listed there;
	struct named_file named; /* its staged is the group's */
	struct commit_id other;  /* twice: the other commit that names it */
	struct named_original wanted;
	struct holders holders; /* of an original */
	int64_t expired_ms;     /* when it went for its age; 0 it did not */
};

/* ---- unnamed.c ---- */

/* Neither a manifest nor the ledger speaks of the path. */
enum rc unnamed_path(struct audit *a, const struct group *g, struct err *e) MUST_USE;
/* A table or rejects file that should not be there, unless it is another program's. */
enum rc unnamed_file(struct audit *a, const struct group *g, bool rejects, struct err *e) MUST_USE;

#endif

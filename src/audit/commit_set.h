/*
 * commit_set: commits of which something is to be known later: gathered first, sorted once, asked then.
 *
 * Thread  one owner
 */
#ifndef AUDIT_COMMIT_SET_H
#define AUDIT_COMMIT_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "audit/facts.h"

struct commit_set {
	struct commit_id *at;
	size_t count, capacity;
};

void commit_set_add(struct commit_set *s, const struct commit_id *c);
void commit_set_sort(struct commit_set *s);
bool commit_set_has(const struct commit_set *s, const struct commit_id *c);
void commit_set_fini(struct commit_set *s);

#endif

/*
 * tree: every file below a folder of the lake, in bytewise order within each folder.
 *
 * Thread  the caller's store
 * Errors  of the store; see's other rc ends the walk and comes back. What vanishes meanwhile is passed over
 */
#ifndef AUDIT_TREE_H
#define AUDIT_TREE_H

#include "base/rc.h"
#include "store/store.h"

enum { TREE_DEPTH = 32 };

/* An absent root has no files. */
enum rc tree_walk(struct store *store, const char *root,
    enum rc (*see)(void *context, const char *path, const struct store_stat *st, struct err *e), void *context,
    struct err *e) MUST_USE;

#endif

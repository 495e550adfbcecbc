/*
 * ops_files: the originals of the ledger a window at a time, newest first, straight from the ledger: a window costs the
 * same in a ledger of a hundred and of a million.
 *
 * Thread  the server's
 */
#ifndef APP_OPS_FILES_H
#define APP_OPS_FILES_H

#include "app/config.h"
#include "ext/json.h"
#include "ops/server.h"

struct ops_files;

/* config: borrowed until ops_files_free. */
struct ops_files *ops_files_new(const struct config *config);
void ops_files_free(struct ops_files **f);

/*
 * Arguments before, count, state, pipeline, text; see doc/ops.md. *status becomes 400 when one is wrong, 503 when the
 * ledger can't be read; the object then has "error". The caller's to json_decref.
 */
json_t *ops_files_list(struct ops_files *f, const struct server_query *q, unsigned *status);

#endif

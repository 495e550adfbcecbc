/*
 * ledger_entry: what the ledger knows of an original or a path, as bytes of its tables. doc/formats/ledger.md.
 *
 * Thread  plain functions
 * Owner   texts that come out are borrowed from the bytes
 */
#ifndef PIPE_LEDGER_ENTRY_H
#define PIPE_LEDGER_ENTRY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/writer.h"
#include "pipe/ledger.h"

enum { LEDGER_ENTRY_MAX = 64 << 10 }; /* bytes of one */

/* Into a writer of its own, emptied first. */
void ledger_entry_put(struct writer *w, const struct ledger_original *o);
void ledger_path_put(struct writer *w, const char *path, const struct ledger_path *p);

/* false: damaged. *path: "" where it is not set aside. */
bool ledger_entry_get(const void *bytes, size_t len, struct ledger_original *o);
bool ledger_path_get(const void *bytes, size_t len, struct ledger_path *p, const char **path);

#endif

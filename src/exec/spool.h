/*
 * spool: a temporary file without a name, for what a command reads and writes.
 *
 * In TMPDIR, or /tmp. Nobody else can open it by name, and it is gone with its last descriptor.
 *
 * Thread  no state
 */
#ifndef EXEC_SPOOL_H
#define EXEC_SPOOL_H

#include "base/rc.h"
#include "base/source.h"

/* Close-on-exec, mode 0600. RC_AGAIN: no room or no descriptors; RC_FAIL: no such folder. */
enum rc spool_open(int *fd, struct err *e) MUST_USE;

/* The whole of src into a new one, which is left at its end. Also what reading src returns. */
enum rc spool_fill(struct source *src, int *fd, struct err *e) MUST_USE;

#endif

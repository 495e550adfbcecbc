/*
 * exec: any external command that prints delimited text as a dissector. doc/exec.md.
 *
 * The input is spooled to a file without a name, the command runs over it to its end, and only if that end is good what
 * it printed is read, by the csv dissector: rows of a command that failed are never seen by anybody. Options of its
 * own: command, preset, timeout, memory, output; the rest is csv's. What the command wrote to standard error is the
 * note.
 *
 * Thread  one owner per dissector; the first next blocks until the command ends
 * Disk    the input and the output, in TMPDIR
 * Errors  RC_BAD: the command ended badly or passed a limit, or a preset does not know its version; RC_AGAIN: it could
 * not be started
 */
#ifndef EXEC_EXEC_H
#define EXEC_EXEC_H

#include "dissect/dissect.h"

extern const struct dissect_ops dissect_exec;

#endif

/*
 * completion: scripts that complete sluice's command lines in a shell, made of the command table.
 *
 * A value is completed by its choices, or by what help calls it: FILE, DIR, PIPELINE, DATASET (the latter two as the
 * configuration on the line names them). Nothing of sluice is asked but `sluice config`, for these two.
 *
 * Thread  one owner
 */
#ifndef APP_COMPLETION_H
#define APP_COMPLETION_H

#include "base/writer.h"

/* The choices for shell. */
#define COMPLETION_SHELLS "bash zsh fish"

void completion_write(const char *shell, struct writer *out);

#endif

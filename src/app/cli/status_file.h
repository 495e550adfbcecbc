/*
 * status_file: what became of single files, for `sluice status PATH...`.
 */
#ifndef APP_CLI_STATUS_FILE_H
#define APP_CLI_STATUS_FILE_H

#include "app/args.h"
#include "pipe/settings.h"

/* Each word of a is a path: found by its path in the ledger, else by content, else by bare name. STATUS_BAD when one is
 * unknown, refused or aside. */
enum status status_files(const struct args *a, const struct settings *s);

#endif

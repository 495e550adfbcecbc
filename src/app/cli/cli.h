/*
 * cli: the subcommands, one file each. main.c lists them in one table.
 */
#ifndef APP_CLI_CLI_H
#define APP_CLI_CLI_H

#include "app/args.h"

extern const struct command command_dissect;
extern const struct command command_schema;

#endif

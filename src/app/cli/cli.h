/*
 * cli: the subcommands, one file each, and the one table of them, which main.c has.
 */
#ifndef APP_CLI_CLI_H
#define APP_CLI_CLI_H

#include <stddef.h>
#include <stdio.h>

#include "app/args.h"

extern const struct command command_run;
extern const struct command command_collect;
extern const struct command command_work;
extern const struct command command_load;
extern const struct command command_dissect;
extern const struct command command_status;
extern const struct command command_audit;
extern const struct command command_trace;
extern const struct command command_rejects;
extern const struct command command_replay;
extern const struct command command_check;
extern const struct command command_compact;
extern const struct command command_expire;
extern const struct command command_ops;
extern const struct command command_register;
extern const struct command command_schema;
extern const struct command command_config;
extern const struct command command_import_spot;
extern const struct command command_help;

/* All of them, in the order in which help lists them. Help, manual pages and completions follow it by themselves. */
extern const struct command *const command_table[];
extern const size_t command_count;

/* NULL: there is no such command. And the complaint that names the nearest. */
const struct command *command_find(const char *name);
enum status command_unknown(const char *name);

/* Purpose, commands, exit status. */
void help_overview(FILE *to);

/* The choices of an option that names a dissector. */
#define OPTION_DISSECTORS "nfcapd pcap-dns elff csv exec"

#endif

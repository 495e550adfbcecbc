/*
 * cli: the subcommands, one file each. main.c lists them in one table.
 */
#ifndef APP_CLI_CLI_H
#define APP_CLI_CLI_H

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
extern const struct command command_ops;
extern const struct command command_register;
extern const struct command command_schema;
extern const struct command command_config;
extern const struct command command_import_spot;

/* The choices of an option that names a dissector. */
#define OPTION_DISSECTORS "nfcapd pcap-dns elff csv exec"

#endif

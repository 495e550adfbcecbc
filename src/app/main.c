/* The program: finds the subcommand in one table and gives back its exit status. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/args.h"
#include "app/cli/cli.h"
#include "app/notify.h"
#include "app/providers.h"
#include "app/term.h"
#include "confine/confine.h"
#include "confine/server.h"

static enum status run_version(const struct args *a)
{
	printf("sluice %s%s\n", SLUICE_VERSION, notify_feature());
	return STATUS_DONE;
}

static const struct option no_option[] = {{0}};

static const struct command command_version = {
    .name = "version", .synopsis = "", .summary = "Print the version", .option = no_option, .run = run_version};

const struct command *const command_table[] = {
    &command_run,
    &command_collect,
    &command_work,
    &command_load,
    &command_dissect,
    &command_status,
    &command_audit,
    &command_trace,
    &command_rejects,
    &command_replay,
    &command_check,
    &command_register,
    &command_compact,
    &command_expire,
    &command_ops,
    &command_schema,
    &command_config,
    &command_import_spot,
    &command_version,
    &command_help,
};

const size_t command_count = sizeof command_table / sizeof command_table[0];

enum { DISSECTORS_MOST = 32 };

/* All that may run confined. */
static int serve_dissectors(const char *fd)
{
	const struct dissect_ops *table[DISSECTORS_MOST + 1] = {NULL};
	size_t n = 0;
	for (size_t i = 0; provider_dissector_at(i) != NULL && n < DISSECTORS_MOST; i++)
		if (!provider_dissector_at(i)->spawns)
			table[n++] = provider_dissector_at(i);
	return confine_serve(atoi(fd), table);
}

static enum status dispatch(int argc, char **argv)
{
	if (argc < 2) {
		help_overview(stderr);
		return STATUS_USAGE;
	}
	const char *name = argv[1];
	if (argc == 3 && strcmp(name, CONFINE_WORD) == 0)
		return (enum status)serve_dissectors(argv[2]);
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		name = "help";
	if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
		name = "version";
	const struct command *c = command_find(name);
	if (c == NULL)
		return command_unknown(name);
	struct args args;
	struct err e;
	enum rc rc = args_parse(c, argc - 1, argv + 1, &args, &e);
	if (rc == RC_END) {
		args_help(c);
		return STATUS_DONE;
	}
	if (rc != RC_OK) {
		complain("%s: %s; \"sluice %s --help\" lists the options", c->name, e.text, c->name);
		return STATUS_USAGE;
	}
	enum status status = c->run(&args);
	args_fini(&args);
	return status;
}

int main(int argc, char **argv)
{
	enum status status = dispatch(argc, argv);
	/* Text that never reached its reader is a failure too: a full disk behind "sluice status > file". */
	bool lost = fflush(stdout) != 0 || ferror(stdout) != 0;
	if (lost && status == STATUS_DONE) {
		complain("standard output: write failed");
		status = STATUS_BAD;
	}
	return status;
}

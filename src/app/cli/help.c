/* sluice help: the command table, for people; and as manual pages and completions, for whoever installs the program. */
#include "app/cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "app/completion.h"
#include "app/manual.h"
#include "app/nearest.h"
#include "app/term.h"
#include "base/writer.h"

enum { PAGE_MAX = 1 << 20 };

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < command_count; i++)
		if (strcmp(command_table[i]->name, name) == 0)
			return command_table[i];
	return NULL;
}

enum status command_unknown(const char *name)
{
	struct nearest n = nearest_to(name);
	char hint[NEAREST_HINT];
	for (size_t i = 0; i < command_count; i++)
		nearest_offer(&n, command_table[i]->name);
	complain("unknown command \"%.100s\"%s; \"sluice help\" lists them", name, nearest_hint(&n, hint));
	return STATUS_USAGE;
}

void help_overview(FILE *to)
{
	struct term t = term_of(fileno(to));
	int widest = 0;
	for (size_t i = 0; i < command_count; i++)
		widest = (int)strlen(command_table[i]->name) > widest ? (int)strlen(command_table[i]->name) : widest;
	fprintf(to, "%susage:%s sluice COMMAND [OPTION...]\n\n", t.bold, t.off);
	fprintf(to, "Takes network telemetry from files, keeps every original, and lands typed rows in partitioned "
	            "tables: exactly once.\n\n");
	fprintf(to, "%sCommands%s\n", t.bold, t.off);
	for (size_t i = 0; i < command_count; i++)
		fprintf(to, "  %-*s %s\n", widest, command_table[i]->name, command_table[i]->summary);
	fprintf(to, "\n\"sluice COMMAND --help\" says more. Exit status: 0 done, 1 something was rejected or failed, 2 "
	            "usage or configuration, 3 an audit found damage.\n");
}

static enum status print_page(const char *name)
{
	struct writer out;
	const struct command *c = name != NULL ? command_find(name) : NULL;
	writer_init(&out, PAGE_MAX);
	if (name == NULL)
		manual_program(&out);
	else if (strcmp(name, MANUAL_CONFIG) == 0)
		manual_config(&out);
	else if (c != NULL)
		manual_command(c, &out);
	else
		return command_unknown(name);
	fwrite(out.bytes, 1, out.len, stdout);
	writer_fini(&out);
	return STATUS_DONE;
}

static enum status print_completion(const char *shell)
{
	struct writer out;
	writer_init(&out, PAGE_MAX);
	completion_write(shell, &out);
	fwrite(out.bytes, 1, out.len, stdout);
	writer_fini(&out);
	return STATUS_DONE;
}

static enum status run(const struct args *a)
{
	const char *word = a->words > 0 ? a->word[0] : NULL;
	if (a->words > 1) {
		complain("help: one command at a time");
		return STATUS_USAGE;
	}
	if (args_has(a, "completion"))
		return print_completion(args_text(a, "completion", NULL));
	if (args_has(a, "list")) {
		for (size_t i = 0; i < command_count; i++)
			printf("%s\n", command_table[i]->name);
		return STATUS_DONE;
	}
	if (args_has(a, "man"))
		return print_page(word);
	if (word == NULL) {
		help_overview(stdout);
		return STATUS_DONE;
	}
	const struct command *c = command_find(word);
	if (c == NULL)
		return command_unknown(word);
	args_help(c);
	return STATUS_DONE;
}

static const struct option option[] = {
    {"man", 0, NULL, "print the manual page of it: without a word sluice(1); also of " MANUAL_CONFIG},
    {"completion", 0, "SHELL", "print what completes command lines in bash, zsh or fish", COMPLETION_SHELLS},
    {"list", 0, NULL, "print the names of all commands, one a line"},
    {0},
};

const struct command command_help = {
    .name = "help",
    .synopsis = "[--man] [COMMAND] | --completion SHELL | --list",
    .summary = "Print what a command does and takes",
    .details = "Manual pages and completions are made of the same tables as the parser: `sluice help --man run | man "
               "-l -`, `. <(sluice help --completion bash)`.",
    .option = option,
    .words = WORDS_COMMANDS,
    .run = run,
};

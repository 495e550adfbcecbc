/*
 * args: the table of a subcommand's options, and a command line parsed by it. Help, manual pages and completions come
 * from the same table.
 *
 * Long options take their value after "=" or as the next word, letters as the rest of the word or the next one; flags
 * of one letter may be joined.
 * "--" ends them. Options may stand after paths.
 *
 * Thread  main only
 */
#ifndef APP_ARGS_H
#define APP_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/rc.h"

/* What the process ends with. */
enum status { STATUS_DONE = 0, STATUS_BAD = 1, STATUS_USAGE = 2, STATUS_DAMAGE = 3 };

struct option {
	const char *name;    /* long, without its dashes */
	char letter;         /* 0: none */
	const char *value;   /* what help calls the value; NULL: a flag */
	const char *help;    /* one sentence; NULL: not shown, for the program's own children */
	const char *choices; /* all that its value may be, separated by blanks; NULL: judged by the command */
};

/* What the words are that are no options. */
enum args_words { WORDS_NONE, WORDS_PATHS, WORDS_COMMANDS, WORDS_DATASETS };

struct args;

struct command {
	const char *name;
	const char *synopsis;        /* what follows the name on the usage line */
	const char *summary;         /* one line */
	const char *details;         /* paragraphs, each ended by LF but the last; may be NULL */
	const struct option *option; /* ends with a row without a name */
	enum args_words words;
	enum status (*run)(const struct args *a);
};

struct args_set {
	const struct option *option;
	const char *value; /* "" for a flag */
};

struct args {
	const struct command *command;
	struct args_set *set; /* in the order given */
	size_t sets;
	const char **word;
	size_t words;
};

/* The row that each command has without saying so. */
extern const struct option args_help_option;

/* argv[0] is the command's own name. RC_BAD: the reason, with the nearest option or choice. RC_END: --help was asked
 * for. Borrows argv. */
enum rc args_parse(const struct command *c, int argc, char **argv, struct args *out, struct err *e) MUST_USE;
void args_fini(struct args *a);

/* Was it given? And its last value, or otherwise. The name must be in the command's table. */
bool args_has(const struct args *a, const char *name);
const char *args_text(const struct args *a, const char *name, const char *otherwise);

/* Usage line, details, options. */
void args_help(const struct command *c);

#endif

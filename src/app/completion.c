/* Three shells, three languages, one table: each script is written whole, so that a shell needs to start no program to
 * complete an option. */
#include "app/completion.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "app/cli/cli.h"
#include "app/schemas.h"

/* What a value or a word is completed by. */
enum kind { KIND_FREE, KIND_CHOICES, KIND_FILE, KIND_DIR, KIND_PIPELINE, KIND_DATASET, KIND_COMMAND };

static enum kind kind_of(const struct option *o)
{
	static const struct {
		const char *value;
		enum kind kind;
	} by_value[] = {{"FILE", KIND_FILE}, {"DIR", KIND_DIR}, {"PIPELINE", KIND_PIPELINE}, {"DATASET", KIND_DATASET}};
	if (o->choices != NULL)
		return KIND_CHOICES;
	for (size_t i = 0; i < sizeof by_value / sizeof by_value[0]; i++)
		if (strcmp(o->value, by_value[i].value) == 0)
			return by_value[i].kind;
	return KIND_FREE;
}

static void put_commands(struct writer *out)
{
	for (size_t i = 0; i < command_count; i++)
		writer_format(out, "%s%s", i > 0 ? " " : "", command_table[i]->name);
}

static void put_datasets(struct writer *out)
{
	for (size_t i = 0; i < shipped_schemas; i++)
		writer_format(out, "%s%s", i > 0 ? " " : "", shipped_schema[i].name);
}

/* The names in a configuration, asked of the program. $config is the file that the line names. */
static const char pipelines[] = "sluice config -c \"$config\" 2>/dev/null | sed -n \"s/^pipelines: //p\"";
static const char datasets[] =
    "sluice config -c \"$config\" 2>/dev/null | sed -n \"s/^  dataset  *\\([^ ]*\\).*/\\1/p\" | sort -u";

/* ---- bash ---- */

static void bash_value(struct writer *out, const struct option *o)
{
	switch (kind_of(o)) {
	case KIND_CHOICES:
		writer_format(out, "words='%s'", o->choices);
		break;
	case KIND_FILE:
		writer_text(out, "kind=file");
		break;
	case KIND_DIR:
		writer_text(out, "kind=directory");
		break;
	case KIND_PIPELINE:
		writer_format(out, "words=$(%s)", pipelines);
		break;
	case KIND_DATASET:
		writer_format(out, "words=$(%s)", datasets);
		break;
	default:
		writer_text(out, ":");
		break;
	}
}

static void bash_command(struct writer *out, const struct command *c)
{
	writer_format(out, "\t%s)\n\t\tcase $prev in\n", c->name);
	for (const struct option *o = c->option; o->name != NULL; o++) {
		if (o->help == NULL || o->value == NULL)
			continue;
		writer_format(out, "\t\t--%s", o->name);
		if (o->letter != 0)
			writer_format(out, " | -%c", o->letter);
		writer_text(out, ") ");
		bash_value(out, o);
		writer_text(out, " ;;\n");
	}
	writer_text(out, "\t\t*)\n\t\t\toptions='");
	for (const struct option *o = c->option; o->name != NULL; o++)
		if (o->help != NULL)
			writer_format(out, "--%s ", o->name);
	writer_format(out, "--%s'\n", args_help_option.name);
	if (c->words == WORDS_PATHS || c->words == WORDS_DATASETS)
		writer_text(out, "\t\t\tkind=file\n");
	if (c->words == WORDS_DATASETS) {
		writer_text(out, "\t\t\twords='");
		put_datasets(out);
		writer_text(out, "'\n");
	}
	if (c->words == WORDS_COMMANDS) {
		writer_text(out, "\t\t\twords='");
		put_commands(out);
		writer_text(out, "'\n");
	}
	writer_text(out, "\t\t\t;;\n\t\tesac\n\t\t;;\n");
}

static void bash(struct writer *out)
{
	writer_text(out,
	    "# bash completion of sluice, made by: sluice help --completion bash\n"
	    "_sluice()\n{\n"
	    "\tlocal cur prev word i kind= words= options= config=/etc/sluice/sluice.yaml\n"
	    "\tCOMPREPLY=()\n"
	    "\tcur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
	    "\t# --option=value comes as three words.\n"
	    "\tif [[ $cur == = ]]; then\n\t\tcur=\n"
	    "\telif [[ $prev == = && $COMP_CWORD -ge 2 ]]; then\n\t\tprev=${COMP_WORDS[COMP_CWORD - 2]}\n\tfi\n"
	    "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	    "\t\tif [[ ${COMP_WORDS[i]} == -c || ${COMP_WORDS[i]} == --config ]]; then\n"
	    "\t\t\tword=${COMP_WORDS[i + 1]}\n"
	    "\t\t\t[[ $word == = ]] && word=${COMP_WORDS[i + 2]}\n"
	    "\t\t\tconfig=${word/#\\~/$HOME}\n\t\tfi\n\tdone\n"
	    "\tif ((COMP_CWORD == 1)); then\n\t\twords='");
	put_commands(out);
	writer_text(out, "' options='--help --version'\n\telse\n\tcase ${COMP_WORDS[1]} in\n");
	for (size_t i = 0; i < command_count; i++)
		bash_command(out, command_table[i]);
	writer_text(out, "\tesac\n\tfi\n"
	                 "\t[[ $cur == -* ]] && words=$options kind=\n"
	                 "\t[[ -z $words ]] || mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
	                 "\tif [[ -n $kind ]]; then\n"
	                 "\t\tmapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -A \"$kind\" -- \"$cur\")\n"
	                 "\t\tcompopt -o filenames 2>/dev/null\n\tfi\n"
	                 "\treturn 0\n}\n"
	                 "complete -F _sluice sluice\n");
}

/* ---- zsh ---- */

/* Inside of '...' in a specification: brackets and colons mean something there. */
static void zsh_text(struct writer *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '\'')
			writer_text(out, "'\\''");
		else if (strchr("[]:\\", *text) != NULL)
			writer_format(out, "\\%c", *text);
		else
			writer_u8(out, (uint8_t)*text);
	}
}

static void zsh_value(struct writer *out, const struct option *o)
{
	static const char *const action[] = {[KIND_FILE] = "_files",
	    [KIND_DIR] = "_files -/",
	    [KIND_PIPELINE] = "_sluice_pipelines",
	    [KIND_DATASET] = "_sluice_datasets",
	    [KIND_FREE] = " "};
	enum kind kind = kind_of(o);
	writer_text(out, ":");
	zsh_text(out, o->value);
	if (kind == KIND_CHOICES)
		writer_format(out, ":(%s)", o->choices);
	else
		writer_format(out, ":%s", action[kind]);
}

static void zsh_option(struct writer *out, const struct option *o)
{
	const char *equals = o->value != NULL ? "=" : "", *plus = o->value != NULL ? "+" : "";
	if (o->letter != 0)
		writer_format(out, " \\\n\t\t\t'(-%c --%s)'{-%c%s,--%s%s}'[", o->letter, o->name, o->letter, plus,
		    o->name, equals);
	else
		writer_format(out, " \\\n\t\t\t'--%s%s[", o->name, equals);
	zsh_text(out, o->help);
	writer_text(out, "]");
	if (o->value != NULL)
		zsh_value(out, o);
	writer_text(out, "'");
}

static void zsh_command(struct writer *out, const struct command *c)
{
	writer_format(out, "\t\t%s)\n\t\t\t_arguments -s", c->name);
	for (const struct option *o = c->option; o->name != NULL; o++)
		if (o->help != NULL)
			zsh_option(out, o);
	zsh_option(out, &args_help_option);
	switch (c->words) {
	case WORDS_NONE:
		break;
	case WORDS_PATHS:
		writer_text(out, " \\\n\t\t\t'*:file:_files'");
		break;
	case WORDS_COMMANDS:
		writer_text(out, " \\\n\t\t\t'1:command:(");
		put_commands(out);
		writer_text(out, ")'");
		break;
	case WORDS_DATASETS:
		writer_text(out, " \\\n\t\t\t'1:dataset:_alternative \"datasets:dataset:(");
		put_datasets(out);
		writer_text(out, ")\" \"files:file:_files -g \\\"*.avsc\\\"\"'");
		break;
	}
	writer_text(out, "\n\t\t\t;;\n");
}

static void zsh_names(struct writer *out, const char *what, const char *command)
{
	writer_format(out,
	    "_sluice_%s() {\n\tlocal config=${opt_args[--config]:-${opt_args[-c]:-/etc/sluice/sluice.yaml}}\n"
	    "\tlocal -a names\n\tnames=(${(f)\"$(%s)\"})\n\tcompadd -a names\n}\n\n",
	    what, command);
}

static void zsh(struct writer *out)
{
	writer_text(out, "#compdef sluice\n# Made by: sluice help --completion zsh\n\n");
	zsh_names(out, "pipelines", pipelines);
	zsh_names(out, "datasets", datasets);
	writer_text(out, "_sluice() {\n\tlocal context state state_descr line curcontext=\"$curcontext\"\n"
	                 "\ttypeset -A opt_args\n\tlocal -a commands\n\tcommands=(\n");
	for (size_t i = 0; i < command_count; i++) {
		writer_format(out, "\t\t'%s:", command_table[i]->name);
		zsh_text(out, command_table[i]->summary);
		writer_text(out, "'\n");
	}
	writer_text(out, "\t)\n\t_arguments -C '(- *)'{-h,--help}'[the commands in short]' "
	                 "'(- *)'{-V,--version}'[the version]' '1:command:->command' '*::argument:->argument'\n"
	                 "\tcase $state in\n"
	                 "\tcommand)\n\t\t_describe -t commands command commands\n\t\t;;\n"
	                 "\targument)\n\t\tcurcontext=\"${curcontext%:*}-$words[1]:\"\n\t\tcase $words[1] in\n");
	for (size_t i = 0; i < command_count; i++)
		zsh_command(out, command_table[i]);
	writer_text(out,
	    "\t\tesac\n\t\t;;\n\tesac\n}\n\n"
	    "if [ \"$funcstack[1]\" = _sluice ]; then\n\t_sluice \"$@\"\nelse\n\tcompdef _sluice sluice\nfi\n");
}

/* ---- fish ---- */

static void fish_text(struct writer *out, const char *text)
{
	writer_text(out, "'");
	for (; *text != '\0'; text++) {
		if (*text == '\'' || *text == '\\')
			writer_text(out, "\\");
		writer_u8(out, (uint8_t)*text);
	}
	writer_text(out, "'");
}

static void fish_value(struct writer *out, const struct option *o)
{
	switch (kind_of(o)) {
	case KIND_CHOICES:
		writer_format(out, " -x -a '%s'", o->choices);
		break;
	case KIND_FILE:
		writer_text(out, " -r -F");
		break;
	case KIND_DIR:
		writer_text(out, " -x -a '(__fish_complete_directories)'");
		break;
	case KIND_PIPELINE:
		writer_text(out, " -x -a '(__sluice_pipelines)'");
		break;
	case KIND_DATASET:
		writer_text(out, " -x -a '(__sluice_datasets)'");
		break;
	default:
		writer_text(out, " -x");
		break;
	}
}

static void fish_option(struct writer *out, const struct command *c, const struct option *o)
{
	writer_format(out, "complete -c sluice -n '__fish_seen_subcommand_from %s'", c->name);
	if (o->letter != 0)
		writer_format(out, " -s %c", o->letter);
	writer_format(out, " -l %s", o->name);
	if (o->value != NULL)
		fish_value(out, o);
	writer_text(out, " -d ");
	fish_text(out, o->help);
	writer_text(out, "\n");
}

static void fish_words(struct writer *out, const struct command *c)
{
	if (c->words == WORDS_NONE)
		return;
	writer_format(out, "complete -c sluice -n '__fish_seen_subcommand_from %s'", c->name);
	if (c->words == WORDS_PATHS) {
		writer_text(out, " -F\n");
		return;
	}
	writer_text(out, c->words == WORDS_DATASETS ? " -F -a '" : " -a '");
	if (c->words == WORDS_DATASETS)
		put_datasets(out);
	else
		put_commands(out);
	writer_text(out, "'\n");
}

static void fish_names(struct writer *out, const char *what, const char *command)
{
	writer_format(out,
	    "function __sluice_%s\n\tset -l config /etc/sluice/sluice.yaml\n\tset -l words (commandline -opc)\n"
	    "\tif set -l at (contains -i -- -c $words; or contains -i -- --config $words)\n"
	    "\t\tset config $words[(math $at + 1)]\n\tend\n\t%s\nend\n",
	    what, command);
}

static void fish(struct writer *out)
{
	writer_text(out, "# fish completion of sluice, made by: sluice help --completion fish\n");
	fish_names(out, "pipelines", pipelines);
	fish_names(out, "datasets", datasets);
	writer_text(out, "complete -c sluice -f\n"
	                 "complete -c sluice -n __fish_use_subcommand -s V -l version -d 'the version'\n");
	for (size_t i = 0; i < command_count; i++) {
		const struct command *c = command_table[i];
		writer_format(out, "complete -c sluice -n __fish_use_subcommand -a %s -d ", c->name);
		fish_text(out, c->summary);
		writer_text(out, "\n");
		for (const struct option *o = c->option; o->name != NULL; o++)
			if (o->help != NULL)
				fish_option(out, c, o);
		fish_option(out, c, &args_help_option);
		fish_words(out, c);
	}
}

void completion_write(const char *shell, struct writer *out)
{
	static const struct {
		const char *name;
		void (*write)(struct writer *out);
	} by_name[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};
	for (size_t i = 0; i < sizeof by_name / sizeof by_name[0]; i++)
		if (strcmp(by_name[i].name, shell) == 0) {
			by_name[i].write(out);
			return;
		}
	assert(!"a shell that is no choice");
}

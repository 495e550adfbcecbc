/* Pages say what the tables say; what else there is to say about a command stands in doc/cli.md, which the build adds
 * (pages.py). */
#include "app/manual.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "app/cli/cli.h"
#include "app/config.h"
#include "app/keys.h"
#include "app/roff.h"

enum { NAME = 64, TEXT = 1024 };

static void see(struct writer *out, const char *name, int section, bool last)
{
	writer_text(out, ".BR ");
	roff_plain(out, name);
	writer_format(out, " (%d)%s\n", section, last ? "" : ",");
}

static void page_name(const struct command *c, char out[NAME])
{
	snprintf(out, NAME, "sluice-%s", c->name);
}

/* "Watch the folders" of a sentence becomes "watch the folders" of a name line. */
static void put_name(struct writer *out, const char *name, const char *what)
{
	char text[TEXT];
	snprintf(text, sizeof text, "%s", what);
	if (!isupper((unsigned char)text[1]))
		text[0] = (char)tolower((unsigned char)text[0]);
	roff_section(out, "NAME");
	roff_plain(out, name);
	writer_text(out, " \\-\n");
	roff_text(out, text, ".PP");
}

static void put_summary(struct writer *out, const struct command *c)
{
	char text[TEXT];
	snprintf(text, sizeof text, "%s.", c->summary);
	roff_text(out, text, ".PP");
}

static void put_option(struct writer *out, const struct option *o)
{
	char text[NAME];
	writer_text(out, ".TP\n");
	if (o->letter != 0) {
		snprintf(text, sizeof text, "-%c", o->letter);
		roff_bold(out, text);
		writer_text(out, ", ");
	}
	snprintf(text, sizeof text, "--%s", o->name);
	roff_bold(out, text);
	if (o->value != NULL) {
		writer_text(out, " ");
		roff_italic(out, o->value);
	}
	writer_text(out, "\n");
	roff_text(out, o->help, ".IP");
}

static bool has_option(const struct command *c, const char *name)
{
	for (const struct option *o = c->option; o->name != NULL; o++)
		if (strcmp(o->name, name) == 0)
			return true;
	return false;
}

static void put_statuses(struct writer *out)
{
	static const char *const status[] = {"Done.", "Something was rejected or failed; standard error names it.",
	    "Usage or configuration.", "An audit found damage."};
	roff_section(out, "EXIT STATUS");
	for (size_t i = 0; i < sizeof status / sizeof status[0]; i++)
		writer_format(out, ".TP\n.B %zu\n%s\n", i, status[i]);
}

static void put_config_file(struct writer *out)
{
	roff_section(out, "FILES");
	writer_text(out, ".TP\n.I " CONFIG_DEFAULT "\nThe configuration, where\n.B \\-c\nnames no other.\n");
}

void manual_command(const struct command *c, struct writer *out)
{
	char name[NAME];
	page_name(c, name);
	roff_title(out, name, 1);
	put_name(out, name, c->summary);
	roff_section(out, "SYNOPSIS");
	writer_format(out, ".B sluice %s\n", c->name);
	if (c->synopsis[0] != '\0')
		roff_synopsis(out, c->synopsis);
	roff_section(out, "DESCRIPTION");
	put_summary(out, c);
	if (c->details != NULL) {
		writer_text(out, ".PP\n");
		roff_text(out, c->details, ".PP");
	}
	roff_section(out, "OPTIONS");
	for (const struct option *o = c->option; o->name != NULL; o++)
		if (o->help != NULL)
			put_option(out, o);
	put_option(out, &args_help_option);
	put_statuses(out);
	if (has_option(c, "config"))
		put_config_file(out);
	roff_section(out, "SEE ALSO");
	see(out, "sluice", 1, false);
	see(out, MANUAL_CONFIG, 5, false);
	see(out, "sluice-lake", 5, true);
}

static void put_environment(struct writer *out)
{
	static const struct {
		const char *name, *what;
	} variable[] = {
	    {"NO_COLOR", "When it is not empty, no colours on a terminal."},
	    {"HADOOP_USER_NAME", "Who we are to HDFS and to a metastore, where the configuration does not say it."},
	    {"NOTIFY_SOCKET, WATCHDOG_USEC",
	        "Set by a service manager, which is told when sluice run is ready, reloads, "
	        "stops and is alive."},
	};
	roff_section(out, "ENVIRONMENT");
	for (size_t i = 0; i < sizeof variable / sizeof variable[0]; i++) {
		writer_format(out, ".TP\n.B %s\n", variable[i].name);
		roff_text(out, variable[i].what, ".IP");
	}
}

void manual_program(struct writer *out)
{
	roff_title(out, "sluice", 1);
	put_name(out, "sluice", "network telemetry from files into partitioned tables, exactly once");
	roff_section(out, "SYNOPSIS");
	writer_text(out, ".B sluice\n");
	roff_synopsis(out, "COMMAND [OPTION...]");
	roff_section(out, "DESCRIPTION");
	roff_text(out,
	    "Takes network telemetry from the files that other tools leave behind, keeps every original, and lands "
	    "typed "
	    "rows in partitioned Avro-Parquet tables that SQL engines read. Nothing is lost and nothing is stored "
	    "twice, "
	    "whatever dies on the way.\n"
	    "It runs whole on one machine, and on Kafka, HDFS, Hive and Spark where one is not enough. A line for the "
	    "lake "
	    "and one for each watched folder are a complete configuration.",
	    ".PP");
	roff_section(out, "COMMANDS");
	for (size_t i = 0; i < command_count; i++) {
		char name[NAME];
		page_name(command_table[i], name);
		writer_text(out, ".TP\n");
		see(out, name, 1, true);
		put_summary(out, command_table[i]);
	}
	roff_section(out, "OPTIONS");
	writer_text(out, ".TP\n.BR \\-h \", \" \\-\\-help\nThe commands in short.\n"
	                 ".TP\n.BR \\-V \", \" \\-\\-version\nThe version.\n");
	put_statuses(out);
	put_environment(out);
	put_config_file(out);
	roff_section(out, "EXAMPLES");
	roff_example(out, "sluice dissect -t nfcapd -f csv nfcapd.202601140900 | head\n"
	                  "sluice check -c sluice.yaml\n"
	                  "sluice run -c sluice.yaml --once\n"
	                  "sluice status -c sluice.yaml nfcapd.202601140900\n");
	roff_section(out, "SEE ALSO");
	see(out, MANUAL_CONFIG, 5, false);
	see(out, "sluice-lake", 5, false);
	see(out, "nfcapd", 1, false);
	see(out, "nfdump", 1, true);
}

static void put_key(struct writer *out, const struct config_key *k)
{
	char range[120];
	key_range(k, range, sizeof range);
	writer_text(out, ".TP\n");
	roff_bold(out, k->name);
	writer_text(out, " (");
	roff_plain(out, key_kind_name(k));
	if (range[0] != '\0') {
		writer_text(out, k->kind == KEY_CHOICE ? ": " : ", ");
		roff_plain(out, range);
	}
	writer_text(out, ")\n");
	roff_text(out, k->help, ".IP");
	writer_text(out, ".br\n");
	if (k->fallback == NULL && k->otherwise == NULL) {
		writer_text(out, "It must be given.\n");
		return;
	}
	writer_text(out, "Default: ");
	if (k->fallback != NULL)
		roff_bold(out, k->fallback);
	else
		roff_plain(out, k->otherwise);
	writer_text(out, "\\&.\n");
}

static void put_keys(struct writer *out, enum key_scope scope)
{
	for (size_t i = 0; i < key_count; i++)
		if (key_table[i].scope == scope)
			put_key(out, &key_table[i]);
}

void manual_config(struct writer *out)
{
	roff_title(out, MANUAL_CONFIG, 5);
	put_name(out, MANUAL_CONFIG, "configuration of sluice");
	roff_section(out, "DESCRIPTION");
	roff_text(out, "YAML. The smallest file that is complete:", ".PP");
	writer_text(out, ".PP\n");
	roff_example(out, key_smallest);
	for (size_t i = 0; key_rules[i] != NULL; i++) {
		writer_text(out, ".PP\n");
		roff_text(out, key_rules[i], ".PP");
	}
	roff_section(out, "THE WHOLE FILE");
	put_keys(out, KEY_GLOBAL);
	roff_section(out, "PIPELINES");
	roff_text(out, key_pipelines, ".PP");
	put_keys(out, KEY_PIPELINE);
	put_config_file(out);
	roff_section(out, "SEE ALSO");
	see(out, "sluice", 1, false);
	see(out, "sluice-check", 1, false);
	see(out, "sluice-config", 1, false);
	see(out, "sluice-lake", 5, true);
}

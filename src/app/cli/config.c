/* sluice config: the keys there are, and what a file comes to. */
#include "app/cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "app/config.h"
#include "app/grid.h"
#include "app/keys.h"
#include "app/term.h"
#include "base/writer.h"

enum { VALUE = 1024, MARKDOWN_MAX = 1 << 20 };

/* Every key with its default: the page for people. */
static void list_keys(enum key_scope scope)
{
	static const char *const head[] = {"key", "default", "range", "meaning", NULL};
	struct grid *g = grid_new(head);
	for (size_t i = 0; i < key_count; i++) {
		const struct config_key *k = &key_table[i];
		char range[120];
		if (k->scope != scope)
			continue;
		key_range(k, range, sizeof range);
		grid_cell(g, "%s", k->name);
		grid_cell(g, "%s",
		    k->fallback != NULL    ? k->fallback
		    : k->otherwise != NULL ? k->otherwise
		                           : "(must be given)");
		grid_cell(g, "%s", range[0] != '\0' ? range : key_kind_name(k));
		grid_cell(g, "%s", k->help);
	}
	grid_print(&g, 2);
}

static void list_all(void)
{
	struct term t = term_of(1);
	printf("%sThe whole file%s\n", t.bold, t.off);
	list_keys(KEY_GLOBAL);
	printf("\n%sEach entry of pipelines%s\n", t.bold, t.off);
	list_keys(KEY_PIPELINE);
}

/* The same as a file to start from: everything that has a default stands there commented out. */
static void print_example(void)
{
	printf("lake: /var/lib/sluice/lake\npipelines:\n  flow: { watch: /var/spool/nfcapd, dissector: nfcapd }\n");
	for (size_t i = 0; i < key_count; i++) {
		const struct config_key *k = &key_table[i];
		if (k->scope == KEY_GLOBAL && k->fallback != NULL)
			printf("\n# %s\n# %s: %s\n", k->help, k->name, k->fallback);
	}
}

/* Values that a pipeline holds as pointers to what they name. */
static void pipeline_value(const struct pipeline *p, const struct config_key *k, char *out, size_t size)
{
	if (strcmp(k->name, "dissector") == 0) {
		snprintf(out, size, "%s", p->dissector->name);
	} else if (strcmp(k->name, "dataset") == 0) {
		snprintf(out, size, "%s", p->schema->name);
	} else if (strcmp(k->name, "after") == 0) {
		snprintf(out, size, "%s%s",
		    p->after == AFTER_KEEP     ? "keep"
		    : p->after == AFTER_DELETE ? "delete"
		                               : "move:",
		    p->after == AFTER_MOVE ? p->after_dir : "");
	} else if (k->kind == KEY_MAP && p->options == 0) {
		snprintf(out, size, "none");
	} else if (k->kind == KEY_MAP) {
		size_t n = (size_t)snprintf(out, size, "{");
		for (size_t i = 0; i < p->options && n < size; i++)
			n += (size_t)snprintf(
			    out + n, size - n, "%s %s: %s", i > 0 ? "," : "", p->option[i].key, p->option[i].value);
		if (n < size)
			snprintf(out + n, size - n, " }");
	} else {
		key_show(k, p, out, size);
	}
}

static void effective(const struct config *c, const struct pipeline *p)
{
	static const char *const head[] = {"key", "value", "from", NULL};
	struct grid *g = grid_new(head);
	for (size_t i = 0; i < key_count; i++) {
		const struct config_key *k = &key_table[i];
		char value[VALUE];
		if (k->scope != (p != NULL ? KEY_PIPELINE : KEY_GLOBAL))
			continue;
		if (p != NULL)
			pipeline_value(p, k, value, sizeof value);
		else if (k->kind == KEY_MAP)
			kafka_map_show(&c->kafka, value, sizeof value);
		else
			key_show(k, c, value, sizeof value);
		unsigned line = config_line(c, p != NULL ? p->name : NULL, k->name);
		grid_cell(g, "%s", k->name);
		grid_cell(g, "%s", value[0] != '\0' ? value : "none");
		if (line > 0)
			grid_cell(g, "line %u", line);
		else
			grid_cell(g, "default");
	}
	grid_print(&g, 2);
}

static enum status show_file(const char *file)
{
	struct err e;
	struct config *c = NULL;
	struct term t = term_of(1);
	if (config_load(file, &c, &e) != RC_OK) {
		complain("%s", e.text);
		return STATUS_USAGE;
	}
	printf("%s%s%s\n", t.bold, file, t.off);
	effective(c, NULL);
	for (size_t i = 0; i < c->settings.pipelines; i++) {
		printf("\n%spipelines: %s%s\n", t.bold, c->settings.pipeline[i].name, t.off);
		effective(c, &c->settings.pipeline[i]);
	}
	config_free(&c);
	return STATUS_DONE;
}

static void print_markdown(void)
{
	struct writer out;
	writer_init(&out, MARKDOWN_MAX);
	key_markdown(&out);
	fwrite(out.bytes, 1, out.len, stdout);
	writer_fini(&out);
}

static enum status run(const struct args *a)
{
	if (args_has(a, "config"))
		return show_file(args_text(a, "config", NULL));
	if (args_has(a, "markdown"))
		print_markdown();
	else if (args_has(a, "example"))
		print_example();
	else
		list_all();
	return STATUS_DONE;
}

static const struct option option[] = {
    {"config", 'c', "FILE", "print what this file comes to, and where each value is from"},
    {"example", 0, NULL, "print a file to start from, with every default"},
    {"markdown", 0, NULL, "print doc/configuration.md"},
    {0},
};

const struct command command_config = {
    .name = "config",
    .synopsis = "[-c FILE | --example | --markdown]",
    .summary = "List the configuration keys, or print what a file comes to",
    .option = option,
    .run = run,
};

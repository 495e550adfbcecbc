/* sluice schema: what a table is, in the language of whoever asks. */
#include "app/cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "app/providers.h"
#include "app/schemas.h"
#include "app/term.h"
#include "base/str.h"
#include "base/writer.h"
#include "format/avsc.h"

enum { SCHEMA_TEXT_MAX = 16 << 20 };

/* A table for people: column, type, where it comes from. */
static void columns(const struct schema *s, struct writer *out)
{
	size_t name = 6, from = 4;
	for (size_t i = 0; i < s->columns; i++) {
		name = strlen(s->column[i].name) > name ? strlen(s->column[i].name) : name;
		from = strlen(s->column[i].from) > from ? strlen(s->column[i].from) : from;
	}
	writer_format(out, "%-*s  %-8s  %-*s  %s\n", (int)name, "column", "type", (int)from, "from", "as");
	for (size_t i = 0; i < s->columns; i++) {
		const struct schema_column *c = &s->column[i];
		writer_format(out, "%-*s  %-8s  %-*s  %s\n", (int)name, c->name, sql_name(c->type), (int)from, c->from,
		    c->as != NULL ? c->as : "(default)");
	}
	for (size_t i = 0; i < s->partitions; i++)
		writer_format(out, "%-*s  %-8s  %-*s  %s (partition)\n", (int)name, s->partition[i].name,
		    sql_name(s->partition[i].type), (int)from, s->time, s->partition[i].as);
}

/* Everything a dissector can give: what "from" may say. */
static enum rc fields(const char *name, struct writer *out, struct err *e)
{
	const struct dissect_ops *d = NULL;
	enum rc rc = provider_dissector(name, &d, e);
	if (rc != RC_OK)
		return rc;
	if (d->catalogue != NULL) {
		writer_format(out, "%s has no fields of its own: it takes those that a table asks for\n", d->name);
		return RC_OK;
	}
	size_t widest = 5;
	for (size_t i = 0; i < d->fields; i++)
		widest = strlen(d->field[i].name) > widest ? strlen(d->field[i].name) : widest;
	writer_format(out, "%-*s  %-5s  %s\n", (int)widest, "field", "type", "what it is");
	for (size_t i = 0; i < d->fields; i++)
		writer_format(out, "%-*s  %-5s  %s\n", (int)widest, d->field[i].name, type_name(d->field[i].type),
		    d->field[i].help);
	return RC_OK;
}

static enum rc describe(const struct args *a, struct writer *out, struct err *e)
{
	struct schema *s = NULL;
	const char *dataset = a->words > 0 ? a->word[0] : NULL;
	if (args_has(a, "fields"))
		return fields(args_text(a, "fields", NULL), out, e);
	if (dataset == NULL || a->words > 1)
		return err_set(RC_BAD, e, "name one dataset, for instance: sluice schema %s", shipped_schema[0].name);
	enum rc rc = str_ends(dataset, ".avsc") ? schemas_read(dataset, &s, e)
	                                        : schemas_find(args_text(a, "schemas", NULL), dataset, &s, e);
	if (rc != RC_OK)
		return rc;
	if (args_has(a, "ddl"))
		avsc_hive_ddl(s, args_text(a, "location", NULL), out);
	else if (args_has(a, "avro"))
		writer_format(out, "%s\n", s->avro);
	else if (args_has(a, "source"))
		writer_text(out, s->text);
	else if (args_has(a, "parquet"))
		avsc_parquet_text(s, out);
	else
		columns(s, out);
	schema_free(&s);
	return rc;
}

static enum status run(const struct args *a)
{
	struct err e;
	struct writer out;
	writer_init(&out, SCHEMA_TEXT_MAX);
	enum rc rc = describe(a, &out, &e);
	if (rc == RC_OK)
		fwrite(out.bytes, 1, out.len, stdout);
	else
		complain("schema: %s", e.text);
	writer_fini(&out);
	return rc == RC_OK ? STATUS_DONE : STATUS_USAGE;
}

static const struct option option[] = {
    {"ddl", 0, "DIALECT", "CREATE TABLE statement: hive", "hive"},
    {"location", 0, "URL", "with --ddl: where the table lies"},
    {"avro", 0, NULL, "the plain Avro schema, as in the files"},
    {"parquet", 0, NULL, "the Parquet message type"},
    {"source", 0, NULL, "the .avsc with our attributes: the start of a table of your own"},
    {"schemas", 0, "DIR", "look for DATASET.avsc here first"},
    {"fields", 0, "DISSECTOR", "list every field that a dissector can give", OPTION_DISSECTORS},
    {0},
};

const struct command command_schema = {
    .name = "schema",
    .synopsis = "[--ddl hive | --avro | --parquet | --source] DATASET | FILE.avsc",
    .summary = "Print what a table is",
    .details = "Without an option: columns, types and the field each comes from.",
    .option = option,
    .words = WORDS_DATASETS,
    .run = run,
};

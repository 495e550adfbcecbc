/* sluice trace: one object a question as JSON, or the same as text. */
#include "app/cli/cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/originals.h"
#include "app/setup.h"
#include "app/term.h"
#include "audit/rejected.h"
#include "audit/trace.h"
#include "base/clock.h"
#include "base/str.h"
#include "pipe/manifest.h"

enum { COUNT = 40, TIME = 25, RANGES = 8 };

static const char *text(const json_t *o, const char *key)
{
	const char *t = json_string_value(json_object_get(o, key));
	return t != NULL ? t : "";
}

static int64_t whole(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static const char *count(const json_t *o, const char *key, char out[COUNT])
{
	return str_show_count((uint64_t)whole(o, key), out, COUNT);
}

/* The ending of the noun that is counted. */
static const char *many(const json_t *o, const char *key)
{
	return whole(o, key) == 1 ? "" : "s";
}

static const char *when(int64_t ms, char out[TIME])
{
	civil_iso((struct wall){ms * 1000000}, out);
	return out;
}

/* "rows 0 to 29, 60 to 89": first and last, both inclusive. */
static void show_ranges(const json_t *ranges)
{
	size_t i;
	json_t *range;
	json_array_foreach(ranges, i, range)
	{
		json_int_t first = json_integer_value(json_array_get(range, 0));
		json_int_t rows = json_integer_value(json_array_get(range, 1));
		if (i == RANGES) {
			printf(" and %zu more ranges", json_array_size(ranges) - i);
			break;
		}
		printf(
		    "%s%" JSON_INTEGER_FORMAT " to %" JSON_INTEGER_FORMAT, i > 0 ? ", " : "", first, first + rows - 1);
	}
}

/* The end of a line. */
static void show_expiry(const json_t *o)
{
	char at[TIME];
	if (whole(o, "expired_ms") > 0)
		printf(", expired at %s", when(whole(o, "expired_ms"), at));
	printf("\n");
}

static void show_ledger(const json_t *l)
{
	char at[TIME];
	if (!json_is_object(l))
		return;
	printf("  ledger    %s%s%s\n", text(l, "state"), text(l, "note")[0] != '\0' ? ": " : "", text(l, "note"));
	if (text(l, "source")[0] != '\0')
		printf("  seen      %s, at %s\n", text(l, "source"), when(whole(l, "seen_ms"), at));
	printf("  events    %" PRId64 " on %s, partition %" PRId64 "\n", whole(l, "parts"), text(l, "topic"),
	    whole(l, "partition"));
}

static void show_rejects(const json_t *rejects)
{
	size_t i;
	json_t *line;
	const json_t *lines = json_object_get(rejects, "lines");
	if (!json_is_object(rejects))
		return;
	printf("    %s: %" PRId64 " reject%s", text(rejects, "path"), whole(rejects, "count"),
	    whole(rejects, "count") == 1 ? "" : "s");
	show_expiry(rejects);
	json_array_foreach(lines, i, line)
	{
		char lost[REJECTED_LOST];
		printf("      offset %" PRId64 ", length %" PRId64 ": %s (%s)\n", whole(line, "offset"),
		    whole(line, "length"), text(line, "reason"), rejected_lost(line, lost));
	}
}

static void show_commit(const json_t *original, const json_t *c)
{
	char rows[COUNT], lost[COUNT], at[TIME];
	const json_t *files = json_object_get(c, "files");
	json_t *file;
	size_t i;
	printf("  commit    %s, partition %" PRId64 ", events %" PRId64 " to %" PRId64 ", at %s\n", text(c, "topic"),
	    whole(c, "partition"), whole(c, "start"), whole(c, "end"), when(whole(c, "time_ms"), at));
	printf("    identities %s/%s/0..%" PRId64 "/%" PRId64 ", dissected by %s\n", text(original, "pipeline"),
	    text(original, "original"), whole(c, "parts") - 1, whole(c, "parts"), text(c, "dissector"));
	printf("    %s row%s, %" PRId64 " reject%s", count(c, "rows", rows), many(c, "rows"), whole(c, "rejected"),
	    many(c, "rejected"));
	if (whole(c, "rejected") > 0)
		printf(" with at least %s row%s lost", count(c, "lost", lost), many(c, "lost"));
	printf("%s%s%s%s%s\n",
	    json_is_true(json_object_get(c, "clean")) ? "" : "; its input did not end as its format wants",
	    text(c, "reason")[0] != '\0' ? "; refused: " : "", text(c, "reason"),
	    text(c, "settled")[0] != '\0' ? "; settled: " : "", text(c, "settled"));
	if (whole(c, "ahead") + whole(c, "behind") > 0)
		printf("    rows with implausible times: %s ahead, %s behind\n", count(c, "ahead", rows),
		    count(c, "behind", lost));
	json_array_foreach(files, i, file)
	{
		if (text(file, "problem")[0] != '\0') {
			printf("    %s: %s\n", text(file, "path"), text(file, "problem"));
			continue;
		}
		printf("    %s: %s row%s", text(file, "path"), count(file, "rows", rows), many(file, "rows"));
		if (whole(file, "expired_ms") == 0) {
			printf(", ");
			show_ranges(json_object_get(file, "ranges"));
		}
		show_expiry(file);
	}
	show_rejects(json_object_get(c, "rejects"));
}

static void show_original(const json_t *o)
{
	const struct term t = term_of(1);
	const json_t *commits = json_object_get(o, "commits");
	json_t *one;
	char size[COUNT], at[TIME];
	size_t i;
	printf("%s%s%s\n  original  %s\n", t.bold, text(o, "name"), t.off, text(o, "path"));
	printf("  sha256    %s", text(o, "original"));
	if (whole(o, "again") >= MANIFEST_REPLAY)
		printf(", replay %" PRId64, whole(o, "again") - MANIFEST_REPLAY);
	else if (whole(o, "again") > 0)
		printf(", taken again: %" PRId64, whole(o, "again"));
	printf("\n  pipeline  %s\n", text(o, "pipeline"));
	if (whole(o, "archived") == whole(o, "size"))
		printf("  archived  %s bytes\n", count(o, "size", size));
	else if (whole(o, "expired_ms") > 0)
		printf("  expired   at %s, %s bytes\n", when(whole(o, "expired_ms"), at), count(o, "size", size));
	else
		printf("  archived  %s%sof %" PRId64 " bytes%s\n", t.red,
		    whole(o, "archived") < 0 ? "not there: none " : "damaged: other length than that ",
		    whole(o, "size"), t.off);
	show_ledger(json_object_get(o, "ledger"));
	json_array_foreach(commits, i, one) show_commit(o, one);
	if (json_array_size(commits) == 0)
		printf("  commit    none yet\n");
}

static void show_file(const json_t *f)
{
	const struct term t = term_of(1);
	const json_t *originals = json_object_get(f, "originals"), *commits = json_object_get(f, "commits");
	json_t *one;
	char at[TIME], rows[COUNT];
	size_t i;
	printf("%s%s%s\n", t.bold, text(f, "file"), t.off);
	if (whole(f, "expired_ms") > 0)
		printf("  expired   at %s\n", when(whole(f, "expired_ms"), at));
	else if (!json_is_true(json_object_get(f, "there")))
		printf("  %snot there%s\n", t.red, t.off);
	else if (json_object_get(f, "rows") != NULL)
		printf("  rows      %s, dissected by %s\n", count(f, "rows", rows), text(f, "dissector"));
	if (text(f, "problem")[0] != '\0')
		printf("  %sdamaged%s   %s\n", t.red, t.off, text(f, "problem"));
	if (!json_is_true(json_object_get(f, "named")))
		printf("  %sno manifest names it%s\n", t.red, t.off);
	json_array_foreach(commits, i, one) printf(
	    "  commit    %s, partition %" PRId64 ", events %" PRId64 " to %" PRId64 ", at %s\n", text(one, "topic"),
	    whole(one, "partition"), whole(one, "start"), whole(one, "end"), when(whole(one, "time_ms"), at));
	json_array_foreach(originals, i, one)
	{
		const char *path = text(one, "path");
		printf("  %s%s: ", path[0] != '\0' ? path : "sha256 ", path[0] != '\0' ? "" : text(one, "original"));
		if (json_object_get(one, "rejects") != NULL) {
			printf("%" PRId64 " reject%s with at least %s row%s lost\n", whole(one, "rejects"),
			    many(one, "rejects"), count(one, "rows", rows), many(one, "rows"));
			continue;
		}
		printf("%s row%s", count(one, "rows", rows), many(one, "rows"));
		if (json_object_get(one, "ranges") != NULL) {
			printf(", ");
			show_ranges(json_object_get(one, "ranges"));
		}
		printf("\n");
	}
}

/* true: something was found. */
static bool one_word(const struct trace *t, const char *word, bool json, enum status *status)
{
	json_t *found = NULL, *one;
	struct err e;
	size_t i;
	enum rc rc = trace_word(t, word, &found, &e);
	if (rc != RC_OK) {
		complain("trace: %s: %s", word, rc == RC_END ? "not known" : e.text);
		*status = STATUS_BAD;
		return rc == RC_END;
	}
	json_array_foreach(found, i, one)
	{
		if (json) {
			json_dumpf(one, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
			printf("\n");
		} else if (json_object_get(one, "file") != NULL) {
			show_file(one);
		} else {
			show_original(one);
		}
	}
	json_decref(found);
	return true;
}

static enum status trace(const struct args *a, const struct settings *s, bool json)
{
	struct trace t;
	struct err e;
	enum status status = STATUS_DONE;
	enum rc rc = originals_open(s, &t, &e);
	if (rc != RC_OK) {
		complain("trace: %s", e.text);
		status = STATUS_BAD;
	}
	for (size_t i = 0; i < a->words && rc == RC_OK; i++)
		if (!one_word(&t, a->word[i], json, &status))
			break;
	originals_close(&t);
	return status;
}

static enum status run(const struct args *a)
{
	struct err e;
	struct config *c = NULL;
	bool json = strcmp(args_text(a, "format", "text"), "json") == 0;
	if (a->words == 0) {
		complain("trace: what? A file as it was seen, a sha256, or a path in the lake");
		return STATUS_USAGE;
	}
	if (setup_config(a, &c, &e) != RC_OK) {
		complain("%s", e.text);
		return STATUS_USAGE;
	}
	enum status status = trace(a, &c->settings, json);
	config_free(&c);
	return status;
}

static const struct option option[] = {
    OPTION_CONFIG,
    {"format", 0, "FORMAT", "text, or json: one object a line", "text json"},
    {0},
};

const struct command command_trace = {
    .name = "trace",
    .synopsis = "[-c FILE] [--format text|json] FILE|SHA256|ROW-FILE...",
    .summary = "Follow an original to its rows, or a file of the lake to its originals",
    .details =
        "An original by its path or bare name as it was seen, by its sha256, by its path in the lake, or by a copy at "
        "hand: what the ledger says, its commits, the table files with its rows, its rejects. A table or rejects "
        "file by its path in the lake: its commit and its originals.\n"
        "Works without a ledger too; then every manifest is looked through. Exit status 1 when nothing is known.",
    .option = option,
    .words = WORDS_PATHS,
    .run = run,
};

/* sluice rejects: what could not be dissected, original by original; with --format json every line with its bytes. */
#include "app/cli/cli.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/originals.h"
#include "app/setup.h"
#include "app/term.h"
#include "audit/rejected.h"
#include "base/mem.h"
#include "base/str.h"

enum { COUNT = 40, LINES = 3, REASONS = 20, NAME = 4096, REASON = 1024 };

struct listing {
	const struct args *args;
	const struct pipeline *only;
	bool *met; /* of each word: it has rejects */
	bool json, all;
	struct term term;
	/* of the original being shown */
	uint8_t original[SHA256_BYTES];
	uint32_t again;
	bool any;
	uint64_t shown, more;
	/* in sum */
	uint64_t originals, rejects, lost, past, expired;
	json_t *reasons; /* kind of reason: rejects */
};

static void show_more(struct listing *l)
{
	char text[COUNT];
	if (l->more > 0)
		printf("  and %s more\n", str_show_count(l->more, text, sizeof text));
	l->shown = l->more = 0;
}

/* One that stands for many, or for the whole file, has no place in it. */
static void show_line(const struct rejected *r)
{
	const struct reject_line *j = r->reject;
	char lost[REJECTED_LOST];
	printf("  ");
	if (j->length > 0)
		printf("offset %" PRIu64 ", length %" PRIu64 ": ", j->offset, j->length);
	printf("%s (%s)\n", j->reason, rejected_lost(r->line, lost));
}

static void show_original(struct listing *l, const struct rejected *r)
{
	char hex[SHA256_TEXT];
	show_more(l);
	str_hex(r->reject->sha256, SHA256_BYTES, hex);
	printf("%s%s%s  %s  %.16s  %s", l->term.bold, r->name, l->term.off, r->pipeline, hex, r->path);
	if (r->open)
		printf("\n");
	else if (r->settled != NULL)
		printf("  (settled: %s)\n", r->settled);
	else
		printf("  (replayed since)\n");
}

static void show_json(const struct rejected *r)
{
	json_t *one = json_deep_copy(r->line);
	json_object_set_new(one, "dataset", json_string(r->dataset));
	json_object_set_new(one, "file", json_string(r->file));
	json_object_set_new(one, "open", json_boolean(r->open));
	if (!r->open && r->settled != NULL)
		json_object_set_new(one, "settled", json_string(r->settled));
	json_dumpf(one, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
	printf("\n");
	json_decref(one);
}

/* Where a digit begins a word, the word is a value: 3, 10.0.0.1, 2026-01-14T09:00. */
static size_t value_end(const char *t, size_t at)
{
	while (isalnum((unsigned char)t[at]) ||
	       (t[at] != '\0' && strchr(".:-,", t[at]) != NULL && isalnum((unsigned char)t[at + 1])))
		at++;
	return at;
}

/* A reason without the line and the value that it names, so that a thousand bad lines are one reason. */
static void kind_of_reason(const char *t, char out[REASON])
{
	static const char any[] = "…";
	size_t n = 0;
	for (size_t at = 0; t[at] != '\0' && n + sizeof any + 2 < REASON;) {
		const char *quote = t[at] == '"' ? strchr(t + at + 1, '"') : NULL;
		bool begins = at == 0 || !(isalnum((unsigned char)t[at - 1]) || t[at - 1] == '_');
		if (quote == NULL && !(begins && isdigit((unsigned char)t[at]))) {
			out[n++] = t[at++];
			continue;
		}
		n += (size_t)snprintf(out + n, REASON - n, quote != NULL ? "\"%s\"" : "%s", any);
		at = quote != NULL ? (size_t)(quote - t) + 1 : value_end(t, at);
	}
	out[n] = '\0';
}

static void count(struct listing *l, const struct rejected *r, bool fresh)
{
	char kind[REASON];
	const char *reason = r->reject->silent ? "without a line of its own" : kind;
	kind_of_reason(r->reject->reason, kind);
	json_int_t before = json_integer_value(json_object_get(l->reasons, reason));
	if (!r->open) {
		l->past += r->reject->rejects;
		return;
	}
	l->originals += fresh;
	l->rejects += r->reject->rejects;
	l->lost += r->reject->lost;
	if (before == 0 && json_object_size(l->reasons) >= REASONS)
		reason = "others";
	before = json_integer_value(json_object_get(l->reasons, reason));
	json_object_set_new(l->reasons, reason, json_integer(before + (json_int_t)r->reject->rejects));
}

static bool is_meant(const struct listing *l, const struct rejected *r)
{
	char name[NAME], path[NAME];
	size_t len;
	if (l->only != NULL && strcmp(l->only->name, r->pipeline) != 0)
		return false;
	if (!str_unescape(r->name, name, sizeof name, &len) || !str_unescape(r->path, path, sizeof path, &len))
		return false;
	return originals_meant(l->args, r->reject->sha256, name, path, l->met);
}

static enum rc see(void *context, const struct rejected *r, struct err *e)
{
	struct listing *l = context;
	(void)e;
	if (!is_meant(l, r))
		return RC_OK;
	bool fresh =
	    !l->any || r->reject->again != l->again || memcmp(l->original, r->reject->sha256, SHA256_BYTES) != 0;
	count(l, r, fresh);
	l->any = true;
	l->again = r->reject->again;
	memcpy(l->original, r->reject->sha256, SHA256_BYTES);
	if (!r->open && !l->all)
		return RC_OK;
	if (l->json) {
		show_json(r);
		return RC_OK;
	}
	if (fresh)
		show_original(l, r);
	if (l->shown++ < LINES)
		show_line(r);
	else
		l->more += r->reject->rejects;
	return RC_OK;
}

static void summary(const struct listing *l)
{
	char a[COUNT], b[COUNT], c[COUNT];
	const char *reason;
	json_t *n;
	if (l->rejects == 0)
		printf("no rejects");
	else
		printf("%s%s reject%s in %s original%s, at least %s row%s lost", l->originals > 0 ? "\n" : "",
		    str_show_count(l->rejects, a, sizeof a), l->rejects == 1 ? "" : "s",
		    str_show_count(l->originals, b, sizeof b), l->originals == 1 ? "" : "s",
		    str_show_count(l->lost, c, sizeof c), l->lost == 1 ? "" : "s");
	if (l->past > 0)
		printf("; %s told before a replay%s", str_show_count(l->past, a, sizeof a),
		    l->all ? "" : " (--all shows them)");
	if (l->expired > 0)
		printf("; %s expired, of whatever original", str_show_count(l->expired, a, sizeof a));
	printf("\n");
	json_object_foreach(l->reasons, reason, n)
	{
		printf("  %s  %s\n", str_show_count((uint64_t)json_integer_value(n), a, sizeof a), reason);
	}
}

static enum status list(struct listing *l, const struct settings *s)
{
	struct err e;
	struct store *store = NULL;
	enum rc rc = store_open(s->store, s->store_place, s->store_option, s->store_options, &store, &e);
	if (rc == RC_OK)
		rc = rejected_each(s, store, see, l, &e);
	if (rc == RC_OK && !l->json)
		rc = rejected_expired(s, store, &l->expired, &e);
	store_close(&store);
	if (rc != RC_OK) {
		complain("rejects: %s", e.text);
		return STATUS_BAD;
	}
	bool known = originals_known(l->args, s, "rejects", l->met);
	if (!l->json && (known || l->originals > 0)) {
		show_more(l);
		summary(l);
	}
	return known ? STATUS_DONE : STATUS_BAD;
}

static enum status run(const struct args *a)
{
	struct err e;
	struct config *c = NULL;
	struct listing l = {
	    .args = a, .json = strcmp(args_text(a, "format", "text"), "json") == 0, .all = args_has(a, "all")};
	enum rc rc = setup_config(a, &c, &e);
	if (rc == RC_OK)
		rc = originals_pipeline(a, &c->settings, &l.only, &e);
	if (rc != RC_OK) {
		complain("rejects: %s", e.text);
		config_free(&c);
		return STATUS_USAGE;
	}
	l.term = term_of(1);
	l.reasons = json_object();
	l.met = mem_zero(a->words + 1, sizeof *l.met);
	enum status status = list(&l, &c->settings);
	json_decref(l.reasons);
	mem_free(&l.met);
	config_free(&c);
	return status;
}

static const struct option option[] = {
    OPTION_CONFIG,
    {"pipeline", 'p', "PIPELINE", "only originals of that pipeline"},
    {"all", 'a', NULL, "also those that a later replay has dealt with"},
    {"format", 0, "FORMAT", "text, or json: one object a reject, with its raw bytes in base64", "text json"},
    {0},
};

const struct command command_rejects = {
    .name = "rejects",
    .synopsis = "[-c FILE] [-p PIPELINE] [--all] [FILE|SHA256...]",
    .summary = "List what could not be dissected, with its reason",
    .details = "Reads the rejects files of the lake. With words only those of these originals: a name, a sha256, a "
               "path in the "
               "lake; exit status 1 when one is not known.\n"
               "sluice replay dissects originals with rejects again, once what was wrong is mended, and settles what "
               "will not be.",
    .option = option,
    .words = WORDS_PATHS,
    .run = run,
};

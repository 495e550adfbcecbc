/* sluice audit: findings one a line, as they come; a summary at the end. */
#include "app/cli/cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/setup.h"
#include "app/term.h"
#include "audit/audit.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "ext/json.h"

enum { GRACE_MS = 3600 * 1000, COUNT = 40, PROGRESS_MS = 500 };

struct show {
	bool json, quiet, repair;
	bool terminal; /* progress is redrawn on standard error */
	struct mono shown;
	struct term term;
};

/* Odd bytes escaped: one finding is one line. */
static char *shown(const char *text)
{
	size_t len = strlen(text);
	char *out = mem_alloc(4 * len + 1);
	str_escape(text, len, out);
	return out;
}

static void clear_progress(const struct show *s)
{
	if (s->terminal)
		fputs("\r\033[K", stderr);
}

static void print_json(json_t *one)
{
	json_dumpf(one, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
	printf("\n");
	json_decref(one);
}

static void found(void *context, const struct finding *f)
{
	const struct show *s = context;
	const struct finding_info *info = &finding_info[f->kind];
	char *path = shown(f->path), *text = shown(f->text);
	clear_progress(s);
	if (s->json)
		print_json(json_pack("{s:s,s:s,s:s,s:s,s:b}", "finding", info->name, "path", path, "problem", text,
		    "remedy", info->remedy, "mends", (int)info->mends));
	else
		printf("%s%s%s %s: %s; %s\n", s->term.red, info->name, s->term.off, path, text, info->remedy);
	mem_free(&path);
	mem_free(&text);
}

static void mended(void *context, const struct mend *m)
{
	static const char *const outcome[] = {
	    [MEND_DONE] = "mended", [MEND_WOULD] = "would mend", [MEND_LEFT] = "left"};
	const struct show *s = context;
	const char *colour = m->outcome == MEND_DONE ? s->term.green : s->term.yellow;
	char *path = shown(m->path), *text = shown(m->text);
	clear_progress(s);
	if (s->json)
		print_json(json_pack("{s:s,s:s,s:s,s:s}", "repair", outcome[m->outcome], "kind",
		    finding_info[m->kind].name, "path", path, "action", text));
	else
		printf("%s%s%s %s: %s\n", colour, outcome[m->outcome], s->term.off, path, text);
	mem_free(&path);
	mem_free(&text);
}

static void progress(void *context, const char *what, uint64_t count)
{
	struct show *s = context;
	char text[COUNT];
	if (!s->terminal || mono_since(s->shown) < PROGRESS_MS)
		return;
	s->shown = clock_mono();
	fprintf(stderr, "\r\033[Kaudit: %s %s", str_show_count(count, text, sizeof text), what);
	fflush(stderr);
}

static void put(json_t *o, const char *key, uint64_t n)
{
	json_object_set_new(o, key, json_integer((json_int_t)n));
}

static void summary_json(const struct settings *s, const struct audit_options *o, const struct audit_result *r)
{
	static const char *const ledger[] = {"none", "empty", "read"};
	json_t *root = json_object(), *kind = json_object();
	for (int i = 0; i < FINDING_KINDS; i++)
		if (r->kind[i] > 0)
			put(kind, finding_info[i].name, r->kind[i]);
	json_object_set_new(root, "summary", json_string(s->lake_url));
	json_object_set_new(root, "checked", json_string(o->quick ? "lengths and footers" : "every byte"));
	put(root, "findings", r->findings);
	put(root, "mended", r->mended);
	json_object_set_new(root, "kinds", kind);
	put(root, "originals", r->originals);
	put(root, "replays", r->replays);
	put(root, "rows", r->rows);
	put(root, "rejects", r->rejects);
	put(root, "rows_lost", r->lost);
	put(root, "rejects_settled", r->settled);
	put(root, "rows_lost_settled", r->settled_lost);
	put(root, "rows_ahead", r->ahead);
	put(root, "rows_behind", r->behind);
	put(root, "archived_files", r->archived);
	put(root, "archived_bytes", r->archived_bytes);
	put(root, "table_files", r->tables);
	put(root, "table_bytes", r->table_bytes);
	put(root, "table_rows", r->table_rows);
	put(root, "rejects_files", r->rejects_files);
	put(root, "commits", r->commits);
	put(root, "segments", r->segments);
	put(root, "partitions", r->partitions);
	put(root, "compactions", r->compactions);
	put(root, "expired_files", r->expired);
	json_object_set_new(root, "ledger", json_string(ledger[r->ledger]));
	json_object_set_new(root, "catalog",
	    json_string(s->catalog->idle             ? "none"
	                : r->catalog_away[0] != '\0' ? r->catalog_away
	                                             : "compared"));
	put(root, "registered", r->partitions_registered);
	put(root, "waiting", r->waiting);
	put(root, "given_up", r->given_up);
	put(root, "copies", r->copies);
	put(root, "young", r->young);
	put(root, "leftovers", r->leftovers);
	put(root, "foreign", r->foreign);
	put(root, "others", r->others);
	put(root, "others_bytes", r->others_bytes);
	put(root, "others_originals", r->others_originals);
	print_json(root);
}

static const char *count(uint64_t n, char out[COUNT])
{
	return str_show_count(n, out, COUNT);
}

static void note(uint64_t n, const char *one, const char *many)
{
	char text[COUNT];
	if (n > 0)
		printf("  %s %s\n", count(n, text), n == 1 ? one : many);
}

/* What is no damage, and yet worth knowing. */
static void show_notes(const struct settings *s, const struct audit_result *r)
{
	char text[COUNT], bytes[COUNT];
	if (r->ledger != AUDIT_LEDGER_READ)
		printf("  the ledger was not compared: %s\n",
		    r->ledger == AUDIT_LEDGER_NONE ? "there is none in the state folder" : "it holds nothing");
	if (!s->catalog->idle && r->catalog_away[0] != '\0')
		printf("  the catalog was not compared: %s\n", r->catalog_away);
	else if (!s->catalog->idle)
		printf("  the catalog has %s partition%s of these tables\n", count(r->partitions_registered, text),
		    r->partitions_registered == 1 ? "" : "s");
	note(r->replays, "replay", "replays");
	note(r->settled, "reject was told before a replay of its original",
	    "rejects were told before replays of their originals");
	note(r->compactions, "compaction", "compactions");
	note(r->expired, "file is gone for its age", "files are gone for their age");
	note(r->waiting, "original is on its way", "originals are on their way");
	note(r->foreign, "original is of another instance or pipeline: not compared with the ledger",
	    "originals are of other instances or pipelines: not compared with the ledger");
	if (r->others > 0)
		printf("  %s file%s of other programs in tables, %s: left alone (foreign: keep)\n",
		    count(r->others, text), r->others == 1 ? "" : "s",
		    str_show_bytes(r->others_bytes, bytes, sizeof bytes));
	note(r->others_originals, "original of another program: left alone (foreign: keep)",
	    "originals of other programs: left alone (foreign: keep)");
	note(r->given_up, "original was not ingested: archived longer ago than dedupe.horizon, or changed in the lake",
	    "originals were not ingested: archived longer ago than dedupe.horizon, or changed in the lake");
	note(r->ahead, "row is further ahead of its file than times.ahead",
	    "rows are further ahead of their files than times.ahead");
	note(r->behind, "row is further behind its file than times.behind",
	    "rows are further behind their files than times.behind");
	note(r->copies, "second copy of an original", "second copies of originals");
	note(r->young, "file without an owner is younger than the grace",
	    "files without an owner are younger than the grace");
}

static void summary(const struct settings *s, const struct audit_options *o, const struct audit_result *r)
{
	const struct term t = term_of(1);
	char a[COUNT], b[COUNT], c[COUNT], d[COUNT];
	uint64_t rejects = r->rejects - r->settled, lost = r->lost - r->settled_lost;
	printf("%s%s%s: %s original%s, %s row%s, %s reject%s", t.bold, s->lake_url, t.off, count(r->originals, a),
	    r->originals == 1 ? "" : "s", count(r->rows, b), r->rows == 1 ? "" : "s", count(rejects, c),
	    rejects == 1 ? "" : "s");
	if (rejects > 0)
		printf(" with at least %s row%s lost", count(lost, d), lost == 1 ? "" : "s");
	printf("\n");
	printf("  %s archived file%s, %s: %s\n", count(r->archived, a), r->archived == 1 ? "" : "s",
	    str_show_bytes(r->archived_bytes, b, sizeof b), o->quick ? "lengths compared, not hashed" : "hashed again");
	printf("  %s table file%s, %s, %s rows by their footers: %s\n", count(r->tables, a), r->tables == 1 ? "" : "s",
	    str_show_bytes(r->table_bytes, b, sizeof b), count(r->table_rows, c),
	    o->quick ? "lengths compared, not summed" : "summed again");
	printf("  %s commit%s of %s partition%s, %s history segment%s, %s rejects file%s\n", count(r->commits, a),
	    r->commits == 1 ? "" : "s", count(r->partitions, b), r->partitions == 1 ? "" : "s", count(r->segments, c),
	    r->segments == 1 ? "" : "s", count(r->rejects_files, d), r->rejects_files == 1 ? "" : "s");
	show_notes(s, r);
	if (r->findings == 0) {
		printf("%sin order%s\n", t.green, t.off);
		return;
	}
	printf("%s%s finding%s%s", t.red, count(r->findings, a), r->findings == 1 ? "" : "s", t.off);
	for (int i = 0, n = 0; i < FINDING_KINDS; i++)
		if (r->kind[i] > 0)
			printf("%s%" PRIu64 " %s", n++ == 0 ? ": " : ", ", r->kind[i], finding_info[i].name);
	printf(o->repair && !o->dry_run ? "; %s mended; audit again\n" : "\n", count(r->mended, a));
}

static enum rc read_options(const struct args *a, struct audit_options *o, struct show *s, struct err *e)
{
	*o = (struct audit_options){.quick = args_has(a, "quick"),
	    .repair = args_has(a, "repair") || args_has(a, "dry-run"),
	    .dry_run = args_has(a, "dry-run"),
	    .grace_ms = GRACE_MS,
	    .scratch = args_text(a, "scratch", NULL),
	    .found = found,
	    .mended = mended,
	    .progress = progress,
	    .context = s};
	*s = (struct show){.json = strcmp(args_text(a, "format", "text"), "json") == 0,
	    .quiet = args_has(a, "quiet"),
	    .terminal = isatty(2) && !args_has(a, "quiet"),
	    .term = term_of(1)};
	if (args_has(a, "grace") && str_duration(args_text(a, "grace", ""), &o->grace_ms, e) != RC_OK)
		return err_wrap(RC_BAD, e, "--grace");
	return RC_OK;
}

/* Mended is what a second audit finds mended; this one says what it found. */
static enum status audit(const struct args *a, const struct settings *s)
{
	struct audit_options o;
	struct audit_result *r = mem_zero(1, sizeof *r);
	struct show show;
	struct err e;
	enum status status = STATUS_DONE;
	if (read_options(a, &o, &show, &e) != RC_OK) {
		complain("audit: %s", e.text);
		status = STATUS_USAGE;
	} else if (audit_run(s, &o, r, &e) != RC_OK) {
		clear_progress(&show);
		complain("audit: %s", e.text);
		status = STATUS_BAD;
	} else {
		clear_progress(&show);
		if (show.json)
			summary_json(s, &o, r);
		else if (!show.quiet)
			summary(s, &o, r);
		status = r->findings > r->mended      ? STATUS_DAMAGE
		         : r->catalog_away[0] != '\0' ? STATUS_BAD
		                                      : STATUS_DONE;
	}
	mem_free(&r);
	return status;
}

/* A path that is mistyped is not in order. With a ledger, what it knows is what is missing, and that is told. */
static bool no_lake(const struct config *c, struct err *e)
{
	char *ledger = file_join(c->settings.state, "ledger");
	bool known = access(ledger, F_OK) == 0;
	mem_free(&ledger);
	return !known && setup_lake_there(c, e) != RC_OK;
}

static enum status run(const struct args *a)
{
	struct err e;
	struct config *c = NULL;
	if (setup_config(a, &c, &e) != RC_OK) {
		complain("%s", e.text);
		return STATUS_USAGE;
	}
	enum status status = STATUS_BAD;
	if (no_lake(c, &e))
		complain("audit: %s", e.text);
	else
		status = audit(a, &c->settings);
	config_free(&c);
	return status;
}

static const struct option option[] = {
    OPTION_CONFIG,
    {"quick", 0, NULL, "compare lengths and footers; hash no original, sum no table file"},
    {"repair", 0, NULL, "mend what can be mended, and print each action"},
    {"dry-run", 0, NULL, "say what --repair would do"},
    {"grace", 0, "TIME", "what is younger may still be somebody's work; 1h by default"},
    {"format", 0, "FORMAT", "text, or json: one object a line", "text json"},
    {"scratch", 0, "DIR", "where to sort; the state folder by default"},
    {"quiet", 'q', NULL, "print findings only"},
    {0},
};

const struct command command_audit = {
    .name = "audit",
    .synopsis = "[-c FILE] [--quick] [--repair] [--format text|json]",
    .summary = "Check the whole lake: nothing lost, nothing twice, every original there",
    .details =
        "Compares ledger, manifests, footers of table files, rejects files, originals and catalog with each other, "
        "each "
        "read by itself. Each finding is a line: its kind, the file, what is wrong, what can be done; doc/audit.md "
        "lists the kinds.\n"
        "May run beside workers. --repair publishes what is committed and still staged, moves a file back to where its "
        "manifest says, removes files that no manifest names once they are past the grace and committed files hold all "
        "that they hold, and tells the catalog of partitions. It deletes nothing else.\n"
        "Exit status 0 in order (or all mended), 3 damage, 1 the audit could not be done, 2 usage or configuration.",
    .option = option,
    .run = run,
};

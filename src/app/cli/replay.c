/* sluice replay: originals with rejects once more, after whatever was wrong is mended. */
#include "app/cli/cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/confinement.h"
#include "app/originals.h"
#include "app/setup.h"
#include "app/term.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "ext/json.h"
#include "pipe/replay.h"

enum { COUNT = 32, NAME = 4 * 4096 + 1 };

struct telling {
	const struct args *args;
	bool json, quiet, settle;
	bool *met;        /* of each word: it means an original with rejects */
	uint64_t rejects; /* left in all that was looked at */
};

static const char *const kind_name[] = {[REPLAY_WOULD] = "would",
    [REPLAY_DONE] = "done",
    [REPLAY_SAME] = "same",
    [REPLAY_SETTLED] = "settled",
    [REPLAY_LEFT] = "left"};

static bool wanted(void *context, const uint8_t original[SHA256_BYTES], const char *name, const char *path)
{
	const struct telling *t = context;
	return originals_meant(t->args, original, name, path, t->met);
}

static bool asked_to_stop(void *context)
{
	(void)context;
	return proc_stop_count() > 0;
}

static void say_json(const struct replay_news *n)
{
	char hex[SHA256_TEXT];
	json_t *one = json_object();
	str_hex(n->original, SHA256_BYTES, hex);
	json_object_set_new(one, "replay", json_string(kind_name[n->kind]));
	json_object_set_new(one, "pipeline", json_string(n->pipeline));
	json_object_set_new(one, "name", json_escaped(n->name));
	json_object_set_new(one, "path", json_escaped(n->path));
	json_object_set_new(one, "original", json_string(hex));
	json_object_set_new(one, "rows", json_u64(n->rows));
	json_object_set_new(one, "rejects_before", json_u64(n->before));
	json_object_set_new(one, "rejects", json_u64(n->rejects));
	json_object_set_new(one, "lost", json_u64(n->lost));
	if (n->text != NULL)
		json_object_set_new(one, "reason", json_string(n->text));
	json_dumpf(one, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
	printf("\n");
	json_decref(one);
}

static void say_text(const struct replay_news *n, const char *name, bool settle)
{
	char rows[COUNT], rejects[COUNT], before[COUNT];
	str_show_count(n->rows, rows, sizeof rows);
	str_show_count(n->rejects, rejects, sizeof rejects);
	str_show_count(n->before, before, sizeof before);
	if (settle)
		printf("%s %s: %s reject%s %ssettled\n", n->pipeline, name, before, n->before == 1 ? "" : "s",
		    n->kind == REPLAY_WOULD ? "would be " : "");
	else if (n->kind == REPLAY_SAME)
		printf("%s %s: as before: no further row, %s reject%s\n", n->pipeline, name, rejects,
		    n->rejects == 1 ? "" : "s");
	else
		printf("%s %s: %s row%s %s, %s reject%s left of %s\n", n->pipeline, name, rows, n->rows == 1 ? "" : "s",
		    n->kind == REPLAY_WOULD ? "would be stored" : "stored", rejects, n->rejects == 1 ? "" : "s",
		    before);
}

static void tell(void *context, const struct replay_news *n)
{
	struct telling *t = context;
	size_t len = strlen(n->name);
	char *name = mem_alloc(4 * len + 1);
	str_escape(n->name, len, name);
	t->rejects += n->rejects;
	if (t->json)
		say_json(n);
	else if (n->kind == REPLAY_LEFT)
		complain("replay: %s %s: left as it is: %s", n->pipeline, name, n->text);
	else if (!t->quiet)
		say_text(n, name, t->settle);
	fflush(stdout);
	mem_free(&name);
}

static void summary(const struct replay_sum *s, bool dry_run, bool settle)
{
	char originals[COUNT], rows[COUNT], rejects[COUNT], more[COUNT];
	if (s->originals + s->same + s->left == 0) {
		printf("nothing to %s\n", settle ? "settle" : "replay");
		return;
	}
	const char *would = dry_run ? "would be " : "";
	if (settle) {
		printf("%s original%s %ssettled\n", str_show_count(s->originals, originals, sizeof originals),
		    s->originals == 1 ? "" : "s", would);
		return;
	}
	printf("%s original%s %sreplayed, %s row%s %sstored, %s reject%s left in them",
	    str_show_count(s->originals, originals, sizeof originals), s->originals == 1 ? "" : "s", would,
	    str_show_count(s->rows, rows, sizeof rows), s->rows == 1 ? "" : "s", would,
	    str_show_count(s->rejects, rejects, sizeof rejects), s->rejects == 1 ? "" : "s");
	if (s->same > 0)
		printf("; %s as before", str_show_count(s->same, more, sizeof more));
	if (s->left > 0)
		printf("; %s left", str_show_count(s->left, more, sizeof more));
	printf("\n");
}

static enum status replay(const struct args *a, struct replay_params *p)
{
	struct err e;
	struct replay_sum sum;
	struct telling t = {.args = a, .json = strcmp(args_text(a, "format", "text"), "json") == 0};
	t.quiet = args_has(a, "quiet");
	t.settle = p->settle != NULL;
	t.met = mem_zero(a->words + 1, sizeof *t.met);
	p->wanted = wanted;
	p->stop = asked_to_stop;
	p->tell = tell;
	p->context = &t;
	enum rc rc = replay_run(p, &sum, &e);
	if (rc == RC_END)
		complain("replay: stopped; what was committed stays, the next run goes on");
	else if (rc != RC_OK)
		complain("replay: %s", e.text);
	if (sum.catalog[0] != '\0')
		complain(
		    "replay: the rows are committed, but the catalog was not told: %s; the next worker tells it, or "
		    "sluice register",
		    sum.catalog);
	bool known = rc != RC_OK || originals_known(a, p->settings, "replay", t.met);
	if (rc == RC_OK && !t.json && !t.quiet && (known || sum.originals + sum.same + sum.left > 0))
		summary(&sum, p->dry_run, p->settle != NULL);
	mem_free(&t.met);
	return rc == RC_OK && known && t.rejects == 0 ? STATUS_DONE : STATUS_BAD;
}

static enum rc read_options(const struct args *a, const struct settings *s, struct replay_params *p, struct err *e)
{
	p->settings = s;
	p->dry_run = args_has(a, "dry-run");
	p->settle = args_text(a, "settle", NULL);
	p->with = args_text(a, "with", NULL);
	if (p->settle != NULL && !str_is_line(p->settle, REPLAY_WHY))
		return err_set(RC_BAD, e, "--settle: why, in one line of 1 to %d bytes of UTF-8", REPLAY_WHY);
	if (p->with != NULL && p->settle != NULL)
		return err_set(RC_BAD, e, "--with or --settle, not both");
	if (p->with != NULL && a->words != 1)
		return err_set(RC_BAD, e, "--with: one name, of the original that came broken");
	if (a->words == 0 && !args_has(a, "all"))
		return err_set(RC_BAD, e, "which originals? Names, or --all; sluice rejects lists them");
	if (a->words > 0 && args_has(a, "all"))
		return err_set(RC_BAD, e, "names or --all, not both");
	return originals_pipeline(a, s, &p->only, e);
}

static enum status run(const struct args *a)
{
	struct err e;
	struct config *c = NULL;
	struct metrics *metrics = NULL;
	struct replay_params p = {.dry_run = false};
	enum rc rc = setup_config(a, &c, &e);
	if (rc == RC_OK)
		rc = read_options(a, &c->settings, &p, &e);
	if (rc != RC_OK) {
		complain("replay: %s", e.text);
		config_free(&c);
		return STATUS_USAGE;
	}
	setup_process(a, c, "replay", true);
	if (!p.dry_run)
		rc = setup_figures(c, "replay", &metrics, &p.figures, &e);
	enum status status = STATUS_BAD;
	if (rc == RC_OK) {
		struct confinement *confinement = confinement_open(&c->settings, p.figures);
		p.confine = confinement_of(confinement);
		status = replay(a, &p);
		confinement_close(&confinement);
	} else {
		complain("replay: %s", e.text);
	}
	metrics_close(&metrics);
	config_free(&c);
	return status;
}

static const struct option option[] = {
    OPTION_CONFIG,
    {"pipeline", 'p', "PIPELINE", "only originals of that pipeline"},
    {"all", 'a', NULL, "every original with rejects"},
    {"dry-run", 'n', NULL, "say what it would give, and store nothing"},
    {"with", 'w', "PATH", "dissect that file, which is whole, in place of the original, which came broken"},
    {"settle", 's', "WHY", "dissect nothing: rejects that nobody will mend count as dealt with, for that reason"},
    {"format", 0, "FORMAT", "text, or json: one object an original", "text json"},
    {"quiet", 'q', NULL, "print only what is left as it is"},
    {"config-fd", 0, "FD", NULL},
    {0},
};

const struct command command_replay = {
    .name = "replay",
    .synopsis = "[-c FILE] [-p PIPELINE] [--dry-run] [--with PATH | --settle WHY] --all | FILE|SHA256...",
    .summary = "Dissect originals with rejects again, and store the rows that the tables lack",
    .details =
        "For after a fix: another dissector or other options of it, a higher partitions.max. Rows that the tables hold "
        "already are not stored again, however often it is run, stopped or killed.\n"
        "--with is for a file that came again whole: it is archived beside the broken one, its rows are stored but for "
        "those that the tables hold of that, and the rejects of the broken one are settled.\n"
        "--settle is for what stays lost, as garbage that never was a capture. Rows and the original stay; sluice "
        "rejects --all and sluice status FILE show when it was settled, and why.\n"
        "May run beside a running sluice and without one. Exit status 1 when an original was left, has rejects "
        "still, or is not known.",
    .option = option,
    .words = WORDS_PATHS,
    .run = run,
};

/* sluice expire: what is older than the configuration wants to keep goes; without --yes it is only counted. */
#include "app/cli/cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/setup.h"
#include "app/term.h"
#include "base/clock.h"
#include "base/proc.h"
#include "base/str.h"
#include "pipe/datasets.h"
#include "pipe/expire.h"

enum { COUNT = 32, SECONDS_PER_HOUR = 3600, HOUR_TEXT = 13 };

/* As they are called here, and by the keys. */
static const char *const word[EXPIRY_KINDS] = {
    [EXPIRY_TABLE] = "tables", [EXPIRY_REJECTS] = "rejects", [EXPIRY_ORIGINAL] = "originals"};

struct telling {
	bool quiet, dry_run;
};

/* "2026-01-14 09" */
static const char *show_hour(int64_t hour, char out[20])
{
	civil_text(hour * SECONDS_PER_HOUR, out);
	out[HOUR_TEXT] = '\0';
	return out;
}

static void show(const struct expire_news *n, bool dry_run)
{
	const struct expire_count *c = n->count;
	char files[COUNT], rows[COUNT], bytes[COUNT], hours[COUNT], first[20], last[20];
	str_show_bytes(c->bytes, bytes, sizeof bytes);
	printf("%s %s, %s to %s: %s hour%s, %s file%s", n->dataset, word[n->kind], show_hour(c->first, first),
	    show_hour(c->last, last), str_show_count(c->hours, hours, sizeof hours), c->hours == 1 ? "" : "s",
	    str_show_count(c->files, files, sizeof files), c->files == 1 ? "" : "s");
	if (n->kind != EXPIRY_ORIGINAL)
		printf(", %s %s", str_show_count(c->rows, rows, sizeof rows),
		    n->kind == EXPIRY_TABLE ? "rows" : "rejects");
	printf(", %s %s\n", bytes, dry_run ? "would go" : "went");
	fflush(stdout);
}

static void tell(void *context, const struct expire_news *n)
{
	const struct telling *t = context;
	if (n->news == EXPIRE_LEFT)
		complain("expire: %s %s: left as it is: %s", n->dataset, word[n->kind], n->text);
	else if (!t->quiet)
		show(n, t->dry_run);
}

static void note(uint64_t n, const char *one, const char *many)
{
	char text[COUNT];
	if (n > 0)
		printf("%s %s\n", str_show_count(n, text, sizeof text), n == 1 ? one : many);
}

static void summary(const struct expire_sum *s, bool dry_run)
{
	char bytes[COUNT], files[COUNT];
	uint64_t all = 0, size = 0;
	for (int i = 0; i < EXPIRY_KINDS; i++) {
		all += s->went[i].files;
		size += s->went[i].bytes;
	}
	if (all > 0)
		printf("%s file%s, %s %s\n", str_show_count(all, files, sizeof files), all == 1 ? "" : "s",
		    str_show_bytes(size, bytes, sizeof bytes),
		    dry_run ? "would go: `sluice expire --yes` deletes them" : "are deleted");
	else
		printf("nothing %s\n", dry_run ? "would go" : "went");
	note(s->finished, "file that an expiry before had left", "files that an expiry before had left");
	note(s->dropped, dry_run ? "partition would be dropped in the catalog" : "partition dropped in the catalog",
	    dry_run ? "partitions would be dropped in the catalog" : "partitions dropped in the catalog");
	note(s->busy, "old hour stays: a commit or a compaction is at it",
	    "old hours stay: a commit or a compaction is at them");
	note(s->open, "old original stays: its rejects may be replayed",
	    "old originals stay: their rejects may be replayed");
	note(s->waiting, "old original stays: it waits for its commit",
	    "old originals stay: they wait for their commits");
	note(s->strange, "old file stays: no manifest names it (sluice audit)",
	    "old files stay: no manifest names them (sluice audit)");
}

static bool asked_to_stop(void *context)
{
	(void)context;
	return proc_stop_count() > 0;
}

static enum status pass(const struct args *a, const struct settings *s, struct expire_params *p)
{
	struct telling t = {.quiet = args_has(a, "quiet"), .dry_run = p->dry_run};
	struct expire_sum sum;
	struct err e;
	p->stop = asked_to_stop;
	p->tell = tell;
	p->context = &t;
	enum rc rc = store_open(s->store, s->store_place, s->store_option, s->store_options, &p->store, &e);
	if (rc == RC_OK && !s->catalog->idle)
		rc = datasets_catalog(s, NULL, &p->catalog, &e);
	if (rc == RC_OK)
		rc = expire_pass(p, &sum, &e);
	store_close(&p->store);
	catalog_close(&p->catalog);
	if (rc == RC_END)
		complain("expire: stopped; what was done is done, the next run goes on");
	else if (rc != RC_OK)
		complain("expire: %s", e.text);
	if (rc == RC_OK && !t.quiet)
		summary(&sum, p->dry_run);
	return rc == RC_OK && sum.failed == 0 ? STATUS_DONE : STATUS_BAD;
}

static enum rc read_options(const struct args *a, const struct settings *s, struct expire_params *p, struct err *e)
{
	const int64_t age[EXPIRY_KINDS] = {s->expire_tables_ms, s->expire_rejects_ms, s->expire_originals_ms};
	const char *only = args_text(a, "only", NULL);
	bool any = false;
	enum rc rc = setup_dataset(a, s, &p->dataset, e);
	if (rc != RC_OK)
		return rc;
	for (int i = 0; i < EXPIRY_KINDS; i++) {
		p->kind[i] = only == NULL || strcmp(only, word[i]) == 0;
		any |= p->kind[i] && age[i] > 0;
	}
	return any ? RC_OK
	           : err_set(RC_BAD, e,
	                 "%.200s keeps everything: expire: { tables: 90d, rejects: 30d, originals: 365d } says what "
	                 "may go",
	                 s->file);
}

static enum status run(const struct args *a)
{
	struct err e;
	struct config *c = NULL;
	struct expire_params p = {.dry_run = !args_has(a, "yes")};
	int lock = -1;
	enum rc rc = setup_config(a, &c, &e);
	if (rc == RC_OK)
		rc = read_options(a, &c->settings, &p, &e);
	if (rc != RC_OK) {
		complain("expire: %s", e.text);
		config_free(&c);
		return STATUS_USAGE;
	}
	p.settings = &c->settings;
	setup_process(a, c, "expire", true);
	if (!p.dry_run)
		rc = setup_lock(c, "expire.lock", &lock, &e);
	if (rc == RC_END)
		err_set(RC_FAIL, &e, "another expiry runs on %.300s", c->settings.state);
	enum status status = STATUS_BAD;
	if (rc == RC_OK)
		status = pass(a, &c->settings, &p);
	else
		complain("expire: %s", e.text);
	config_free(&c);
	if (lock >= 0)
		close(lock);
	return status;
}

static const struct option option[] = {
    OPTION_CONFIG,
    {"yes", 'y', NULL, "delete; without it only say what would go"},
    {"dataset", 'd', "NAME", "only that dataset"},
    {"only", 0, "KIND", "only tables, rejects or originals", "tables rejects originals"},
    {"quiet", 'q', NULL, "print only what fails"},
    {0},
};

const struct command command_expire = {
    .name = "expire",
    .synopsis = "[-c FILE] [--yes] [--dataset NAME] [--only tables|rejects|originals]",
    .summary = "Delete what is older than expire.tables, expire.rejects, expire.originals",
    .details =
        "Without --yes nothing is touched: it prints how many hours, files, rows and bytes would go. Partitions of "
        "tables go by the hour of their rows, rejects by the hour they were written, originals by the hour of their "
        "folder. What is not committed stays, and so does an original with open rejects.\n"
        "What goes is written down in the lake before it goes: sluice audit and sluice trace know that it is meant. "
        "Manifests stay, so that what was taken once is not taken again.\n"
        "May run at any time, beside workers too, and be stopped or killed: the next run goes on. Exit status 1 when "
        "something was left because it is wrong.",
    .option = option,
    .run = run,
};

/* sluice status: every file from seen to queryable, for people and as JSON. */
#include "app/cli/cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "app/cli/status_file.h"
#include "app/confinement.h"
#include "app/grid.h"
#include "app/health.h"
#include "app/health_json.h"
#include "app/setup.h"
#include "app/term.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

enum { TEXT = 40, PATH_SHOWN = 4096 };

/* Odd bytes escaped, so that a name is one line and no terminal is steered by it. */
static const char *shown(const char *path, char out[PATH_SHOWN])
{
	size_t len = strlen(path);
	str_escape(path, len < PATH_SHOWN / 4 - 1 ? len : PATH_SHOWN / 4 - 1, out);
	return out;
}

static const char *ago(int64_t wall_ms, char out[TEXT])
{
	char text[TEXT - 8];
	if (wall_ms == 0)
		return "never";
	int64_t age = clock_wall().ns / 1000000 - wall_ms;
	snprintf(out, TEXT, "%s ago", str_show_ms(age > 0 ? age : 0, text, sizeof text));
	return out;
}

/* Which halves run: under `sluice run`, or as daemons of their own that have this state folder. */
static const char *running(const struct health *h)
{
	bool collects = health_alive(h, "collector"), works = health_alive(h, "worker");
	return h->up               ? "running"
	       : collects && works ? "collector and worker running"
	       : collects          ? "collector running, no worker here"
	       : works             ? "worker running, no collector here"
	                           : "not running";
}

static void show_head(const struct config *c, const struct health *h)
{
	struct term t = term_of(1);
	const struct settings *s = &c->settings;
	char age[TEXT];
	bool alive = h->up || health_alive(h, "collector") || health_alive(h, "worker");
	printf("%s%s%s  %s%s%s  lake %s\n", t.bold, s->instance, t.off, alive ? t.green : t.yellow, running(h), t.off,
	    s->lake_url);
	printf("last commit %s", ago(h->newest_commit_ms, age));
	if (h->figure[FIGURE_SEQUENCE_FAILURES] > 0)
		printf("; %s%s gap%s in the exporters' sequence numbers%s", t.yellow,
		    str_show_count(h->figure[FIGURE_SEQUENCE_FAILURES], age, sizeof age),
		    h->figure[FIGURE_SEQUENCE_FAILURES] == 1 ? "" : "s", t.off);
	printf("\n");
}

static void show_processes(const struct health *h)
{
	static const char *const head[] = {"process", ">pid", ">up", ">memory", ">restarts ever", "", NULL};
	char text[TEXT];
	struct grid *g = grid_new(head);
	for (unsigned i = 0; i < h->processes; i++) {
		const struct health_process *p = &h->process[i];
		/* What comes for one task and goes is no process that is missing. */
		if (!p->alive &&
		    (str_starts(p->name, "load") || str_starts(p->name, "replay") || strcmp(p->name, "compact") == 0))
			continue;
		grid_cell(g, "%s", p->name);
		grid_cell(g, p->alive ? "%" PRId64 : "-", p->pid);
		grid_cell(g, "%s", p->alive ? str_show_ms(p->up_ms, text, sizeof text) : "-");
		grid_cell(g, "%s", p->alive ? str_show_bytes(p->memory, text, sizeof text) : "-");
		grid_cell(g, "%" PRIu64, p->restarts);
		grid_cell(g, "%s",
		    p->stopped                  ? "stopped by a signal"
		    : p->waiting                ? "waiting for a service or the disk"
		    : p->alive && !p->accepting ? "not accepting yet"
		                                : "");
	}
	printf("\n");
	grid_print(&g, 0);
}

/* What waits, since when, and why. */
static void show_waits(const struct health *h)
{
	struct term t = term_of(1);
	char age[TEXT];
	if (h->waits > 0)
		printf("\n%swaiting%s\n", t.yellow, t.off);
	for (size_t i = 0; i < h->waits; i++)
		printf("  %s, %s, since %s: %s\n", h->wait[i].process, h->wait[i].what, ago(h->wait[i].since_ms, age),
		    h->wait[i].why);
}

static void count_cell(struct grid *g, uint64_t n)
{
	char text[TEXT];
	grid_cell(g, "%s", str_show_count(n, text, sizeof text));
}

static void show_pipelines(const struct health *h)
{
	static const char *const head[] = {
	    "pipeline", ">originals", ">archived", ">published", ">committed", ">refused", ">doubled", ">aside", NULL};
	if (health_only(h, "worker")) {
		printf("\nfiles: counted where the collector runs; only workers ever had this state folder\n");
		return;
	}
	struct grid *g = grid_new(head);
	for (size_t i = 0; i < h->pipelines; i++) {
		const struct ledger_counts *c = &h->pipeline[i].counts;
		grid_cell(g, "%s", h->pipeline[i].pipeline->name);
		count_cell(g, health_originals(c));
		for (unsigned state = 0; state < LEDGER_STATES; state++)
			count_cell(g, c->original[state]);
		count_cell(g, c->doubles);
		count_cell(g, c->aside);
	}
	printf("\n");
	grid_print(&g, 0);
}

static void show_partitions(const struct health *h)
{
	static const char *const head[] = {"partition", ">events", ">waiting", "last commit", NULL};
	char age[TEXT];
	if (h->partitions == 0)
		return;
	struct grid *g = grid_new(head);
	for (size_t i = 0; i < h->partitions; i++) {
		const struct health_partition *p = &h->partition[i];
		grid_cell(g, "%s/%u", p->topic, p->partition);
		count_cell(g, p->next);
		count_cell(g, health_lag(p));
		grid_cell(g, "%s", ago(p->commit_ms, age));
	}
	printf("\n");
	grid_print(&g, 0);
}

static void show_totals(const struct health *h)
{
	char a[TEXT], b[TEXT], c[TEXT];
	const uint64_t *f = h->figure;
	if (health_only(h, "collector"))
		printf("\nrows: counted where the workers run; only collectors ever had this state folder\n");
	else
		printf("\nrows %s in %s table file%s, %s\n", str_show_count(f[FIGURE_ROWS_COMMITTED], a, sizeof a),
		    str_show_count(f[FIGURE_FILES_WRITTEN], b, sizeof b), f[FIGURE_FILES_WRITTEN] == 1 ? "" : "s",
		    str_show_bytes(f[FIGURE_BYTES_WRITTEN], c, sizeof c));
	printf("rejects %s", str_show_count(f[FIGURE_REJECTS], a, sizeof a));
	if (f[FIGURE_REJECTS] > 0)
		printf(", at least %s row%s lost in them", str_show_count(f[FIGURE_ROWS_LOST], b, sizeof b),
		    f[FIGURE_ROWS_LOST] == 1 ? "" : "s");
	if (f[FIGURE_FILES_REPLAYED] > 0)
		printf(", %s original%s replayed since", str_show_count(f[FIGURE_FILES_REPLAYED], c, sizeof c),
		    f[FIGURE_FILES_REPLAYED] == 1 ? "" : "s");
	printf("; gaps in sequence numbers %s, files that differ from their own statistics %s\n",
	    str_show_count(f[FIGURE_SEQUENCE_FAILURES], a, sizeof a),
	    str_show_count(f[FIGURE_STAT_MISMATCHES], b, sizeof b));
	if (f[FIGURE_ROWS_AHEAD] + f[FIGURE_ROWS_BEHIND] > 0)
		printf("rows with implausible times %s ahead, %s behind\n",
		    str_show_count(f[FIGURE_ROWS_AHEAD], a, sizeof a),
		    str_show_count(f[FIGURE_ROWS_BEHIND], b, sizeof b));
	if (h->bus_bound > 0)
		printf("bus %s of %s, ", str_show_bytes(h->bus_used, a, sizeof a),
		    str_show_bytes(h->bus_bound, b, sizeof b));
	printf("ledger %s of %s\n", str_show_bytes(h->ledger_used, a, sizeof a),
	    str_show_bytes(h->ledger_bound, b, sizeof b));
}

static const char *amount(enum limit l, uint64_t n, char out[TEXT])
{
	if (strcmp(limit_info[l].unit, "bytes") == 0)
		return str_show_bytes(n, out, TEXT);
	char count[TEXT - 10];
	snprintf(out, TEXT, "%s %s", str_show_count(n, count, sizeof count), limit_info[l].unit);
	return out;
}

/* What is full, since when, and what that means. */
static void show_full(const struct health *h)
{
	struct term t = term_of(1);
	char age[TEXT];
	for (unsigned l = 0; l < LIMIT_COUNT; l++)
		if (h->budget[l].since_ms != 0)
			printf("%s%s is full%s, since %s: %s\n", t.yellow, limit_info[l].key, t.off,
			    ago(h->budget[l].since_ms, age), limit_info[l].then);
}

/* Worth a line although nobody asked: half of it is used, or something had to wait or was cut. */
static bool is_tight(enum limit l, const struct budget_state *b)
{
	return !limit_info[l].step && (b->reached > 0 || b->used > b->bound / 2);
}

static void budget_row(struct grid *g, enum limit l, const struct budget_state *b)
{
	char text[TEXT];
	grid_cell(g, "%s", limit_info[l].key);
	grid_cell(g, "%s", amount(l, b->used, text));
	grid_cell(g, "%s", amount(l, b->bound, text));
	count_cell(g, b->reached);
	grid_cell(g, "%s%s", limit_info[l].most && !limit_info[l].step ? "the most: " : "", limit_info[l].counts);
}

/* step: of thresholds, else of limits. all: those too that have room enough. False: there was nothing to print. */
static bool budget_grid(const struct health *h, bool step, bool all)
{
	static const char *const limits[] = {"budget", ">used", ">limit", ">reached", "of", NULL};
	static const char *const thresholds[] = {"threshold", ">largest", ">at", ">passed", "of", NULL};
	struct grid *g = NULL;
	for (unsigned l = 0; l < LIMIT_COUNT; l++) {
		const struct budget_state *b = &h->budget[l];
		if (limit_info[l].step != step || (b->bound == 0 && b->reached == 0))
			continue;
		if (!all && !is_tight((enum limit)l, b))
			continue;
		if (g == NULL)
			g = grid_new(step ? thresholds : limits);
		budget_row(g, (enum limit)l, b);
	}
	if (g == NULL)
		return false;
	printf("\n");
	grid_print(&g, 0);
	return true;
}

static void show_budgets(const struct health *h, bool all)
{
	if (all) {
		(void)budget_grid(h, false, true);
		(void)budget_grid(h, true, true);
	} else if (!budget_grid(h, false, false)) {
		printf("budgets: none is half used (status --all lists them)\n");
	} else {
		printf("  the other budgets are less than half used (status --all lists them)\n");
	}
}

static void show_catalog(const struct config *c, const struct health *h)
{
	struct term t = term_of(1);
	char a[TEXT], b[TEXT], age[TEXT];
	uint64_t waiting = h->catalog_waiting;
	if (c->settings.catalog->idle)
		return;
	printf("catalog %s: %s partition%s registered, %s wait%s\n", c->settings.catalog_url,
	    str_show_count(h->figure[FIGURE_PARTITIONS_REGISTERED], a, sizeof a),
	    h->figure[FIGURE_PARTITIONS_REGISTERED] == 1 ? "" : "s", str_show_count(waiting, b, sizeof b),
	    waiting == 1 ? "s" : "");
	if (h->catalog_since_ms != 0)
		printf("  %sit takes nothing; first seen %s%s: %s\n", t.yellow, ago(h->catalog_since_ms, age), t.off,
		    h->catalog_reason);
}

static void show_confinement(const struct config *c, const struct health *h)
{
	struct term t = term_of(1);
	char a[TEXT], b[TEXT], d[TEXT], kernel[2 * TEXT] = "";
	const uint64_t *f = h->figure;
	bool whole = !h->confines || (f[FIGURE_SECCOMP] && f[FIGURE_LANDLOCK] > 0);
	if (!confinement_wanted(&c->settings)) {
		if (!c->settings.confine)
			printf("dissectors not confined (confine: off)\n");
		return;
	}
	if (h->confines && f[FIGURE_LANDLOCK] > 0)
		snprintf(kernel, sizeof kernel, " (%s, landlock ABI %" PRIu64 ")",
		    f[FIGURE_SECCOMP] ? "seccomp" : "NO SECCOMP", f[FIGURE_LANDLOCK]);
	else if (h->confines)
		snprintf(kernel, sizeof kernel, " (%s, no landlock)", f[FIGURE_SECCOMP] ? "seccomp" : "NO SECCOMP");
	printf("dissectors %sconfined%s%s%s: %s process%s now, %s started, %s stopped\n", whole ? "" : t.yellow,
	    whole ? "" : " in part", kernel, whole ? "" : t.off, str_show_count(f[FIGURE_CONFINED], a, sizeof a),
	    f[FIGURE_CONFINED] == 1 ? "" : "es", str_show_count(f[FIGURE_CONFINED_STARTED], b, sizeof b),
	    str_show_count(f[FIGURE_CONFINED_STOPPED], d, sizeof d));
}

static void show_compaction(const struct config *c, const struct health *h)
{
	char a[TEXT], b[TEXT];
	uint64_t hours = h->figure[FIGURE_COMPACTIONS];
	if (!c->settings.compact && hours == 0)
		return;
	printf("compaction %s: %s hour%s, %s file%s replaced\n", c->settings.compact ? "on" : "by hand",
	    str_show_count(hours, a, sizeof a), hours == 1 ? "" : "s",
	    str_show_count(h->figure[FIGURE_FILES_COMPACTED], b, sizeof b),
	    h->figure[FIGURE_FILES_COMPACTED] == 1 ? "" : "s");
}

static void show_files(const struct health *h)
{
	struct term t = term_of(1);
	char path[PATH_SHOWN], age[TEXT];
	uint64_t asides = 0;
	for (size_t i = 0; i < h->pipelines; i++)
		asides += h->pipeline[i].counts.aside;
	if (h->opens > 0)
		printf("\n%sunder way%s%s\n", t.bold, t.off, h->opens == HEALTH_OPEN ? " (the oldest)" : "");
	for (unsigned i = 0; i < h->opens; i++)
		printf("  %s: %s, since %s\n", shown(h->open[i].path, path), h->open[i].note,
		    str_show_ms(h->open[i].age_ms, age, sizeof age));
	if (h->stales > 0)
		printf("\n%sclaimed by other instances, and old%s\n", t.bold, t.off);
	for (unsigned i = 0; i < h->stales; i++)
		printf("  %s: %s, since %s\n", h->stale[i].path, h->stale[i].note,
		    str_show_ms(h->stale[i].age_ms, age, sizeof age));
	if (h->asides > 0)
		printf("\n%sset aside%s\n", t.bold, t.off);
	for (unsigned i = 0; i < h->asides; i++)
		printf("  %s: %s\n", shown(h->aside[i].path, path), h->aside[i].note);
	if (asides > h->asides)
		printf("  and %" PRIu64 " more\n", asides - h->asides);
}

static enum status show_all(const struct args *a, const struct config *c)
{
	struct err e;
	struct health *h = mem_zero(1, sizeof *h);
	health_gather(c, h);
	if (args_has(a, "json")) {
		json_t *root = health_json(c, h);
		json_dumpf(root, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
		printf("\n");
		json_decref(root);
	} else {
		show_head(c, h);
		show_full(h);
		show_processes(h);
		show_waits(h);
		show_pipelines(h);
		show_partitions(h);
		show_totals(h);
		show_budgets(h, args_has(a, "all"));
		show_catalog(c, h);
		show_compaction(c, h);
		show_confinement(c, h);
		show_files(h);
	}
	for (unsigned i = 0; i < h->problems; i++)
		complain("status: %s", h->problem[i]);
	enum status status = h->problems > 0 ? STATUS_BAD : STATUS_DONE;
	if (setup_lake_there(c, &e) != RC_OK) {
		complain("status: %s", e.text);
		status = STATUS_BAD;
	}
	health_fini(h);
	mem_free(&h);
	return status;
}

static enum status run(const struct args *a)
{
	struct err e;
	struct config *c = NULL;
	if (setup_config(a, &c, &e) != RC_OK) {
		complain("%s", e.text);
		return STATUS_USAGE;
	}
	enum status status = a->words > 0 ? status_files(a, &c->settings) : show_all(a, c);
	config_free(&c);
	return status;
}

static const struct option option[] = {
    OPTION_CONFIG,
    {"all", 0, NULL, "every budget and threshold, not only what is half used or was reached"},
    {"json", 0, NULL, "one JSON object"},
    {0},
};

const struct command command_status = {
    .name = "status",
    .synopsis = "[-c FILE] [--all] [--json] [PATH...]",
    .summary = "Show every file from seen to queryable, lag, rejects, processes",
    .details = "With paths or bare names: what became of each of these files. Works whether sluice runs or not.",
    .option = option,
    .words = WORDS_PATHS,
    .run = run,
};

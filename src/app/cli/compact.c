/* sluice compact: many small table files of a quiet hour become few, once by hand or all the time beside the workers.
 */
#include "app/cli/cli.h"

#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/daemon.h"
#include "app/setup.h"
#include "app/term.h"
#include "base/clock.h"
#include "base/heap.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/str.h"
#include "pipe/compact.h"
#include "pipe/datasets.h"

enum {
	COUNT = 32,
	RECENT = 72, /* folders of a dataset that every round looks at */
	ALL_EVERY_MS = 12 * 3600 * 1000,
	WAIT_LEAST_MS = 5000, /* after a failure */
};

/* ---- what is told ---- */

struct telling {
	bool quiet, log;
	struct daemon *daemon; /* NULL: a run by hand */
};

static void say(const struct compact_news *n, bool log)
{
	char in[COUNT], out[COUNT], rows[COUNT], before[COUNT], after[COUNT];
	str_show_count(n->files_in, in, sizeof in);
	str_show_count(n->files_out, out, sizeof out);
	str_show_count(n->rows, rows, sizeof rows);
	str_show_bytes(n->bytes_in, before, sizeof before);
	str_show_bytes(n->bytes_out, after, sizeof after);
	if (log)
		log_info("compacted dataset=%s partition=%s files=%zu into=%zu rows=%" PRIu64 " bytes=%" PRIu64
		         " into_bytes=%" PRIu64,
		    n->dataset, n->partition, n->files_in, n->files_out, n->rows, n->bytes_in, n->bytes_out);
	else if (n->kind == COMPACT_WOULD)
		printf(
		    "%s %s: %s files would become %s, %s rows, %s\n", n->dataset, n->partition, in, out, rows, before);
	else
		printf("%s %s: %s files became %s, %s rows, %s -> %s\n", n->dataset, n->partition, in, out, rows,
		    before, after);
}

static void tell(void *context, const struct compact_news *n)
{
	const struct telling *t = context;
	if (n->kind != COMPACT_LEFT) {
		if (!t->quiet)
			say(n, t->log);
		if (!t->log)
			fflush(stdout);
		return;
	}
	if (t->log)
		log_error("not compacted: %s dataset=%s partition=%s", n->text, n->dataset, n->partition);
	else
		complain("compact: %s %s: left as it is: %s", n->dataset, n->partition, n->text);
}

static void summary(const struct compact_sum *s, const struct settings *set, bool dry_run)
{
	char hours[COUNT], in[COUNT], out[COUNT], rows[COUNT], more[COUNT], grace[COUNT];
	str_show_count(s->hours, hours, sizeof hours);
	str_show_count(s->files_in, in, sizeof in);
	str_show_count(s->files_out, out, sizeof out);
	str_show_count(s->rows, rows, sizeof rows);
	if (s->hours == 0 && s->later == 0 && s->failed == 0)
		printf("nothing to compact\n");
	else if (s->hours > 0)
		printf("%s hour%s: %s files %s %s, %s rows\n", hours, s->hours == 1 ? "" : "s", in,
		    dry_run ? "would become" : "became", out, rows);
	if (s->finished > 0)
		printf("%s finished: what they replaced is deleted\n", str_show_count(s->finished, more, sizeof more));
	if (s->brought > 0)
		printf("%s file%s of other programs, written aside meanwhile: brought to %s\n",
		    str_show_count(s->brought, more, sizeof more), s->brought == 1 ? "" : "s",
		    s->brought == 1 ? "its hour" : "their hours");
	if (s->foreign > 0)
		printf("%s file%s of other programs: left alone\n", str_show_count(s->foreign, more, sizeof more),
		    s->foreign == 1 ? "" : "s");
	if (s->mixed > 0)
		printf("%s hour%s left for that: the catalog would hide them meanwhile\n",
		    str_show_count(s->mixed, more, sizeof more), s->mixed == 1 ? "" : "s");
	if (s->later > 0)
		printf("%s hour%s left for now, as told: the next run tries again\n",
		    str_show_count(s->later, more, sizeof more), s->later == 1 ? "" : "s");
	uint64_t under_way = s->waiting + (dry_run ? 0 : s->hours);
	if (under_way > 0)
		printf("%s under way: what they replace is kept for %s; the next run deletes it\n",
		    str_show_count(under_way, more, sizeof more),
		    str_show_ms(set->compact_grace_ms, grace, sizeof grace));
}

/* ---- options ---- */

/* "2026-01-14", with "T10" or " 10:00" behind it; UTC. The hour it lies in. */
static enum rc read_before(const char *text, int64_t *hour, struct err *e)
{
	struct civil c = {.month = 0};
	int year = 0, month = 0, day = 0, h = 0, end = 0;
	bool date = sscanf(text, "%4d-%2d-%2d%n", &year, &month, &day, &end) == 3;
	const char *rest = text + end;
	if (date && *rest != '\0') {
		int used = 0;
		date = (*rest == 'T' || *rest == ' ') && sscanf(rest + 1, "%2d%n", &h, &used) == 1;
		rest += 1 + used;
		date = date && (*rest == '\0' || strcmp(rest, ":00") == 0 || strcmp(rest, ":00Z") == 0);
	}
	if (!date || year < 1970 || year > 2106 || month < 1 || month > 12 || day < 1 || day > 31 || h < 0 || h > 23)
		return err_set(
		    RC_BAD, e, "--before %.40s: a day or an hour is wanted, 2026-01-14 or 2026-01-14T10", text);
	c = (struct civil){.year = year, .month = (uint8_t)month, .day = (uint8_t)day, .hour = (uint8_t)h};
	*hour = hour_of(civil_seconds(c));
	return RC_OK;
}

static enum rc read_options(const struct args *a, const struct settings *s, struct compact_params *p, struct err *e)
{
	const char *before = args_text(a, "before", NULL);
	enum rc rc = RC_OK;
	p->settings = s;
	p->before_hour = INT64_MAX;
	p->folders = SIZE_MAX;
	p->dry_run = args_has(a, "dry-run");
	if (before != NULL)
		rc = read_before(before, &p->before_hour, e);
	if (rc == RC_OK)
		rc = setup_dataset(a, s, &p->dataset, e);
	return rc;
}

/* Each reaches its service with the first call. */
static enum rc open_services(const struct settings *s, struct compact_params *p, struct err *e)
{
	enum rc rc = RC_OK;
	if (p->store == NULL)
		rc = store_open(s->store, s->store_place, s->store_option, s->store_options, &p->store, e);
	if (rc == RC_OK && p->catalog == NULL && !s->catalog->idle)
		rc = datasets_catalog(s, NULL, &p->catalog, e);
	return rc;
}

static void close_services(struct compact_params *p)
{
	store_close(&p->store);
	catalog_close(&p->catalog);
}

/* ---- once ---- */

static bool asked_to_stop(void *context)
{
	const struct telling *t = context;
	return t->daemon != NULL ? daemon_stop(t->daemon) : proc_stop_count() > 0;
}

static enum status pass_once(const struct args *a, const struct config *c, struct compact_params *p)
{
	struct err e;
	struct compact_sum sum;
	struct telling t = {.quiet = args_has(a, "quiet")};
	const struct settings *s = &c->settings;
	p->stop = asked_to_stop;
	p->tell = tell;
	p->context = &t;
	enum rc rc = open_services(s, p, &e);
	if (rc == RC_OK)
		rc = compact_pass(p, &sum, &e);
	close_services(p);
	if (rc == RC_END)
		complain("compact: stopped; what was done is done, the next run goes on");
	else if (rc != RC_OK)
		complain("compact: %s", e.text);
	if (rc == RC_OK && !t.quiet)
		summary(&sum, s, p->dry_run);
	return rc == RC_OK && sum.failed + sum.later == 0 ? STATUS_DONE : STATUS_BAD;
}

static enum status once(const struct args *a)
{
	struct err e;
	struct config *c = NULL;
	struct metrics *metrics = NULL;
	struct compact_params p = {.dry_run = false};
	int lock = -1;
	enum rc rc = setup_config(a, &c, &e);
	if (rc == RC_OK)
		rc = read_options(a, &c->settings, &p, &e);
	if (rc != RC_OK) {
		complain("compact: %s", e.text);
		config_free(&c);
		return STATUS_USAGE;
	}
	setup_process(a, c, "compact", true);
	if (!p.dry_run) {
		rc = setup_lock(c, "compact.lock", &lock, &e);
		if (rc == RC_END)
			err_set(RC_FAIL, &e, "another compaction runs on %.300s", c->settings.state);
		if (rc == RC_OK)
			rc = setup_figures(c, "compact", &metrics, &p.figures, &e);
		metric_accepting(p.figures, true);
	}
	enum status status = STATUS_BAD;
	if (rc == RC_OK)
		status = pass_once(a, c, &p);
	else
		complain("compact: %s", e.text);
	config_free(&c);
	metrics_close(&metrics);
	if (lock >= 0)
		close(lock);
	return status;
}

/* ---- all the time ---- */

static void pause_until(struct daemon *d, int64_t until_ms)
{
	for (int64_t left; !daemon_stop(d) && (left = until_ms - clock_mono().ms) > 0;) {
		struct pollfd wake = {.fd = daemon_wake_fd(d), .events = POLLIN};
		(void)poll(&wake, 1, left < 1000 ? (int)left : 1000);
	}
}

static enum status watch(
    const struct args *a, struct config *c, struct metric_slot *figures, struct daemon *d, struct err *e)
{
	struct telling t = {.log = true, .daemon = d};
	struct compact_given_up given_up = {.count = 0};
	struct compact_params p = {.figures = figures};
	const struct settings *s = &c->settings;
	struct mono all = {.ms = INT64_MIN / 2}, given_back = clock_mono();
	enum rc rc = read_options(a, s, &p, e);
	if (rc != RC_OK)
		return STATUS_USAGE;
	p.figures = figures;
	p.given_up = &given_up;
	p.stop = asked_to_stop;
	p.tell = tell;
	p.context = &t;
	metric_accepting(figures, true);
	while (!daemon_stop(d)) {
		struct compact_sum sum;
		struct mono began = clock_mono();
		bool thorough = mono_since(all) >= ALL_EVERY_MS;
		p.folders = thorough ? SIZE_MAX : RECENT;
		rc = open_services(s, &p, e);
		if (rc == RC_OK)
			rc = compact_pass(&p, &sum, e);
		if (rc == RC_OK && thorough)
			all = began;
		if (rc != RC_OK && rc != RC_END) {
			log_warn("compaction waits: %s", e->text);
			close_services(&p);
		}
		heap_give_back(&given_back);
		pause_until(d, began.ms + s->compact_every_ms);
	}
	close_services(&p);
	e->text[0] = '\0';
	return STATUS_DONE;
}

static enum status run(const struct args *a)
{
	bool daemon = args_has(a, "watch");
	if (daemon && (args_has(a, "dry-run") || args_has(a, "before"))) {
		complain("compact: --watch goes on by itself; --dry-run and --before are for a run by hand");
		return STATUS_USAGE;
	}
	return daemon ? daemon_run(a, "compactor", "compact.lock", watch) : once(a);
}

static const struct option option[] = {
    OPTION_CONFIG,
    {"dry-run", 'n', NULL, "say what would be done, and do nothing"},
    {"dataset", 'd', "DATASET", "only that dataset"},
    {"before", 0, "TIME", "only hours before that day or hour, UTC: 2026-01-14 or 2026-01-14T10"},
    {"watch", 0, NULL, "go on: look again every compact.every, until SIGTERM"},
    {"quiet", 'q', NULL, "print only what fails"},
    OPTION_CHILD,
    {0},
};

const struct command command_compact = {
    .name = "compact",
    .synopsis = "[-c FILE] [--dry-run] [--dataset DATASET] [--before TIME]",
    .summary = "Make few table files of the many small ones of quiet hours",
    .details =
        "An hour is compacted when nothing came for compact.quiet. What was replaced is kept for compact.grace, then a "
        "later run deletes it.\n"
        "May run at any time, beside workers too, and be stopped or killed: the next run goes on. With `compact: on` "
        "sluice run does it by itself.\n"
        "Exit status 1 when an hour was left because something in it is wrong.",
    .option = option,
    .run = run,
};

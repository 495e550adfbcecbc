/* sluice load: backfill through the same ledger, bus and commits as everything else, so that it can run beside the
 * daemon. */
#include "app/cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "app/daemon.h"
#include "app/health.h"
#include "app/ingest.h"
#include "app/originals.h"
#include "app/setup.h"
#include "app/supervise.h"
#include "app/term.h"
#include "base/mem.h"

static enum rc find_pipeline(const struct args *a, const struct config *c, const struct pipeline **out, struct err *e)
{
	const struct settings *s = &c->settings;
	enum rc rc = originals_pipeline(a, s, out, e);
	if (rc != RC_OK || *out != NULL)
		return rc;
	*out = &s->pipeline[0];
	return s->pipelines == 1
	           ? RC_OK
	           : err_set(RC_BAD, e, "which pipeline? -p NAME, for instance -p %s", s->pipeline[0].name);
}

/* The child's part: the collector over the paths given. */
static enum status load(
    const struct args *a, struct config *c, struct metric_slot *figures, struct daemon *d, struct err *e)
{
	const struct pipeline *only = NULL;
	if (find_pipeline(a, c, &only, e) != RC_OK)
		return STATUS_USAGE;
	struct collector_job job = {
	    .once = true,
	    .until_committed = true,
	    .only = only,
	    .path = a->word,
	    .paths = a->words,
	    .again = args_has(a, "again"),
	};
	return ingest_round("load", &job, a, c, figures, d, e);
}

/* The child's command line: the same options and paths. */
static const char **child_words(const struct args *a)
{
	const char **word = mem_zero(2 * a->sets + a->words + 8, sizeof *word);
	size_t n = 0;
	word[n++] = "load";
	word[n++] = "--figures";
	word[n++] = "load";
	if (args_has(a, "again"))
		word[n++] = "--again";
	if (args_has(a, "quiet"))
		word[n++] = "--quiet";
	if (args_has(a, "json"))
		word[n++] = "--json";
	if (args_has(a, "pipeline")) {
		word[n++] = "--pipeline";
		word[n++] = args_text(a, "pipeline", NULL);
	}
	word[n++] = "--";
	for (size_t i = 0; i < a->words; i++)
		word[n++] = a->word[i];
	return word;
}

/* A name that is not there is most likely mistyped: say so before anything is taken. */
static bool all_there(const struct args *a)
{
	bool all = true;
	for (size_t i = 0; i < a->words; i++) {
		if (access(a->word[i], F_OK) == 0)
			continue;
		complain("load: %.300s: %s", a->word[i], strerror(errno));
		all = false;
	}
	return all;
}

/* What is committed is done, whatever the catalog does: no failure, but nothing to be silent about. */
static void tell_waiting(const struct args *a)
{
	struct err ignored;
	struct config *c = NULL;
	struct health h;
	if (setup_config(a, &c, &ignored) != RC_OK)
		return;
	health_catalog(c, &h);
	if (h.catalog_since_ms != 0 && h.catalog_waiting > 0)
		complain("load: the rows are committed, but %" PRIu64
		         " partition%s wait%s for the catalog: %.300s; the next "
		         "worker tells it, or sluice register",
		    h.catalog_waiting, h.catalog_waiting == 1 ? "" : "s", h.catalog_waiting == 1 ? "s" : "",
		    h.catalog_reason);
	health_fini(&h);
	config_free(&c);
}

static enum status supervise_load(const struct args *a, struct config *c)
{
	static const char *const worker[] = {"work", "--figures", "load-worker", NULL};
	struct err e;
	struct metrics *metrics = NULL;
	struct metric_slot *figures = NULL;
	setup_process(a, c, "load", true);
	if (setup_figures(c, "load-supervisor", &metrics, &figures, &e) != RC_OK) {
		complain("load: %s", e.text);
		config_free(&c);
		return STATUS_BAD;
	}
	const char **word = child_words(a);
	const struct supervise_child child[] = {
	    {.name = "load", .word = word, .leads = true},
	    {.name = "worker", .word = worker, .figures = "load-worker"},
	};
	struct supervise_job job = {.file = setup_file(a),
	    .config = c,
	    .child = child,
	    .children = 2,
	    .calm = true,
	    .metrics = metrics,
	    .figures = figures,
	    .lock_fd = -1,
	    .config_fd = -1};
	enum status status = supervise(&job);
	if (status == STATUS_DONE)
		tell_waiting(a);
	mem_free(&word);
	metrics_close(&metrics);
	return status;
}

static enum status run(const struct args *a)
{
	struct err e;
	struct config *c = NULL;
	const struct pipeline *only = NULL;
	if (args_has(a, "config-fd"))
		return daemon_run(a, "load", NULL, load);
	enum rc rc = setup_config(a, &c, &e);
	if (rc == RC_OK)
		rc = find_pipeline(a, c, &only, &e);
	if (rc == RC_OK && a->words == 0)
		rc = err_set(RC_BAD, &e, "name files or folders to load");
	if (rc != RC_OK) {
		complain("load: %s", e.text);
		config_free(&c);
		return STATUS_USAGE;
	}
	if (!all_there(a)) {
		config_free(&c);
		return STATUS_BAD;
	}
	return supervise_load(a, c);
}

static const struct option option[] = {
    OPTION_CONFIG,
    {"pipeline", 'p', "PIPELINE", "whose files these are; may be left out when there is one pipeline"},
    {"again", 0, NULL, "ingest content that is known already once more, under a new identity"},
    {"quiet", 'q', NULL, "no progress, no summary"},
    {"json", 0, NULL, "the summary as one JSON object"},
    OPTION_CHILD,
    {0},
};

const struct command command_load = {
    .name = "load",
    .synopsis = "[-c FILE] -p PIPELINE PATH...",
    .summary = "Bring files and folders into the tables now, and wait until they are",
    .details =
        "The same content is not ingested twice, under whatever name. Works beside a running sluice and without one.",
    .option = option,
    .words = WORDS_PATHS,
    .run = run,
};

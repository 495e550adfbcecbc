/* sluice run: collector and worker as one process tree. It does nothing itself but start, watch and stop them. */
#include "app/cli/cli.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "app/cli/register.h"
#include "app/overlap.h"
#include "app/setup.h"
#include "app/supervise.h"
#include "app/term.h"
#include "base/log.h"
#include "base/mem.h"

/* The collector's words: what --once and --quiet mean to it. */
static const char *const *collector_words(const struct args *a)
{
	static const char *const watch[] = {"collect", NULL};
	static const char *const once[] = {"collect", "--once", "--until-committed", NULL};
	static const char *const once_quiet[] = {"collect", "--once", "--until-committed", "--quiet", NULL};
	static const char *const once_json[] = {"collect", "--once", "--until-committed", "--quiet", "--json", NULL};
	if (!args_has(a, "once"))
		return watch;
	return args_has(a, "json") ? once_json : args_has(a, "quiet") ? once_quiet : once;
}

/* A worker that had nothing to do was gone before it looked at the catalog: what an earlier run could not tell is told
 * here. */
static enum status tell_catalog(const struct args *a, enum status status)
{
	struct err e;
	struct config *c = NULL;
	if (setup_config(a, &c, &e) != RC_OK) {
		complain("%s", e.text);
		return STATUS_BAD;
	}
	if (!c->settings.catalog->idle && !register_all(&c->settings, true) && status == STATUS_DONE)
		status = STATUS_BAD;
	config_free(&c);
	return status;
}

/* It may be meant; most often one of the two then refuses what the other reads. */
static void warn_overlaps(const struct settings *s)
{
	char name[OVERLAP_NAME];
	for (size_t i = 0; i < s->pipelines; i++)
		for (size_t k = 0; k < i; k++)
			if (overlap_name(&s->pipeline[k], &s->pipeline[i], name) != NULL)
				log_warn("pipelines %s and %s take the same files, such as %.100s: each of them goes "
				         "to both",
				    s->pipeline[k].name, s->pipeline[i].name, name);
}

/* Asked by the supervisor of this state folder, which may be another version: would this program go on from there? */
static enum status answer(const struct args *a, struct config *c)
{
	enum status status = STATUS_DONE;
	if (strcmp(args_text(a, "try", ""), c->settings.state) != 0) {
		complain("%s: state: cannot change while running", c->settings.file);
		status = STATUS_USAGE;
	}
	config_free(&c);
	return status;
}

/* The lock on the state folder: the program before left it to us, or it is to be had. */
static enum rc take_lock(
    const struct args *a, const struct config *c, struct handover *before, int *lock, struct err *e)
{
	int fd = -1;
	enum rc rc;
	if (!args_has(a, "take-over")) {
		rc = setup_lock(c, "run.lock", lock, e);
		return rc == RC_END ? err_set(RC_FAIL, e, "another sluice run is up on %.300s", c->settings.state) : rc;
	}
	rc = setup_fd(a, "take-over", &fd, e);
	if (rc == RC_OK)
		rc = handover_read(fd, before, e);
	if (rc == RC_OK)
		*lock = before->lock_fd;
	return rc;
}

static enum status run(const struct args *a)
{
	static const char *const worker[] = {"work", NULL}, *const compactor[] = {"compact", "--watch", NULL},
	                         *const ops[] = {"ops", NULL};
	struct err e;
	struct config *c = NULL;
	struct metrics *metrics = NULL;
	struct metric_slot *figures = NULL;
	struct handover before;
	int lock = -1, config_fd = -1;
	if (setup_config(a, &c, &e) != RC_OK) {
		complain("%s", e.text);
		return STATUS_USAGE;
	}
	if (args_has(a, "try"))
		return answer(a, c);
	setup_process(a, c, "supervisor", args_has(a, "once"));
	warn_overlaps(&c->settings);
	enum status status = STATUS_BAD;
	enum rc rc = take_lock(a, c, &before, &lock, &e);
	if (rc == RC_OK && args_has(a, "checked"))
		rc = setup_fd(a, "checked", &config_fd, &e);
	if (rc == RC_OK && config_fd >= 0)
		fcntl(config_fd, F_SETFD, FD_CLOEXEC);
	if (rc == RC_OK)
		rc = setup_figures(c, "supervisor", &metrics, &figures, &e);
	if (rc == RC_OK) {
		bool once = args_has(a, "once");
		unsigned children = 2;
		struct supervise_child child[SUPERVISE_CHILDREN] = {
		    {.name = "collector", .word = collector_words(a), .leads = once},
		    {.name = "worker", .word = worker},
		};
		if (c->settings.compact && !once)
			child[children++] = (struct supervise_child){.name = "compactor", .word = compactor};
		if (c->ops.listen != NULL && !once)
			child[children++] = (struct supervise_child){.name = "ops", .word = ops, .last = true};
		struct supervise_job job = {.file = setup_file(a),
		    .config = c,
		    .child = child,
		    .children = children,
		    .calm = once,
		    .metrics = metrics,
		    .figures = figures,
		    .lock_fd = lock,
		    .config_fd = config_fd,
		    .before = args_has(a, "take-over") ? &before : NULL};
		c = NULL;
		status = supervise(&job);
		if (once)
			status = tell_catalog(a, status);
	} else {
		complain("run: %s", e.text);
	}
	config_free(&c);
	metrics_close(&metrics);
	if (lock >= 0)
		close(lock);
	return status;
}

static const struct option option[] = {
    OPTION_CONFIG,
    {"once", 0, NULL, "take what lies there now, commit it, and exit"},
    {"quiet", 'q', NULL, "with --once: no progress, no summary"},
    {"json", 0, NULL, "with --once: the summary as one JSON object"},
    {"try", 0, "STATE", NULL}, /* these three: between a supervisor and the program that it becomes */
    {"checked", 0, "FD", NULL},
    {"take-over", 0, "FD", NULL},
    {0},
};

const struct command command_run = {
    .name = "run",
    .synopsis = "[-c FILE] [--once]",
    .summary = "Watch the folders and fill the tables",
    .details = "Starts a collector and a worker as child processes and keeps them running. SIGTERM: both finish what "
               "they have in hand, within stop_timeout; a second one: leave at once, nothing is lost. SIGHUP: read the "
               "configuration again, and become the program that is installed now, one process after the other.",
    .option = option,
    .run = run,
};

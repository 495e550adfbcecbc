/* The collector asks for call-backs with one context; this is that context. */
#include "app/ingest.h"

#include "app/confinement.h"
#include "app/outcome.h"
#include "app/progress.h"
#include "base/clock.h"
#include "base/heap.h"
#include "base/str.h"

struct round {
	struct daemon *daemon;
	struct progress *progress;
	struct mono given_back;
};

static bool stop(void *context)
{
	const struct round *r = context;
	return daemon_stop(r->daemon);
}

static void show(void *context, const struct collector_progress *now)
{
	struct round *r = context;
	progress_show(r->progress, now);
	heap_give_back(&r->given_back);
}

static int64_t now_ms(void)
{
	return clock_wall().ns / 1000000;
}

/* Of the run, which may have begun with a process before this one. */
static int64_t began_ms(const struct args *a)
{
	struct err e;
	int64_t ms;
	return str_number(args_text(a, "began", ""), 0, INT64_MAX, &ms, &e) == RC_OK ? ms : now_ms();
}

enum status ingest_round(const char *what, struct collector_job *job, const struct args *a, struct config *c,
    struct metric_slot *figures, struct daemon *d, struct err *e)
{
	bool quiet = args_has(a, "quiet"), json = args_has(a, "json");
	struct round r = {
	    .daemon = d, .progress = progress_new(what, quiet || json || !job->once), .given_back = clock_mono()};
	struct collector_result result = {0};
	struct outcome_params p = {.what = what,
	    .quiet = quiet,
	    .json = json,
	    .began_ms = began_ms(a),
	    .restarted = args_has(a, "restarted"),
	    .committed = job->until_committed};
	struct mono began = clock_mono();
	heap_keep();
	struct confinement *confinement = confinement_open(&c->settings, figures);
	job->confine = confinement_of(confinement);
	job->settings = &c->settings;
	job->figures = figures;
	job->stop = stop;
	job->wake_fd = daemon_wake_fd(d);
	job->progress = show;
	job->context = &r;
	enum rc rc = collector_run(job, &result, e);
	confinement_close(&confinement);
	progress_free(&r.progress);
	if (rc != RC_OK)
		return STATUS_BAD;
	e->text[0] = '\0'; /* of something that was waited for and came */
	if (!job->once)
		return STATUS_DONE;
	p.took_ms = p.restarted ? now_ms() - p.began_ms : mono_since(began);
	enum status status = outcome_show(&c->settings, &result, &p);
	/* Stopped before its end, it has not done what was asked. */
	return daemon_stopped(d) ? STATUS_BAD : status;
}

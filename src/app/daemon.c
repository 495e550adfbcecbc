/* Collector and worker meet signals in one way, so that both halves stop, reload and stand by alike. */
#include "app/daemon.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "app/setup.h"
#include "app/term.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "pipe/figures.h"

enum { LOCK_POLL_MS = 50 }; /* at most: who has just died gives it up in a moment */

struct daemon {
	const struct args *args;
	bool child;          /* the supervisor decides about reloads */
	atomic_bool reload;  /* a good configuration waits in next */
	struct config *next; /* the main thread's, read when the round is over */
	const char *state;
};

/* Several threads may ask; one of them takes the signal and checks the file. */
static void look_at_reload(struct daemon *d)
{
	struct err e;
	struct config *next = NULL;
	if (d->child || !proc_reload_take())
		return;
	enum rc rc = setup_config(d->args, &next, &e);
	if (rc == RC_OK && strcmp(next->settings.state, d->state) != 0)
		rc = err_set(RC_BAD, &e, "%s: state: cannot change while running", setup_file(d->args));
	if (rc != RC_OK || atomic_load(&d->reload)) {
		if (rc != RC_OK)
			log_error("%s; the old configuration stays", e.text);
		config_free(&next);
		return;
	}
	d->next = next;
	atomic_store(&d->reload, true);
	log_info("configuration read again");
}

static bool leaving(const struct daemon *d)
{
	return proc_stop_count() > 0 || atomic_load(&d->reload);
}

bool daemon_stop(void *context)
{
	struct daemon *d = context;
	look_at_reload(d);
	if (leaving(d))
		return true;
	/* A wake-up that was no stop must not keep every poll awake; one that comes just now is given back. */
	proc_wake_clear();
	if (leaving(d))
		raise(SIGUSR1);
	return leaving(d);
}

bool daemon_stop_now(void *context)
{
	return proc_stop_count() > 1;
}

int daemon_wake_fd(const struct daemon *d)
{
	return proc_wake_fd();
}

bool daemon_stopped(const struct daemon *d)
{
	return proc_stop_count() > 0;
}

/* RC_END: asked to stop while standing by. */
static enum rc take_lock(const struct config *c, const char *name, int *fd, struct err *e)
{
	bool told = false;
	for (int64_t wait_ms = 1;; wait_ms = 2 * wait_ms < LOCK_POLL_MS ? 2 * wait_ms : LOCK_POLL_MS) {
		enum rc rc = setup_lock(c, name, fd, e);
		if (rc != RC_END)
			return rc;
		if (proc_stop_count() > 0)
			return RC_END;
		if (!told)
			log_info("standing by: another process has %s/%s", c->settings.state, name);
		told = true;
		clock_sleep_ms(wait_ms);
	}
}

static enum status rounds(struct daemon *d, struct config *c, struct metric_slot *figures, daemon_round *round)
{
	struct err e = {.text = ""};
	enum status status;
	for (;;) {
		d->state = c->settings.state;
		metric_accepting(figures, false);
		status = round(d->args, c, figures, d, &e);
		if (status != STATUS_DONE && e.text[0] != '\0')
			log_error("cannot go on: %s", e.text);
		if (status != STATUS_DONE || proc_stop_count() > 0 || !atomic_load(&d->reload))
			break;
		config_free(&c);
		c = d->next;
		d->next = NULL;
		atomic_store(&d->reload, false);
	}
	config_free(&c);
	config_free(&d->next);
	return status;
}

enum status daemon_run(const struct args *a, const char *name, const char *lock, daemon_round *round)
{
	struct err e;
	struct config *c = NULL;
	struct metrics *metrics = NULL;
	struct metric_slot *figures = NULL;
	struct daemon d = {.args = a, .child = args_has(a, "config-fd")};
	int fd = -1;
	if (setup_config(a, &c, &e) != RC_OK) {
		complain("%s", e.text);
		return STATUS_USAGE;
	}
	setup_process(a, c, name, false);
	enum rc rc = lock != NULL ? take_lock(c, lock, &fd, &e) : RC_OK;
	if (rc == RC_OK)
		rc = setup_figures(c, args_text(a, "figures", name), &metrics, &figures, &e);
	enum status status = rc == RC_END ? STATUS_DONE : STATUS_BAD;
	if (rc == RC_OK) {
		if (args_has(a, "restarted"))
			metric_add(figures, FIGURE_RESTARTS, 1);
		status = rounds(&d, c, figures, round);
		c = NULL;
	} else if (rc != RC_END) {
		log_error("cannot go on: %s", e.text);
	}
	config_free(&c);
	metrics_close(&metrics);
	if (fd >= 0)
		close(fd);
	return status;
}

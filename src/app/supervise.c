/*
 * The process tree. The supervisor holds no data and opens no service, so that nothing but a signal can end it.
 *
 * Children read their configuration from a sealed copy of what was checked: a file that somebody is editing while a
 * child dies cannot stop the system.
 */
#include "app/supervise.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/handover.h"
#include "app/notify.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "pipe/figures.h"

enum {
	SOON_MS = 5000,      /* a life shorter than this that never accepted work counts as dying at once */
	STEADY_MS = 1000,    /* as does one that had accepted for less */
	LOOK_MS = 5,         /* between looks whether a child accepts, while that is awaited */
	PATIENCE_MS = 10000, /* so long; it may wait for a service */
	TRY_MS = 10000,      /* what the next program has to read the configuration */
	BACK_OFF_MS = 100,
	BACK_OFF_MOST_MS = 10000,
	AT_ONCE_MS = 300, /* what a second signal leaves the children before SIGKILL */
	GIVE_UP = 8,      /* with a leader: so many soon deaths in a row end it all */
	REST_AFTER = 3,   /* one that only watches is left alone after so many, for so long, then twice that */
	REST_MS = 60000,
	REST_MOST_MS = 600000,
	NEVER = -1,
};

struct child {
	const struct supervise_child *what;
	pid_t pid; /* 0: not running */
	struct mono started;
	unsigned soon;       /* deaths in a row that came soon */
	int64_t due_ms;      /* mono: start again then; NEVER */
	int64_t deadline_ms; /* mono: kill then; NEVER */
	int64_t still_ms;    /* mono: stopped by a signal, kill then; NEVER */
	int64_t ended_ms;    /* mono: of the life before, until this one accepts; NEVER */
	bool outdated;       /* runs with what was before, and is to be replaced */
	bool replaced;       /* asked to leave for that */
	bool superfluous;    /* not wanted any more */
	bool died;           /* the next start is a restart */
};

/* What is asked, in a process of its own, whether it takes the configuration and would go on from here. */
struct trial {
	pid_t pid; /* 0: none */
	int config_fd;
	int64_t deadline_ms;
};

struct supervisor {
	struct supervise_job *job;
	int64_t began_ms; /* wall: a leader that is started again answers for its lives before, too */
	struct child child[HANDOVER_CHILDREN];
	unsigned children;
	struct supervise_child superfluous[HANDOVER_CHILDREN]; /* what those are */
	char superfluous_name[HANDOVER_CHILDREN][HANDOVER_NAME];
	int config_fd;
	char program[PROGRAM_PATH];
	struct trial trial;
	bool rolling; /* children are replaced one after the other */
	bool stopping;
	int stops; /* signals dealt with */
	enum status status;
};

static bool has_leader(const struct supervisor *s)
{
	for (unsigned i = 0; i < s->job->children; i++)
		if (s->job->child[i].leads)
			return true;
	return false;
}

/* Read, check and keep the file's text. */
static enum rc read_config(const char *file, struct config **config, int *fd, struct err *e)
{
	char *text = NULL;
	size_t size = 0;
	enum rc rc = file_load(file, CONFIG_MAX, &text, &size, e);
	if (rc == RC_END)
		return err_set(RC_BAD, e, "%s: no such file", file);
	if (rc != RC_OK)
		return rc;
	struct config *c = NULL;
	rc = config_parse(file, text, size, &c, e);
	if (rc == RC_OK)
		rc = handover_seal("sluice-config", text, size, fd, e);
	mem_free(&text);
	if (rc == RC_OK)
		*config = c;
	else
		config_free(&c);
	return rc;
}

/* The options go before the words: what follows "--" stays words. */
static void start(struct supervisor *s, struct child *c)
{
	struct err e;
	char fd[16], began[24];
	const char *argv[16];
	size_t n = 0;
	const char *const *word = c->what->word;
	snprintf(fd, sizeof fd, "%d", s->config_fd);
	snprintf(began, sizeof began, "%" PRId64, s->began_ms);
	argv[n++] = program_running(s->program);
	argv[n++] = *word++;
	const char *const common[] = {"--config", s->job->file, "--config-fd", fd};
	for (size_t i = 0; i < 4; i++)
		argv[n++] = common[i];
	if (s->job->calm)
		argv[n++] = "--calm";
	if (c->died)
		argv[n++] = "--restarted";
	if (c->what->leads) {
		argv[n++] = "--began";
		argv[n++] = began;
	}
	size_t words = 0;
	while (word[words] != NULL)
		words++;
	const char **all = mem_zero(n + words + 1, sizeof *all);
	memcpy(all, argv, n * sizeof *all);
	memcpy(all + n, word, words * sizeof *all);
	c->due_ms = c->deadline_ms = c->still_ms = NEVER;
	c->started = clock_mono();
	c->replaced = c->outdated = false;
	if (proc_start(all, NULL, s->config_fd, &c->pid, &e) == RC_OK) {
		log_info("%s started, process %d", c->what->name, (int)c->pid);
		c->died = false;
	} else {
		log_error("%s cannot be started: %s", c->what->name, e.text);
		c->pid = 0;
		c->due_ms = c->started.ms + BACK_OFF_MOST_MS;
	}
	mem_free(&all);
}

static void ask_to_leave(struct supervisor *s, struct child *c, int64_t wait_ms)
{
	if (c->pid == 0)
		return;
	int64_t until = clock_mono().ms + wait_ms;
	kill(c->pid, SIGTERM);
	if (c->deadline_ms == NEVER || until < c->deadline_ms)
		c->deadline_ms = until;
}

static void stop_all(struct supervisor *s, int64_t wait_ms)
{
	s->stopping = true;
	s->rolling = false;
	if (s->trial.pid != 0)
		kill(s->trial.pid, SIGKILL);
	metric_set(s->job->figures, FIGURE_STOPPING, 1);
	for (unsigned i = 0; i < s->children; i++) {
		s->child[i].due_ms = NEVER;
		if (!s->child[i].what->last || wait_ms == AT_ONCE_MS)
			ask_to_leave(s, &s->child[i], wait_ms);
	}
}

/* Those that are to be the last, once they are. */
static void stop_last(struct supervisor *s)
{
	for (unsigned i = 0; i < s->children; i++)
		if (s->child[i].pid != 0 && !s->child[i].what->last)
			return;
	for (unsigned i = 0; i < s->children; i++)
		if (s->child[i].deadline_ms == NEVER)
			ask_to_leave(s, &s->child[i], s->job->config->settings.stop_timeout_ms);
}

/* Since when that process of the child takes new work, mono; 0: not yet. */
static int64_t accepting_ms(const struct supervisor *s, const struct child *c, pid_t pid)
{
	const char *name = c->what->figures != NULL ? c->what->figures : c->what->name;
	const struct metric_slot *slot;
	for (unsigned i = 0; (slot = metrics_slot(s->job->metrics, i)) != NULL; i++)
		if (strcmp(slot->name, name) == 0)
			return metric_accepting_ms(slot, pid);
	return 0;
}

static int64_t back_off(unsigned soon)
{
	int64_t wait = 0;
	for (unsigned i = 1; i < soon && wait < BACK_OFF_MOST_MS; i++)
		wait = wait == 0 ? BACK_OFF_MS : 2 * wait;
	return wait < BACK_OFF_MOST_MS ? wait : BACK_OFF_MOST_MS;
}

/* The endpoint must not fill the log of those that work: most likely its address is taken, or its token is no good. */
static int64_t rest(const struct child *c)
{
	int64_t wait = REST_MS;
	if (!c->what->last || c->soon < REST_AFTER)
		return 0;
	for (unsigned i = REST_AFTER; i < c->soon && wait < REST_MOST_MS; i++)
		wait *= 2;
	return wait < REST_MOST_MS ? wait : REST_MOST_MS;
}

/* A child that leads and ends by itself decides; killed, it is restarted like any other. */
static void leader_ended(struct supervisor *s, int status)
{
	s->status = (enum status)WEXITSTATUS(status);
	if (!s->stopping)
		stop_all(s, s->job->config->settings.stop_timeout_ms);
}

static void ended(struct supervisor *s, struct child *c, int status)
{
	char text[80];
	int64_t now = clock_mono().ms, accepted = accepting_ms(s, c, c->pid);
	/* Asked to leave before it could listen: it had not begun anything. */
	bool early = WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM;
	bool well = early || (WIFEXITED(status) && WEXITSTATUS(status) == 0);
	proc_status_text(status, text, sizeof text);
	c->pid = 0;
	c->deadline_ms = c->still_ms = NEVER;
	if (c->what->leads && WIFEXITED(status)) {
		leader_ended(s, status);
		return;
	}
	if (s->stopping) {
		if (!well) {
			log_error("%s: %s", c->what->name, text);
			s->status = STATUS_BAD;
		}
		return;
	}
	if (c->superfluous)
		return;
	c->ended_ms = now;
	if (c->replaced) {
		c->soon = 0;
		c->due_ms = now;
		return;
	}
	bool soon = accepted != 0 ? now - accepted < STEADY_MS : now - c->started.ms < SOON_MS;
	c->soon = soon ? c->soon + 1 : 1;
	int64_t left_alone = rest(c), wait = left_alone > 0 ? left_alone : back_off(c->soon);
	c->due_ms = now + wait;
	c->died = true;
	if (c->soon >= GIVE_UP && has_leader(s)) {
		log_error("%s: %s, for the %uth time: giving up", c->what->name, text, c->soon);
		c->due_ms = NEVER;
		s->status = STATUS_BAD;
		stop_all(s, s->job->config->settings.stop_timeout_ms);
		return;
	}
	if (left_alone > 0)
		log_error("%s: %s, %u times in a row: left alone for %lld s; everything else goes on", c->what->name,
		    text, c->soon, (long long)left_alone / 1000);
	else if (wait == 0)
		log_error("%s: %s; started again at once", c->what->name, text);
	else
		log_error("%s: %s; dies again and again, next start in %lld ms", c->what->name, text, (long long)wait);
}

/*
 * A child that stands still keeps its partitions, and perhaps a write lock of the bus: nobody on this host can go on
 * for it. So it is killed, which loses nothing, unless it goes on soon.
 */
static void stood_still(struct supervisor *s, struct child *c, int status)
{
	char text[80];
	int64_t wait_ms = s->job->config->settings.watchdog_ms;
	if (WIFCONTINUED(status)) {
		if (c->still_ms != NEVER)
			log_info("%s goes on", c->what->name);
		c->still_ms = NEVER;
		return;
	}
	proc_status_text(status, text, sizeof text);
	if (wait_ms > 0 && c->still_ms == NEVER)
		c->still_ms = clock_mono().ms + wait_ms;
	if (wait_ms > 0)
		log_warn("%s: %s; killed in %lld ms unless it goes on", c->what->name, text, (long long)wait_ms);
	else
		log_warn("%s: %s", c->what->name, text);
}

static void child_changed(struct supervisor *s, struct child *c, int status)
{
	if (WIFSTOPPED(status) || WIFCONTINUED(status))
		stood_still(s, c, status);
	else
		ended(s, c, status);
}

/* Nothing was begun, so nothing is to be undone. */
static void stay(struct supervisor *s, const char *why)
{
	log_error("%s; the old configuration and the old program stay", why);
	if (s->trial.config_fd >= 0)
		close(s->trial.config_fd);
	s->trial = (struct trial){.config_fd = -1};
	notify(NOTIFY_READY);
}

/*
 * The program that stands at our path now may be another than the one that runs, and the configuration may be meant for
 * it. So it is the one to judge both: it reads what it would be given, and says by its exit status whether it would go
 * on. One that does not start, or knows nothing of this, says no.
 */
static enum rc try_next(struct supervisor *s, struct err *e)
{
	char fd[16];
	const char *program = access(s->program, X_OK) == 0 ? s->program : program_running(s->program);
	const char *const argv[] = {
	    program, "run", "--config", s->job->file, "--checked", fd, "--try", s->job->config->settings.state, NULL};
	snprintf(fd, sizeof fd, "%d", s->trial.config_fd);
	s->trial.deadline_ms = clock_mono().ms + TRY_MS;
	return proc_start(argv, NULL, s->trial.config_fd, &s->trial.pid, e);
}

static enum rc become_next(struct supervisor *s, struct err *e)
{
	char config_fd[16], state_fd[16];
	struct handover h = {.lock_fd = s->job->lock_fd};
	for (unsigned i = 0; i < s->children; i++) {
		const struct child *c = &s->child[i];
		if (c->pid == 0)
			continue;
		struct handover_child *to = &h.child[h.children++];
		(void)str_copy(to->name, sizeof to->name, c->what->name);
		to->pid = c->pid;
		to->started_ms = c->started.ms;
	}
	int fd = -1;
	enum rc rc = handover_write(&h, &fd, e);
	if (rc != RC_OK)
		return rc;
	snprintf(config_fd, sizeof config_fd, "%d", s->trial.config_fd);
	snprintf(state_fd, sizeof state_fd, "%d", fd);
	const char *program = access(s->program, X_OK) == 0 ? s->program : program_running(s->program);
	const char *const argv[] = {
	    program, "run", "--config", s->job->file, "--checked", config_fd, "--take-over", state_fd, NULL};
	const int keep[] = {s->job->lock_fd, s->trial.config_fd, fd, -1};
	metric_accepting(s->job->figures, false);
	rc = handover_exec(argv, keep, e);
	metric_accepting(s->job->figures, true);
	close(fd);
	return rc;
}

static void tried(struct supervisor *s, int status)
{
	struct err e;
	char text[80];
	s->trial.pid = 0;
	if (s->stopping)
		return;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		proc_status_text(status, text, sizeof text);
		err_set(RC_BAD, &e, "%.300s with %.300s: %s", s->program, s->job->file, text);
		stay(s, e.text);
	} else if (become_next(s, &e) != RC_END) {
		stay(s, e.text);
	}
}

static void reap(struct supervisor *s)
{
	pid_t pid;
	int status;
	while (proc_reap(&pid, &status) == RC_OK) {
		if (pid == s->trial.pid && !WIFSTOPPED(status) && !WIFCONTINUED(status))
			tried(s, status);
		for (unsigned i = 0; i < s->children; i++)
			if (s->child[i].pid == pid)
				child_changed(s, &s->child[i], status);
	}
}

static void reload(struct supervisor *s)
{
	struct err e;
	char *text = NULL;
	size_t size = 0;
	notify(NOTIFY_RELOADING);
	enum rc rc = file_load(s->job->file, CONFIG_MAX, &text, &size, &e);
	if (rc == RC_END)
		rc = err_set(RC_BAD, &e, "%s: no such file", s->job->file);
	if (rc == RC_OK)
		rc = handover_seal("sluice-config", text, size, &s->trial.config_fd, &e);
	mem_free(&text);
	if (rc == RC_OK)
		rc = try_next(s, &e);
	if (rc != RC_OK)
		stay(s, e.text);
}

static void take_signals(struct supervisor *s)
{
	int stops = proc_stop_count();
	if (stops > s->stops) {
		bool at_once = stops > 1;
		if (s->stops == 0)
			log_info("stopping");
		notify(NOTIFY_STOPPING);
		stop_all(s, at_once ? AT_ONCE_MS : s->job->config->settings.stop_timeout_ms);
		s->stops = stops;
	}
	if (s->trial.pid == 0 && proc_reload_take() && !s->stopping && !has_leader(s))
		reload(s);
}

/* A child that ended and now takes new work again: say how long nobody did. */
static void tell_accepting(struct supervisor *s, struct child *c)
{
	int64_t since = c->pid != 0 ? accepting_ms(s, c, c->pid) : 0;
	if (since != 0) {
		log_info("%s takes new work again, %lld ms after the one before it ended", c->what->name,
		    (long long)(since - c->ended_ms));
		c->ended_ms = NEVER;
	} else if (clock_mono().ms - c->ended_ms > PATIENCE_MS) {
		c->ended_ms = NEVER;
	}
}

/* Is the child that was replaced last where it should be? One that dies is not, however long that goes on. */
static bool in_place(const struct supervisor *s, const struct child *c)
{
	if (c->superfluous)
		return c->pid == 0;
	return c->outdated || rest(c) > 0 ||
	       (c->pid != 0 && (accepting_ms(s, c, c->pid) != 0 || clock_mono().ms - c->started.ms > PATIENCE_MS));
}

/* One after the other, the collector last: a worker of today reads what a collector of yesterday wrote, not the other
 * way round. */
static void roll(struct supervisor *s)
{
	struct child *next = NULL;
	for (unsigned i = 0; i < s->children; i++) {
		struct child *c = &s->child[i];
		if (c->replaced || !in_place(s, c))
			return;
		if (c->outdated)
			next = c;
	}
	if (next != NULL) {
		next->replaced = true;
		ask_to_leave(s, next, s->job->config->settings.stop_timeout_ms);
		return;
	}
	s->rolling = false;
	log_info("every process runs with the new configuration, by sluice %s", SLUICE_VERSION);
	notify(NOTIFY_READY);
}

/* Start what is due, kill what did not leave in time; how long until the next of these. */
static int64_t keep_times(struct supervisor *s)
{
	int64_t now = clock_mono().ms, next = notify_interval_ms();
	next = next < 0 ? INT64_MAX : next;
	if (s->rolling && next > LOOK_MS)
		next = LOOK_MS;
	if (s->trial.pid != 0 && s->trial.deadline_ms <= now)
		kill(s->trial.pid, SIGKILL);
	else if (s->trial.pid != 0 && s->trial.deadline_ms - now < next)
		next = s->trial.deadline_ms - now;
	for (unsigned i = 0; i < s->children; i++) {
		struct child *c = &s->child[i];
		if (c->ended_ms != NEVER)
			tell_accepting(s, c);
		if (c->ended_ms != NEVER && next > LOOK_MS)
			next = LOOK_MS;
		if (c->due_ms != NEVER && c->due_ms <= now)
			start(s, c);
		if (c->pid != 0 && c->deadline_ms != NEVER && c->deadline_ms <= now) {
			log_error("%s did not leave in time: killed", c->what->name);
			kill(c->pid, SIGKILL);
			c->deadline_ms = NEVER;
		}
		if (c->pid != 0 && c->still_ms != NEVER && c->still_ms <= now) {
			log_error("%s stood still: killed", c->what->name);
			kill(c->pid, SIGKILL);
			c->still_ms = NEVER;
		}
		if (c->still_ms != NEVER && c->still_ms - now < next)
			next = c->still_ms - now;
		if (c->due_ms != NEVER && c->due_ms - now < next)
			next = c->due_ms - now;
		if (c->deadline_ms != NEVER && c->deadline_ms - now < next)
			next = c->deadline_ms - now;
	}
	return next == INT64_MAX ? -1 : next < 0 ? 0 : next;
}

static bool running(const struct supervisor *s)
{
	for (unsigned i = 0; i < s->children; i++)
		if (s->child[i].pid != 0)
			return true;
	return s->trial.pid != 0;
}

/* Children of the program before: they go on until their turn to be replaced comes. */
static void adopt(struct supervisor *s, const struct handover_child *h)
{
	struct child *c = NULL;
	for (unsigned i = 0; i < s->job->children; i++)
		if (strcmp(s->job->child[i].name, h->name) == 0 && s->child[i].pid == 0)
			c = &s->child[i];
	if (c == NULL && s->children < HANDOVER_CHILDREN) {
		unsigned i = s->children++;
		c = &s->child[i];
		*c = (struct child){.due_ms = NEVER, .deadline_ms = NEVER, .still_ms = NEVER, .ended_ms = NEVER};
		memcpy(s->superfluous_name[i], h->name, sizeof h->name);
		s->superfluous[i].name = s->superfluous_name[i];
		c->what = &s->superfluous[i];
		c->superfluous = true;
	}
	if (c == NULL)
		return; /* more of them than we can name: they end with us */
	c->pid = h->pid;
	c->started.ms = h->started_ms;
	c->outdated = !c->superfluous;
	if (c->superfluous)
		ask_to_leave(s, c, s->job->config->settings.stop_timeout_ms);
}

static void begin(struct supervisor *s)
{
	struct supervise_job *job = s->job;
	s->children = job->children;
	for (unsigned i = 0; i < job->children; i++)
		s->child[i] = (struct child){.what = &job->child[i],
		    .due_ms = NEVER,
		    .deadline_ms = NEVER,
		    .still_ms = NEVER,
		    .ended_ms = NEVER};
	for (unsigned i = 0; job->before != NULL && i < job->before->children; i++)
		adopt(s, &job->before->child[i]);
	for (unsigned i = 0; i < job->children; i++)
		if (s->child[i].pid == 0)
			start(s, &s->child[i]);
	s->rolling = job->before != NULL;
	if (s->rolling)
		log_info("configuration read again: the processes are replaced one after the other, by sluice %s",
		    SLUICE_VERSION);
	else
		notify(NOTIFY_READY);
	metric_accepting(job->figures, true);
}

enum status supervise(struct supervise_job *job)
{
	struct err e;
	struct supervisor s = {
	    .job = job, .began_ms = clock_wall().ns / 1000000, .config_fd = job->config_fd, .trial = {.config_fd = -1}};
	metric_set(job->figures, FIGURE_STOPPING, 0); /* of one that was killed while it stopped */
	program_path(s.program);
	if (s.config_fd < 0) {
		/* Read again: what the children get is byte for byte what was checked. */
		struct config *config = NULL;
		if (read_config(job->file, &config, &s.config_fd, &e) != RC_OK) {
			log_error("cannot begin: %s", e.text);
			config_free(&job->config);
			return STATUS_USAGE;
		}
		config_free(&job->config);
		job->config = config;
	}
	begin(&s);
	while (!s.stopping || running(&s)) {
		int64_t wait = keep_times(&s);
		struct pollfd wake = {.fd = proc_wake_fd(), .events = POLLIN};
		poll(&wake, 1, wait > INT32_MAX ? INT32_MAX : (int)wait);
		proc_wake_clear();
		notify(NOTIFY_ALIVE);
		reap(&s);
		take_signals(&s);
		if (s.stopping)
			stop_last(&s);
		if (s.rolling)
			roll(&s);
	}
	metric_set(job->figures, FIGURE_STOPPING, 0);
	if (s.stops > 0)
		log_info(s.status == STATUS_DONE ? "stopped: every process has drained"
		                                 : "stopped: what a process did not finish is done again next time");
	close(s.config_fd);
	config_free(&job->config);
	return s.status;
}

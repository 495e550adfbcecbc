/*
 * The process tree. The supervisor holds no data and opens no service, so that nothing but a signal can end it.
 *
 * Children read their configuration from a sealed copy of what was checked: a file that somebody is editing while a
 * child dies cannot stop the system.
 */
#include "app/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/notify.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "pipe/figures.h"

enum {
	SOON_MS = 5000, /* a life shorter than this counts as dying at once */
	BACK_OFF_MS = 100,
	BACK_OFF_MOST_MS = 10000,
	AT_ONCE_MS = 300, /* what a second signal leaves the children before SIGKILL */
	GIVE_UP = 8,      /* with a leader: so many soon deaths in a row end it all */
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
	bool replaced;       /* asked to leave for a new configuration */
	bool died;           /* the next start is a restart */
};

struct supervisor {
	struct supervise_job *job;
	struct child child[SUPERVISE_CHILDREN];
	int config_fd;
	char program[4096];
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

/* The binary that runs now, also when its file was replaced meanwhile. */
static void find_program(char out[4096])
{
	ssize_t n = readlink("/proc/self/exe", out, 4095);
	out[n > 0 ? n : 0] = '\0';
	if (n <= 0 || access(out, X_OK) != 0)
		strcpy(out, "/proc/self/exe");
}

/* The text of a checked configuration in memory, sealed: children read it under their own descriptor. */
static enum rc seal_config(const char *text, size_t size, int *out, struct err *e)
{
	int fd = memfd_create("sluice-config", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return err_sys(RC_FAIL, errno, e, "memfd_create");
	enum rc rc = file_write(fd, text, size, e);
	if (rc == RC_OK && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0)
		rc = err_sys(RC_FAIL, errno, e, "seal the configuration");
	if (rc == RC_OK)
		*out = fd;
	else
		close(fd);
	return rc;
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
		rc = seal_config(text, size, fd, e);
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
	char fd[16];
	const char *argv[16];
	size_t n = 0;
	const char *const *word = c->what->word;
	snprintf(fd, sizeof fd, "%d", s->config_fd);
	argv[n++] = s->program;
	argv[n++] = *word++;
	const char *const common[] = {"--config", s->job->file, "--config-fd", fd};
	for (size_t i = 0; i < 4; i++)
		argv[n++] = common[i];
	if (s->job->calm)
		argv[n++] = "--calm";
	if (c->died)
		argv[n++] = "--restarted";
	size_t words = 0;
	while (word[words] != NULL)
		words++;
	const char **all = mem_zero(n + words + 1, sizeof *all);
	memcpy(all, argv, n * sizeof *all);
	memcpy(all + n, word, words * sizeof *all);
	c->due_ms = c->deadline_ms = c->still_ms = NEVER;
	c->started = clock_mono();
	c->replaced = false;
	if (proc_start(all, s->config_fd, &c->pid, &e) == RC_OK) {
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
	metric_set(s->job->figures, FIGURE_STOPPING, 1);
	for (unsigned i = 0; i < s->job->children; i++) {
		s->child[i].due_ms = NEVER;
		if (!s->child[i].what->last || wait_ms == AT_ONCE_MS)
			ask_to_leave(s, &s->child[i], wait_ms);
	}
}

/* Those that are to be the last, once they are. */
static void stop_last(struct supervisor *s)
{
	for (unsigned i = 0; i < s->job->children; i++)
		if (s->child[i].pid != 0 && !s->child[i].what->last)
			return;
	for (unsigned i = 0; i < s->job->children; i++)
		if (s->child[i].deadline_ms == NEVER)
			ask_to_leave(s, &s->child[i], s->job->config->settings.stop_timeout_ms);
}

static int64_t back_off(unsigned soon)
{
	int64_t wait = 0;
	for (unsigned i = 1; i < soon && wait < BACK_OFF_MOST_MS; i++)
		wait = wait == 0 ? BACK_OFF_MS : 2 * wait;
	return wait < BACK_OFF_MOST_MS ? wait : BACK_OFF_MOST_MS;
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
	int64_t now = clock_mono().ms;
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
	if (c->replaced) {
		c->soon = 0;
		c->due_ms = now;
		return;
	}
	c->soon = now - c->started.ms < SOON_MS ? c->soon + 1 : 1;
	int64_t wait = back_off(c->soon);
	c->due_ms = now + wait;
	c->died = true;
	if (c->soon >= GIVE_UP && has_leader(s)) {
		log_error("%s: %s, for the %uth time: giving up", c->what->name, text, c->soon);
		c->due_ms = NEVER;
		s->status = STATUS_BAD;
		stop_all(s, s->job->config->settings.stop_timeout_ms);
		return;
	}
	if (wait == 0)
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

static void reap(struct supervisor *s)
{
	pid_t pid;
	int status;
	while (proc_reap(&pid, &status) == RC_OK)
		for (unsigned i = 0; i < s->job->children; i++)
			if (s->child[i].pid == pid)
				child_changed(s, &s->child[i], status);
}

/* The lock, the figures and the children's ledger lie in the state folder: it cannot change under them. */
static enum rc same_state(const struct config *now, const struct config *next, struct err *e)
{
	if (strcmp(now->settings.state, next->settings.state) == 0)
		return RC_OK;
	return err_set(RC_BAD, e, "%s: state: cannot change while running", next->settings.file);
}

static void reload(struct supervisor *s)
{
	struct err e;
	struct config *next = NULL;
	int fd = -1;
	notify(NOTIFY_RELOADING);
	enum rc rc = read_config(s->job->file, &next, &fd, &e);
	if (rc == RC_OK)
		rc = same_state(s->job->config, next, &e);
	if (rc != RC_OK) {
		log_error("%s; the old configuration stays", e.text);
		config_free(&next);
		if (fd >= 0)
			close(fd);
		notify(NOTIFY_READY);
		return;
	}
	config_free(&s->job->config);
	s->job->config = next;
	close(s->config_fd);
	s->config_fd = fd;
	log_info("configuration read again: the processes are replaced");
	for (unsigned i = 0; i < s->job->children; i++) {
		s->child[i].replaced = s->child[i].pid != 0;
		ask_to_leave(s, &s->child[i], next->settings.stop_timeout_ms);
	}
	notify(NOTIFY_READY);
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
	if (proc_reload_take() && !s->stopping && !has_leader(s))
		reload(s);
}

/* Start what is due, kill what did not leave in time; how long until the next of these. */
static int64_t keep_times(struct supervisor *s)
{
	int64_t now = clock_mono().ms, next = notify_interval_ms();
	next = next < 0 ? INT64_MAX : next;
	for (unsigned i = 0; i < s->job->children; i++) {
		struct child *c = &s->child[i];
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
	for (unsigned i = 0; i < s->job->children; i++)
		if (s->child[i].pid != 0)
			return true;
	return false;
}

enum status supervise(struct supervise_job *job)
{
	struct err e;
	struct supervisor s = {.job = job, .config_fd = -1};
	metric_set(job->figures, FIGURE_STOPPING, 0); /* of one that was killed while it stopped */
	find_program(s.program);
	/* Read again: what the children get is byte for byte what was checked. */
	struct config *config = NULL;
	if (read_config(job->file, &config, &s.config_fd, &e) != RC_OK) {
		log_error("%s", e.text);
		config_free(&job->config);
		return STATUS_USAGE;
	}
	config_free(&job->config);
	job->config = config;
	for (unsigned i = 0; i < job->children; i++) {
		s.child[i].what = &job->child[i];
		start(&s, &s.child[i]);
	}
	notify(NOTIFY_READY);
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
	}
	metric_set(job->figures, FIGURE_STOPPING, 0);
	close(s.config_fd);
	config_free(&job->config);
	return s.status;
}

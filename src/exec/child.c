/*
 * fork and exec with everything closed, bounded and watched.
 *
 * Input and output are files and not pipes: a program that writes before it has read can then never wait for us while
 * we wait for it, and a limit of the kernel bounds what it writes.
 */
#include "exec/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/proc.h"

enum {
	STEP_MS = 20,   /* how late an end is seen of a program that closed its standard error */
	FILES = 256,    /* open at once */
	CPU_TIMES = 4,  /* processor seconds for each of the clock, at most: bounds what escapes the group */
	LATE_MS = 1000, /* for what is in the pipe of a killed group */
	DRAIN = 64 << 10,
};

#define PATH_DEFAULT "/usr/local/bin:/usr/bin:/bin"

static const char *path_list(void)
{
	const char *path = getenv("PATH");
	return path != NULL && path[0] != '\0' ? path : PATH_DEFAULT;
}

static bool may_run(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

enum rc child_find(const char *name, char **out, struct err *e)
{
	if (strchr(name, '/') != NULL) {
		if (!may_run(name))
			return err_set(RC_BAD, e, "%.200s: no such program, or it may not be run", name);
		*out = mem_text(name);
		return RC_OK;
	}
	for (const char *p = path_list(); name[0] != '\0'; p++) {
		size_t len = strcspn(p, ":");
		char *path = mem_format("%.*s/%s", (int)len, p, name);
		if (len > 0 && may_run(path)) {
			*out = path;
			return RC_OK;
		}
		mem_free(&path);
		p += len;
		if (*p == '\0')
			break;
	}
	return err_set(RC_BAD, e, "no program \"%.100s\" in %.300s", name, path_list());
}

struct environment {
	char *entry[6];
	unsigned count;
};

static void add_variable(struct environment *v, const char *name, const char *value)
{
	if (value != NULL)
		v->entry[v->count++] = mem_format("%s=%s", name, value);
}

static void make_environment(struct environment *v)
{
	const char *home = getenv("HOME");
	*v = (struct environment){.count = 0};
	add_variable(v, "PATH", path_list());
	add_variable(v, "HOME", home != NULL ? home : "/");
	add_variable(v, "TMPDIR", getenv("TMPDIR"));
	add_variable(v, "TZ", "UTC");
	add_variable(v, "LC_ALL", "C.UTF-8");
}

/* What the child needs, all of it made before fork: between fork and exec only async-signal-safe calls are allowed. */
struct start {
	const struct child *program;
	struct environment environment;
	int null, error;
	pid_t parent;
};

static bool bound(int what, uint64_t most)
{
	struct rlimit now, limit = {.rlim_cur = most, .rlim_max = most};
	if (getrlimit(what, &now) == 0 && now.rlim_max < most)
		limit.rlim_cur = limit.rlim_max = now.rlim_max;
	return setrlimit(what, &limit) == 0;
}

static bool bound_all(const struct child_limits *l)
{
	return bound(RLIMIT_AS, l->memory_bytes) && bound(RLIMIT_FSIZE, l->output_bytes + 1) && bound(RLIMIT_CORE, 0) &&
	       bound(RLIMIT_NOFILE, FILES) && bound(RLIMIT_CPU, (uint64_t)l->timeout_ms / 1000 * CPU_TIMES + CPU_TIMES);
}

/* Descriptors at their numbers. They are moved up first, so that none is written over before it is used. */
static bool place_descriptors(const struct start *s)
{
	const struct child *c = s->program;
	bool by_path = c->input >= 0 && c->by_path;
	int from[4] = {
	    c->input >= 0 && !by_path ? c->input : s->null, c->output, s->error, by_path ? c->input : s->null};
	for (int i = 0; i < 4; i++)
		if ((from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 64)) < 0)
			return false;
	for (int i = 0; i < 3 + by_path; i++)
		if (dup2(from[i], i) < 0)
			return false;
	return close_range(3 + by_path, ~0U, CLOSE_RANGE_CLOEXEC) == 0;
}

static _Noreturn void become(const struct start *s, int report)
{
	const struct child *c = s->program;
	setpgid(0, 0);
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigset_t none;
	sigemptyset(&none);
	/* The parent may have died before it could be watched. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	    getppid() == s->parent && place_descriptors(s) && bound_all(&c->limits) &&
	    sigprocmask(SIG_SETMASK, &none, NULL) == 0)
		execve(c->path, (char *const *)(uintptr_t)c->argv, s->environment.entry);
	int sys = errno;
	if (write(report, &sys, sizeof sys) < 0)
		_exit(126);
	_exit(127);
}

/* exec closes the pipe; a number in it is why exec did not happen. */
static int start_result(int report, pid_t child)
{
	int sys = 0;
	ssize_t n;
	do
		n = read(report, &sys, sizeof sys);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof sys)
		return 0;
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	return sys != 0 ? sys : ECHILD;
}

static enum rc start_failed(int sys, const struct child *c, struct err *e)
{
	/* A program that is gone may be on its way back: packages are replaced under running daemons. */
	bool never = sys == ENOEXEC || sys == EACCES || sys == E2BIG || sys == ELOOP;
	return err_sys(never ? RC_BAD : RC_AGAIN, sys, e, "cannot start %.200s", c->path);
}

static enum rc start(struct start *s, pid_t *pid, struct err *e)
{
	int report[2];
	if (pipe2(report, O_CLOEXEC) != 0)
		return start_failed(errno, s->program, e);
	/* Blocked, so that a signal sent at once meets the default action and not our handler. */
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	s->parent = getpid();
	/* Above what place_descriptors fills. */
	int up = fcntl(report[1], F_DUPFD_CLOEXEC, 64);
	pid_t child = up >= 0 ? fork() : -1;
	int sys = errno;
	if (child == 0)
		become(s, up);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	close(report[1]);
	if (up >= 0)
		close(up);
	if (child > 0) {
		/* Here too, so that there is a group whoever comes first. */
		setpgid(child, child);
		sys = start_result(report[0], child);
	}
	close(report[0]);
	if (child < 0 || sys != 0)
		return start_failed(sys, s->program, e);
	*pid = child;
	return RC_OK;
}

/* Keep what fits, drop the rest, so that the program never waits. false: nobody holds the other end any more. */
static bool take_error(int fd, struct child_end *end)
{
	char bytes[4096];
	for (size_t total = 0; total < DRAIN;) {
		ssize_t n = read(fd, bytes, sizeof bytes);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0;
		size_t room = sizeof end->note - end->note_len, take = (size_t)n < room ? (size_t)n : room;
		memcpy(end->note + end->note_len, bytes, take);
		end->note_len += take;
		total += (size_t)n;
	}
	return true;
}

/* Ended, but not reaped: its number still names the group, and nobody else's. */
static bool has_ended(pid_t child)
{
	siginfo_t info = {.si_pid = 0};
	return waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == child;
}

/* Until it ends by itself or has to be ended; RC_AGAIN: we were asked to stop. */
static enum rc watch(pid_t child, int error, int64_t timeout_ms, struct child_end *end, struct err *e)
{
	struct mono begun = clock_mono();
	bool open = true;
	int stops = proc_stop_count();
	while (!has_ended(child)) {
		if (mono_since(begun) >= timeout_ms) {
			end->timed_out = true;
			return RC_OK;
		}
		if (proc_stop_count() != stops)
			return err_set(RC_AGAIN, e, "asked to stop");
		struct pollfd p = {.fd = open ? error : -1, .events = POLLIN};
		if (poll(&p, 1, STEP_MS) > 0)
			open = take_error(error, end);
	}
	return RC_OK;
}

static void finish(pid_t child, int error, struct child_end *end)
{
	kill(-child, SIGKILL);
	kill(child, SIGKILL);
	while (waitpid(child, &end->status, 0) < 0 && errno == EINTR)
		;
	/* What was written before the end is in the pipe already. Who escaped the group may hold it open: he is not
	 * waited for. */
	struct mono begun = clock_mono();
	struct pollfd p = {.fd = error, .events = POLLIN};
	while (mono_since(begun) < LATE_MS && poll(&p, 1, 0) > 0 && take_error(error, end))
		;
}

enum rc child_run(const struct child *c, struct child_end *end, struct err *e)
{
	struct start s = {.program = c};
	int error[2];
	pid_t child = 0;
	*end = (struct child_end){.status = 0};
	if (pipe2(error, O_CLOEXEC) != 0)
		return start_failed(errno, c, e);
	fcntl(error[0], F_SETFL, O_NONBLOCK);
	s.error = error[1];
	s.null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	make_environment(&s.environment);
	enum rc rc = s.null >= 0 ? start(&s, &child, e) : start_failed(errno, c, e);
	close(error[1]);
	if (s.null >= 0)
		close(s.null);
	if (rc == RC_OK) {
		rc = watch(child, error[0], c->limits.timeout_ms, end, e);
		finish(child, error[0], end);
	}
	close(error[0]);
	for (unsigned i = 0; i < s.environment.count; i++)
		mem_free(&s.environment.entry[i]);
	return rc;
}

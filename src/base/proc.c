/*
 * proc: children by argument vector, and signals as counters and one descriptor that poll can wait for.
 */
#include "base/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

/* Set by handlers only; lock-free, so that a handler may. */
static atomic_int stops;
static atomic_int reloads;
static atomic_int wake_fd = -1;

static void on_signal(int signal)
{
	int saved = errno;
	if (signal == SIGTERM || signal == SIGINT)
		atomic_fetch_add(&stops, 1);
	else if (signal == SIGHUP)
		atomic_store(&reloads, 1);
	uint64_t one = 1;
	/* It only fails when the counter is full, and then it is readable already. */
	ssize_t ignored = write(atomic_load(&wake_fd), &one, sizeof one);
	(void)ignored;
	errno = saved;
}

void proc_signals(void)
{
	static const int handled[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD};
	if (atomic_load(&wake_fd) < 0)
		atomic_store(&wake_fd, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof handled / sizeof handled[0]; i++)
		sigaction(handled[i], &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* A program that this one became after another, or that was started so, has what came meanwhile waiting. */
	sigset_t ours;
	sigemptyset(&ours);
	for (size_t i = 0; i < sizeof handled / sizeof handled[0]; i++)
		sigaddset(&ours, handled[i]);
	pthread_sigmask(SIG_UNBLOCK, &ours, NULL);
}

int proc_stop_count(void)
{
	return atomic_load(&stops);
}

bool proc_reload_take(void)
{
	return atomic_exchange(&reloads, 0) != 0;
}

int proc_wake_fd(void)
{
	return atomic_load(&wake_fd);
}

void proc_wake_clear(void)
{
	uint64_t count;
	while (read(atomic_load(&wake_fd), &count, sizeof count) > 0)
		;
}

/* Between fork and exec only async-signal-safe calls are allowed: other threads may have held any lock. */
static void close_on_exec_from(int first)
{
	struct rlimit limit;
	if (close_range((unsigned)first, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
		return;
	int end = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 65536 ? (int)limit.rlim_cur : 65536;
	for (int fd = first; fd < end; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* All signals are blocked here, so that a SIGTERM sent at once meets the default action, not our handler. */
static _Noreturn void become(
    const char *const argv[], const char *const env[], int keep_fd, int out_fd, int report_fd, pid_t parent)
{
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	if (out_fd >= 0) {
		int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (null < 0 || dup2(null, 0) < 0 || dup2(out_fd, 1) < 0 || dup2(out_fd, 2) < 0)
			_exit(126);
	}
	close_on_exec_from(3);
	if (keep_fd >= 0)
		fcntl(keep_fd, F_SETFD, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* The parent may have died before it could be watched. */
	if (getppid() == parent)
		execve(argv[0], (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)env);
	int sys = errno;
	if (write(report_fd, &sys, sizeof sys) < 0)
		_exit(126);
	_exit(127);
}

enum rc proc_start(const char *const argv[], const char *const env[], int keep_fd, pid_t *pid, struct err *e)
{
	return proc_start_to(argv, env, keep_fd, -1, pid, e);
}

enum rc proc_start_to(
    const char *const argv[], const char *const env[], int keep_fd, int out_fd, pid_t *pid, struct err *e)
{
	int report[2];
	if (pipe2(report, O_CLOEXEC) != 0)
		return err_sys(RC_FAIL, errno, e, "cannot start %s", argv[0]);
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid_t parent = getpid(), child = fork();
	int sys = errno;
	if (child == 0)
		become(argv, env != NULL ? env : (const char *const *)environ, keep_fd, out_fd, report[1], parent);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	close(report[1]);
	if (child < 0) {
		close(report[0]);
		return err_sys(RC_FAIL, sys, e, "cannot start %s", argv[0]);
	}
	/* exec closes the pipe; a number in it is why exec did not happen. */
	ssize_t n;
	do
		n = read(report[0], &sys, sizeof sys);
	while (n < 0 && errno == EINTR);
	close(report[0]);
	if (n == (ssize_t)sizeof sys) {
		while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
			;
		return err_sys(RC_FAIL, sys, e, "cannot start %s", argv[0]);
	}
	*pid = child;
	return RC_OK;
}

void proc_self(char out[PROC_PATH])
{
	static const char link[] = "/proc/self/exe";
	ssize_t n = readlink(link, out, PROC_PATH - 1);
	out[n > 0 ? n : 0] = '\0';
	if (n <= 0 || access(out, X_OK) != 0)
		memcpy(out, link, sizeof link);
}

enum rc proc_reap(pid_t *pid, int *status)
{
	int s;
	pid_t p = waitpid(-1, &s, WNOHANG | WUNTRACED | WCONTINUED);
	if (p <= 0)
		return RC_END;
	*pid = p;
	*status = s;
	return RC_OK;
}

const char *proc_status_text(int status, char *out, int size)
{
	if (WIFEXITED(status)) {
		snprintf(out, (size_t)size, "exit %d", WEXITSTATUS(status));
	} else if (WIFSIGNALED(status)) {
		const char *name = sigdescr_np(WTERMSIG(status));
		snprintf(
		    out, (size_t)size, "killed by signal %d (%s)", WTERMSIG(status), name != NULL ? name : "unknown");
	} else if (WIFSTOPPED(status)) {
		const char *name = sigabbrev_np(WSTOPSIG(status));
		snprintf(out, (size_t)size, "stopped by SIG%s", name != NULL ? name : "?");
	} else {
		snprintf(out, (size_t)size, "status %d", status);
	}
	return out;
}

/* "Name:	 123 kB" in the text of /proc/PID/status */
static uint64_t status_kib(const char *text, const char *name)
{
	const char *line = strstr(text, name);
	return line != NULL ? strtoull(line + strlen(name), NULL, 10) : 0;
}

enum { STATUS_MAX = 64 << 10, BELOW_MOST = 4 };

/* What /proc says of a process, NULL if it is gone. */
static char *about(pid_t pid, const char *file)
{
	char path[96], *text = NULL;
	size_t size;
	struct err e;
	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
	return file_load(path, STATUS_MAX, &text, &size, &e) == RC_OK ? text : NULL;
}

uint64_t proc_memory(pid_t pid)
{
	char *text = about(pid != 0 ? pid : getpid(), "status");
	uint64_t kib = text != NULL ? status_kib(text, "\nRssAnon:") + status_kib(text, "\nRssShmem:") : 0;
	mem_free(&text);
	return kib * 1024;
}

static bool is_called(const char *status, const char *name)
{
	size_t n = strlen(name);
	return strncmp(status, "Name:\t", 6) == 0 && strncmp(status + 6, name, n) == 0 && status[6 + n] == '\n';
}

static uint64_t below(pid_t pid, const char *name, int depth);

static uint64_t below_thread(pid_t pid, const char *thread, const char *name, int depth)
{
	char file[64];
	uint64_t sum = 0;
	snprintf(file, sizeof file, "task/%.20s/children", thread);
	char *list = about(pid, file), *rest = NULL;
	for (char *p = list != NULL ? strtok_r(list, " ", &rest) : NULL; p != NULL; p = strtok_r(NULL, " ", &rest)) {
		pid_t child = (pid_t)strtol(p, NULL, 10);
		char *status = about(child, "status");
		if (status != NULL && (name == NULL || is_called(status, name)))
			sum += status_kib(status, "\nRssAnon:") * 1024 + below(child, NULL, depth + 1);
		mem_free(&status);
	}
	mem_free(&list);
	return sum;
}

/* A child is its thread's. name NULL: all. */
static uint64_t below(pid_t pid, const char *name, int depth)
{
	char path[64];
	uint64_t sum = 0;
	snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	DIR *dir = depth < BELOW_MOST ? opendir(path) : NULL;
	if (dir == NULL)
		return 0;
	for (const struct dirent *d = readdir(dir); d != NULL; d = readdir(dir))
		if (d->d_name[0] != '.')
			sum += below_thread(pid, d->d_name, name, depth);
	closedir(dir);
	return sum;
}

uint64_t proc_memory_below(pid_t pid, const char *name)
{
	return below(pid, name, 0);
}

uint64_t proc_files(uint64_t *most)
{
	struct rlimit limit = {0};
	uint64_t count = 0;
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	*most = limit.rlim_cur;
	DIR *dir = opendir("/proc/self/fd");
	if (dir == NULL)
		return errno == EMFILE || errno == ENFILE ? *most : 0;
	for (const struct dirent *d = readdir(dir); d != NULL; d = readdir(dir))
		count += d->d_name[0] != '.';
	closedir(dir);
	return count - 1; /* the folder's own */
}

enum rc proc_allow_files(uint64_t most, uint64_t *got, struct err *e)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return err_sys(RC_FAIL, errno, e, "limit of open files");
	limit.rlim_cur = most < limit.rlim_max ? most : limit.rlim_max;
	*got = limit.rlim_cur;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		return err_sys(RC_FAIL, errno, e, "limit of open files");
	return RC_OK;
}

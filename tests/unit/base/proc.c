/* proc: what a child inherits and what not, and signals as flags. */
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static int wait_for(pid_t pid)
{
	int status;
	while (waitpid(pid, &status, 0) < 0)
		assert_int_equal(errno, EINTR);
	return status;
}

/* The exit status of a shell command in a child of proc_start. */
static int shell(const char *command, int keep_fd)
{
	struct err e;
	pid_t pid;
	const char *const argv[] = {"/bin/sh", "-c", command, NULL};
	assert_int_equal(proc_start(argv, NULL, keep_fd, &pid, &e), RC_OK);
	int status = wait_for(pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void a_child_gets_one_descriptor_and_no_other(void **state)
{
	char command[256];
	int secret = open("/dev/null", O_RDONLY), high = fcntl(secret, F_DUPFD, 200);
	int kept = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_true(secret > 2 && high >= 200 && kept > 2);
	snprintf(command, sizeof command, "[ -e /proc/$$/fd/%d ] && ! [ -e /proc/$$/fd/%d ] && ! [ -e /proc/$$/fd/%d ]",
	    kept, secret, high);
	assert_int_equal(shell(command, kept), 0);
	snprintf(command, sizeof command, "! [ -e /proc/$$/fd/%d ] && ! [ -e /proc/$$/fd/%d ]", kept, secret);
	assert_int_equal(shell(command, -1), 0);
	/* and the parent lost nothing */
	assert_true(fcntl(secret, F_GETFD) >= 0 && fcntl(high, F_GETFD) >= 0 && fcntl(kept, F_GETFD) >= 0);
	close(secret);
	close(high);
	close(kept);
}

static void a_child_starts_with_fresh_signals(void **state)
{
	sigset_t some, before;
	sigemptyset(&some);
	sigaddset(&some, SIGUSR2);
	proc_signals();
	pthread_sigmask(SIG_BLOCK, &some, &before);
	/* nothing blocked, nothing ignored, not even the SIGPIPE that we ignore; exec, because a shell blocks what it
	 * waits for */
	int blocked = shell("exec grep -q 'SigBlk:.*[08]0000000$' /proc/self/status", -1);
	/* 32 and 33 are libc's own, which posix_spawn leaves ignored */
	int ignored = shell("exec grep -q 'SigIgn:.*[08]0000000$' /proc/self/status", -1);
	sigset_t now;
	pthread_sigmask(SIG_SETMASK, &before, &now);
	assert_int_equal(blocked, 0);
	assert_int_equal(ignored, 0);
	assert_true(sigismember(&now, SIGUSR2));
	assert_false(sigismember(&now, SIGTERM));
}

static void arguments_are_no_shell_words(void **state)
{
	struct err e;
	pid_t pid;
	const char *const argv[] = {"/usr/bin/test", "$(exit 1) *", "=", "$(exit 1) *", NULL};
	assert_int_equal(proc_start(argv, NULL, -1, &pid, &e), RC_OK);
	assert_int_equal(WEXITSTATUS(wait_for(pid)), 0);
}

static void what_a_child_says_goes_where_it_should(void **state)
{
	struct err e;
	pid_t pid;
	int ends[2];
	char said[64] = "";
	const char *const argv[] = {"/bin/sh", "-c", "echo out; echo err >&2; cat", NULL};
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(proc_start_to(argv, NULL, -1, ends[1], &pid, &e), RC_OK);
	close(ends[1]);
	assert_int_equal(WEXITSTATUS(wait_for(pid)), 0);
	assert_int_equal(read(ends[0], said, sizeof said - 1), 8);
	assert_string_equal(said, "out\nerr\n");
	/* and nobody holds the other end */
	assert_int_equal(read(ends[0], said, sizeof said), 0);
	close(ends[0]);
}

static void a_program_that_is_not_there_is_an_error_of_start(void **state)
{
	struct err e;
	pid_t pid = 4711;
	const char *const argv[] = {"/no/such/program", NULL};
	assert_int_equal(proc_start(argv, NULL, -1, &pid, &e), RC_FAIL);
	assert_int_equal(e.sys, ENOENT);
	assert_non_null(strstr(e.text, "/no/such/program"));
	assert_int_equal(pid, 4711);
	/* no zombie either */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void a_child_ends_with_its_parent(void **state)
{
	int fds[2];
	char byte;
	struct err e;
	assert_int_equal(pipe(fds), 0);
	pid_t parent = fork();
	if (parent == 0) {
		pid_t child;
		close(fds[0]);
		/* the sleeper alone holds the writing end once this process is dead */
		const char *const argv[] = {"/bin/sleep", "60", NULL};
		_exit(proc_start(argv, NULL, fds[1], &child, &e) == RC_OK ? 0 : 1);
	}
	close(fds[1]);
	assert_int_equal(WEXITSTATUS(wait_for(parent)), 0);
	struct pollfd poll_end = {.fd = fds[0], .events = POLLIN};
	assert_int_equal(poll(&poll_end, 1, 10000), 1);
	assert_int_equal(read(fds[0], &byte, 1), 0);
	close(fds[0]);
}

static void reap_tells_how_a_child_ended(void **state)
{
	struct err e;
	pid_t pid, reaped = 0;
	int status;
	char text[64];
	const char *const argv[] = {"/bin/sh", "-c", "kill -9 $$", NULL};
	assert_int_equal(proc_reap(&reaped, &status), RC_END);
	assert_int_equal(proc_start(argv, NULL, -1, &pid, &e), RC_OK);
	struct mono start = clock_mono();
	enum rc rc;
	while ((rc = proc_reap(&reaped, &status)) == RC_END && mono_since(start) < 10000)
		clock_sleep_ms(1);
	assert_int_equal(rc, RC_OK);
	assert_int_equal(reaped, pid);
	assert_string_equal(proc_status_text(status, text, sizeof text), "killed by signal 9 (Killed)");
	assert_string_equal(proc_status_text(3 << 8, text, sizeof text), "exit 3");
}

static bool is_awake(void)
{
	struct pollfd p = {.fd = proc_wake_fd(), .events = POLLIN};
	return poll(&p, 1, 0) == 1;
}

static void signals_count_and_wake(void **state)
{
	proc_signals();
	proc_wake_clear();
	int stops = proc_stop_count();
	assert_false(is_awake());
	raise(SIGTERM);
	assert_true(is_awake());
	proc_wake_clear();
	assert_false(is_awake());
	raise(SIGINT);
	assert_int_equal(proc_stop_count(), stops + 2);
	assert_false(proc_reload_take());
	raise(SIGHUP);
	raise(SIGHUP);
	assert_true(proc_reload_take());
	assert_false(proc_reload_take());
	proc_wake_clear();
	raise(SIGUSR1);
	assert_true(is_awake());
	assert_int_equal(proc_stop_count(), stops + 2);
	raise(SIGPIPE);
	proc_wake_clear();
}

static void memory_counts_what_is_touched(void **state)
{
	enum { SIZE = 64 << 20 };
	uint64_t before = proc_memory(0);
	assert_true(before > 0);
	char *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (size_t i = 0; i < SIZE; i += 4096)
		p[i] = 1;
	uint64_t after = proc_memory(getpid());
	munmap(p, SIZE);
	/* a sanitizer's shadow counts too */
	assert_in_range(after - before, SIZE - (8 << 20), 4 * (uint64_t)SIZE);
	assert_int_equal(proc_memory(0x7ffffff0), 0);
}

static void memory_below_is_of_those_of_that_name(void **state)
{
	enum { SIZE = 16 << 20 };
	char byte;
	int ready[2];
	assert_int_equal(pipe(ready), 0);
	pid_t child = fork();
	if (child == 0) {
		prctl(PR_SET_NAME, "one-below");
		char *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		for (size_t i = 0; i < SIZE; i += 4096)
			p[i] = 1;
		(void)!write(ready[1], "", 1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	/* The kernel may be built without lists of children. */
	if (access("/proc/thread-self/children", R_OK) == 0)
		assert_in_range(proc_memory_below(getpid(), "one-below"), SIZE, 16 * (uint64_t)SIZE);
	assert_int_equal(proc_memory_below(getpid(), "one-bel"), 0);
	assert_int_equal(proc_memory_below(0x7ffffff0, "one-below"), 0);
	kill(child, SIGKILL);
	wait_for(child);
	close(ready[0]);
	close(ready[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_child_gets_one_descriptor_and_no_other),
	    cmocka_unit_test(a_child_starts_with_fresh_signals),
	    cmocka_unit_test(arguments_are_no_shell_words),
	    cmocka_unit_test(what_a_child_says_goes_where_it_should),
	    cmocka_unit_test(a_program_that_is_not_there_is_an_error_of_start),
	    cmocka_unit_test(a_child_ends_with_its_parent),
	    cmocka_unit_test(reap_tells_how_a_child_ended),
	    cmocka_unit_test(signals_count_and_wake),
	    cmocka_unit_test(memory_counts_what_is_touched),
	    cmocka_unit_test(memory_below_is_of_those_of_that_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

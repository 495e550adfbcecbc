/* file: what is left on disk after each operation, the good and the refused ones. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* Each test works in a directory of its own, which is the current one. */
static int setup(void **state)
{
	const char *base = getenv("TMPDIR");
	char *place = mem_format("%s/sluice-file-XXXXXX", base != NULL ? base : "/tmp");
	*state = place;
	return mkdtemp(place) == NULL || chdir(place) != 0;
}

static int teardown(void **state)
{
	char *place = *state;
	struct err e;
	int failed = chdir("/") != 0 || file_remove_tree(place, &e) != RC_OK || access(place, F_OK) == 0;
	mem_free(&place);
	return failed;
}

static void make(const char *path, const char *content)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(content, f);
	fclose(f);
}

static void assert_content(const char *path, const char *content)
{
	char *bytes;
	size_t size;
	struct err e;
	assert_int_equal(file_load(path, 1 << 20, &bytes, &size, &e), RC_OK);
	assert_int_equal(size, strlen(content));
	assert_string_equal(bytes, content);
	mem_free(&bytes);
}

static void load_tells_absent_from_too_long(void **state)
{
	char *bytes = NULL;
	size_t size;
	struct err e;
	assert_int_equal(file_load("absent", 10, &bytes, &size, &e), RC_END);
	make("ten", "0123456789");
	assert_int_equal(file_load("ten", 10, &bytes, &size, &e), RC_OK);
	assert_int_equal(size, 10);
	assert_int_equal(bytes[10], '\0');
	mem_free(&bytes);
	assert_int_equal(file_load("ten", 9, &bytes, &size, &e), RC_BAD);
	assert_non_null(strstr(e.text, "ten is longer than 9 bytes"));
	make("empty", "");
	assert_int_equal(file_load("empty", 0, &bytes, &size, &e), RC_OK);
	assert_int_equal(size, 0);
	mem_free(&bytes);
	assert_int_equal(file_load(".", 10, &bytes, &size, &e), RC_FAIL);
	assert_null(bytes);
}

static void *feed(void *argument)
{
	int fd = open("pipe", O_WRONLY);
	for (int i = 0; i < 1000; i++)
		if (write(fd, "0123456789", 10) != 10)
			break;
	close(fd);
	return NULL;
}

static void load_reads_what_has_no_size(void **state)
{
	pthread_t thread;
	char *bytes;
	size_t size;
	struct err e;
	assert_int_equal(mkfifo("pipe", 0600), 0);
	for (int pass = 0; pass < 2; pass++) {
		assert_int_equal(pthread_create(&thread, NULL, feed, NULL), 0);
		enum rc rc = file_load("pipe", pass == 0 ? 10000 : 9999, &bytes, &size, &e);
		pthread_join(thread, NULL);
		assert_int_equal(rc, pass == 0 ? RC_OK : RC_BAD);
		if (rc == RC_OK) {
			assert_int_equal(size, 10000);
			mem_free(&bytes);
		}
	}
	assert_int_equal(file_load("/proc/self/status", 1 << 20, &bytes, &size, &e), RC_OK);
	assert_true(size > 100);
	mem_free(&bytes);
}

static void store_replaces_whole_and_leaves_nothing_beside(void **state)
{
	struct err e;
	struct stat st;
	assert_int_equal(file_store("f", "old", 3, 0600, &e), RC_OK);
	assert_int_equal(file_store("f", "newer", 5, 0640, &e), RC_OK);
	assert_content("f", "newer");
	assert_int_equal(stat("f", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	mkdir("taken", 0700);
	make("taken/x", "");
	assert_int_equal(file_store("taken", "x", 1, 0600, &e), RC_FAIL);
	assert_non_null(strstr(e.text, "taken"));
	assert_int_equal(file_store("no/such/f", "x", 1, 0600, &e), RC_FAIL);
	/* f and taken are all there is: no temporary file stayed */
	assert_int_equal(unlink("f"), 0);
	assert_int_equal(unlink("taken/x"), 0);
	assert_int_equal(rmdir("taken"), 0);
	assert_int_equal(chdir(".."), 0);
	assert_int_equal(rmdir(*state), 0);
	assert_int_equal(mkdir(*state, 0700), 0);
}

static void a_full_device_is_worth_another_try(void **state)
{
	struct err e;
	int fd = open("/dev/full", O_WRONLY);
	assert_int_equal(file_write(fd, "x", 1, &e), RC_AGAIN);
	assert_int_equal(e.sys, ENOSPC);
	assert_int_equal(file_write(fd, "x", 0, &e), RC_OK);
	close(fd);
}

static void *drain_slowly(void *argument)
{
	int fd = *(int *)argument;
	size_t *total = mem_zero(1, sizeof *total);
	char bytes[5000];
	ssize_t n;
	while ((n = read(fd, bytes, sizeof bytes)) > 0)
		*total += (size_t)n;
	return total;
}

static void write_goes_on_after_short_writes(void **state)
{
	int fds[2];
	pthread_t thread;
	struct err e;
	void *total;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(pthread_create(&thread, NULL, drain_slowly, &fds[0]), 0);
	char *bytes = mem_zero(1, 3000000);
	assert_int_equal(file_write(fds[1], bytes, 3000000, &e), RC_OK);
	close(fds[1]);
	pthread_join(thread, &total);
	assert_int_equal(*(size_t *)total, 3000000);
	close(fds[0]);
	mem_free(&bytes);
	mem_free(&total);
}

static void mkdirs_makes_what_is_missing(void **state)
{
	struct err e;
	struct stat st;
	assert_int_equal(file_mkdirs("a/b/c", &e), RC_OK);
	assert_int_equal(file_mkdirs("a/b/c/", &e), RC_OK);
	assert_int_equal(file_mkdirs("a//b/d", &e), RC_OK);
	assert_int_equal(file_mkdirs("/", &e), RC_OK);
	assert_int_equal(stat("a/b/d", &st), 0);
	assert_int_equal(st.st_mode & 0027, 0);
	char *absolute = file_join(*state, "x/y");
	assert_int_equal(file_mkdirs(absolute, &e), RC_OK);
	assert_int_equal(access("x/y", F_OK), 0);
	mem_free(&absolute);
	make("file", "");
	assert_int_equal(file_mkdirs("file", &e), RC_FAIL);
	assert_int_equal(file_mkdirs("file/b", &e), RC_FAIL);
	assert_int_equal(e.sys, ENOTDIR);
}

static void rename_new_never_replaces(void **state)
{
	struct err e;
	make("from", "from");
	make("to", "to");
	assert_int_equal(file_rename_new("from", "to", &e), RC_END);
	assert_content("from", "from");
	assert_content("to", "to");
	assert_int_equal(file_rename_new("from", "free", &e), RC_OK);
	assert_content("free", "from");
	assert_int_equal(access("from", F_OK), -1);
	assert_int_equal(file_rename_new("from", "other", &e), RC_FAIL);
	/* neither does it go through a link that leads nowhere */
	assert_int_equal(symlink("nowhere", "dangling"), 0);
	assert_int_equal(file_rename_new("free", "dangling", &e), RC_END);
}

/* From here on this process's kernel has no renameat2. */
static bool forbid_renameat2(void)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_renameat2, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

enum { CANNOT_FORBID = 77 };

/* The same promises by link and unlink; a step that fails is the exit status. */
static int without_renameat2(void)
{
	struct err e;
	if (!forbid_renameat2())
		return CANNOT_FORBID;
	if (renameat2(AT_FDCWD, "from", AT_FDCWD, "x", RENAME_NOREPLACE) == 0 || errno != EINVAL)
		return CANNOT_FORBID;
	if (file_rename_new("from", "to", &e) != RC_END || access("from", F_OK) != 0)
		return 1;
	if (file_rename_new("from", "free", &e) != RC_OK || access("from", F_OK) == 0 || access("free", F_OK) != 0)
		return 2;
	/* a crash came between link and unlink: the repeated call finishes */
	if (link("free", "half") != 0 || file_rename_new("half", "free", &e) != RC_OK || access("half", F_OK) == 0)
		return 3;
	if (file_rename_new("absent", "other", &e) != RC_FAIL || e.sys != ENOENT)
		return 4;
	return 0;
}

static void rename_new_keeps_its_promise_without_renameat2(void **state)
{
	int status;
	make("from", "from");
	make("to", "to");
	pid_t child = fork();
	if (child == 0)
		_exit(without_renameat2());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == CANNOT_FORBID)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_content("to", "to");
	assert_content("free", "from");
}

static void remove_tree_stays_inside(void **state)
{
	struct err e;
	assert_int_equal(file_mkdirs("outside", &e), RC_OK);
	make("outside/kept", "kept");
	assert_int_equal(file_mkdirs("tree/a/b", &e), RC_OK);
	make("tree/a/b/file", "");
	assert_int_equal(symlink("../../outside", "tree/a/link"), 0);
	assert_int_equal(symlink("outside", "link"), 0);
	assert_int_equal(mkfifo("tree/pipe", 0600), 0);
	assert_int_equal(file_remove_tree("tree", &e), RC_OK);
	assert_int_equal(access("tree", F_OK), -1);
	assert_int_equal(file_remove_tree("tree", &e), RC_OK);
	assert_int_equal(file_remove_tree("link", &e), RC_OK);
	assert_content("outside/kept", "kept");
}

static void paths(void **state)
{
	static const char *const rows[][3] = {{"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"a//", "/b", "a/b"},
	    {"/", "b", "/b"}, {"", "b", "b"}, {"a", "", "a/"}};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char *joined = file_join(rows[i][0], rows[i][1]);
		assert_string_equal(joined, rows[i][2]);
		mem_free(&joined);
	}
	assert_string_equal(file_name("/a/b"), "b");
	assert_string_equal(file_name("b"), "b");
	assert_string_equal(file_name("a/"), "");
}

#define IN_A_PLACE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    IN_A_PLACE(load_tells_absent_from_too_long),
	    IN_A_PLACE(load_reads_what_has_no_size),
	    IN_A_PLACE(store_replaces_whole_and_leaves_nothing_beside),
	    IN_A_PLACE(a_full_device_is_worth_another_try),
	    IN_A_PLACE(write_goes_on_after_short_writes),
	    IN_A_PLACE(mkdirs_makes_what_is_missing),
	    IN_A_PLACE(rename_new_never_replaces),
	    IN_A_PLACE(rename_new_keeps_its_promise_without_renameat2),
	    IN_A_PLACE(remove_tree_stays_inside),
	    cmocka_unit_test(paths),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

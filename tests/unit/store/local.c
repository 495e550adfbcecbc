/* The lake in a folder alone: kernels without openat2, a full disk, listings in bounded memory, what a crash left
 * behind. */
#include "store/local/beneath.h"
#include "store/local/names.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define OK(call) assert_int_equal((call), RC_OK)

static struct err e;

static int setup(void **state)
{
	char *path = mem_text("/tmp/sluice-store-XXXXXX");
	assert_non_null(mkdtemp(path));
	*state = path;
	return 0;
}

static int teardown(void **state)
{
	char *path = *state;
	OK(file_remove_tree(path, &e));
	mem_free(&path);
	return 0;
}

static struct store *open_store(const char *place)
{
	struct store *s = NULL;
	OK(store_open(&store_local, place, NULL, 0, &s, &e));
	return s;
}

static void check_fails(const struct beneath *b, const char *path, int sys1, int sys2)
{
	errno = 0;
	int fd = beneath_open(b, path, O_RDONLY, 0);
	assert_int_equal(fd, -1);
	if (errno != sys1 && errno != sys2)
		fail_msg("%s: %s", path, strerror(errno));
}

/* With and without openat2 the same things are reached and refused; links that stay inside only with it. */
static void nothing_above_is_reached(void **state)
{
	const char *leaf, *top = *state;
	char *root = file_join(top, "within");
	OK(file_mkdirs(root, &e));
	int fd = open(root, O_RDONLY | O_DIRECTORY);
	assert_int_equal(symlinkat("..", fd, "up"), 0);
	assert_int_equal(symlinkat("/etc", fd, "etc"), 0);
	assert_int_equal(symlinkat("/etc/passwd", fd, "passwd"), 0);
	assert_int_equal(symlinkat("loop", fd, "loop"), 0);
	for (int walk = 0; walk < 2; walk++) {
		struct beneath b;
		beneath_init(&b, fd);
		b.walk = b.walk || walk == 1;
		char *dir = mem_format("made%d/a/b/c", walk), *file = mem_format("%s/x", dir);
		check_fails(&b, file, ENOENT, ENOENT);
		int made = beneath_parent(&b, file, true, &leaf);
		assert_true(made >= 0);
		assert_string_equal(leaf, "x");
		close(made);
		made = beneath_open(&b, file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0640);
		assert_true(made >= 0);
		close(made);
		check_fails(&b, "up/within/made0", EXDEV, ENOTDIR);
		check_fails(&b, "etc/passwd", EXDEV, ENOTDIR);
		check_fails(&b, "passwd", EXDEV, ELOOP);
		check_fails(&b, "loop", ELOOP, ELOOP);
		check_fails(&b, "made0/a/b/c/x/y", ENOTDIR, ENOTDIR);
		assert_int_equal(beneath_parent(&b, "up/new/x", true, &leaf), -1);
		assert_int_equal(beneath_parent(&b, "etc/new/x", true, &leaf), -1);
		made = beneath_open(&b, "", O_RDONLY | O_DIRECTORY, 0);
		assert_true(made >= 0);
		close(made);
		mem_free(&file);
		mem_free(&dir);
	}
	struct stat st;
	assert_int_equal(fstatat(fd, "made0/a", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(fstatat(fd, "made0/a/b/c/x", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	close(fd);
	mem_free(&root);
}

static void links_inside_may_be_followed(void **state)
{
	struct beneath b;
	int fd = open(*state, O_RDONLY | O_DIRECTORY);
	beneath_init(&b, fd);
	if (b.walk) {
		close(fd);
		skip();
	}
	struct store *s = open_store(*state);
	OK(store_put_if_absent(s, "real/x", "here", 4, &e));
	assert_int_equal(symlinkat("real", fd, "alias"), 0);
	char *bytes;
	size_t size;
	OK(store_get(s, "alias/x", 100, &bytes, &size, &e));
	assert_string_equal(bytes, "here");
	mem_free(&bytes);
	store_close(&s);
	close(fd);
}

static void smallest_names_are_kept(void **state)
{
	enum { N = 400 };
	for (unsigned i = 0; i < N; i++) {
		char name[32];
		snprintf(name, sizeof name, "%05u", (i * 199 + 7) % N);
		char *path = file_join(*state, name);
		int fd = open(path, O_CREAT | O_WRONLY, 0600);
		assert_true(fd >= 0);
		close(fd);
		mem_free(&path);
	}
	static const size_t max[] = {1, 2, 3, 100, N - 1, N, N + 1};
	for (size_t m = 0; m < sizeof max / sizeof max[0]; m++)
		for (int after = -1; after < N; after += 199) {
			char text[32], **names;
			size_t count, left = (size_t)(N - 1 - after);
			snprintf(text, sizeof text, "%05d", after);
			OK(names_read(
			    open(*state, O_RDONLY | O_DIRECTORY), after < 0 ? NULL : text, max[m], &names, &count, &e));
			assert_int_equal(count, left < max[m] ? left : max[m]);
			for (size_t i = 0; i < count; i++) {
				assert_int_equal(atoi(names[i]), after + 1 + (int)i);
				mem_free(&names[i]);
			}
			mem_free(&names);
		}
}

static unsigned names_in(struct store *s, const char *prefix)
{
	char **names;
	size_t count;
	OK(store_list(s, prefix, NULL, 1000, &names, &count, &e));
	store_list_free(&names, count);
	return (unsigned)count;
}

static void full_disk_leaves_nothing_half(void **state)
{
	char *disk = file_join(*state, "disk");
	OK(file_mkdirs(disk, &e));
	if (geteuid() != 0 || mount("tmpfs", disk, "tmpfs", 0, "size=2m") != 0) {
		print_message("skipped: cannot mount a tmpfs here\n");
		mem_free(&disk);
		skip();
	}
	static char bytes[300000];
	struct store *s = open_store(disk);
	struct store_file *f[20] = {NULL};
	size_t n = 0, done;
	enum rc rc = RC_OK;
	/* Small writes, so that the failure comes late: at a later write or at the close. */
	for (; n < 20 && rc == RC_OK; n++) {
		char path[32];
		snprintf(path, sizeof path, "s/%zu", n);
		OK(store_create(s, path, &f[n], &e));
		for (size_t at = 0; at < sizeof bytes && rc == RC_OK; at += 1000)
			rc = store_write(s, f[n], bytes + at, 1000, &e);
		if (rc == RC_OK)
			rc = store_close_file(s, f[n], sizeof bytes, &e);
	}
	assert_int_equal(rc, RC_AGAIN);
	assert_int_equal(e.sys, ENOSPC);
	assert_true(n >= 5);
	/* The failure stays with the file. */
	assert_int_equal(store_write(s, f[n - 1], "x", 1, &e), RC_AGAIN);
	assert_int_equal(store_close_file(s, f[n - 1], sizeof bytes, &e), RC_AGAIN);
	store_abandon(s, &f[n - 1]);
	OK(store_sync(s, f, n - 1, &e));
	OK(store_publish(s, &(struct store_move){"s/0", "t/0"}, 1, &done, &e));
	assert_int_equal(names_in(s, "s"), n - 2);
	rc = RC_OK;
	for (unsigned i = 0; i < 2000 && rc == RC_OK; i++) {
		char path[32];
		snprintf(path, sizeof path, "p/%u", i);
		rc = store_put_if_absent(s, path, bytes, 20000, &e);
		struct store_stat st;
		if (rc != RC_OK)
			assert_int_equal(store_stat(s, path, &st, &e), RC_END);
	}
	assert_int_equal(rc, RC_AGAIN);
	assert_int_equal(names_in(s, "_sluice/tmp"), 0);
	OK(store_remove(s, (const char *const[]){"s/1", "s/2"}, 2, &e));
	OK(store_put_if_absent(s, "p/more", bytes, 20000, &e));
	store_close(&s);
	assert_int_equal(umount2(disk, MNT_DETACH), 0);
	mem_free(&disk);
}

static void what_is_seen_can_be_settled(void **state)
{
	struct store *s = open_store(*state);
	OK(store_put_if_absent(s, "s/x", "bytes", 5, &e));
	OK(store_settle(s, "s", &e));
	OK(store_settle(s, "nowhere", &e));
	assert_int_equal(store_settle(s, "s/../..", &e), RC_BAD);
	store_close(&s);
}

/* With the second name of a link+unlink that was cut in between. */
static void half_done_link_is_finished(void **state)
{
	struct store *s = open_store(*state);
	size_t done;
	OK(store_put_if_absent(s, "s/x", "bytes", 5, &e));
	OK(store_put_if_absent(s, "t/other", "y", 1, &e));
	char *from = store_local_path(s, "s/x"), *to = store_local_path(s, "t/x");
	assert_int_equal(link(from, to), 0);
	OK(store_publish(s, &(struct store_move){"s/x", "t/x"}, 1, &done, &e));
	assert_int_equal(done, 1);
	struct store_stat st;
	assert_int_equal(store_stat(s, "s/x", &st, &e), RC_END);
	OK(store_stat(s, "t/x", &st, &e));
	mem_free(&from);
	mem_free(&to);
	store_close(&s);
}

static void old_leftovers_are_swept(void **state)
{
	struct store *s = open_store(*state);
	OK(store_put_if_absent(s, "_sluice/tmp/old", "x", 1, &e));
	OK(store_put_if_absent(s, "_sluice/tmp/young", "x", 1, &e));
	char *old = store_local_path(s, "_sluice/tmp/old");
	const struct timespec times[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};
	assert_int_equal(utimensat(AT_FDCWD, old, times, 0), 0);
	mem_free(&old);
	store_close(&s);
	s = open_store(*state);
	struct store_stat st;
	assert_int_equal(store_stat(s, "_sluice/tmp/old", &st, &e), RC_END);
	OK(store_stat(s, "_sluice/tmp/young", &st, &e));
	store_close(&s);
}

static void what_is_no_file_is_not_read(void **state)
{
	struct store *s = open_store(*state);
	char *fifo = file_join(*state, "fifo"), byte;
	size_t got;
	struct source *src;
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(store_get_range(s, "fifo", 0, &byte, 1, &got, &e), RC_BAD);
	assert_int_equal(store_read(s, "fifo", &src, &e), RC_BAD);
	mem_free(&fifo);
	store_close(&s);
}

/* Somebody shortened the file behind our back: its length is looked at where it lies. */
static void cut_file_is_noticed(void **state)
{
	struct store *s = open_store(*state);
	static char bytes[200000];
	struct store_file *f;
	OK(store_create(s, "s/x", &f, &e));
	OK(store_write(s, f, bytes, sizeof bytes, &e));
	char *path = store_local_path(s, "s/x");
	assert_int_equal(truncate(path, 100), 0);
	assert_int_equal(store_close_file(s, f, sizeof bytes, &e), RC_AGAIN);
	store_abandon(s, &f);
	mem_free(&path);
	store_close(&s);
}

static void unusable_roots_are_refused(void **state)
{
	struct store *s = NULL;
	char *file = file_join(*state, "file");
	OK(file_store(file, "x", 1, 0640, &e));
	assert_int_not_equal(store_open(&store_local, file, NULL, 0, &s, &e), RC_OK);
	assert_int_equal(store_open(&store_local, "", NULL, 0, &s, &e), RC_BAD);
	struct store_option option = {"speed", "high"};
	assert_int_equal(store_open(&store_local, *state, &option, 1, &s, &e), RC_BAD);
	assert_null(s);
	mem_free(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(nothing_above_is_reached, setup, teardown),
	    cmocka_unit_test_setup_teardown(links_inside_may_be_followed, setup, teardown),
	    cmocka_unit_test_setup_teardown(smallest_names_are_kept, setup, teardown),
	    cmocka_unit_test_setup_teardown(full_disk_leaves_nothing_half, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_is_seen_can_be_settled, setup, teardown),
	    cmocka_unit_test_setup_teardown(half_done_link_is_finished, setup, teardown),
	    cmocka_unit_test_setup_teardown(old_leftovers_are_swept, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_is_no_file_is_not_read, setup, teardown),
	    cmocka_unit_test_setup_teardown(cut_file_is_noticed, setup, teardown),
	    cmocka_unit_test_setup_teardown(unusable_roots_are_refused, setup, teardown),
	};
	umask(0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

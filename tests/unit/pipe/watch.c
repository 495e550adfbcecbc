/* inotify: what is seen, new and renamed folders, a full queue; and walks over what is odd. */
#include "pipe/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "pipe/walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { WAIT_MS = 5000 };

struct yard {
	char dir[64];
	struct watch *watch;
};

static int set_up(void **state)
{
	struct yard *y = mem_zero(1, sizeof *y);
	struct err e;
	strcpy(y->dir, "/tmp/sluice-watch-XXXXXX");
	assert_non_null(mkdtemp(y->dir));
	assert_int_equal(watch_open(&y->watch, &e), RC_OK);
	assert_int_equal(watch_add(y->watch, y->dir, &e), RC_OK);
	*state = y;
	return 0;
}

static int tear_down(void **state)
{
	struct yard *y = *state;
	struct err e;
	watch_close(&y->watch);
	assert_int_equal(file_remove_tree(y->dir, &e), RC_OK);
	mem_free(&y);
	return 0;
}

static char *in(const struct yard *y, const char *name)
{
	return mem_format("%s/%s", y->dir, name);
}

static void touch(const struct yard *y, const char *name)
{
	char *path = in(y, name);
	int fd = open(path, O_WRONLY | O_CREAT, 0644);
	assert_true(fd >= 0);
	close(fd);
	mem_free(&path);
}

static void move(const struct yard *y, const char *from, const char *to)
{
	char *a = in(y, from), *b = in(y, to);
	assert_int_equal(rename(a, b), 0);
	mem_free(&a);
	mem_free(&b);
}

static void folder(const struct yard *y, const char *name)
{
	char *path = in(y, name);
	assert_int_equal(mkdir(path, 0755), 0);
	mem_free(&path);
}

static void add(const struct yard *y, const char *name)
{
	struct err e;
	char *path = in(y, name);
	assert_int_equal(watch_add(y->watch, path, &e), RC_OK);
	mem_free(&path);
}

/* The next thing seen is this. */
static void expect(const struct yard *y, enum watch_kind kind, const char *name)
{
	struct watch_event ev;
	struct pollfd fd = {.fd = watch_fd(y->watch), .events = POLLIN};
	char *path = in(y, name);
	while (!watch_next(y->watch, &ev))
		assert_int_equal(poll(&fd, 1, WAIT_MS), 1);
	assert_int_equal(ev.kind, kind);
	assert_string_equal(ev.path, path);
	mem_free(&path);
}

static void nothing_more(const struct yard *y)
{
	struct watch_event ev;
	assert_false(watch_next(y->watch, &ev));
}

static void files(void **state)
{
	struct yard *y = *state;
	char *path = in(y, "open");
	int fd = open(path, O_WRONLY | O_CREAT, 0644);
	assert_int_equal(write(fd, "x", 1), 1);
	nothing_more(y); /* still open */
	close(fd);
	expect(y, WATCH_SEALED, "open");
	move(y, "open", "odd \n\xff\"name");
	expect(y, WATCH_SEALED, "odd \n\xff\"name");
	fd = open(path, O_RDONLY);
	nothing_more(y); /* who only reads changes nothing */
	mem_free(&path);
}

static void folders(void **state)
{
	struct yard *y = *state;
	struct err e;
	folder(y, "new");
	expect(y, WATCH_FOLDER, "new");
	add(y, "new");
	add(y, "new"); /* twice is fine */
	touch(y, "new/file");
	expect(y, WATCH_SEALED, "new/file");
	nothing_more(y);
	move(y, "new", "renamed"); /* from here on "new" must not be said any more */
	expect(y, WATCH_FOLDER, "renamed");
	touch(y, "renamed/unseen");
	nothing_more(y);
	add(y, "renamed");
	touch(y, "renamed/seen");
	expect(y, WATCH_SEALED, "renamed/seen");
	char *gone = in(y, "renamed");
	assert_int_equal(file_remove_tree(gone, &e), RC_OK);
	nothing_more(y);
	assert_int_equal(watch_add(y->watch, gone, &e), RC_BAD);
	folder(y, "renamed");
	expect(y, WATCH_FOLDER, "renamed");
	mem_free(&gone);
}

static void a_full_queue(void **state)
{
	struct yard *y = *state;
	struct watch_event ev;
	bool overflow = false;
	unsigned limit = 16384;
	FILE *f = fopen("/proc/sys/fs/inotify/max_queued_events", "r");
	if (f != NULL && fscanf(f, "%u", &limit) != 1)
		limit = 16384;
	if (f != NULL)
		fclose(f);
	if (limit > 100000)
		skip();
	/* Two names in turn, because the kernel folds equal events. */
	for (unsigned i = 0; i < limit + 10; i++)
		touch(y, i % 2 ? "a" : "b");
	while (watch_next(y->watch, &ev))
		overflow |= ev.kind == WATCH_OVERFLOW;
	assert_true(overflow);
}

static void walk_in_order(void **state)
{
	static const char *const want[] = {"F", "F a", "E a/1", "E a/2", "E b", "E link", "U shut", "F z", "E z/y"};
	struct yard *y = *state;
	struct walk_entry entry;
	char *link = in(y, "link"), *shut = in(y, "shut");
	folder(y, "a");
	folder(y, "z");
	folder(y, ".hidden");
	touch(y, "a/2");
	touch(y, "a/1");
	touch(y, "b");
	touch(y, ".dot");
	touch(y, "z/y");
	touch(y, ".hidden/x");
	assert_int_equal(symlink("/etc", link), 0);
	struct walk *w = walk_new(y->dir, true);
	folder(y, "shut");
	size_t n = 0;
	while (walk_next(w, &entry)) {
		const char *name = entry.path + strlen(y->dir);
		char line[300];
		/* Gone between its announcement and its reading. */
		if (entry.kind == WALK_FOLDER && strcmp(name, "/shut") == 0) {
			assert_int_equal(rmdir(shut), 0);
			continue;
		}
		snprintf(line, sizeof line, "%c%s%s", "FSUE"[entry.kind], *name != '\0' ? " " : "",
		    *name != '\0' ? name + 1 : "");
		assert_true(n < sizeof want / sizeof want[0]);
		assert_string_equal(line, want[n++]);
		assert_true(entry.kind != WALK_UNREADABLE || entry.sys == ENOENT);
	}
	assert_int_equal(n, sizeof want / sizeof want[0]);
	walk_free(&w);
	w = walk_new(y->dir, false);
	n = 0;
	while (walk_next(w, &entry))
		n += entry.kind == WALK_SHUT;
	assert_int_equal(n, 2);
	walk_free(&w);
	w = walk_new("/tmp/sluice-not-there", true);
	assert_true(walk_next(w, &entry) && entry.kind == WALK_FOLDER);
	assert_true(walk_next(w, &entry) && entry.kind == WALK_UNREADABLE && entry.sys == ENOENT);
	assert_false(walk_next(w, &entry));
	walk_free(&w);
	mem_free(&link);
	mem_free(&shut);
}

/* Read in pieces: all come, once, in the order of their names. */
static void a_large_folder(void **state)
{
	enum { FILES = 7000 };
	struct yard *y = *state;
	struct walk_entry entry;
	char name[20], last[300] = "";
	unsigned readings = 0, entries = 0, found = 0;
	for (unsigned i = 0; i < FILES; i++) {
		snprintf(name, sizeof name, "%05u", i * 7919 % FILES);
		touch(y, name);
	}
	struct walk *w = walk_new(y->dir, true);
	while (walk_next(w, &entry)) {
		readings += entry.kind == WALK_READING;
		assert_true(entry.kind != WALK_READING || entries == 0);
		if (entry.kind != WALK_ENTRY)
			continue;
		entries++;
		assert_true(strcmp(last, entry.path) < 0);
		snprintf(last, sizeof last, "%s", entry.path);
		found += (unsigned)atoi(entry.path + strlen(y->dir) + 1);
	}
	assert_in_range(readings, 1, 10);
	assert_int_equal(entries, FILES);
	assert_int_equal(found, FILES / 2 * (FILES - 1));
	walk_free(&w);
	for (unsigned n = 1; n < 100; n += 14) { /* given up while it is read, and while it is looked at */
		w = walk_new(y->dir, true);
		for (unsigned i = 0; i < n; i++)
			assert_true(walk_next(w, &entry));
		walk_free(&w);
	}
}

static void a_deep_tree(void **state)
{
	struct yard *y = *state;
	struct walk_entry entry;
	char path[4000];
	unsigned refused = 0, entered = 0;
	strcpy(path, y->dir);
	for (unsigned i = 0; i < 100; i++) {
		strcat(path, "/d");
		assert_int_equal(mkdir(path, 0755), 0);
	}
	struct walk *w = walk_new(y->dir, true);
	while (walk_next(w, &entry)) {
		refused += entry.kind == WALK_UNREADABLE;
		entered += entry.kind == WALK_FOLDER;
	}
	assert_int_equal(refused, 1);
	assert_in_range(entered, 60, 70);
	walk_free(&w);
	w = walk_new(y->dir, true); /* given up in the middle: nothing may leak */
	for (unsigned i = 0; i < 10; i++)
		assert_true(walk_next(w, &entry));
	walk_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(files, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(folders, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_full_queue, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(walk_in_order, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_large_folder, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_deep_tree, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

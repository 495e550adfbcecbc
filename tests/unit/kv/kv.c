/* kv: errors that stick, a full map and a full disk that pass, several processes, threads, forks, and caches after a
 * reboot. */
#include "kv/kv.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define OK(call) assert_int_equal((call), RC_OK)

static _Thread_local struct err e;
static const struct kv_options durable = {.ceiling_bytes = 64 << 20, .tables = 8, .durable = true};
static const struct kv_options cache = {.ceiling_bytes = 64 << 20, .tables = 8, .durable = false};

static int setup(void **state)
{
	char *path = mem_text("/tmp/sluice-kv-XXXXXX");
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

static struct kv_bytes text(const char *s)
{
	return KV_TEXT(s);
}

static bool is(struct kv_bytes b, const char *s)
{
	return b.len == strlen(s) && memcmp(b.at, s, b.len) == 0;
}

static void put_one(struct kv *kv, kv_table t, const char *key, const char *value)
{
	struct kv_txn *txn;
	OK(kv_begin(kv, true, &txn, &e));
	kv_put(txn, t, text(key), text(value));
	OK(kv_commit(&txn, &e));
	assert_null(txn);
}

static bool holds(struct kv *kv, kv_table t, const char *key, const char *value)
{
	struct kv_txn *txn;
	struct kv_bytes got = {NULL, 0};
	OK(kv_begin(kv, false, &txn, &e));
	bool there = kv_get(txn, t, text(key), &got) && is(got, value);
	OK(kv_commit(&txn, &e));
	return there;
}

/* ---- one process ---- */

static void values_come_back(void **state)
{
	struct kv *kv;
	kv_table a, b;
	struct kv_txn *txn;
	struct kv_bytes value;
	OK(kv_open(*state, &durable, &kv, &e));
	OK(kv_table_open(kv, "a", &a, &e));
	OK(kv_table_open(kv, "b", &b, &e));
	put_one(kv, a, "k", "v");
	assert_true(holds(kv, a, "k", "v"));
	assert_false(holds(kv, b, "k", "v"));
	OK(kv_begin(kv, true, &txn, &e));
	assert_false(kv_put_new(txn, a, text("k"), text("w")));
	assert_true(kv_put_new(txn, a, text("n"), text("")));
	kv_delete(txn, a, text("absent"));
	assert_true(kv_get(txn, a, text("n"), &value));
	assert_int_equal(value.len, 0);
	assert_int_equal(kv_count(txn, a), 2);
	kv_abort(&txn);
	assert_null(txn);
	kv_abort(&txn);
	assert_false(holds(kv, a, "n", ""));
	kv_close(&kv);
	assert_null(kv);
	kv_close(&kv);
	OK(kv_open(*state, &durable, &kv, &e));
	OK(kv_table_open(kv, "a", &a, &e));
	assert_true(holds(kv, a, "k", "v"));
	kv_close(&kv);
}

struct walk {
	char seen[256];
	size_t stop_after;
};

static bool see(void *context, struct kv_bytes key, struct kv_bytes value)
{
	struct walk *w = context;
	strncat(w->seen, key.at, key.len);
	strncat(w->seen, value.at, value.len);
	strcat(w->seen, " ");
	return --w->stop_after > 0;
}

static void ranges_are_bytewise(void **state)
{
	struct kv *kv;
	kv_table t;
	struct kv_txn *txn;
	struct kv_bytes k, v;
	OK(kv_open(*state, &durable, &kv, &e));
	OK(kv_table_open(kv, "t", &t, &e));
	OK(kv_begin(kv, true, &txn, &e));
	assert_false(kv_before(txn, t, text("x"), &k, &v));
	assert_false(kv_at_or_after(txn, t, text(""), &k, &v));
	kv_put(txn, t, text("b"), text("1"));
	kv_put(txn, t, text("bb"), text("2"));
	kv_put(txn, t, text("\xff"), text("3"));
	kv_put(txn, t, text("B"), text("0"));
	OK(kv_commit(&txn, &e));

	OK(kv_begin(kv, false, &txn, &e));
	struct walk all = {.stop_after = 100}, some = {.stop_after = 2}, later = {.stop_after = 100};
	kv_each(txn, t, text(""), see, &all);
	assert_string_equal(all.seen, "B0 b1 bb2 \xff"
	                              "3 ");
	kv_each(txn, t, text("b"), see, &some);
	assert_string_equal(some.seen, "b1 bb2 ");
	kv_each(txn, t, text("b\x01"), see, &later);
	assert_string_equal(later.seen, "bb2 \xff"
	                                "3 ");
	assert_true(kv_at_or_after(txn, t, text("ba"), &k, &v) && is(k, "bb") && is(v, "2"));
	assert_true(kv_at_or_after(txn, t, text(""), &k, &v) && is(k, "B"));
	assert_false(kv_at_or_after(txn, t, text("\xff\xff"), &k, &v));
	assert_true(kv_before(txn, t, text("bb"), &k, &v) && is(k, "b") && is(v, "1"));
	assert_true(kv_before(txn, t, text("\xff\xff"), &k, &v) && is(k, "\xff"));
	assert_false(kv_before(txn, t, text("B"), &k, &v));
	assert_false(kv_before(txn, t, text(""), &k, &v));
	OK(kv_commit(&txn, &e));
	kv_close(&kv);
}

static void ranges_are_deleted(void **state)
{
	enum { N = 5000 };
	struct kv *kv;
	kv_table t;
	struct kv_txn *txn;
	uint8_t from[8], before[8];
	OK(kv_open(*state, &durable, &kv, &e));
	OK(kv_table_open(kv, "t", &t, &e));
	OK(kv_begin(kv, true, &txn, &e));
	for (uint64_t i = 0; i < N; i++) {
		uint8_t key[8], value[5000];
		kv_key_u64(i * 3, key);
		assert_int_equal(kv_key_read(key), i * 3);
		memset(value, (int)i, sizeof value);
		/* Some in the tree's pages, some with pages of their own. */
		kv_put(txn, t, KV_OF(key), (struct kv_bytes){value, i % 10 == 0 ? 5000 : i % 90});
	}
	OK(kv_commit(&txn, &e));
	uint64_t used = kv_used(kv);
	assert_true(used > N / 10 * 8192);

	OK(kv_begin(kv, true, &txn, &e));
	kv_key_u64(3000, from);
	kv_key_u64(3 * N - 3000, before);
	kv_delete_range(txn, t, KV_OF(from), KV_OF(before));
	assert_int_equal(kv_count(txn, t), 2000);
	kv_delete_range(txn, t, KV_OF(before), KV_OF(from));
	assert_int_equal(kv_count(txn, t), 2000);
	struct kv_bytes k, v;
	assert_true(kv_at_or_after(txn, t, KV_OF(from), &k, &v));
	assert_int_equal(kv_key_read(k.at), 3 * N - 3000);
	assert_true(kv_before(txn, t, KV_OF(from), &k, &v));
	assert_int_equal(kv_key_read(k.at), 2997);
	OK(kv_commit(&txn, &e));
	assert_true(kv_used(kv) < used / 2);

	OK(kv_begin(kv, true, &txn, &e));
	kv_key_u64(UINT64_MAX, before);
	kv_delete_range(txn, t, text(""), KV_OF(before));
	assert_int_equal(kv_count(txn, t), 0);
	OK(kv_commit(&txn, &e));
	kv_close(&kv);
}

static void failures_stick(void **state)
{
	struct kv *kv;
	kv_table t;
	struct kv_txn *txn;
	struct kv_bytes value;
	char key[600];
	memset(key, 'k', sizeof key);
	OK(kv_open(*state, &durable, &kv, &e));
	OK(kv_table_open(kv, "t", &t, &e));
	put_one(kv, t, "before", "1");
	OK(kv_begin(kv, true, &txn, &e));
	kv_put(txn, t, text("a"), text("1"));
	assert_false(kv_failed(txn));
	kv_put(txn, t, (struct kv_bytes){key, 512}, text("v"));
	assert_true(kv_failed(txn));
	kv_put(txn, t, text("b"), text("2"));
	assert_false(kv_get(txn, t, text("a"), &value));
	assert_false(kv_at_or_after(txn, t, text(""), &value, &value));
	assert_int_equal(kv_count(txn, t), 0);
	assert_int_equal(kv_commit(&txn, &e), RC_BAD);
	assert_null(txn);
	assert_non_null(strstr(e.text, "511"));
	assert_false(holds(kv, t, "a", "1"));
	assert_true(holds(kv, t, "before", "1"));
	/* An empty key is refused the same way, the longest is taken. */
	OK(kv_begin(kv, true, &txn, &e));
	kv_put(txn, t, text(""), text("v"));
	assert_int_equal(kv_commit(&txn, &e), RC_BAD);
	OK(kv_begin(kv, true, &txn, &e));
	kv_put(txn, t, (struct kv_bytes){key, 511}, text("v"));
	OK(kv_commit(&txn, &e));
	kv_close(&kv);
}

/* Put 100 KB values until it says again; how many were kept. */
static unsigned fill(struct kv *kv, kv_table t, unsigned from, enum rc *last)
{
	static const char value[100000];
	for (unsigned n = 0;; n++) {
		struct kv_txn *txn;
		uint8_t key[8];
		kv_key_u64(from + n, key);
		*last = kv_begin(kv, true, &txn, &e);
		if (*last != RC_OK)
			return n;
		kv_put(txn, t, KV_OF(key), (struct kv_bytes){value, sizeof value});
		*last = kv_commit(&txn, &e);
		if (*last != RC_OK || n > 5000)
			return n;
	}
}

static void empty(struct kv *kv, kv_table t)
{
	struct kv_txn *txn;
	uint8_t from[8], before[8];
	kv_key_u64(0, from);
	kv_key_u64(UINT64_MAX, before);
	OK(kv_begin(kv, true, &txn, &e));
	kv_delete_range(txn, t, KV_OF(from), KV_OF(before));
	OK(kv_commit(&txn, &e));
}

static void full_map_passes(void **state)
{
	static const struct kv_options small = {.ceiling_bytes = 4 << 20, .tables = 8, .durable = true};
	struct kv *kv;
	kv_table t, keep;
	enum rc last;
	OK(kv_open(*state, &small, &kv, &e));
	OK(kv_table_open(kv, "t", &t, &e));
	OK(kv_table_open(kv, "keep", &keep, &e));
	put_one(kv, keep, "k", "kept");
	for (int round = 0; round < 5; round++) {
		unsigned n = fill(kv, t, 0, &last);
		assert_int_equal(last, RC_AGAIN);
		assert_non_null(strstr(e.text, "full"));
		assert_true(n >= 20 && n <= 42);
		assert_true(holds(kv, keep, "k", "kept"));
		empty(kv, t);
		put_one(kv, keep, "more", "room");
	}
	kv_close(&kv);
}

static void full_disk_passes(void **state)
{
	char *disk = file_join(*state, "disk");
	OK(file_mkdirs(disk, &e));
	if (geteuid() != 0 || mount("tmpfs", disk, "tmpfs", 0, "size=4m") != 0) {
		print_message("skipped: cannot mount a tmpfs here\n");
		mem_free(&disk);
		skip();
	}
	char *dir = file_join(disk, "kv");
	struct kv *kv;
	kv_table t, keep;
	enum rc last;
	OK(kv_open(dir, &durable, &kv, &e));
	OK(kv_table_open(kv, "t", &t, &e));
	OK(kv_table_open(kv, "keep", &keep, &e));
	put_one(kv, keep, "k", "kept");
	for (int round = 0; round < 3; round++) {
		unsigned n = fill(kv, t, 0, &last);
		assert_int_equal(last, RC_AGAIN);
		assert_int_equal(e.sys, ENOSPC);
		assert_true(n >= 15);
		assert_true(holds(kv, keep, "k", "kept"));
		/* Freed inside, and used again, without the disk's help. */
		empty(kv, t);
		put_one(kv, keep, "more", "room");
	}
	(void)fill(kv, t, 0, &last);
	assert_int_equal(last, RC_AGAIN);
	/* Room on the disk is enough too. */
	assert_int_equal(mount("tmpfs", disk, "tmpfs", MS_REMOUNT, "size=16m"), 0);
	assert_true(fill(kv, t, 1000, &last) >= 20);
	assert_int_equal(last, RC_AGAIN);
	kv_close(&kv);
	/* What is there can be opened and read with the disk full. */
	OK(kv_open(dir, &durable, &kv, &e));
	OK(kv_table_open(kv, "keep", &keep, &e));
	assert_true(holds(kv, keep, "k", "kept"));
	kv_close(&kv);
	assert_int_equal(umount2(disk, MNT_DETACH), 0);
	mem_free(&dir);
	mem_free(&disk);
}

static void half_made_file_is_begun_anew(void **state)
{
	struct kv *kv;
	kv_table t;
	char *data = file_join(*state, "data.mdb");
	OK(file_store(data, "\0\0\0\0half a page", 15, 0640, &e));
	OK(kv_open(*state, &durable, &kv, &e));
	OK(kv_table_open(kv, "t", &t, &e));
	put_one(kv, t, "k", "v");
	kv_close(&kv);
	/* Something else of that name is not ours to throw away. */
	char *foreign = mem_zero(1, 20000);
	OK(file_store(data, foreign, 20000, 0640, &e));
	assert_int_equal(kv_open(*state, &durable, &kv, &e), RC_FAIL);
	mem_free(&foreign);
	mem_free(&data);
}

/* ---- caches ---- */

static void cache_is_begun_anew_after_a_reboot(void **state)
{
	struct kv *kv;
	kv_table t;
	OK(kv_open(*state, &cache, &kv, &e));
	OK(kv_table_open(kv, "t", &t, &e));
	put_one(kv, t, "k", "v");
	kv_close(&kv);
	OK(kv_open(*state, &cache, &kv, &e));
	OK(kv_table_open(kv, "t", &t, &e));
	assert_true(holds(kv, t, "k", "v"));
	/* One directory is one or the other. */
	struct kv *other = NULL;
	assert_int_equal(kv_open(*state, &durable, &other, &e), RC_FAIL);
	kv_close(&kv);

	char *marker = file_join(*state, "unsynced");
	OK(file_store(marker, "00000000-0000-0000-0000-000000000000", 36, 0640, &e));
	assert_int_equal(kv_open(*state, &durable, &kv, &e), RC_FAIL);
	OK(kv_open(*state, &cache, &kv, &e));
	OK(kv_table_open(kv, "t", &t, &e));
	assert_false(holds(kv, t, "k", "v"));
	put_one(kv, t, "k", "new");
	kv_close(&kv);
	OK(kv_open(*state, &cache, &kv, &e));
	OK(kv_table_open(kv, "t", &t, &e));
	assert_true(holds(kv, t, "k", "new"));
	kv_close(&kv);
	OK(file_store(marker, "cut", 3, 0640, &e));
	assert_int_equal(kv_open(*state, &cache, &kv, &e), RC_FAIL);
	mem_free(&marker);
}

static void what_is_kept_is_no_cache(void **state)
{
	struct kv *kv;
	kv_table t;
	OK(kv_open(*state, &durable, &kv, &e));
	OK(kv_table_open(kv, "t", &t, &e));
	put_one(kv, t, "k", "v");
	kv_close(&kv);
	assert_int_equal(kv_open(*state, &cache, &kv, &e), RC_FAIL);
	OK(kv_open(*state, &durable, &kv, &e));
	OK(kv_table_open(kv, "t", &t, &e));
	assert_true(holds(kv, t, "k", "v"));
	kv_close(&kv);
}

/* ---- several at once ---- */

static void *count_up(void *arg)
{
	const char *path = arg;
	for (int round = 0; round < 40; round++) {
		struct kv *kv;
		kv_table t;
		struct kv_txn *txn;
		struct kv_bytes value;
		OK(kv_open(path, &durable, &kv, &e));
		OK(kv_table_open(kv, round % 2 == 0 ? "even" : "odd", &t, &e));
		OK(kv_begin(kv, true, &txn, &e));
		uint64_t n = kv_get(txn, t, text("n"), &value) ? kv_key_read(value.at) : 0;
		uint8_t next[8];
		kv_key_u64(n + 1, next);
		kv_put(txn, t, text("n"), KV_OF(next));
		OK(kv_commit(&txn, &e));
		assert_true(kv_used(kv) > 0);
		kv_close(&kv);
	}
	return NULL;
}

static uint64_t counted(const char *path, const char *table)
{
	struct kv *kv;
	kv_table t;
	struct kv_txn *txn;
	struct kv_bytes value;
	OK(kv_open(path, &durable, &kv, &e));
	OK(kv_table_open(kv, table, &t, &e));
	OK(kv_begin(kv, false, &txn, &e));
	uint64_t n = kv_get(txn, t, text("n"), &value) ? kv_key_read(value.at) : 0;
	OK(kv_commit(&txn, &e));
	kv_close(&kv);
	return n;
}

static void one_path_is_opened_by_many_threads_once(void **state)
{
	enum { THREADS = 4 };
	pthread_t thread[THREADS];
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, count_up, *state), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(counted(*state, "even") + counted(*state, "odd"), THREADS * 40);
}

static void processes_take_turns(void **state)
{
	enum { PROCESSES = 4 };
	pid_t pid[PROCESSES];
	fflush(NULL);
	for (int i = 0; i < PROCESSES; i++)
		if ((pid[i] = fork()) == 0) {
			count_up(*state);
			_exit(0);
		}
	for (int i = 0; i < PROCESSES; i++) {
		int status;
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(counted(*state, "even"), PROCESSES * 20);
}

static void child_opens_anew(void **state)
{
	struct kv *kv;
	kv_table t;
	OK(kv_open(*state, &durable, &kv, &e));
	OK(kv_table_open(kv, "t", &t, &e));
	put_one(kv, t, "k", "parent");
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		struct kv_txn *txn;
		struct kv *mine;
		if (kv_begin(kv, false, &txn, &e) != RC_FAIL || kv_table_open(kv, "u", &t, &e) != RC_FAIL)
			_exit(1);
		kv_close(&kv);
		if (kv_open(*state, &durable, &mine, &e) != RC_OK || kv_table_open(mine, "t", &t, &e) != RC_OK)
			_exit(2);
		if (!holds(mine, t, "k", "parent"))
			_exit(3);
		put_one(mine, t, "k", "child");
		kv_close(&mine);
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(holds(kv, t, "k", "child"));
	put_one(kv, t, "k", "parent again");
	kv_close(&kv);
}

/* A reader that is killed must not keep pages from being used again: more goes through than fits beside what it saw. */
static void dead_readers_are_forgotten(void **state)
{
	static const struct kv_options small = {.ceiling_bytes = 4 << 20, .tables = 8, .durable = true};
	int ready[2];
	assert_int_equal(pipe(ready), 0);
	struct kv *kv;
	kv_table t, keep;
	enum rc last;
	OK(kv_open(*state, &small, &kv, &e));
	OK(kv_table_open(kv, "t", &t, &e));
	OK(kv_table_open(kv, "keep", &keep, &e));
	assert_true(fill(kv, t, 0, &last) > 0);
	kv_close(&kv);
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		struct kv_txn *txn;
		if (kv_open(*state, &small, &kv, &e) != RC_OK || kv_begin(kv, false, &txn, &e) != RC_OK)
			_exit(1);
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	char byte;
	assert_int_equal(read(ready[0], &byte, 1), 1);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	OK(kv_open(*state, &small, &kv, &e));
	OK(kv_table_open(kv, "t", &t, &e));
	OK(kv_table_open(kv, "keep", &keep, &e));
	for (int round = 0; round < 3; round++) {
		empty(kv, t);
		/* LMDB keeps the last but one commit whole, so what was freed can be used after one more. */
		put_one(kv, keep, "one", "more");
		assert_true(fill(kv, t, 0, &last) >= 20);
		assert_int_equal(last, RC_AGAIN);
	}
	kv_close(&kv);
	close(ready[0]);
	close(ready[1]);
}

static void snapshots_can_be_settled(void **state)
{
	struct kv *kv;
	kv_table t;
	struct kv_txn *txn;
	OK(kv_open(*state, &durable, &kv, &e));
	OK(kv_table_open(kv, "t", &t, &e));
	put_one(kv, t, "k", "1");
	OK(kv_begin(kv, false, &txn, &e));
	uint64_t before = kv_snapshot(txn);
	OK(kv_commit(&txn, &e));
	OK(kv_settle(kv, before, &e));
	/* Nothing changed, so nothing is numbered. */
	OK(kv_begin(kv, true, &txn, &e));
	kv_delete(txn, t, text("absent"));
	OK(kv_commit(&txn, &e));
	OK(kv_begin(kv, false, &txn, &e));
	assert_int_equal(kv_snapshot(txn), before);
	OK(kv_commit(&txn, &e));
	put_one(kv, t, "k", "2");
	OK(kv_begin(kv, false, &txn, &e));
	assert_true(kv_snapshot(txn) > before);
	OK(kv_settle(kv, kv_snapshot(txn), &e));
	OK(kv_commit(&txn, &e));
	kv_close(&kv);
}

static void unusable_places_fail(void **state)
{
	struct kv *kv = NULL;
	char *file = file_join(*state, "file"), *below = file_join(file, "kv");
	OK(file_store(file, "x", 1, 0640, &e));
	assert_int_not_equal(kv_open(file, &durable, &kv, &e), RC_OK);
	assert_int_not_equal(kv_open(below, &durable, &kv, &e), RC_OK);
	assert_null(kv);
	mem_free(&below);
	mem_free(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(values_come_back, setup, teardown),
	    cmocka_unit_test_setup_teardown(ranges_are_bytewise, setup, teardown),
	    cmocka_unit_test_setup_teardown(ranges_are_deleted, setup, teardown),
	    cmocka_unit_test_setup_teardown(failures_stick, setup, teardown),
	    cmocka_unit_test_setup_teardown(full_map_passes, setup, teardown),
	    cmocka_unit_test_setup_teardown(full_disk_passes, setup, teardown),
	    cmocka_unit_test_setup_teardown(half_made_file_is_begun_anew, setup, teardown),
	    cmocka_unit_test_setup_teardown(cache_is_begun_anew_after_a_reboot, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_is_kept_is_no_cache, setup, teardown),
	    cmocka_unit_test_setup_teardown(processes_take_turns, setup, teardown),
	    cmocka_unit_test_setup_teardown(child_opens_anew, setup, teardown),
	    cmocka_unit_test_setup_teardown(dead_readers_are_forgotten, setup, teardown),
	    cmocka_unit_test_setup_teardown(snapshots_can_be_settled, setup, teardown),
	    cmocka_unit_test_setup_teardown(unusable_places_fail, setup, teardown),
	    cmocka_unit_test_setup_teardown(one_path_is_opened_by_many_threads_once, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

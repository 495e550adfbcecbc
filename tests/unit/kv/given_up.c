/* kv: LMDB gives an environment up when the page that makes a transaction true can't be written. pwrite is ours here,
 * so that this happens when a test wants it. */
#include "kv/kv.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define OK(call) assert_int_equal((call), RC_OK)

enum { FIRST_PAGES = 8192, TABLES = 3, THREADS = 4, ROUNDS = 150 };

static _Thread_local struct err e;
static const struct kv_options durable = {.ceiling_bytes = 64 << 20, .tables = 8, .durable = true};
static const struct kv_options cache = {.ceiling_bytes = 64 << 20, .tables = 8, .durable = false};
static atomic_int failing; /* so many writes of the first pages fail */
static atomic_int failing_with;

/* By its name in the library: <unistd.h> means pwrite64 when it says pwrite. */
ssize_t write_at(int fd, const void *bytes, size_t size, off_t at) __asm__("pwrite");

ssize_t write_at(int fd, const void *bytes, size_t size, off_t at)
{
	int left = atomic_load(&failing);
	while (at < FIRST_PAGES && left > 0 && !atomic_compare_exchange_weak(&failing, &left, left - 1))
		;
	if (at < FIRST_PAGES && left > 0) {
		errno = failing_with;
		return -1;
	}
	return syscall(SYS_pwrite64, fd, bytes, size, at);
}

/* The next commit fails: its page, and the one that was there before, which LMDB tries to put back. */
static void break_next(int sys)
{
	failing_with = sys;
	atomic_store(&failing, 2);
}

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

static void open_all(const char *path, const struct kv_options *options, struct kv **kv, kv_table t[TABLES])
{
	static const char *const names[TABLES] = {"originals", "paths", "marks"};
	OK(kv_open(path, options, kv, &e));
	for (int i = 0; i < TABLES; i++)
		OK(kv_table_open(*kv, names[i], &t[i], &e));
}

static enum rc put(struct kv *kv, kv_table t, const char *key, const char *value)
{
	struct kv_txn *txn;
	enum rc rc = kv_begin(kv, true, &txn, &e);
	if (rc != RC_OK)
		return rc;
	kv_put(txn, t, KV_TEXT(key), KV_TEXT(value));
	return kv_commit(&txn, &e);
}

static bool holds(struct kv_txn *txn, kv_table t, const char *key, const char *value)
{
	struct kv_bytes v;
	if (!kv_get(txn, t, KV_TEXT(key), &v))
		return value == NULL;
	return value != NULL && v.len == strlen(value) && memcmp(v.at, value, v.len) == 0;
}

static void is_opened_anew(const char *path, const struct kv_options *options)
{
	struct kv *kv;
	struct kv_txn *txn;
	kv_table t[TABLES];
	open_all(path, options, &kv, t);
	for (int i = 0; i < TABLES; i++)
		OK(put(kv, t[i], "k", i == 0 ? "zero" : i == 1 ? "one" : "two"));
	for (int round = 0; round < 3; round++) {
		break_next(ENOSPC);
		assert_int_equal(put(kv, t[1], "k", "lost"), RC_AGAIN);
		assert_int_equal(e.sys, ENOSPC);
		OK(put(kv, t[2], "more", "room"));
		OK(kv_begin(kv, false, &txn, &e));
		assert_true(
		    holds(txn, t[0], "k", "zero") && holds(txn, t[1], "k", "one") && holds(txn, t[2], "k", "two"));
		assert_true(holds(txn, t[2], "more", "room"));
		kv_abort(&txn);
	}
	break_next(EIO);
	assert_int_equal(put(kv, t[1], "k", "lost"), RC_FAIL);
	OK(put(kv, t[1], "k", "kept"));
	kv_close(&kv);
	open_all(path, options, &kv, t);
	OK(kv_begin(kv, false, &txn, &e));
	assert_true(holds(txn, t[0], "k", "zero") && holds(txn, t[1], "k", "kept") && holds(txn, t[2], "k", "two"));
	kv_abort(&txn);
	kv_close(&kv);
}

static void goes_on_when_there_is_room(void **state)
{
	is_opened_anew(*state, &durable);
}

static void so_does_a_cache(void **state)
{
	is_opened_anew(*state, &cache);
}

static void a_table_that_could_not_be_made_is_made_later(void **state)
{
	struct kv *kv;
	struct kv_txn *txn;
	kv_table t[TABLES], other;
	open_all(*state, &durable, &kv, t);
	break_next(ENOSPC);
	assert_int_equal(kv_table_open(kv, "late", &other, &e), RC_AGAIN);
	OK(put(kv, t[2], "k", "two"));
	OK(kv_table_open(kv, "late", &other, &e));
	OK(put(kv, other, "k", "late"));
	break_next(ENOSPC);
	assert_int_equal(put(kv, other, "k", "lost"), RC_AGAIN);
	OK(kv_begin(kv, false, &txn, &e));
	assert_true(holds(txn, t[2], "k", "two") && holds(txn, other, "k", "late"));
	kv_abort(&txn);
	kv_close(&kv);
}

/* Until then others are told why. */
static void a_reader_comes_to_its_end_first(void **state)
{
	struct kv *kv;
	struct kv_txn *reader, *txn;
	kv_table t[TABLES];
	open_all(*state, &durable, &kv, t);
	OK(put(kv, t[0], "k", "old"));
	OK(kv_begin(kv, false, &reader, &e));
	uint64_t snapshot = kv_snapshot(reader);
	break_next(ENOSPC);
	assert_int_equal(put(kv, t[0], "k", "lost"), RC_AGAIN);
	for (int write = 0; write < 2; write++) {
		assert_int_equal(kv_begin(kv, write, &txn, &e), RC_AGAIN);
		assert_int_equal(e.sys, ENOSPC);
		assert_non_null(strstr(e.text, "No space left on device"));
	}
	assert_int_equal(kv_used(kv), 0);
	assert_true(holds(reader, t[0], "k", "old"));
	OK(kv_commit(&reader, &e));
	OK(kv_settle(kv, snapshot, &e));
	assert_true(kv_used(kv) > 0);
	OK(put(kv, t[0], "k", "new"));
	kv_close(&kv);
}

struct counting {
	struct kv *kv;
	kv_table table;
	unsigned done;
};

/* A number goes up by one with each commit that is said to have happened. */
static void *count_up(void *arg)
{
	struct counting *c = arg;
	for (int round = 0; round < ROUNDS; round++) {
		struct kv_txn *txn;
		struct kv_bytes value;
		uint8_t next[8];
		if (round % 16 == 0)
			break_next(ENOSPC);
		enum rc rc;
		do {
			rc = kv_begin(c->kv, round % 3 != 0, &txn, &e);
			assert_true(rc == RC_OK || rc == RC_AGAIN);
		} while (rc == RC_AGAIN);
		if (round % 3 == 0) {
			(void)kv_get(txn, c->table, KV_TEXT("n"), &value);
			kv_abort(&txn);
			continue;
		}
		kv_key_u64(kv_get(txn, c->table, KV_TEXT("n"), &value) ? kv_key_read(value.at) + 1 : 1, next);
		kv_put(txn, c->table, KV_TEXT("n"), KV_OF(next));
		rc = kv_commit(&txn, &e);
		assert_true(rc == RC_OK || rc == RC_AGAIN);
		c->done += rc == RC_OK;
	}
	return NULL;
}

static void threads_lose_nothing_by_it(void **state)
{
	struct counting c[THREADS];
	pthread_t thread[THREADS];
	struct kv *kv;
	struct kv_txn *txn;
	struct kv_bytes value;
	kv_table t[TABLES];
	unsigned done = 0;
	open_all(*state, &cache, &kv, t);
	failing_with = ENOSPC;
	for (int i = 0; i < THREADS; i++) {
		c[i] = (struct counting){kv, t[1], 0};
		assert_int_equal(pthread_create(&thread[i], NULL, count_up, &c[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(thread[i], NULL);
		done += c[i].done;
	}
	atomic_store(&failing, 0);
	assert_in_range(done, THREADS * ROUNDS / 4, THREADS * ROUNDS);
	OK(kv_begin(kv, false, &txn, &e));
	assert_true(kv_get(txn, t[1], KV_TEXT("n"), &value));
	assert_int_equal(kv_key_read(value.at), done);
	kv_abort(&txn);
	kv_close(&kv);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(goes_on_when_there_is_room, setup, teardown),
	    cmocka_unit_test_setup_teardown(so_does_a_cache, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_table_that_could_not_be_made_is_made_later, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_reader_comes_to_its_end_first, setup, teardown),
	    cmocka_unit_test_setup_teardown(threads_lose_nothing_by_it, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

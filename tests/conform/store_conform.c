/*
 * What every store owes, whoever provides it: SLUICE_STORE names the provider (default: all that need no server).
 */
#include "conform/conform.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "store/store.h"

struct provider {
	const struct store_ops *ops;
	bool links;      /* the root is a folder here, in which somebody may place symbolic links */
	const char *env; /* where its server is, host:port/path; not set: it is left out. NULL: it needs none */
};

static const struct provider providers[] = {
    {&store_local, .links = true},
    {&store_webhdfs, .env = "SLUICE_WEBHDFS"},
    {&store_webhdfs_ssl, .env = "SLUICE_WEBHDFS_SSL"},
};

static const struct provider *provider;

struct bench {
	char *folder, *root;
	struct store *store;
};

static struct err e;

static struct store *open_again(const char *root)
{
	struct store *s = NULL;
	const char *ca = getenv("SLUICE_WEBHDFS_CA");
	const struct store_option option = {"ca_file", ca};
	bool tls = strstr(provider->ops->scheme, "+ssl") != NULL;
	if (store_open(provider->ops, root, &option, tls && ca != NULL, &s, &e) != RC_OK) {
		fprintf(stderr, "store_open: %s\n", e.text);
		abort();
	}
	return s;
}

static int setup(void **state)
{
	struct bench *t = mem_zero(1, sizeof *t);
	static unsigned roots;
	t->folder = folder_make(NULL);
	t->root = provider->env == NULL
	              ? file_join(t->folder, "deep/lake")
	              : mem_format("%s/conform-%d-%u/deep/lake", getenv(provider->env), (int)getpid(), roots++);
	t->store = open_again(t->root);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct bench *t = *state;
	store_close(&t->store);
	assert_null(t->store);
	folder_remove(&t->folder);
	mem_free(&t->root);
	mem_free(&t);
	return 0;
}

/* ---- short forms ---- */

static struct store_file *written(struct store *s, const char *path, const char *text)
{
	struct store_file *f = NULL;
	EXPECT(RC_OK, store_create(s, path, &f, &e));
	EXPECT(RC_OK, store_write(s, f, text, strlen(text), &e));
	EXPECT(RC_OK, store_close_file(s, f, strlen(text), &e));
	return f;
}

static void stage(struct store *s, const char *path, const char *text)
{
	struct store_file *f = written(s, path, text);
	EXPECT(RC_OK, store_sync(s, &f, 1, &e));
	assert_null(f);
}

static enum rc publish_one(struct store *s, const char *from, const char *to, size_t *done)
{
	return store_publish(s, &(struct store_move){from, to}, 1, done, &e);
}

static void holds(struct store *s, const char *path, const char *text)
{
	char *bytes = NULL;
	size_t size = 0;
	EXPECT(RC_OK, store_get(s, path, 1 << 20, &bytes, &size, &e));
	assert_int_equal(size, strlen(text));
	assert_string_equal(bytes, text);
	mem_free(&bytes);
}

static void absent(struct store *s, const char *path)
{
	struct store_stat st;
	EXPECT(RC_END, store_stat(s, path, &st, &e));
}

static void list_is(
    struct store *s, const char *prefix, const char *after, size_t max, const char *const *want, size_t wants)
{
	char **names = NULL;
	size_t count = 99;
	EXPECT(RC_OK, store_list(s, prefix, after, max, &names, &count, &e));
	assert_int_equal(count, wants);
	for (size_t i = 0; i < wants; i++)
		assert_string_equal(names[i], want[i]);
	store_list_free(&names, count);
	assert_null(names);
}

#define LIST(s, prefix, after, max, ...)                                                                               \
	list_is(s, prefix, after, max, (const char *const[]){__VA_ARGS__},                                             \
	    sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* ---- writing ---- */

static void file_goes_in_and_out(void **state)
{
	struct bench *t = *state;
	enum { SIZE = 3 << 20 };
	uint8_t *bytes = mem_alloc(SIZE), *back = mem_alloc(SIZE);
	uint64_t seed = 3, total = 0;
	for (size_t i = 0; i < SIZE; i += 8) {
		uint64_t v = random_next(&seed);
		memcpy(bytes + i, &v, 8);
	}
	struct store_file *f = NULL;
	EXPECT(RC_OK, store_create(t->store, "staging/w1/big", &f, &e));
	/* Pieces of all sizes, around the one a provider may collect. */
	while (total < SIZE) {
		size_t n = random_next(&seed) % 3 == 0 ? 200000 : random_next(&seed) % 3000;
		if (n > SIZE - total)
			n = SIZE - total;
		EXPECT(RC_OK, store_write(t->store, f, bytes + total, n, &e));
		total += n;
	}
	EXPECT(RC_OK, store_close_file(t->store, f, SIZE, &e));
	EXPECT(RC_OK, store_sync(t->store, &f, 1, &e));
	size_t done, got = 0;
	EXPECT(RC_OK, publish_one(t->store, "staging/w1/big", "flow/hive/y=2026/m=1/d=14/h=9/big", &done));
	assert_int_equal(done, 1);
	absent(t->store, "staging/w1/big");

	const char *path = "flow/hive/y=2026/m=1/d=14/h=9/big";
	struct store_stat st;
	int64_t now_ns = clock_wall().ns;
	EXPECT(RC_OK, store_stat(t->store, path, &st, &e));
	assert_int_equal(st.size, SIZE);
	assert_false(st.directory);
	assert_true(llabs(now_ns - st.modified_ns) < 120 * NS_PER_S);
	EXPECT(RC_OK, store_get_range(t->store, path, 0, back, SIZE, &got, &e));
	assert_int_equal(got, SIZE);
	assert_memory_equal(back, bytes, SIZE);
	EXPECT(RC_OK, store_get_range(t->store, path, SIZE - 10, back, 100, &got, &e));
	assert_int_equal(got, 10);
	assert_memory_equal(back, bytes + SIZE - 10, 10);
	EXPECT(RC_OK, store_get_range(t->store, path, SIZE + 10, back, 100, &got, &e));
	assert_int_equal(got, 0);

	struct source *src;
	EXPECT(RC_OK, store_read(t->store, path, &src, &e));
	total = 0;
	while (source_read(src, back, 100000, &got, &e) == RC_OK) {
		assert_memory_equal(back, bytes + total, got);
		total += got;
	}
	assert_int_equal(total, SIZE);
	source_close(&src);
	mem_free(&bytes);
	mem_free(&back);
}

static void absent_things_are_said_to_be(void **state)
{
	struct bench *t = *state;
	struct source *src = NULL;
	char byte, *bytes = NULL;
	size_t n;
	absent(t->store, "no");
	absent(t->store, "no/such/file");
	stage(t->store, "file", "x");
	absent(t->store, "file/below");
	EXPECT(RC_END, store_get_range(t->store, "no/such", 0, &byte, 1, &n, &e));
	EXPECT(RC_END, store_read(t->store, "no/such", &src, &e));
	EXPECT(RC_END, store_get(t->store, "no/such", 10, &bytes, &n, &e));
	EXPECT(RC_OK, store_remove(t->store, (const char *const[]){"no", "no/such", "file/below"}, 3, &e));
	holds(t->store, "file", "x");
	list_is(t->store, "no/such", NULL, 10, NULL, 0);
}

static void whole_object_has_a_ceiling(void **state)
{
	struct bench *t = *state;
	char *bytes = NULL;
	size_t size;
	stage(t->store, "d/five", "12345");
	stage(t->store, "d/none", "");
	EXPECT(RC_BAD, store_get(t->store, "d/five", 4, &bytes, &size, &e));
	EXPECT(RC_OK, store_get(t->store, "d/five", 5, &bytes, &size, &e));
	assert_string_equal(bytes, "12345");
	mem_free(&bytes);
	EXPECT(RC_OK, store_get(t->store, "d/none", 0, &bytes, &size, &e));
	assert_int_equal(size, 0);
	mem_free(&bytes);
	EXPECT(RC_BAD, store_get(t->store, "d", 5, &bytes, &size, &e));
}

static void lengths_are_verified(void **state)
{
	struct bench *t = *state;
	struct store_file *f = NULL;
	EXPECT(RC_OK, store_create(t->store, "s/short", &f, &e));
	EXPECT(RC_OK, store_write(t->store, f, "12345", 5, &e));
	EXPECT(RC_BAD, store_close_file(t->store, f, 6, &e));
	/* It can't be made durable by mistake. */
	EXPECT(RC_BAD, store_sync(t->store, &f, 1, &e));
	assert_null(f);
	absent(t->store, "s/short");
	EXPECT(RC_OK, store_create(t->store, "s/open", &f, &e));
	EXPECT(RC_BAD, store_sync(t->store, &f, 1, &e));
	absent(t->store, "s/open");
}

static void names_are_taken_once(void **state)
{
	struct bench *t = *state;
	struct store_file *f = written(t->store, "s/a", "first"), *g = NULL;
	EXPECT(RC_BAD, store_create(t->store, "s/a", &g, &e));
	EXPECT(RC_BAD, store_create(t->store, "s", &g, &e));
	EXPECT(RC_BAD, store_create(t->store, "s/a/below", &g, &e));
	assert_null(g);
	store_abandon(t->store, &f);
	assert_null(f);
	absent(t->store, "s/a");
	EXPECT(RC_OK, store_create(t->store, "s/a", &g, &e));
	EXPECT(RC_OK, store_write(t->store, g, "x", 1, &e));
	store_abandon(t->store, &g);
	absent(t->store, "s/a");
	store_abandon(t->store, &g);
}

static void many_files_share_a_sync(void **state)
{
	enum { FILES = 300, DIRS = 100 };
	struct bench *t = *state;
	struct store_file **f = mem_zero(FILES, sizeof *f);
	struct store_move *move = mem_zero(FILES, sizeof *move);
	for (int i = 0; i < FILES; i++) {
		char text[32];
		char *from = mem_format("staging/w/%d", i), *to = mem_format("t/h=%d/f%d", i % DIRS, i);
		snprintf(text, sizeof text, "file %d", i);
		f[i] = written(t->store, from, text);
		move[i] = (struct store_move){from, to};
	}
	EXPECT(RC_OK, store_sync(t->store, f, FILES, &e));
	size_t done = 0;
	EXPECT(RC_OK, store_publish(t->store, move, FILES, &done, &e));
	assert_int_equal(done, FILES);
	for (int i = 0; i < FILES; i++) {
		char text[32];
		snprintf(text, sizeof text, "file %d", i);
		assert_null(f[i]);
		holds(t->store, move[i].to, text);
		absent(t->store, move[i].from);
		char *from = (char *)(uintptr_t)move[i].from, *to = (char *)(uintptr_t)move[i].to;
		mem_free(&from);
		mem_free(&to);
	}
	mem_free(&f);
	mem_free(&move);
	EXPECT(RC_OK, store_remove(t->store, (const char *const[]){"staging/w"}, 1, &e));
	absent(t->store, "staging/w");
}

/* ---- publishing ---- */

static void publish_rolls_forward(void **state)
{
	struct bench *t = *state;
	size_t done = 7;
	stage(t->store, "s/1", "one");
	stage(t->store, "s/2", "two");
	stage(t->store, "s/3", "three");
	const struct store_move move[] = {{"s/1", "t/a/1"}, {"s/2", "t/b/2"}, {"s/3", "t/a/3"}};
	EXPECT(RC_OK, store_publish(t->store, move, 2, &done, &e));
	assert_int_equal(done, 2);
	/* The same manifest again, by a new owner: what is done is done. */
	EXPECT(RC_OK, store_publish(t->store, move, 3, &done, &e));
	assert_int_equal(done, 3);
	EXPECT(RC_OK, store_publish(t->store, move, 3, &done, &e));
	holds(t->store, "t/a/1", "one");
	holds(t->store, "t/b/2", "two");
	holds(t->store, "t/a/3", "three");
	/* Also when the staging directory is gone. */
	EXPECT(RC_OK, store_remove(t->store, (const char *const[]){"s"}, 1, &e));
	absent(t->store, "s");
	EXPECT(RC_OK, store_publish(t->store, move, 3, &done, &e));
	assert_int_equal(done, 3);
	absent(t->store, "s");
}

static void publish_never_replaces(void **state)
{
	struct bench *t = *state;
	size_t done = 7;
	stage(t->store, "s/1", "one");
	stage(t->store, "s/2", "new");
	stage(t->store, "s/3", "three");
	stage(t->store, "t/2", "old");
	const struct store_move move[] = {{"s/1", "t/1"}, {"s/2", "t/2"}, {"s/3", "t/3"}};
	e.text[0] = '\0';
	EXPECT(RC_END, store_publish(t->store, move, 3, &done, &e));
	assert_int_equal(done, 1);
	assert_non_null(strstr(e.text, "t/2"));
	holds(t->store, "t/1", "one");
	holds(t->store, "t/2", "old");
	holds(t->store, "s/2", "new");
	holds(t->store, "s/3", "three");
	absent(t->store, "t/3");
}

static void publish_refuses_what_is_nowhere(void **state)
{
	struct bench *t = *state;
	size_t done = 7;
	EXPECT(RC_BAD, publish_one(t->store, "s/none", "t/none", &done));
	assert_int_equal(done, 0);
	stage(t->store, "s/1", "one");
	EXPECT(
	    RC_BAD, store_publish(t->store, (const struct store_move[]){{"s/1", "t/1"}, {"s/2", "t/2"}}, 2, &done, &e));
	assert_int_equal(done, 1);
	holds(t->store, "t/1", "one");
	EXPECT(RC_BAD, publish_one(t->store, "t/1", "t/1", &done));
	stage(t->store, "file", "x");
	stage(t->store, "s/4", "four");
	EXPECT(RC_BAD, publish_one(t->store, "s/4", "file/below", &done));
	holds(t->store, "s/4", "four");
}

/* Two owners roll the same manifest forward at once: both succeed, each file is there once. */
static void publish_races_end_well(void **state)
{
	enum { FILES = 200, OWNERS = 4 };
	struct bench *t = *state;
	struct store_move move[FILES];
	static char text[FILES][2][32];
	struct store_file *f[FILES];
	for (int i = 0; i < FILES; i++) {
		snprintf(text[i][0], sizeof text[i][0], "s/%d", i);
		snprintf(text[i][1], sizeof text[i][1], "t/%d/%d", i % 7, i);
		move[i] = (struct store_move){text[i][0], text[i][1]};
		f[i] = written(t->store, text[i][0], text[i][0]);
	}
	EXPECT(RC_OK, store_sync(t->store, f, FILES, &e));
	pid_t pid[OWNERS];
	for (int i = 0; i < OWNERS; i++)
		if ((pid[i] = child_start()) == 0) {
			struct store *mine = open_again(t->root);
			size_t done;
			MUST(store_publish(mine, move, FILES, &done, &e) == RC_OK);
			MUST(done == FILES);
			store_close(&mine);
			_exit(0);
		}
	for (int i = 0; i < OWNERS; i++)
		child_succeeds(pid[i]);
	for (int i = 0; i < FILES; i++)
		holds(t->store, move[i].to, move[i].from);
	list_is(t->store, "s", NULL, 10, NULL, 0);
}

/* ---- put if absent ---- */

/* ---- replacing ---- */

static const struct store_move go[] = {{"t/a", "k/g1/a"}, {"t/b", "k/g1/b"}};
static const struct store_move come[] = {{"s/n", "t/n"}};

static void stage_old_and_new(struct store *s)
{
	stage(s, "t/a", "one");
	stage(s, "t/b", "two");
	stage(s, "t/c", "other");
	stage(s, "s/n", "onetwo");
}

static void is_replaced(struct store *s)
{
	LIST(s, "t", NULL, 9, "c", "n");
	holds(s, "t/n", "onetwo");
	holds(s, "t/c", "other");
	absent(s, "s/n");
}

static void replace_changes_files_for_others(void **state)
{
	struct store *s = ((struct bench *)*state)->store;
	stage_old_and_new(s);
	EXPECT(RC_OK, store_replace(s, "t", come, 1, go, 2, &e));
	is_replaced(s);
	LIST(s, "k/g1", NULL, 9, "a", "b");
	holds(s, "k/g1/a", "one");
	/* By a second owner, and when what went is not kept any more. */
	EXPECT(RC_OK, store_replace(s, "t", come, 1, go, 2, &e));
	is_replaced(s);
	EXPECT(RC_OK, store_remove(s, (const char *const[]){"k/g1/a", "k/g1/b", "k/g1", "s"}, 4, &e));
	EXPECT(RC_OK, store_replace(s, "t", come, 1, go, 2, &e));
	is_replaced(s);
}

static void replace_goes_on_where_another_stopped(void **state)
{
	struct store *s = ((struct bench *)*state)->store;
	size_t done;
	stage_old_and_new(s);
	EXPECT(RC_OK, store_publish(s, come, 1, &done, &e));
	EXPECT(RC_OK, store_publish(s, go, 1, &done, &e));
	EXPECT(RC_OK, store_replace(s, "t", come, 1, go, 2, &e));
	is_replaced(s);
	LIST(s, "k/g1", NULL, 9, "a", "b");
}

static void replace_refuses_what_is_nowhere(void **state)
{
	struct store *s = ((struct bench *)*state)->store;
	stage_old_and_new(s);
	const struct store_move none[] = {{"s/none", "t/none"}};
	EXPECT(RC_BAD, store_replace(s, "t", none, 1, go, 2, &e));
	LIST(s, "t", NULL, 9, "a", "b", "c");
	/* The folder, its own names and one other folder: nothing else can be meant. */
	const struct store_move elsewhere[] = {{"s/n", "u/n"}}, renamed[] = {{"t/a", "k/g1/x"}},
	                        apart[] = {{"t/a", "k/g1/a"}, {"t/b", "k/g2/b"}};
	EXPECT(RC_BAD, store_replace(s, "t", elsewhere, 1, go, 2, &e));
	EXPECT(RC_BAD, store_replace(s, "t", come, 1, renamed, 1, &e));
	EXPECT(RC_BAD, store_replace(s, "t", come, 1, apart, 2, &e));
	LIST(s, "t", NULL, 9, "a", "b", "c");
	holds(s, "s/n", "onetwo");
}

/* "abc" as one string. */
static char *listing(struct store *s, const char *folder)
{
	char **names = NULL, *all = mem_text("");
	size_t count = 0;
	EXPECT(RC_OK, store_list(s, folder, NULL, 99, &names, &count, &e));
	for (size_t i = 0; i < count; i++) {
		char *more = mem_format("%s%s", all, names[i]);
		mem_free(&all);
		all = more;
	}
	store_list_free(&names, count);
	return all;
}

/* Killed anywhere, while somebody lists and somebody publishes: the old files or the new ones, and never less. */
static void replace_is_one_step_where_it_says_so(void **state)
{
	struct bench *t = *state;
	enum { ROUNDS = 90 };
	unsigned before = 0, after = 0;
	if (!store_replaces_at_once(t->store))
		return;
	srand(7);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct store *s = t->store;
		size_t done;
		stage_old_and_new(s);
		stage(s, "s/late", "late");
		pid_t child = fork();
		if (child == 0) {
			struct store *own = NULL;
			if (store_open(provider->ops, t->root, NULL, 0, &own, &e) != RC_OK)
				_exit(1);
			_exit(store_replace(own, "t", come, 1, go, 2, &e) != RC_OK);
		}
		assert_true(child > 0);
		/* On a busy machine the child is late: now and then it gets more time. */
		usleep((useconds_t)(rand() % 3000 << round % 6));
		if (round % 3 == 0)
			EXPECT(RC_OK, publish_one(s, "s/late", "t/late", &done));
		for (int look = 0; look < 3; look++) {
			char *now = listing(s, "t");
			bool late = strstr(now, "late") != NULL;
			if (strncmp(now, "abc", 3) == 0)
				before++;
			else if (strcmp(now, late ? "claten" : "cn") == 0)
				after++;
			else
				fail_msg("the folder holds %s", now);
			mem_free(&now);
		}
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, NULL, 0), child);
		char *now = listing(s, "t");
		bool old = strncmp(now, "ab", 2) == 0, new = now[strlen(now) - 1] == 'n';
		assert_true(old != new);
		mem_free(&now);
		EXPECT(RC_OK, publish_one(s, "s/late", "t/late", &done));
		EXPECT(RC_OK, store_replace(s, "t", come, 1, go, 2, &e));
		LIST(s, "t", NULL, 9, "c", "late", "n");
		LIST(s, "k/g1", NULL, 9, "a", "b");
		absent(s, "s/n");
		EXPECT(RC_OK,
		    store_remove(
		        s, (const char *const[]){"t/c", "t/late", "t/n", "t", "k/g1/a", "k/g1/b", "k/g1", "k"}, 8, &e));
	}
	assert_true(before > 0 && after > 0);
}

static void put_if_absent_puts_once(void **state)
{
	struct bench *t = *state;
	EXPECT(RC_OK, store_put_if_absent(t->store, "_sluice/commits/t/0/00", "first", 5, &e));
	EXPECT(RC_END, store_put_if_absent(t->store, "_sluice/commits/t/0/00", "second", 6, &e));
	holds(t->store, "_sluice/commits/t/0/00", "first");
	EXPECT(RC_OK, store_put_if_absent(t->store, "empty", NULL, 0, &e));
	holds(t->store, "empty", "");
	EXPECT(RC_END, store_put_if_absent(t->store, "_sluice/commits/t/0", "x", 1, &e));
	EXPECT(RC_BAD, store_put_if_absent(t->store, "empty/below", "x", 1, &e));
	/* Nothing else is left lying beside it. */
	LIST(t->store, "_sluice/commits/t/0", NULL, 10, "00");
	list_is(t->store, "_sluice/tmp", NULL, 10, NULL, 0);
}

static void put_if_absent_has_one_winner(void **state)
{
	enum { RIVALS = 6, ROUNDS = 60 };
	struct bench *t = *state;
	int report[2];
	assert_int_equal(pipe(report), 0);
	pid_t pid[RIVALS];
	for (int r = 0; r < RIVALS; r++)
		if ((pid[r] = child_start()) == 0) {
			struct store *mine = open_again(t->root);
			for (int i = 0; i < ROUNDS; i++) {
				char path[32], body[4096];
				snprintf(path, sizeof path, "c/%d/%d", i % 5, i);
				memset(body, 'a' + r, sizeof body);
				enum rc rc = store_put_if_absent(mine, path, body, sizeof body, &e);
				MUST(rc == RC_OK || rc == RC_END);
				int won[2] = {i, r};
				MUST(rc == RC_END || write(report[1], won, sizeof won) == sizeof won);
			}
			store_close(&mine);
			_exit(0);
		}
	close(report[1]);
	int winner[ROUNDS], won[2];
	memset(winner, -1, sizeof winner);
	while (read(report[0], won, sizeof won) == sizeof won) {
		assert_int_equal(winner[won[0]], -1);
		winner[won[0]] = won[1];
	}
	for (int r = 0; r < RIVALS; r++)
		child_succeeds(pid[r]);
	for (int i = 0; i < ROUNDS; i++) {
		char path[32], *bytes = NULL;
		size_t size;
		snprintf(path, sizeof path, "c/%d/%d", i % 5, i);
		EXPECT(RC_OK, store_get(t->store, path, 4096, &bytes, &size, &e));
		assert_int_equal(size, 4096);
		for (size_t k = 0; k < size; k++)
			assert_int_equal(bytes[k], 'a' + winner[i]);
		mem_free(&bytes);
	}
	close(report[0]);
}

/* ---- names ---- */

static void odd_names_are_names(void **state)
{
	struct bench *t = *state;
	char longest[256];
	memset(longest, 'n', 255);
	longest[255] = '\0';
	const char *const names[] = {"with space", "quote\"'`", "new\nline", "\xff\xfe not utf-8", "-rf", "*?[a]",
	    "...", "..x", "a\\b", ".hidden", "$(x);&|", "\x01\x7f", longest};
	enum { COUNT = sizeof names / sizeof names[0] };
	for (size_t i = 0; i < COUNT; i++) {
		char *from = mem_format("s/%s", names[i]), *dir = mem_format("t/%s", names[i]);
		char *to = file_join(dir, names[i]);
		size_t done;
		stage(t->store, from, names[i]);
		EXPECT(RC_OK, publish_one(t->store, from, to, &done));
		holds(t->store, to, names[i]);
		LIST(t->store, dir, NULL, 10, names[i]);
		EXPECT(RC_OK, store_put_if_absent(t->store, from, "again", 5, &e));
		EXPECT(RC_OK, store_remove(t->store, (const char *const[]){from, to}, 2, &e));
		absent(t->store, to);
		mem_free(&from);
		mem_free(&dir);
		mem_free(&to);
	}
}

static void listing_is_ordered_and_paged(void **state)
{
	struct bench *t = *state;
	struct store *s = t->store;
	static const char *const files[] = {"d/b", "d/a", "d/B", "d/a.1", "d/\xff", "d/a/x", "d/_", "d/10", "d/9"};
	/* "a" is a directory, so the file of that name is left out. */
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		if (strcmp(files[i], "d/a") != 0)
			stage(s, files[i], "x");
	LIST(s, "d", NULL, 100, "10", "9", "B", "_", "a", "a.1", "b", "\xff");
	LIST(s, "d", NULL, 3, "10", "9", "B");
	LIST(s, "d", "B", 3, "_", "a", "a.1");
	LIST(s, "d", "C", 2, "_", "a");
	LIST(s, "d", "b", 5, "\xff");
	list_is(s, "d", "\xff", 5, NULL, 0);
	list_is(s, "d", NULL, 0, NULL, 0);
	LIST(s, "", NULL, 100, "d");
	LIST(s, "d/a", NULL, SIZE_MAX / 2, "x");
	char **names = NULL;
	size_t count;
	EXPECT(RC_BAD, store_list(s, "d/b", NULL, 10, &names, &count, &e));
}

static void long_listings_are_walked_page_by_page(void **state)
{
	enum { FILES = 1000, PAGE = 64 };
	struct bench *t = *state;
	struct store_file *f[250];
	uint64_t seed = 5;
	for (int i = 0; i < FILES; i++) {
		char path[32];
		snprintf(path, sizeof path, "d/%08llx%04d", (unsigned long long)(random_next(&seed) & 0xffffffff), i);
		f[i % 250] = written(t->store, path, "");
		if (i % 250 == 249)
			EXPECT(RC_OK, store_sync(t->store, f, 250, &e));
	}
	char last[64] = "";
	size_t total = 0;
	for (;;) {
		char **names;
		size_t count;
		EXPECT(RC_OK, store_list(t->store, "d", total > 0 ? last : NULL, PAGE, &names, &count, &e));
		for (size_t i = 0; i < count; i++) {
			assert_true(strcmp(names[i], last) > 0);
			snprintf(last, sizeof last, "%s", names[i]);
		}
		total += count;
		store_list_free(&names, count);
		if (count < PAGE)
			break;
	}
	assert_int_equal(total, FILES);
}

static void directories_go_only_when_empty(void **state)
{
	struct bench *t = *state;
	struct store_stat st;
	stage(t->store, "d/sub/x", "x");
	EXPECT(RC_OK, store_remove(t->store, (const char *const[]){"d/sub"}, 1, &e));
	holds(t->store, "d/sub/x", "x");
	EXPECT(RC_OK, store_stat(t->store, "d/sub", &st, &e));
	assert_true(st.directory);
	EXPECT(RC_OK, store_remove(t->store, (const char *const[]){"d/sub/x", "d/sub"}, 2, &e));
	absent(t->store, "d/sub");
	EXPECT(RC_OK, store_stat(t->store, "d", &st, &e));
	/* And can be made again at once. */
	stage(t->store, "d/sub/y", "y");
	holds(t->store, "d/sub/y", "y");
}

/* ---- hostility ---- */

static void hostile_paths_are_refused(void **state)
{
	struct bench *t = *state;
	char part[300], path[5000];
	memset(part, 'p', sizeof part);
	part[256] = '\0';
	memset(path, 'a', sizeof path);
	for (size_t i = 100; i < sizeof path; i += 100)
		path[i] = '/';
	path[sizeof path - 1] = '\0';
	const char *const paths[] = {
	    "", "/", "/etc/passwd", "..", "../x", "a/../b", "a/..", ".", "./a", "a/./b", "a//b", "a/", part, path};
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		struct store_file *f = NULL;
		struct source *src = NULL;
		struct store_stat st;
		char byte, *bytes = NULL, **names = NULL;
		size_t n;
		EXPECT(RC_BAD, store_create(t->store, paths[i], &f, &e));
		EXPECT(RC_BAD, store_put_if_absent(t->store, paths[i], "x", 1, &e));
		EXPECT(RC_BAD, publish_one(t->store, paths[i], "ok", &n));
		EXPECT(RC_BAD, publish_one(t->store, "ok", paths[i], &n));
		EXPECT(RC_BAD, store_get_range(t->store, paths[i], 0, &byte, 1, &n, &e));
		EXPECT(RC_BAD, store_get(t->store, paths[i], 1, &bytes, &n, &e));
		EXPECT(RC_BAD, store_read(t->store, paths[i], &src, &e));
		EXPECT(RC_BAD, store_remove(t->store, &paths[i], 1, &e));
		EXPECT(RC_BAD, store_stat(t->store, paths[i], &st, &e));
		assert_null(store_local_path(t->store, paths[i]));
		if (paths[i][0] != '\0')
			EXPECT(RC_BAD, store_list(t->store, paths[i], NULL, 1, &names, &n, &e));
	}
}

static void links_do_not_lead_out(void **state)
{
	struct bench *t = *state;
	if (!provider->links)
		skip();
	char *outside = file_join(t->folder, "outside"), *link = file_join(t->root, "out"),
	     *up = file_join(t->root, "up");
	char *leaf = file_join(t->root, "leaf"), *secret = file_join(t->folder, "outside/secret");
	assert_int_equal(mkdir(outside, 0750), 0);
	EXPECT(RC_OK, file_store(secret, "secret", 6, 0600, &e));
	assert_int_equal(symlink(outside, link), 0);
	assert_int_equal(symlink("../../outside", up), 0);
	assert_int_equal(symlink("../../outside/secret", leaf), 0);
	stage(t->store, "s/1", "one");
	static const char *const paths[] = {"out/secret", "up/secret", "out/new", "up/new"};
	for (size_t i = 0; i < 4; i++) {
		struct store_file *f = NULL;
		struct source *src = NULL;
		struct store_stat st;
		char byte, **names = NULL;
		size_t n;
		EXPECT(RC_BAD, store_create(t->store, paths[i], &f, &e));
		EXPECT(RC_BAD, store_put_if_absent(t->store, paths[i], "x", 1, &e));
		EXPECT(RC_BAD, publish_one(t->store, "s/1", paths[i], &n));
		EXPECT(RC_BAD, publish_one(t->store, paths[i], "t/stolen", &n));
		EXPECT(RC_BAD, store_get_range(t->store, paths[i], 0, &byte, 1, &n, &e));
		EXPECT(RC_BAD, store_read(t->store, paths[i], &src, &e));
		EXPECT(RC_BAD, store_stat(t->store, paths[i], &st, &e));
		EXPECT(RC_BAD, store_remove(t->store, &paths[i], 1, &e));
		EXPECT(RC_BAD, store_list(t->store, i % 2 == 0 ? "out" : "up", NULL, 1, &names, &n, &e));
	}
	/* A link as the last part: not written through, not read through. */
	struct store_file *f = NULL;
	char byte;
	size_t n;
	EXPECT(RC_BAD, store_create(t->store, "leaf", &f, &e));
	EXPECT(RC_END, store_put_if_absent(t->store, "leaf", "x", 1, &e));
	EXPECT(RC_BAD, store_get_range(t->store, "leaf", 0, &byte, 1, &n, &e));
	/* Removing it removes the link alone. */
	EXPECT(RC_OK, store_remove(t->store, (const char *const[]){"leaf"}, 1, &e));
	char *bytes = NULL;
	EXPECT(RC_OK, file_load(secret, 100, &bytes, &n, &e));
	assert_string_equal(bytes, "secret");
	mem_free(&bytes);
	holds(t->store, "s/1", "one");
	mem_free(&outside);
	mem_free(&link);
	mem_free(&up);
	mem_free(&leaf);
	mem_free(&secret);
}

static void local_path_is_where_it_lies(void **state)
{
	struct bench *t = *state;
	stage(t->store, "d/x", "here");
	char *path = store_local_path(t->store, "d/x"), *bytes = NULL;
	size_t size;
	if (path == NULL)
		skip();
	assert_int_equal(path[0], '/');
	EXPECT(RC_OK, file_load(path, 100, &bytes, &size, &e));
	assert_string_equal(bytes, "here");
	mem_free(&bytes);
	mem_free(&path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(file_goes_in_and_out, setup, teardown),
	    cmocka_unit_test_setup_teardown(absent_things_are_said_to_be, setup, teardown),
	    cmocka_unit_test_setup_teardown(whole_object_has_a_ceiling, setup, teardown),
	    cmocka_unit_test_setup_teardown(lengths_are_verified, setup, teardown),
	    cmocka_unit_test_setup_teardown(names_are_taken_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(many_files_share_a_sync, setup, teardown),
	    cmocka_unit_test_setup_teardown(publish_rolls_forward, setup, teardown),
	    cmocka_unit_test_setup_teardown(publish_never_replaces, setup, teardown),
	    cmocka_unit_test_setup_teardown(publish_refuses_what_is_nowhere, setup, teardown),
	    cmocka_unit_test_setup_teardown(publish_races_end_well, setup, teardown),
	    cmocka_unit_test_setup_teardown(replace_changes_files_for_others, setup, teardown),
	    cmocka_unit_test_setup_teardown(replace_goes_on_where_another_stopped, setup, teardown),
	    cmocka_unit_test_setup_teardown(replace_refuses_what_is_nowhere, setup, teardown),
	    cmocka_unit_test_setup_teardown(replace_is_one_step_where_it_says_so, setup, teardown),
	    cmocka_unit_test_setup_teardown(put_if_absent_puts_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(put_if_absent_has_one_winner, setup, teardown),
	    cmocka_unit_test_setup_teardown(odd_names_are_names, setup, teardown),
	    cmocka_unit_test_setup_teardown(listing_is_ordered_and_paged, setup, teardown),
	    cmocka_unit_test_setup_teardown(long_listings_are_walked_page_by_page, setup, teardown),
	    cmocka_unit_test_setup_teardown(directories_go_only_when_empty, setup, teardown),
	    cmocka_unit_test_setup_teardown(hostile_paths_are_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(links_do_not_lead_out, setup, teardown),
	    cmocka_unit_test_setup_teardown(local_path_is_where_it_lies, setup, teardown),
	};
	const char *only = getenv("SLUICE_STORE");
	int failed = 0;
	for (size_t i = 0; i < sizeof providers / sizeof providers[0]; i++) {
		provider = &providers[i];
		if (provider->env != NULL && getenv(provider->env) == NULL)
			continue;
		if (only == NULL || strcmp(only, provider->ops->scheme) == 0)
			failed += cmocka_run_group_tests_name(provider->ops->scheme, tests, NULL, NULL);
	}
	return failed;
}

/* What happens to a file while it is read, and a lake that is full or away: with a store that does what the test says.
 */
#include "pipe/archive.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum fault {
	FAULT_NONE,
	FAULT_APPEND,
	FAULT_CUT,
	FAULT_TOUCH,
	FAULT_FULL,
	FAULT_FULL_AT_CLOSE,
	FAULT_FULL_AT_SYNC,
	FAULT_AWAY
};

/* A store that keeps nothing and counts handles. */
struct fake {
	struct store store;
	enum fault fault;
	const char *source;
	int open;
	unsigned created, removed;
};

struct yard {
	struct world world;
	struct fake fake;
	struct ledger *ledger;
	struct board *board;
	struct inflight *inflight;
	struct archive *archive;
	char *path;
};

static enum rc fake_create(struct store *s, const char *path, struct store_file **out, struct err *e)
{
	struct fake *f = (struct fake *)s;
	if (f->fault == FAULT_FULL)
		return err_set(RC_AGAIN, e, "no space");
	if (f->fault == FAULT_AWAY)
		return err_set(RC_FAIL, e, "gone for good");
	f->open++;
	f->created++;
	*out = (struct store_file *)s;
	return RC_OK;
}

static enum rc fake_write(struct store *s, struct store_file *file, const void *bytes, size_t size, struct err *e)
{
	struct fake *f = (struct fake *)s;
	int fd = open(f->source, O_WRONLY | O_APPEND);
	if (f->fault == FAULT_APPEND)
		assert_int_equal(write(fd, "x", 1), 1);
	if (f->fault == FAULT_CUT)
		assert_int_equal(ftruncate(fd, 10), 0);
	if (f->fault == FAULT_TOUCH)
		assert_int_equal(fchmod(fd, 0600), 0);
	close(fd);
	return RC_OK;
}

static enum rc fake_close(struct store *s, struct store_file *file, uint64_t expected, struct err *e)
{
	return ((struct fake *)s)->fault == FAULT_FULL_AT_CLOSE ? err_set(RC_AGAIN, e, "no space") : RC_OK;
}

static enum rc fake_sync(struct store *s, struct store_file **files, size_t count, struct err *e)
{
	struct fake *f = (struct fake *)s;
	for (size_t i = 0; i < count; i++) {
		f->open -= files[i] != NULL;
		files[i] = NULL;
	}
	return f->fault == FAULT_FULL_AT_SYNC ? err_set(RC_AGAIN, e, "no space") : RC_OK;
}

static void fake_abandon(struct store *s, struct store_file *file)
{
	((struct fake *)s)->open--;
}

static enum rc fake_publish(struct store *s, const struct store_move *move, size_t moves, size_t *done, struct err *e)
{
	*done = moves;
	return RC_OK;
}

static enum rc fake_remove(struct store *s, const char *const *path, size_t paths, struct err *e)
{
	((struct fake *)s)->removed += (unsigned)paths;
	return RC_OK;
}

static void fake_free(struct store *s)
{
}

static const struct store_ops fake_ops = {.scheme = "fake",
    .create = fake_create,
    .write = fake_write,
    .close_file = fake_close,
    .sync = fake_sync,
    .abandon = fake_abandon,
    .publish = fake_publish,
    .remove = fake_remove,
    .close = fake_free};

static const char *const waiter[BOARD_WAITERS] = {"archiving"};

static int set_up(void **state)
{
	struct yard *y = mem_zero(1, sizeof *y);
	struct err e;
	world_open(&y->world);
	y->world.settings.inline_max = 1000;
	char *dir = mem_format("%s/ledger", y->world.settings.state);
	assert_int_equal(ledger_open(dir, 64 << 20, &y->ledger, &e), RC_OK);
	mem_free(&dir);
	y->path = mem_format("%s/source", y->world.dir);
	y->fake = (struct fake){.store = {.ops = &fake_ops}, .source = y->path};
	y->board = board_new(NULL, NULL, waiter);
	y->inflight = inflight_new();
	const struct archive_params params = {.settings = &y->world.settings,
	    .board = y->board,
	    .inflight = y->inflight,
	    .staging = "staging",
	    .run = 1,
	    .limits = {.hours = 16, .event_bytes = 1 << 20},
	    .rows_max = 1 << 20};
	y->archive = archive_new(&params, &y->fake.store, ledger_share(y->ledger));
	*state = y;
	return 0;
}

static int tear_down(void **state)
{
	struct yard *y = *state;
	assert_int_equal(y->fake.open, 0);
	archive_free(&y->archive);
	inflight_free(&y->inflight);
	board_free(&y->board);
	ledger_close(&y->ledger);
	mem_free(&y->path);
	world_close(&y->world);
	mem_free(&y);
	return 0;
}

/* A source of count lines, taken as found just now. */
static struct item *source(struct yard *y, unsigned count)
{
	char *text = world_lines("m", 1768381200, 1, count);
	struct stat st;
	FILE *f = fopen(y->path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	mem_free(&text);
	struct item *it = item_new(&y->world.pipeline, ITEM_TAKE, y->path);
	assert_int_equal(lstat(y->path, &st), 0);
	looks_of(&st, &it->looks);
	return it;
}

static struct item *taken(struct yard *y, unsigned lines, enum rc want)
{
	struct item *it = source(y, lines);
	struct err e;
	assert_int_equal(archive_item(y->archive, it, &e), want);
	return it;
}

static void changed_while_read(void **state)
{
	static const enum fault fault[] = {FAULT_APPEND, FAULT_CUT, FAULT_TOUCH};
	struct yard *y = *state;
	for (size_t i = 0; i < sizeof fault / sizeof fault[0]; i++) {
		y->fake.fault = fault[i];
		struct item *it = taken(y, 20000, RC_OK); /* several blocks: it changes after the first */
		assert_int_equal(it->outcome, ITEM_ASIDE);
		assert_true(it->unsettled && !it->claimed);
		assert_string_equal(it->note, "changed while it was read");
		assert_int_equal(y->fake.open, 0);
		item_free(&it);
	}
}

static void changed_since_it_settled(void **state)
{
	struct yard *y = *state;
	struct item *it = source(y, 10);
	struct err e;
	it->settled = true;
	assert_int_equal(truncate(y->path, 5), 0);
	assert_int_equal(archive_item(y->archive, it, &e), RC_OK);
	assert_true(it->outcome == ITEM_ASIDE && it->unsettled);
	assert_int_equal(y->fake.created, 0);
	item_free(&it);
}

static void vanished(void **state)
{
	struct yard *y = *state;
	struct item *it = source(y, 10);
	struct err e;
	assert_int_equal(unlink(y->path), 0);
	assert_int_equal(archive_item(y->archive, it, &e), RC_OK);
	assert_true(it->outcome == ITEM_ASIDE && !it->unsettled && strstr(it->note, "vanished") != NULL);
	/* Something else took the name. */
	assert_int_equal(mkfifo(y->path, 0600), 0);
	assert_int_equal(archive_item(y->archive, it, &e), RC_OK);
	assert_string_equal(it->note, "not a regular file");
	assert_int_equal(unlink(y->path), 0);
	assert_int_equal(symlink("/etc/passwd", y->path), 0);
	assert_int_equal(archive_item(y->archive, it, &e), RC_OK);
	assert_true(strstr(it->note, "symbolic link") != NULL);
	item_free(&it);
}

static void full_lake(void **state)
{
	struct yard *y = *state;
	static const enum fault fault[] = {FAULT_FULL, FAULT_FULL_AT_CLOSE};
	for (unsigned lines = 10; lines <= 10000; lines *= 1000)
		for (size_t i = 0; i < 2; i++) {
			y->fake.fault = fault[i];
			struct item *it = taken(y, lines, RC_AGAIN);
			assert_int_equal(it->outcome, ITEM_LATER);
			assert_true(!it->claimed && it->file == NULL && it->staged == NULL);
			assert_int_equal(y->fake.open, 0);
			y->fake.fault = FAULT_NONE; /* there is room again: the same item */
			struct err e;
			assert_int_equal(archive_item(y->archive, it, &e), RC_OK);
			assert_int_equal(it->outcome, ITEM_TAKEN);
			struct item_list group = {.count = 0};
			items_add(&group, it);
			assert_int_equal(archive_group(y->archive, &group, &e), RC_OK);
			assert_int_equal(it->outcome, ITEM_TAKEN);
			inflight_release(y->inflight, it->pipeline, it->sha256);
			item_free(&it);
		}
	y->fake.fault = FAULT_AWAY;
	struct item *it = taken(y, 10, RC_FAIL);
	assert_int_equal(it->outcome, ITEM_LATER);
	item_free(&it);
}

static void full_at_sync(void **state)
{
	struct yard *y = *state;
	struct err e;
	struct item_list group = {.count = 0};
	struct item *it = taken(y, 10, RC_OK), *note = item_new(&y->world.pipeline, ITEM_NOTE, "/x");
	item_aside(note, "why");
	items_add(&group, it);
	items_add(&group, note);
	y->fake.fault = FAULT_FULL_AT_SYNC;
	assert_int_equal(archive_group(y->archive, &group, &e), RC_AGAIN);
	assert_true(it->outcome == ITEM_LATER && !it->claimed && it->staged == NULL);
	assert_int_equal(note->outcome, ITEM_ASIDE);
	assert_int_equal(y->fake.removed, 1);
	item_free(&it);
	item_free(&note);
}

/* A large file is has_mac over the bytes that its sha256 is of; a small one needs none. */
static void large_ones_have_a_mac(void **state)
{
	struct yard *y = *state;
	struct err e;
	struct item *large = taken(y, 20000, RC_OK);
	assert_true(large->outcome == ITEM_TAKEN && large->has_mac);
	size_t size = 0;
	char *bytes = NULL;
	uint8_t tag[MAC_TAG], digest[SHA256_BYTES];
	assert_int_equal(file_load(y->path, 4 << 20, &bytes, &size, &e), RC_OK);
	sha256_of(bytes, size, digest);
	assert_memory_equal(digest, large->sha256, SHA256_BYTES);
	struct gmac *z = gmac_new();
	gmac_begin(z, &large->mac);
	gmac_add(z, bytes, size);
	gmac_end(z, tag);
	assert_true(mac_holds(&large->mac, tag));
	gmac_free(&z);
	mem_free(&bytes);
	struct item *small = taken(y, 10, RC_OK);
	assert_true(small->outcome == ITEM_TAKEN && !small->has_mac);
	struct item_list group = {.count = 0};
	items_add(&group, large);
	items_add(&group, small);
	assert_int_equal(archive_group(y->archive, &group, &e), RC_OK);
	item_free(&large);
	item_free(&small);
}

static void twins(void **state)
{
	struct yard *y = *state;
	struct err e;
	struct item *first = taken(y, 10, RC_OK), *second = taken(y, 10, RC_OK);
	assert_int_equal(first->outcome, ITEM_TAKEN);
	assert_int_equal(second->outcome, ITEM_LATER);
	inflight_release(y->inflight, first->pipeline, first->sha256); /* the first came to nothing */
	assert_int_equal(archive_item(y->archive, second, &e), RC_OK);
	assert_int_equal(second->outcome, ITEM_TAKEN);
	struct item_list group = {.count = 0};
	items_add(&group, first);
	items_add(&group, second);
	assert_int_equal(archive_group(y->archive, &group, &e), RC_OK);
	item_free(&first);
	item_free(&second);
}

static void stop_in_a_large_file(void **state)
{
	struct yard *y = *state;
	board_stop(y->board);
	struct item *it = taken(y, 20000, RC_AGAIN);
	assert_int_equal(it->outcome, ITEM_LATER);
	item_free(&it);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(changed_while_read, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(changed_since_it_settled, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(vanished, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(full_lake, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(full_at_sync, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(large_ones_have_a_mac, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(twins, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(stop_in_a_large_file, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

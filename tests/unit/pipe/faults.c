/* Services that fail: every call of store and bus fails once, before or after it did its work, and every row is in the
 * lake once all the same. */
#include "pipe/worker.h"

#include <string.h>

#include "base/mem.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { T0 = 1768381200 };

enum call {
	CREATE,
	WRITE,
	CLOSE,
	SYNC,
	PUBLISH,
	PUT,
	GET,
	READ,
	LIST,
	REMOVE,
	STAT,
	FETCH,
	RANGE,
	CLAIM,
	TRIM,
	CALLS,
};

/* Which call fails next, shared by the wrappers and the one worker thread. */
static struct {
	enum call call;
	int skip;
	bool after; /* it did its work, only the answer is lost */
	int left;   /* failures yet to come */
} plan;

struct flaky_store {
	struct store base;
	struct store *inner;
};

static struct store *inner(struct store *s)
{
	return ((struct flaky_store *)s)->inner;
}

/* Does this call fail? */
static bool fails(enum call call)
{
	if (plan.call != call || plan.left == 0)
		return false;
	if (plan.skip > 0) {
		plan.skip--;
		return false;
	}
	plan.left--;
	return true;
}

#define FLAKY(call, act)                                                                                               \
	do {                                                                                                           \
		bool fail = fails(call);                                                                               \
		enum rc rc = RC_OK;                                                                                    \
		if (!fail || plan.after)                                                                               \
			rc = act;                                                                                      \
		return fail ? err_set(RC_AGAIN, e, "an injected fault") : rc;                                          \
	} while (0)

static const struct store_ops flaky_store_ops;

static enum rc flaky_open(
    const char *place, const struct store_option *option, size_t options, struct store **out, struct err *e)
{
	struct flaky_store *f = mem_zero(1, sizeof *f);
	f->base.ops = &flaky_store_ops;
	enum rc rc = store_open(&store_local, place, option, options, &f->inner, e);
	assert_int_equal(rc, RC_OK);
	*out = &f->base;
	return RC_OK;
}

static enum rc flaky_create(struct store *s, const char *path, struct store_file **out, struct err *e)
{
	/* A file that was made although the answer was lost is not asked for again: its name is new every time. */
	if (fails(CREATE))
		return err_set(RC_AGAIN, e, "an injected fault");
	return store_create(inner(s), path, out, e);
}

static enum rc flaky_write(struct store *s, struct store_file *f, const void *bytes, size_t size, struct err *e)
{
	FLAKY(WRITE, store_write(inner(s), f, bytes, size, e));
}

static enum rc flaky_close_file(struct store *s, struct store_file *f, uint64_t expected, struct err *e)
{
	FLAKY(CLOSE, store_close_file(inner(s), f, expected, e));
}

static enum rc flaky_sync(struct store *s, struct store_file **files, size_t count, struct err *e)
{
	/* The handles are gone whatever the outcome. */
	bool fail = fails(SYNC);
	if (fail && !plan.after) {
		for (size_t i = 0; i < count; i++)
			store_abandon(inner(s), &files[i]);
		return err_set(RC_AGAIN, e, "an injected fault");
	}
	enum rc rc = store_sync(inner(s), files, count, e);
	return fail ? err_set(RC_AGAIN, e, "an injected fault") : rc;
}

static void flaky_abandon(struct store *s, struct store_file *f)
{
	store_abandon(inner(s), &f);
}

static enum rc flaky_publish(struct store *s, const struct store_move *move, size_t moves, size_t *done, struct err *e)
{
	bool fail = fails(PUBLISH);
	*done = 0;
	if (!fail)
		return store_publish(inner(s), move, moves, done, e);
	/* Half of the work is done, and nobody is told. */
	size_t unsaid = 0;
	if (plan.after)
		assert_int_equal(store_publish(inner(s), move, (moves + 1) / 2, &unsaid, e), RC_OK);
	return err_set(RC_AGAIN, e, "an injected fault");
}

static enum rc flaky_put(struct store *s, const char *path, const void *bytes, size_t size, struct err *e)
{
	FLAKY(PUT, store_put_if_absent(inner(s), path, bytes, size, e));
}

static enum rc flaky_get(
    struct store *s, const char *path, uint64_t offset, void *to, size_t size, size_t *got, struct err *e)
{
	FLAKY(GET, store_get_range(inner(s), path, offset, to, size, got, e));
}

static enum rc flaky_read(struct store *s, const char *path, struct source **out, struct err *e)
{
	if (fails(READ))
		return err_set(RC_AGAIN, e, "an injected fault");
	return store_read(inner(s), path, out, e);
}

static enum rc flaky_list(
    struct store *s, const char *prefix, const char *after, size_t max, char ***names, size_t *count, struct err *e)
{
	if (fails(LIST))
		return err_set(RC_AGAIN, e, "an injected fault");
	return store_list(inner(s), prefix, after, max, names, count, e);
}

static enum rc flaky_remove(struct store *s, const char *const *path, size_t paths, struct err *e)
{
	FLAKY(REMOVE, store_remove(inner(s), path, paths, e));
}

static enum rc flaky_stat(struct store *s, const char *path, struct store_stat *out, struct err *e)
{
	FLAKY(STAT, store_stat(inner(s), path, out, e));
}

static void flaky_close(struct store *s)
{
	struct flaky_store *f = (struct flaky_store *)s;
	store_close(&f->inner);
	mem_free(&f);
}

static const struct store_ops flaky_store_ops = {
    .scheme = "flaky",
    .open = flaky_open,
    .create = flaky_create,
    .write = flaky_write,
    .close_file = flaky_close_file,
    .sync = flaky_sync,
    .abandon = flaky_abandon,
    .publish = flaky_publish,
    .put_if_absent = flaky_put,
    .get_range = flaky_get,
    .read = flaky_read,
    .list = flaky_list,
    .remove = flaky_remove,
    .stat = flaky_stat,
    .close = flaky_close,
};

/* The bus is the embedded one's ops with four of them replaced: the handle stays its own. */

static enum rc flaky_fetch(struct bus *b, const char *topic, unsigned partition, uint64_t offset, int64_t wait_ms,
    struct bus_event *out, struct err *e)
{
	FLAKY(FETCH, bus_embed.fetch(b, topic, partition, offset, wait_ms, out, e));
}

static enum rc flaky_range(
    struct bus *b, const char *topic, unsigned partition, uint64_t *first, uint64_t *next, struct err *e)
{
	FLAKY(RANGE, bus_embed.range(b, topic, partition, first, next, e));
}

static enum rc flaky_claim(struct bus *b, const char *topic, unsigned partition, struct err *e)
{
	if (fails(CLAIM))
		return err_set(RC_AGAIN, e, "an injected fault");
	return bus_embed.claim(b, topic, partition, e);
}

static enum rc flaky_trim(struct bus *b, const char *topic, unsigned partition, uint64_t offset, struct err *e)
{
	FLAKY(TRIM, bus_embed.trim(b, topic, partition, offset, e));
}

static struct bus_ops flaky_bus_ops;

static enum rc flaky_bus_open(
    const char *place, const struct bus_option *option, size_t options, struct bus **out, struct err *e)
{
	enum rc rc = bus_embed.open(place, option, options, out, e);
	if (rc == RC_OK)
		(*out)->ops = &flaky_bus_ops;
	return rc;
}

static void fill(const struct world *w)
{
	char *a = world_lines("aa", T0, 60, 150), *b = world_lines("bb", T0 + 40, 60, 100);
	world_file(w, "a", a);
	world_file(w, "r", "bad line\n");
	world_file(w, "b", b);
	world_rows(w, "a", a, 3);
	world_rows(w, "a", a, UINT32_MAX);
	world_rows(w, "b", b, UINT32_MAX);
	mem_free(&a);
	mem_free(&b);
}

static void one_fault(enum call call, int skip, bool after)
{
	struct world w;
	struct err e;
	struct world_sum s;
	world_open(&w);
	fill(&w);
	w.settings.commit_events = 2;
	w.settings.store = &flaky_store_ops;
	w.settings.bus = &flaky_bus_ops;
	plan.call = call;
	plan.skip = skip;
	plan.after = after;
	plan.left = 1;
	if (world_work(&w, &e) != RC_OK)
		fail_msg("call %d after %d calls: %s", call, skip, e.text);
	plan.left = 0;
	w.settings.store = &store_local;
	w.settings.bus = &bus_embed;
	s = world_sum(&w, w.pipeline.topic_files);
	if (s.rows != 250 || s.originals != 3 || s.rejects != 1 || !s.chained || s.stray != 0)
		fail_msg("call %d after %d calls: %d rows", call, skip, (int)s.rows);
	s = world_sum(&w, w.pipeline.topic_rows);
	if (s.rows != 250 || s.originals != 2 || !s.chained || s.stray != 0)
		fail_msg("call %d after %d calls: %d rows", call, skip, (int)s.rows);
	world_close(&w);
}

static void every_call_may_fail_once(void **state)
{
	flaky_bus_ops = bus_embed;
	flaky_bus_ops.open = flaky_bus_open;
	flaky_bus_ops.fetch = flaky_fetch;
	flaky_bus_ops.range = flaky_range;
	flaky_bus_ops.claim = flaky_claim;
	flaky_bus_ops.trim = flaky_trim;
	for (enum call call = 0; call < CALLS; call++)
		for (int skip = 0; skip < 2; skip++) {
			one_fault(call, skip, false);
			if (call != CREATE && call != READ && call != LIST && call != CLAIM && call != FETCH)
				one_fault(call, skip, true);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_call_may_fail_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

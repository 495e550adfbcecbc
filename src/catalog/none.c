/* catalog: none. Engines that list folders themselves (Spark, DuckDB, pyarrow by path) need no more. */
#include "catalog/catalog.h"

#include "base/mem.h"

static enum rc none_open(const struct catalog_params *p, struct catalog **out, struct err *e)
{
	struct catalog *c = mem_zero(1, sizeof *c);
	c->ops = &catalog_none;
	*out = c;
	return RC_OK;
}

static enum rc none_reach(struct catalog *c, bool *there, struct err *e)
{
	*there = true;
	return RC_OK;
}

static enum rc none_ensure_database(struct catalog *c, struct err *e)
{
	return RC_OK;
}

static enum rc none_describe(struct catalog *c, const struct catalog_table *t, struct catalog_view *out, struct err *e)
{
	*out = (struct catalog_view){.match = CATALOG_SAME};
	return RC_OK;
}

static enum rc none_ensure_table(struct catalog *c, const struct catalog_table *t, struct err *e)
{
	return RC_OK;
}

static enum rc none_partitions(struct catalog *c, const struct catalog_table *t,
    void (*see)(void *context, const char *path), void *context, struct err *e)
{
	return RC_OK;
}

static enum rc none_ensure_partition(
    struct catalog *c, const struct catalog_table *t, const char *path, const char *const *value, struct err *e)
{
	return RC_OK;
}

static enum rc none_move_partition(struct catalog *c, const struct catalog_table *t, const char *path,
    const char *const *value, const char *location, struct err *e)
{
	return RC_END;
}

static enum rc none_drop_partition(
    struct catalog *c, const struct catalog_table *t, const char *path, const char *const *value, struct err *e)
{
	return RC_END;
}

static void none_close(struct catalog *c)
{
	mem_free(&c);
}

const struct catalog_ops catalog_none = {
    .scheme = "none",
    .idle = true,
    .open = none_open,
    .reach = none_reach,
    .ensure_database = none_ensure_database,
    .describe = none_describe,
    .ensure_table = none_ensure_table,
    .partitions = none_partitions,
    .ensure_partition = none_ensure_partition,
    .move_partition = none_move_partition,
    .drop_partition = none_drop_partition,
    .close = none_close,
};

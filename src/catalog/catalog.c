/* catalog: checks paths before a provider sees them, and keeps what is known so that each partition is told once. */
#include "catalog/catalog.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "catalog/known.h"

enum rc catalog_open(const struct catalog_ops *ops, const struct catalog_params *p, struct catalog **out, struct err *e)
{
	struct catalog *c = NULL;
	enum rc rc = ops->open(p, &c, e);
	if (rc != RC_OK)
		return rc;
	c->known = known_new();
	*out = c;
	return RC_OK;
}

enum rc catalog_reach(struct catalog *c, bool *there, struct err *e)
{
	return c->ops->reach(c, there, e);
}

enum rc catalog_ensure_database(struct catalog *c, struct err *e)
{
	return c->ops->ensure_database(c, e);
}

enum rc catalog_describe(struct catalog *c, const struct catalog_table *t, struct catalog_view *out, struct err *e)
{
	return c->ops->describe(c, t, out, e);
}

enum rc catalog_ensure_table(struct catalog *c, const struct catalog_table *t, struct err *e)
{
	return c->ops->ensure_table(c, t, e);
}

struct learner {
	struct known *known;
	const char *table;
};

static void learn(void *context, const char *path)
{
	const struct learner *l = context;
	known_add(l->known, l->table, path);
}

enum rc catalog_learn(struct catalog *c, const struct catalog_table *t, struct err *e)
{
	struct learner l = {c->known, t->schema->name};
	return c->ops->partitions(c, t, learn, &l, e);
}

enum rc catalog_partitions(struct catalog *c, const struct catalog_table *t,
    void (*see)(void *context, const char *path), void *context, struct err *e)
{
	return c->ops->partitions(c, t, see, context, e);
}

bool catalog_knows(const struct catalog *c, const struct catalog_table *t, const char *path)
{
	return known_has(c->known, t->schema->name, path);
}

/* A value is what schema_partition_values prints: digits. What else lies in a lake's folder is nobody's partition. */
static bool is_value(const char *text)
{
	size_t len = strlen(text);
	return len > 0 && len < 16 && strspn(text, "0123456789") == len;
}

bool catalog_values(const struct schema *s, const char *path, char out[CATALOG_PATH], const char **value)
{
	char *at = out;
	if (!str_copy(out, CATALOG_PATH, path))
		return false;
	for (size_t i = 0; i < s->partitions; i++) {
		const char *name = s->partition[i].name;
		size_t len = strlen(name);
		if (strncmp(at, name, len) != 0 || at[len] != '=')
			return false;
		value[i] = at + len + 1;
		at = strchr(at, '/');
		if ((at == NULL) != (i + 1 == s->partitions))
			return false;
		if (at != NULL)
			*at++ = '\0';
		if (!is_value(value[i]))
			return false;
	}
	return s->partitions > 0;
}

enum rc catalog_ensure_partition(struct catalog *c, const struct catalog_table *t, const char *path, struct err *e)
{
	char text[CATALOG_PATH];
	const char *value[SCHEMA_PARTITIONS];
	if (t->schema->partitions == 0 || known_has(c->known, t->schema->name, path))
		return RC_OK;
	if (!catalog_values(t->schema, path, text, value))
		return err_set(RC_BAD, e, "\"%.200s\" is no partition of %s", path, t->schema->name);
	enum rc rc = c->ops->ensure_partition(c, t, path, value, e);
	if (rc == RC_OK)
		known_add(c->known, t->schema->name, path);
	return rc;
}

char *catalog_aside(const struct catalog_table *t, const char *path, uint64_t generation)
{
	const char *slash = strrchr(t->location, '/');
	int root = slash != NULL ? (int)(slash - t->location) : 0;
	if (generation == 0)
		return mem_format("%.*s/aside/%s", root, t->location, path);
	return mem_format("%.*s/aside/%s/%" PRIu64, root, t->location, path, generation);
}

enum rc catalog_move_partition(
    struct catalog *c, const struct catalog_table *t, const char *path, uint64_t generation, struct err *e)
{
	char text[CATALOG_PATH];
	const char *value[SCHEMA_PARTITIONS];
	if (t->schema->partitions == 0)
		return RC_END;
	if (!catalog_values(t->schema, path, text, value))
		return err_set(RC_BAD, e, "\"%.200s\" is no partition of %s", path, t->schema->name);
	char *location = generation != 0 ? catalog_aside(t, path, generation) : mem_format("%s/%s", t->location, path);
	enum rc rc = c->ops->move_partition(c, t, path, value, location, e);
	mem_free(&location);
	return rc;
}

enum rc catalog_drop_partition(struct catalog *c, const struct catalog_table *t, const char *path, struct err *e)
{
	char text[CATALOG_PATH];
	const char *value[SCHEMA_PARTITIONS];
	if (t->schema->partitions == 0)
		return RC_END;
	if (!catalog_values(t->schema, path, text, value))
		return err_set(RC_BAD, e, "\"%.200s\" is no partition of %s", path, t->schema->name);
	catalog_forget(c, t, path);
	return c->ops->drop_partition(c, t, path, value, e);
}

void catalog_forget(struct catalog *c, const struct catalog_table *t, const char *path)
{
	known_drop(c->known, t->schema->name, path);
}

void catalog_close(struct catalog **c)
{
	if (*c == NULL)
		return;
	known_free(&(*c)->known);
	(*c)->ops->close(*c);
	*c = NULL;
}

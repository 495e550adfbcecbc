/* The folders of a table are its partitions: a listing per day is all it takes to know them, and nothing else that is
 * kept could contradict the lake. */
#include "pipe/datasets.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

void datasets_init(struct datasets *d, const struct settings *s)
{
	*d = (struct datasets){.table = mem_zero(s->pipelines + 1, sizeof *d->table)};
	for (size_t i = 0; i < s->pipelines; i++) {
		const struct schema *schema = s->pipeline[i].schema;
		bool there = false;
		for (size_t n = 0; n < d->count; n++)
			there |= d->table[n].schema == schema;
		if (!there)
			d->table[d->count++] =
			    (struct catalog_table){schema, mem_format("%s/%s/hive", s->catalog_location, schema->name)};
	}
}

void datasets_fini(struct datasets *d)
{
	for (size_t i = 0; i < d->count; i++)
		mem_release((void *)d->table[i].location);
	mem_free(&d->table);
	d->count = 0;
}

size_t datasets_find(const struct datasets *d, const struct schema *schema)
{
	for (size_t i = 0; i < d->count; i++)
		if (d->table[i].schema == schema)
			return i;
	assert(!"a schema of another configuration");
	return 0;
}

enum rc datasets_catalog(const struct settings *s, const atomic_bool *halt, struct catalog **out, struct err *e)
{
	struct catalog_params p = {
	    .place = s->catalog_place, .option = s->catalog_option, .options = s->catalog_options, .halt = halt};
	return catalog_open(s->catalog, &p, out, e);
}

struct walk {
	struct store *store;
	const struct schema *schema;
	const char *root; /* in the dataset's folder */
	enum rc (*see)(void *context, const char *path, struct err *e);
	void *context;
};

/* "h=9" of the key h. */
static bool is_part(const char *name, const char *key)
{
	size_t len = strlen(key);
	return strncmp(name, key, len) == 0 && name[len] == '=';
}

/* key: how many keys the path has so far. */
static enum rc walk_folder(const struct walk *w, const char *path, size_t key, struct err *e)
{
	char **names = NULL, text[CATALOG_PATH];
	const char *value[SCHEMA_PARTITIONS];
	size_t count = 0;
	if (key == w->schema->partitions)
		return catalog_values(w->schema, path, text, value) ? w->see(w->context, path, e) : RC_OK;
	char *folder =
	    mem_format("%s/%s%s%s", w->schema->name, w->root, path[0] != '\0' ? "/" : "", path[0] != '\0' ? path : "");
	enum rc rc = store_list(w->store, folder, NULL, SIZE_MAX / 2, &names, &count, e);
	mem_free(&folder);
	for (size_t i = count; i > 0 && rc == RC_OK; i--) {
		if (!is_part(names[i - 1], w->schema->partition[key].name))
			continue;
		char *deeper = mem_format("%s%s%s", path, path[0] != '\0' ? "/" : "", names[i - 1]);
		rc = walk_folder(w, deeper, key + 1, e);
		mem_free(&deeper);
	}
	store_list_free(&names, count);
	return rc;
}

/* A table without partition keys: its files lie right in its folder. */
static enum rc walk_plain(const struct walk *w, struct err *e)
{
	char **names = NULL;
	size_t count = 0;
	char *folder = mem_format("%s/hive", w->schema->name);
	enum rc rc = store_list(w->store, folder, NULL, 1, &names, &count, e);
	mem_free(&folder);
	store_list_free(&names, count);
	return rc == RC_OK && count > 0 ? w->see(w->context, "", e) : rc;
}

enum rc datasets_walk(struct store *store, const struct schema *schema,
    enum rc (*see)(void *context, const char *path, struct err *e), void *context, struct err *e)
{
	const struct walk w = {store, schema, "hive", see, context};
	enum rc rc = schema->partitions > 0 ? walk_folder(&w, "", 0, e) : walk_plain(&w, e);
	return rc == RC_END ? RC_OK : rc;
}

enum rc datasets_walk_aside(struct store *store, const struct schema *schema,
    enum rc (*see)(void *context, const char *path, struct err *e), void *context, struct err *e)
{
	const struct walk w = {store, schema, "aside", see, context};
	enum rc rc = schema->partitions > 0 ? walk_folder(&w, "", 0, e) : RC_OK;
	return rc == RC_END ? RC_OK : rc;
}

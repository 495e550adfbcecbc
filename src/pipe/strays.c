/* Order: what lies there is listed, then the notes of what is under way: a compaction that begins after that uses a
 * place of its own, as its generation is another. */
#include "pipe/strays.h"

#include <string.h>

#include "base/mem.h"
#include "catalog/catalog.h"
#include "pipe/aside.h"
#include "pipe/datasets.h"
#include "pipe/swap.h"

struct looking {
	const struct schema *schema;
	const char *partition;
	bool busy;
};

static enum rc see_note(void *context, const struct swap_key *k, struct err *e)
{
	struct looking *l = context;
	char path[CATALOG_PATH];
	(void)e;
	schema_partition_path(l->schema, k->hour, path, sizeof path);
	l->busy |= strcmp(path, l->partition) == 0;
	return RC_OK;
}

enum rc strays_busy(struct store *s, const struct schema *schema, const char *partition, bool *busy, struct err *e)
{
	struct looking l = {.schema = schema, .partition = partition};
	enum rc rc = note_each(s, schema->name, see_note, &l, e);
	*busy = l.busy;
	return rc;
}

struct strays {
	struct store *store;
	const struct schema *schema;
	const char *temp;
	uint64_t *brought;
};

static enum rc see_partition(void *context, const char *path, struct err *e)
{
	const struct strays *t = context;
	char **names = NULL, *folder = mem_format("%s/aside/%s", t->schema->name, path);
	char *home = mem_format("%s/hive/%s", t->schema->name, path);
	size_t count = 0;
	bool busy = false;
	enum rc rc = store_list(t->store, folder, NULL, SIZE_MAX / 2, &names, &count, e);
	if (rc == RC_OK && count > 0)
		rc = strays_busy(t->store, t->schema, path, &busy, e);
	for (size_t i = 0; i < count && rc == RC_OK && !busy; i++) {
		char *generation = mem_format("%s/%s", folder, names[i]);
		rc = aside_home(t->store, generation, home, t->temp, true, t->brought, e);
		mem_free(&generation);
	}
	store_list_free(&names, count);
	mem_free(&home);
	mem_free(&folder);
	return rc;
}

enum rc strays_home(struct store *s, const struct schema *schema, const char *temp, uint64_t *brought, struct err *e)
{
	struct strays t = {s, schema, temp, brought};
	return datasets_walk_aside(s, schema, see_partition, &t, e);
}

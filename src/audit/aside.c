/* Rows that no query sees: what another program wrote where the catalog showed an hour during its compaction, and
 * nobody has brought to the hour since. */
#include "audit/work.h"

#include <string.h>

#include "audit/tree.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "pipe/aside.h"
#include "pipe/datasets.h"
#include "pipe/strays.h"

struct looking {
	struct audit *audit;
	const struct schema *schema;
};

/* "y=2026/m=1/d=14/h=9" of "flow/aside/y=2026/m=1/d=14/h=9/1/name"; caller frees. NULL: not of that form. */
static char *partition_of(const struct schema *s, const char *path)
{
	const char *from = path + strlen(s->name) + strlen("/aside/"), *to = from;
	for (size_t i = 0; i < s->partitions && to != NULL; i++)
		to = strchr(to + (i > 0), '/');
	if (s->partitions == 0 || to == NULL || strchr(to + 1, '/') != file_name(path) - 1)
		return NULL;
	return mem_text_n(from, (size_t)(to - from));
}

static enum rc mend(const struct looking *l, const char *path, const char *partition, struct err *e)
{
	struct audit *a = l->audit;
	char *home = mem_format("%s/hive/%s/%s", l->schema->name, partition, file_name(path));
	uint64_t brought = 0;
	enum rc rc = RC_OK;
	if (a->options->dry_run)
		audit_mended(a, FINDING_TABLE_ASIDE, path, MEND_WOULD, "would bring it to its hour");
	else
		rc = aside_bring(a->store, path, home, "_sluice/staging/aside-audit", true, &brought, e);
	if (rc == RC_OK && brought > 0)
		audit_mended(a, FINDING_TABLE_ASIDE, path, MEND_DONE, "brought it to its hour");
	if (rc == RC_BAD) {
		audit_mended(a, FINDING_TABLE_ASIDE, path, MEND_LEFT, "%s", e->text);
		rc = RC_OK;
	}
	mem_free(&home);
	return rc;
}

static enum rc see_file(void *context, const char *path, const struct store_stat *st, struct err *e)
{
	const struct looking *l = context;
	struct audit *a = l->audit;
	char *partition = partition_of(l->schema, path);
	bool busy = false;
	if (partition == NULL || !aside_of_others(file_name(path))) {
		mem_free(&partition);
		return RC_OK;
	}
	enum rc rc = strays_busy(a->store, l->schema, partition, &busy, e);
	if (rc == RC_OK && !busy && !audit_old(a, st->modified_ns))
		a->result->young++;
	else if (rc == RC_OK && !busy) {
		audit_find(a, FINDING_TABLE_ASIDE, path,
		    "another program wrote it while its hour was compacted; nobody reads it there any more");
		if (a->options->repair)
			rc = mend(l, path, partition, e);
	}
	mem_free(&partition);
	return rc;
}

enum rc audit_aside(struct audit *a, struct err *e)
{
	struct datasets d;
	enum rc rc = RC_OK;
	datasets_init(&d, a->settings);
	for (size_t i = 0; i < d.count && rc == RC_OK; i++) {
		struct looking l = {.audit = a, .schema = d.table[i].schema};
		char *folder = mem_format("%s/aside", l.schema->name);
		rc = tree_walk(a->store, folder, see_file, &l, e);
		mem_free(&folder);
	}
	datasets_fini(&d);
	return rc;
}

/* What is no file of a table and no original: staging, schemas, the catalog. */
#include "audit/work.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "audit/tree.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/avsc.h"
#include "pipe/datasets.h"
#include "pipe/manifest.h"
#include "pipe/registrar.h"

enum {
	EPOCH = 32,
	START_DIGITS = 20,
	SCHEMA_MAX = 1 << 20,
	SCHEMA_NAME = 16,
	PARTITION_SORT = 2 * SORTER_RECORD,
	FILES_LOOKED_AT = 64,
	NS_PER_MS = 1000000
};

/* Staging. */

static const char staging[] = "_sluice/staging";

/* Partition and first offset of a worker's staged file: _sluice/staging/<label>-<epoch>/<start, 20 digits>-… */
static struct chain *chain_of_staged(struct audit *a, const char *path, uint64_t *start)
{
	const char *folder = path + sizeof staging, *name = file_name(path);
	size_t len = (size_t)(name - folder);
	char digits[START_DIGITS + 1];
	if (name <= folder || len < EPOCH + 3 || folder[len - 1 - EPOCH - 1] != '-' || strlen(name) < START_DIGITS)
		return NULL;
	memcpy(digits, name, START_DIGITS);
	digits[START_DIGITS] = '\0';
	if (!manifest_name_read(digits, start))
		return NULL;
	return chains_by_label(&a->chains, folder, len - 1 - EPOCH - 1);
}

static bool is_named(const struct audit *a, const char *path)
{
	for (size_t i = 0; i < a->staged_named; i++)
		if (strcmp(a->staged[i], path) == 0)
			return true;
	return false;
}

static enum rc see_staged(void *context, const char *path, const struct store_stat *st, struct err *e)
{
	struct audit *a = context;
	uint64_t start = 0;
	if (is_named(a, path))
		return RC_OK;
	if (!audit_old(a, st->modified_ns)) {
		a->result->young++;
		return RC_OK;
	}
	struct chain *c = chain_of_staged(a, path, &start);
	bool covered = c != NULL && c->any && start < c->end && chain_hole_at(c, start) == NULL;
	audit_find(a, FINDING_STAGING_LEFT, path, "%s",
	    covered     ? "the events that it was made from are committed"
	    : c != NULL ? "the events that it was made from are not committed yet"
	                : "no commit and no run that is known wants it");
	if (!a->options->repair)
		return RC_OK;
	if (!covered)
		audit_mended(a, FINDING_STAGING_LEFT, path, MEND_LEFT, "%s",
		    c != NULL ? "the next commit of its partition removes it" : "the next start removes what it made");
	else if (a->options->dry_run)
		audit_mended(a, FINDING_STAGING_LEFT, path, MEND_WOULD, "would remove it");
	else {
		enum rc rc = store_remove(a->store, &path, 1, e);
		if (rc != RC_OK)
			return rc;
		audit_mended(a, FINDING_STAGING_LEFT, path, MEND_DONE, "removed it");
	}
	return RC_OK;
}

enum rc audit_staging(struct audit *a, struct err *e)
{
	return tree_walk(a->store, staging, see_staged, a, e);
}

/* Schemas. */

static enum rc see_schema(void *context, const char *path, const struct store_stat *st, struct err *e)
{
	struct audit *a = context;
	struct schema *schema = NULL;
	char *text = NULL, name[SCHEMA_NAME + 8];
	size_t size = 0;
	(void)st;
	enum rc rc = store_get(a->store, path, SCHEMA_MAX, &text, &size, e);
	if (rc == RC_OK)
		rc = avsc_read(file_name(path), text, size, &schema, e);
	if (rc == RC_OK) {
		snprintf(name, sizeof name, "%016" PRIx64 ".avsc", schema->fingerprint);
		if (strcmp(name, file_name(path)) != 0)
			rc = err_set(RC_BAD, e, "its fingerprint is %.16s", name);
	}
	if (rc == RC_BAD)
		audit_find(a, FINDING_SCHEMA_DAMAGED, path, "%s", e->text);
	schema_free(&schema);
	mem_free(&text);
	return rc == RC_BAD || rc == RC_END ? RC_OK : rc;
}

enum rc audit_schemas(struct audit *a, struct err *e)
{
	return tree_walk(a->store, "_sluice/schemas", see_schema, a, e);
}

/* Catalog. */

enum side { IN_CATALOG = 'c', IN_LAKE = 'l' };

struct comparing {
	struct audit *audit;
	struct catalog *catalog;
	const struct catalog_table *table;
	struct sorter *partitions;
	enum rc rc;
	struct err *e;
	bool absent; /* there is no table at all */
	uint64_t missing;
};

static enum rc add_partition(struct comparing *c, const char *path, enum side side, struct err *e)
{
	uint8_t value = (uint8_t)side;
	const struct sorter_record r = {(const uint8_t *)path, &value, strlen(path) + 1, 1};
	return sorter_add(c->partitions, &r, e);
}

static void see_registered(void *context, const char *path)
{
	struct comparing *c = context;
	if (c->rc == RC_OK)
		c->rc = add_partition(c, path, IN_CATALOG, c->e);
	c->audit->result->partitions_registered++;
}

static enum rc see_folder(void *context, const char *path, struct err *e)
{
	return add_partition(context, path, IN_LAKE, e);
}

/* Has it a file that belongs there? One that is empty, or holds what lies in a wrong place, is nobody's partition. */
static enum rc has_files(struct audit *a, const char *folder, bool *has, struct err *e)
{
	char **name = NULL;
	size_t count = 0;
	enum rc rc = store_list(a->store, folder, NULL, FILES_LOOKED_AT, &name, &count, e);
	*has = false;
	for (size_t i = 0; i < count && !*has; i++) {
		char *path = mem_format("%s/%s", folder, name[i]);
		bool orphan = false;
		for (size_t n = 0; n < a->orphans && !orphan; n++)
			orphan = strcmp(a->orphan[n].path, path) == 0;
		*has = !orphan;
		mem_free(&path);
	}
	store_list_free(&name, count);
	return rc;
}

/* A folder that was made a moment ago has yet to be told of. */
static enum rc check_missing(struct comparing *c, const char *folder, struct err *e)
{
	struct audit *a = c->audit;
	struct store_stat st;
	bool has = false;
	enum rc rc = store_stat(a->store, folder, &st, e);
	if (rc == RC_OK)
		rc = has_files(a, folder, &has, e);
	if (rc != RC_OK || !has)
		return rc == RC_END ? RC_OK : rc;
	if (!a->moved && !audit_old(a, st.modified_ns)) {
		a->result->young++;
		return RC_OK;
	}
	c->missing++;
	if (c->absent)
		return RC_OK;
	audit_find(a, FINDING_PARTITION_MISSING, folder, "the lake has it, the catalog does not");
	if (a->options->repair && a->options->dry_run)
		audit_mended(a, FINDING_PARTITION_MISSING, folder, MEND_WOULD, "would tell the catalog");
	return RC_OK;
}

/* An expiry drops its partition last. One whose folder went otherwise is left for a person to judge. */
static enum rc check_extra(struct comparing *c, const char *path, const char *folder, struct err *e)
{
	struct audit *a = c->audit;
	const json_t *expired = json_object_get(a->expired, folder);
	if (expired != NULL && !audit_old(a, json_integer_value(expired) * NS_PER_MS)) {
		a->result->young++;
		return RC_OK;
	}
	audit_find(a, FINDING_PARTITION_EXTRA, folder, "%s",
	    expired != NULL ? "its rows expired, and the catalog still has it"
	                    : "the catalog has it, the lake has no such folder");
	if (!a->options->repair)
		return RC_OK;
	if (expired == NULL) {
		audit_mended(a, FINDING_PARTITION_EXTRA, folder, MEND_LEFT, "no expiry has let it go");
		return RC_OK;
	}
	if (a->options->dry_run) {
		audit_mended(a, FINDING_PARTITION_EXTRA, folder, MEND_WOULD, "would drop it in the catalog");
		return RC_OK;
	}
	enum rc rc = catalog_drop_partition(c->catalog, c->table, path, e);
	if (rc == RC_OK)
		audit_mended(a, FINDING_PARTITION_EXTRA, folder, MEND_DONE, "dropped it in the catalog");
	else if (rc == RC_BAD)
		audit_mended(a, FINDING_PARTITION_EXTRA, folder, MEND_LEFT, "%s", e->text);
	return rc == RC_END || rc == RC_BAD ? RC_OK : rc;
}

static enum rc one_partition(struct comparing *c, const char *path, bool registered, bool there, struct err *e)
{
	enum rc rc = RC_OK;
	char *folder = mem_format("%s/hive%s%s", c->table->schema->name, path[0] != '\0' ? "/" : "", path);
	if (there && !registered)
		rc = check_missing(c, folder, e);
	else if (registered && !there)
		rc = check_extra(c, path, folder, e);
	mem_free(&folder);
	return rc;
}

static enum rc compare_partitions(struct comparing *c, struct err *e)
{
	struct sorter_record r;
	char last[CATALOG_PATH] = "";
	bool any = false, registered = false, there = false;
	enum rc rc = sorter_done(c->partitions, e);
	while (rc == RC_OK && (rc = sorter_next(c->partitions, &r, e)) == RC_OK) {
		if (any && strcmp(last, (const char *)r.key) != 0) {
			rc = one_partition(c, last, registered, there, e);
			registered = there = false;
		}
		any = str_copy(last, sizeof last, (const char *)r.key);
		registered |= r.value[0] == IN_CATALOG;
		there |= r.value[0] == IN_LAKE;
	}
	return rc == RC_END ? (any ? one_partition(c, last, registered, there, e) : RC_OK) : rc;
}

static enum rc register_missing(struct comparing *c, const char *what, struct err *e)
{
	struct registrar_count n;
	struct audit *a = c->audit;
	enum finding_kind kind = c->absent ? FINDING_CATALOG_TABLE : FINDING_PARTITION_MISSING;
	if (c->absent)
		audit_find(a, kind, what, "the catalog has no such table, the lake %" PRIu64 " partition%s", c->missing,
		    c->missing == 1 ? "" : "s");
	if (!a->options->repair)
		return RC_OK;
	if (a->options->dry_run) {
		if (c->absent)
			audit_mended(a, kind, what, MEND_WOULD, "would tell the catalog");
		return RC_OK;
	}
	enum rc rc = registrar_all(c->catalog, a->store, c->table, &n, e);
	if (rc == RC_OK)
		audit_mended(a, kind, what, n.refused == 0 ? MEND_DONE : MEND_LEFT,
		    "told the catalog of %" PRIu64 " partition%s", n.made, n.made == 1 ? "" : "s");
	return rc;
}

/* The catalog is read before the lake: what it has was in the lake by then. */
static enum rc one_table(struct comparing *c, struct err *e)
{
	struct catalog_view view;
	struct audit *a = c->audit;
	char *what = mem_format("%s/hive", c->table->schema->name);
	enum rc rc = catalog_describe(c->catalog, c->table, &view, e);
	if (rc == RC_OK && view.match == CATALOG_OTHER)
		audit_find(a, FINDING_CATALOG_TABLE, what, "%s", view.text);
	c->partitions =
	    sorter_new(a->options->scratch != NULL ? a->options->scratch : a->settings->state, PARTITION_SORT);
	c->absent = rc == RC_OK && view.match == CATALOG_ABSENT;
	c->missing = 0;
	c->rc = RC_OK;
	c->e = e;
	if (rc == RC_OK && !c->absent)
		rc = catalog_partitions(c->catalog, c->table, see_registered, c, e);
	rc = rc == RC_END ? RC_OK : rc;
	if (rc == RC_OK)
		rc = c->rc;
	if (rc == RC_OK && c->table->schema->partitions > 0)
		rc = datasets_walk(a->store, c->table->schema, see_folder, c, e);
	if (rc == RC_OK)
		rc = compare_partitions(c, e);
	if (rc == RC_OK && c->missing > 0)
		rc = register_missing(c, what, e);
	sorter_free(&c->partitions);
	mem_free(&what);
	return rc;
}

/* A catalog that is away is no damage of the lake: it is said, and the rest of the audit counts. */
enum rc audit_catalog(struct audit *a, struct err *e)
{
	const struct settings *s = a->settings;
	struct comparing c = {.audit = a};
	struct datasets d;
	bool there = false;
	if (s->catalog->idle)
		return RC_OK;
	enum rc rc = datasets_catalog(s, NULL, &c.catalog, e);
	if (rc == RC_OK)
		rc = catalog_reach(c.catalog, &there, e);
	datasets_init(&d, s);
	for (size_t i = 0; i < d.count && rc == RC_OK; i++) {
		c.table = &d.table[i];
		rc = one_table(&c, e);
	}
	datasets_fini(&d);
	catalog_close(&c.catalog);
	a->result->catalog = rc == RC_OK;
	if (rc != RC_OK)
		(void)!str_copy(a->result->catalog_away, sizeof a->result->catalog_away, e->text);
	return RC_OK;
}

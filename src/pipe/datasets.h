/*
 * datasets: the tables of a configuration, where SQL engines find them, and which partitions of them the lake holds.
 *
 * Thread  a list is immutable once made; a walk uses the caller's store
 */
#ifndef PIPE_DATASETS_H
#define PIPE_DATASETS_H

#include <stdatomic.h>
#include <stddef.h>

#include "base/rc.h"
#include "catalog/catalog.h"
#include "pipe/settings.h"
#include "store/store.h"

struct datasets {
	struct catalog_table *table; /* one per dataset, however many pipelines fill it */
	size_t count;
};

void datasets_init(struct datasets *d, const struct settings *s);
void datasets_fini(struct datasets *d);

/* Place of a schema in the list. It must be one of the settings'. */
size_t datasets_find(const struct datasets *d, const struct schema *schema);

/* The catalog of the settings; halt as in catalog_params. */
enum rc datasets_catalog(
    const struct settings *s, const atomic_bool *halt, struct catalog **out, struct err *e) MUST_USE;

/*
 * Every partition that the lake has a folder for, "y=2026/m=1/d=14/h=9", newest first. A folder is made with the first
 * file that is published into it, so none is empty for long. Folders of another form are passed over.
 * A table without partition keys has "", once it has a file. see's other rc
 * ends the walk and comes back; RC_END ends it well.
 */
enum rc datasets_walk(struct store *store, const struct schema *schema,
    enum rc (*see)(void *context, const char *path, struct err *e), void *context, struct err *e) MUST_USE;

/* The same of "<dataset>/aside", where compactions show partitions for a while; nothing without partition keys. */
enum rc datasets_walk_aside(struct store *store, const struct schema *schema,
    enum rc (*see)(void *context, const char *path, struct err *e), void *context, struct err *e) MUST_USE;

#endif

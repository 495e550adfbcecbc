/*
 * plan: which table files of a folder may become fewer: those that a commit or an earlier compaction names, of an hour
 * that is over and quiet, smaller than half the target.
 *
 * A file that no manifest names is left alone, whatever it is. So is one of a commit that was not rolled forward
 * completely: its writer may still give it that name (again).
 *
 * Thread  the caller's store
 * Owner   zeroed is empty; plan_fini frees
 */
#ifndef PIPE_PLAN_H
#define PIPE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "data/schema.h"
#include "store/store.h"

struct plan_limits {
	int64_t quiet_ms;      /* nothing came for so long, and the hour ended so long ago */
	int64_t now_ms;        /* wall */
	int64_t before_hour;   /* hours from here on are left alone; INT64_MAX none */
	uint64_t target_bytes; /* of a file that comes out */
};

struct plan_file {
	char *path; /* in the table */
	int64_t hour;
	uint64_t size, rows;
	uint32_t crc32;
	bool known;      /* a manifest names it */
	bool unfinished; /* of a commit that may not be rolled forward yet */
	/* Of its name, which says the order of rows: label, first offset, number. */
	char *label;
	uint64_t start, number;
};

struct plan {         /* of one folder; files in the order in which their rows are to be */
	bool rejects; /* of rejects files, not of a table */
	struct plan_file *file;
	size_t files;
	size_t strange; /* others in the folder, which are left alone */
	size_t foreign; /* of those, what has no name of ours; also after RC_END */
};

/*
 * Look at the folder "<dataset>/hive/<path>". RC_END: there is nothing to do in it (yet). Several hours may share a
 * folder when the table's partitions are longer than an hour: files of one hour lie together in the plan.
 */
enum rc plan_folder(struct store *s, const struct schema *schema, const char *folder, const struct plan_limits *limits,
    struct plan *out, struct err *e) MUST_USE;

/*
 * Every file of a folder of a table, or of a dataset's rejects, by hour, with what manifests say of it: one that is not
 * known is named by none. A table file that a compaction or an expiry took is known all the same.
 */
enum rc plan_all(struct store *s, const struct schema *schema, const char *folder, bool rejects, struct plan *out,
    struct err *e) MUST_USE;

/* The files of the hour that begins at file `from`: one past the last. */
size_t plan_hour_end(const struct plan *p, size_t from);

void plan_fini(struct plan *p);

#endif

/*
 * expire_work: what the parts of an expiry share while it runs.
 *
 * Thread  one owner
 */
#ifndef PIPE_EXPIRE_WORK_H
#define PIPE_EXPIRE_WORK_H

#include "base/writer.h"
#include "pipe/datasets.h"
#include "pipe/expire.h"

struct expire {
	const struct expire_params *p;
	struct expire_sum *sum;
	const struct schema *schema;       /* of the dataset being looked at */
	const struct catalog_table *table; /* likewise */
	enum expiry_kind kind;             /* being looked at */
	struct expire_count count;         /* of dataset and kind */
	int64_t now_ms, before_hour;       /* hours from before_hour on stay */
	char epoch[40];                    /* of this run */
	bool stopped;
};

bool expire_stopped(struct expire *x);
/* Something stays because it is wrong. */
void expire_leave(struct expire *x, const char *text);

/* Delete a folder that is empty now, and those above it, below root. */
enum rc expire_clear(struct expire *x, const char *folder, const char *root, struct err *e) MUST_USE;

/* Every hour's folder root/YYYYMMDD/HH that is old enough, oldest first. */
enum rc expire_folders(struct expire *x, const char *root,
    enum rc (*see)(void *context, const char *folder, int64_t hour, struct err *e), void *context,
    struct err *e) MUST_USE;

/*
 * release: files of one hour go: gathered, put into a record, removed. A dry run counts them.
 */
struct release {
	struct expire *x;
	int64_t hour;
	uint64_t newest; /* generation of the hour's chain */
	struct writer text;
	char **path;
	size_t paths, capacity;
	struct expire_count count; /* of those gathered */
	bool any;                  /* something of the hour went */
};

void release_begin(struct release *r, struct expire *x, int64_t hour, uint64_t newest);
/* RC_END: somebody else put a record or a compaction of this hour; the rest of it is for the next run. */
enum rc release_add(struct release *r, const struct expiry_file *f, struct err *e) MUST_USE;
enum rc release_end(struct release *r, struct err *e) MUST_USE;
void release_fini(struct release *r);
/* One that a record names already. */
enum rc release_finish(struct expire *x, const char *path, struct err *e) MUST_USE;

/* The kinds; of the current dataset. */
enum rc expire_tables(struct expire *x, struct err *e) MUST_USE;
enum rc expire_rejects(struct expire *x, struct err *e) MUST_USE;
enum rc expire_originals(struct expire *x, struct err *e) MUST_USE;

#endif

/*
 * merge: rows of several table files into as few as the target allows, staged and read back.
 *
 * Rows keep their order: that of the inputs, and within an input its own. The outputs' footers name the same originals
 * with the same numbers of rows. What was written is read back and compared column by column before anybody may rely
 * on it: the inputs will go.
 *
 * Memory  one row group of an input, and worker.memory for the output
 * Thread  the caller's store
 * Owner   zeroed is empty; merge_fini frees, and deletes what was staged unless merge_keep was called
 */
#ifndef PIPE_MERGE_H
#define PIPE_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "pipe/plan.h"
#include "pipe/settings.h"
#include "store/store.h"

struct merge_params {
	const struct settings *settings;
	struct store *store;
	const struct pipeline *pipeline; /* one of the dataset: its schema and projection */
	const char *prefix;              /* of staged names */
	uint64_t target_bytes;
	bool (*stop)(void *context); /* asked between batches; NULL never */
	void *context;
};

struct merge_file {
	char *staged;
	uint64_t size, rows;
	uint32_t crc32;
};

struct merge {
	struct merge_file *file;
	size_t files;
	uint64_t rows, bytes;
	struct store *store;
	bool keep;
};

/* RC_END: asked to stop. RC_BAD: an input is damaged or not ours to read; *e names it. */
enum rc merge_files(const struct merge_params *p, const struct plan_file *input, size_t inputs, struct merge *out,
    struct err *e) MUST_USE;
void merge_keep(struct merge *m);
void merge_fini(struct merge *m);

#endif

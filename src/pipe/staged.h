/*
 * staged: a file being written in staging: its bytes are counted and summed on the way, because the manifest says both.
 *
 * Thread  one owner
 * Owner   staged_drop deletes the file unless its handle was taken for sync
 */
#ifndef PIPE_STAGED_H
#define PIPE_STAGED_H

#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "pipe/crc32.h"
#include "store/store.h"

struct staged {
	struct store *store;              /* borrowed */
	const struct crc32_tables *table; /* borrowed */
	struct store_file *file;          /* NULL once taken */
	char *path;
	uint64_t size;
	uint32_t crc32;
};

enum rc staged_open(struct store *store, const struct crc32_tables *table, const char *path, struct staged **out,
    struct err *e) MUST_USE;

/* A parquet_sink's write; context is the struct staged. */
enum rc staged_write(void *context, const void *bytes, size_t size, struct err *e) MUST_USE;

/* No more bytes; the store compares the length with what was counted. */
enum rc staged_close(struct staged *s, struct err *e) MUST_USE;

/* The handle of a closed file, for store_sync, which frees it. */
struct store_file *staged_take(struct staged *s);

void staged_drop(struct staged **s);

#endif

/*
 * file: whole-file and directory operations that survive EINTR and short writes.
 *
 * Errors  err_sys: ENOSPC and friends are RC_AGAIN, what can never work is RC_BAD or RC_FAIL as stated
 * Thread  any
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/rc.h"

/* Write all of it at the descriptor's position. */
enum rc file_write(int fd, const void *bytes, size_t size, struct err *e) MUST_USE;

/* Whole file, at most ceiling bytes (more is RC_BAD), NUL after the last byte; absent is RC_END. Caller frees. */
enum rc file_load(const char *path, size_t ceiling, char **bytes, size_t *size, struct err *e) MUST_USE;

/* Write, fsync, rename over path, fsync the directory: the old content or the new, never a part. */
enum rc file_store(const char *path, const void *bytes, size_t size, mode_t mode, struct err *e) MUST_USE;

/* Make a directory and its parents, mode 0750 for those made, their names durable; there already is RC_OK. */
enum rc file_mkdirs(const char *path, struct err *e) MUST_USE;

/* rename(2) that never replaces; target there: RC_END. Falls back to link + unlink where the file system lacks it. */
enum rc file_rename_new(const char *from, const char *to, struct err *e) MUST_USE;

enum rc file_sync_dir(const char *path, struct err *e) MUST_USE;

/* Remove a directory tree; absent is RC_OK. Does not follow symbolic links. */
enum rc file_remove_tree(const char *path, struct err *e) MUST_USE;

/* a/b, one slash between them; caller frees. */
char *file_join(const char *a, const char *b);

/* The part after the last slash. */
const char *file_name(const char *path);

#endif

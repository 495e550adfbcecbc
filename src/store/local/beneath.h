/*
 * beneath: opens and makes things below a root directory, and never above it, whatever symbolic links lie in the way.
 *
 * Links that stay below the root are followed where the kernel can check that (openat2, Linux 5.6); elsewhere no link
 * is followed. Paths were checked by the front: relative, no ".", "..", empty part.
 *
 * Thread  one owner
 */
#ifndef STORE_LOCAL_BENEATH_H
#define STORE_LOCAL_BENEATH_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/rc.h"

struct beneath {
	int root;
	bool walk; /* no openat2 here */
};

/* root is borrowed. */
void beneath_init(struct beneath *b, int root);

/* Like openat: a descriptor, or -1 with errno; EXDEV or ELOOP when a link leads out. "" is the root itself. */
int beneath_open(const struct beneath *b, const char *path, int flags, mode_t mode);

/* The directory that holds path, for names, fsync. make: with its parents, durably. *leaf points into path. errno as
 * above. */
int beneath_parent(const struct beneath *b, const char *path, bool make, const char **leaf);

/* Make the names in a directory durable. */
enum rc beneath_sync(int fd, const char *path, struct err *e) MUST_USE;

/* errno of the above as a result; ENOENT is the caller's to tell. */
enum rc beneath_error(int sys, const char *path, struct err *e, const char *doing);

#endif

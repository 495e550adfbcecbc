/*
 * local: what the files of this folder share: the opened root, and what its kernel can do.
 */
#ifndef STORE_LOCAL_LOCAL_H
#define STORE_LOCAL_LOCAL_H

#include <stdint.h>

#include "store/local/beneath.h"
#include "store/store.h"

enum {
	SYNC_EACH_MAX = 8, /* up to that many files or directories are synced one by one; more by one syncfs */
	WRITE_BUFFER = 64 << 10,
};

struct local {
	struct store store;
	struct beneath at;
	char *path;     /* of the root, absolute */
	bool syncfs;    /* syncfs reports failed writes (Linux 5.8) */
	unsigned kept;  /* closed files whose descriptors wait for sync */
	uint8_t *spare; /* a write buffer nobody uses */
	uint64_t temps;
	int guard; /* descriptor of what publishers and exchanges lock; -1 not yet */
};

static inline struct local *local_of(struct store *s)
{
	return (struct local *)s;
}

/* Everything of the file system down to the disk, names too. The root was opened before any write, so no failure is
 * missed. */
enum rc local_sync_all(struct local *l, struct err *e) MUST_USE;

/*
 * Publishers hold the guard shared (LOCK_SH) while they rename, an exchange of folders holds it alone (LOCK_EX). false:
 * not had within that time. It ends with its holder.
 */
bool local_guard(struct local *l, int how, int64_t wait_ms);
void local_unguard(struct local *l);

/* writing.c */
enum rc writing_create(struct store *s, const char *path, struct store_file **out, struct err *e) MUST_USE;
enum rc writing_write(struct store *s, struct store_file *f, const void *bytes, size_t size, struct err *e) MUST_USE;
enum rc writing_close(struct store *s, struct store_file *f, uint64_t expected, struct err *e) MUST_USE;
enum rc writing_sync(struct store *s, struct store_file **files, size_t count, struct err *e) MUST_USE;
void writing_abandon(struct store *s, struct store_file *f);

/* placing.c */
enum rc placing_publish(
    struct store *s, const struct store_move *move, size_t moves, size_t *done, struct err *e) MUST_USE;
enum rc placing_settle(struct store *s, const char *folder, struct err *e) MUST_USE;
enum rc placing_put_if_absent(
    struct store *s, const char *path, const void *bytes, size_t size, struct err *e) MUST_USE;
/* Remove what a killed put_if_absent left long ago. */
void placing_sweep(struct local *l);

/* exchange.c */
enum rc exchange_replace(struct store *s, const char *folder, const struct store_move *in, size_t ins,
    const struct store_move *out, size_t outs, struct err *e) MUST_USE;

#endif

/*
 * kv: LMDB with sticky transactions: ordered keys, durable commits, several processes on one host.
 *
 * Errors inside a transaction stick and come out at kv_commit, so that callers write straight lines. A full map grows
 * by itself up to its ceiling; at the ceiling, or with the disk full, kv_commit gives RC_AGAIN and nothing of the
 * transaction happened. Where LMDB uses an environment no more after that, it is opened anew; kv_begin gives RC_AGAIN
 * while others are in the middle of a transaction.
 *
 * The map is the ceiling from the start (sparse address space, not memory), so nothing has to be remapped while others
 * read.
 *
 * Thread  several threads may open the same path, each its own handle; a handle may be shared too. A transaction
 *         belongs to the thread that began it, and a thread has at most one write transaction per path open. After fork
 *         the child opens anew: the parent's handles are refused with RC_FAIL and may only be closed
 * Owner   keys and values read are borrowed until the transaction changes something or ends
 */
#ifndef KV_KV_H
#define KV_KV_H

#include <stdbool.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"

/* err.sys of RC_AGAIN: the ceiling is reached. */
enum { KV_FULL = ENOBUFS };

struct kv;
struct kv_txn;
typedef unsigned kv_table; /* LMDB's dbi */

struct kv_options {
	uint64_t ceiling_bytes; /* of the map */
	unsigned tables;        /* most named tables */
	bool durable;           /* false: a cache; survives kill, begun anew after a reboot */
};

/*
 * path is a directory, made if absent; other files in it are left alone. A path that this process has open already is
 * shared, with the options of the first. Cleans up after readers that died.
 */
enum rc kv_open(const char *path, const struct kv_options *options, struct kv **out, struct err *e) MUST_USE;
void kv_close(struct kv **kv);

/* Open or make a named table (at most 63 characters). keys are 1..511 bytes, order is always bytewise. */
enum rc kv_table_open(struct kv *kv, const char *name, kv_table *out, struct err *e) MUST_USE;

struct kv_bytes {
	const void *at;
	size_t len;
};

#define KV_TEXT(s) ((struct kv_bytes){(s), strlen(s)})
#define KV_OF(v)   ((struct kv_bytes){&(v), sizeof(v)})

enum rc kv_begin(struct kv *kv, bool write, struct kv_txn **out, struct err *e) MUST_USE;
/* RC_OK: durable when the environment is. Ends the transaction whatever the outcome and clears *txn. */
enum rc kv_commit(struct kv_txn **txn, struct err *e) MUST_USE;
void kv_abort(struct kv_txn **txn);

/* Sticky: after a failure these do nothing and find nothing. */
bool kv_get(struct kv_txn *txn, kv_table t, struct kv_bytes key, struct kv_bytes *value);
void kv_put(struct kv_txn *txn, kv_table t, struct kv_bytes key, struct kv_bytes value);
bool kv_put_new(
    struct kv_txn *txn, kv_table t, struct kv_bytes key, struct kv_bytes value); /* false: was there, unchanged */
void kv_delete(struct kv_txn *txn, kv_table t, struct kv_bytes key);             /* absent is fine */
bool kv_failed(const struct kv_txn *txn);
/* The first failure and its reason, or RC_OK. */
enum rc kv_result(const struct kv_txn *txn, struct err *e) MUST_USE;

/* Cursor: entries with key >= from (empty: all), in order; stops when visit returns false. visit must not change the
 * table. */
void kv_each(struct kv_txn *txn, kv_table t, struct kv_bytes from,
    bool (*visit)(void *context, struct kv_bytes key, struct kv_bytes value), void *context);
/* The first entry with key >= from; and the last entry of the table with key < before. */
bool kv_at_or_after(struct kv_txn *txn, kv_table t, struct kv_bytes from, struct kv_bytes *key, struct kv_bytes *value);
bool kv_before(struct kv_txn *txn, kv_table t, struct kv_bytes before, struct kv_bytes *key, struct kv_bytes *value);
/* Remove keys in [from, before). */
void kv_delete_range(struct kv_txn *txn, kv_table t, struct kv_bytes from, struct kv_bytes before);

uint64_t kv_count(struct kv_txn *txn, kv_table t);
/* Bytes of live pages of the tables opened here, as last committed: what counts against a budget. 0 when unreadable. */
uint64_t kv_used(struct kv *kv);

/*
 * Which commit a read transaction sees, and waiting until that commit is on the disk. A commit becomes visible to
 * others a moment before its last write is durable; who acts on what it read, and must not see it taken back by a power
 * cut, settles first. Nearly free when there is nothing to write.
 */
uint64_t kv_snapshot(struct kv_txn *txn);
enum rc kv_settle(struct kv *kv, uint64_t snapshot, struct err *e) MUST_USE;

/* Big-endian 8-byte keys, so that bytewise order is numeric order. */
void kv_key_u64(uint64_t n, uint8_t out[8]);
uint64_t kv_key_read(const void *key);

#endif

/*
 * env: LMDB environments, one per directory and process, however many handles there are.
 *
 * Private to src/kv. LMDB forbids to open one environment twice in a process: closing either would drop the locks of
 * both. So handles to the same directory share one environment, counted.
 *
 * Thread  any
 */
#ifndef KV_ENV_H
#define KV_ENV_H

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/rc.h"
#include "kv/kv.h"

enum { ENV_TABLES = 64, ENV_NAME = 64 };

struct env_table {
	char name[ENV_NAME];
	MDB_dbi dbi;
};

struct env {
	/* under the registry's lock */
	struct env *next;
	unsigned users;

	/* fixed once open */
	dev_t dev;
	ino_t ino;
	pid_t pid; /* who opened it: a forked child must not use it */
	uint64_t ceiling;
	unsigned most_tables;
	bool durable;
	char *path;

	/* between env_enter and env_leave: open, the same */
	MDB_env *lmdb;
	pthread_mutex_t use_lock; /* of the next two */
	unsigned in_use;
	bool gave_up; /* LMDB uses it no more */

	/* LMDB wants tables opened one at a time: appended under tables_lock, read without it up to tables */
	pthread_mutex_t tables_lock;
	struct env_table table[ENV_TABLES];
	_Atomic unsigned tables;

	pthread_mutex_t commit_lock;
	int broken; /* under commit_lock: the errno of the last commit that failed, 0 if none did */

	/* any thread */
	_Atomic int64_t readers_checked_ms;
	_Atomic uint64_t settled; /* commits up to here are known to be on the disk */
};

enum rc env_open(const char *path, const struct kv_options *options, struct env **out, struct err *e) MUST_USE;
void env_close(struct env *env);

/*
 * Between the two lmdb may be used, by any number of threads; each transaction lies between them. LMDB gives an
 * environment up when it could not write the page that makes a transaction true (MDB_PANIC ever after). Who meets that
 * says so on leaving; then nobody enters, RC_AGAIN, until all have left, and who comes next opens it anew. The tables
 * keep their numbers.
 */
enum rc env_enter(struct env *env, struct err *e) MUST_USE;
void env_leave(struct env *env, bool gave_up);

/* An LMDB result as ours; the path stands in the reason. RC_OK only for 0. */
enum rc env_error(const struct env *env, int code, struct err *e, const char *doing);

#endif

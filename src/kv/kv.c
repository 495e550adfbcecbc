/*
 * kv: transactions whose first failure sticks, so that callers of LMDB write straight lines and ask once.
 */
#include "kv/kv.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "kv/env.h"

enum { READER_CHECK_MS = 10000 };

struct kv {
	struct env *env;
};

struct kv_txn {
	struct env *env;
	MDB_txn *lmdb;
	bool write;
	bool changed;
	enum rc rc; /* the first failure */
	struct err reason;
};

static MDB_val val_of(struct kv_bytes b)
{
	return (MDB_val){.mv_size = b.len, .mv_data = (void *)(uintptr_t)b.at};
}

static struct kv_bytes bytes_of(MDB_val v)
{
	return (struct kv_bytes){.at = v.mv_data, .len = v.mv_size};
}

/* Keep the first failure; MDB_NOTFOUND is an answer. */
static bool done(struct kv_txn *txn, int code, const char *doing)
{
	if (code == 0)
		return true;
	if (code != MDB_NOTFOUND && txn->rc == RC_OK)
		txn->rc = env_error(txn->env, code, &txn->reason, doing);
	return false;
}

/* Readers that were killed keep old pages from being used again until somebody looks. */
static void check_readers(struct env *env)
{
	int64_t now = clock_mono().ms, last = atomic_load(&env->readers_checked_ms);
	if (now - last < READER_CHECK_MS || !atomic_compare_exchange_strong(&env->readers_checked_ms, &last, now))
		return;
	int dead;
	(void)mdb_reader_check(env->lmdb, &dead);
}

static int begin_lmdb(struct env *env, bool write, MDB_txn **out)
{
	if (write)
		check_readers(env);
	int code = mdb_txn_begin(env->lmdb, NULL, write ? 0 : MDB_RDONLY, out);
	if (code == MDB_READERS_FULL) {
		int dead;
		(void)mdb_reader_check(env->lmdb, &dead);
		code = mdb_txn_begin(env->lmdb, NULL, MDB_RDONLY, out);
	}
	return code;
}

static enum rc begin(struct env *env, bool write, MDB_txn **out, struct err *e)
{
	if (env->pid != getpid())
		return err_set(RC_FAIL, e, "%s: was opened before fork: open it anew", env->path);
	int code;
	do {
		enum rc rc = env_enter(env, e);
		if (rc != RC_OK)
			return rc;
		code = begin_lmdb(env, write, out);
		if (code != 0)
			env_leave(env, code == MDB_PANIC);
	} while (code == MDB_PANIC);
	return env_error(env, code, e, "cannot begin a transaction");
}

/* What it met is kept for those who find the environment given up; by the lock they wait for it. One writer commits at
 * a time anyway. */
static int commit(struct env *env, MDB_txn *txn)
{
	pthread_mutex_lock(&env->commit_lock);
	int code = mdb_txn_commit(txn);
	if (code > 0)
		env->broken = code;
	pthread_mutex_unlock(&env->commit_lock);
	return code;
}

static void drop(struct env *env, MDB_txn *txn)
{
	mdb_txn_abort(txn);
	env_leave(env, false);
}

enum rc kv_open(const char *path, const struct kv_options *options, struct kv **out, struct err *e)
{
	struct env *env;
	enum rc rc = env_open(path, options, &env, e);
	if (rc != RC_OK)
		return rc;
	*out = mem_alloc(sizeof **out);
	(*out)->env = env;
	return RC_OK;
}

void kv_close(struct kv **kv)
{
	if (*kv == NULL)
		return;
	env_close((*kv)->env);
	mem_free(kv);
}

/* Before the environment is left, so that it is not opened anew without the table. */
static void list(struct env *env, const char *name, MDB_dbi dbi)
{
	struct env_table *t = &env->table[env->tables];
	strcpy(t->name, name);
	t->dbi = dbi;
	env->tables++;
}

/* A table that exists needs no write, so that opening works on a full disk and costs no sync. */
static enum rc find_or_make(struct env *env, const char *name, bool make, struct err *e)
{
	MDB_txn *txn;
	MDB_dbi dbi = 0;
	enum rc rc = begin(env, make, &txn, e);
	if (rc != RC_OK)
		return rc;
	int code = mdb_dbi_open(txn, name, make ? MDB_CREATE : 0, &dbi);
	if (code != 0) {
		drop(env, txn);
		return code == MDB_NOTFOUND ? RC_END : env_error(env, code, e, name);
	}
	code = commit(env, txn);
	if (code == 0)
		list(env, name, dbi);
	env_leave(env, false);
	return env_error(env, code, e, name);
}

enum rc kv_table_open(struct kv *kv, const char *name, kv_table *out, struct err *e)
{
	struct env *env = kv->env;
	if (env->pid != getpid())
		return err_set(RC_FAIL, e, "%s: was opened before fork: open it anew", env->path);
	assert(strlen(name) < ENV_NAME);
	pthread_mutex_lock(&env->tables_lock);
	enum rc rc = RC_OK;
	unsigned i = 0;
	while (i < env->tables && strcmp(env->table[i].name, name) != 0)
		i++;
	if (i == env->tables) {
		rc = i == ENV_TABLES ? env_error(env, MDB_DBS_FULL, e, name) : find_or_make(env, name, false, e);
		if (rc == RC_END)
			rc = find_or_make(env, name, true, e);
	}
	if (rc == RC_OK)
		*out = env->table[i].dbi;
	pthread_mutex_unlock(&env->tables_lock);
	return rc;
}

enum rc kv_begin(struct kv *kv, bool write, struct kv_txn **out, struct err *e)
{
	MDB_txn *lmdb;
	enum rc rc = begin(kv->env, write, &lmdb, e);
	if (rc != RC_OK)
		return rc;
	struct kv_txn *txn = mem_alloc(sizeof *txn);
	txn->env = kv->env;
	txn->lmdb = lmdb;
	txn->write = write;
	txn->changed = false;
	txn->rc = RC_OK;
	*out = txn;
	return RC_OK;
}

static void raise_settled(struct env *env, uint64_t id)
{
	uint64_t old = atomic_load(&env->settled);
	while (old < id && !atomic_compare_exchange_weak(&env->settled, &old, id))
		;
}

enum rc kv_commit(struct kv_txn **txn, struct err *e)
{
	struct kv_txn *t = *txn;
	if (t->rc == RC_OK) {
		uint64_t id = mdb_txn_id(t->lmdb);
		int code = commit(t->env, t->lmdb);
		env_leave(t->env, false);
		t->lmdb = NULL;
		/* A transaction that changed nothing writes nothing: the next one gets its number. */
		if (code == 0 && t->changed)
			raise_settled(t->env, id);
		(void)done(t, code, "cannot commit");
	}
	enum rc rc = t->rc;
	if (rc != RC_OK)
		*e = t->reason;
	kv_abort(txn);
	return rc;
}

void kv_abort(struct kv_txn **txn)
{
	if (*txn == NULL)
		return;
	if ((*txn)->lmdb != NULL)
		drop((*txn)->env, (*txn)->lmdb);
	mem_free(txn);
}

bool kv_get(struct kv_txn *txn, kv_table t, struct kv_bytes key, struct kv_bytes *value)
{
	if (txn->rc != RC_OK)
		return false;
	MDB_val k = val_of(key), v;
	if (!done(txn, mdb_get(txn->lmdb, t, &k, &v), "cannot read"))
		return false;
	*value = bytes_of(v);
	return true;
}

void kv_put(struct kv_txn *txn, kv_table t, struct kv_bytes key, struct kv_bytes value)
{
	assert(txn->write);
	if (txn->rc != RC_OK)
		return;
	MDB_val k = val_of(key), v = val_of(value);
	txn->changed |= done(txn, mdb_put(txn->lmdb, t, &k, &v, 0), "cannot write");
}

bool kv_put_new(struct kv_txn *txn, kv_table t, struct kv_bytes key, struct kv_bytes value)
{
	assert(txn->write);
	if (txn->rc != RC_OK)
		return false;
	MDB_val k = val_of(key), v = val_of(value);
	int code = mdb_put(txn->lmdb, t, &k, &v, MDB_NOOVERWRITE);
	bool put = code != MDB_KEYEXIST && done(txn, code, "cannot write");
	txn->changed |= put;
	return put;
}

void kv_delete(struct kv_txn *txn, kv_table t, struct kv_bytes key)
{
	assert(txn->write);
	if (txn->rc != RC_OK)
		return;
	MDB_val k = val_of(key);
	txn->changed |= done(txn, mdb_del(txn->lmdb, t, &k, NULL), "cannot delete");
}

bool kv_failed(const struct kv_txn *txn)
{
	return txn->rc != RC_OK;
}

enum rc kv_result(const struct kv_txn *txn, struct err *e)
{
	if (txn->rc != RC_OK)
		*e = txn->reason;
	return txn->rc;
}

static bool cursor_open(struct kv_txn *txn, kv_table t, MDB_cursor **out)
{
	return txn->rc == RC_OK && done(txn, mdb_cursor_open(txn->lmdb, t, out), "cannot read");
}

/* To the first entry with key >= from; an empty key is none for LMDB, and means the first one to us. */
static bool seek(struct kv_txn *txn, MDB_cursor *c, struct kv_bytes from, MDB_val *k, MDB_val *v)
{
	*k = val_of(from);
	return done(txn, mdb_cursor_get(c, k, v, from.len == 0 ? MDB_FIRST : MDB_SET_RANGE), "cannot read");
}

void kv_each(struct kv_txn *txn, kv_table t, struct kv_bytes from,
    bool (*visit)(void *context, struct kv_bytes key, struct kv_bytes value), void *context)
{
	MDB_cursor *c;
	if (!cursor_open(txn, t, &c))
		return;
	MDB_val k, v;
	bool more = seek(txn, c, from, &k, &v);
	while (more && visit(context, bytes_of(k), bytes_of(v)))
		more = done(txn, mdb_cursor_get(c, &k, &v, MDB_NEXT), "cannot read");
	mdb_cursor_close(c);
}

bool kv_at_or_after(struct kv_txn *txn, kv_table t, struct kv_bytes from, struct kv_bytes *key, struct kv_bytes *value)
{
	MDB_cursor *c;
	if (!cursor_open(txn, t, &c))
		return false;
	MDB_val k, v;
	bool found = seek(txn, c, from, &k, &v);
	mdb_cursor_close(c);
	if (found) {
		*key = bytes_of(k);
		*value = bytes_of(v);
	}
	return found;
}

bool kv_before(struct kv_txn *txn, kv_table t, struct kv_bytes before, struct kv_bytes *key, struct kv_bytes *value)
{
	MDB_cursor *c;
	if (before.len == 0 || !cursor_open(txn, t, &c))
		return false;
	MDB_val k, v;
	MDB_cursor_op op = seek(txn, c, before, &k, &v) ? MDB_PREV : MDB_LAST;
	bool found = txn->rc == RC_OK && done(txn, mdb_cursor_get(c, &k, &v, op), "cannot read");
	mdb_cursor_close(c);
	if (found) {
		*key = bytes_of(k);
		*value = bytes_of(v);
	}
	return found;
}

static int compare(MDB_val a, struct kv_bytes b)
{
	size_t least = a.mv_size < b.len ? a.mv_size : b.len;
	int order = memcmp(a.mv_data, b.at, least);
	return order != 0 ? order : (a.mv_size > b.len) - (a.mv_size < b.len);
}

void kv_delete_range(struct kv_txn *txn, kv_table t, struct kv_bytes from, struct kv_bytes before)
{
	assert(txn->write);
	MDB_cursor *c;
	if (before.len == 0 || !cursor_open(txn, t, &c))
		return;
	MDB_val k, v;
	bool more = seek(txn, c, from, &k, &v);
	while (more && compare(k, before) < 0) {
		bool deleted = done(txn, mdb_cursor_del(c, 0), "cannot delete");
		txn->changed |= deleted;
		/* After a delete MDB_NEXT stays: the cursor stands on the entry that moved up. */
		more = deleted && done(txn, mdb_cursor_get(c, &k, &v, MDB_NEXT), "cannot read");
	}
	mdb_cursor_close(c);
}

uint64_t kv_count(struct kv_txn *txn, kv_table t)
{
	MDB_stat st;
	return txn->rc == RC_OK && done(txn, mdb_stat(txn->lmdb, t, &st), "cannot read") ? st.ms_entries : 0;
}

uint64_t kv_used(struct kv *kv)
{
	struct env *env = kv->env;
	MDB_txn *txn;
	struct err ignored;
	if (begin(env, false, &txn, &ignored) != RC_OK)
		return 0;
	/* Not under tables_lock: who holds it may be waiting for a write transaction of the caller. */
	uint64_t bytes = 0;
	unsigned tables = env->tables;
	for (unsigned i = 0; i < tables; i++) {
		MDB_stat st;
		if (mdb_stat(txn, env->table[i].dbi, &st) == 0)
			bytes += (uint64_t)st.ms_psize * (st.ms_branch_pages + st.ms_leaf_pages + st.ms_overflow_pages);
	}
	drop(env, txn);
	return bytes;
}

uint64_t kv_snapshot(struct kv_txn *txn)
{
	return mdb_txn_id(txn->lmdb);
}

enum rc kv_settle(struct kv *kv, uint64_t snapshot, struct err *e)
{
	struct env *env = kv->env;
	if (env->pid != getpid())
		return err_set(RC_FAIL, e, "%s: was opened before fork: open it anew", env->path);
	if (!env->durable || snapshot <= atomic_load(&env->settled))
		return RC_OK;
	enum rc rc = env_enter(env, e);
	if (rc != RC_OK)
		return rc;
	rc = env_error(env, mdb_env_sync(env->lmdb, 1), e, "cannot sync");
	env_leave(env, false);
	if (rc == RC_OK)
		raise_settled(env, snapshot);
	return rc;
}

void kv_key_u64(uint64_t n, uint8_t out[8])
{
	n = __builtin_bswap64(n);
	memcpy(out, &n, sizeof n);
}

uint64_t kv_key_read(const void *key)
{
	uint64_t n;
	memcpy(&n, key, sizeof n);
	return __builtin_bswap64(n);
}

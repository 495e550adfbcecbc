/*
 * env: keeps the process's list of open LMDB environments, and begins a cache anew that a reboot may have damaged.
 */
#include "kv/env.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

enum { READERS = 512, BOOT_ID = 36, EMPTY_BYTES = 8192, PROBE_BYTES = 16 << 20 };

/*
 * The one file-scope state of this folder: LMDB's rule is one environment per directory and process, so the process
 * must know which it has. Found by device and inode, so that two spellings of a path meet. Entries that a forked child
 * inherited stay in its list, with the parent's pid: they can be neither used nor closed there.
 */
static struct env *opened;
static pthread_mutex_t opened_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void lock_list(void)
{
	pthread_mutex_lock(&opened_lock);
}

static void unlock_list(void)
{
	pthread_mutex_unlock(&opened_lock);
}

/* A child forked while another thread held the lock would find it locked for ever. */
static void guard_fork(void)
{
	pthread_atfork(lock_list, unlock_list, unlock_list);
}

/*
 * EIO is what LMDB says when a write came out short, and that is how a full disk shows first. Ask the file system for
 * room: what it refuses there is the true reason.
 */
static bool disk_full(const struct env *env)
{
	int fd = open(env->path, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno == ENOSPC || errno == EDQUOT;
	bool full = fallocate(fd, 0, 0, PROBE_BYTES) != 0 && (errno == ENOSPC || errno == EDQUOT);
	close(fd);
	return full;
}

enum rc env_error(const struct env *env, int code, struct err *e, const char *doing)
{
	switch (code) {
	case MDB_SUCCESS:
		return RC_OK;
	case MDB_MAP_FULL:
		err_set(RC_AGAIN, e, "%s: %s: full, its %llu bytes are in use", env->path, doing,
		    (unsigned long long)env->ceiling);
		e->sys = KV_FULL;
		return RC_AGAIN;
	case MDB_READERS_FULL:
		return err_set(RC_AGAIN, e, "%s: %s: %d readers at once", env->path, doing, READERS);
	case MDB_BAD_VALSIZE:
		return err_set(RC_BAD, e, "%s: %s: a key must have 1 to 511 bytes", env->path, doing);
	case MDB_TXN_FULL:
		return err_set(RC_BAD, e, "%s: %s: too much for one transaction", env->path, doing);
	case MDB_DBS_FULL:
		return err_set(RC_FAIL, e, "%s: %s: more tables than were asked for", env->path, doing);
	case MDB_MAP_RESIZED:
		return err_set(RC_FAIL, e, "%s: %s: another process opened it with a larger bound", env->path, doing);
	case EIO:
		return err_sys(RC_FAIL, disk_full(env) ? ENOSPC : EIO, e, "%s: %s", env->path, doing);
	default:
		break;
	}
	if (code < 0) /* LMDB's own: damaged, other version, panic */
		return err_set(RC_FAIL, e, "%s: %s: %s", env->path, doing, mdb_strerror(code));
	return err_sys(RC_FAIL, code, e, "%s: %s", env->path, doing);
}

static enum rc remove_file(const char *dir, const char *name, struct err *e)
{
	char *path = file_join(dir, name);
	int sys = unlink(path) == 0 || errno == ENOENT ? 0 : errno;
	enum rc rc = sys == 0 ? RC_OK : err_sys(RC_FAIL, sys, e, "%s: cannot remove", path);
	mem_free(&path);
	return rc;
}

static enum rc begin_anew(const char *dir, struct err *e)
{
	enum rc rc = remove_file(dir, "data.mdb", e);
	return rc == RC_OK ? remove_file(dir, "lock.mdb", e) : rc;
}

static bool holds_data(const char *dir)
{
	char *path = file_join(dir, "data.mdb");
	struct stat st;
	bool there = stat(path, &st) == 0;
	mem_free(&path);
	return there;
}

static enum rc read_boot(char boot[BOOT_ID], struct err *e)
{
	char *text = NULL;
	size_t size = 0;
	enum rc rc = file_load("/proc/sys/kernel/random/boot_id", 64, &text, &size, e);
	if (rc == RC_END || (rc == RC_OK && size < BOOT_ID))
		rc = err_set(RC_FAIL, e, "/proc/sys/kernel/random/boot_id: not to be had");
	if (rc == RC_OK)
		memcpy(boot, text, BOOT_ID);
	mem_free(&text);
	return rc;
}

/*
 * A cache is written without sync: kill -9 leaves it whole, since the kernel has the pages, but a reboot may leave any
 * mixture of old and new pages. Its marker holds the boot in which it was begun. The caller holds the gate, and whoever
 * else has the cache open opened it in this boot, so nothing is removed under a reader.
 */
static enum rc check_cache(const char *dir, const char *marker, const char *written, struct err *e)
{
	char boot[BOOT_ID];
	enum rc rc = read_boot(boot, e);
	if (rc != RC_OK || (written != NULL && memcmp(written, boot, BOOT_ID) == 0))
		return rc;
	if (written == NULL && holds_data(dir))
		return err_set(RC_FAIL, e, "%s: is no cache: give another folder", dir);
	/* The marker comes last: dying between the two only removes an empty cache again. */
	rc = begin_anew(dir, e);
	return rc == RC_OK ? file_store(marker, boot, BOOT_ID, 0640, e) : rc;
}

/* A cache and what is worth keeping are never turned into each other: the first can't be trusted, the second must not
 * be removed. */
static enum rc check_marker(const char *dir, bool durable, struct err *e)
{
	char *marker = file_join(dir, "unsynced"), *written = NULL;
	size_t size = 0;
	enum rc rc = file_load(marker, BOOT_ID, &written, &size, e);
	if (rc == RC_OK && size < BOOT_ID)
		rc = err_set(RC_FAIL, e, "%s: damaged", marker);
	else if (rc == RC_OK && durable)
		rc = err_set(RC_FAIL, e, "%s: was made as a cache, without sync: remove it", dir);
	else if (rc == RC_OK || rc == RC_END)
		rc = durable ? RC_OK : check_cache(dir, marker, written, e);
	mem_free(&written);
	mem_free(&marker);
	return rc;
}

/* A process that died while it made the two first pages leaves a file that LMDB refuses; nothing can have been
 * committed in it. */
static bool never_begun(const char *dir)
{
	char *path = file_join(dir, "data.mdb");
	struct stat st;
	bool it = stat(path, &st) == 0 && st.st_size <= EMPTY_BYTES;
	mem_free(&path);
	return it;
}

static int open_lmdb(struct env *env)
{
	int code = mdb_env_create(&env->lmdb);
	if (code != 0)
		return code;
	(void)mdb_env_set_mapsize(env->lmdb, env->ceiling);
	(void)mdb_env_set_maxdbs(env->lmdb, env->most_tables);
	(void)mdb_env_set_maxreaders(env->lmdb, READERS);
	/* No MDB_WRITEMAP: a full disk must be an error of write, not a signal. */
	code = mdb_env_open(env->lmdb, env->path, MDB_NOTLS | (env->durable ? 0 : MDB_NOSYNC), 0640);
	if (code != 0) {
		mdb_env_close(env->lmdb);
		env->lmdb = NULL;
	}
	return code;
}

/* Make the environment's first pages and its name durable once, so that a later commit needs to care for neither. */
static enum rc settle_new(struct env *env, struct err *e)
{
	if (!env->durable || !never_begun(env->path))
		return RC_OK;
	enum rc rc = env_error(env, mdb_env_sync(env->lmdb, 1), e, "cannot sync");
	if (rc == RC_OK)
		rc = file_sync_dir(env->path, e);
	/* Whoever made the folder may not have come so far. */
	char *above = file_join(env->path, "..");
	if (rc == RC_OK)
		rc = file_sync_dir(above, e);
	mem_free(&above);
	return rc;
}

/* The caller holds the gate, and either the registry's lock or, for one in the list, use_lock. */
static enum rc open_new(struct env *env, struct err *e)
{
	enum rc rc = check_marker(env->path, env->durable, e);
	if (rc != RC_OK)
		return rc;
	int code = open_lmdb(env);
	if (code == MDB_INVALID && never_begun(env->path)) {
		rc = begin_anew(env->path, e);
		if (rc != RC_OK)
			return rc;
		code = open_lmdb(env);
	}
	rc = env_error(env, code, e, "cannot open");
	if (rc != RC_OK)
		return rc;
	rc = settle_new(env, e);
	if (rc != RC_OK)
		return rc;
	int dead;
	(void)mdb_reader_check(env->lmdb, &dead);
	atomic_store(&env->readers_checked_ms, clock_mono().ms);
	return RC_OK;
}

/* Between processes: only one at a time looks at the marker and opens. */
static enum rc open_gate(const char *dir, int *fd, struct err *e)
{
	char *path = file_join(dir, "gate");
	enum rc rc = RC_OK;
	int gate = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (gate < 0) {
		rc = err_sys(RC_FAIL, errno, e, "%s: cannot open", path);
	} else {
		int sys;
		do
			sys = flock(gate, LOCK_EX) == 0 ? 0 : errno;
		while (sys == EINTR);
		if (sys != 0) {
			rc = err_sys(RC_FAIL, sys, e, "%s: cannot lock", path);
			close(gate);
		} else {
			*fd = gate;
		}
	}
	mem_free(&path);
	return rc;
}

static void env_free(struct env *env)
{
	if (env->lmdb != NULL)
		mdb_env_close(env->lmdb);
	pthread_mutex_destroy(&env->tables_lock);
	pthread_mutex_destroy(&env->commit_lock);
	pthread_mutex_destroy(&env->use_lock);
	mem_free(&env->path);
	mem_release(env);
}

static enum rc open_and_list(
    const char *path, const struct stat *st, const struct kv_options *options, struct env **out, struct err *e)
{
	int gate = -1;
	enum rc rc = open_gate(path, &gate, e);
	if (rc != RC_OK)
		return rc;
	struct env *env = mem_zero(1, sizeof *env);
	*env = (struct env){.users = 1,
	    .dev = st->st_dev,
	    .ino = st->st_ino,
	    .pid = getpid(),
	    .ceiling = options->ceiling_bytes,
	    .most_tables = options->tables < ENV_TABLES ? options->tables : ENV_TABLES,
	    .durable = options->durable,
	    .path = mem_text(path)};
	pthread_mutex_init(&env->tables_lock, NULL);
	pthread_mutex_init(&env->commit_lock, NULL);
	pthread_mutex_init(&env->use_lock, NULL);
	rc = open_new(env, e);
	close(gate);
	if (rc != RC_OK) {
		env_free(env);
		return rc;
	}
	env->next = opened;
	opened = env;
	*out = env;
	return RC_OK;
}

enum rc env_open(const char *path, const struct kv_options *options, struct env **out, struct err *e)
{
	pthread_once(&fork_once, guard_fork);
	enum rc rc = file_mkdirs(path, e);
	if (rc != RC_OK)
		return rc;
	struct stat st;
	if (stat(path, &st) != 0)
		return err_sys(RC_FAIL, errno, e, "%s", path);

	lock_list();
	struct env *env = opened;
	while (env != NULL && (env->dev != st.st_dev || env->ino != st.st_ino || env->pid != getpid()))
		env = env->next;
	if (env == NULL) {
		rc = open_and_list(path, &st, options, out, e);
	} else if (env->durable != options->durable) {
		rc = err_set(RC_FAIL, e, "%s: is open here already, with another durability", path);
	} else {
		env->users++;
		*out = env;
	}
	unlock_list();
	return rc;
}

void env_close(struct env *env)
{
	if (env->pid != getpid())
		return; /* the parent's: closing it here would touch the reader table it still uses */
	lock_list();
	if (--env->users == 0) {
		struct env **at = &opened;
		while (*at != env)
			at = &(*at)->next;
		*at = env->next;
		env_free(env);
	}
	unlock_list();
}

/* LMDB numbers tables in the order in which they are opened. */
static enum rc find_tables(struct env *env, struct err *e)
{
	MDB_txn *txn;
	int code = mdb_txn_begin(env->lmdb, NULL, MDB_RDONLY, &txn);
	if (code != 0)
		return env_error(env, code, e, "cannot begin a transaction");
	enum rc rc = RC_OK;
	unsigned tables = env->tables;
	for (unsigned i = 0; i < tables && rc == RC_OK; i++) {
		MDB_dbi dbi = 0;
		rc = env_error(env, mdb_dbi_open(txn, env->table[i].name, 0, &dbi), e, env->table[i].name);
		if (rc == RC_OK && dbi != env->table[i].dbi)
			rc = err_set(RC_FAIL, e, "%s: %s: has another number now", env->path, env->table[i].name);
	}
	if (rc != RC_OK) {
		mdb_txn_abort(txn);
		return rc;
	}
	return env_error(env, mdb_txn_commit(txn), e, "cannot open");
}

/* The caller holds use_lock, and nobody uses it. */
static enum rc open_anew(struct env *env, struct err *e)
{
	int gate = -1;
	enum rc rc = open_gate(env->path, &gate, e);
	if (rc != RC_OK)
		return rc;
	if (env->lmdb != NULL)
		mdb_env_close(env->lmdb);
	env->lmdb = NULL;
	rc = open_new(env, e);
	close(gate);
	if (rc == RC_OK)
		rc = find_tables(env, e);
	env->gave_up = rc != RC_OK;
	return rc;
}

/* Who commits has it until it is said what went wrong. */
static int what_broke(struct env *env)
{
	pthread_mutex_lock(&env->commit_lock);
	int code = env->broken;
	pthread_mutex_unlock(&env->commit_lock);
	return code != 0 ? code : MDB_PANIC;
}

enum rc env_enter(struct env *env, struct err *e)
{
	enum rc rc = RC_OK;
	pthread_mutex_lock(&env->use_lock);
	if (env->gave_up && env->in_use > 0) {
		(void)env_error(env, what_broke(env), e, "is opened anew");
		rc = RC_AGAIN;
	} else if (env->gave_up) {
		rc = open_anew(env, e);
	}
	if (rc == RC_OK)
		env->in_use++;
	pthread_mutex_unlock(&env->use_lock);
	return rc;
}

void env_leave(struct env *env, bool gave_up)
{
	pthread_mutex_lock(&env->use_lock);
	env->gave_up |= gave_up;
	env->in_use--;
	pthread_mutex_unlock(&env->use_lock);
}

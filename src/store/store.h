/*
 * store: where originals and tables live. Carries bytes.
 *
 * Writers create files in staging, write, close with the expected length, make many of them durable with one sync, then
 * publish them by renames that never replace. A reader sees a file whole or not at all.
 *
 * Thread  one store per thread; two share nothing but what is behind them
 * Units   bytes; paths are relative to the root, "/" between parts, no ".", ".." or empty part; any byte but NUL in one
 * Errors  RC_AGAIN: away or full, try later; with err.sys EIO of a read: not away, and nobody has these bytes. RC_BAD:
 * what was asked can never be. RC_FAIL: the root is unusable
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/source.h"

struct store;
struct store_file; /* a file being written */

struct store_move {
	const char *from, *to;
};

struct store_stat {
	uint64_t size;
	int64_t modified_ns;
	bool directory;
};

struct store_option {
	const char *key, *value;
};

struct store_ops {
	const char *scheme; /* "file", "webhdfs", "webhdfs+ssl" */

	/* place: the url without its scheme; the root is made if absent. */
	enum rc (*open)(
	    const char *place, const struct store_option *option, size_t options, struct store **out, struct err *e);

	/* A new file for writing, parents made; RC_BAD if it is there. */
	enum rc (*create)(struct store *s, const char *path, struct store_file **out, struct err *e);
	enum rc (*write)(struct store *s, struct store_file *f, const void *bytes, size_t size, struct err *e);
	/* No more bytes: the length must be the expected one. The handle stays until sync or abandon. */
	enum rc (*close_file)(struct store *s, struct store_file *f, uint64_t expected, struct err *e);
	/* Make closed files durable, all of them; frees the handles and clears the pointers, whatever the outcome. By
	 * then each length is verified where the bytes lie: a provider may have sent them since close_file, several at
	 * a time. On failure count their data as lost. RC_AGAIN: also when somebody removed their folder. */
	enum rc (*sync)(struct store *s, struct store_file **files, size_t count, struct err *e);
	/* Drop a handle and delete its file. */
	void (*abandon)(struct store *s, struct store_file *f);

	/*
	 * Rename each, never replacing, parents made; then make the names durable. Stops at the first that fails. A
	 * move whose source is gone while its target is there is done already (roll forward): RC_OK. Both there: RC_END
	 * with the path in *e (the caller compares content). Neither: RC_BAD.
	 */
	enum rc (*publish)(struct store *s, const struct store_move *move, size_t moves, size_t *done, struct err *e);

	/*
	 * Files of a folder for others. `in`: staged files, to names in the folder; `out`: files of the folder, to
	 * their own names in one other folder that is for nothing else. Who lists the folder meanwhile sees the old
	 * files or the new ones, and always whatever else is there. Done before, wholly or in part, by anyone: RC_OK.
	 * RC_BAD, with nothing changed: a new file is neither staged nor there. NULL: the front publishes `in`, then
	 * `out`, so that both are seen for a while.
	 */
	enum rc (*replace)(struct store *s, const char *folder, const struct store_move *in, size_t ins,
	    const struct store_move *out, size_t outs, struct err *e);

	/* A small object, durable, whole, only if the name is free: RC_END when taken. After RC_AGAIN it may or may not
	 * be there: look. */
	enum rc (*put_if_absent)(struct store *s, const char *path, const void *bytes, size_t size, struct err *e);

	/*
	 * Names that can be seen in a folder last from now on: whoever gave them may not have come so far, or have
	 * died before. For who builds on what another wrote. NULL: what can be seen lasts.
	 */
	enum rc (*settle)(struct store *s, const char *folder, struct err *e);

	/* Whole or part; RC_END when absent. *got < size only at the end. */
	enum rc (*get_range)(
	    struct store *s, const char *path, uint64_t offset, void *to, size_t size, size_t *got, struct err *e);
	/* A stream over it, bounded memory; RC_END when absent. */
	enum rc (*read)(struct store *s, const char *path, struct source **out, struct err *e);

	/*
	 * Names right below prefix (a directory), in bytewise order, after `after` (NULL: from the start), at most max;
	 * caller frees each and the array. An absent prefix has none. A listing is not a snapshot.
	 */
	enum rc (*list)(struct store *s, const char *prefix, const char *after, size_t max, char ***names,
	    size_t *count, struct err *e);

	/* Absent is fine; empty parents stay. A directory is removed only if empty, else left. */
	enum rc (*remove)(struct store *s, const char *const *path, size_t paths, struct err *e);
	enum rc (*stat)(struct store *s, const char *path, struct store_stat *out, struct err *e); /* RC_END: absent */

	/* Could a file have that path here? NULL: any that the front lets pass. */
	bool (*takes)(struct store *s, const char *path);

	/* A local path that foreign programs can open, or NULL; caller frees. For messages and demos. */
	char *(*local_path)(struct store *s, const char *path);

	/* Half a sentence for people: who we are there, what room is left. NULL: nothing to say. */
	enum rc (*describe)(struct store *s, char *out, size_t size, struct err *e);

	void (*close)(struct store *s);
};

struct store {
	const struct store_ops *ops;
};

enum rc store_open(const struct store_ops *ops, const char *place, const struct store_option *option, size_t options,
    struct store **out, struct err *e) MUST_USE;
enum rc store_create(struct store *s, const char *path, struct store_file **out, struct err *e) MUST_USE;
enum rc store_write(struct store *s, struct store_file *f, const void *bytes, size_t size, struct err *e) MUST_USE;
enum rc store_close_file(struct store *s, struct store_file *f, uint64_t expected, struct err *e) MUST_USE;
enum rc store_sync(struct store *s, struct store_file **files, size_t count, struct err *e) MUST_USE;
void store_abandon(struct store *s, struct store_file **f);
enum rc store_publish(
    struct store *s, const struct store_move *move, size_t moves, size_t *done, struct err *e) MUST_USE;
enum rc store_replace(struct store *s, const char *folder, const struct store_move *in, size_t ins,
    const struct store_move *out, size_t outs, struct err *e) MUST_USE;
/* Is a replace one step here, for who lists the folder? */
bool store_replaces_at_once(const struct store *s);
enum rc store_put_if_absent(struct store *s, const char *path, const void *bytes, size_t size, struct err *e) MUST_USE;
enum rc store_settle(struct store *s, const char *folder, struct err *e) MUST_USE;
enum rc store_get_range(
    struct store *s, const char *path, uint64_t offset, void *to, size_t size, size_t *got, struct err *e) MUST_USE;
/* Whole small object of at most ceiling bytes, NUL after it; caller frees. RC_END absent, RC_BAD larger. */
enum rc store_get(
    struct store *s, const char *path, size_t ceiling, char **bytes, size_t *size, struct err *e) MUST_USE;
enum rc store_read(struct store *s, const char *path, struct source **out, struct err *e) MUST_USE;
enum rc store_list(struct store *s, const char *prefix, const char *after, size_t max, char ***names, size_t *count,
    struct err *e) MUST_USE;
void store_list_free(char ***names, size_t count);
enum rc store_remove(struct store *s, const char *const *path, size_t paths, struct err *e) MUST_USE;
enum rc store_stat(struct store *s, const char *path, struct store_stat *out, struct err *e) MUST_USE;
bool store_takes(struct store *s, const char *path);
char *store_local_path(struct store *s, const char *path);
/* RC_END: there is nothing to say. */
enum rc store_describe(struct store *s, char *out, size_t size, struct err *e) MUST_USE;
void store_close(struct store **s);

/* A directory on this machine. Durable order: files, then names (rename without replacing), then directories. */
extern const struct store_ops store_local;

/* HDFS over WebHDFS: host:port[,host:port…]/path, the second with TLS. Durable is what HDFS says is closed, with the
 * length that was written (doc/store.md). Options: user, auth (simple, spnego), token_file, ca_file, replication,
 * block_size, timeout_ms, connections. */
extern const struct store_ops store_webhdfs, store_webhdfs_ssl;

#endif

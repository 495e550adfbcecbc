/*
 * webhdfs: what the files of this folder share: the name nodes, who we are, and the uploads under way.
 */
#ifndef STORE_WEBHDFS_WEBHDFS_H
#define STORE_WEBHDFS_WEBHDFS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/writer.h"
#include "http/http.h"
#include "store/store.h"
#include "store/webhdfs/answer.h"
#include "store/webhdfs/place.h"

enum {
	CONNECT_MS = 5000,
	RETRY_MS = 8000,         /* a call is repeated that long before its caller hears of it */
	UPLOAD_RETRY_MS = 15000, /* an upload: a dead data node is noticed late */
	URL_MAX = 64 << 10,
	REPLY_MAX = 16 << 20,
};

struct webhdfs {
	struct store store;
	struct http *http;
	struct place place;
	bool tls, spnego, no_batch; /* no_batch: the server has no LISTSTATUS_BATCH */
	size_t active;              /* the name node that answered last */
	char *user, *token, *token_file;
	char *create; /* parameters of every CREATE: replication, block size */
	unsigned connections;
	uint64_t chance, temps;

	struct store_file *file; /* all that are open */
	unsigned under_way;      /* of them, uploads that use a connection of the limit */
	uint64_t queued_bytes;   /* closed, not yet uploaded */

	/* Of the last listing: a walk goes on where it ended, and no name was out of order. */
	char *walk_prefix, *walk_last;
};

static inline struct webhdfs *webhdfs_of(struct store *s)
{
	return (struct webhdfs *)s;
}

/* Waiting between tries: doubles, with jitter, until its time is over. */
struct backoff {
	struct mono begun;
	int64_t most_ms;
	unsigned tries;
};

/* One operation on a name node. */
struct call {
	enum http_method method;
	const char *path; /* in the lake; "" is its root */
	const char *op;
	const char *params; /* "&key=value…", encoded; NULL: none */
	bool repeatable;    /* doing it twice is doing it once, so a lost answer is no question */
};

/* ---- client.c ---- */

struct backoff backoff_begin(int64_t most_ms);
/* How long to wait before the next try; -1: time is over. */
int64_t backoff_next(struct webhdfs *w, struct backoff *b);
/* Wait for it, moving uploads meanwhile. False: time is over. */
bool backoff_wait(struct webhdfs *w, struct backoff *b);

/* A path of the lake as HDFS has it, percent-encoded; appended. */
void client_path(const struct webhdfs *w, const char *path, struct writer *out);

/* A call on the name node that is active, under way. */
struct http_call *client_start(struct webhdfs *w, const struct call *c);

/* What a call that is done came to. Changes to another name node when this one says so. */
void client_judge(struct webhdfs *w, const struct http_call *h, struct answer *out);

/* What an answer that is not OK means to a caller who knows nothing better. */
enum rc client_error(const struct webhdfs *w, const char *path, const struct answer *a, struct err *e) MUST_USE;

/*
 * A call, repeated while that makes sense. RC_OK: *a is OK, ABSENT, TAKEN, BEING_WRITTEN, NOT_DIRECTORY, NOT_EMPTY, and
 * of one that is not repeatable also OTHER or LOST. *done holds the answer: http_close it.
 */
enum rc client_call(
    struct webhdfs *w, const struct call *c, struct answer *a, struct http_call **done, struct err *e) MUST_USE;

/* RC_END: absent. */
enum rc client_stat(struct webhdfs *w, const char *path, struct store_stat *out, struct err *e) MUST_USE;
/* A directory with its parents; RC_BAD: a file is in the way. */
enum rc client_mkdirs(struct webhdfs *w, const char *path, struct err *e) MUST_USE;
/* A file, or a directory if empty. Absent is fine. */
enum rc client_remove(struct webhdfs *w, const char *path, struct err *e) MUST_USE;

/* Where a redirect of a name node leads: RC_FAIL when it leads from TLS into the open. */
enum rc client_redirect(const struct webhdfs *w, const struct http_call *h, char **out, struct err *e) MUST_USE;

/* ---- upload.c ---- */
enum rc upload_create(struct store *s, const char *path, struct store_file **out, struct err *e) MUST_USE;
enum rc upload_write(struct store *s, struct store_file *f, const void *bytes, size_t size, struct err *e) MUST_USE;
enum rc upload_close(struct store *s, struct store_file *f, uint64_t expected, struct err *e) MUST_USE;
enum rc upload_sync(struct store *s, struct store_file **files, size_t count, struct err *e) MUST_USE;
void upload_abandon(struct store *s, struct store_file *f);
/* A small object under a name nobody else uses, whole and verified. */
enum rc upload_put(struct webhdfs *w, const char *path, const void *bytes, size_t size, struct err *e) MUST_USE;
/* Take the uploads whose calls are done one step further, start what waits. Never blocks. */
void upload_move(struct webhdfs *w);

/* ---- naming.c ---- */
enum rc naming_publish(
    struct store *s, const struct store_move *move, size_t moves, size_t *done, struct err *e) MUST_USE;
enum rc naming_put_if_absent(struct store *s, const char *path, const void *bytes, size_t size, struct err *e) MUST_USE;
/* Remove what a killed put_if_absent left long ago. */
void naming_sweep(struct webhdfs *w);

/* ---- read.c ---- */
enum rc read_range(
    struct store *s, const char *path, uint64_t offset, void *to, size_t size, size_t *got, struct err *e) MUST_USE;
enum rc read_open(struct store *s, const char *path, struct source **out, struct err *e) MUST_USE;

/* ---- list.c ---- */
enum rc list_names(struct store *s, const char *prefix, const char *after, size_t max, char ***names, size_t *count,
    struct err *e) MUST_USE;

#endif

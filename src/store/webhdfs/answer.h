/*
 * answer: what a name node or data node said, as one of a few kinds that callers can decide by.
 *
 * The status code says little (403 is used for passing and lasting errors alike), the exception's name says it.
 *
 * Thread  any; no state
 * Source  WebHDFS REST API; exception names as seen (doc/store.md)
 */
#ifndef STORE_WEBHDFS_ANSWER_H
#define STORE_WEBHDFS_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "store/store.h"

enum answer_kind {
	ANSWER_OK,
	ANSWER_ABSENT,
	ANSWER_TAKEN,         /* the name is */
	ANSWER_BEING_WRITTEN, /* by somebody who holds a lease */
	ANSWER_NOT_DIRECTORY, /* a parent is a file */
	ANSWER_NOT_EMPTY,
	ANSWER_ELSEWHERE, /* ask another name node; of a single one, later */
	ANSWER_LATER,
	ANSWER_FULL,
	ANSWER_LACKING, /* no data node that is up has the bytes */
	ANSWER_DENIED,
	ANSWER_TOKEN,     /* the delegation token is not valid, or not any more */
	ANSWER_REFUSED,   /* can never be */
	ANSWER_OTHER,     /* an error without a meaning of its own */
	ANSWER_LOST,      /* none came: what was asked may have been done */
	ANSWER_UNREACHED, /* none came, and nothing was done */
	ANSWER_UNTRUSTED, /* TLS */
};

struct answer {
	enum answer_kind kind;
	int status;
	char text[240]; /* of anything but OK: "Exception: first line of its message", no secrets */
};

/* What status and body say. secret: text that must not be repeated, or NULL. */
void answer_read(int status, const char *body, size_t size, const char *secret, struct answer *out);

/* Bodies of 200; RC_AGAIN: not what was asked for. */
enum rc answer_boolean(const char *body, size_t size, bool *out, struct err *e) MUST_USE;
enum rc answer_status(const char *body, size_t size, struct store_stat *out, struct err *e) MUST_USE;
enum rc answer_space(const char *body, size_t size, uint64_t *free_bytes, struct err *e) MUST_USE;

/*
 * LISTSTATUS_BATCH or LISTSTATUS: each name as HDFS has it, borrowed for the call. *remaining: how many more there are.
 * A name "" is the path itself, which is a file then.
 */
enum rc answer_listing(const char *body, size_t size, void (*see)(void *context, const char *name), void *context,
    uint64_t *remaining, struct err *e) MUST_USE;

#endif

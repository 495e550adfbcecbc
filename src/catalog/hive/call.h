/*
 * call: one call of a metastore, and what its answer means. The numbers of exceptions differ from call to call; here is
 * the table.
 *
 * Thread  one owner
 * Source  hive_metastore.thrift of Hive 2.3 and 4.0
 */
#ifndef CATALOG_HIVE_CALL_H
#define CATALOG_HIVE_CALL_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/rc.h"
#include "catalog/hive/link.h"
#include "format/thrift_tree.h"

enum method {
	SET_UGI,
	GET_DATABASE,
	CREATE_DATABASE,
	GET_TABLE,
	GET_TABLE_REQ,
	CREATE_TABLE,
	ALTER_TABLE,
	GET_PARTITION_NAMES,
	GET_PARTITION,
	ADD_PARTITION,
	ALTER_PARTITION,
	DROP_PARTITION,
	METHODS,
};

enum reply {
	REPLY_DONE,
	REPLY_EXISTS,  /* AlreadyExistsException */
	REPLY_MISSING, /* NoSuchObjectException */
	REPLY_REFUSED, /* InvalidObjectException, InvalidOperationException */
	REPLY_TROUBLE, /* MetaException and what else went wrong in the server: it may work later */
	REPLY_UNKNOWN, /* this server has no such method */
};

struct session {
	struct link link;
	int64_t timeout_ms;
	char user[64];
	int32_t seq;
	uint64_t opened; /* connections so far: another number is another server, or one that was restarted */
};

void session_init(struct session *s, const struct hosts *place, int64_t timeout_ms, const atomic_bool *halt);
void session_fini(struct session *s);

/*
 * Connect if there is no connection, introduce ourselves, call, read the answer. A connection that was idle and turns
 * out to be dead is replaced once: every call here may be made twice. args is freed.
 *
 * RC_OK: there is an answer. *result is its struct (NULL unless REPLY_DONE), the caller's; with the other replies *e
 * says what the server says. RC_AGAIN: there is none, and what was asked for may have happened.
 */
enum rc session_call(struct session *s, enum method m, struct tree *args, enum reply *reply, struct tree **result,
    struct err *e) MUST_USE;

#endif

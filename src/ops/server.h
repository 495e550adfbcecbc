/*
 * server: an HTTP listener for operators over a table of routes that its owner hands in. One thread serves everything;
 * a route answers from memory and never waits for anybody.
 *
 * Bounds  SERVER_CONNECTIONS at once, SERVER_PER_ADDRESS from one address; request line and headers SERVER_REQUEST
 * bytes; a request is complete, and its answer taken, within SERVER_REQUEST_S seconds of when it could begin, however
 *         slowly it drips; bodies of requests are not read
 * Guards  guard.h: Host, and for routes that write Origin and token; every answer says what a browser may do with it
 *
 * Thread  routes run on the server's thread; all functions here belong to the owner's
 */
#ifndef OPS_SERVER_H
#define OPS_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/rc.h"
#include "base/writer.h"
#include "ops/address.h"

enum {
	SERVER_CONNECTIONS = 128,
	SERVER_PER_ADDRESS = 96,
	SERVER_REQUEST = 16 << 10,
	SERVER_REQUEST_S = 10,
	SERVER_IDLE_S = 10, /* a connection between two requests, and the head of the next one */
	SERVER_BODY_MAX = 16 << 20,
};

struct server_query; /* arguments of the request that is being answered */

/* Argument of the URL, NULL when it is not there; borrowed until the route returns. */
const char *server_argument(const struct server_query *q, const char *name);

struct server_reply {
	unsigned status;      /* 200 unless the route says otherwise */
	const char *type;     /* Content-Type, a constant */
	const char *policy;   /* Content-Security-Policy, a constant; NULL: nothing may be loaded */
	const void *constant; /* a body that outlives the server, as constant_gzip too; NULL: body */
	size_t constant_size;
	const void *constant_gzip;
	size_t constant_gzip_size;
	struct writer body; /* taken by the server */
};

struct server_route {
	const char *path;
	bool write; /* POST with a token; else GET and HEAD */
	void (*answer)(void *context, const struct server_query *q, struct server_reply *r);
	void *context;
};

struct server_options {
	struct address address;
	const char *names;                /* further hosts it is asked as (guard.h), or NULL */
	const char *token;                /* NULL: nothing can be written */
	const struct server_route *route; /* ends with a row without a path; borrowed */
};

struct server;

/* Listens when it returns. RC_FAIL: the address can't be had. Options are borrowed until server_close. */
enum rc server_open(const struct server_options *options, struct server **out, struct err *e) MUST_USE;
/* Could it listen there now? Nothing is left of it. RC_FAIL: no, and why; e->sys says it too. */
enum rc server_try(const struct address *a, struct err *e) MUST_USE;
/* Open connections end. */
void server_close(struct server **s);

/* Where it listens: port 0 was any. */
const char *server_where(const struct server *s, char out[ADDRESS_TEXT]);

/* End what takes too long; the owner calls it once a second. */
void server_sweep(struct server *s);

#endif

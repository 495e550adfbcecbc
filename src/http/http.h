/*
 * http: requests over libcurl: many at once in one thread, bodies streamed either way in bounded memory, connections
 * kept.
 *
 * Calls move only while somebody drives: http_drive, http_send, http_recv and http_wait move all of them, not just
 * their own. There is no total time-out on bodies: what counts is how long a call has waited for the other side without
 * a byte moving. Time in which nobody drives does not count. Redirects are not followed, the proxies of the environment
 * not asked, signals not raised.
 *
 * Thread  one struct http per thread; calls belong to it
 * Units   bytes, milliseconds
 * Errors  RC_AGAIN with enum http_trouble saying whether the request may have had its effect; RC_FAIL: the peer's
 *         certificate is not trusted. Texts name host and port, never the path or the query, which may hold a token
 * Source  RFC 9110, 9112; libcurl's multi interface
 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"

struct http;      /* connections, and the calls under way */
struct http_call; /* one request and its answer */

struct http_params {
	const char *ca_file; /* PEM with the authorities to trust; NULL: the system's. Borrowed until http_free */
	int64_t connect_ms;  /* to have a connection, TLS included */
	int64_t stall_ms;    /* without a byte, while the other side owes one */
};

enum http_method { HTTP_GET, HTTP_PUT, HTTP_POST, HTTP_DELETE };

enum http_body {
	HTTP_NO_BODY,
	HTTP_BYTES,  /* bytes and size, borrowed until the call is done */
	HTTP_STREAM, /* http_send, chunked */
};

struct http_request {
	enum http_method method;
	const char *url;           /* http: or https: */
	const char *const *header; /* "Name: value"; "Name:" takes a header of curl's own away */
	size_t headers;
	enum http_body body;
	const void *bytes;
	size_t size;
	bool reply_stream; /* a 2xx answer's body is pulled by http_recv; else it is kept, up to reply_max */
	size_t reply_max;  /* of a kept answer */
	bool negotiate;    /* SPNEGO, with the process's Kerberos credentials; cookies are kept then */
};

/* What came between us and an answer. */
enum http_trouble {
	HTTP_FINE,      /* there is an answer */
	HTTP_UNREACHED, /* no connection: the request had no effect */
	HTTP_UNTRUSTED, /* TLS refused: no effect, and none to come */
	HTTP_LOST,      /* sent at least in part: the effect is unknown */
	HTTP_EXCESS,    /* the answer is longer than reply_max */
};

/* RC_FAIL: libcurl cannot start, or negotiate_needed and it lacks SPNEGO. */
enum rc http_new(const struct http_params *p, bool negotiate_needed, struct http **out, struct err *e) MUST_USE;
void http_free(struct http **h); /* open calls are dropped */

struct http_call *http_start(struct http *h, const struct http_request *r);

/* Hand over bytes of an HTTP_STREAM. RC_END: the other side has answered before it had all. */
enum rc http_send(struct http_call *c, const void *bytes, size_t size, struct err *e) MUST_USE;
void http_send_end(struct http_call *c); /* no more bytes; does not wait */

/* Wait for the answer's head: RC_OK, and http_status is there. */
enum rc http_head(struct http_call *c, struct err *e) MUST_USE;

/* Bytes of a reply_stream; RC_END at its clean end; RC_AGAIN when it broke off. */
enum rc http_recv(struct http_call *c, void *to, size_t size, size_t *got, struct err *e) MUST_USE;

/* Wait until it is done. RC_OK: there is an answer, whatever its status. */
enum rc http_wait(struct http_call *c, struct err *e) MUST_USE;

bool http_done(const struct http_call *c);
/* Meaningful once it is done: as http_wait would return. */
enum rc http_result(const struct http_call *c, struct err *e) MUST_USE;
enum http_trouble http_trouble(const struct http_call *c);
int http_status(const struct http_call *c);
const char *http_location(const struct http_call *c);            /* of a redirect, absolute; NULL when there is none */
const char *http_reply(const struct http_call *c, size_t *size); /* NUL behind it */

/* Move all calls; waits until something can move, at most wait_ms. */
void http_drive(struct http *h, int64_t wait_ms);

/* End a call wherever it stands; its connection is closed unless it is done. */
void http_close(struct http_call **c);

/* "host:port" of a URL, for messages. */
void http_peer(const char *url, char *out, size_t size);

#endif

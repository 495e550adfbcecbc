/*
 * guard: who may ask. A browser that was sent to us by somebody else's page must learn and change nothing.
 *
 * Host    DNS rebinding needs a name that its owner points at us, so an address is always good, and so is localhost;
 *         any other name must be listed
 * Origin  a write comes from our own page (the Origin header names the Host it is sent to) or from no page at all
 * Token   a write carries the token of a file; compared in a time that tells nothing
 *
 * Thread  plain functions
 */
#ifndef OPS_GUARD_H
#define OPS_GUARD_H

#include <stdbool.h>

#include "base/rc.h"

/* The Host header; NULL or empty is refused. names: further ones, separated by blanks, or NULL. */
bool guard_host(const char *host, const char *names);

/* The Origin header of a request to that Host; NULL (no page sent it) is good. */
bool guard_origin(const char *origin, const char *host);

/* The Authorization header, "Bearer TOKEN". An empty token is never good. */
bool guard_token(const char *authorization, const char *token);

enum { GUARD_TOKEN_LEAST = 16, GUARD_TOKEN_MOST = 1024 };

/*
 * The token that a file holds: its first line, without blanks around it; the caller frees. RC_BAD: too short, too long,
 * or others may read the file.
 */
enum rc guard_token_load(const char *path, char **out, struct err *e) MUST_USE;

#endif

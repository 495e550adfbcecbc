/*
 * address: where an endpoint listens, as one writes it: "9470" is that port of loopback, "192.0.2.7:9470" and
 * "[::1]:9470" are addresses. Names are not resolved: which interface is meant must not depend on who answers for a
 * name.
 *
 * Thread  any
 * Errors  RC_BAD with the reason
 */
#ifndef OPS_ADDRESS_H
#define OPS_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/rc.h"

struct address {
	struct sockaddr_storage at;
	socklen_t len;
};

enum { ADDRESS_TEXT = 64 };

enum rc address_parse(const char *text, struct address *out, struct err *e) MUST_USE;

bool address_is_loopback(const struct address *a);

/* "127.0.0.1:9470", "[::1]:9470" */
const char *address_text(const struct address *a, char out[ADDRESS_TEXT]);

#endif

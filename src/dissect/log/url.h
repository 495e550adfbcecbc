/*
 * url: the parts of a URL or of a request target, as they were written (RFC 3986 section 3; nothing is decoded).
 *
 * Owner   the parts borrow the text
 */
#ifndef DISSECT_LOG_URL_H
#define DISSECT_LOG_URL_H

#include "dissect/log/record.h"

struct url {
	struct value scheme, host, port, path, query; /* query with its question mark */
};

/* Split an absolute URL or a path. tunnel: host:port of CONNECT. What is neither is a path. */
void url_split(struct value text, bool tunnel, struct url *out);

/* Text after the last dot of the last segment; absent when there is none. */
struct value url_extension(struct value path);

#endif

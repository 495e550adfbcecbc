/*
 * place: "host:port[,host:port…]/path", the name nodes and the lake's folder.
 *
 * Thread  immutable once read
 */
#ifndef STORE_WEBHDFS_PLACE_H
#define STORE_WEBHDFS_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/rc.h"

enum { PLACE_NODES_MAX = 8 };

struct place {
	char *node[PLACE_NODES_MAX]; /* host:port */
	size_t nodes;
	char *root; /* absolute, without a slash at its end; "" is HDFS's own root */
};

/* A port that is missing is 9870, with TLS 9871. RC_BAD says what is wrong. */
enum rc place_read(const char *text, bool tls, struct place *out, struct err *e) MUST_USE;
void place_fini(struct place *p);

#endif

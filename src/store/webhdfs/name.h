/*
 * name: any bytes as a name that HDFS keeps, and back (doc/store.md, "Names in HDFS").
 *
 * HDFS refuses ':' and a few reserved names, and silently replaces what is not UTF-8. Such bytes are written %XX, upper
 * case. A '%' before two upper-case hex digits is written %25, every other one stays, so a name without any of these
 * is its own encoding.
 *
 * Thread  any; no state
 */
#ifndef STORE_WEBHDFS_NAME_H
#define STORE_WEBHDFS_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/writer.h"

enum { NAME_HDFS_MAX = 255 }; /* bytes of an encoded name, dfs.namenode.fs-limits.max-component-length */

/* One name, without slashes. Returns the bytes written. */
size_t name_encode(const char *raw, size_t len, struct writer *out);

/* Back; out holds len + 1 bytes. False: not a name that name_encode makes. */
bool name_decode(const char *hdfs, size_t len, char *out);

/* Does HDFS order it as its bytes say? It compares signed bytes, and encoded ones. */
bool name_is_ordered(const char *hdfs, const char *raw);

/* Percent-encode for a URL's path or query: all but unreserved characters and '/'. */
void name_url(const char *text, size_t len, struct writer *out);

#endif

/*
 * hosts: where metastores are and which database is meant: host[:port][,host[:port]…][/database].
 *
 * Thread  immutable once read
 */
#ifndef CATALOG_HIVE_HOSTS_H
#define CATALOG_HIVE_HOSTS_H

#include <stddef.h>

#include "base/rc.h"

enum { HOSTS_MOST = 8, HOSTS_DATABASE = 128 };

struct hosts_one {
	char *name; /* a name or an address; of IPv6 without its brackets */
	char port[8];
};

struct hosts {
	struct hosts_one host[HOSTS_MOST];
	size_t hosts;
	char database[HOSTS_DATABASE]; /* lower case, as a metastore keeps it */
};

/* RC_BAD: why not. */
enum rc hosts_read(const char *text, struct hosts *out, struct err *e) MUST_USE;
void hosts_fini(struct hosts *p);

#endif

/*
 * place: where metastores are and which database is meant: host[:port][,host[:port]…][/database].
 *
 * Thread  immutable once read
 */
#ifndef CATALOG_HIVE_PLACE_H
#define CATALOG_HIVE_PLACE_H

#include <stddef.h>

#include "base/rc.h"

enum { PLACE_HOSTS = 8, PLACE_DATABASE = 128 };

struct place_host {
	char *name; /* a name or an address; of IPv6 without its brackets */
	char port[8];
};

struct place {
	struct place_host host[PLACE_HOSTS];
	size_t hosts;
	char database[PLACE_DATABASE]; /* lower case, as a metastore keeps it */
};

/* RC_BAD: why not. */
enum rc place_read(const char *text, struct place *out, struct err *e) MUST_USE;
void place_fini(struct place *p);

#endif

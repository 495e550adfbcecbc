/*
 * link: one connection to one of several metastores, with a time limit on everything.
 *
 * Thread  one owner
 * Errors  RC_AGAIN: nobody answers, or not in time; the connection is closed then, and the next one begins with another
 *         host
 */
#ifndef CATALOG_HIVE_LINK_H
#define CATALOG_HIVE_LINK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/rc.h"
#include "base/source.h"
#include "catalog/hive/hosts.h"

struct link {
	const struct hosts *place;
	const atomic_bool *halt;
	int fd;            /* -1 closed */
	size_t at;         /* host that is, or is to be, connected */
	struct mono limit; /* of the call under way */
	bool timed_out;    /* how the last failure came about */
	struct source *in;
};

void link_init(struct link *l, const struct hosts *place, const atomic_bool *halt);
void link_close(struct link *l);

/* Connect, each host in turn, each at most wait_ms. Resolving a name takes what the resolver takes. */
enum rc link_open(struct link *l, int64_t wait_ms, struct err *e) MUST_USE;

/* Everything until the next call of this is done within wait_ms. */
void link_limit(struct link *l, int64_t wait_ms);

enum rc link_send(struct link *l, const void *bytes, size_t size, struct err *e) MUST_USE;

/* What comes back is read from l->in. After a failure there: link_failed closes and turns to the next host. */
void link_failed(struct link *l);

/* "host:port", for messages. Returns out. */
const char *link_name(const struct link *l, char *out, size_t size);

#endif

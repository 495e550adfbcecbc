/*
 * pending: the items that are being dealt with, by pipeline and path, so that a path is dealt with once at a time; and those that wait for a moment to come.
 *
 * Thread  one owner
 */
#ifndef PIPE_PENDING_H
#define PIPE_PENDING_H

#include "pipe/item.h"

struct pending {
	struct item **bucket;
	size_t buckets, count;
	struct item *waiting; /* SETTLING and DELAYED, in no order */
	struct mono next_due; /* none of them is due before */
	struct item_list ready;
};

void pending_init(struct pending *p);
void pending_fini(struct pending *p); /* frees the items in it, not those WORKING elsewhere */

struct item *pending_find(const struct pending *p, const struct pipeline *pipeline, const char *path);
void pending_add(struct pending *p, struct item *it);    /* SETTLING; it must not be there */
void pending_remove(struct pending *p, struct item *it); /* from the table; it must not wait */

void pending_wait(struct pending *p, struct item *it, enum item_wait how, int64_t after_ms);
void pending_due(struct pending *p, struct mono due); /* next_due is at most that */
void pending_unwait(struct pending *p, struct item *it);
void pending_ready(struct pending *p, struct item *it); /* out of waiting, if it was, and to the end of those ready */

#endif

/*
 * held: the items that are being dealt with, by pipeline and path, so that a path is dealt with once at a time; and
 * those that wait for a moment to come.
 *
 * Thread  one owner
 */
#ifndef PIPE_HELD_H
#define PIPE_HELD_H

#include "pipe/item.h"

struct held {
	struct item **bucket;
	size_t buckets, count;
	struct item *waiting; /* SETTLING and DELAYED, in no order */
	struct mono next_due; /* none of them is due before */
	struct item_list ready;
};

void held_init(struct held *p);
void held_fini(struct held *p); /* frees the items in it, not those WORKING elsewhere */

struct item *held_find(const struct held *p, const struct pipeline *pipeline, const char *path);
void held_add(struct held *p, struct item *it);    /* SETTLING; it must not be there */
void held_remove(struct held *p, struct item *it); /* from the table; it must not wait */

void held_wait(struct held *p, struct item *it, enum item_wait how, int64_t after_ms);
void held_due(struct held *p, struct mono due); /* next_due is at most that */
void held_unwait(struct held *p, struct item *it);
void held_ready(struct held *p, struct item *it); /* out of waiting, if it was, and to the end of those ready */

#endif

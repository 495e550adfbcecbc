/*
 * strays: files of others in a place aside that no compaction uses any more. Who had a partition's location when it was
 * aside, and wrote for longer than the compaction's grace, put them there when nobody looked there any more.
 *
 * Thread  the caller's store
 */
#ifndef PIPE_STRAYS_H
#define PIPE_STRAYS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "data/schema.h"
#include "store/store.h"

/* Is a compaction of an hour of that partition under way? Then what lies aside is read there. */
enum rc strays_busy(
    struct store *s, const struct schema *schema, const char *partition, bool *busy, struct err *e) MUST_USE;

/* Bring those of a dataset to the partitions that they were written for; temp: a staged name. *brought counts them. */
enum rc strays_home(
    struct store *s, const struct schema *schema, const char *temp, uint64_t *brought, struct err *e) MUST_USE;

#endif

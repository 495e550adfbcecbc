/*
 * member: one reader among those of a consumer group: which partitions are its own just now.
 *
 * The group only shares out work. Nothing is read through it, and the offsets committed to it are advice for people's
 * tools: where to read is said by the manifests in the lake. A partition that is asked back is given up when its
 * reader has let go of it, or when that takes long.
 *
 * Thread  one owner; call-backs come from within member_mine
 * Source  KIP-345 (static membership), KIP-814 (what it does to whoever deals), KIP-429 (incremental cooperative
 * rebalancing, where it is configured)
 */
#ifndef BUS_KAFKA_MEMBER_H
#define BUS_KAFKA_MEMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "bus/kafka/property.h"

struct member;

/* Not in any group yet. */
struct member *member_new(const struct properties *p);
void member_free(struct member **m);

/* Take part, under a name that is the same after a restart, with these topics; again with more of them. */
enum rc member_join(
    struct member *m, const char *name, const char *const *topic, size_t topics, struct err *e) MUST_USE;
bool member_joined(const struct member *m);

/*
 * A topic was looked at and has so many partitions. Whoever deals out the partitions of a group watches for more of
 * them, but not when it was started again since: its old share is given back to it, and it does not know that it deals
 * (KIP-814). So a member joins again when there are others than when it did so last, and once some seconds after it
 * joined first. A reader that never looks again for partitions never joins again.
 */
void member_heard(struct member *m, const char *topic, unsigned partitions);

/* RC_OK: mine. RC_END: not, or not any more. */
enum rc member_mine(struct member *m, const char *topic, unsigned partition, struct err *e) MUST_USE;

/* Its reader has let go of it. */
void member_let_go(struct member *m, const char *topic, unsigned partition);

/* Advice for tools: everything before offset is done. It goes out here, with member_mine, or with member_tend. */
void member_note(struct member *m, const char *topic, unsigned partition, uint64_t offset);
void member_tend(struct member *m);

#endif

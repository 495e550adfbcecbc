/*
 * seen: the identities that a partition's commits hold, on this host, so that an event that comes twice is found at
 * once.
 *
 * An index over the lake's manifests and history, under state/seen, not durable by itself: it is thrown away after a
 * reboot and brought up to date from the lake (recall) when it is behind. What it says of its own position is written
 * together with the identities.
 *
 * Entries are kept by the period (of the horizon's length) in which they were committed; a look-up sees the running
 * period and the one before it, older ones are deleted. So an identity is remembered for one to two horizons.
 *
 * Thread  a seen is shared by the threads of a process
 */
#ifndef PIPE_SEEN_H
#define PIPE_SEEN_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "ext/hash.h"

struct seen;

/* err.sys of RC_AGAIN: its ceiling is reached. */
enum { SEEN_FULL = ENOBUFS };

struct seen_key {
	uint8_t original[SHA256_BYTES];
	uint32_t again;
};

struct seen_place { /* stands for a topic and partition */
	uint8_t at[16];
};

struct seen_position {
	uint64_t start, end; /* of the last commit whose identities are in it, and that was rolled forward */
	char epoch[40];      /* of its writer */
};

/* ceiling_bytes: at it seen_add is RC_AGAIN, until periods go. */
enum rc seen_open(
    const char *state, int64_t horizon_ms, uint64_t ceiling_bytes, struct seen **out, struct err *e) MUST_USE;
void seen_close(struct seen **s);
uint64_t seen_used(const struct seen *s); /* bytes of live pages */

struct seen_place seen_place_of(const char *topic, unsigned partition);

enum rc seen_has(struct seen *s, const struct seen_place *p, const struct seen_key *key, int64_t now_ms, bool *has,
    struct err *e) MUST_USE;

/* RC_END: nothing is known of this place. */
enum rc seen_position(struct seen *s, const struct seen_place *p, struct seen_position *out, struct err *e) MUST_USE;

/* A commit's identities and the position after it, all or nothing. Keys older than the horizon are left out. */
enum rc seen_add(struct seen *s, const struct seen_place *p, const struct seen_key *key, size_t keys,
    int64_t committed_ms, int64_t now_ms, const struct seen_position *position, struct err *e) MUST_USE;

/* Forget a place: its lake is another one now. */
enum rc seen_forget(struct seen *s, const struct seen_place *p, struct err *e) MUST_USE;

/* The identities of one open commit. */
struct seen_set;
struct seen_set *seen_set_new(void);
void seen_set_free(struct seen_set **s);
bool seen_set_add(struct seen_set *s, const struct seen_key *key); /* false: it is there */
bool seen_set_has(const struct seen_set *s, const struct seen_key *key);
const struct seen_key *seen_set_keys(const struct seen_set *s, size_t *count); /* in the order they were added */

#endif

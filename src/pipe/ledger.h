/*
 * ledger: what the collector knows of every file and original, in LMDB under state/ledger. doc/pipe.md.
 *
 * Tables: original (number in the order of archiving -> entry), digest (pipeline, sha256, again -> number), open
 * (numbers of originals not yet committed or refused: what start-up and the commit watch walk), path (pipeline, path ->
 * size, times, inode, sha256), aside (paths set aside), position, meta. Cost per file does not grow with the number of
 * entries but for the depth of the tree. doc/formats/ledger.md.
 *
 * States of an original: archived (in the lake, event and partition written down) -> published (acknowledged by the
 * bus) -> committed (in a manifest) | refused (the whole file is a reject, also by a manifest). doubled paths point at
 * the original they repeat.
 *
 * Several processes (collector, load, status) may hold it; a writer's transaction is exclusive.
 *
 * Thread  one ledger per thread; a process opens it once and shares the environment with ledger_share
 */
#ifndef PIPE_LEDGER_H
#define PIPE_LEDGER_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "ext/hash.h"

enum ledger_state { LEDGER_ARCHIVED, LEDGER_PUBLISHED, LEDGER_COMMITTED, LEDGER_REFUSED, LEDGER_STATES };

struct ledger_original {
	uint8_t sha256[SHA256_BYTES];
	uint32_t again;
	enum ledger_state state;
	/* source: where it was found; path: in the lake. Texts borrowed: from the caller going in, until the next call
	 * coming out. */
	const char *pipeline, *name, *source, *path;
	const char *topic;
	unsigned partition;
	uint32_t parts;
	bool rows_event;       /* false: a file event */
	const char *dissector; /* "nfcapd/1" */
	uint64_t size;
	int64_t slot_s, archived_s, seen_ms, published_ms, committed_ms;
	uint64_t rows, rejects, lost;
	const char *note; /* reason of a refusal, else what a tool behind the dissector said, or "" */
	/* Identity of the source file, so that `after:` touches only what was read; 0: leave it alone. */
	uint64_t after_dev, after_ino;
	int64_t after_mtime_ns;
	uint64_t run; /* which run of a collector owns it until it is published (run.h) */
};

/* What a path looked like when it was dealt with. */
enum ledger_path_state { LEDGER_PATH_TAKEN, LEDGER_PATH_DOUBLE, LEDGER_PATH_ASIDE };

struct ledger_path {
	uint64_t dev, ino, size;
	int64_t mtime_ns, ctime_ns;
	enum ledger_path_state state;
	uint8_t sha256[SHA256_BYTES]; /* of what was last taken under this path, and its size; ASIDE too, so that a file
	                                 that grows again is recognised */
	uint64_t taken_size;
	bool taken;       /* sha256 and taken_size are there */
	const char *note; /* ASIDE: why */
	bool retry;       /* ASIDE: look again at every rescan, because what is wrong does not show in the times (no
	                     permission) */
};

struct ledger;

/* err.sys of RC_AGAIN: its ceiling is reached. */
enum { LEDGER_FULL = ENOBUFS };

enum rc ledger_open(const char *dir, uint64_t ceiling_bytes, struct ledger **out, struct err *e) MUST_USE;
/* Another handle on the same environment, for another thread; the one it came from is closed last. */
struct ledger *ledger_share(struct ledger *l);
void ledger_close(struct ledger **l);

/* Group commit: calls between begin and commit are one durable transaction. */
enum rc ledger_begin(struct ledger *l, struct err *e) MUST_USE;
enum rc ledger_commit(struct ledger *l, struct err *e) MUST_USE;
void ledger_abort(struct ledger *l);

/* Inside begin/commit: sticky errors come out at commit. */
void ledger_put_original(struct ledger *l, const struct ledger_original *o); /* insert or replace */
void ledger_put_path(struct ledger *l, const char *pipeline, const char *path, const struct ledger_path *p);
void ledger_delete_path(struct ledger *l, const char *pipeline, const char *path);

/* Reading, inside begin/commit or outside (then a read transaction of its own; texts until the next call). RC_END:
 * unknown. */
enum rc ledger_original(struct ledger *l, const char *pipeline, const uint8_t sha256[SHA256_BYTES], uint32_t again,
    struct ledger_original *out, struct err *e) MUST_USE;
/* The one with the highest `again`. */
enum rc ledger_newest(struct ledger *l, const char *pipeline, const uint8_t sha256[SHA256_BYTES],
    struct ledger_original *out, struct err *e) MUST_USE;
enum rc ledger_path(
    struct ledger *l, const char *pipeline, const char *path, struct ledger_path *out, struct err *e) MUST_USE;

/* Originals that are neither committed nor refused, or all, in the order they were archived; visit returns false to
 * stop and calls no function of this ledger. */
enum rc ledger_each_open(struct ledger *l, bool (*visit)(void *context, const struct ledger_original *o), void *context,
    struct err *e) MUST_USE;
enum rc ledger_each(struct ledger *l, bool (*visit)(void *context, const struct ledger_original *o), void *context,
    struct err *e) MUST_USE;
/* Originals with a number below before (0: all), newest first; each with its number. */
enum rc ledger_each_back(struct ledger *l, uint64_t before,
    bool (*visit)(void *context, uint64_t number, const struct ledger_original *o), void *context,
    struct err *e) MUST_USE;
/* Open ones from a place on, which is 0 at first: *at becomes the one that visit refused, or the end. What is archived
 * later lies behind. */
enum rc ledger_each_open_from(struct ledger *l, uint64_t *at,
    bool (*visit)(void *context, const struct ledger_original *o), void *context, struct err *e) MUST_USE;
/* Bytes of live pages: what counts against the ceiling. */
uint64_t ledger_used(const struct ledger *l);
/* Paths set aside. */
enum rc ledger_each_aside(struct ledger *l,
    bool (*visit)(void *context, const char *pipeline, const char *path, const struct ledger_path *p), void *context,
    struct err *e) MUST_USE;
/* All paths, likewise; one that is not aside and longer than a key comes as "". */
enum rc ledger_each_path(struct ledger *l,
    bool (*visit)(void *context, const char *pipeline, const char *path, const struct ledger_path *p), void *context,
    struct err *e) MUST_USE;

struct ledger_counts {
	uint64_t original[LEDGER_STATES];
	uint64_t doubles, aside;
};
enum rc ledger_count(struct ledger *l, const char *pipeline, struct ledger_counts *out, struct err *e) MUST_USE;

/* Next manifest start that the commit watch has to look for, per topic and partition. */
enum rc ledger_commit_position(struct ledger *l, const char *topic, unsigned partition, uint64_t *next,
    struct err *e) MUST_USE; /* 0 when unknown */
void ledger_put_commit_position(
    struct ledger *l, const char *topic, unsigned partition, uint64_t next); /* inside begin/commit */

/* True when this ledger has never held anything, or is marked as being filled: with a lake that has history, it is a
 * lost one. */
bool ledger_is_new(struct ledger *l);
void ledger_put_filling(struct ledger *l, bool filling); /* inside begin/commit */

#endif

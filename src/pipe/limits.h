/*
 * limits: every budget that a configuration sets, as one table: what counts against it, what happens when it is full.
 * doc/budgets.md shows the table; a test compares the two.
 *
 * What a process uses of each lies in its slot of the shared mapping, behind the figures: used, the moment since which
 * it is full, and how often it was reached. What lies on a disk that several processes share (ledger, bus) is measured
 * by whoever asks (app/budgets.h); its slots say only who had to wait for it.
 *
 * Thread  any; the slot's values are atomics
 */
#ifndef PIPE_LIMITS_H
#define PIPE_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/metric.h"
#include "pipe/figures.h"

/* NOW: what is held at this moment. MOST: the most that one original, file or commit took, since the process began.
 * STEP: the same, of a threshold: passing it is no shortage, it only decides how the work is done. */
#define LIMITS(X)                                                                                                      \
	X(COLLECT_MEMORY, "collect.memory", NOW, "bytes", "encoded rows of originals between dissecting and the bus",  \
	    "no further file is read until some are on the bus or spooled")                                            \
	X(COLLECT_PENDING, "collect.pending", NOW, "files", "files found and not dealt with",                          \
	    "folders are not listed further; what inotify tells is found again by listing")                            \
	X(COLLECT_SPOOL, "collect.spool", NOW, "bytes", "originals that are archived and can't go to the bus",         \
	    "no further file is archived: files stay where they lie")                                                  \
	X(LEDGER, "ledger.max_bytes", NOW, "bytes", "pages of the ledger in use", "no further file is taken")          \
	X(BUS, "bus.max_bytes", NOW, "bytes", "events on the embedded bus that are not committed",                     \
	    "originals are spooled; workers commit what they have in hand")                                            \
	X(DEDUPE, "dedupe.max_bytes", NOW, "bytes", "pages of the index of committed identities in use",               \
	    "a worker's partitions wait after their commit")                                                           \
	X(OPEN_FILES, "open_files", NOW, "files", "descriptors of the process that has most",                          \
	    "what needs another one waits and is tried again")                                                         \
	X(WORKER_MEMORY, "worker.memory", NOW, "bytes", "open table files, over all worker threads",                   \
	    "the largest row group closes and goes to its staged file")                                                \
	X(OPEN_HOURS, "worker.open_hours", NOW, "files", "table files being written, over all worker threads",         \
	    "the one idle longest is finished; later rows of its hour open another part")                              \
	X(PARTITIONS, "partitions.max", MOST, "hours", "hours that one original touches",                              \
	    "rows of further hours are one reject, too_many_hours")                                                    \
	X(REJECTS, "rejects.max_bytes", MOST, "bytes", "lines about the rejects of one original",                      \
	    "further rejects are counted and have no line of their own")                                               \
	X(ROWS, "event.rows_max", STEP, "bytes", "encoded rows of one small original", "it goes as a file event")      \
	X(INLINE, "event.inline_max", STEP, "bytes", "one original", "a worker dissects it, not the collector")        \
	X(COMMIT_BYTES, "commit.max_bytes", STEP, "bytes", "table files of one commit", "it is committed")             \
	X(COMMIT_EVENTS, "commit.max_events", STEP, "events", "events of one commit", "it is committed")               \
	X(FILE_BYTES, "file.max_bytes", STEP, "bytes", "one table file", "it is finished; another part begins")

enum limit {
#define X(id, key, kind, unit, counts, then) LIMIT_##id,
	LIMITS(X)
#undef X
	    LIMIT_COUNT
};

struct limit_info {
	const char *key; /* of the configuration */
	bool most;       /* MOST or STEP */
	bool step;       /* STEP */
	const char *unit, *counts, *then;
};
extern const struct limit_info limit_info[LIMIT_COUNT];

enum { LIMIT_USED, LIMIT_SINCE_MS, LIMIT_REACHED, LIMIT_VALUES };

/* From the end of a slot's values, so that a figure that is added moves none of them. */
static inline unsigned limit_place(enum limit l, unsigned value)
{
	return METRIC_VALUES - (unsigned)LIMIT_VALUES * (l + 1) + value;
}
_Static_assert((int)FIGURE_COUNT + LIMIT_VALUES * (int)LIMIT_COUNT <= (int)METRIC_VALUES, "base/metric.h holds both");

/* A process begins: it uses nothing yet, and nothing is full. How often limits were reached stays. s may be NULL, here
 * and below. */
void limits_begin(struct metric_slot *s);

static inline void limit_set(struct metric_slot *s, enum limit l, uint64_t used)
{
	metric_set(s, limit_place(l, LIMIT_USED), used);
}

/* by may be negative, as its two's complement. */
static inline void limit_add(struct metric_slot *s, enum limit l, uint64_t by)
{
	metric_add(s, limit_place(l, LIMIT_USED), by);
}

/* The most there was. */
void limit_most(struct metric_slot *s, enum limit l, uint64_t used);

/* It was reached, and what is to happen then happened; nobody waits. */
static inline void limit_reached(struct metric_slot *s, enum limit l)
{
	metric_add(s, limit_place(l, LIMIT_REACHED), 1);
}

/* Somebody waits because it is full, or does no longer. Only the first of many true ones counts as reached. One thread
 * of a process says both. */
void limit_full(struct metric_slot *s, enum limit l, bool full);

/* How many descriptors the process has, and whether that is all the system gives it. */
void limits_files(struct metric_slot *s);

/* What one original took of partitions.max and rejects.max_bytes. cut: some of its hours were too many; silent: some of
 * its rejects have no line. */
void limits_original(struct metric_slot *s, unsigned hours, bool cut, uint64_t lines_bytes, bool silent);

static inline uint64_t limit_get(const struct metric_slot *s, enum limit l, unsigned value)
{
	return __atomic_load_n(&s->value[limit_place(l, value)], __ATOMIC_RELAXED);
}

#endif

/*
 * swap: makes a compaction true that its manifest has settled: the outputs take the place of the inputs, and after the
 * grace the inputs go. Anybody may do it, from wherever another stopped.
 *
 * A note says that a compaction is under way: _sluice/compacting/<dataset>/<hour>-<generation>, put before the first
 * output is written, removed when nothing is left to do. It names who is at it, so that two rarely do the same work;
 * what decides is the manifest. Beside it, "<note>.switched" holds the time of the switch, and "<note>.aside" when the
 * partition's location was moved aside.
 *
 * Thread  the caller's store
 */
#ifndef PIPE_SWAP_H
#define PIPE_SWAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "catalog/catalog.h"
#include "store/store.h"

struct note {
	char instance[128];
	char epoch[40];
	int64_t time_ms;
};

enum note_kind { NOTE_WORK, NOTE_ASIDE, NOTE_SWITCHED, NOTES };

struct swap_key {
	const char *dataset;
	int64_t hour;
	uint64_t generation;
};

/* RC_END: there is one already. */
enum rc note_put(
    struct store *s, const struct swap_key *k, enum note_kind kind, const struct note *n, struct err *e) MUST_USE;
/* RC_END: there is none. */
enum rc note_load(
    struct store *s, const struct swap_key *k, enum note_kind kind, struct note *out, struct err *e) MUST_USE;
/* All of them; the note of the work last. */
enum rc note_remove(struct store *s, const struct swap_key *k, struct err *e) MUST_USE;
/* Compactions of a dataset that are under way, oldest hour first. */
enum rc note_each(struct store *s, const char *dataset,
    enum rc (*see)(void *context, const struct swap_key *k, struct err *e), void *context, struct err *e) MUST_USE;

/* Where an attempt stages its outputs: "_sluice/staging/compact-<epoch>". */
char *swap_staging(const char *epoch);
/* Delete what an attempt staged and will never use. */
enum rc swap_sweep(struct store *s, const char *epoch, struct err *e) MUST_USE;

enum swap_state {
	SWAP_NONE,  /* there is no such manifest */
	SWAP_ASIDE, /* who reads through the catalog sees the outputs aside; the folder will be switched */
	SWAP_GRACE, /* switched; the inputs are kept for a while */
	SWAP_DONE,  /* nothing is left to do */
};

struct swap {
	struct store *store;
	struct catalog *catalog;           /* NULL: nobody reads through one */
	const struct catalog_table *table; /* of the dataset */
	int64_t grace_ms;
	int64_t now_ms; /* wall */
	const char *instance;
	uint64_t *brought; /* counts files of others that were written aside and brought home */
};

/* As far as time allows. */
enum rc swap_forward(const struct swap *w, const struct swap_key *k, enum swap_state *state, struct err *e) MUST_USE;

#endif

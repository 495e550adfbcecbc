/*
 * draft: one commit while it is filled: table files, rejects, and what became of each original. commit.h makes it true.
 *
 * Thread  one owner; a bench is shared by the drafts of a thread
 * Owner   draft_free deletes what was staged, unless it was synced: then the files belong to the manifest
 */
#ifndef PIPE_DRAFT_H
#define PIPE_DRAFT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/metric.h"
#include "base/rc.h"
#include "bus/bus.h"
#include "pipe/manifest.h"
#include "pipe/registrar.h"
#include "pipe/report.h"
#include "pipe/seen.h"
#include "pipe/settings.h"
#include "pipe/table.h"
#include "pipe/waits.h"
#include "store/store.h"

/* The boundaries between the steps of a commit, in their order: where a crash may come (doc/commit.md). */
enum commit_step {
	STEP_STAGED,    /* files closed */
	STEP_SYNCED,    /* and durable */
	STEP_PUT,       /* the manifest is there */
	STEP_CHECKED,   /* and we are nobody's ghost */
	STEP_PUBLISHED, /* files have their final names */
	STEP_NOTED,     /* identities are in the index */
	STEP_TRIMMED,   /* the bus may forget */
	STEPS,
};

/* What the commits of one thread share; everything borrowed. */
struct bench {
	const struct settings *settings;
	struct bus *bus;
	struct store *store;
	struct budget *budget;
	const struct crc32_tables *crc;
	struct seen *seen;
	struct cell *cell;           /* where dissectors run; NULL: in this process */
	struct registrar *registrar; /* NULL: no catalog */
	struct metric_slot *figures;
	bool pressed; /* the bus is filling up: only commits make room */
	struct waits *waits;                                /* may be NULL */
	bool replay; /* its originals were counted before; and there is no bus */
	void (*step)(void *context, enum commit_step step); /* tests stop the world here; NULL */
	void *step_context;
};

/* Where commits of one partition go, and who writes them. */
struct place {
	const char *topic; /* borrowed */
	unsigned partition;
	const struct pipeline *pipeline;
	const struct projection *projection; /* of its batches */
	struct seen_place seen;
	char label[160]; /* "<topic>-<partition>", short enough for a file name */
	char epoch[40];
	char staging[320]; /* folder of this epoch */
};

void place_init(struct place *p, const char *topic, unsigned partition, const struct pipeline *pipeline,
    const struct projection *projection);
/* Become a new writer: another epoch, another staging folder. */
void place_renew(struct place *p);

struct draft_file { /* of the manifest; in a draft that was finished */
	char *staged, *path;
	bool rejects;
	int64_t hour;
	uint64_t size, rows;
	uint32_t crc32;
};

struct draft_totals {
	uint64_t events, duplicates, originals, rows, rejects, lost, outside, ahead, behind, bytes, table_files;
	uint64_t sequence_failures, stat_mismatches;
};

struct draft;

struct draft *draft_new(const struct bench *bench, const struct place *place, uint64_t start);
void draft_free(struct draft **d);

bool draft_renders(const struct draft *d); /* its batches are of rendered rows, not of the dissector's */
uint64_t draft_start(const struct draft *d);
struct draft_totals *draft_totals(struct draft *d);
struct mono draft_since(const struct draft *d); /* its first event */
uint64_t draft_bytes(const struct draft *d);    /* staged so far */
size_t draft_files_count(const struct draft *d);

/* Rows of an original; *outside grows. After anything but RC_OK the draft is only good for draft_free. */
enum rc draft_rows(struct draft *d, int64_t hour, const struct table_source *source, const struct batch *b,
    const uint16_t *sel, size_t n, uint64_t *outside, struct err *e) MUST_USE;

/* An original is complete: its line, its rejects, its identity. */
enum rc draft_original(
    struct draft *d, const struct manifest_original *o, const struct report *report, struct err *e) MUST_USE;
bool draft_has(const struct draft *d, const struct seen_key *key);
const struct seen_key *draft_keys(const struct draft *d, size_t *count);

/*
 * Close every file, make them durable with one sync, and settle final names: end is part of them. RC_AGAIN, RC_FAIL:
 * nothing of the draft may be used.
 */
enum rc draft_finish(struct draft *d, uint64_t end, struct err *e) MUST_USE;
const struct draft_file *draft_files(const struct draft *d, size_t *count);

/* The manifest's text, and the head that is in it. */
enum rc draft_manifest(const struct draft *d, struct manifest_head *head, struct writer *out, struct err *e) MUST_USE;

/* Delete the files of a finished draft that lost its manifest. */
void draft_discard(struct draft *d);

#endif

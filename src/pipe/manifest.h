/*
 * manifest: one commit: a range of a partition's events, and the files their rows went to. doc/formats/manifest.md.
 *
 * JSON lines: first {"sluice":"manifest","version":1,"topic","partition","start","end","epoch","writer","time"}; then
 * one line per file
 * {"file":final,"staged","kind":"table"|"rejects","dataset","hour","size","rows","crc32"}; one per original
 * {"original","again","name","path","size","pipeline","dissector","parts","rows","rejects","lost","outside","clean","ahead","behind","counters","reason","note"};
 * last {"lines":n}: a manifest without it is not whole.
 * Reading is line by line, so that memory does not grow with the commit.
 *
 * Thread  plain functions; a walk uses the caller's text and store
 * Errors  RC_BAD: not whole, or not what the name promises
 */
#ifndef PIPE_MANIFEST_H
#define PIPE_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/writer.h"
#include "ext/hash.h"
#include "store/store.h"

struct manifest_head {
	char topic[256];
	unsigned partition;
	uint64_t start, end; /* offsets: start inclusive, end exclusive */
	char epoch[40];      /* of the writer: random, new at every start of its loop */
	int64_t time_ms;
};

struct manifest_file {
	const char *path; /* final */
	const char *staged;
	bool rejects; /* a rejects file, not table rows */
	const char *dataset;
	int64_t hour;
	uint64_t size, rows;
	uint32_t crc32; /* of the whole file */
};

/* From here on `again` counts replays: of the original as it is in the tables, whatever its other numbers (replay.h). */
#define MANIFEST_REPLAY UINT32_C(0x80000000)

struct manifest_original {
	uint8_t original[SHA256_BYTES];
	uint32_t again;
	const char *name, *path, *pipeline, *dissector; /* name and path: unescaped bytes */
	uint64_t size;
	uint32_t parts;
	uint64_t rows;        /* stored */
	uint64_t rejects;     /* reject entries */
	uint64_t lost;        /* rows known to be lost in them */
	uint64_t outside;     /* values that became null for their type */
	uint64_t ahead;       /* rows of hours that are implausibly late, in "rows" all the same */
	uint64_t behind;      /* or early */
	bool clean;           /* the input ended as its format wants */
	const char *counters; /* the dissector's own counters that are not zero, a JSON object; NULL none */
	const char *reason;   /* the whole file was refused: why; else NULL */
	const char *settled;  /* of a replay: it stored nothing, somebody settled what rejects there were, and why; else NULL */
	const char *note;     /* what a tool behind the dissector said; NULL nothing */
};

/* Building: head, files, originals, end, in this order. Lines of originals may be built apart and put in as they are.
 */
void manifest_begin(struct writer *w, const struct manifest_head *h);
void manifest_add_file(struct writer *w, const struct manifest_file *f);
void manifest_add_original(struct writer *w, const struct manifest_original *o);
/* lines_end (pipe/lines.h) ends it. */

struct manifest_visitor { /* any may be NULL; texts are borrowed for the call */
	void *context;
	enum rc (*head)(void *context, const struct manifest_head *h, struct err *e);
	enum rc (*file)(void *context, const struct manifest_file *f, struct err *e);
	enum rc (*original)(void *context, const struct manifest_original *o, struct err *e);
};

/* Walk a manifest's text. RC_BAD: not whole or not ours. A visitor's other rc ends the walk and comes back. */
enum rc manifest_walk(const char *text, size_t size, const struct manifest_visitor *v, struct err *e) MUST_USE;

enum { MANIFEST_MAX = 64 << 20 };

/*
 * Load and walk the manifest of a partition that begins at start; RC_END when there is none. One that was folded into
 * history is not looked for: history_load does.
 */
enum rc manifest_load(struct store *s, const char *topic, unsigned partition, uint64_t start,
    const struct manifest_visitor *v, struct err *e) MUST_USE;

/* The partition's manifests that can be seen last from now on: their writers may not have come so far, or have died. */
enum rc manifest_settle(struct store *s, const char *topic, unsigned partition, struct err *e) MUST_USE;

/* The newest manifest's start of a partition by listing; RC_END none. */
enum rc manifest_newest(
    struct store *s, const char *topic, unsigned partition, uint64_t *start, struct err *e) MUST_USE;

/* Starts of the manifests of a partition in ascending order, from `from` on, at most max; caller frees *starts. */
enum rc manifest_list(struct store *s, const char *topic, unsigned partition, uint64_t from, size_t max,
    uint64_t **starts, size_t *count, struct err *e) MUST_USE;

/* The offset that a name of 20 digits stands for; false if it is no such name. */
bool manifest_name_read(const char *name, uint64_t *start);

#endif

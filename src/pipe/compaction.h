/*
 * compaction: the manifest that says which table files of an hour became which others. doc/formats/manifest.md.
 *
 * JSON lines: first {"sluice":"compaction","version":1,"dataset","hour","generation","epoch","writer","time"}; then one
 * line per file that went {"input":path,"kept","size","rows","crc32"}; one per file that came
 * {"output":path,"staged","aside","size","rows","crc32"}; last {"lines":n}. Rows of the inputs and of the outputs are
 * the same number. Put if absent, never changed or removed: an hour's generations are a history of their own.
 *
 * A generation may also be the record of an expiry (expiry.h): inputs, and nothing that came.
 *
 * Thread  plain functions; a walk uses the caller's text and store
 * Errors  RC_BAD: not whole, or not what the name promises
 */
#ifndef PIPE_COMPACTION_H
#define PIPE_COMPACTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/writer.h"
#include "ext/hash.h"
#include "ext/json.h"
#include "store/store.h"

struct compaction_head {
	char dataset[128];
	int64_t hour;        /* since 1970 */
	uint64_t generation; /* 1, 2, … of that hour */
	char epoch[40];      /* of the writer: random, new for every attempt */
	int64_t time_ms;
	bool expired; /* nothing took the place of the inputs: they went for their age */
};

struct compaction_file {
	bool output;
	const char *path;  /* in the table */
	const char *from;  /* of an output: where it was staged. Of an input: where it is kept for a while */
	const char *aside; /* of an output: its copy for who reads through a catalog; NULL none */
	uint64_t size, rows;
	uint32_t crc32; /* of the whole file */
	/* Of an input that went for its age: when, and whose its rows were, [[sha256, rows], …]. It is kept nowhere:
	 * from is "". */
	int64_t expired_ms; /* 0: a compaction's */
	const json_t *of;
};

/* Building: head, inputs, outputs, end. */
void compaction_begin(struct writer *w, const struct compaction_head *h);
void compaction_add(struct writer *w, const struct compaction_file *f);
void compaction_end(struct writer *w);

struct compaction_visitor { /* any may be NULL; texts are borrowed for the call */
	void *context;
	enum rc (*head)(void *context, const struct compaction_head *h, struct err *e);
	enum rc (*file)(void *context, const struct compaction_file *f, struct err *e);
};

enum { COMPACTION_MAX = 64 << 20 };

/* Rows of one original in a file that went for its age. */
uint64_t compaction_rows_of(const struct compaction_file *f, const uint8_t sha256[SHA256_BYTES]);
/* All of them, in the order of the footer; see's other rc ends it and comes back. RC_BAD: the list is damaged. */
enum rc compaction_sources(const struct compaction_file *f,
    enum rc (*see)(void *context, const uint8_t sha256[SHA256_BYTES], uint64_t rows, struct err *e), void *context,
    struct err *e) MUST_USE;

/* Walk a manifest's text. RC_BAD: not whole, not ours, or rows that do not add up. A visitor's other rc ends the walk
 * and comes back. */
enum rc compaction_walk(const char *text, size_t size, const struct compaction_visitor *v, struct err *e) MUST_USE;

/* Load and walk one generation; RC_END when there is none. */
enum rc compaction_load(struct store *s, const char *dataset, int64_t hour, uint64_t generation,
    const struct compaction_visitor *v, struct err *e) MUST_USE;

/* Walk every generation of an hour, oldest first. *newest: the last one's number, 0 none; may be NULL. */
enum rc compaction_each(struct store *s, const char *dataset, int64_t hour, const struct compaction_visitor *v,
    uint64_t *newest, struct err *e) MUST_USE;

/* Hours of a dataset that were ever compacted, ascending; caller frees *hours. */
enum rc compaction_hours(struct store *s, const char *dataset, int64_t **hours, size_t *count, struct err *e) MUST_USE;

/*
 * Did a compaction or an expiry take that table file of that hour away, with that size and CRC-32? So a commit whose
 * file is neither staged nor in place lost nothing.
 */
enum rc compaction_took(struct store *s, const char *dataset, int64_t hour, const char *path, uint64_t size,
    uint32_t crc32, bool *took, struct err *e) MUST_USE;

/* Paths in the lake, as those of settings.h. */
void lake_compaction(char *out, size_t size, const char *dataset, int64_t hour,
    uint64_t generation); /* _sluice/compactions/<dataset>/<hour, 20 digits>/<generation, 20 digits> */
void lake_compaction_hour(char *out, size_t size, const char *dataset, int64_t hour); /* its folder */

#endif

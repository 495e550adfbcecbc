/*
 * expiry: the record of which files of an hour went for their age: the files of a table, rejects files, originals.
 * doc/formats/manifest.md.
 *
 * JSON lines: first {"sluice":"expiry","version":1,"kind","dataset","hour","generation","epoch","writer","time"}; one
 * line per file, {"input":path,"size",…}; last {"lines":n}. Put if absent before the first of its files goes, never
 * changed or removed. What it names is not missed.
 *
 * The record of table files is a generation of the hour's compactions (compaction.h reads it), so that a compaction and
 * an expiry of the same hour collide. Those of rejects files and originals lie in folders of their own.
 *
 * Thread  plain functions; a walk uses the caller's store
 * Errors  RC_BAD: not whole, or not what the name promises
 */
#ifndef PIPE_EXPIRY_H
#define PIPE_EXPIRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/writer.h"
#include "ext/hash.h"
#include "ext/json.h"
#include "store/store.h"

enum expiry_kind { EXPIRY_TABLE, EXPIRY_REJECTS, EXPIRY_ORIGINAL, EXPIRY_KINDS };

extern const char *const expiry_kind_name[EXPIRY_KINDS]; /* "table", "rejects", "original" */

struct expiry_head {
	enum expiry_kind kind;
	char dataset[128];
	int64_t hour;        /* since 1970, of the rows or of the folder */
	uint64_t generation; /* 1, 2, … of that hour */
	char epoch[40];      /* of the writer: random, new for every run */
	int64_t time_ms;
};

/* An original is let go for the identities that name it: one that is taken again later wants its file again. */
struct expiry_identity {
	const char *source; /* an instance's pipeline, "edge1.flow" */
	uint32_t again;
};

struct expiry_file {
	const char *path; /* any bytes */
	uint64_t size;
	uint64_t rows; /* not of an original */
	uint32_t crc32;
	const char *of; /* of a table file: its sources as JSON, [["<sha256>",rows],…] */
	uint8_t original[SHA256_BYTES];
	const struct expiry_identity *identity; /* of an original */
	size_t identities;
};

/* Building: head, files, end (lines_end of pipe/lines.h). */
void expiry_begin(struct writer *w, const struct expiry_head *h);
void expiry_add(struct writer *w, enum expiry_kind kind, const struct expiry_file *f);

enum { EXPIRY_MAX = 64 << 20 };

/* The record's place; without a generation (0) its folder. */
void lake_expiry(char *out, size_t size, enum expiry_kind kind, const char *dataset, int64_t hour, uint64_t generation);

/* ---- reading those of rejects files and originals ---- */

typedef enum rc expiry_see(void *context, const struct expiry_head *h, const struct expiry_file *f, struct err *e);

/* Every file of every record of that hour, oldest first. *newest: the last one's number, 0 none; may be NULL. see's
 * other rc ends it and comes back; texts are borrowed for the call. */
enum rc expiry_each(struct store *s, enum expiry_kind kind, const char *dataset, int64_t hour, expiry_see *see,
    void *context, uint64_t *newest, struct err *e) MUST_USE;
/* One record; RC_END: there is none. */
enum rc expiry_load(struct store *s, enum expiry_kind kind, const char *dataset, int64_t hour, uint64_t generation,
    expiry_see *see, void *context, struct err *e) MUST_USE;
/* Hours of a dataset that have records, ascending; caller frees. */
enum rc expiry_hours(struct store *s, enum expiry_kind kind, const char *dataset, int64_t **hours, size_t *count,
    struct err *e) MUST_USE;

/* Did an expiry take that rejects file, with that size and CRC-32? *when_ms: then when, else 0. */
enum rc expiry_took(struct store *s, const char *dataset, int64_t hour, const char *path, uint64_t size, uint32_t crc32,
    int64_t *when_ms, struct err *e) MUST_USE;
/* The same of an original, for whatever identity. */
enum rc expiry_took_original(
    struct store *s, const char *path, const uint8_t sha256[SHA256_BYTES], int64_t *when_ms, struct err *e) MUST_USE;

/* "20260114", "09" as an hour since 1970; false: no such folder of originals or rejects. */
bool expiry_read_hour(const char *day, const char *hour_name, int64_t *hour);

#endif

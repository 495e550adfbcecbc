/*
 * families: the originals of a pipeline that have rejects, each with all that manifests say of it: how often it was
 * taken, its replays, how many rows of it the tables hold and in which commits' files.
 *
 * Thread  one owner
 * Owner   zeroed is empty; families_fini frees
 * Units   memory grows with the number of originals that have rejects and of the files of their commits
 */
#ifndef PIPE_FAMILIES_H
#define PIPE_FAMILIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "ext/hash.h"
#include "pipe/settings.h"
#include "store/store.h"

struct family_file { /* of a table, or of rejects, as its manifest has it */
	char *path;
	int64_t hour;
	uint64_t size, rows;
	uint32_t crc32;
};

struct family_commit {
	struct family_file *file;
	size_t files;
};

struct family {
	uint8_t original[SHA256_BYTES];
	char *name, *path;       /* NULL: no manifest of our pipeline tells of it */
	uint64_t size;
	uint32_t again; /* of its newest ingest here */
	int64_t committed_ms;
	uint32_t replays;        /* number of the newest, 0 none */
	unsigned ingests;        /* that are no replays: by any pipeline of any instance into the same tables */
	uint64_t rows;           /* of all of them, in the tables */
	uint64_t rejects, lost;  /* of the newest replay, else of the newest ingest */
	char *reason;            /* the same one refused the whole of it; NULL */
	struct family_file file; /* its rejects; no path: it has none */
	size_t *commit;          /* of rows; into families.commit */
	size_t commits, capacity;
};

struct families {
	struct family *at;
	size_t count, capacity;
	struct family_commit *commit;
	size_t commits, commit_capacity;
	size_t *slot; /* open addressing by digest: place in at, and one more */
	size_t slots;
};

/* Two walks over the manifests of the lake: the originals of our pipeline that have rejects, and that of the digest also
 * (NULL: none), known or not; then everybody's commits of these. */
enum rc families_read(
    struct store *s, const struct pipeline *p, const uint8_t *also, struct families *out, struct err *e) MUST_USE;
void families_fini(struct families *f);

/* NULL: it has no rejects, and was not asked for. */
struct family *families_find(const struct families *f, const uint8_t original[SHA256_BYTES]);

/*
 * Where rows of these commits' files lie now: such as are in place, and what compactions made of the others. see is
 * called for each once; some may hold no row of the family. A file that is nowhere is not told: rows will be missing.
 */
enum rc families_files(struct store *s, const struct families *f, const struct family *one, const char *dataset,
    enum rc (*see)(void *context, const struct family_file *file, struct err *e), void *context,
    struct err *e) MUST_USE;

#endif

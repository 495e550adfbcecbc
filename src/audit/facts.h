/*
 * facts: what one reading said of one thing, as a record for the sorter. Facts about a path come together in one order,
 * facts about an identity (sha256, source, again) in another.
 *
 * A source is a topic without ".files" or ".rows": an instance's pipeline. Within it an identity is committed once.
 *
 * Thread  plain functions
 */
#ifndef AUDIT_FACTS_H
#define AUDIT_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "audit/sorter.h"
#include "base/writer.h"
#include "ext/hash.h"

/* About a path, in this order. */
enum path_fact { PATH_LISTED, PATH_FILE, PATH_TAKEN, PATH_ORIGINAL, PATH_LEDGER, PATH_EXPIRED };

struct commit_id {
	uint16_t topic; /* in the audit's names */
	uint32_t partition;
	uint64_t start;
};

struct listed { /* PATH_LISTED: it lies in the lake */
	uint64_t size;
	int64_t modified_ns;
};

struct named_file { /* PATH_FILE: a manifest names it as a table or rejects file; PATH_TAKEN: a compaction took it, or
	               an expiry */
	struct commit_id commit; /* of a compaction's file: no topic, the dataset, the hour */
	uint64_t generation;     /* of the compaction; 0 a commit */
	uint64_t size, rows;
	uint32_t crc32;
	bool rejects;
	bool under_way;     /* PATH_TAKEN: it may still be in the table */
	int64_t expired_ms; /* PATH_TAKEN: when it went for its age; 0: a compaction took it */
	int64_t hour;
	uint16_t dataset;
	const char *staged;
};

struct named_original { /* PATH_ORIGINAL, PATH_LEDGER: where an original is said to lie; PATH_EXPIRED: does not any more
	                 */
	uint8_t sha256[SHA256_BYTES];
	uint64_t size;
	uint16_t source; /* for which identity */
	uint32_t again;
	int64_t expired_ms; /* PATH_EXPIRED: when */
};

/* About an identity, in this order. */
enum ident_fact { IDENT_LEDGER, IDENT_MANIFEST, IDENT_REJECTS, IDENT_ROWS, IDENT_ORPHAN, IDENT_STRAY };

struct ident {
	uint8_t sha256[SHA256_BYTES];
	uint16_t source; /* of IDENT_ROWS and the rest: NAMES_NONE, after every source */
	uint32_t again;  /* IDENT_ROWS: the dataset; the rest: UINT32_MAX, after every dataset */
	enum ident_fact fact;
};

struct outcome {                 /* IDENT_LEDGER, IDENT_MANIFEST */
	struct commit_id commit; /* start: of IDENT_MANIFEST only */
	uint8_t state;           /* enum ledger_state */
	uint16_t dataset;
	uint64_t rows, rejects, lost, size;
	const char *path;
};

struct reject_lines { /* IDENT_REJECTS: lines of one original in a rejects file */
	struct commit_id commit;
	uint64_t rejects, lost;
	bool silent; /* some have no line of their own: what was lost in them is not said */
};

struct rows_of { /* IDENT_ROWS: rows of an original in a table file; IDENT_ORPHAN: in one without a manifest */
	uint32_t orphan;
	uint16_t dataset;
	uint64_t rows;
};

/* The record is put into w, which is emptied first; out borrows it. */
void fact_path(struct writer *w, const char *path, enum path_fact fact, const void *what, struct sorter_record *out);
void fact_ident(struct writer *w, const struct ident *id, const void *what, struct sorter_record *out);

/* And back; texts are borrowed from the record. */
enum path_fact fact_path_read(const struct sorter_record *r, const char **path);
void fact_listed_read(const struct sorter_record *r, struct listed *out);
void fact_file_read(const struct sorter_record *r, struct named_file *out);
void fact_original_read(const struct sorter_record *r, struct named_original *out);

void fact_ident_read(const struct sorter_record *r, struct ident *out);
void fact_outcome_read(const struct sorter_record *r, struct outcome *out);
void fact_rejects_read(const struct sorter_record *r, struct reject_lines *out);
void fact_rows_read(const struct sorter_record *r, struct rows_of *out);
const char *fact_stray_read(const struct sorter_record *r);

#endif

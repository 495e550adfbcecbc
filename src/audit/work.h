/*
 * work: what the parts of an audit share while it runs. Order of the parts, and why (audit.c):
 *
 *   ledger -> folders of the lake -> history, manifests, compactions, expiries -> files and originals by path ->
 * identities -> the rest
 *
 * Thread  one owner
 */
#ifndef AUDIT_WORK_H
#define AUDIT_WORK_H

#include "audit/audit.h"
#include "audit/chains.h"
#include "audit/commit_set.h"
#include "audit/facts.h"
#include "audit/names.h"
#include "audit/sorter.h"
#include "base/writer.h"
#include "ext/json.h"
#include "pipe/crc32.h"
#include "store/store.h"

/* A file of a table or of rejects that no manifest names. */
struct orphan {
	char *path;
	bool rejects;
	bool taken;   /* by a compaction: its manifest still names it */
	bool old;     /* past the grace */
	bool covered; /* so far: committed files hold what it holds */
	bool read;    /* what it holds could be read */
};

struct broken_hour {
	uint16_t dataset;
	int64_t hour;
};

/* A file that is named and not there: perhaps an orphan elsewhere is it. */
struct gone {
	char *path;
	struct named_file file;
	bool found; /* elsewhere */
};

struct audit {
	const struct settings *settings;
	const struct audit_options *options;
	struct audit_result *result;
	struct store *store;
	struct ledger *ledger; /* NULL: there is none */
	int64_t now_ns;
	struct names topics, sources, datasets;
	struct sorter *paths, *idents;
	struct chains chains;
	struct commit_set excused; /* commits with files that could not be counted */
	struct commit_set silent;  /* commits whose rejects file expired */
	json_t *expired;           /* folders of partitions of hours that expired: when */
	struct orphan *orphan;
	size_t orphans, orphan_capacity;
	struct broken_hour *broken;
	size_t brokens;
	struct gone *gone;
	size_t gones, gone_capacity;
	char **staged; /* paths that manifests name and that are still staged */
	size_t staged_named, staged_capacity;
	bool moved; /* --repair has moved a file, so folders look younger than they are */
	struct crc32_tables crc;
	struct writer record; /* of a fact being added */
};

/* Tell of something wrong. */
void audit_find(struct audit *a, enum finding_kind kind, const char *path, const char *format, ...) PRINTF_LIKE(4, 5);
/* Tell what became of it. */
void audit_mended(struct audit *a, enum finding_kind kind, const char *path, enum mend_outcome outcome,
    const char *format, ...) PRINTF_LIKE(5, 6);

enum rc audit_add_path(
    struct audit *a, const char *path, enum path_fact fact, const void *what, struct err *e) MUST_USE;
enum rc audit_add_ident(struct audit *a, const struct ident *id, const void *what, struct err *e) MUST_USE;

/* Source of a topic: without ".files" or ".rows". */
uint16_t audit_source(struct audit *a, const char *topic);
/* Dataset that a path in the lake begins with. */
uint16_t audit_dataset(struct audit *a, const char *path);
/* The configured schema of a dataset, or NULL. */
const struct schema *audit_schema(const struct audit *a, const char *dataset);

/* Rows of this file could not be counted: those of its commits may lack them. */
enum rc audit_excuse(struct audit *a, const struct named_file *f, struct err *e) MUST_USE;

/* Which files of an hour became which is not known: what is missing or left over there has been told of. */
void audit_break_hour(struct audit *a, uint16_t dataset, int64_t hour);
bool audit_broken_hour(const struct audit *a, uint16_t dataset, int64_t hour);

/* It is named, and stays staged: no leftover. */
void audit_note_staged(struct audit *a, const char *staged);

/* Of "part-compact-<hour>-<generation>-<number>.parquet". */
bool compaction_name_read(const char *path, int64_t *hour, uint64_t *generation);

/* Is something with that time of change past the grace? */
bool audit_old(const struct audit *a, int64_t modified_ns);

/* The parts. */
enum rc audit_ledger(struct audit *a, struct err *e) MUST_USE;
enum rc audit_folders(struct audit *a, struct err *e) MUST_USE;
enum rc audit_chains(struct audit *a, struct err *e) MUST_USE;
enum rc audit_compactions(struct audit *a, struct err *e) MUST_USE;
/* After chains. */
enum rc audit_expiries(struct audit *a, struct err *e) MUST_USE;
enum rc audit_paths(struct audit *a, struct err *e) MUST_USE;
enum rc audit_idents(struct audit *a, struct err *e) MUST_USE;
enum rc audit_orphans(struct audit *a, struct err *e) MUST_USE;
enum rc audit_staging(struct audit *a, struct err *e) MUST_USE;
enum rc audit_aside(struct audit *a, struct err *e) MUST_USE;
enum rc audit_schemas(struct audit *a, struct err *e) MUST_USE;
enum rc audit_catalog(struct audit *a, struct err *e) MUST_USE;

#endif

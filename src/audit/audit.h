/*
 * audit: does a lake hold what it should, all of it, once? Compares what the ledger, the manifests, the footers of the
 * table files, the rejects files and the folders say, each read by itself. doc/audit.md.
 *
 * It may run while workers do: the order of reading is such that a commit that comes meanwhile is no finding. Memory is
 * bounded whatever the lake holds (sorter.h).
 *
 * Thread  one owner
 * Errors  of the store and the scratch folder: the audit could not be done. What is wrong with the lake is a finding
 */
#ifndef AUDIT_AUDIT_H
#define AUDIT_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "audit/finding.h"
#include "base/rc.h"
#include "pipe/settings.h"

struct audit_options {
	bool quick;          /* neither hash originals nor sum table files: lengths and footers only */
	bool repair;         /* mend what can be mended */
	bool dry_run;        /* with repair: say what would be done */
	int64_t grace_ms;    /* what is younger may still be somebody's work */
	const char *scratch; /* folder for what is sorted; NULL: the state folder */
	void (*found)(void *context, const struct finding *f);
	void (*mended)(void *context, const struct mend *m);
	void (*progress)(void *context, const char *what, uint64_t count); /* NULL: nobody wants to know */
	void *context;
};

enum audit_ledger { AUDIT_LEDGER_NONE, AUDIT_LEDGER_EMPTY, AUDIT_LEDGER_READ };

struct audit_result {
	uint64_t findings, mended;
	uint64_t kind[FINDING_KINDS];
	uint64_t originals; /* identities that manifests name, without replays */
	uint64_t replays;   /* identities that are replays of one of these */
	uint64_t rows, rejects, lost;
	uint64_t settled, settled_lost; /* of these: told before a replay of their original */
	uint64_t ahead, behind;            /* rows with implausible times */
	uint64_t archived, archived_bytes; /* files of originals looked at */
	uint64_t tables, table_bytes, table_rows, rejects_files;
	uint64_t commits, segments, partitions, compactions;
	uint64_t partitions_registered;
	uint64_t waiting;   /* in the ledger, not committed yet */
	uint64_t given_up;  /* in the ledger as refused without having been published again */
	uint64_t copies;    /* second copies of an original */
	uint64_t young;     /* files without owner that are younger than the grace */
	uint64_t leftovers; /* manifests that history covers */
	uint64_t expired;   /* files that went for their age, and are not there */
	uint64_t foreign;   /* originals of other instances, which our ledger does not know */
	uint64_t others, others_bytes; /* foreign: keep: files of other programs in tables */
	uint64_t others_originals;     /* and among the originals */
	enum audit_ledger ledger;
	bool catalog;                /* was compared */
	char catalog_away[ERR_TEXT]; /* why it was not */
	uint64_t sorted_bytes;       /* of scratch files */
};

enum rc audit_run(
    const struct settings *s, const struct audit_options *o, struct audit_result *out, struct err *e) MUST_USE;

#endif

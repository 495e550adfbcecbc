/*
 * finding: one thing that is wrong with a lake: its kind, a name that stays the same, and the file it is about.
 *
 * Thread  plain data; texts are borrowed for the call they are handed over in
 */
#ifndef AUDIT_FINDING_H
#define AUDIT_FINDING_H

#include <stdbool.h>

#include "base/rc.h"

/* In the order of doc/audit.md. */
enum finding_kind {
	FINDING_ORIGINAL_MISSING,
	FINDING_ORIGINAL_DAMAGED,
	FINDING_ORIGINAL_UNKNOWN,
	FINDING_TABLE_MISSING,
	FINDING_TABLE_UNPUBLISHED,
	FINDING_TABLE_MISPLACED,
	FINDING_TABLE_DAMAGED,
	FINDING_TABLE_ROWS,
	FINDING_TABLE_SOURCES,
	FINDING_TABLE_HOUR,
	FINDING_TABLE_ORPHAN,
	FINDING_TABLE_ASIDE,
	FINDING_REJECTS_MISSING,
	FINDING_REJECTS_UNPUBLISHED,
	FINDING_REJECTS_MISPLACED,
	FINDING_REJECTS_DAMAGED,
	FINDING_REJECTS_ORPHAN,
	FINDING_REJECTS_DIFFER,
	FINDING_NAMED_TWICE,
	FINDING_MANIFEST_MISSING,
	FINDING_MANIFEST_DAMAGED,
	FINDING_HISTORY_DAMAGED,
	FINDING_CHAIN_OVERLAP,
	FINDING_COMPACTION_MISSING,
	FINDING_COMPACTION_DAMAGED,
	FINDING_EXPIRED_LEFT,
	FINDING_EXPIRY_DAMAGED,
	FINDING_COMMITTED_TWICE,
	FINDING_ROWS_DIFFER,
	FINDING_LEDGER_AHEAD,
	FINDING_LEDGER_LACKS,
	FINDING_LEDGER_DIFFERS,
	FINDING_STAGING_LEFT,
	FINDING_SCHEMA_DAMAGED,
	FINDING_CATALOG_TABLE,
	FINDING_PARTITION_MISSING,
	FINDING_PARTITION_EXTRA,
	FINDING_KINDS,
};

struct finding_info {
	const char *name;   /* "table-orphan" */
	const char *remedy; /* what can be done about it */
	bool mends;         /* --repair may be able to */
};

extern const struct finding_info finding_info[FINDING_KINDS];

struct finding {
	enum finding_kind kind;
	const char *path; /* of a file in the lake, or a partition of the catalog; any bytes */
	const char *text; /* what is wrong */
};

/* What --repair came to, or would. */
enum mend_outcome { MEND_DONE, MEND_WOULD, MEND_LEFT };

struct mend {
	enum finding_kind kind;
	const char *path;
	const char *text; /* what was done, would be done, or why it was left */
	enum mend_outcome outcome;
};

#endif

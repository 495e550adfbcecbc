/*
 * rejected: every reject that lies in the lake, and whether a later replay has dealt with it.
 *
 * A replay tells of an original anew, so what was told of it before is past: its own rejects are what is left.
 *
 * Thread  the caller's store
 * Errors  of the store; RC_BAD: a rejects file or a manifest is damaged (sluice audit says which)
 */
#ifndef AUDIT_REJECTED_H
#define AUDIT_REJECTED_H

#include <stdbool.h>

#include "audit/content.h"
#include "base/rc.h"
#include "ext/json.h"
#include "pipe/settings.h"
#include "store/store.h"

struct rejected {
	const char *dataset, *file; /* path of the rejects file */
	const char *name, *path;    /* of the original, escaped as they stand in the file */
	const char *pipeline;
	const struct reject_line *reject; /* numbers and reason */
	const json_t *line;               /* all of it */
	bool open;                        /* no replay came after it */
	const char *settled;              /* the newest replay was somebody who settled it, and why; NULL else */
};

/* All, by dataset and the hour in which they were written. Texts are borrowed for the call; see's other rc ends it and
 * comes back. */
enum rc rejected_each(const struct settings *s, struct store *store,
    enum rc (*see)(void *context, const struct rejected *r, struct err *e), void *context, struct err *e) MUST_USE;
/* What a line says of the rows that were lost: "3 rows lost", "at least 3 rows lost", "rows lost: unknown". */
enum { REJECTED_LOST = 64 };
const char *rejected_lost(const json_t *line, char out[REJECTED_LOST]);
/* Lines of rejects files that went for their age. */
enum rc rejected_expired(const struct settings *s, struct store *store, uint64_t *lines, struct err *e) MUST_USE;

#endif

/*
 * trace: one original followed to its rows, one file of the lake followed to its originals. doc/audit.md.
 *
 * An original is found by what the ledger says of a source path or a name, by its sha256, by its path in the lake, or
 * by the content of a file at hand; a file of a table or of rejects by its path in the lake. Commits are found in the
 * manifests, rows in the footers: the ledger only shortens the way, and need not be there.
 *
 * Thread  one owner
 * Owner   the answers are the caller's (json_decref)
 * Errors  RC_END: nobody knows it; RC_BAD: what is there is damaged (sluice audit says how); else of the store
 */
#ifndef AUDIT_TRACE_H
#define AUDIT_TRACE_H

#include "base/rc.h"
#include "ext/json.h"
#include "pipe/ledger.h"
#include "pipe/settings.h"
#include "store/store.h"

struct trace {
	const struct settings *settings;
	struct store *store;
	struct ledger *ledger; /* NULL: none here */
};

/*
 * out: an array of objects.
 *
 * An original: original (sha256), again, pipeline, name, path, size, archived (bytes that lie there, -1 none), ledger
 * (object: state, source, topic, partition, parts, seen_ms, committed_ms, rows, rejects, lost, note) or null, commits
 * (array: topic, partition, start, end, time_ms, epoch, rows, rejected, lost, outside, ahead, behind, parts, dissector,
 * clean, reason, events, files: [{path, rows, ranges: [[first, rows], …]}], rejects: {path, count, lines: [{offset,
 * length, rows (null: unknown), least, reason}]}). What went for its age has expired_ms: an original, an entry of files
 * (without ranges), rejects (without lines), a file.
 *
 * A file: file, dataset, kind, hour, rows, size, there, commits (topic, partition, start, end, time_ms, epoch),
 * originals: [{original, again, name, path, rows, ranges}].
 */
enum rc trace_word(const struct trace *t, const char *word, json_t **out, struct err *e) MUST_USE;

/* The second half of it: a file of a table or of rejects. */
enum rc trace_file(const struct trace *t, const char *path, json_t **out, struct err *e) MUST_USE;

enum { TRACE_LINES = 20 /* rejects of one original that are shown */ };

#endif

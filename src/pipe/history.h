/*
 * history: what old manifests said, in segments of many, so that the folder of manifests stays short and start-up does
 * not read years of them.
 *
 * A segment is put if absent under the start of its first manifest, before any of its manifests is removed; segments
 * are never removed or changed. So a manifest's slot that is free although its range is committed is always covered by
 * a segment: that is how a writer that slept for long finds out (history_covers). Format: doc/formats/manifest.md.
 *
 * Thread  the caller's store
 */
#ifndef PIPE_HISTORY_H
#define PIPE_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "pipe/manifest.h"
#include "store/store.h"

enum {
	HISTORY_KEEP = 16,       /* the newest manifests stay whatever their age: doc/commit.md */
	HISTORY_LEAST = 64,      /* fewer are not worth a segment */
	HISTORY_MOST = 256,      /* manifests in a segment */
	HISTORY_BYTES = 2 << 20, /* a segment that has reached that takes no further manifest */
	HISTORY_MAX = (64 << 20) + (4 << 20),
};

/*
 * Fold manifests older than age_ms, but for the newest ones, into a segment, and remove them. Also removes what an
 * earlier fold left behind and leftovers of writers that slept. One segment a call: RC_OK when there may be more,
 * RC_END when there is nothing to fold (yet).
 */
enum rc history_fold(
    struct store *s, const char *topic, unsigned partition, int64_t age_ms, int64_t now_ms, struct err *e) MUST_USE;

/* End offset of the newest segment; RC_END when there is none. */
enum rc history_end(struct store *s, const char *topic, unsigned partition, uint64_t *end, struct err *e) MUST_USE;

/* Was the range that begins at start folded? */
enum rc history_covers(
    struct store *s, const char *topic, unsigned partition, uint64_t start, bool *covers, struct err *e) MUST_USE;

/* The manifest that begins at start, among the manifests or else in history; RC_END when it is in neither. */
enum rc history_load(struct store *s, const char *topic, unsigned partition, uint64_t start,
    const struct manifest_visitor *v, struct err *e) MUST_USE;

/*
 * Walk every manifest that begins at `from` or later and was written at since_ms or later, oldest first: segments, then
 * manifests. One that is folded meanwhile is found where it went; what a writer that slept has left in a slot that was
 * folded is passed over. *next is the end of the last one, `from` if there was none.
 */
enum rc history_each(struct store *s, const char *topic, unsigned partition, uint64_t from, int64_t since_ms,
    const struct manifest_visitor *v, uint64_t *next, struct err *e) MUST_USE;

/* The manifest that begins at start, if it is a link of the chain: RC_END also for a leftover in a slot that was
 * folded.
 */
enum rc history_next(struct store *s, const char *topic, unsigned partition, uint64_t start,
    const struct manifest_visitor *v, struct err *e) MUST_USE;

/*
 * Where a manifest that was just put stands, should its writer have slept. *newest: there is no higher one. Else *link:
 * it is part of the chain; or it lies in a slot that was folded, or beside the chain, and has to go.
 */
enum rc history_place(
    struct store *s, const struct manifest_head *head, bool *newest, bool *link, struct err *e) MUST_USE;

/* Of an audit, which reads damaged ones too. */

struct history_head { /* a segment's first line */
	uint64_t start, end, manifests;
};

/* Starts of all segments, ascending; caller frees. */
enum rc history_list(
    struct store *s, const char *topic, unsigned partition, uint64_t **starts, size_t *count, struct err *e) MUST_USE;

/* The first line of a segment's text; *length: where its manifests begin. */
enum rc history_head_read(
    const char *text, size_t size, struct history_head *out, size_t *length, struct err *e) MUST_USE;

#endif

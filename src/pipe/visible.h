/*
 * visible: are the files of a commit where SQL looks? Its manifest makes rows part of the tables for good; the files
 * get their final names after that, from whoever put it or, should he die, from whoever has the partition next.
 *
 * Only a chain's newest commit can lack names: whoever makes the next one has recovered before (commit.h).
 *
 * Thread  one owner; the caller's store
 */
#ifndef PIPE_VISIBLE_H
#define PIPE_VISIBLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "pipe/manifest.h"
#include "store/store.h"

struct visible_file;

struct visible { /* zero: no file */
	struct visible_file *file;
	size_t files, capacity;
};

void visible_begin(struct visible *v); /* another manifest: forget the files of the one before */
void visible_add(struct visible *v, const struct manifest_file *f);
void visible_fini(struct visible *v);

/* RC_END: one of them still waits for its name. One that is neither there nor staged was taken by a compaction or an
 * expiry, or is missing, which an audit tells. */
enum rc visible_look(const struct visible *v, struct store *s, struct err *e) MUST_USE;

/* Where the newest commit of a partition ends. RC_END: there is none, or files of it wait for their names. */
enum rc visible_end(struct store *s, const char *topic, unsigned partition, uint64_t *end, struct err *e) MUST_USE;

#endif

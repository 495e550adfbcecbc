/*
 * rejects: the rejects file of one commit: what could not be dissected, one JSON line each, with its reason.
 * doc/formats/manifest.md.
 *
 * It is opened in staging with the first reject, and is part of the commit like a table file.
 *
 * Thread  one owner
 */
#ifndef PIPE_REJECTS_H
#define PIPE_REJECTS_H

#include <stdint.h>

#include "base/rc.h"
#include "pipe/manifest.h"
#include "pipe/report.h"
#include "pipe/staged.h"

struct rejects;

/* path: where it is staged; copied. */
struct rejects *rejects_new(struct store *store, const struct crc32_tables *crc, const char *path);
void rejects_drop(struct rejects **r);

/* The lines of one original; nothing to say is RC_OK. */
enum rc rejects_add(
    struct rejects *r, const struct manifest_original *o, const struct report *report, struct err *e) MUST_USE;

enum rc rejects_finish(struct rejects *r, struct err *e) MUST_USE;

/* The file, closed and not synced, or NULL if there was no reject; and its lines. */
struct staged *rejects_file(struct rejects *r, uint64_t *lines);

#endif

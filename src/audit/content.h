/*
 * content: what files of the lake hold: lines of rejects files, sums of anything.
 *
 * Thread  the caller's store
 * Errors  RC_END: the file is not there; RC_BAD: it is not what it should be, the reason fit for a finding
 */
#ifndef AUDIT_CONTENT_H
#define AUDIT_CONTENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "ext/hash.h"
#include "ext/json.h"
#include "pipe/crc32.h"
#include "store/store.h"

enum rc content_sha256(
    struct store *s, const char *path, uint8_t out[SHA256_BYTES], uint64_t *size, struct err *e) MUST_USE;
enum rc content_crc32(
    struct store *s, const struct crc32_tables *t, const char *path, uint32_t *out, struct err *e) MUST_USE;

struct reject_line {
	uint8_t sha256[SHA256_BYTES];
	uint32_t again;
	uint64_t rejects; /* that it stands for: more than one where it counts those without a line */
	uint64_t lost;
	uint64_t offset, length; /* bytes in the original */
	bool silent;
	const char *reason; /* borrowed for the call */
	const json_t *line; /* likewise: all of it */
};

/* Every line; *crc32 of the whole. */
enum rc content_rejects(struct store *s, const struct crc32_tables *t, const char *path,
    enum rc (*see)(void *context, const struct reject_line *l, struct err *e), void *context, uint32_t *crc32,
    struct err *e) MUST_USE;

/* A file whose bytes the lake is up and does not give (store.h: EIO) is damaged, and others are looked at all the same:
 * RC_BAD. Any other rc as it is. */
enum rc content_given(enum rc rc, struct err *e) MUST_USE;

#endif

/*
 * ranges: which rows of which files are an original's, by the footers; through compactions, where a file has become
 * part of another.
 *
 * Thread  the caller's store
 */
#ifndef AUDIT_RANGES_H
#define AUDIT_RANGES_H

#include "base/rc.h"
#include "ext/hash.h"
#include "ext/json.h"
#include "store/store.h"

/*
 * Append {path, rows, ranges: [[first, rows], …]} to files for each file that holds rows of it. file: {path, staged,
 * dataset, hour} of a manifest; where it lies nowhere, what its hour was compacted into is looked through. One that is
 * in files already is not told again. A damaged file has a "problem" instead of rows; one that went for its age has
 * "expired_ms" instead of ranges.
 */
enum rc ranges_of_file(
    struct store *s, const json_t *file, const uint8_t sha256[SHA256_BYTES], json_t *files, struct err *e) MUST_USE;

#endif

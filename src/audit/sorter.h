/*
 * sorter: records in order of their keys, however many: an external merge sort.
 *
 * Records are gathered in memory, sorted when it is full, and written as a run to a file without a name; at the end the
 * runs are merged. Memory is bounded whatever the number of records; the file goes with the process, also when that is
 * killed.
 *
 *   sorter_add ... -> sorter_done -> sorter_next until RC_END
 *
 * Order is bytewise by key, then by value.
 *
 * Thread  one owner
 * Units   bytes
 * Errors  RC_AGAIN: no room on the disk; RC_FAIL: the folder is of no use
 */
#ifndef AUDIT_SORTER_H
#define AUDIT_SORTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"

enum { SORTER_RECORD = 1 << 20 /* most bytes of key and value together */ };

struct sorter;

struct sorter_record {
	const uint8_t *key, *value; /* borrowed until the next call */
	size_t key_len, value_len;
};

/* dir: where runs go, borrowed; memory: of the records gathered, twice SORTER_RECORD at least. */
struct sorter *sorter_new(const char *dir, size_t memory);
void sorter_free(struct sorter **s);

enum rc sorter_add(struct sorter *s, const struct sorter_record *r, struct err *e) MUST_USE;
/* No more come. */
enum rc sorter_done(struct sorter *s, struct err *e) MUST_USE;
enum rc sorter_next(struct sorter *s, struct sorter_record *out, struct err *e) MUST_USE;

uint64_t sorter_count(const struct sorter *s); /* records added */
uint64_t sorter_bytes(const struct sorter *s); /* on the disk */

#endif

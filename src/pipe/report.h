/*
 * report: what became of one original: rows, rejects, counters. Filled batch by batch, travels in a rows event, ends in
 * the manifest and the rejects file.
 *
 * Entries are kept as JSON lines {"offset","length","rows","least" (true, or not there),"reason","raw" (base64)} up to
 * REPORT_ENTRIES_MAX bytes; beyond that rejects are counted and a last line says how many have no line of their own.
 *
 * Thread  one owner
 */
#ifndef PIPE_REPORT_H
#define PIPE_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/writer.h"
#include "dissect/dissect.h"

enum { REPORT_ENTRIES_MAX = 256 << 10, REPORT_REASON = 240, REPORT_RAW = 1024 };

struct report {
	const struct dissect_ops *dissector; /* names the counters */
	uint64_t rows;                       /* that the dissector gave */
	uint64_t rejects;                    /* entries, the silent ones too */
	uint64_t lost;                       /* rows known to be lost in them */
	uint64_t outside;                    /* values that became null for their type */
	uint64_t ahead, behind;              /* rows of hours that are implausible */
	uint64_t counter[BATCH_COUNTERS];
	bool clean;
	char reason[REPORT_REASON]; /* the whole file was refused: why; else "" */
	struct writer entries;
	uint64_t silent;               /* rejects without a line */
	char note[DISSECT_NOTE + 1];   /* what a tool behind the dissector said, as UTF-8 text; "" nothing */
	int64_t first_hour, last_hour; /* the plausible ones, both inclusive */
};

void report_init(struct report *r, const struct dissect_ops *dissector);
/* Fewer bytes of lines than REPORT_ENTRIES_MAX. */
void report_bound(struct report *r, size_t entries_max);
void report_reset(struct report *r, const struct dissect_ops *dissector);
void report_fini(struct report *r);

/* Count a batch's rows, rejects and counters. */
void report_batch(struct report *r, const struct batch *b);
/* A reject that no dissector saw (too_many_hours). */
void report_reject(struct report *r, uint64_t offset, uint64_t length, uint64_t rows, const char *reason);
/*
 * From now on, until the next reset, hours that end more than behind_ms before the original was archived, or begin more
 * than ahead_ms after, are implausible. An original that does not say when it was archived (0) has none.
 */
void report_expect(struct report *r, int64_t archived_s, int64_t behind_ms, int64_t ahead_ms);
/* So many rows of an hour go to the table. */
void report_hour(struct report *r, int64_t hour, uint64_t rows);
/* The whole file is one reject; raw: its first bytes, of which REPORT_RAW are kept. */
void report_refuse(struct report *r, uint64_t size, const char *reason, const void *raw, size_t raw_len);

/* Keep what dissect_note gives once the dissector has ended, with ? for each byte that is no text. */
void report_note(struct report *r, const struct dissector *d);

/* One JSON object, for the event header; and back. RC_BAD: not ours. */
void report_write(const struct report *r, struct writer *out);
enum rc report_read(struct report *r, const char *text, size_t len, struct err *e) MUST_USE;

#endif

/*
 * csv: delimited text (RFC 4180 and its relatives), with or without a header, onto any dataset. doc/formats/csv.md.
 *
 * Fields are those that the schema asks for; which input column fills one says the header or `column.FIELD`. gzip, zstd
 * and lz4 inputs are decoded first.
 *
 * Thread  one owner per dissector
 * Memory  one record (max_line) twice, one batch
 * Errors  a record that contradicts the format or has no partition time is a reject; a value that cannot be read is
 * null and counted; a header without a wanted column is RC_BAD
 */
#ifndef DISSECT_CSV_CSV_H
#define DISSECT_CSV_CSV_H

#include "dissect/dissect.h"

#define CSV_COUNTERS(X)                                                                                                \
	X(BAD_NUMBERS, "bad_numbers")                                                                                  \
	X(BAD_TIMES, "bad_times")                                                                                      \
	X(BAD_ADDRESSES, "bad_addresses")                                                                              \
	X(TEXTS_CUT, "texts_cut")                                                                                      \
	X(UNTERMINATED, "unterminated")

enum csv_counter {
#define X(id, name) CSV_##id,
	CSV_COUNTERS(X)
#undef X
	    CSV_COUNTER_COUNT
};

enum { CSV_UNREAD = 1 << CSV_BAD_NUMBERS | 1 << CSV_BAD_TIMES | 1 << CSV_BAD_ADDRESSES }; /* dissect_ops.unread */

extern const char *const csv_counter_name[CSV_COUNTER_COUNT];
extern const struct dissect_ops dissect_csv;

/* The fields that a schema asks for, each of the native type that all its columns can show: dissect_ops.catalogue. */
enum rc csv_catalogue(const struct schema *schema, struct field **out, size_t *count, struct err *e) MUST_USE;

#endif

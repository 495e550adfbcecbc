/*
 * str: text helpers that say when they had to cut.
 *
 * Thread  any; no state
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"

bool str_starts(const char *text, const char *prefix);
bool str_ends(const char *text, const char *suffix);

/* Copy with a NUL; false if it had to be cut. */
bool str_copy(char *to, size_t size, const char *from);

/* Whole decimal number in [min, max]; RC_BAD with the reason. */
enum rc str_number(const char *text, int64_t min, int64_t max, int64_t *out, struct err *e) MUST_USE;

/* "128MiB", "1 GB", "4096": KiB/MiB/GiB/TiB are powers of 1024, kB/KB/MB/GB/TB powers of 1000, no unit is bytes. */
enum rc str_size(const char *text, uint64_t *bytes, struct err *e) MUST_USE;

/* "100ms", "10s", "5m", "1h", "30d"; a bare number is refused except 0. */
enum rc str_duration(const char *text, int64_t *ms, struct err *e) MUST_USE;

/* Human forms: "1.2 MiB", "3m 20s", "12,345". size >= 32. Return out. */
const char *str_show_bytes(uint64_t bytes, char *out, size_t size);
const char *str_show_ms(int64_t ms, char *out, size_t size);
const char *str_show_count(uint64_t count, char *out, size_t size);

/* Lower-case hex; out holds 2 * len + 1. And back: RC_BAD unless exactly len pairs. */
void str_hex(const uint8_t *bytes, size_t len, char *out);
bool str_unhex(const char *text, uint8_t *bytes, size_t len);

/*
 * A name as printable UTF-8, reversibly: control characters, backslash and bytes that are no valid UTF-8 become \xNN.
 * Returns bytes written without the NUL; at most 4 * len. out holds 4 * len + 1. str_unescape undoes it (false:
 * malformed).
 */
size_t str_escape(const char *bytes, size_t len, char *out);
bool str_unescape(const char *text, char *out, size_t size, size_t *len);

/* Length of the valid UTF-8 character at p (1..4), 0 if it is none. */
size_t str_utf8(const uint8_t *p, size_t len);

/* Is it one line of 1 to most bytes of UTF-8, without control characters of ASCII? */
bool str_is_line(const char *text, size_t most);

/* Shell pattern over a file name (fnmatch, no special leading dot); @(A|B) is one of several patterns. */
bool str_match(const char *pattern, const char *name);

/* Edit distance, for "did you mean". */
size_t str_distance(const char *a, const char *b);

#endif

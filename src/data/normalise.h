/*
 * normalise: native values to keys, one loop for each rendering that computes something. Private to data: others go
 * through render.
 *
 * Thread  no state
 */
#ifndef DATA_NORMALISE_H
#define DATA_NORMALISE_H

#include <stddef.h>
#include <stdint.h>

#include "data/batch.h"

typedef void normalise_fn(const struct batch *b, unsigned column, size_t first, const uint16_t *sel, size_t n, void *keys);

normalise_fn normalise_u64;   /* i64 and u64 as they are */
normalise_fn normalise_u32;   /* widened */
normalise_fn normalise_f32;   /* bits */
normalise_fn normalise_flags; /* the low eight bits */
normalise_fn normalise_mac;   /* the low 48 bits */
normalise_fn normalise_ip;
normalise_fn normalise_bytes;
/* Of a time: floor seconds and milliseconds, and the parts of the UTC calendar. */
normalise_fn normalise_unix;
normalise_fn normalise_unix_ms;
normalise_fn normalise_days;  /* whole days since 1970 */
normalise_fn normalise_clock; /* seconds of the day */
normalise_fn normalise_year;
normalise_fn normalise_month;
normalise_fn normalise_day;
normalise_fn normalise_hour;
normalise_fn normalise_minute;
normalise_fn normalise_second;

#endif

/* The inner loops between a dissector and every encoder: one loop each, no call per row. */
#include "data/normalise.h"

#include <string.h>

#include "base/clock.h"
#include "data/type.h"

#define MS_PER_S 1000
enum { DAY = 86400 };

/* One loop over all rows and one over a selection, so that neither tests which it is. `each` computes to[i] from v. */
#define NORMALISE(name, from_type, to_type, each)                                                                      \
	void name(const struct batch *b, unsigned column, size_t first, const uint16_t *sel, size_t n, void *keys)     \
	{                                                                                                              \
		const from_type *from = batch_read(b, column);                                                         \
		to_type *to = keys;                                                                                    \
		if (sel == NULL) {                                                                                     \
			for (size_t i = 0; i < n; i++) {                                                               \
				const from_type v = from[first + i];                                                   \
				each;                                                                                  \
			}                                                                                              \
		} else {                                                                                               \
			for (size_t i = 0; i < n; i++) {                                                               \
				const from_type v = from[sel[i]];                                                      \
				each;                                                                                  \
			}                                                                                              \
		}                                                                                                      \
	}

static inline int64_t floor_div(int64_t v, int64_t by)
{
	int64_t q = v / by;
	return q - (v % by < 0);
}

static inline uint64_t float_bits(float v)
{
	uint32_t bits;
	memcpy(&bits, &v, sizeof bits);
	return bits;
}

/* The part of a day that is `unit` seconds long, of which `count` make the next larger one. */
static inline uint64_t day_part(int64_t ns, int64_t unit, int64_t count)
{
	int64_t units = floor_div(ns, unit * NS_PER_S);
	return (uint64_t)(units - floor_div(units, count) * count);
}

NORMALISE(normalise_u64, uint64_t, uint64_t, to[i] = v)
NORMALISE(normalise_u32, uint32_t, uint64_t, to[i] = v)
NORMALISE(normalise_flags, uint32_t, uint64_t, to[i] = v & 0xff)
NORMALISE(normalise_mac, uint64_t, uint64_t, to[i] = v & UINT64_C(0xffffffffffff))
NORMALISE(normalise_f32, float, uint64_t, to[i] = float_bits(v))
NORMALISE(normalise_ip, struct ip, struct ip, to[i] = v)
NORMALISE(normalise_bytes, struct span, struct span, to[i] = v)
NORMALISE(normalise_unix, int64_t, uint64_t, to[i] = (uint64_t)floor_div(v, NS_PER_S))
NORMALISE(normalise_unix_ms, int64_t, uint64_t, to[i] = (uint64_t)floor_div(v, NS_PER_S / MS_PER_S))
NORMALISE(normalise_days, int64_t, uint64_t, to[i] = (uint64_t)floor_div(v, DAY * NS_PER_S))
NORMALISE(normalise_clock, int64_t, uint64_t, to[i] = day_part(v, 1, DAY))
NORMALISE(normalise_hour, int64_t, uint64_t, to[i] = day_part(v, 3600, 24))
NORMALISE(normalise_minute, int64_t, uint64_t, to[i] = day_part(v, 60, 60))
NORMALISE(normalise_second, int64_t, uint64_t, to[i] = day_part(v, 1, 60))

/*
 * Rows of one input lie within a day or two, so the calendar is asked once a run of rows of the same day. Unsigned,
 * because the distance of two times can pass what a signed one holds; and of the same sign, because the first of all
 * times follows the last.
 */
#define NORMALISE_DATE(name, part)                                                                                     \
	void name(const struct batch *b, unsigned column, size_t first, const uint16_t *sel, size_t n, void *keys)     \
	{                                                                                                              \
		const int64_t *from = batch_read(b, column);                                                           \
		uint64_t *to = keys;                                                                                   \
		int64_t known = 0;                                                                                     \
		uint64_t start = 0, length = 0, value = 0;                                                             \
		for (size_t i = 0; i < n; i++) {                                                                       \
			int64_t ns = from[sel == NULL ? first + i : sel[i]];                                           \
			if ((uint64_t)ns - start >= length || (ns ^ known) < 0) {                                      \
				int64_t day = floor_div(ns, DAY * NS_PER_S);                                           \
				struct civil c = civil_of(day * DAY);                                                  \
				known = ns;                                                                            \
				value = (uint64_t)(int64_t)c.part;                                                     \
				start = (uint64_t)day * DAY * NS_PER_S;                                                \
				length = DAY * NS_PER_S;                                                               \
			}                                                                                              \
			to[i] = value;                                                                                 \
		}                                                                                                      \
	}

NORMALISE_DATE(normalise_year, year)
NORMALISE_DATE(normalise_month, month)
NORMALISE_DATE(normalise_day, day)

/* The table of every way from a native value to a column. A new rendering is rows here, a normalise and a print. */
#include "data/render.h"

#include <assert.h>
#include <string.h>

#include "data/normalise.h"
#include "data/print.h"

#define INTEGER(native, from, name, is_signed, over_int, over_bigint)                                                  \
	{native, name, SQL_INT, KEY_U64, from, .parse = parse_##is_signed, .bounded = over_int},                       \
	    {native, name, SQL_BIGINT, KEY_U64, from, .parse = parse_##is_signed, .bounded = over_bigint},             \
	{                                                                                                              \
		native, name, SQL_STRING, KEY_U64, from, .print = print_##is_signed, .parse = parse_##is_signed        \
	}

#define TEXT(native, name, kind, from, word)                                                                           \
	{                                                                                                              \
		native, name, SQL_STRING, kind, from, .print = print_##word, .parse = parse_##word                     \
	}

/* The first row of a native type and an SQL type is the default rendering. */
static const struct render table[] = {
    INTEGER(TYPE_I64, normalise_u64, "number", signed, true, false),
    INTEGER(TYPE_U64, normalise_u64, "number", unsigned, true, true),
    INTEGER(TYPE_U32, normalise_u32, "number", unsigned, true, false),
    {TYPE_F32, "float", SQL_FLOAT, KEY_F32, normalise_f32, .parse = parse_real},
    TEXT(TYPE_F32, "float", KEY_F32, normalise_f32, real),
    TEXT(TYPE_TIME, "datetime", KEY_U64, normalise_unix, datetime),
    INTEGER(TYPE_TIME, normalise_unix, "unix", signed, true, false),
    {TYPE_TIME, "unix_ms", SQL_BIGINT, KEY_U64, normalise_unix_ms, .parse = parse_signed},
    TEXT(TYPE_TIME, "unix_ms", KEY_U64, normalise_unix_ms, signed),
    INTEGER(TYPE_TIME, normalise_year, "year", signed, false, false),
    INTEGER(TYPE_TIME, normalise_month, "month", unsigned, false, false),
    INTEGER(TYPE_TIME, normalise_day, "day", unsigned, false, false),
    INTEGER(TYPE_TIME, normalise_hour, "hour", unsigned, false, false),
    INTEGER(TYPE_TIME, normalise_minute, "minute", unsigned, false, false),
    INTEGER(TYPE_TIME, normalise_second, "second", unsigned, false, false),
    TEXT(TYPE_TIME, "date", KEY_U64, normalise_days, date),
    TEXT(TYPE_TIME, "clock", KEY_U64, normalise_clock, clock),
    TEXT(TYPE_TIME, "frame_time", KEY_U64, normalise_u64, frame_time),
    TEXT(TYPE_IP, "ip", KEY_IP, normalise_ip, address),
    {TYPE_BYTES, "text", SQL_STRING, KEY_BYTES, normalise_bytes, .text = text_utf8},
    {TYPE_BYTES, "hex", SQL_STRING, KEY_BYTES, normalise_bytes, .text = text_hex},
    TEXT(TYPE_U64, "mac", KEY_U64, normalise_mac, mac),
    TEXT(TYPE_U32, "proto", KEY_U64, normalise_u32, proto),
    TEXT(TYPE_U32, "tcp_flags", KEY_U64, normalise_flags, tcp_flags),
    TEXT(TYPE_U32, "tcp_flags6", KEY_U64, normalise_flags, tcp_flags6),
    TEXT(TYPE_U32, "mpls", KEY_U64, normalise_u32, mpls),
    TEXT(TYPE_U32, "hex4", KEY_U64, normalise_u32, hex4),
    TEXT(TYPE_U32, "hex8", KEY_U64, normalise_u32, hex8),
};
enum { ROWS = sizeof table / sizeof table[0] };

const struct render *render_find(enum type type, const char *as, enum sql_type sql)
{
	for (int i = 0; i < ROWS; i++)
		if (table[i].type == type && table[i].sql == sql && strcmp(table[i].as, as) == 0)
			return &table[i];
	return NULL;
}

const char *render_default(enum type type, enum sql_type sql)
{
	for (int i = 0; i < ROWS; i++)
		if (table[i].type == type && table[i].sql == sql)
			return table[i].as;
	return NULL;
}

const struct render *render_row(size_t i)
{
	return i < ROWS ? &table[i] : NULL;
}

bool render_fits(const struct render *r, uint64_t key)
{
	if (!r->bounded)
		return true;
	assert(r->sql == SQL_INT || r->sql == SQL_BIGINT);
	bool is_signed = r->type == TYPE_I64 || r->type == TYPE_TIME;
	if (r->sql == SQL_BIGINT)
		return is_signed || key <= INT64_MAX;
	if (is_signed)
		return (int64_t)key >= INT32_MIN && (int64_t)key <= INT32_MAX;
	return key <= INT32_MAX;
}

bool render_by_second(const struct render *r)
{
	return r->type == TYPE_TIME && r->normalise != normalise_u64 && r->normalise != normalise_unix_ms;
}

bool render_all_fit(const struct render *r, const uint64_t *key, size_t n)
{
	uint64_t any = 0;
	for (size_t i = 0; i < n; i++)
		any |= key[i];
	return !r->bounded || any <= (r->sql == SQL_BIGINT ? (uint64_t)INT64_MAX : INT32_MAX);
}

/*
 * render: from a native value to what a table stores. The only place that knows, for Parquet, CSV, JSON and Avro alike.
 *
 * "as" is two steps: normalise (native value -> key) and print (key -> text). A dictionary keys on the normalised value and prints each
 * distinct one once. Every allowed triple (native type, as, SQL type) is a row of one table in render.c; others are refused with file and line.
 *
 * The key of a null row is arbitrary (a span may point anywhere): look at nulls first.
 *
 * Keys by kind:
 *   KEY_U64    uint64_t; signed values in two's complement
 *   KEY_F32    uint64_t holding the bits of a float in its low half
 *   KEY_IP     struct ip
 *   KEY_BYTES  struct span into the batch
 * A null field takes the column's "absent" value when the schema gives one. A value outside its SQL type is null and counted: never clamped, never wrapped.
 *
 * Renderings: number (integers; the default), float, datetime ("YYYY-MM-DD hh:mm:ss"), unix (seconds), unix_ms, year month day hour minute second,
 * ip (RFC 5952, dotted quad), text (bytes as UTF-8; each byte that is not part of valid UTF-8 becomes U+FFFD), hex (bytes), mac (u64),
 * proto (nfdump's names), tcp_flags (eight characters CWR ECE URG ACK PSH RST SYN FIN), tcp_flags6 (Spot's six), mpls (u32: label-exp-bottom),
 * date ("YYYY-MM-DD"), clock ("hh:mm:ss"), frame_time (tshark's "Mon D YYYY hh:mm:ss.nnnnnnnnn UTC" without its comma, the day in two places),
 * hex4 and hex8 (u32: "0x" and at least so many digits).
 *
 * Thread  immutable tables; projections are read-only once made
 */
#ifndef DATA_RENDER_H
#define DATA_RENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "data/batch.h"
#include "data/schema.h"
#include "data/type.h"

enum key { KEY_U64, KEY_F32, KEY_IP, KEY_BYTES };

union key_value {
	uint64_t u64;
	struct ip ip;
	struct span bytes; /* of an absent default: offset 0, and the text is the column's own */
};

/* Bytes from one key of an array to the next. */
static inline size_t render_key_size(enum key key)
{
	return key == KEY_IP ? sizeof(struct ip) : key == KEY_BYTES ? sizeof(struct span) : sizeof(uint64_t);
}

enum { RENDER_TEXT = 64 }; /* most characters print gives for keys that are not bytes */

struct render {
	enum type type;
	const char *as;
	enum sql_type sql;
	enum key key;
	/* Keys of the selected rows (sel NULL: n rows from first on, which is faster); nulls are not looked at here, their keys are arbitrary. One loop. */
	void (*normalise)(const struct batch *b, unsigned column, size_t first, const uint16_t *sel, size_t n, void *keys);
	/* Text of a KEY_U64, KEY_F32 or KEY_IP key for an SQL_STRING column; no NUL; returns its length. NULL for other SQL types and for KEY_BYTES. */
	size_t (*print)(const union key_value *key, char text[RENDER_TEXT]);
	/*
	 * Text of a KEY_BYTES key: valid UTF-8, at most 3 bytes for each of the input's. *out points at bytes when they are the text already, else into *scratch
	 * (grown with mem_resize). Not NULL exactly for KEY_BYTES. An "absent" default is text already: not for this.
	 */
	size_t (*text)(const uint8_t *bytes, size_t len, const uint8_t **out, uint8_t **scratch, size_t *scratch_size);
	/* Text to key, the inverse of print; of an integer for number columns. NULL for KEY_BYTES. false: no such text. */
	bool (*parse)(const char *text, union key_value *out);
	bool bounded; /* keys can lie outside the SQL type: render_fits decides */
};

/* The triple's row, or NULL. */
const struct render *render_find(enum type type, const char *as, enum sql_type sql);

/* The table row by row, for the manual and the tests; NULL past the last. */
const struct render *render_row(size_t i);

/* The default "as" for a native type into an SQL type, or NULL when there is none. */
const char *render_default(enum type type, enum sql_type sql);

/* Does a KEY_U64 key fit the SQL type? The native type says whether the key is signed. */
bool render_fits(const struct render *r, uint64_t key);

/* Of a time: do all times of one second have the same key? */
bool render_by_second(const struct render *r);

/* Do all keys fit, by one look at their bits? Small positive numbers fit every type; false: ask for each. */
bool render_all_fit(const struct render *r, const uint64_t *key, size_t n);

/* Shortest decimal text that reads back as the same float; returns its length. */
size_t render_float(float v, char text[RENDER_TEXT]);

/* Bytes as valid UTF-8, U+FFFD for each offending byte. *out points at bytes when they are fine already, else at a copy in *scratch (grown with mem_resize). */
size_t render_utf8(const uint8_t *bytes, size_t len, const uint8_t **out, uint8_t **scratch, size_t *scratch_size);

/* Address text; returns its length. The family says which. */
size_t render_ip(const struct ip *ip, char text[RENDER_TEXT]);
/* And back: false if it is no address. */
bool render_ip_parse(const char *text, struct ip *out);

#endif

/*
 * dictionary: the distinct values of one column chunk, numbered in order of first appearance.
 *
 * Keyed on normalised values; each distinct one is printed once. The values lie in PLAIN form, so they are the
 * dictionary page's body.
 *
 * Thread  one owner
 * Owner   dictionary_init / dictionary_fini; fini gives all memory back and leaves it ready for the next chunk
 */
#ifndef FORMAT_PARQUET_DICTIONARY_H
#define FORMAT_PARQUET_DICTIONARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/parquet/buffer.h"
#include "format/parquet/physical.h"
#include "format/parquet/plain.h"
#include "format/parquet/table.h"

enum {
	DICTIONARY_ENTRIES = 256 << 10, /* most distinct numbers */
	DICTIONARY_BYTES = 4 << 20,     /* bytes of texts after which the row group ends (choice.h) */
	DICTIONARY_MOST =
	    2 * DICTIONARY_ENTRIES, /* most distinct texts, and their bytes: what one more append may add */
	DICTIONARY_MOST_BYTES = 32 << 20,
};

struct dictionary {
	enum key key;
	enum physical physical;
	uint32_t count;
	struct buffer values;  /* PLAIN */
	struct buffer offsets; /* BYTE_ARRAY: uint32_t offset in values, per id */
	struct buffer
	    heads; /* BYTE_ARRAY: uint64_t first eight bytes, big-endian, so that they compare as numbers, per id */
	uint32_t least, most; /* BYTE_ARRAY: ids of the first and last text in byte order */
	uint32_t domain;      /* keys below it are looked up in direct; 0: not in that state */
	struct buffer direct; /* uint16_t id + 1, or 0 */
	uint32_t widest;      /* largest narrow key so far */
	struct table narrow;  /* keys of 32 bits, IPv4 addresses: the tag is the key */
	struct table
	    wide; /* all others: the tag is half a hash, the number an index into wide_keys, or for bytes the id */
	struct buffer wide_keys;
	struct buffer wide_ids; /* uint32_t, per wide key */
	uint64_t seed;
	uint8_t *scratch; /* of render_utf8 */
	size_t scratch_size;
};

void dictionary_init(struct dictionary *d, enum key key, enum physical physical, uint64_t seed);
void dictionary_fini(struct dictionary *d);

/* No further keys: give back what only looking up needs. */
void dictionary_seal(struct dictionary *d);
size_t dictionary_memory(const struct dictionary *d);

/*
 * Ids of the keys, new ones added. Returns how many got one: fewer than k->n when the dictionary is full at that key.
 * fresh, if not NULL, gets the positions in k of keys that were new, and *freshes their number.
 */
size_t dictionary_find(struct dictionary *d, const struct keys *k, uint32_t *ids, uint32_t *fresh, size_t *freshes);

/* PLAIN bytes of one value, without the length of a BYTE_ARRAY. */
static inline const uint8_t *dictionary_value(const struct dictionary *d, uint32_t id, uint32_t *len)
{
	if (d->physical != PHYSICAL_BYTES) {
		*len = (uint32_t)physical_size(d->physical);
		return d->values.bytes + (size_t)id * *len;
	}
	uint32_t at;
	memcpy(&at, d->offsets.bytes + (size_t)id * sizeof at, sizeof at);
	memcpy(len, d->values.bytes + at, sizeof *len);
	return d->values.bytes + at + sizeof *len;
}

/* Order of two texts by their ids: negative, 0 or positive. */
int dictionary_compare(const struct dictionary *d, uint32_t a, uint32_t b);

/* Append the values of n ids in PLAIN form. */
void dictionary_plain(const struct dictionary *d, const uint32_t *ids, size_t n, struct buffer *out);

#endif

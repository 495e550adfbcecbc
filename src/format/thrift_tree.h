/*
 * thrift_tree: a thrift value as a tree: what is built for a call, and what an answer was read into.
 *
 * A tree keeps every field that it was read from, known to us or not. So an answer can be edited in one place and sent
 * back whole: to a Hive Metastore a field that does not come back is a field that was reset.
 *
 * Thread  plain data, the caller's
 * Owner   a child belongs to its parent; tree_free frees a root and all below it
 * Source  Apache Thrift, "Thrift Binary protocol encoding" (types and their numbers)
 */
#ifndef FORMAT_THRIFT_TREE_H
#define FORMAT_THRIFT_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers of the binary protocol; T_STOP ends a struct and is no value. */
enum ttype {
	T_STOP = 0,
	T_BOOL = 2,
	T_BYTE = 3,
	T_DOUBLE = 4,
	T_I16 = 6,
	T_I32 = 8,
	T_I64 = 10,
	T_STRING = 11,
	T_STRUCT = 12,
	T_MAP = 13,
	T_SET = 14,
	T_LIST = 15,
};

struct tree {
	enum ttype type;
	int16_t id;         /* of a field; 0 in a list, set or map */
	enum ttype of, key; /* list, set: of the elements; map: of values and keys */
	int64_t number;     /* bool, byte, i16, i32, i64; the bits of a double */
	char *bytes;        /* string: any bytes, and a NUL after them */
	size_t len;
	struct tree *first, *last; /* fields; elements; of a map a key, its value, the next key, … */
	size_t children;
	struct tree *next; /* sibling */
};

struct tree *tree_new(enum ttype type);
void tree_free(struct tree **t);
struct tree *tree_copy(const struct tree *t);

/* Put a root below a parent, as field id. The parent has it then. Returns it. */
struct tree *tree_add(struct tree *parent, int16_t id, struct tree *child);

/* New fields of a struct; elements with id 0. */
struct tree *tree_add_text(struct tree *parent, int16_t id, const char *text);
struct tree *tree_add_bytes(struct tree *parent, int16_t id, const void *bytes, size_t len);
struct tree *tree_add_number(struct tree *parent, int16_t id, enum ttype type, int64_t number);
struct tree *tree_add_struct(struct tree *parent, int16_t id);
struct tree *tree_add_list(struct tree *parent, int16_t id, enum ttype of);
struct tree *tree_add_map(struct tree *parent, int16_t id); /* of texts to texts */

/* Field of a struct with that type, or NULL. t may be NULL. */
struct tree *tree_field(const struct tree *t, int16_t id, enum ttype type);
/* Its text, or NULL when the field is absent, no string, or has a NUL inside. */
const char *tree_text(const struct tree *t, int16_t id);
/* Text of a string itself, under the same conditions. */
const char *tree_string(const struct tree *t);

/* Free a field if it is there. */
void tree_drop(struct tree *t, int16_t id);

/* Value of a text in a map of texts, or NULL. */
const char *tree_map_text(const struct tree *map, const char *key);
void tree_map_put(struct tree *map, const char *key, const char *value);

#endif

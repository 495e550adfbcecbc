/*
 * type: the native types of batch columns, and the fields that a dissector can give.
 *
 * Native means: an IPv4 address is 4 bytes until somebody prints it.
 */
#ifndef DATA_TYPE_H
#define DATA_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum type {
	TYPE_I64,
	TYPE_U64,
	TYPE_U32, /* and everything narrower */
	TYPE_F32,
	TYPE_TIME,  /* int64 nanoseconds since 1970-01-01 UTC */
	TYPE_IP,    /* struct ip */
	TYPE_BYTES, /* struct span into the batch's slab */
	TYPE_COUNT,
};

struct ip {
	uint8_t family; /* 4 or 6 */
	uint8_t zero[3];
	uint8_t octet[16]; /* network order; IPv4 in the first four, the rest zero */
};
_Static_assert(sizeof(struct ip) == 20, "part of the batch layout");

struct span {
	uint32_t offset; /* from the start of the slab */
	uint32_t length;
};
_Static_assert(sizeof(struct span) == 8, "part of the batch layout");

/* Bytes of one value: 8, 8, 4, 4, 8, 20, 8. */
size_t type_size(enum type t);
const char *type_name(enum type t); /* "i64" … "bytes" */

/* One row of a dissector's field catalogue. */
struct field {
	const char *name; /* what "from" in a schema says */
	enum type type;
	const char *help; /* one sentence for the manual, with unit and source element */
	/* Of catalogues made for a schema: */
	const char *as; /* the rendering that its text in the input may have; NULL: plain */
	bool must;      /* the partition time: a row without it cannot be stored */
};

/* Index of the field of that name, or -1. */
int field_find(const struct field *fields, size_t count, const char *name);

#endif

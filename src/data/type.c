/* The native types as a table, so that nobody switches over them, and the look-up in a dissector's catalogue. */
#include "data/type.h"

#include <assert.h>
#include <string.h>

struct type_row {
	const char *name;
	size_t size;
};

static const struct type_row type_row[TYPE_COUNT] = {
    [TYPE_I64] = {"i64", sizeof(int64_t)},
    [TYPE_U64] = {"u64", sizeof(uint64_t)},
    [TYPE_U32] = {"u32", sizeof(uint32_t)},
    [TYPE_F32] = {"f32", sizeof(float)},
    [TYPE_TIME] = {"time", sizeof(int64_t)},
    [TYPE_IP] = {"ip", sizeof(struct ip)},
    [TYPE_BYTES] = {"bytes", sizeof(struct span)},
};

size_t type_size(enum type t)
{
	assert((unsigned)t < TYPE_COUNT);
	return type_row[t].size;
}

const char *type_name(enum type t)
{
	assert((unsigned)t < TYPE_COUNT);
	return type_row[t].name;
}

int field_find(const struct field *fields, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(fields[i].name, name) == 0)
			return (int)i;
	return -1;
}

/*
 * The compact protocol, read only so far as a footer is stepped through: the writer's half is format/thrift.c. Field
 * ids are those of parquet.thrift.
 */
#include "format/parquet/inspect.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/reader.h"
#include "format/thrift.h"
#include "format/varint.h"

enum { DEPTH = 16, TYPE_DOUBLE = 7, TYPE_SET = 10, TYPE_MAP = 11, TYPE_UUID = 13, UUID_BYTES = 16, STOP = 0 };

/* ULEB128: lengths and counts, which are not zig-zag. */
static uint64_t get_size(struct reader *r)
{
	uint64_t z = (uint64_t)varint_get(r);
	/* varint_get has undone a zig-zag that was never there. */
	return z << 1 ^ (uint64_t)((int64_t)z >> 63);
}

static struct inspect_text get_text(struct reader *r)
{
	uint64_t len = get_size(r);
	const uint8_t *at = len <= reader_left(r) ? reader_take(r, (size_t)len) : NULL;
	if (at == NULL)
		r->failed = true;
	return (struct inspect_text){(const char *)at, at != NULL ? (size_t)len : 0};
}

/* Next field of the open struct; false at its end or when the bytes are damaged. */
static bool next_field(struct reader *r, int16_t *id, uint8_t *type)
{
	uint8_t head = reader_u8(r);
	if (r->failed || head == STOP)
		return false;
	*type = head & 15;
	*id = (int16_t)(head >> 4 != 0 ? *id + (head >> 4) : varint_get(r));
	return !r->failed;
}

/* Head of a list or set. Each element takes a byte at least, so a count beyond what is left is damage. */
static uint64_t get_list(struct reader *r, uint8_t *type)
{
	uint8_t head = reader_u8(r);
	uint64_t count = head >> 4;
	*type = head & 15;
	if (count == 15)
		count = get_size(r);
	if (count > reader_left(r))
		r->failed = true;
	return r->failed ? 0 : count;
}

static void skip(struct reader *r, uint8_t type, bool element, unsigned depth);

static void skip_struct(struct reader *r, unsigned depth)
{
	int16_t id = 0;
	uint8_t type = 0;
	while (next_field(r, &id, &type))
		skip(r, type, false, depth);
}

static void skip_map(struct reader *r, unsigned depth)
{
	uint64_t count = get_size(r);
	uint8_t types = count > 0 ? reader_u8(r) : 0;
	for (uint64_t i = 0; i < count && !r->failed; i++) {
		skip(r, types >> 4, true, depth);
		skip(r, types & 15, true, depth);
	}
}

/* A bool has a byte of its own as an element only; as a field its type says all. */
static void skip(struct reader *r, uint8_t type, bool element, unsigned depth)
{
	uint8_t of = 0;
	if (depth == DEPTH)
		r->failed = true;
	if (r->failed)
		return;
	switch (type) {
	case THRIFT_TRUE:
	case THRIFT_FALSE:
		if (element)
			(void)reader_u8(r);
		break;
	case THRIFT_I8:
		(void)reader_u8(r);
		break;
	case THRIFT_I16:
	case THRIFT_I32:
	case THRIFT_I64:
		(void)varint_get(r);
		break;
	case TYPE_DOUBLE:
		(void)reader_le64(r);
		break;
	case THRIFT_BINARY:
		(void)get_text(r);
		break;
	case THRIFT_LIST:
	case TYPE_SET:
		for (uint64_t n = get_list(r, &of); n > 0 && !r->failed; n--)
			skip(r, of, true, depth + 1);
		break;
	case TYPE_MAP:
		skip_map(r, depth + 1);
		break;
	case THRIFT_STRUCT:
		skip_struct(r, depth + 1);
		break;
	case TYPE_UUID:
		(void)reader_take(r, UUID_BYTES);
		break;
	default:
		r->failed = true;
	}
}

/* A count that the format has as a signed number. */
static uint64_t get_count(struct reader *r)
{
	int64_t v = varint_get(r);
	if (v < 0)
		r->failed = true;
	return r->failed ? 0 : (uint64_t)v;
}

/* SchemaElement: a leaf has a type (1); groups, the root among them, have none. */
static void read_element(struct reader *r, struct inspect *out)
{
	int16_t id = 0;
	uint8_t type = 0;
	bool leaf = false;
	while (next_field(r, &id, &type)) {
		leaf |= id == 1 && type == THRIFT_I32;
		skip(r, type, false, 2);
	}
	out->columns += leaf;
}

/* RowGroup: num_rows is 3. */
static void read_group(struct reader *r, struct inspect *out)
{
	int16_t id = 0;
	uint8_t type = 0;
	while (next_field(r, &id, &type)) {
		if (id == 3 && type == THRIFT_I64) {
			uint64_t rows = get_count(r);
			if (out->group_rows > UINT64_MAX - rows)
				r->failed = true;
			else
				out->group_rows += rows;
		} else {
			skip(r, type, false, 2);
		}
	}
	out->groups++;
}

static bool is_key(struct inspect_text key, const char *name)
{
	return key.at != NULL && key.len == strlen(name) && memcmp(key.at, name, key.len) == 0;
}

/* KeyValue: key 1, value 2. */
static void read_pair(struct reader *r, struct inspect *out)
{
	struct inspect_text key = {NULL, 0}, value = {NULL, 0};
	int16_t id = 0;
	uint8_t type = 0;
	while (next_field(r, &id, &type)) {
		if (id == 1 && type == THRIFT_BINARY)
			key = get_text(r);
		else if (id == 2 && type == THRIFT_BINARY)
			value = get_text(r);
		else
			skip(r, type, false, 2);
	}
	if (is_key(key, "sluice.sources"))
		out->sources = value;
	else if (is_key(key, "sluice.dissector"))
		out->dissector = value;
}

static void read_list(struct reader *r, struct inspect *out, void (*read)(struct reader *r, struct inspect *out))
{
	uint8_t of = 0;
	uint64_t count = get_list(r, &of);
	if (of != THRIFT_STRUCT && count > 0)
		r->failed = true;
	for (; count > 0 && !r->failed; count--)
		read(r, out);
}

enum rc inspect_length(const uint8_t tail[INSPECT_TAIL], uint64_t file_size, size_t *length, struct err *e)
{
	struct reader r = reader_of(tail, INSPECT_TAIL);
	uint32_t len = reader_le32(&r);
	if (memcmp(tail + 4, "PAR1", 4) != 0)
		return err_set(RC_BAD, e, "it does not end as a Parquet file");
	if (len > INSPECT_MAX || (uint64_t)len + INSPECT_HEAD + INSPECT_TAIL > file_size)
		return err_set(RC_BAD, e, "a footer of %" PRIu32 " bytes in a file of %" PRIu64, len, file_size);
	*length = len;
	return RC_OK;
}

enum rc inspect_footer(const void *footer, size_t length, struct inspect *out, struct err *e)
{
	struct reader r = reader_of(footer, length);
	struct inspect found = {.rows = 0};
	int16_t id = 0;
	uint8_t type = 0;
	bool rows = false;
	while (next_field(&r, &id, &type)) {
		if (id == 2 && type == THRIFT_LIST) {
			read_list(&r, &found, read_element);
		} else if (id == 3 && type == THRIFT_I64) {
			found.rows = get_count(&r);
			rows = true;
		} else if (id == 4 && type == THRIFT_LIST) {
			read_list(&r, &found, read_group);
		} else if (id == 5 && type == THRIFT_LIST) {
			read_list(&r, &found, read_pair);
		} else if (id == 6 && type == THRIFT_BINARY) {
			found.created_by = get_text(&r);
		} else {
			skip(&r, type, false, 1);
		}
	}
	if (!reader_ok(&r) || reader_left(&r) != 0 || !rows)
		return err_set(RC_BAD, e, "its footer is damaged");
	*out = found;
	return RC_OK;
}

/*
 * Written by hand like the compact half: a dozen types, and the one thing that generated code does not do, keeping
 * fields that it does not know.
 */
#include "format/thrift_binary.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "base/reader.h"

enum { VERSION_1 = 0x80010000u, VERSION_MASK = 0xffff0000u };

/* Writing. */

static void be16(struct writer *out, uint16_t v)
{
	v = __builtin_bswap16(v);
	writer_put(out, &v, sizeof v);
}

static void be32(struct writer *out, uint32_t v)
{
	v = __builtin_bswap32(v);
	writer_put(out, &v, sizeof v);
}

static void be64(struct writer *out, uint64_t v)
{
	v = __builtin_bswap64(v);
	writer_put(out, &v, sizeof v);
}

static void put_text(struct writer *out, const char *bytes, size_t len)
{
	be32(out, (uint32_t)len);
	writer_put(out, bytes, len);
}

static void put_children(struct writer *out, const struct tree *t)
{
	for (const struct tree *child = t->first; child != NULL; child = child->next)
		binary_value(out, child);
}

void binary_value(struct writer *out, const struct tree *t)
{
	switch (t->type) {
	case T_STOP:
		break;
	case T_BOOL:
	case T_BYTE:
		writer_u8(out, (uint8_t)t->number);
		break;
	case T_I16:
		be16(out, (uint16_t)t->number);
		break;
	case T_I32:
		be32(out, (uint32_t)t->number);
		break;
	case T_I64:
	case T_DOUBLE:
		be64(out, (uint64_t)t->number);
		break;
	case T_STRING:
		put_text(out, t->bytes, t->len);
		break;
	case T_STRUCT:
		for (const struct tree *field = t->first; field != NULL; field = field->next) {
			writer_u8(out, (uint8_t)field->type);
			be16(out, (uint16_t)field->id);
			binary_value(out, field);
		}
		writer_u8(out, T_STOP);
		break;
	case T_MAP:
		writer_u8(out, (uint8_t)t->key);
		writer_u8(out, (uint8_t)t->of);
		be32(out, (uint32_t)(t->children / 2));
		put_children(out, t);
		break;
	case T_SET:
	case T_LIST:
		writer_u8(out, (uint8_t)t->of);
		be32(out, (uint32_t)t->children);
		put_children(out, t);
		break;
	}
}

void binary_message(struct writer *out, const char *name, enum binary_kind kind, int32_t seq, const struct tree *body)
{
	be32(out, VERSION_1 | (uint32_t)kind);
	put_text(out, name, strlen(name));
	be32(out, (uint32_t)seq);
	binary_value(out, body);
}

/* Reading. */

struct input {
	struct source *source;
	size_t bytes, values; /* read so far */
	unsigned depth;
};

/* The next n bytes, borrowed until the next call. */
static enum rc take(struct input *in, size_t n, const uint8_t **bytes, struct err *e)
{
	size_t have = 0;
	if (n > BINARY_MESSAGE - in->bytes)
		return err_set(RC_BAD, e, "a message of more than %d bytes", BINARY_MESSAGE);
	enum rc rc = source_peek(in->source, n, bytes, &have, e);
	if (rc == RC_END && in->bytes == 0)
		return RC_END;
	if (rc == RC_OK && have < n)
		rc = source_ended(in->source, e);
	if (rc == RC_END)
		return err_set(RC_AGAIN, e, "the answer ends in its middle");
	if (rc != RC_OK)
		return rc;
	source_take(in->source, n);
	in->bytes += n;
	return RC_OK;
}

static enum rc take_number(struct input *in, size_t size, int64_t *out, struct err *e)
{
	const uint8_t *bytes;
	enum rc rc = take(in, size, &bytes, e);
	if (rc != RC_OK)
		return rc;
	struct reader r = reader_of(bytes, size);
	*out = size == 1   ? (int8_t)reader_u8(&r)
	       : size == 2 ? (int16_t)reader_be16(&r)
	       : size == 4 ? (int32_t)reader_be32(&r)
	                   : (int64_t)reader_be64(&r);
	return RC_OK;
}

static enum rc take_text(struct input *in, size_t most, char **out, size_t *len, struct err *e)
{
	static const uint8_t none[1];
	const uint8_t *bytes = none;
	int64_t n = 0;
	enum rc rc = take_number(in, 4, &n, e);
	if (rc != RC_OK)
		return rc;
	if (n < 0 || (size_t)n > most)
		return err_set(RC_BAD, e, "a text of %" PRId64 " bytes", n);
	if (n > 0 && (rc = take(in, (size_t)n, &bytes, e)) != RC_OK)
		return rc;
	*out = mem_text_n((const char *)bytes, (size_t)n);
	*len = (size_t)n;
	return RC_OK;
}

/* Bytes of a type that is a number, 0 for others. */
static size_t number_size(enum ttype type)
{
	switch (type) {
	case T_BOOL:
	case T_BYTE:
		return 1;
	case T_I16:
		return 2;
	case T_I32:
		return 4;
	case T_I64:
	case T_DOUBLE:
		return 8;
	default:
		return 0;
	}
}

static enum rc read_value(struct input *in, enum ttype type, struct tree **out, struct err *e);

static enum rc take_type(struct input *in, enum ttype *out, struct err *e)
{
	int64_t type = 0;
	enum rc rc = take_number(in, 1, &type, e);
	*out = (enum ttype)type;
	return rc;
}

static enum rc read_fields(struct input *in, struct tree *t, struct err *e)
{
	for (;;) {
		enum ttype type;
		int64_t id = 0;
		struct tree *field = NULL;
		enum rc rc = take_type(in, &type, e);
		if (rc != RC_OK || type == T_STOP)
			return rc;
		if ((rc = take_number(in, 2, &id, e)) != RC_OK || (rc = read_value(in, type, &field, e)) != RC_OK)
			return rc;
		tree_add(t, (int16_t)id, field);
	}
}

static enum rc read_elements(struct input *in, struct tree *t, struct err *e)
{
	int64_t count = 0;
	enum rc rc = RC_OK;
	if (t->type == T_MAP)
		rc = take_type(in, &t->key, e);
	if (rc == RC_OK)
		rc = take_type(in, &t->of, e);
	if (rc == RC_OK)
		rc = take_number(in, 4, &count, e);
	if (rc == RC_OK && (count < 0 || count > BINARY_VALUES))
		rc = err_set(RC_BAD, e, "a list of %" PRId64 " values", count);
	for (int64_t i = 0; i < count && rc == RC_OK; i++) {
		struct tree *value = NULL;
		if (t->type == T_MAP && (rc = read_value(in, t->key, &value, e)) == RC_OK)
			tree_add(t, 0, value);
		if (rc == RC_OK && (rc = read_value(in, t->of, &value, e)) == RC_OK)
			tree_add(t, 0, value);
	}
	return rc;
}

static enum rc read_value(struct input *in, enum ttype type, struct tree **out, struct err *e)
{
	if (++in->values > BINARY_VALUES)
		return err_set(RC_BAD, e, "a message of more than %d values", BINARY_VALUES);
	if (in->depth == BINARY_DEPTH)
		return err_set(RC_BAD, e, "values within values, more than %d deep", BINARY_DEPTH);
	struct tree *t = tree_new(type);
	enum rc rc = RC_OK;
	in->depth++;
	if (number_size(type) > 0)
		rc = take_number(in, number_size(type), &t->number, e);
	else if (type == T_STRING)
		rc = take_text(in, BINARY_TEXT, &t->bytes, &t->len, e);
	else if (type == T_STRUCT)
		rc = read_fields(in, t, e);
	else if (type == T_LIST || type == T_SET || type == T_MAP)
		rc = read_elements(in, t, e);
	else
		rc = err_set(RC_BAD, e, "there is no type %d", (int)type);
	in->depth--;
	if (rc != RC_OK)
		tree_free(&t);
	else
		*out = t;
	return rc;
}

enum rc binary_read(struct source *s, struct binary_message *out, struct err *e)
{
	struct input in = {.source = s};
	struct binary_message m = {.body = NULL};
	int64_t version = 0, seq = 0;
	char *name = NULL;
	size_t len = 0;
	enum rc rc = take_number(&in, 4, &version, e);
	if (rc == RC_OK && ((uint32_t)version & VERSION_MASK) != VERSION_1)
		rc = err_set(RC_BAD, e, "no strict binary thrift: begins with %08" PRIx32, (uint32_t)version);
	if (rc == RC_OK)
		rc = take_text(&in, BINARY_NAME - 1, &name, &len, e);
	if (rc == RC_OK)
		rc = take_number(&in, 4, &seq, e);
	if (rc == RC_OK)
		rc = read_value(&in, T_STRUCT, &m.body, e);
	if (rc == RC_OK) {
		memcpy(m.name, name, len + 1);
		m.kind = (enum binary_kind)(version & 0xff);
		m.seq = (int32_t)seq;
		*out = m;
	}
	mem_free(&name);
	return rc;
}

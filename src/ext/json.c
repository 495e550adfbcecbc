/*
 * json: jansson's errors in our words, and the one writer of JSON strings.
 */
#include "ext/json.h"

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

enum rc json_parse(const char *text, size_t len, json_t **out, struct err *e)
{
	json_error_t error;
	json_t *value = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (value == NULL)
		return err_set(RC_BAD, e, "line %d, column %d: %s", error.line, error.column, error.text);
	*out = value;
	return RC_OK;
}

static enum rc member(const json_t *object, const char *key, const json_t **out, struct err *e)
{
	if (!json_is_object(object))
		return err_set(RC_BAD, e, "an object with the key \"%s\" is wanted", key);
	*out = json_object_get(object, key);
	return *out != NULL ? RC_OK : err_set(RC_BAD, e, "key \"%s\" is missing", key);
}

enum rc json_get_text(const json_t *object, const char *key, const char **out, struct err *e)
{
	const json_t *value;
	enum rc rc = member(object, key, &value, e);
	if (rc != RC_OK)
		return rc;
	if (!json_is_string(value))
		return err_set(RC_BAD, e, "key \"%s\" is not a string", key);
	*out = json_string_value(value);
	return RC_OK;
}

enum rc json_get_int(const json_t *object, const char *key, int64_t *out, struct err *e)
{
	const json_t *value;
	enum rc rc = member(object, key, &value, e);
	if (rc != RC_OK)
		return rc;
	if (!json_is_integer(value))
		return err_set(RC_BAD, e, "key \"%s\" is not a whole number", key);
	*out = json_integer_value(value);
	return RC_OK;
}

enum rc json_get_u64(const json_t *object, const char *key, uint64_t *out, struct err *e)
{
	int64_t v = 0;
	enum rc rc = json_get_int(object, key, &v, e);
	if (rc != RC_OK)
		return rc;
	if (v < 0)
		return err_set(RC_BAD, e, "key \"%s\" is negative", key);
	*out = (uint64_t)v;
	return RC_OK;
}

enum rc json_get_u32(const json_t *object, const char *key, uint32_t *out, struct err *e)
{
	uint64_t v = 0;
	enum rc rc = json_get_u64(object, key, &v, e);
	if (rc != RC_OK)
		return rc;
	if (v > UINT32_MAX)
		return err_set(RC_BAD, e, "key \"%s\" is too large", key);
	*out = (uint32_t)v;
	return RC_OK;
}

json_t *json_escaped(const char *bytes)
{
	size_t len = strlen(bytes);
	char *text = mem_alloc(4 * len + 1);
	str_escape(bytes, len, text);
	json_t *out = json_string(text);
	mem_free(&text);
	return out;
}

/* RFC 8259, section 7: these must be escaped, and nothing else is. */
static bool must_escape(uint8_t c)
{
	return c < ' ' || c == '"' || c == '\\';
}

static void put_escape(struct writer *w, uint8_t c)
{
	switch (c) {
	case '"':
		writer_text(w, "\\\"");
		break;
	case '\\':
		writer_text(w, "\\\\");
		break;
	case '\n':
		writer_text(w, "\\n");
		break;
	case '\r':
		writer_text(w, "\\r");
		break;
	case '\t':
		writer_text(w, "\\t");
		break;
	default:
		writer_format(w, "\\u%04x", c);
	}
}

void json_quote(struct writer *w, const char *text, size_t len)
{
	const uint8_t *p = (const uint8_t *)text, *end = p + len, *kept = p;
	writer_u8(w, '"');
	while (p < end) {
		size_t n = must_escape(*p) ? 0 : str_utf8(p, (size_t)(end - p));
		if (n > 0) {
			p += n;
			continue;
		}
		writer_put(w, kept, (size_t)(p - kept));
		if (must_escape(*p))
			put_escape(w, *p);
		else
			writer_text(w, "\xef\xbf\xbd");
		kept = ++p;
	}
	writer_put(w, kept, (size_t)(p - kept));
	writer_u8(w, '"');
}

void json_quote_member(struct writer *w, const char *key, const char *text)
{
	writer_format(w, ",\"%s\":", key);
	json_quote(w, text, strlen(text));
}

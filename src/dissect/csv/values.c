/* Cells as numbers and addresses: each form read whole or not at all. */
#include "dissect/csv/values.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_TEXT = 64 };

void value_trim(const char **text, size_t *len)
{
	while (*len > 0 && (**text == ' ' || **text == '\t')) {
		(*text)++;
		(*len)--;
	}
	while (*len > 0 && ((*text)[*len - 1] == ' ' || (*text)[*len - 1] == '\t'))
		(*len)--;
}

static bool read_hex(const char *text, size_t len, uint64_t *out)
{
	uint64_t v = 0;
	if (len == 0 || len > 16)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		unsigned digit = c >= '0' && c <= '9' ? (unsigned)(c - '0') : ((unsigned)c | 0x20) - 'a' + 10;
		if (digit > 15)
			return false;
		v = v << 4 | digit;
	}
	*out = v;
	return true;
}

static bool read_digits(const char *text, size_t len, uint64_t *out)
{
	uint64_t v = 0;
	if (len == 0)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned digit = (unsigned)(text[i] - '0');
		if (digit > 9 || __builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, digit, &v))
			return false;
	}
	*out = v;
	return true;
}

bool value_u64(const char *text, size_t len, uint64_t *out)
{
	value_trim(&text, &len);
	if (len > 2 && text[0] == '0' && (text[1] | 0x20) == 'x')
		return read_hex(text + 2, len - 2, out);
	if (len > 1 && text[0] == '+')
		return read_digits(text + 1, len - 1, out);
	return read_digits(text, len, out);
}

bool value_i64(const char *text, size_t len, int64_t *out)
{
	uint64_t v;
	value_trim(&text, &len);
	bool negative = len > 0 && text[0] == '-';
	if (negative ? !read_digits(text + 1, len - 1, &v) : !value_u64(text, len, &v))
		return false;
	if (v > (uint64_t)INT64_MAX + negative)
		return false;
	*out = (int64_t)(negative ? 0 - v : v);
	return true;
}

/* For functions of libc and of render, which want a NUL. */
static bool copy_text(const char *text, size_t len, char to[NUMBER_TEXT])
{
	if (len == 0 || len >= NUMBER_TEXT || memchr(text, '\0', len) != NULL)
		return false;
	memcpy(to, text, len);
	to[len] = '\0';
	return true;
}

bool value_named(const struct render *form, const char *text, size_t len, uint64_t *out)
{
	char copy[NUMBER_TEXT];
	union key_value key;
	if (value_u64(text, len, out))
		return true;
	value_trim(&text, &len);
	if (form == NULL || form->parse == NULL || !copy_text(text, len, copy) || !form->parse(copy, &key))
		return false;
	*out = key.u64;
	return true;
}

bool value_f32(const char *text, size_t len, float *out)
{
	char copy[NUMBER_TEXT], *end;
	value_trim(&text, &len);
	if (!copy_text(text, len, copy) || strspn(copy, "0123456789+-.eE") != len)
		return false;
	float v = strtof(copy, &end);
	if (*end != '\0' || !isfinite(v))
		return false;
	*out = v;
	return true;
}

bool value_ip(const char *text, size_t len, struct ip *out)
{
	char copy[NUMBER_TEXT];
	value_trim(&text, &len);
	return copy_text(text, len, copy) && render_ip_parse(copy, out);
}

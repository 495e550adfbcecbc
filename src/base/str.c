/*
 * str: numbers with units, reversible names, and small text helpers. Locale-free throughout.
 */
#include "base/str.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

bool str_starts(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *text, const char *suffix)
{
	size_t len = strlen(text), n = strlen(suffix);
	return n <= len && memcmp(text + len - n, suffix, n) == 0;
}

bool str_copy(char *to, size_t size, const char *from)
{
	size_t len = strlen(from);
	size_t n = len < size ? len : size - 1;
	memcpy(to, from, n);
	to[n] = '\0';
	return n == len;
}

/* Digits at *p, which moves behind them; false without a digit or when the value passes UINT64_MAX. */
static bool take_digits(const char **p, uint64_t *out)
{
	uint64_t v = 0;
	const char *start = *p;
	for (; **p >= '0' && **p <= '9'; (*p)++)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, (uint64_t)(**p - '0'), &v))
			return false;
	*out = v;
	return *p > start;
}

enum rc str_number(const char *text, int64_t min, int64_t max, int64_t *out, struct err *e)
{
	const char *p = text;
	bool negative = *p == '-';
	uint64_t size, most = negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX;
	p += negative;
	const char *digits = p;
	if (!take_digits(&p, &size) || *p != '\0' || size > most) {
		if (p > digits && digits[strspn(digits, "0123456789")] == '\0')
			return err_set(
			    RC_BAD, e, "\"%s\" is out of range %lld to %lld", text, (long long)min, (long long)max);
		return err_set(RC_BAD, e, "\"%s\" is not a whole number", text);
	}
	int64_t v = negative ? (int64_t)(0 - size) : (int64_t)size;
	if (v < min || v > max)
		return err_set(RC_BAD, e, "\"%s\" is out of range %lld to %lld", text, (long long)min, (long long)max);
	*out = v;
	return RC_OK;
}

struct unit {
	const char *name;
	uint64_t factor;
	const char *word; /* the same in full: what people write instead */
};

static const struct unit size_units[] = {
    {"", 1, ""},
    {"B", 1, "bytes"},
    {"KiB", UINT64_C(1) << 10, "kibibytes"},
    {"MiB", UINT64_C(1) << 20, "mebibytes"},
    {"GiB", UINT64_C(1) << 30, "gibibytes"},
    {"TiB", UINT64_C(1) << 40, "tebibytes"},
    {"kB", 1000, "kilobytes"},
    {"KB", 1000, "kilobytes"},
    {"MB", 1000000, "megabytes"},
    {"GB", 1000000000, "gigabytes"},
    {"TB", UINT64_C(1000000000000), "terabytes"},
};

static const struct unit time_units[] = {
    {"ms", 1, "milliseconds"},
    {"s", 1000, "seconds"},
    {"m", 60 * 1000, "minutes"},
    {"h", 3600 * 1000, "hours"},
    {"d", 86400 * 1000, "days"},
};

enum scaled { SCALED, NO_NUMBER, NO_UNIT, TOO_BIG };

static bool begins(const char *word, const char *with)
{
	return strncasecmp(word, with, strlen(with)) == 0;
}

/* The unit that a wrong one stands for: "gib", "G", "min", "seconds"; NULL: none is near. */
static const char *unit_meant(const char *text, const struct unit *units, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (units[i].name[0] != '\0' && strcasecmp(units[i].name, text) == 0)
			return units[i].name;
	for (size_t i = 0; i < count; i++)
		if (units[i].name[0] != '\0' && (begins(units[i].name, text) || begins(units[i].word, text)))
			return units[i].name;
	return NULL;
}

/* "10 seconds" is unknown unit "seconds" (did you mean "10s"?); "10" has none. */
static enum rc refuse_unit(
    const char *text, const char *what, const struct unit *units, size_t count, const char *known, struct err *e)
{
	char hint[64] = "";
	size_t digits = strspn(text, "0123456789");
	const char *unit = text + digits + strspn(text + digits, " ");
	const char *meant = unit_meant(unit, units, count);
	if (*unit == '\0')
		return err_set(RC_BAD, e, "\"%.60s\" has no unit of %s: %s", text, what, known);
	if (meant != NULL && digits <= 20)
		snprintf(hint, sizeof hint, " (did you mean \"%.*s%s\"?)", (int)digits, text, meant);
	return err_set(
	    RC_BAD, e, "\"%.60s\": unknown unit \"%.40s\"%s; units of %s: %s", text, unit, hint, what, known);
}

/* number [blank] unit, nothing else */
static enum scaled scale(const char *text, const struct unit *units, size_t count, uint64_t *out)
{
	const char *p = text;
	uint64_t number;
	if (!take_digits(&p, &number))
		return p > text ? TOO_BIG : NO_NUMBER;
	while (*p == ' ')
		p++;
	for (size_t i = 0; i < count; i++)
		if (strcmp(p, units[i].name) == 0)
			return __builtin_mul_overflow(number, units[i].factor, out) ? TOO_BIG : SCALED;
	return NO_UNIT;
}

enum rc str_size(const char *text, uint64_t *bytes, struct err *e)
{
	uint64_t v;
	switch (scale(text, size_units, COUNT(size_units), &v)) {
	case SCALED:
		*bytes = v;
		return RC_OK;
	case TOO_BIG:
		return err_set(RC_BAD, e, "\"%s\" is more than 16 EiB", text);
	case NO_UNIT:
		return refuse_unit(
		    text, "size", size_units, COUNT(size_units), "KiB, MiB, GiB, TiB, kB, MB, GB, TB", e);
	default:
		return err_set(RC_BAD, e, "\"%s\" is not a size such as 128MiB", text);
	}
}

enum rc str_duration(const char *text, int64_t *ms, struct err *e)
{
	uint64_t v;
	if (strcmp(text, "0") == 0) {
		*ms = 0;
		return RC_OK;
	}
	switch (scale(text, time_units, COUNT(time_units), &v)) {
	case SCALED:
		if (v <= INT64_MAX) {
			*ms = (int64_t)v;
			return RC_OK;
		}
		/* fall through */
	case TOO_BIG:
		return err_set(RC_BAD, e, "\"%s\" is too long a time", text);
	case NO_UNIT:
		return refuse_unit(text, "time", time_units, COUNT(time_units), "ms, s, m, h, d", e);
	default:
		return err_set(RC_BAD, e, "\"%s\" is not a time such as 10s", text);
	}
}

const char *str_show_bytes(uint64_t bytes, char *out, size_t size)
{
	static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double v = (double)bytes;
	unsigned i = 0;
	/* 1023.95 would print as 1024.0 of the smaller unit. */
	while (v >= 1023.95 && i + 1 < COUNT(names)) {
		v /= 1024;
		i++;
	}
	snprintf(out, size, i == 0 ? "%.0f %s" : "%.1f %s", v, names[i]);
	return out;
}

const char *str_show_ms(int64_t ms, char *out, size_t size)
{
	long long v = ms < 0 ? 0 : ms, s = v / 1000;
	if (v < 1000)
		snprintf(out, size, "%lldms", v);
	else if (v < 10000)
		snprintf(out, size, "%lld.%llds", s, v / 100 % 10);
	else if (s < 60)
		snprintf(out, size, "%llds", s);
	else if (s < 3600)
		snprintf(out, size, "%lldm %02llds", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, size, "%lldh %02lldm", s / 3600, s / 60 % 60);
	else
		snprintf(out, size, "%lldd %lldh", s / 86400, s / 3600 % 24);
	return out;
}

const char *str_show_count(uint64_t count, char *out, size_t size)
{
	char digits[24];
	int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)count);
	size_t n = 0;
	for (int i = 0; i < len && n + 2 < size; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			out[n++] = ',';
		out[n++] = digits[i];
	}
	out[n] = '\0';
	return out;
}

static const char hex_digits[] = "0123456789abcdef";

void str_hex(const uint8_t *bytes, size_t len, char *out)
{
	for (size_t i = 0; i < len; i++) {
		out[2 * i] = hex_digits[bytes[i] >> 4];
		out[2 * i + 1] = hex_digits[bytes[i] & 15];
	}
	out[2 * len] = '\0';
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Two digits at text, or -1; never looks behind a NUL. */
static int hex_pair(const char *text)
{
	int high = hex_value(text[0]);
	int low = high < 0 ? -1 : hex_value(text[1]);
	return low < 0 ? -1 : high * 16 + low;
}

bool str_unhex(const char *text, uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		int v = hex_pair(text + 2 * i);
		if (v < 0)
			return false;
		bytes[i] = (uint8_t)v;
	}
	return text[2 * len] == '\0';
}

/* The length of the character at p that may be shown as it is, 0 if its first byte must be escaped. */
static size_t printable(const uint8_t *p, size_t len)
{
	if (*p < ' ' || *p == 0x7f || *p == '\\')
		return 0;
	/* U+0080..U+009F: terminals obey them. */
	if (*p == 0xc2 && len > 1 && p[1] < 0xa0)
		return 0;
	return str_utf8(p, len);
}

size_t str_escape(const char *bytes, size_t len, char *out)
{
	const uint8_t *p = (const uint8_t *)bytes, *end = p + len;
	char *to = out;
	while (p < end) {
		size_t n = printable(p, (size_t)(end - p));
		if (n > 0) {
			memcpy(to, p, n);
			to += n;
			p += n;
		} else {
			*to++ = '\\';
			*to++ = 'x';
			*to++ = hex_digits[*p >> 4];
			*to++ = hex_digits[*p++ & 15];
		}
	}
	*to = '\0';
	return (size_t)(to - out);
}

bool str_unescape(const char *text, char *out, size_t size, size_t *len)
{
	size_t n = 0;
	while (*text != '\0') {
		int byte = (uint8_t)*text++;
		if (byte == '\\') {
			byte = *text == 'x' ? hex_pair(text + 1) : -1;
			if (byte < 0)
				return false;
			text += 3;
		}
		if (n + 1 >= size)
			return false;
		out[n++] = (char)byte;
	}
	if (n >= size)
		return false;
	out[n] = '\0';
	*len = n;
	return true;
}

/* Unicode 15, table 3-7: the second byte's range keeps overlong forms, surrogates and values past U+10FFFF out. */
size_t str_utf8(const uint8_t *p, size_t len)
{
	if (len == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	size_t n = p[0] >= 0xc2 && p[0] <= 0xdf ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4 : 0;
	if (n == 0 || n > len)
		return 0;
	uint8_t low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
	uint8_t high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

bool str_match(const char *pattern, const char *name)
{
	return fnmatch(pattern, name, FNM_EXTMATCH) == 0;
}

size_t str_distance(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b);
	size_t *row = mem_zero(nb + 1, sizeof *row);
	for (size_t j = 0; j <= nb; j++)
		row[j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);
			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	size_t distance = row[nb];
	mem_free(&row);
	return distance;
}

bool str_is_line(const char *text, size_t most)
{
	size_t len = strnlen(text, most + 1);
	if (len == 0 || len > most)
		return false;
	for (size_t i = 0, n; i < len; i += n) {
		n = str_utf8((const uint8_t *)text + i, len - i);
		if (n == 0 || (uint8_t)text[i] < ' ' || text[i] == 0x7f)
			return false;
	}
	return true;
}

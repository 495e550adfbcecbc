/* Looks at lines until one says what it is; a handful of odd lines may stand before it. */
#include "dissect/log/detect.h"

#include <string.h>
#include <strings.h>

#include "dissect/log/clf.h"
#include "dissect/log/elff.h"
#include "dissect/log/squid.h"

enum { LINES = 64, HEAD = 256, SAMPLE = 4096 };

static bool starts(const uint8_t *at, const uint8_t *end, const char *text)
{
	return (size_t)(end - at) >= strlen(text) && strncasecmp((const char *)at, text, strlen(text)) == 0;
}

static bool holds(const uint8_t *at, const uint8_t *end, const char *text)
{
	if (end - at > HEAD)
		end = at + HEAD;
	for (; at < end; at++)
		if (*at == (uint8_t)text[0] && starts(at, end, text))
			return true;
	return false;
}

/* Control characters that no log writes; NULs are padding when nothing else follows. */
static bool is_binary(const uint8_t *bytes, size_t size)
{
	size_t n = size < SAMPLE ? size : SAMPLE, odd = 0;
	while (n > 0 && bytes[n - 1] == 0)
		n--;
	for (size_t i = 0; i < n; i++)
		odd += bytes[i] < 0x20 && bytes[i] != '\t' && bytes[i] != '\n' && bytes[i] != '\r' && bytes[i] != 0x1b;
	return odd > n / 20;
}

static bool is_directive(const uint8_t *at, const uint8_t *end)
{
	static const char *const name[] = {
	    "#Fields:", "#Software:", "#Version:", "#Date:", "#Start-Date:", "#End-Date:", "#Remark:", "#GMT-Offset:"};
	for (size_t i = 0; i < sizeof name / sizeof *name; i++)
		if (starts(at, end, name[i]))
			return true;
	return false;
}

static bool dated(const uint8_t *at, const uint8_t *end)
{
	at += at < end && *at == '"';
	return end - at > 10 && is_digit(at[0]) && is_digit(at[1]) && is_digit(at[2]) && is_digit(at[3]) &&
	       at[4] == '-' && is_digit(at[5]) && at[7] == '-' && (is_blank(at[10]) || at[10] == '"');
}

/* What one line says. RC_END: nothing. */
static enum rc look(const uint8_t *at, const uint8_t *end, enum log_format *out, struct err *e)
{
	if (*at == '{' || starts(at, end, "[{"))
		return err_set(RC_BAD, e, "looks like JSON, no proxy log that elff reads");
	if (starts(at, end, "#separator"))
		return err_set(RC_BAD, e, "looks like a Zeek log (#separator), no proxy log that elff reads");
	at = elff_unprefixed(at, end);
	if (holds(at, end, "CEF:") || holds(at, end, "LEEF:"))
		return err_set(RC_BAD, e, "looks like CEF or LEEF, no proxy log that elff reads");
	if (is_directive(at, end) || dated(at, end))
		*out = LOG_ELFF;
	else if (squid_looks(at, end))
		*out = LOG_SQUID;
	else if (clf_looks(at, end))
		*out = LOG_COMMON;
	else
		return RC_END;
	return RC_OK;
}

enum rc detect_format(const uint8_t *bytes, size_t size, enum log_format *out, struct err *e)
{
	const uint8_t *at = bytes, *end = bytes + size;
	bool something = false;
	if (is_binary(bytes, size))
		return err_set(RC_BAD, e, "looks like binary data, no proxy log");
	if (starts(at, end, "\xEF\xBB\xBF"))
		at += 3;
	for (unsigned i = 0; i < LINES && at < end; i++) {
		const uint8_t *stop = memchr(at, '\n', (size_t)(end - at));
		if (stop == NULL)
			stop = end;
		while (at < stop && (is_blank(*at) || *at == '\r' || *at == 0))
			at++;
		enum rc rc = at < stop ? look(at, stop, out, e) : RC_END;
		if (rc != RC_END)
			return rc;
		something |= at < stop && *at != '#';
		at = stop + (stop < end);
	}
	if (something)
		return err_set(RC_BAD, e,
		    "no line looks like a proxy log (W3C, Squid, common or combined); the option format says which it "
		    "is");
	*out = LOG_ELFF;
	return RC_OK;
}

/* The escapes are chosen so that people still recognise their files in `hdfs dfs -ls`. */
#include "store/webhdfs/name.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static int hex_value(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool is_escape(const char *p, size_t len)
{
	return len >= 3 && p[0] == '%' && hex_value(p[1]) >= 0 && hex_value(p[2]) >= 0;
}

/* Names with a meaning of their own to HDFS. */
static bool is_reserved(const char *raw, size_t len)
{
	static const char *const name[] = {".", "..", ".snapshot", ".reserved"};
	for (size_t i = 0; i < sizeof name / sizeof name[0]; i++)
		if (strlen(name[i]) == len && memcmp(raw, name[i], len) == 0)
			return true;
	return false;
}

static void put_escape(struct writer *out, char byte)
{
	writer_format(out, "%%%02X", (unsigned)(uint8_t)byte);
}

size_t name_encode(const char *raw, size_t len, struct writer *out)
{
	size_t begun = out->len, i = 0;
	if (is_reserved(raw, len))
		put_escape(out, raw[i++]);
	while (i < len) {
		size_t n = str_utf8((const uint8_t *)raw + i, len - i);
		if (n == 0 || raw[i] == ':' || is_escape(raw + i, len - i)) {
			put_escape(out, raw[i++]);
			continue;
		}
		writer_put(out, raw + i, n);
		i += n;
	}
	return out->len - begun;
}

bool name_decode(const char *hdfs, size_t len, char *out)
{
	struct writer again;
	size_t n = 0;
	for (size_t i = 0; i < len; n++) {
		bool escape = is_escape(hdfs + i, len - i);
		out[n] = escape ? (char)(hex_value(hdfs[i + 1]) << 4 | hex_value(hdfs[i + 2])) : hdfs[i];
		i += escape ? 3 : 1;
	}
	out[n] = '\0';
	/* Only what encoding gives back is one of ours: anything else could not be reached under its name. */
	writer_init(&again, 3 * n + 1);
	(void)name_encode(out, n, &again);
	bool same = n > 0 && strlen(out) == n && memchr(out, '/', n) == NULL && again.len == len &&
	            memcmp(again.bytes, hdfs, len) == 0;
	writer_fini(&again);
	return same;
}

bool name_is_ordered(const char *hdfs, const char *raw)
{
	for (const char *p = raw; *p != '\0'; p++)
		if ((uint8_t)*p >= 0x80)
			return false;
	return strcmp(hdfs, raw) == 0;
}

void name_url(const char *text, size_t len, struct writer *out)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
	for (size_t i = 0; i < len; i++) {
		if (text[i] != '\0' && strchr(plain, text[i]) != NULL)
			writer_u8(out, (uint8_t)text[i]);
		else
			put_escape(out, text[i]);
	}
}

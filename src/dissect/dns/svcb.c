/* Each key has a value of its own form; those we don't know are strings. */
#include "dissect/dns/svcb.h"

#include <arpa/inet.h>

#include "dissect/dns/present.h"

enum svcb_key {
	SVCB_MANDATORY,
	SVCB_ALPN,
	SVCB_NO_DEFAULT_ALPN,
	SVCB_PORT,
	SVCB_IPV4HINT,
	SVCB_ECH,
	SVCB_IPV6HINT,
	SVCB_DOHPATH,
	SVCB_KEYS
};

static const char *const key_name[SVCB_KEYS] = {
    [SVCB_MANDATORY] = "mandatory",
    [SVCB_ALPN] = "alpn",
    [SVCB_NO_DEFAULT_ALPN] = "no-default-alpn",
    [SVCB_PORT] = "port",
    [SVCB_IPV4HINT] = "ipv4hint",
    [SVCB_ECH] = "ech",
    [SVCB_IPV6HINT] = "ipv6hint",
    [SVCB_DOHPATH] = "dohpath",
};

static void put_key(unsigned key, struct writer *out)
{
	if (out == NULL)
		return;
	if (key < SVCB_KEYS)
		writer_text(out, key_name[key]);
	else
		writer_format(out, "key%u", key);
}

static void comma(struct writer *out, bool *first)
{
	if (out != NULL && !*first)
		writer_u8(out, ',');
	*first = false;
}

/* RFC 9460 section 8: at least one key, in rising order. */
static void mandatory(struct reader *v, struct writer *out)
{
	bool first = true;
	int before = -1;
	do {
		int key = reader_be16(v);
		v->failed |= key <= before;
		before = key;
		comma(out, &first);
		put_key((unsigned)key, out);
	} while (reader_left(v) > 0 && !v->failed);
}

/* One protocol of a list in quotes: comma and backslash are escaped for the list, then backslash and quote once more
 * for the string. */
static void protocol(const uint8_t *p, size_t length, struct writer *out)
{
	for (size_t i = 0; i < length; i++) {
		if (p[i] < 0x20 || p[i] > 0x7e)
			writer_format(out, "\\%03u", p[i]);
		else if (p[i] == ',')
			writer_text(out, "\\\\,");
		else if (p[i] == '\\')
			writer_text(out, "\\\\\\\\");
		else if (p[i] == '"')
			writer_text(out, "\\\"");
		else
			writer_u8(out, p[i]);
	}
}

static void alpn(struct reader *v, struct writer *out)
{
	bool first = true;
	if (out != NULL)
		writer_u8(out, '"');
	do {
		size_t length = reader_u8(v);
		const uint8_t *p = reader_take(v, length);
		v->failed |= length == 0;
		comma(out, &first);
		if (out != NULL && p != NULL)
			protocol(p, length, out);
	} while (reader_left(v) > 0 && !v->failed);
	if (out != NULL)
		writer_u8(out, '"');
}

static void addresses(struct reader *v, int family, size_t bytes, struct writer *out)
{
	bool first = true;
	char text[INET6_ADDRSTRLEN];
	do {
		const uint8_t *p = reader_take(v, bytes);
		comma(out, &first);
		if (out != NULL && p != NULL)
			writer_text(out, inet_ntop(family, p, text, sizeof text));
	} while (reader_left(v) > 0 && !v->failed);
}

static void whole(struct reader *v, void (*present)(const uint8_t *, size_t, struct writer *), struct writer *out)
{
	size_t length = reader_left(v);
	const uint8_t *p = reader_take(v, length);
	if (out != NULL && p != NULL)
		present(p, length, out);
}

static void port(struct reader *v, struct writer *out)
{
	unsigned number = reader_be16(v);
	if (out != NULL)
		writer_format(out, "%u", number);
}

static void value(unsigned key, struct reader *v, struct writer *out)
{
	if (key == SVCB_NO_DEFAULT_ALPN || (key >= SVCB_KEYS && reader_left(v) == 0))
		return;
	if (out != NULL)
		writer_u8(out, '=');
	switch (key) {
	case SVCB_MANDATORY:
		mandatory(v, out);
		break;
	case SVCB_ALPN:
		alpn(v, out);
		break;
	case SVCB_PORT:
		port(v, out);
		break;
	case SVCB_IPV4HINT:
		addresses(v, AF_INET, 4, out);
		break;
	case SVCB_IPV6HINT:
		addresses(v, AF_INET6, 16, out);
		break;
	case SVCB_ECH:
		whole(v, present_base64, out);
		break;
	default:
		whole(v, present_string, out);
	}
}

void svcb_params(struct reader *r, struct writer *out)
{
	int before = -1;
	while (reader_left(r) > 0 && !r->failed) {
		int key = reader_be16(r);
		struct reader v = reader_sub(r, reader_be16(r));
		if (out != NULL)
			writer_u8(out, ' ');
		put_key((unsigned)key, out);
		if (!v.failed)
			value((unsigned)key, &v, out);
		r->failed |= v.failed || v.at != v.end || key <= before;
		before = key;
	}
}

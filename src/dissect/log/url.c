/* Splits by the first delimiters, left to right; a part that is not there is absent. */
#include "dissect/log/url.h"

static const uint8_t *find(const uint8_t *p, const uint8_t *end, uint8_t c)
{
	const uint8_t *found = p < end ? memchr(p, c, (size_t)(end - p)) : NULL;
	return found != NULL ? found : end;
}

static struct value part(const uint8_t *p, const uint8_t *end)
{
	return p < end ? value_of(p, end) : (struct value){0};
}

/* [userinfo@]host[:port], RFC 3986 section 3.2 */
static void authority(const uint8_t *p, const uint8_t *end, struct url *out)
{
	const uint8_t *at = find(p, end, '@');
	if (at < end)
		p = at + 1;
	const uint8_t *from = p < end && *p == '[' ? find(p, end, ']') : p;
	const uint8_t *colon = find(from, end, ':');
	out->host = part(p, colon);
	out->port = colon < end ? part(colon + 1, end) : (struct value){0};
}

/* Where the scheme ends: at "://". NULL: none. */
static const uint8_t *scheme_end(const uint8_t *p, const uint8_t *end)
{
	const uint8_t *q = p;
	while (
	    q < end && ((*q | 0x20) >= 'a' ? (*q | 0x20) <= 'z' : is_digit(*q) || *q == '+' || *q == '-' || *q == '.'))
		q++;
	/* cache_object is Squid's own. */
	if (q < end && *q == '_' && end - p > 12 && memcmp(p, "cache_object", 12) == 0)
		q = p + 12;
	return q > p && end - q >= 3 && memcmp(q, "://", 3) == 0 ? q : NULL;
}

static bool bare_host(const uint8_t *p, const uint8_t *end)
{
	const uint8_t *slash = find(p, end, '/'), *q = p;
	while (q < slash &&
	       ((*q | 0x20) >= 'a' ? (*q | 0x20) <= 'z' : is_digit(*q) || *q == '-' || *q == '.' || *q == ':'))
		q++;
	return slash < end && slash > p && q == slash && find(p, slash, '.') < slash;
}

void url_split(struct value text, bool tunnel, struct url *out)
{
	*out = (struct url){0};
	if (value_unset(text))
		return;
	const uint8_t *p = text.at, *end = text.at + text.length;
	const uint8_t *scheme = scheme_end(p, end);
	if (tunnel && scheme == NULL) {
		authority(p, end, out);
		out->scheme = value_text("tcp");
		out->path = value_text("/");
		return;
	}
	if (scheme != NULL) {
		out->scheme = value_of(p, scheme);
		p = scheme + 3;
	}
	/* Incapsula writes www.example.com/page: a name with a dot before the first slash is a host. */
	if (scheme != NULL || bare_host(p, end)) {
		const uint8_t *stop = p;
		while (stop < end && *stop != '/' && *stop != '?' && *stop != '#')
			stop++;
		authority(p, stop, out);
		p = stop;
	}
	const uint8_t *mark = find(p, end, '?');
	out->path = part(p, mark);
	out->query = part(mark, end);
}

struct value url_extension(struct value path)
{
	if (path.form == FORM_ABSENT)
		return (struct value){0};
	const uint8_t *end = path.at + path.length;
	for (const uint8_t *p = end; p > path.at && p[-1] != '/'; p--)
		if (p[-1] == '.')
			return part(p, end);
	return (struct value){0};
}

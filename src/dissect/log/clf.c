/*
 * The time in brackets is what a line is told by; everything stands before or behind it. Some writers leave quotes in
 * the request as they are, so it ends where a status follows.
 */
#include "dissect/log/clf.h"

#include "dissect/log/url.h"

static const uint8_t *find_time(const uint8_t *at, const uint8_t *end)
{
	for (const uint8_t *p = at; p < end && (p = memchr(p, '[', (size_t)(end - p))) != NULL; p++)
		if (end - p > 13 && is_digit(p[1]) && is_digit(p[2]) && p[3] == '/' && p[7] == '/' && is_digit(p[8]) &&
		    p[12] == ':')
			return p;
	return NULL;
}

bool clf_looks(const uint8_t *at, const uint8_t *end)
{
	return find_time(at, end) != NULL;
}

static bool has_colon_or_dot(struct value v)
{
	return memchr(v.at, '.', v.length) != NULL || memchr(v.at, ':', v.length) != NULL;
}

/* [vhost] host ident user; the user may hold blanks. */
static bool put_head(const uint8_t *at, const uint8_t *end, struct record *r, struct value *vhost)
{
	while (end > at && is_blank(end[-1]))
		end--;
	struct value a = value_word(&at, end), b = value_word(&at, end);
	const uint8_t *behind_two = at;
	struct value c = value_word(&at, end), d = value_word(&at, end);
	*vhost = (struct value){0};
	if (c.form == FORM_ABSENT)
		return false;
	r->value[FIELD_CLIENTIP] = a;
	if (d.form != FORM_ABSENT && has_colon_or_dot(b)) {
		*vhost = a;
		r->value[FIELD_CLIENTIP] = b;
		record_extra(r, "ident", c);
		r->value[FIELD_USERNAME] = value_of(d.at, end);
		return true;
	}
	record_extra(r, "ident", b);
	c = value_word(&behind_two, end);
	r->value[FIELD_USERNAME] = value_of(c.at, end);
	return true;
}

/* The quote of a request: a status stands behind it. NULL: none. */
static const uint8_t *request_end(const uint8_t *at, const uint8_t *end)
{
	for (const uint8_t *q = at; q < end && (q = memchr(q, '"', (size_t)(end - q))) != NULL; q++)
		if (end - q >= 5 && q[1] == ' ' && is_digit(q[2]) && is_digit(q[3]) && is_digit(q[4]) &&
		    (end - q == 5 || q[5] == ' '))
			return q;
	return NULL;
}

/* METHOD target PROTOCOL, of which only the target must be there. */
static void put_request(const uint8_t *at, const uint8_t *end, struct record *r)
{
	const uint8_t *method = at;
	r->value[FIELD_REQMETHOD] = r->value[FIELD_PROTOCOL] = r->value[FIELD_URIPATH] = r->uri = (struct value){0};
	r->tunnel = false;
	while (method < end && method - at < 32 &&
	       ((*method >= 'A' && *method <= 'Z') || *method == '_' || (*method == '-' && method > at)))
		method++;
	if (method == at || method == end || *method != ' ') {
		struct value whole = value_of(at, end);
		bool path = at < end && *at == '/';
		if (path)
			r->uri = whole;
		else if (!value_unset(whole))
			r->value[FIELD_URIPATH] = whole;
		return;
	}
	r->value[FIELD_REQMETHOD] = value_of(at, method);
	const uint8_t *stop = end;
	while (stop > method + 1 && stop[-1] != ' ')
		stop--;
	if (end - stop > 5 && stop > method + 1 && memcmp(stop, "HTTP/", 5) == 0)
		r->value[FIELD_PROTOCOL] = value_of(stop, end);
	else
		stop = end + 1;
	r->uri = value_of(method + 1, stop > method + 1 ? stop - 1 : method + 1);
	r->tunnel = value_is(r->value[FIELD_REQMETHOD], "CONNECT");
}

/* A value between quotes with Apache's escapes. */
static bool take_quoted(const uint8_t **at, const uint8_t *end, struct value *out)
{
	const uint8_t *p = *at;
	bool escaped = false;
	while (p < end && is_blank(*p))
		p++;
	if (p == end || *p != '"')
		return false;
	const uint8_t *begin = ++p;
	while (p < end && !(*p == '"' && (p + 1 == end || is_blank(p[1])))) {
		bool pair = *p == '\\' && p + 1 < end;
		escaped |= pair;
		p += pair ? 2 : 1;
	}
	if (p >= end)
		return false;
	*out =
	    (struct value){.at = begin, .length = (uint32_t)(p - begin), .form = escaped ? FORM_APACHE : FORM_QUOTED};
	*at = p + 1;
	return true;
}

/* The host that a request names: in an absolute target, else the virtual host. */
static void put_vhost(struct record *r, struct value vhost)
{
	struct url url, own;
	url_split(r->uri, r->tunnel, &url);
	url_split(vhost, true, &own);
	r->value[FIELD_HOST] = url.host.form == FORM_ABSENT ? own.host : (struct value){0};
	r->value[FIELD_URIPORT] = url.host.form == FORM_ABSENT ? own.port : (struct value){0};
}

bool clf_record(
    const uint8_t *at, const uint8_t *end, bool combined, struct when_day *days, struct record *r, const char **reason)
{
	const uint8_t *time = find_time(at, end);
	const uint8_t *close = time != NULL ? memchr(time, ']', (size_t)(end - time)) : NULL;
	struct value vhost;
	r->extras = 0;
	*reason = "no usable time";
	if (close == NULL || !when_stamp(days, value_of(time, close + 1), 0, &r->time_ns) || !when_usable(r->time_ns))
		return false;
	*reason = "no host, ident and user before the time";
	if (!put_head(at, time, r, &vhost))
		return false;
	*reason = "no request and status behind the time";
	const uint8_t *p = close + 1;
	while (p < end && is_blank(*p))
		p++;
	const uint8_t *stop = p < end && *p == '"' ? request_end(p + 1, end) : NULL;
	if (stop == NULL)
		return false;
	put_request(p + 1, stop, r);
	put_vhost(r, vhost);
	p = stop + 1;
	r->value[FIELD_RESPCODE] = value_word(&p, end);
	r->value[FIELD_SCBYTES] = value_word(&p, end);
	r->value[FIELD_REFERER] = r->value[FIELD_USERAGENT] = r->value[FIELD_ACTION] = (struct value){0};
	bool both = take_quoted(&p, end, &r->value[FIELD_REFERER]) && take_quoted(&p, end, &r->value[FIELD_USERAGENT]);
	*reason = "no referer and user agent";
	if (combined && !both)
		return false;
	struct value rest = value_word(&p, end);
	const uint8_t *colon = rest.length > 0 ? memchr(rest.at, ':', rest.length) : NULL;
	if (colon != NULL)
		r->value[FIELD_ACTION] = value_of(rest.at, colon);
	record_extra(r, "rest", rest);
	return true;
}

/*
 * Seven words up to the URL, then the user, HIERARCHY/peer and the content type. User names of directories hold blanks,
 * so the hierarchy is looked for behind the URL by its form.
 */
#include "dissect/log/squid.h"

#include "dissect/log/when.h"

bool squid_looks(const uint8_t *at, const uint8_t *end)
{
	if (end - at < 15 || at[10] != '.' || !is_blank(at[14]))
		return false;
	for (unsigned i = 0; i < 14; i++)
		if (i != 10 && !is_digit(at[i]))
			return false;
	return true;
}

/* DIRECT/host, HIER_NONE/-: capitals, then a slash. */
static const uint8_t *hierarchy_slash(struct value word)
{
	const uint8_t *p = word.at, *end = word.at + word.length;
	while (p < end && ((*p >= 'A' && *p <= 'Z') || is_digit(*p) || *p == '_'))
		p++;
	return p < end && p > word.at + 3 && *p == '/' ? p : NULL;
}

static bool is_address(struct value v)
{
	unsigned dots = 0, colons = 0;
	for (uint32_t i = 0; i < v.length; i++) {
		uint8_t c = v.at[i];
		bool hex = (c | 0x20) >= 'a' && (c | 0x20) <= 'f';
		dots += c == '.';
		colons += c == ':';
		if (!is_digit(c) && !hex && c != '.' && c != ':')
			return false;
		if (hex && dots > 0)
			return false;
	}
	return v.length <= 45 && (colons >= 2 || (colons == 0 && dots == 3));
}

/* What stands behind the content type: MIME headers in brackets, or Blue Coat's category and unquoted user agent. */
static void put_rest(struct record *r, const uint8_t *at, const uint8_t *end)
{
	while (at < end && is_blank(*at))
		at++;
	while (end > at && is_blank(end[-1]))
		end--;
	r->value[FIELD_WEBCAT] = r->value[FIELD_USERAGENT] = (struct value){0};
	if (at < end && *at == '[') {
		record_extra(r, "mime_headers", value_of(at, end));
		return;
	}
	r->value[FIELD_WEBCAT] = value_word(&at, end);
	while (at < end && is_blank(*at))
		at++;
	if (at < end)
		r->value[FIELD_USERAGENT] = value_of(at, end);
}

/* User, hierarchy and everything behind the URL. */
static bool put_tail(struct record *r, const uint8_t *at, const uint8_t *end)
{
	struct value first = value_word(&at, end), word = first;
	if (first.form == FORM_ABSENT)
		return false;
	const uint8_t *slash = NULL, *user_end = first.at + first.length;
	while ((word = value_word(&at, end)).form != FORM_ABSENT && (slash = hierarchy_slash(word)) == NULL)
		user_end = word.at + word.length;
	if (slash == NULL)
		return false;
	struct value peer = value_of(slash + 1, word.at + word.length);
	r->value[FIELD_USERNAME] = value_of(first.at, user_end);
	r->value[FIELD_SERVERIP] = is_address(peer) ? peer : (struct value){0};
	record_extra(r, "hierarchy", word);
	r->value[FIELD_RESCONTTYPE] = value_word(&at, end);
	put_rest(r, at, end);
	return r->value[FIELD_RESCONTTYPE].form != FORM_ABSENT;
}

bool squid_record(const uint8_t *at, const uint8_t *end, struct record *r, const char **reason)
{
	struct when_day days = {0};
	r->extras = 0;
	if (!when_stamp(&days, value_word(&at, end), 0, &r->time_ns) || !when_usable(r->time_ns)) {
		*reason = "no usable time";
		return false;
	}
	r->value[FIELD_DURATION] = value_word(&at, end);
	r->value[FIELD_CLIENTIP] = value_word(&at, end);
	struct value result = value_word(&at, end);
	const uint8_t *slash = result.length > 0 ? memchr(result.at, '/', result.length) : NULL;
	r->value[FIELD_SCBYTES] = value_word(&at, end);
	r->value[FIELD_REQMETHOD] = value_word(&at, end);
	r->uri = value_word(&at, end);
	if (slash == NULL || r->uri.form == FORM_ABSENT || !put_tail(r, at, end)) {
		*reason = "no line of Squid's format";
		return false;
	}
	if (r->uri.length > 3 && memcmp(r->uri.at + r->uri.length - 3, "://", 3) == 0) {
		*reason = "a blank in the URL";
		return false;
	}
	r->value[FIELD_ACTION] = value_of(result.at, slash);
	r->value[FIELD_RESPCODE] = value_of(slash + 1, result.at + result.length);
	bool denied = slash - result.at >= 10 && memcmp(result.at, "TCP_DENIED", 10) == 0;
	r->value[FIELD_FILTERRESULT] = value_text(denied ? "DENIED" : "OBSERVED");
	r->tunnel = value_is(r->value[FIELD_REQMETHOD], "CONNECT");
	return true;
}

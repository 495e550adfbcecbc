/* The one place that follows pointers for our own text. Looking at a name and writing it are two passes: most names are
 * looked at only. */
#include "dissect/dns/name.h"

#include <string.h>

/* How a byte of a label is written. */
enum written { DECIMAL, PLAIN, BACKSLASH };

/* Letters, digits and every other graphic character stand for themselves but the quote, the comma and those that zone
 * files take for their own. */
static const uint8_t written[256] = {
    ['!'] = PLAIN,
    ['#'] = PLAIN,
    ['$'] = BACKSLASH,
    ['%' ... '\''] = PLAIN,
    ['(' ... ')'] = BACKSLASH,
    ['*' ... '+'] = PLAIN,
    ['-'] = PLAIN,
    ['.'] = BACKSLASH,
    ['/' ... ':'] = PLAIN,
    [';'] = BACKSLASH,
    ['<' ... '?'] = PLAIN,
    ['@'] = BACKSLASH,
    ['A' ... '['] = PLAIN,
    ['\\'] = BACKSLASH,
    [']' ... '~'] = PLAIN,
};

const char *dns_name_reason(enum dns_name_state s)
{
	static const char *const reason[] = {
	    [DNS_NAME_FORWARD] = "a name points forward",
	    [DNS_NAME_LOOP] = "a name points at itself",
	    [DNS_NAME_LONG] = "a name of more than 255 bytes",
	    [DNS_NAME_OUTSIDE] = "a name leads past the end",
	    [DNS_NAME_CUT] = "a name runs past the end",
	    [DNS_NAME_LABEL] = "an unknown label type",
	};
	return reason[s];
}

/* Past the name in its own place: what a name that is bad elsewhere still tells. */
static enum dns_name_state skip(const struct dns_message *m, size_t at, size_t *end)
{
	while (at < m->have) {
		uint8_t length = m->bytes[at];
		if (length == 0) {
			*end = at + 1;
			return DNS_NAME_GOOD;
		}
		if (length >= DNS_POINTER) {
			*end = at + 2;
			return at + 2 <= m->have ? DNS_NAME_GOOD : DNS_NAME_CUT;
		}
		if (length >= 0x40)
			return DNS_NAME_LABEL;
		at += 1 + (size_t)length;
	}
	return DNS_NAME_CUT;
}

/*
 * The rest of a name that began with a pointer or came to one. segment is where the part before the pointer began:
 * pointers that lead before it cannot loop.
 */
static enum dns_name_state follow(const struct dns_message *m, size_t at, size_t segment, size_t wire)
{
	enum dns_name_state state = DNS_NAME_GOOD;
	for (unsigned jumps = 1; jumps <= DNS_NAME_JUMPS; jumps++) {
		size_t target = (size_t)(m->bytes[at] & 0x3f) << 8 | m->bytes[at + 1];
		if (target >= segment)
			state = DNS_NAME_FORWARD;
		segment = at = target;
		for (;;) {
			if (at >= m->have)
				return DNS_NAME_OUTSIDE;
			uint8_t length = m->bytes[at];
			if (length == 0)
				return wire + 1 > DNS_NAME_WIRE ? DNS_NAME_LONG : state;
			if (length >= DNS_POINTER)
				break;
			if (length >= 0x40)
				return DNS_NAME_OUTSIDE;
			at += 1 + (size_t)length;
			wire += 1 + (size_t)length;
			if (wire > DNS_NAME_WIRE)
				return state == DNS_NAME_FORWARD ? DNS_NAME_LOOP : DNS_NAME_LONG;
		}
		if (at + 2 > m->have)
			return DNS_NAME_OUTSIDE;
	}
	return DNS_NAME_LOOP;
}

enum dns_name_state dns_name_check(const struct dns_message *m, size_t at, size_t *end)
{
	size_t start = at;
	enum dns_name_state state = skip(m, at, end);
	if (state != DNS_NAME_GOOD)
		return state;
	size_t own = *end - start;
	if (own >= 2 && m->bytes[*end - 2] >= DNS_POINTER) {
		/* The last two bytes may also be the end of a label and the zero: then walking tells. */
		while (m->bytes[at] != 0 && m->bytes[at] < DNS_POINTER)
			at += 1 + (size_t)m->bytes[at];
		if (m->bytes[at] >= DNS_POINTER)
			return own > DNS_NAME_WIRE ? DNS_NAME_LONG : follow(m, at, start, at - start);
	}
	return own > DNS_NAME_WIRE ? DNS_NAME_LONG : DNS_NAME_GOOD;
}

/* A label that holds something to escape. */
static size_t escape(const uint8_t *label, size_t length, uint8_t *out)
{
	size_t n = 0;
	for (size_t i = 0; i < length; i++) {
		uint8_t c = label[i];
		if (written[c] == PLAIN) {
			out[n++] = c;
		} else if (written[c] == BACKSLASH) {
			out[n++] = '\\';
			out[n++] = c;
		} else {
			out[n++] = '\\';
			out[n++] = (uint8_t)('0' + c / 100);
			out[n++] = (uint8_t)('0' + c / 10 % 10);
			out[n++] = (uint8_t)('0' + c % 10);
		}
	}
	return n;
}

size_t dns_name_text(const struct dns_message *m, size_t at, uint8_t *out)
{
	const uint8_t *p = m->bytes + at;
	size_t n = 0;
	for (uint8_t length; (length = *p) != 0;) {
		if (length >= DNS_POINTER) {
			p = m->bytes + ((size_t)(length & 0x3f) << 8 | p[1]);
			continue;
		}
		p++;
		uint8_t all = PLAIN;
		for (size_t i = 0; i < length; i++) {
			out[n + i] = p[i];
			all &= written[p[i]];
		}
		n += all == PLAIN ? length : escape(p, length, out + n);
		out[n++] = '.';
		p += length;
	}
	if (n == 0)
		out[n++] = '.';
	else
		n--;
	return n;
}

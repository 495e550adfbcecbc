/* tshark's reading of a message, quirk by quirk: what its users' tables hold today. Own code after its behaviour;
 * nothing here is meant to be right. */
#include "dissect/dns/tshark.h"

#include <string.h>

#include "dissect/dns/types.h"
#include "dissect/dns/unicode.h"
#include "dissect/dns/walk.h"

enum {
	POINTERS = 255,
	ROOT_BYTES = 2, /* an empty name of at most so many bytes in its own place is the root */
	BIT_STRING = 0x41,
	SELF = 4, /* the pointer it knows as a loop leads so far behind its own first byte */
	WORK_FREE = 64 << 10,
	WORK_TIMES = 16,
};

struct cursor {
	const uint8_t *bytes;
	size_t have, at;
	uint64_t work; /* steps left for names */
	bool failed;   /* tshark throws: reading ends */
};

static uint32_t get(struct cursor *c, size_t n)
{
	uint32_t v = 0;
	if (c->failed || n > c->have - c->at) {
		c->failed = true;
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		v = v << 8 | c->bytes[c->at + i];
	c->at += n;
	return v;
}

static void set_text(struct tshark_name *name, const char *text)
{
	name->length = (uint16_t)strlen(text);
	memcpy(name->bytes, text, name->length);
}

/* One label onto the name. It takes what is left of 255 bytes, then only walks; a label may not run past the end while
 * it takes. */
static void add_label(struct cursor *c, size_t length, struct tshark_name *name, size_t *room)
{
	if (name->length > 0 && *room > 0)
		name->bytes[name->length++] = '.';
	if (*room > 0)
		(*room)--;
	size_t take = length < *room ? length : *room;
	if (c->at > c->have || take > c->have - c->at) {
		c->failed = true;
		return;
	}
	memcpy(name->bytes + name->length, c->bytes + c->at, take);
	name->length += (uint16_t)take;
	*room -= take;
	c->at += length;
}

/* Returns the bytes of the name in its own place. */
static size_t expand(struct cursor *c, struct tshark_name *name)
{
	size_t start = c->at, room = 255, own = 0;
	unsigned pointers = 0;
	name->length = 0;
	for (;;) {
		if (c->at >= c->have || c->work == 0) {
			c->failed = true;
			return 0;
		}
		c->work--;
		uint8_t length = c->bytes[c->at++];
		if (length == 0)
			break;
		if (length < 0x40) {
			add_label(c, length, name, &room);
		} else if (length >= DNS_POINTER) {
			size_t target = (size_t)(length & 0x3f) << 8 | get(c, 1);
			if (pointers++ == 0)
				own = c->at - start;
			if (!c->failed && (target == c->at + SELF - 2 || pointers > POINTERS)) {
				set_text(name, "<Name contains a pointer that loops>");
				return own;
			}
			c->at = target;
		} else if (length < 0x80 && length != BIT_STRING && c->at >= start + ROOT_BYTES) {
			/* The name is taken to end here, even behind a pointer. */
			set_text(name, "<Unknown extended label>");
			return c->at - start;
		} else {
			c->failed = true;
		}
		if (c->failed)
			return 0;
	}
	if (room == 0)
		set_text(name, "<Name too long>");
	return pointers == 0 ? c->at - start : own;
}

static void read_name(struct cursor *c, struct tshark_name *name)
{
	size_t start = c->at;
	size_t own = expand(c, name);
	if (c->failed)
		return;
	c->at = start + own;
	if ((name->length == 0 || name->bytes[0] == 0) && own <= ROOT_BYTES)
		set_text(name, "<Root>");
	else if (own > ROOT_BYTES && name->length == 0)
		c->failed = true;
}

/*
 * RDATA of types whose reading can pass the end: n a name, 1 2 4 that many bytes, s a string with its length, S strings
 * to the end of RDATA, O options, r what is left for a signature.
 */
static const char *layout(uint16_t type)
{
	switch (type) {
	case 1:
		return "4";
	case 2:
	case 3:
	case 4:
	case 5:
	case 7:
	case 8:
	case 9:
	case 12:
	case 39:
		return "n";
	case 14:
		return "nn";
	case 6:
		return "nn44444";
	case 13:
		return "ss";
	case 15:
	case 18:
	case 21:
	case 36:
		return "2n";
	case 16:
	case 99:
		return "S";
	case 17:
		return "nn";
	case 28:
		return "4444";
	case 33:
		return "222n";
	case 35:
		return "22sssn";
	case 46:
		return "2114442nr";
	case 47:
		return "n";
	case 41:
		return "O";
	default:
		return "";
	}
}

static void read_string(struct cursor *c)
{
	size_t length = get(c, 1);
	if (!c->failed && length > c->have - c->at)
		c->failed = true;
	else
		c->at += length;
}

/* It counts down to zero exactly: strings that pass the end of RDATA are read on to the end of the message. */
static void read_strings(struct cursor *c, size_t end)
{
	while (!c->failed && c->at < end)
		read_string(c);
	c->failed |= c->at > end;
}

/* These may pass the end of RDATA, if not that of the message. */
static void read_options(struct cursor *c, size_t end)
{
	while (!c->failed && c->at < end) {
		get(c, 2);
		size_t length = get(c, 2);
		if (length > c->have - c->at)
			c->failed = true;
		else
			c->at += length;
	}
}

static void read_data(struct cursor *c, uint16_t type, size_t length)
{
	struct tshark_name ignored;
	size_t start = c->at;
	for (const char *p = layout(type); *p != '\0' && !c->failed; p++) {
		if (*p == 'n')
			read_name(c, &ignored);
		else if (*p == 's')
			read_string(c);
		else if (*p == 'S')
			read_strings(c, start + length);
		else if (*p == 'O')
			read_options(c, start + length);
		else if (*p == 'r')
			c->failed |= c->at > start + length;
		else
			get(c, (size_t)(*p - '0'));
	}
}

static void read_question(struct cursor *c, struct tshark_columns *out)
{
	struct tshark_name name;
	read_name(c, &name);
	get(c, 4);
	if (!c->failed && !out->has_question) {
		out->question = name;
		out->has_question = true;
	}
}

static void note(
    struct tshark_columns *out, const struct tshark_name *name, uint16_t type, uint16_t class, uint32_t ttl)
{
	if (!out->has_name && type != DNS_TYPE_SRV) {
		out->name = *name;
		out->has_name = true;
	}
	if (!out->has_type)
		out->type = type;
	out->has_type = true;
	if (type == DNS_TYPE_OPT)
		return;
	if (!out->has_class)
		out->class = class;
	if (!out->has_ttl)
		out->ttl = ttl;
	out->has_class = out->has_ttl = true;
}

static void read_record(struct cursor *c, bool mdns, struct tshark_columns *out)
{
	struct tshark_name name;
	read_name(c, &name);
	uint16_t type = (uint16_t)get(c, 2), class = (uint16_t)get(c, 2);
	uint32_t ttl = get(c, 4);
	size_t length = get(c, 2);
	if (c->failed || length > c->have - c->at) {
		c->failed = true;
		return;
	}
	note(out, &name, type, mdns ? class & 0x7fff : class, ttl);
	size_t start = c->at;
	if (length > 0) {
		read_data(c, type, length);
		if (type == DNS_TYPE_A && !c->failed && !out->has_address) {
			out->address = start;
			out->has_address = true;
		}
	}
	c->at = start + length;
}

void tshark_walk(const struct dns_message *m, struct tshark_columns *out)
{
	struct cursor c = {
	    .bytes = m->bytes, .have = m->have, .at = 4, .work = WORK_FREE + WORK_TIMES * (uint64_t)m->have};
	*out = (struct tshark_columns){.has_name = false};
	if (m->have < DNS_HEADER)
		return;
	size_t questions = get(&c, 2), records = 0;
	for (unsigned i = 0; i < 3; i++)
		records += get(&c, 2);
	while (questions-- > 0 && !c.failed)
		read_question(&c, out);
	while (records-- > 0 && !c.failed)
		read_record(&c, m->mdns, out);
}

static size_t put_control(uint8_t b, uint8_t *out)
{
	out[0] = '\\';
	if (b >= 7 && b <= 13) {
		out[1] = (uint8_t) "abtnvfr"[b - 7];
		return 2;
	}
	out[1] = (uint8_t)('0' + (b >> 6));
	out[2] = (uint8_t)('0' + (b >> 3 & 7));
	out[3] = (uint8_t)('0' + (b & 7));
	return 4;
}

static size_t put_utf8(uint32_t c, uint8_t *out)
{
	if (c < 0x80) {
		out[0] = (uint8_t)c;
		return 1;
	}
	size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = n - 1; i > 0; i--, c >>= 6)
		out[i] = (uint8_t)(0x80 | (c & 0x3f));
	out[0] = (uint8_t)(0xf00u >> n | c);
	return n;
}

/* The character that starts at *at, of the old UTF-8 with up to six bytes; U+FFFD for what is none. */
static uint32_t next_character(const struct tshark_name *name, size_t *at)
{
	uint8_t lead = name->bytes[(*at)++];
	unsigned more = lead < 0xc0 || lead >= 0xfe ? 0
	                : lead < 0xe0               ? 1
	                : lead < 0xf0               ? 2
	                : lead < 0xf8               ? 3
	                : lead < 0xfc               ? 4
	                                            : 5;
	if (more == 0)
		return 0xfffd;
	uint32_t c = lead & (0x3fu >> more);
	for (; more > 0; more--) {
		if (*at >= name->length || (name->bytes[*at] & 0xc0) != 0x80)
			return 0xfffd;
		c = c << 6 | (name->bytes[(*at)++] & 0x3f);
	}
	return c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0xfffd : c;
}

static size_t put_character(uint32_t c, uint8_t *out)
{
	static const char digit[] = "0123456789ABCDEF";
	if (c >= 0x80 ? unicode_printable(c) : c >= 0x20 && c < 0x7f)
		return put_utf8(c, out);
	unsigned digits = c > 0xffff ? 8 : 4;
	out[0] = '\\';
	out[1] = digits == 8 ? 'U' : 'u';
	for (unsigned i = 0; i < digits; i++)
		out[2 + i] = (uint8_t)digit[c >> 4 * (digits - 1 - i) & 15];
	return 2 + digits;
}

size_t tshark_text(const struct tshark_name *name, uint8_t out[TSHARK_TEXT])
{
	size_t n = 0;
	for (size_t i = 0; i < name->length;) {
		uint8_t b = name->bytes[i];
		if (b >= 0x20 && b < 0x7f) {
			out[n++] = b;
			i++;
		} else if (b < 0x80) {
			n += put_control(b, out + n);
			i++;
		} else {
			n += put_character(next_character(name, &i), out + n);
		}
	}
	return n;
}

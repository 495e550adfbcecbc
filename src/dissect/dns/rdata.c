/*
 * One table says how the data of each type is laid out; checking and printing walk the same row, so that what was
 * checked is what is printed.
 */
#include "dissect/dns/rdata.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/clock.h"
#include "dissect/dns/option.h"
#include "dissect/dns/present.h"
#include "dissect/dns/svcb.h"
#include "dissect/dns/types.h"

struct shape {
	uint16_t type;
	const char *parts; /* below; in order */
};

/*
 * 1 2 4 8   integer of 8, 16, 32, 48 bits, decimal     a 6  IPv4, IPv6 address             n  name
 * s         character string    S  one or more         c    length and bare text (CAA tag) q  rest as one string
 * x b       rest as hexadecimal, base64                h 3  length and hexadecimal, base32 t  type
 * d         date of RRSIG       m  type bitmap         M o  u16 length and base64          r  response code
 * l         64-bit locator      e  rest as EUI         L    LOC                            P  service parameters
 * O         EDNS options
 */
/* clang-format off */
static const struct shape shapes[] = {
    {1, "a"}, {2, "n"}, {3, "n"}, {4, "n"}, {5, "n"}, {6, "nn44444"}, {7, "n"}, {8, "n"}, {9, "n"}, {12, "n"}, {13, "ss"},
    {14, "nn"}, {15, "2n"}, {16, "S"}, {17, "nn"}, {18, "2n"}, {19, "s"}, {21, "2n"}, {24, "t114dd2nb"}, {25, "211b"}, {26, "2nn"},
    {27, "sss"}, {28, "6"}, {29, "L"}, {33, "222n"}, {35, "22sssn"}, {36, "2n"}, {37, "221b"}, {39, "n"}, {41, "O"}, {43, "211x"},
    {44, "11x"}, {46, "t114dd2nb"}, {47, "nm"}, {48, "211b"}, {49, "b"}, {50, "112h3m"}, {51, "112h"}, {52, "111x"}, {53, "111x"},
    {58, "nn"}, {59, "211x"}, {60, "211b"}, {61, "b"}, {62, "42m"}, {63, "411x"}, {64, "2nP"}, {65, "2nP"}, {99, "S"}, {104, "2l"},
    {105, "2a"}, {106, "2l"}, {107, "2n"}, {108, "e"}, {109, "e"}, {250, "n82M2ro"}, {256, "22q"}, {257, "1cq"}, {258, "S"},
    {261, "S"}, {262, "S"}, {32768, "211x"}, {32769, "211x"},
};
/* clang-format on */

struct state {
	const struct dns_message *m;
	struct reader r;
	struct writer *out; /* NULL: only checked */
	uint16_t type;
	bool first;
};

static const char *parts_of(uint16_t type)
{
	size_t low = 0, high = sizeof shapes / sizeof *shapes;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (shapes[middle].type < type)
			low = middle + 1;
		else
			high = middle;
	}
	return low < sizeof shapes / sizeof *shapes && shapes[low].type == type ? shapes[low].parts : NULL;
}

static void blank(struct state *s)
{
	if (s->out != NULL && !s->first)
		writer_u8(s->out, ' ');
	s->first = false;
}

static void number(struct state *s, size_t bytes)
{
	uint64_t v = 0;
	const uint8_t *p = reader_take(&s->r, bytes);
	for (size_t i = 0; p != NULL && i < bytes; i++)
		v = v << 8 | p[i];
	blank(s);
	if (s->out != NULL)
		writer_format(s->out, "%llu", (unsigned long long)v);
}

static void address(struct state *s, int family, size_t bytes)
{
	char text[INET6_ADDRSTRLEN];
	const uint8_t *p = reader_take(&s->r, bytes);
	blank(s);
	if (s->out != NULL && p != NULL)
		writer_text(s->out, inet_ntop(family, p, text, sizeof text));
}

static void name(struct state *s)
{
	size_t at = (size_t)(s->r.at - s->m->bytes), end = 0;
	if (s->r.failed)
		return;
	enum dns_name_state state = dns_name_check(s->m, at, &end);
	if (!dns_name_usable(state) || end - at > reader_left(&s->r)) {
		s->r.failed = true;
		return;
	}
	s->r.at += end - at;
	blank(s);
	uint8_t *room = s->out != NULL ? writer_room(s->out, DNS_NAME_TEXT) : NULL;
	if (room != NULL)
		writer_advance(s->out, dns_name_text(s->m, at, room));
}

static void string(struct state *s)
{
	size_t length = reader_u8(&s->r);
	const uint8_t *p = reader_take(&s->r, length);
	blank(s);
	if (s->out != NULL && p != NULL)
		present_string(p, length, s->out);
}

static void strings(struct state *s)
{
	do
		string(s);
	while (!s->r.failed && reader_left(&s->r) > 0);
}

/* RFC 8659 section 4.1: letters and digits. */
static void tag(struct state *s)
{
	size_t length = reader_u8(&s->r);
	const uint8_t *p = reader_take(&s->r, length);
	bool good = p != NULL && length > 0;
	for (size_t i = 0; good && i < length; i++)
		good = (p[i] >= '0' && p[i] <= '9') || (p[i] >= 'a' && p[i] <= 'z') || (p[i] >= 'A' && p[i] <= 'Z');
	s->r.failed |= !good;
	blank(s);
	if (s->out != NULL && good)
		writer_put(s->out, p, length);
}

static void rest(struct state *s, void (*present)(const uint8_t *, size_t, struct writer *))
{
	size_t length = reader_left(&s->r);
	const uint8_t *p = reader_take(&s->r, length);
	if (s->out == NULL || p == NULL || (length == 0 && present != present_string))
		return;
	blank(s);
	present(p, length, s->out);
}

/* Length and bytes; "-" for none, which NSEC3 writes for a missing salt. */
static void sized(struct state *s, void (*present)(const uint8_t *, size_t, struct writer *))
{
	size_t length = reader_u8(&s->r);
	const uint8_t *p = reader_take(&s->r, length);
	blank(s);
	if (s->out != NULL && length == 0)
		writer_u8(s->out, '-');
	else if (s->out != NULL && p != NULL)
		present(p, length, s->out);
}

/* TSIG (RFC 8945 section 4.2): length, and the bytes where there are any. */
static void counted(struct state *s)
{
	size_t length = reader_be16(&s->r);
	const uint8_t *p = reader_take(&s->r, length);
	blank(s);
	if (s->out == NULL || p == NULL)
		return;
	writer_format(s->out, "%zu", length);
	if (length > 0) {
		writer_u8(s->out, ' ');
		present_base64(p, length, s->out);
	}
}

static void mnemonic(struct state *s, const char *(*text)(uint16_t, char[DNS_MNEMONIC]))
{
	char out[DNS_MNEMONIC];
	uint16_t v = reader_be16(&s->r);
	blank(s);
	if (s->out != NULL)
		writer_text(s->out, text(v, out));
}

/* RFC 4034 section 3.2: YYYYMMDDHHmmSS. Seconds since 1970 that wrap in 2106; those here are taken as they stand. */
static void date(struct state *s)
{
	struct civil c = civil_of(reader_be32(&s->r));
	blank(s);
	if (s->out != NULL)
		writer_format(
		    s->out, "%04d%02u%02u%02u%02u%02u", (int)c.year, c.month, c.day, c.hour, c.minute, c.second);
}

/* RFC 4034 section 4.1.2: windows in rising order, each of 1 to 32 bytes. */
static void bitmap(struct state *s)
{
	char text[DNS_MNEMONIC];
	int before = -1;
	while (reader_left(&s->r) > 0 && !s->r.failed) {
		unsigned window = reader_u8(&s->r), length = reader_u8(&s->r);
		const uint8_t *p = reader_take(&s->r, length);
		if (p == NULL || length < 1 || length > 32 || (int)window <= before) {
			s->r.failed = true;
			return;
		}
		before = (int)window;
		for (unsigned bit = 0; s->out != NULL && bit < 8 * length; bit++) {
			if ((p[bit / 8] & 0x80 >> bit % 8) == 0)
				continue;
			blank(s);
			writer_text(s->out, dns_type_text((uint16_t)(window << 8 | bit), text));
		}
	}
}

static void locator(struct state *s)
{
	const uint8_t *p = reader_take(&s->r, 8);
	blank(s);
	if (s->out != NULL && p != NULL)
		writer_format(
		    s->out, "%02x%02x:%02x%02x:%02x%02x:%02x%02x", p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7]);
}

/* RFC 7043: 6 bytes of EUI48, 8 of EUI64. */
static void eui(struct state *s)
{
	size_t length = s->type == 108 ? 6 : 8;
	const uint8_t *p = reader_take(&s->r, length);
	blank(s);
	for (size_t i = 0; s->out != NULL && p != NULL && i < length; i++)
		writer_format(s->out, i == 0 ? "%02x" : "-%02x", p[i]);
}

/* RFC 1876 section 2: base and power of ten, in centimetres. */
static void centimetres(struct writer *out, uint8_t v)
{
	static const uint64_t power[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000};
	uint64_t cm = (v >> 4) * power[v & 15];
	writer_format(out, " %llu.%02llum", (unsigned long long)(cm / 100), (unsigned long long)(cm % 100));
}

static void degrees(struct writer *out, uint32_t v, char plus, char minus)
{
	int64_t ms = (int64_t)v - (INT64_C(1) << 31);
	char side = ms < 0 ? minus : plus;
	ms = ms < 0 ? -ms : ms;
	writer_format(out, "%d %d %d.%03d %c ", (int)(ms / 3600000), (int)(ms / 60000 % 60), (int)(ms / 1000 % 60),
	    (int)(ms % 1000), side);
}

static void loc(struct state *s)
{
	const uint8_t *v = reader_take(&s->r, 4);
	uint32_t latitude = reader_be32(&s->r), longitude = reader_be32(&s->r), altitude = reader_be32(&s->r);
	if (s->r.failed || v[0] != 0 || (v[1] & 15) > 9 || (v[2] & 15) > 9 || (v[3] & 15) > 9) {
		s->r.failed = true;
		return;
	}
	blank(s);
	if (s->out == NULL)
		return;
	degrees(s->out, latitude, 'N', 'S');
	degrees(s->out, longitude, 'E', 'W');
	int64_t cm = (int64_t)altitude - 10000000;
	uint64_t size = (uint64_t)(cm < 0 ? -cm : cm);
	writer_format(s->out, "%s%llu.%02llum", cm < 0 ? "-" : "", (unsigned long long)(size / 100),
	    (unsigned long long)(size % 100));
	for (unsigned i = 1; i <= 3; i++)
		centimetres(s->out, v[i]);
}

static void options(struct state *s)
{
	struct dns_option o;
	while (dns_option_next(&s->r, &o))
		continue;
}

static void part(struct state *s, char p)
{
	switch (p) {
	case '1':
	case '2':
	case '4':
		number(s, (size_t)(p - '0'));
		break;
	case '8':
		number(s, 6);
		break;
	case 'a':
		address(s, AF_INET, 4);
		break;
	case '6':
		address(s, AF_INET6, 16);
		break;
	case 'n':
		name(s);
		break;
	case 's':
		string(s);
		break;
	case 'S':
		strings(s);
		break;
	case 'c':
		tag(s);
		break;
	case 'q':
		rest(s, present_string);
		break;
	case 'x':
		rest(s, present_hex);
		break;
	case 'b':
		rest(s, present_base64);
		break;
	case 'h':
		sized(s, present_hex);
		break;
	case '3':
		sized(s, present_base32);
		break;
	case 't':
		mnemonic(s, dns_type_text);
		break;
	case 'r':
		mnemonic(s, dns_rcode_text);
		break;
	case 'd':
		date(s);
		break;
	case 'm':
		bitmap(s);
		break;
	case 'M':
	case 'o':
		counted(s);
		break;
	case 'l':
		locator(s);
		break;
	case 'e':
		eui(s);
		break;
	case 'L':
		loc(s);
		break;
	case 'P':
		svcb_params(&s->r, s->out);
		break;
	default:
		options(s);
	}
}

static bool walk_parts(const struct dns_message *m, const struct dns_record *r, const char *parts, struct writer *out)
{
	struct state s = {
	    .m = m, .r = reader_of(m->bytes + r->data, r->length), .out = out, .type = r->type, .first = true};
	for (; *parts != '\0' && !s.r.failed; parts++)
		part(&s, *parts);
	return !s.r.failed && reader_left(&s.r) == 0;
}

const char *dns_rdata_check(const struct dns_message *m, const struct dns_record *r)
{
	const char *parts = parts_of(r->type);
	if (parts == NULL || walk_parts(m, r, parts, NULL))
		return NULL;
	switch (r->type) {
	case DNS_TYPE_A:
		return "an A record of other than 4 bytes";
	case DNS_TYPE_AAAA:
		return "an AAAA record of other than 16 bytes";
	case DNS_TYPE_OPT:
		return "EDNS options that don't fill their record";
	default:
		return "RDATA contradicts its type";
	}
}

void dns_rdata_text(const struct dns_message *m, const struct dns_record *r, struct writer *out)
{
	const char *parts = parts_of(r->type);
	if (parts != NULL && r->length > 0 && r->type != DNS_TYPE_OPT && walk_parts(m, r, parts, NULL)) {
		walk_parts(m, r, parts, out);
		return;
	}
	writer_format(out, r->length > 0 ? "\\# %u " : "\\# %u", r->length);
	present_hex(m->bytes + r->data, r->length, out);
}

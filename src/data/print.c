/* The text of integers, times, flags and names. Everything a table shows that is not an address, a float or bytes is
 * spelled here. */
#include "data/print.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "data/names.h"

static const char pairs[] = "00010203040506070809"
                            "10111213141516171819"
                            "20212223242526272829"
                            "30313233343536373839"
                            "40414243444546474849"
                            "50515253545556575859"
                            "60616263646566676869"
                            "70717273747576777879"
                            "80818283848586878889"
                            "90919293949596979899";

static const char hex_digit[] = "0123456789abcdef";

static const char month_name[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* Bit 7 first. */
static const char flag_letter[] = "CEUAPRSF";

enum { FLAGS6_MAX = 0x3f, DAY = 86400 };

static void put_pair(char *to, unsigned v)
{
	memcpy(to, pairs + 2 * v, 2);
}

size_t print_digits(uint64_t v, char *to)
{
	if (v < 10) {
		to[0] = (char)('0' + v);
		return 1;
	}
	if (v < 100) {
		put_pair(to, (unsigned)v);
		return 2;
	}
	char text[20];
	size_t at = sizeof text;
	for (; v >= 100; v /= 100)
		put_pair(text + (at -= 2), (unsigned)(v % 100));
	if (v >= 10)
		put_pair(text + (at -= 2), (unsigned)v);
	else
		text[--at] = (char)('0' + v);
	memcpy(to, text + at, sizeof text - at);
	return sizeof text - at;
}

size_t print_unsigned(const union key_value *key, char text[RENDER_TEXT])
{
	return print_digits(key->u64, text);
}

size_t print_signed(const union key_value *key, char text[RENDER_TEXT])
{
	if ((int64_t)key->u64 >= 0)
		return print_digits(key->u64, text);
	text[0] = '-';
	return 1 + print_digits(0 - key->u64, text + 1);
}

size_t print_real(const union key_value *key, char text[RENDER_TEXT])
{
	uint32_t bits = (uint32_t)key->u64;
	float v;
	memcpy(&v, &bits, sizeof v);
	return render_float(v, text);
}

/* Nanoseconds in 64 bits stay within the years 1677 to 2262, so four digits are enough. */
size_t print_datetime(const union key_value *key, char text[RENDER_TEXT])
{
	struct civil c = civil_of((int64_t)key->u64);
	memcpy(text, "0000-00-00 00:00:00", 19);
	put_pair(text, (unsigned)c.year / 100 % 100);
	put_pair(text + 2, (unsigned)c.year % 100);
	put_pair(text + 5, c.month);
	put_pair(text + 8, c.day);
	put_pair(text + 11, c.hour);
	put_pair(text + 14, c.minute);
	put_pair(text + 17, c.second);
	return 19;
}

size_t print_date(const union key_value *key, char text[RENDER_TEXT])
{
	char whole[RENDER_TEXT];
	print_datetime(&(union key_value){.u64 = key->u64 * DAY}, whole);
	memcpy(text, whole, 10);
	return 10;
}

size_t print_clock(const union key_value *key, char text[RENDER_TEXT])
{
	memcpy(text, "00:00:00", 8);
	put_pair(text, (unsigned)(key->u64 / 3600 % 24));
	put_pair(text + 3, (unsigned)(key->u64 / 60 % 60));
	put_pair(text + 6, (unsigned)(key->u64 % 60));
	return 8;
}

/* Every row of a capture has a time of its own, so this one is not printed once for many: no division per digit. */
size_t print_frame_time(const union key_value *key, char text[RENDER_TEXT])
{
	int64_t ns = (int64_t)key->u64, seconds = ns / NS_PER_S - (ns % NS_PER_S < 0);
	unsigned fraction = (unsigned)(ns - seconds * NS_PER_S);
	struct civil c = civil_of(seconds);
	memcpy(text, "Mon  0 0000 00:00:00.000000000 UTC", 34);
	memcpy(text, month_name + 3 * (c.month - 1), 3);
	put_pair(text + 4, c.day);
	if (text[4] == '0')
		text[4] = ' ';
	put_pair(text + 7, (unsigned)c.year / 100 % 100);
	put_pair(text + 9, (unsigned)c.year % 100);
	put_pair(text + 12, c.hour);
	put_pair(text + 15, c.minute);
	put_pair(text + 18, c.second);
	text[21] = (char)('0' + fraction / 100000000);
	put_pair(text + 22, fraction / 1000000 % 100);
	put_pair(text + 24, fraction / 10000 % 100);
	put_pair(text + 26, fraction / 100 % 100);
	put_pair(text + 28, fraction % 100);
	return 34;
}

size_t print_address(const union key_value *key, char text[RENDER_TEXT])
{
	return render_ip(&key->ip, text);
}

size_t print_mac(const union key_value *key, char text[RENDER_TEXT])
{
	for (int i = 0; i < 6; i++) {
		unsigned octet = key->u64 >> (40 - 8 * i) & 0xff;
		text[3 * i] = hex_digit[octet >> 4];
		text[3 * i + 1] = hex_digit[octet & 15];
		text[3 * i + 2] = ':';
	}
	return 17;
}

size_t print_proto(const union key_value *key, char text[RENDER_TEXT])
{
	const char *name = proto_name(key->u64);
	if (name == NULL)
		return print_digits(key->u64, text);
	size_t len = strlen(name);
	memcpy(text, name, len);
	return len;
}

static size_t print_letters(unsigned flags, const char *letter, char *text)
{
	size_t n = strlen(letter);
	for (size_t i = 0; i < n; i++)
		text[i] = flags >> (n - 1 - i) & 1 ? letter[i] : '.';
	return n;
}

size_t print_tcp_flags(const union key_value *key, char text[RENDER_TEXT])
{
	return print_letters((unsigned)key->u64, flag_letter, text);
}

/* Spot's fork of nfdump knew six flags and showed anything above them as a number. */
size_t print_tcp_flags6(const union key_value *key, char text[RENDER_TEXT])
{
	if (key->u64 <= FLAGS6_MAX)
		return print_letters((unsigned)key->u64, flag_letter + 2, text);
	memcpy(text, "  0x", 4);
	text[4] = hex_digit[key->u64 >> 4 & 15];
	text[5] = hex_digit[key->u64 & 15];
	return 6;
}

size_t print_mpls(const union key_value *key, char text[RENDER_TEXT])
{
	size_t len = print_digits(key->u64 >> 4, text);
	text[len++] = '-';
	text[len++] = (char)('0' + (key->u64 >> 1 & 7));
	text[len++] = '-';
	text[len++] = (char)('0' + (key->u64 & 1));
	return len;
}

static size_t print_hex(uint64_t v, unsigned digits, char *text)
{
	while (digits < 16 && v >> (4 * digits) != 0)
		digits++;
	text[0] = '0';
	text[1] = 'x';
	for (unsigned i = 0; i < digits; i++)
		text[2 + i] = hex_digit[v >> (4 * (digits - 1 - i)) & 15];
	return 2 + digits;
}

size_t print_hex4(const union key_value *key, char text[RENDER_TEXT])
{
	return print_hex(key->u64, 4, text);
}

size_t print_hex8(const union key_value *key, char text[RENDER_TEXT])
{
	return print_hex(key->u64, 8, text);
}

bool parse_unsigned(const char *text, union key_value *out)
{
	char *end;
	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	out->u64 = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0';
}

bool parse_signed(const char *text, union key_value *out)
{
	char *end;
	const char *digits = text[0] == '-' ? text + 1 : text;
	if (digits[0] < '0' || digits[0] > '9')
		return false;
	errno = 0;
	out->u64 = (uint64_t)strtoll(text, &end, 10);
	return errno == 0 && *end == '\0';
}

bool parse_real(const char *text, union key_value *out)
{
	char *end;
	uint32_t bits;
	float v = strtof(text, &end);
	if (end == text || *end != '\0')
		return false;
	memcpy(&bits, &v, sizeof bits);
	out->u64 = bits;
	return true;
}

/* The text must be what its key prints as: that refuses every malformed one without a grammar of its own. */
static bool prints_as(size_t (*print)(const union key_value *, char *), const union key_value *key, const char *text)
{
	char back[RENDER_TEXT];
	size_t len = print(key, back);
	return strlen(text) == len && memcmp(back, text, len) == 0;
}

static int32_t two(const char *digits)
{
	return (digits[0] - '0') * 10 + digits[1] - '0';
}

bool parse_datetime(const char *text, union key_value *out)
{
	if (strlen(text) != 19 || strspn(text, "0123456789-: ") != 19)
		return false;
	struct civil c = {
	    .year = two(text) * 100 + two(text + 2),
	    .month = (uint8_t)two(text + 5),
	    .day = (uint8_t)two(text + 8),
	    .hour = (uint8_t)two(text + 11),
	    .minute = (uint8_t)two(text + 14),
	    .second = (uint8_t)two(text + 17),
	};
	if (c.month < 1 || c.month > 12 || c.day < 1 || c.day > 31)
		return false;
	out->u64 = (uint64_t)civil_seconds(c);
	return prints_as(print_datetime, out, text);
}

bool parse_address(const char *text, union key_value *out)
{
	return render_ip_parse(text, &out->ip);
}

bool parse_mac(const char *text, union key_value *out)
{
	out->u64 = 0;
	for (const char *p = text; *p != '\0'; p++) {
		const char *digit = strchr(hex_digit, *p);
		if (digit != NULL)
			out->u64 = out->u64 << 4 | (uint64_t)(digit - hex_digit);
	}
	return prints_as(print_mac, out, text);
}

bool parse_proto(const char *text, union key_value *out)
{
	int number = proto_number(text);
	if (number < 0)
		return parse_unsigned(text, out);
	out->u64 = (uint64_t)number;
	return true;
}

static uint64_t letters_set(const char *text)
{
	uint64_t flags = 0;
	for (; *text != '\0'; text++)
		flags = flags << 1 | (*text != '.');
	return flags;
}

bool parse_tcp_flags(const char *text, union key_value *out)
{
	out->u64 = letters_set(text);
	return prints_as(print_tcp_flags, out, text);
}

bool parse_tcp_flags6(const char *text, union key_value *out)
{
	out->u64 = strncmp(text, "  0x", 4) == 0 ? strtoull(text + 4, NULL, 16) : letters_set(text);
	return prints_as(print_tcp_flags6, out, text);
}

bool parse_mpls(const char *text, union key_value *out)
{
	char *end;
	uint64_t label = strtoull(text, &end, 10);
	if (end[0] != '-' || end[1] < '0' || end[1] > '7' || end[2] != '-' || label > UINT32_MAX >> 4)
		return false;
	out->u64 = label << 4 | (uint64_t)(end[1] - '0') << 1 | (end[3] == '1');
	return prints_as(print_mpls, out, text);
}

bool parse_date(const char *text, union key_value *out)
{
	char whole[20];
	if (strlen(text) != 10)
		return false;
	memcpy(whole, text, 10);
	memcpy(whole + 10, " 00:00:00", 10);
	if (!parse_datetime(whole, out))
		return false;
	out->u64 = (uint64_t)((int64_t)out->u64 / DAY - ((int64_t)out->u64 % DAY < 0));
	return true;
}

bool parse_clock(const char *text, union key_value *out)
{
	if (strlen(text) != 8 || strspn(text, "0123456789:") != 8)
		return false;
	out->u64 = (uint64_t)(two(text) * 3600 + two(text + 3) * 60 + two(text + 6));
	return prints_as(print_clock, out, text);
}

bool parse_frame_time(const char *text, union key_value *out)
{
	char whole[20] = "0000-00-00 00:00:00", fraction[10] = "";
	int month = 0;
	if (strlen(text) != 34)
		return false;
	while (month < 12 && memcmp(month_name + 3 * month, text, 3) != 0)
		month++;
	memcpy(whole, text + 7, 4);
	put_pair(whole + 5, (unsigned)month + 1);
	memcpy(whole + 8, text + 4, 2);
	whole[8] = whole[8] == ' ' ? '0' : whole[8];
	memcpy(whole + 11, text + 12, 8);
	memcpy(fraction, text + 21, 9);
	if (month == 12 || strspn(fraction, "0123456789") != 9 || !parse_datetime(whole, out))
		return false;
	out->u64 = out->u64 * (uint64_t)NS_PER_S + strtoull(fraction, NULL, 10);
	return prints_as(print_frame_time, out, text);
}

/* Text that reads back. */
static bool parse_hex(size_t (*print)(const union key_value *, char *), const char *text, union key_value *out)
{
	if (strncmp(text, "0x", 2) != 0)
		return false;
	out->u64 = strtoull(text, NULL, 16);
	return prints_as(print, out, text);
}

bool parse_hex4(const char *text, union key_value *out)
{
	return parse_hex(print_hex4, text, out);
}

bool parse_hex8(const char *text, union key_value *out)
{
	return parse_hex(print_hex8, text, out);
}

/* Every form writes into room taken once, so that long RDATA costs one check. */
#include "dissect/dns/present.h"

void present_hex(const uint8_t *bytes, size_t len, struct writer *out)
{
	static const char digit[] = "0123456789abcdef";
	uint8_t *p = writer_room(out, 2 * len);
	if (p == NULL)
		return;
	for (size_t i = 0; i < len; i++) {
		*p++ = (uint8_t)digit[bytes[i] >> 4];
		*p++ = (uint8_t)digit[bytes[i] & 15];
	}
	writer_advance(out, 2 * len);
}

void present_base64(const uint8_t *bytes, size_t len, struct writer *out)
{
	static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint8_t *p = writer_room(out, (len + 2) / 3 * 4);
	if (p == NULL)
		return;
	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t v = (uint32_t)bytes[i] << 16;
		if (n > 1)
			v |= (uint32_t)bytes[i + 1] << 8;
		if (n > 2)
			v |= bytes[i + 2];
		*p++ = (uint8_t)digit[v >> 18];
		*p++ = (uint8_t)digit[v >> 12 & 63];
		*p++ = n > 1 ? (uint8_t)digit[v >> 6 & 63] : '=';
		*p++ = n > 2 ? (uint8_t)digit[v & 63] : '=';
	}
	writer_advance(out, (len + 2) / 3 * 4);
}

void present_base32(const uint8_t *bytes, size_t len, struct writer *out)
{
	static const char digit[] = "0123456789abcdefghijklmnopqrstuv";
	size_t digits = (8 * len + 4) / 5;
	uint8_t *p = writer_room(out, digits);
	if (p == NULL)
		return;
	uint32_t bits = 0;
	unsigned held = 0;
	for (size_t i = 0, d = 0; d < digits; d++) {
		if (held < 5) {
			bits = bits << 8 | (i < len ? bytes[i] : 0);
			i++;
			held += 8;
		}
		held -= 5;
		*p++ = (uint8_t)digit[bits >> held & 31];
	}
	writer_advance(out, digits);
}

void present_string(const uint8_t *bytes, size_t len, struct writer *out)
{
	uint8_t *start = writer_room(out, 4 * len + 2), *p = start;
	if (p == NULL)
		return;
	*p++ = '"';
	for (size_t i = 0; i < len; i++) {
		uint8_t c = bytes[i];
		if (c < 0x20 || c > 0x7e) {
			*p++ = '\\';
			*p++ = (uint8_t)('0' + c / 100);
			*p++ = (uint8_t)('0' + c / 10 % 10);
			c = (uint8_t)('0' + c % 10);
		} else if (c == '"' || c == '\\') {
			*p++ = '\\';
		}
		*p++ = c;
	}
	*p++ = '"';
	writer_advance(out, (size_t)(p - start));
}

void present_json(const uint8_t *text, size_t len, struct writer *out)
{
	uint8_t *start = writer_room(out, 2 * len + 2), *p = start;
	if (p == NULL)
		return;
	*p++ = '"';
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"' || text[i] == '\\')
			*p++ = '\\';
		*p++ = text[i];
	}
	*p++ = '"';
	writer_advance(out, (size_t)(p - start));
}

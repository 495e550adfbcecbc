/* Addresses to text by digit table: inet_ntop is the same text ten times slower, and addresses are most of what a flow
 * table prints. */
#include "data/render.h"

#include <arpa/inet.h>
#include <string.h>

/* clang-format off */
#define OCTET(n) {{ \
	(n) > 99 ? '0' + (n) / 100 : (n) > 9 ? '0' + (n) / 10 : '0' + (n), \
	(n) > 99 ? '0' + (n) / 10 % 10 : (n) > 9 ? '0' + (n) % 10 : '.', \
	(n) > 99 ? '0' + (n) % 10 : '.', \
	'.' }}
#define OCTETS_4(n) OCTET(n), OCTET(n + 1), OCTET(n + 2), OCTET(n + 3)
#define OCTETS_16(n) OCTETS_4(n), OCTETS_4(n + 4), OCTETS_4(n + 8), OCTETS_4(n + 12)
#define OCTETS_64(n) OCTETS_16(n), OCTETS_16(n + 16), OCTETS_16(n + 32), OCTETS_16(n + 48)
/* clang-format on */

/* Each octet's digits and a dot. */
static const struct octet {
	char text[4];
} octet_text[256] = {OCTETS_64(0), OCTETS_64(64), OCTETS_64(128), OCTETS_64(192)};

/* The octet and a dot: four bytes are written. Without a branch, because the digits of neighbours differ. */
static size_t put_octet(unsigned octet, char *text)
{
	memcpy(text, octet_text[octet].text, sizeof octet_text[octet].text);
	return 2 + (octet > 9) + (octet > 99);
}

/* A dot is written behind each octet, and the last one is not counted. */
static size_t dotted_quad(const uint8_t octet[4], char *text)
{
	size_t len = 0;
	for (int i = 0; i < 4; i++)
		len += put_octet(octet[i], text + len);
	return len - 1;
}

static size_t put_group(unsigned group, char *text)
{
	static const char digit[] = "0123456789abcdef";
	size_t len = 0;
	for (int shift = group > 0xfff ? 12 : group > 0xff ? 8 : group > 0xf ? 4 : 0; shift >= 0; shift -= 4)
		text[len++] = digit[group >> shift & 15];
	return len;
}

/* The first of the longest runs of at least two zero groups; length 0 when there is none. */
static void longest_run(const unsigned group[8], int *at, int *length)
{
	*at = 8;
	*length = 0;
	for (int i = 0; i < 8;) {
		int n = 0;
		while (i + n < 8 && group[i + n] == 0)
			n++;
		if (n > 1 && n > *length) {
			*at = i;
			*length = n;
		}
		i += n + 1;
	}
}

/* IPv4-mapped and IPv4-compatible addresses show their last four octets dotted, as inet_ntop does and RFC 5952 section
 * 5 allows. */
static size_t colon_groups(const uint8_t octet[16], char *text)
{
	unsigned group[8];
	int run_at, run;
	size_t len = 0;
	for (int i = 0; i < 8; i++)
		group[i] = (unsigned)octet[2 * i] << 8 | octet[2 * i + 1];
	longest_run(group, &run_at, &run);
	bool dotted = run_at == 0 && (run == 6 || (run == 5 && group[5] == 0xffff));
	for (int i = 0; i < (dotted ? 6 : 8); i++) {
		if (i == run_at) {
			text[len++] = ':';
			i += run - 1;
			if (i == 7)
				text[len++] = ':';
			continue;
		}
		if (i > 0)
			text[len++] = ':';
		len += put_group(group[i], text + len);
	}
	if (dotted) {
		text[len++] = ':';
		len += dotted_quad(octet + 12, text + len);
	}
	return len;
}

size_t render_ip(const struct ip *ip, char text[RENDER_TEXT])
{
	return ip->family == 4 ? dotted_quad(ip->octet, text) : colon_groups(ip->octet, text);
}

bool render_ip_parse(const char *text, struct ip *out)
{
	struct ip ip = {.family = 4};
	if (inet_pton(AF_INET, text, ip.octet) != 1) {
		ip.family = 6;
		if (inet_pton(AF_INET6, text, ip.octet) != 1)
			return false;
	}
	*out = ip;
	return true;
}

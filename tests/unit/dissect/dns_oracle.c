/*
 * compat: tshark against what tshark 4.0.17 printed of crafted captures (SLUICE_DATA/dns): Ethernet, IPv4, UDP only, so
 * that nothing but the message is under test here.
 */
#include "dns_build.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"

enum { FILE_MOST = 1 << 20, FILE_HEADER = 24, RECORD_HEADER = 16, ETHERNET = 14, UDP = 8, LEFT_OF_NAME = 6 };

static size_t load(const char *folder, const char *file, uint8_t *bytes)
{
	char path[1024];
	snprintf(path, sizeof path, "%s/dns/%s", folder, file);
	FILE *f = fopen(path, "rb");
	if (f == NULL)
		return 0;
	size_t n = fread(bytes, 1, FILE_MOST - 1, f);
	bytes[n] = 0;
	fclose(f);
	return n;
}

static unsigned be16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* The message of a frame; false: none that makes a row. */
static bool message_of(const uint8_t *frame, size_t have, size_t wire, struct dns_message *m)
{
	if (have < ETHERNET + 20 || be16(frame + 12) != 0x0800 || frame[ETHERNET + 9] != 17)
		return false;
	const uint8_t *ip = frame + ETHERNET;
	size_t header = 4 * (ip[0] & 15u), total = be16(ip + 2) != 0 ? be16(ip + 2) : wire - ETHERNET;
	if (total > have - ETHERNET)
		total = have - ETHERNET;
	if (total < header + UDP)
		return false;
	const uint8_t *udp = ip + header;
	size_t size = be16(udp + 4);
	if (size < UDP)
		return false;
	if (size > total - header)
		size = total - header;
	*m =
	    (struct dns_message){.bytes = udp + UDP, .have = size - UDP, .size = size - UDP, .mdns = be16(udp) == 5353};
	return m->have >= 4 && (m->bytes[2] & 0x80) != 0;
}

/* "name,type,class,rcode,a" as tshark writes them. */
static void row_text(const struct dns_message *m, char *out, size_t size)
{
	static const char *const fields[] = {"name", "type", "class", "rcode", "a", NULL};
	struct dns_style style = {.tshark = true};
	struct dns_fault fault;
	char *row = dns_dump(m, &style, fields, &fault), class[16] = "", *piece[5];
	/* From the right: a name may hold '|'. */
	for (int i = 4; i > 0; i--) {
		char *bar = strrchr(row, '|');
		*bar = '\0';
		piece[i] = strcmp(bar + 1, "-") == 0 ? "" : bar + 1;
	}
	piece[0] = strcmp(row, "-") == 0 ? "" : row;
	if (*piece[2] != '\0')
		snprintf(class, sizeof class, "0x%04lx", strtoul(piece[2], NULL, 10));
	snprintf(out, size, "%s,%s,%s,%s,%s", piece[0], piece[1], class, piece[3], piece[4]);
	mem_free(&row);
}

static void compare(const char *file)
{
	const char *folder = getenv("SLUICE_DATA");
	static uint8_t capture[FILE_MOST], oracle[FILE_MOST];
	char name[64], got[4096];
	snprintf(name, sizeof name, "%s.spot.csv", file);
	size_t size = folder != NULL ? load(folder, file, capture) : 0;
	if (size == 0 || load(folder, name, oracle) == 0)
		skip();
	char *save, *line = strtok_r((char *)oracle, "\n", &save);
	unsigned rows = 0;
	for (size_t at = FILE_HEADER; at + RECORD_HEADER <= size;) {
		uint32_t have, wire;
		struct dns_message m;
		memcpy(&have, capture + at + 8, 4);
		memcpy(&wire, capture + at + 12, 4);
		at += RECORD_HEADER;
		if (message_of(capture + at, have, wire, &m)) {
			line = strtok_r(NULL, "\n", &save);
			assert_non_null(line);
			for (unsigned comma = 0; comma < LEFT_OF_NAME; line++)
				comma += *line == ',';
			row_text(&m, got, sizeof got);
			/* 02/38: a bit-string label, which we don't print half. */
			if (strncmp(line, "\\[x", 3) != 0)
				assert_string_equal(got, line);
			rows++;
		}
		at += have;
	}
	assert_null(strtok_r(NULL, "\n", &save));
	assert_true(rows > 30);
}

static void test_basic(void **state)
{
	compare("01_basic.pcap");
}

static void test_names(void **state)
{
	compare("02_names.pcap");
}

static void test_malformed(void **state)
{
	compare("03_malformed.pcap");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_basic),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_malformed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

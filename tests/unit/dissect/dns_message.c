/* Messages as they should be, as they should not be, and cut or flipped anywhere: what the columns say in each mode. */
#include "dns_build.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "base/mem.h"

static const struct dns_style ours = {.names = DNS_NAMES_RECORD}, asked = {.names = DNS_NAMES_QUESTION},
                              theirs = {.tshark = true};
static const char *const spot[] = {"name", "type", "class", "rcode", "a", "malformed", NULL};
static const uint8_t address[4] = {192, 0, 2, 1}, other_address[4] = {192, 0, 2, 2};

enum { FLIPS = 4000, SLOW_MS = 2000 };

static struct dns_message message_of(const struct dns_build *d)
{
	return (struct dns_message){.bytes = d->bytes, .have = d->len, .size = d->len};
}

static void expect(const struct dns_build *d, const struct dns_style *style, const char *const *fields, const char *row,
    const char *reason)
{
	struct dns_message m = message_of(d);
	struct dns_fault fault;
	char *got = dns_dump(&m, style, fields, &fault);
	assert_string_equal(got, row);
	mem_free(&got);
	assert_string_equal(fault.reason != NULL ? fault.reason : "", reason);
	assert_false(fault.cut);
	assert_int_equal(dns_plausible(&m), reason[0] == '\0');
}

static void test_plain(void **state)
{
	static struct dns_build d;
	dns_answer(&d, 1, address, 4);
	expect(&d, &ours, spot, "www.example.com|1|1|0|192.0.2.1|0", "");
	expect(&d, &theirs, spot, "www.example.com|1|1|0|192.0.2.1|0", "");
	static const char *const header[] = {"id", "response", "opcode", "aa", "tc", "rd", "ra", "ad", "cd", "qdcount",
	    "ancount", "nscount", "arcount", "message_size", "ttl", NULL};
	expect(&d, &ours, header, "4660|1|0|0|0|1|1|0|0|1|1|0|0|49|300", "");
	static const char *const all[] = {
	    "questions", "answers", "authorities", "additionals", "addresses", "cnames", "edns_options", NULL};
	expect(&d, &ours, all,
	    "[{\"name\":\"www.example.com\",\"type\":\"A\",\"class\":\"IN\"}]|"
	    "[{\"name\":\"www.example.com\",\"type\":\"A\",\"class\":\"IN\",\"ttl\":300,\"data\":\"192.0.2.1\"}]|[]|[]|"
	    "[\"192.0.2.1\"]|[]|-",
	    "");
}

static void test_modes(void **state)
{
	static struct dns_build d;
	/* OPT before glue, SOA of the zone in authority: three records, three answers to "which name". */
	dns_begin(&d, 0x8183, 1, 0, 1, 2);
	dns_question(&d, "no.example.com", 28);
	dns_name(&d, "");
	dns_u16(&d, 41);
	dns_u16(&d, 1232);
	dns_u32(&d, 0x01008000);
	dns_u16(&d, 8);
	dns_put(&d, "\0\x0a\0\4\1\2\3\4", 8);
	dns_name(&d, "example.com");
	dns_u16(&d, 65280);
	dns_u16(&d, 4);
	dns_u32(&d, 60);
	dns_u16(&d, 0);
	dns_record(&d, 1, address, 4);
	expect(&d, &ours, spot, "example.com|65280|4|3|192.0.2.1|0", "");
	expect(&d, &asked, spot, "no.example.com|28|1|3|192.0.2.1|0", "");
	expect(&d, &theirs, spot, "<Root>|41|4|3|192.0.2.1|0", "");
	/* The OPT lies in the authority section: no EDNS. */
	static const char *const edns[] = {"extended_rcode", "edns_version", NULL};
	expect(&d, &ours, edns, "3|-", "");
	d.bytes[9] = 0;
	d.bytes[11] = 3;
	static const char *const more[] = {"extended_rcode", "edns_version", "edns_udp_size", "edns_do", "edns_options",
	    "qname", "qtype", "qclass", NULL};
	expect(&d, &ours, more,
	    "19|0|1232|1|[{\"code\":10,\"name\":\"COOKIE\",\"data\":\"01020304\"}]|no.example.com|28|1", "");
}

static void test_question_only(void **state)
{
	static struct dns_build d;
	dns_begin(&d, 0x8182, 1, 0, 0, 0);
	dns_question(&d, "Fail.Example", 15);
	expect(&d, &ours, spot, "Fail.Example|15|1|2|-|0", "");
	expect(&d, &asked, spot, "Fail.Example|15|1|2|-|0", "");
	expect(&d, &theirs, spot, "-|-|-|2|-|0", "");
	dns_begin(&d, 0x8000, 0, 1, 0, 0);
	dns_name(&d, "x");
	dns_u16(&d, 1);
	dns_u16(&d, 1);
	dns_u32(&d, 1);
	dns_u16(&d, 4);
	dns_put(&d, address, 4);
	expect(&d, &asked, spot, "x|1|1|0|192.0.2.1|0", "");
}

static void test_srv(void **state)
{
	static struct dns_build d;
	dns_answer(&d, 33, "\0\1\0\2\0\3\0", 7);
	expect(&d, &ours, spot, "www.example.com|33|1|0|-|0", "");
	expect(&d, &theirs, spot, "-|33|1|0|-|0", "");
}

static void test_mdns(void **state)
{
	static struct dns_build d;
	dns_answer(&d, 1, address, 4);
	d.bytes[12 + 17 + 4 + 4] = 0x80;
	struct dns_message m = message_of(&d);
	struct dns_fault fault;
	for (unsigned i = 0; i < 2; i++) {
		char *got = dns_dump(&m, i == 0 ? &ours : &theirs, spot, &fault);
		assert_string_equal(got, "www.example.com|1|32769|0|192.0.2.1|0");
		mem_free(&got);
		m.mdns = true;
		got = dns_dump(&m, i == 0 ? &ours : &theirs, spot, &fault);
		assert_string_equal(got, "www.example.com|1|1|0|192.0.2.1|0");
		mem_free(&got);
		m.mdns = false;
	}
}

static void test_escapes(void **state)
{
	static struct dns_build d;
	static const struct {
		const char *label, *ours, *theirs;
	} row[] = {
	    {"a.b", "a\\.b", "a.b"},
	    {"a\\b", "a\\\\b", "a\\b"},
	    {"a,b \"c\"", "a\\044b\\032\\034c\\034", "a,b \"c\""},
	    {"\a\b\t\n\v\f\r\x01\x7f", "\\007\\008\\009\\010\\011\\012\\013\\001\\127",
	        "\\a\\b\\t\\n\\v\\f\\r\\001\\177"},
	    {"\xc3\xbc", "\\195\\188", "\xc3\xbc"},
	    {"\xfc", "\\252", "\xef\xbf\xbd"},
	    {"\xc2\x85\xe2\x80\x8b", "\\194\\133\\226\\128\\139", "\\u0085\\u200B"},
	    {"\xf3\xa0\x80\x81", "\\243\\160\\128\\129", "\\U000E0001"},
	    {"\xee\x80\x80", "\\238\\128\\128", "\xee\x80\x80"},
	    {"\xc0\xaf\xc0\x80", "\\192\\175\\192\\128", "/\\u0000"},
	    {"\xed\xa0\x80z", "\\237\\160\\128z", "\xef\xbf\xbdz"},
	    {"\xf8\x88\x80\x80\x80\xe2\x82z", "\\248\\136\\128\\128\\128\\226\\130z", "\xef\xbf\xbd\xef\xbf\xbdz"},
	};
	static const char *const fields[] = {"qname", NULL};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		dns_begin(&d, 0x8000, 1, 0, 0, 0);
		dns_u8(&d, (unsigned)strlen(row[i].label));
		dns_put(&d, row[i].label, strlen(row[i].label));
		dns_u8(&d, 0);
		dns_u32(&d, 0x00010001);
		expect(&d, &ours, fields, row[i].ours, "");
		expect(&d, &theirs, fields, row[i].theirs, "");
	}
	dns_begin(&d, 0x8000, 1, 0, 0, 0);
	dns_question(&d, "", 1);
	expect(&d, &ours, fields, ".", "");
	expect(&d, &theirs, fields, "<Root>", "");
}

/* A question of labels of 63, 63, 63 and the rest. */
static void long_name(struct dns_build *d, unsigned last)
{
	dns_begin(d, 0x8000, 1, 0, 0, 0);
	for (unsigned i = 0; i < 4; i++) {
		unsigned n = i < 3 ? 63 : last;
		dns_u8(d, n);
		for (unsigned k = 0; k < n; k++)
			dns_u8(d, 'a' + i);
	}
	dns_u8(d, 0);
	dns_u32(d, 0x00010001);
}

static void test_long(void **state)
{
	static struct dns_build d;
	static const char *const fields[] = {"qname", NULL};
	struct dns_fault fault;
	struct dns_message m;
	for (unsigned i = 0; i < 2; i++) {
		long_name(&d, 61);
		m = message_of(&d);
		char *got = dns_dump(&m, i == 0 ? &ours : &theirs, fields, &fault);
		assert_int_equal(strlen(got), 253);
		assert_null(fault.reason);
		mem_free(&got);
	}
	long_name(&d, 62);
	expect(&d, &ours, fields, "-", "a name of more than 255 bytes");
	expect(&d, &theirs, fields, "<Name too long>", "a name of more than 255 bytes");
}

static void test_pointers(void **state)
{
	static struct dns_build d;
	enum { OWNER = 12 + 17 + 4 };
	static const char *const fields[] = {"name", "type", "a", NULL};
	dns_answer(&d, 1, address, 4);
	d.bytes[OWNER + 1] = OWNER; /* at itself */
	expect(&d, &ours, fields, "-|1|192.0.2.1", "a name points at itself");
	expect(&d, &theirs, fields, "<Name contains a pointer that loops>|1|192.0.2.1", "a name points at itself");
	d.bytes[OWNER] = 0xff; /* past the end */
	expect(&d, &ours, fields, "-|1|192.0.2.1", "a name leads past the end");
	expect(&d, &theirs, fields, "-|-|-", "a name leads past the end");
	d.bytes[OWNER] = 0x80;
	expect(&d, &ours, fields, "www.example.com|1|-", "an unknown label type");
	expect(&d, &theirs, fields, "-|-|-", "an unknown label type");
	/* To the header: no name has been looked at there, and what looks like one runs past the end. */
	dns_begin(&d, 0x3f00, 0, 1, 0, 0);
	d.bytes[0] = 60;
	dns_record(&d, 1, address, 4);
	d.bytes[12 + 1] = 0;
	expect(&d, &ours, fields, "-|1|192.0.2.1", "a name leads past the end");
	/* Forward, to a good name. */
	dns_begin(&d, 0x8000, 0, 1, 0, 0);
	dns_u16(&d, 0xc018);
	dns_u16(&d, 65280);
	dns_u16(&d, 1);
	dns_u32(&d, 0);
	dns_u16(&d, 3);
	dns_name(&d, "n");
	expect(&d, &ours, fields, "n|65280|-", "a name points forward");
	expect(&d, &theirs, fields, "n|65280|-", "a name points forward");
}

static void test_lies(void **state)
{
	static struct dns_build d;
	static const char *const fields[] = {"name", "type", "a", "malformed", NULL};
	dns_answer(&d, 1, address, 4);
	d.bytes[7] = 5; /* ANCOUNT */
	expect(&d, &ours, fields, "www.example.com|1|192.0.2.1|1", "fewer records than the header says");
	dns_answer(&d, 1, address, 4);
	d.bytes[5] = 2; /* QDCOUNT: the answer is read as a question */
	expect(&d, &ours, fields, "www.example.com|1|-|1", "a record runs past the end");
}

static void test_lengths(void **state)
{
	static struct dns_build d;
	static const char *const fields[] = {"name", "type", "a", NULL};
	dns_answer(&d, 1, address, 4);
	d.bytes[7] = 2;
	dns_record(&d, 1, other_address, 4);
	d.bytes[12 + 17 + 4 + 11] = 2; /* RDLENGTH of the first */
	struct dns_message m = message_of(&d);
	struct dns_fault fault;
	char *got = dns_dump(&m, &ours, fields, &fault);
	assert_string_equal(fault.reason, "an A record of other than 4 bytes");
	assert_int_equal(fault.offset, 12 + 17 + 4 + 12);
	mem_free(&got);
	dns_answer(&d, 1, address, 0);
	expect(&d, &ours, fields, "www.example.com|1|-", "an A record of other than 4 bytes");
	expect(&d, &theirs, fields, "www.example.com|1|-", "an A record of other than 4 bytes");
	d.bytes[2] |= 5 << 3; /* an update may do that */
	expect(&d, &ours, fields, "www.example.com|1|-", "");
	dns_answer(&d, 1, "\300\0\2\1....", 8);
	expect(&d, &ours, fields, "www.example.com|1|-", "an A record of other than 4 bytes");
	expect(&d, &theirs, fields, "www.example.com|1|192.0.2.1", "an A record of other than 4 bytes");
	dns_answer(&d, 28, address, 4);
	expect(&d, &ours, fields, "www.example.com|28|-", "an AAAA record of other than 16 bytes");
	dns_answer(&d, 16, "\5abc", 4);
	expect(&d, &ours, fields, "www.example.com|16|-", "RDATA contradicts its type");
	dns_answer(&d, 1, address, 4);
	d.bytes[12 + 17 + 4 + 10] = 9;
	expect(&d, &ours, fields, "www.example.com|1|-", "RDLENGTH past the end");
	expect(&d, &theirs, fields, "-|-|-", "RDLENGTH past the end");
}

static void test_trailing(void **state)
{
	static struct dns_build d;
	struct dns_fault fault;
	dns_answer(&d, 1, address, 4);
	dns_u32(&d, 0);
	struct dns_message m = message_of(&d);
	char *got = dns_dump(&m, &ours, spot, &fault);
	assert_string_equal(got, "www.example.com|1|1|0|192.0.2.1|0");
	assert_null(fault.reason);
	assert_false(dns_plausible(&m));
	mem_free(&got);
}

static void test_short(void **state)
{
	static struct dns_build d;
	static const char *const fields[] = {"id", "rcode", "qdcount", "name", "answers", "malformed", NULL};
	dns_begin(&d, 0x8003, 0, 0, 0, 0);
	d.len = 6;
	expect(&d, &ours, fields, "4660|3|0|-|-|1", "shorter than its header");
	d.len = 3;
	expect(&d, &theirs, fields, "4660|-|-|-|-|1", "shorter than its header");
	d.len = 0;
	expect(&d, &ours, fields, "-|-|-|-|-|1", "shorter than its header");
}

/* Cut by the snap length everywhere: a cut is no contradiction, and never more than the whole says. */
static void test_cut(void **state)
{
	static struct dns_build d;
	static const char *const fields[] = {"a", "malformed", NULL};
	dns_answer(&d, 1, address, 4);
	struct dns_message m = message_of(&d);
	for (m.have = 0; m.have < m.size; m.have++) {
		struct dns_fault fault;
		for (unsigned i = 0; i < 2; i++) {
			uint8_t *exact = mem_copy(d.bytes, m.have + 1);
			struct dns_message cut = {.bytes = exact, .have = m.have, .size = m.size};
			char *got = dns_dump(&cut, i == 0 ? &ours : &theirs, fields, &fault);
			assert_string_equal(got, "-|0");
			assert_true(fault.cut);
			mem_free(&got);
			got = dns_dump(&cut, i == 0 ? &ours : &theirs, NULL, &fault);
			assert_false(dns_plausible(&cut));
			mem_free(&got);
			mem_free(&exact);
		}
	}
}

static void test_flips(void **state)
{
	static struct dns_build d, flipped;
	uint64_t seed = 88172645463325252;
	dns_answer(&d, 64, "\0\1\0\0\1\0\3\2h2\0\4\0\4\1\2\3\4", 18);
	d.bytes[7] = 3;
	dns_record(&d, 46, "\0\1\10\3\0\0\0\1\0\0\0\2\0\0\0\3\0\4\1x\0sig", 24);
	dns_record(&d, 50, "\1\0\0\1\2ab\3xyz\0\1\x40", 14);
	for (unsigned i = 0; i < FLIPS; i++) {
		struct dns_fault fault;
		flipped = d;
		for (unsigned k = 0; k <= i % 4; k++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			flipped.bytes[seed % d.len] ^= (uint8_t)(1u << (seed >> 32 & 7));
		}
		struct dns_message m = message_of(&flipped);
		char *got = dns_dump(&m, i % 2 ? &ours : &theirs, NULL, &fault);
		mem_free(&got);
		/* What is plausible has no fault. */
		if (dns_plausible(&m))
			assert_null(fault.reason);
	}
}

/* 64 KiB of records whose names cost the most: chains of pointers, each record at the end of one. */
static void test_slow(void **state)
{
	static struct dns_build d;
	dns_begin(&d, 0x8000, 0, 65535, 0, 0);
	dns_u8(&d, 0);
	dns_u16(&d, 16);
	dns_u16(&d, 1);
	dns_u32(&d, 0);
	dns_u16(&d, 13000);
	/* Runs of labels, each ended by a pointer back to the run before. */
	for (size_t before = 12; d.len < 12 + 13000;) {
		size_t at = d.len;
		for (unsigned i = 0; i < 20; i++) {
			dns_u8(&d, 1);
			dns_u8(&d, 'x');
		}
		dns_u16(&d, 0xc000 | (unsigned)before);
		before = at;
	}
	d.len = 12 + 11 + 13000;
	unsigned target = (unsigned)(d.len - 42 * 3);
	while (d.len + 12 <= DNS_BUILD_MOST) {
		dns_u16(&d, 0xc000 | target);
		dns_u16(&d, 2);
		dns_u16(&d, 1);
		dns_u32(&d, 0);
		dns_u16(&d, 0);
	}
	struct dns_message m = message_of(&d);
	struct dns_fault fault;
	clock_t start = clock(); /* processor time: others may keep the machine busy */
	char *got = dns_dump(&m, &ours, NULL, &fault);
	mem_free(&got);
	got = dns_dump(&m, &theirs, NULL, &fault);
	mem_free(&got);
	assert_true(clock() - start < SLOW_MS * (CLOCKS_PER_SEC / 1000));
}

/* A row larger than a row may be: the array ends early and stays JSON. */
static void test_shortened(void **state)
{
	static struct dns_build d;
	static const char *const fields[] = {"answers", "addresses", NULL};
	dns_begin(&d, 0x8000, 1, 4000, 0, 0);
	dns_question(&d, "a.name.that.is.not.short.at.all.so.that.the.row.becomes.large.example.com", 1);
	for (unsigned i = 0; i < 4000; i++)
		dns_record(&d, 1, address, 4);
	struct dns_message m = message_of(&d);
	struct dns_fault fault;
	char *got = dns_dump(&m, &ours, fields, &fault);
	assert_true(fault.shortened);
	assert_null(fault.reason);
	assert_true(strlen(got) <= BATCH_ROW_BYTES);
	char *bar = strchr(got, '|');
	assert_memory_equal(bar - 3, "\"}]", 3);
	assert_int_equal(bar[strlen(bar) - 1], ']');
	mem_free(&got);
}

static void test_full(void **state)
{
	static struct dns_build d;
	unsigned wanted[] = {DNS_FIELD_NAME};
	enum type types[] = {TYPE_BYTES};
	dns_answer(&d, 1, address, 4);
	struct dns_message m = message_of(&d);
	struct dns_fault fault;
	struct batch *b = batch_new(types, 1, 1024, 4096);
	struct dns_filler *f = dns_filler_new(wanted, 1, &ours);
	uint32_t row = 0;
	while (row < 1024 && dns_fill(f, &m, b, row, &fault))
		row++;
	assert_in_range(row, 100, 1023);
	dns_filler_free(&f);
	batch_free(&b);
}

static void test_heuristic(void **state)
{
	static struct dns_build d;
	dns_answer(&d, 1, address, 4);
	struct dns_message m = message_of(&d);
	assert_true(dns_heuristic(&m));
	static const unsigned at[] = {5, 7, 9, 11};
	static const uint8_t most[] = {1, 100, 10, 10};
	for (unsigned i = 0; i < 4; i++) {
		uint8_t kept = d.bytes[at[i]];
		d.bytes[at[i]] = most[i];
		assert_true(dns_heuristic(&m));
		d.bytes[at[i]] = (uint8_t)(most[i] + 1);
		assert_false(dns_heuristic(&m));
		d.bytes[at[i]] = kept;
	}
	d.bytes[2] |= 8;
	assert_false(dns_heuristic(&m));
	d.bytes[2] = 1;
	assert_false(dns_heuristic(&m));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_plain),
	    cmocka_unit_test(test_modes),
	    cmocka_unit_test(test_question_only),
	    cmocka_unit_test(test_srv),
	    cmocka_unit_test(test_mdns),
	    cmocka_unit_test(test_escapes),
	    cmocka_unit_test(test_long),
	    cmocka_unit_test(test_pointers),
	    cmocka_unit_test(test_lies),
	    cmocka_unit_test(test_lengths),
	    cmocka_unit_test(test_trailing),
	    cmocka_unit_test(test_short),
	    cmocka_unit_test(test_cut),
	    cmocka_unit_test(test_flips),
	    cmocka_unit_test(test_slow),
	    cmocka_unit_test(test_shortened),
	    cmocka_unit_test(test_full),
	    cmocka_unit_test(test_heuristic),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

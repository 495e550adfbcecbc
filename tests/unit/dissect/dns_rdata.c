/* Text of RDATA, one row a type; what contradicts its type is shown as bytes, and every cut of good RDATA is survived.
 */
#include "dns_build.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"

#define DATA(bytes) bytes, sizeof(bytes) - 1

static const struct {
	uint16_t type;
	const char *bytes;
	size_t size;
	const char *type_text, *data; /* as JSON */
} rows[] = {
    {28, DATA("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"), "AAAA", "2001:db8::1"},
    {5, DATA("\1a\xc0\x0c"), "CNAME", "a.www.example.com"},
    {2, DATA("\0"), "NS", "."},
    {15, DATA("\0\12\4mail\xc0\x10"), "MX", "10 mail.example.com"},
    {16, DATA("\5a\"b\\\x80\0"), "TXT", "\\\"a\\\\\\\"b\\\\\\\\\\\\128\\\" \\\"\\\""},
    {6, DATA("\xc0\x0c\1r\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\xff\xff\xff\xff"), "SOA",
        "www.example.com r 1 2 3 4 4294967295"},
    {33, DATA("\0\1\0\2\1\xbb\1t\0"), "SRV", "1 2 443 t"},
    {35, DATA("\0\1\0\2\1u\1s\0\0"), "NAPTR", "1 2 \\\"u\\\" \\\"s\\\" \\\"\\\" ."},
    {43, DATA("\0\1\x08\2\xab\xcd"), "DS", "1 8 2 abcd"},
    {46, DATA("\0\1\5\3\0\1\x51\x80\x3e\x7b\x42\x47\x3e\x53\xb5\x47\12\122\1e\0\1\2\3"), "RRSIG",
        "A 5 3 86400 20030321164807 20030219164807 2642 e AQID"},
    {47, DATA("\1h\0\0\6\x40\1\0\0\0\3"), "NSEC", "h A MX RRSIG NSEC"},
    {48, DATA("\1\1\3\x08\1\2"), "DNSKEY", "257 3 8 AQI="},
    {50, DATA("\1\0\0\12\0\4\xff\0\xff\0\0\1\x40"), "NSEC3", "1 0 10 - vs0fu00 A"},
    {51, DATA("\1\0\0\12\2\xaa\xbb"), "NSEC3PARAM", "1 0 10 aabb"},
    {52, DATA("\3\1\1\xab"), "TLSA", "3 1 1 ab"},
    {44, DATA("\2\1\xab"), "SSHFP", "2 1 ab"},
    {13, DATA("\1c\1o"), "HINFO", "\\\"c\\\" \\\"o\\\""},
    {257, DATA("\x80\5issueca;x"), "CAA", "128 issue \\\"ca;x\\\""},
    {256, DATA("\0\1\0\2http://x"), "URI", "1 2 \\\"http://x\\\""},
    {65, DATA("\0\1\0\0\0\0\4\0\1\0\3\0\1\0\3\2h2\0\2\0\0\0\3\0\2\1\xbb\0\4\0\4\1\2\3\4\2\x9b\0\1x"), "HTTPS",
        "1 . mandatory=alpn,port alpn=\\\"h2\\\" no-default-alpn port=443 ipv4hint=1.2.3.4 key667=\\\"x\\\""},
    {64, DATA("\0\1\0\0\1\0\6\5a,b\\c"), "SVCB", "1 . alpn=\\\"a\\\\\\\\,b\\\\\\\\\\\\\\\\c\\\""},
    {250, DATA("\1h\0\0\0\0\0\0\5\1\x2c\0\1\xff\0\7\0\x10\0\0"), "TSIG", "h 5 300 1 /w== 7 BADSIG 0"},
    {65280, DATA("\xab\1"), "TYPE65280", "\\\\# 2 ab01"},
    {10, DATA(""), "NULL", "\\\\# 0"},
};

/* Contradictions, each in another way. */
static const struct {
	uint16_t type;
	const char *bytes;
	size_t size;
} bad[] = {
    {5, DATA("\1a")},                                     /* the name runs past RDATA */
    {5, DATA("\1a\0x")},                                  /* something behind it */
    {16, DATA("\2a")},                                    /* string */
    {47, DATA("\1h\0\1\1\x40\0\1\x40")},                  /* windows fall */
    {47, DATA("\1h\0\0\0")},                              /* an empty window */
    {65, DATA("\0\1\0\0\3\0\2\0\1\0\1\0\3\2h2")},         /* keys fall */
    {65, DATA("\0\1\0\0\3\0\1\1")},                       /* a port of one byte */
    {65, DATA("\0\1\0\0\4\0\3\1\2\3")},                   /* an address of three */
    {257, DATA("\0\2a-x")},                               /* a tag with a dash */
    {29, DATA("\1\x12\x16\x13\0\0\0\0\0\0\0\0\0\0\0\0")}, /* LOC of another version */
};

static char *answer(uint16_t type, const void *data, size_t n, struct dns_fault *fault)
{
	static struct dns_build d;
	static const char *const fields[] = {"answers", NULL};
	static const struct dns_style style = {.names = DNS_NAMES_RECORD};
	dns_answer(&d, type, data, n);
	struct dns_message m = {.bytes = d.bytes, .have = d.len, .size = d.len};
	return dns_dump(&m, &style, fields, fault);
}

static void test_text(void **state)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct dns_fault fault;
		char expected[1024];
		char *got = answer(rows[i].type, rows[i].bytes, rows[i].size, &fault);
		snprintf(expected, sizeof expected,
		    "[{\"name\":\"www.example.com\",\"type\":\"%s\",\"class\":\"IN\",\"ttl\":300,\"data\":\"%s\"}]",
		    rows[i].type_text, rows[i].data);
		assert_string_equal(got, expected);
		assert_null(fault.reason);
		mem_free(&got);
	}
}

static void test_contradictions(void **state)
{
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct dns_fault fault;
		char generic[64];
		char *got = answer(bad[i].type, bad[i].bytes, bad[i].size, &fault);
		snprintf(generic, sizeof generic, "\"data\":\"\\\\# %zu ", bad[i].size);
		assert_non_null(strstr(got, generic));
		assert_string_equal(fault.reason, "RDATA contradicts its type");
		mem_free(&got);
	}
}

/* A cut is text or bytes, never both and never more than was there. */
static void test_cuts(void **state)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (size_t n = 0; n < rows[i].size; n++) {
			struct dns_fault fault;
			char *got = answer(rows[i].type, rows[i].bytes, n, &fault);
			assert_true(fault.reason == NULL || strstr(got, "\"\\\\# ") != NULL);
			mem_free(&got);
		}
}

static void test_options(void **state)
{
	static const struct dns_style style = {.names = DNS_NAMES_RECORD};
	static const char *const fields[] = {"edns_options", "client_subnet", NULL};
	static const char data[] = "\0\x08\0\7\0\1\x16\x18\xc0\0\2\0\x0f\0\5\0\x12"
	                           "a\"b\0\x0b\0\2\0\1\0\x0c\0\2\0\0\0\3\0\1n\0\x08\0\1\0";
	static struct dns_build d;
	struct dns_fault fault;
	dns_begin(&d, 0x8000, 0, 0, 0, 1);
	dns_u8(&d, 0);
	dns_u16(&d, 41);
	dns_u16(&d, 512);
	dns_u32(&d, 0);
	dns_u16(&d, sizeof data - 1);
	dns_put(&d, data, sizeof data - 1);
	struct dns_message m = {.bytes = d.bytes, .have = d.len, .size = d.len};
	char *got = dns_dump(&m, &style, fields, &fault);
	assert_string_equal(got,
	    "[{\"code\":8,\"name\":\"ECS\",\"data\":\"192.0.2.0/22/24\"},{\"code\":15,\"name\":\"EDE\",\"data\":\"18 "
	    "\\\"a\\\\\\\"b\\\"\"},"
	    "{\"code\":11,\"name\":\"KEEPALIVE\",\"data\":\"1\"},{\"code\":12,\"name\":\"PADDING\",\"data\":\"2\"},"
	    "{\"code\":3,\"name\":\"NSID\",\"data\":\"6e\"},{\"code\":8,\"name\":\"ECS\",\"data\":\"00\"}]|192.0.2.0/"
	    "22");
	assert_null(fault.reason);
	mem_free(&got);
	d.bytes[d.len - 2] = 2; /* the last option runs past its record */
	got = dns_dump(&m, &style, fields, &fault);
	assert_string_equal(fault.reason, "EDNS options that don't fill their record");
	mem_free(&got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_contradictions),
	    cmocka_unit_test(test_cuts),
	    cmocka_unit_test(test_options),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

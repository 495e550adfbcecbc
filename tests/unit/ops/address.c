/* address: what one may write, and that nothing else is taken for loopback. */
#include "ops/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void good(const char *text, const char *shown, bool loopback)
{
	struct address a;
	struct err e;
	char out[ADDRESS_TEXT];
	assert_int_equal(address_parse(text, &a, &e), RC_OK);
	assert_string_equal(address_text(&a, out), shown);
	assert_int_equal(address_is_loopback(&a), loopback);
}

static void addresses_and_ports_are_read(void **state)
{
	good("9470", "127.0.0.1:9470", true);
	good("0", "127.0.0.1:0", true);
	good("127.0.0.1:1", "127.0.0.1:1", true);
	good("127.9.9.9:80", "127.9.9.9:80", true);
	good("[::1]:9470", "[::1]:9470", true);
	good("[::ffff:127.0.0.1]:9470", "[::ffff:127.0.0.1]:9470", true);
	good("0.0.0.0:9470", "0.0.0.0:9470", false);
	good("[::]:9470", "[::]:9470", false);
	good("192.0.2.7:9470", "192.0.2.7:9470", false);
	good("[2001:db8::7]:65535", "[2001:db8::7]:65535", false);
}

static void everything_else_is_refused_with_a_reason(void **state)
{
	static const char *const bad[] = {"", ":", ":80", "localhost:9470", "65536", "-1", "127.0.0.1:", "127.0.0.1:x",
	    "::1:9470", "[::1]", "[]:1", "[127.0.0.1:1", "1.2.3:4", "127.0.0.1:9470 ", "http://127.0.0.1:80",
	    "[1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111]:1"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct address a;
		struct err e = {.text = ""};
		assert_int_equal(address_parse(bad[i], &a, &e), RC_BAD);
		assert_true(e.text[0] != '\0');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(addresses_and_ports_are_read),
	    cmocka_unit_test(everything_else_is_refused_with_a_reason),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

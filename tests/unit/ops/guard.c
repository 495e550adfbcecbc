/* guard: which hosts, origins and tokens pass, and which files a token may lie in. */
#include "ops/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void addresses_and_listed_names_are_hosts(void **state)
{
	static const char *const good[] = {"127.0.0.1", "127.0.0.1:9470", "[::1]:9470", "[::1]", "192.0.2.7:80",
	    "localhost", "LocalHost:9470", "ops.example", "OPS.example:443", "second"};
	static const char *const bad[] = {"", ":80", "evil.example", "evil.example:9470", "127.0.0.1.evil.example",
	    "localhost.evil.example", "ops.example.evil", "ops", "ops.example:80x", "[::1", "[]", "[::1]x", "a b",
	    "127.0.0.1:80:90", "ops.example second", "0x7f000001"};
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		if (!guard_host(good[i], "ops.example second"))
			fail_msg("%s was refused", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (guard_host(bad[i], "ops.example second"))
			fail_msg("%s passed", bad[i]);
	assert_false(guard_host(NULL, NULL));
	assert_false(guard_host("ops.example", NULL));
	char *longest = mem_zero(1000, 1);
	memset(longest, 'a', 999);
	assert_false(guard_host(longest, longest));
	mem_free(&longest);
}

static void an_origin_names_the_host_it_asks(void **state)
{
	assert_true(guard_origin(NULL, "127.0.0.1:9470"));
	assert_true(guard_origin("http://127.0.0.1:9470", "127.0.0.1:9470"));
	assert_true(guard_origin("https://ops.example", "OPS.example"));
	assert_false(guard_origin("null", "127.0.0.1:9470"));
	assert_false(guard_origin("", "127.0.0.1:9470"));
	assert_false(guard_origin("http://127.0.0.1:9471", "127.0.0.1:9470"));
	assert_false(guard_origin("http://evil.example", "127.0.0.1:9470"));
	assert_false(guard_origin("http://127.0.0.1:9470", NULL));
}

static void only_the_token_is_the_token(void **state)
{
	static const char token[] = "0123456789abcdef";
	assert_true(guard_token("Bearer 0123456789abcdef", token));
	assert_true(guard_token("bearer 0123456789abcdef", token));
	static const char *const bad[] = {"", "Bearer", "Bearer ", "Bearer 0123456789abcde", "Bearer 0123456789abcdef0",
	    "Bearer 0123456789abcdef0123456789abcdef", "Bearer 0123456789abcdeF", "0123456789abcdef",
	    "Basic 0123456789abcdef"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (guard_token(bad[i], token))
			fail_msg("%s passed", bad[i]);
	assert_false(guard_token(NULL, token));
	assert_false(guard_token("Bearer ", ""));
	assert_false(guard_token("Bearer x", NULL));
}

static enum rc load(const char *content, mode_t mode, char **token)
{
	struct err e;
	const char *base = getenv("TMPDIR");
	char *path = mem_format("%s/sluice-token-XXXXXX", base != NULL ? base : "/tmp");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, strlen(content)), strlen(content));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	*token = NULL;
	enum rc rc = guard_token_load(path, token, &e);
	if (rc != RC_OK)
		assert_non_null(strstr(e.text, path));
	unlink(path);
	mem_free(&path);
	return rc;
}

static void a_token_file_is_its_owners(void **state)
{
	char *token;
	assert_int_equal(load("0123456789abcdef\n", 0600, &token), RC_OK);
	assert_string_equal(token, "0123456789abcdef");
	mem_free(&token);
	assert_int_equal(load("  0123456789abcdef and more\nsecond\n", 0440, &token), RC_OK);
	assert_string_equal(token, "0123456789abcdef");
	mem_free(&token);
	assert_int_equal(load("0123456789abcdef\n", 0644, &token), RC_BAD);
	assert_int_equal(load("0123456789abcdef\n", 0620, &token), RC_BAD);
	assert_int_equal(load("short\n", 0600, &token), RC_BAD);
	assert_int_equal(load("", 0600, &token), RC_BAD);
	struct err e;
	assert_int_equal(guard_token_load("/nowhere/token", &token, &e), RC_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(addresses_and_listed_names_are_hosts),
	    cmocka_unit_test(an_origin_names_the_host_it_asks),
	    cmocka_unit_test(only_the_token_is_the_token),
	    cmocka_unit_test(a_token_file_is_its_owners),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

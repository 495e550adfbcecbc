/* rc: reasons are one line, fit their buffer, and keep what matters when they are cut. */
#include "base/rc.h"

#include <errno.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void set_gives_the_reason_and_the_code(void **state)
{
	struct err e = {.sys = 7};
	assert_int_equal(err_set(RC_BAD, &e, "record %d of %s", 3, "x"), RC_BAD);
	assert_string_equal(e.text, "record 3 of x");
	assert_int_equal(e.sys, 0);
}

static void a_reason_is_one_line(void **state)
{
	struct err e;
	(void)err_set(RC_BAD, &e, "a\nb\tc\x7f");
	assert_string_equal(e.text, "a b c ");
}

static void what_passes_becomes_again(void **state)
{
	static const int passing[] = {ENOSPC, EDQUOT, EMFILE, ENFILE, EINTR, EAGAIN, ENOMEM};
	struct err e;
	for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++) {
		assert_int_equal(err_sys(RC_FAIL, passing[i], &e, "x"), RC_AGAIN);
		assert_int_equal(err_sys(RC_BAD, passing[i], &e, "x"), RC_BAD);
		assert_int_equal(e.sys, passing[i]);
	}
	assert_int_equal(err_sys(RC_FAIL, EACCES, &e, "open %s", "/x"), RC_FAIL);
	assert_string_equal(e.text, "open /x: Permission denied");
}

static void a_long_path_does_not_push_the_reason_out(void **state)
{
	struct err e;
	char path[2 * ERR_TEXT];
	memset(path, 'p', sizeof path - 1);
	path[sizeof path - 1] = '\0';
	(void)err_sys(RC_FAIL, EACCES, &e, "%s", path);
	assert_non_null(strstr(e.text, "ppp: Permission denied"));
	assert_int_equal(strlen(e.text), ERR_TEXT - 1);

	(void)err_set(RC_FAIL, &e, "the reason");
	(void)err_wrap(RC_FAIL, &e, "%s", path);
	assert_non_null(strstr(e.text, "ppp: the reason"));

	(void)err_set(RC_FAIL, &e, "%s", path);
	(void)err_wrap(RC_FAIL, &e, "%s", "before");
	assert_int_equal(strncmp(e.text, "before: ppp", 11), 0);
	assert_int_equal(strlen(e.text), ERR_TEXT - 1);
}

static void wrap_keeps_errno(void **state)
{
	struct err e;
	(void)err_sys(RC_FAIL, EACCES, &e, "open");
	assert_int_equal(err_wrap(RC_FAIL, &e, "lake %s", "a"), RC_FAIL);
	assert_string_equal(e.text, "lake a: open: Permission denied");
	assert_int_equal(e.sys, EACCES);
}

static void every_code_has_a_name(void **state)
{
	assert_string_equal(rc_name(RC_OK), "ok");
	assert_string_equal(rc_name(RC_END), "end");
	assert_string_equal(rc_name(RC_AGAIN), "again");
	assert_string_equal(rc_name(RC_BAD), "bad");
	assert_string_equal(rc_name(RC_FAIL), "fail");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(set_gives_the_reason_and_the_code),
	    cmocka_unit_test(a_reason_is_one_line),
	    cmocka_unit_test(what_passes_becomes_again),
	    cmocka_unit_test(a_long_path_does_not_push_the_reason_out),
	    cmocka_unit_test(wrap_keeps_errno),
	    cmocka_unit_test(every_code_has_a_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

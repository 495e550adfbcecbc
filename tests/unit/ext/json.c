/* json: our words for jansson's errors, and strings that any reader takes. */
#include "ext/json.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void parse_names_line_and_column(void **state)
{
	json_t *value = NULL;
	struct err e;
	assert_int_equal(json_parse("{\n \"a\": }", 9, &value, &e), RC_BAD);
	assert_int_equal(strncmp(e.text, "line 2, column ", 15), 0);
	assert_null(value);
	assert_int_equal(json_parse("{\"a\":1,\"a\":2}", 13, &value, &e), RC_BAD);
	assert_int_equal(json_parse("{} x", 4, &value, &e), RC_BAD);
	assert_int_equal(json_parse("", 0, &value, &e), RC_BAD);
	/* only len bytes are read */
	assert_int_equal(json_parse("{}x", 2, &value, &e), RC_OK);
	json_decref(value);
}

static void deep_nesting_is_refused(void **state)
{
	static char deep[1 << 20];
	json_t *value = NULL;
	struct err e;
	memset(deep, '[', sizeof deep);
	assert_int_equal(json_parse(deep, sizeof deep, &value, &e), RC_BAD);
}

static void members_are_checked(void **state)
{
	static const char text[] = "{\"rows\":7,\"name\":\"x\",\"real\":7.5,\"none\":null}";
	json_t *value;
	struct err e;
	const char *name = NULL;
	int64_t rows = 0;
	assert_int_equal(json_parse(text, strlen(text), &value, &e), RC_OK);
	assert_int_equal(json_get_int(value, "rows", &rows, &e), RC_OK);
	assert_int_equal(rows, 7);
	assert_int_equal(json_get_text(value, "name", &name, &e), RC_OK);
	assert_string_equal(name, "x");
	assert_int_equal(json_get_int(value, "real", &rows, &e), RC_BAD);
	assert_int_equal(json_get_int(value, "name", &rows, &e), RC_BAD);
	assert_string_equal(e.text, "key \"name\" is not a whole number");
	assert_int_equal(json_get_text(value, "none", &name, &e), RC_BAD);
	assert_string_equal(e.text, "key \"none\" is not a string");
	assert_int_equal(json_get_text(value, "other", &name, &e), RC_BAD);
	assert_string_equal(e.text, "key \"other\" is missing");
	assert_int_equal(json_get_text(json_object_get(value, "rows"), "other", &name, &e), RC_BAD);
	assert_int_equal(json_get_text(NULL, "other", &name, &e), RC_BAD);
	assert_int_equal(rows, 7);
	assert_string_equal(name, "x");
	json_decref(value);
}

static void quote(struct writer *w, const char *bytes, size_t len)
{
	writer_reset(w);
	json_quote(w, bytes, len);
	writer_u8(w, '\0');
	assert_false(w->failed);
}

static void quoting(void **state)
{
	struct writer w;
	writer_init(&w, 1 << 16);
	quote(&w, "a\"b\\c\n\r\t\x01/", 10);
	assert_string_equal(w.bytes, "\"a\\\"b\\\\c\\n\\r\\t\\u0001/\"");
	quote(&w, "ü😀", strlen("ü😀"));
	assert_string_equal(w.bytes, "\"ü😀\"");
	quote(&w, "a\xff\xc3", 3);
	assert_string_equal(w.bytes, "\"a\xef\xbf\xbd\xef\xbf\xbd\"");
	quote(&w, "\0", 1);
	assert_string_equal(w.bytes, "\"\\u0000\"");
	quote(&w, "", 0);
	assert_string_equal(w.bytes, "\"\"");
	writer_fini(&w);
}

static void any_pair_of_bytes_gives_valid_json(void **state)
{
	struct writer w;
	struct err e;
	writer_init(&w, 1 << 16);
	for (int a = 1; a < 256; a++) {
		for (int b = 1; b < 256; b++) {
			char bytes[4] = {(char)a, (char)b, 'z', '\0'};
			json_t *value;
			writer_reset(&w);
			writer_u8(&w, '[');
			json_quote(&w, bytes, 3);
			writer_u8(&w, ']');
			assert_int_equal(json_parse((char *)w.bytes, w.len, &value, &e), RC_OK);
			const char *back = json_string_value(json_array_get(value, 0));
			if (a < 0x80 && b < 0x80)
				assert_string_equal(back, bytes);
			json_decref(value);
		}
	}
	writer_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(parse_names_line_and_column),
	    cmocka_unit_test(deep_nesting_is_refused),
	    cmocka_unit_test(members_are_checked),
	    cmocka_unit_test(quoting),
	    cmocka_unit_test(any_pair_of_bytes_gives_valid_json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* thrift_binary, thrift_tree: known bytes, what is not known is kept, and answers that lie. */
#include "format/thrift_binary.h"

#include <string.h>

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { CEILING = 64 << 20 };

static enum rc read_from(const void *bytes, size_t len, struct binary_message *m, struct err *e)
{
	struct source *s = source_memory(bytes, len);
	enum rc rc = binary_read(s, m, e);
	source_close(&s);
	return rc;
}

/* What the specification's example bytes are for a call with one text. */
static void known_bytes(void **state)
{
	static const uint8_t want[] = "\x80\x01\x00\x01\x00\x00\x00\x0cget_database\x00\x00\x00\x07"
	                              "\x0b\x00\x01\x00\x00\x00\x04spot\x00";
	struct writer out;
	struct tree *args = tree_new(T_STRUCT);
	writer_init(&out, CEILING);
	tree_add_text(args, 1, "spot");
	binary_message(&out, "get_database", BINARY_CALL, 7, args);
	assert_int_equal(out.len, sizeof want - 1);
	assert_memory_equal(out.bytes, want, out.len);
	tree_free(&args);
	writer_fini(&out);
}

/* Every type, twice nested, with texts that hold NULs. */
static struct tree *everything(void)
{
	static const enum ttype number[] = {T_BOOL, T_BYTE, T_DOUBLE, T_I16, T_I32, T_I64};
	struct tree *t = tree_new(T_STRUCT);
	for (int16_t i = 0; i < 6; i++)
		tree_add_number(t, (int16_t)(i + 1), number[i], number[i] == T_BOOL ? 1 : -5 - i);
	tree_add_bytes(t, 7, "a\0b", 3);
	struct tree *map = tree_add_map(t, 8);
	tree_map_put(map, "EXTERNAL", "TRUE");
	tree_map_put(map, "owner", "spot");
	struct tree *list = tree_add_list(t, 9, T_STRUCT);
	for (int i = 0; i < 3; i++)
		tree_add_text(tree_add_struct(list, 0), 1, "column");
	struct tree *set = tree_add(t, 10, tree_new(T_SET));
	set->of = T_I64;
	tree_add_number(set, 0, T_I64, INT64_MIN);
	struct tree *skewed = tree_add(t, -11, tree_new(T_MAP));
	skewed->key = T_LIST;
	skewed->of = T_STRING;
	struct tree *key = tree_add_list(skewed, 0, T_STRING);
	tree_add_text(key, 0, "x");
	tree_add_text(skewed, 0, "y");
	tree_add_list(t, 12, T_STRING);
	return t;
}

static void written_and_read(void **state)
{
	struct writer first, second;
	struct binary_message m;
	struct err e;
	struct tree *t = everything();
	writer_init(&first, CEILING);
	writer_init(&second, CEILING);
	binary_message(&first, "alter_table", BINARY_REPLY, -1, t);
	assert_int_equal(read_from(first.bytes, first.len, &m, &e), RC_OK);
	assert_string_equal(m.name, "alter_table");
	assert_int_equal(m.kind, BINARY_REPLY);
	assert_int_equal(m.seq, -1);
	assert_int_equal(tree_field(m.body, 6, T_I64)->number, -10);
	assert_int_equal(tree_field(m.body, 4, T_I16)->number, -8);
	assert_null(tree_field(m.body, 4, T_I32));
	assert_null(tree_text(m.body, 7)); /* a NUL inside */
	assert_string_equal(tree_map_text(tree_field(m.body, 8, T_MAP), "EXTERNAL"), "TRUE");
	assert_int_equal(tree_field(m.body, 9, T_LIST)->children, 3);
	struct tree *copy = tree_copy(m.body);
	binary_message(&second, m.name, m.kind, m.seq, copy);
	assert_int_equal(first.len, second.len);
	assert_memory_equal(first.bytes, second.bytes, first.len);
	/* Every cut of it is an answer that ended too early, not more. */
	for (size_t cut = 1; cut < first.len; cut++) {
		uint8_t *part = mem_copy(first.bytes, cut);
		struct binary_message none;
		assert_int_equal(read_from(part, cut, &none, &e), RC_AGAIN);
		mem_free(&part);
	}
	assert_int_equal(read_from(first.bytes, 0, &m, &e), RC_END);
	tree_free(&copy);
	tree_free(&m.body);
	tree_free(&t);
	writer_fini(&first);
	writer_fini(&second);
}

static void edited(void **state)
{
	struct tree *t = everything();
	size_t before = t->children;
	tree_drop(t, 12);
	tree_drop(t, 1);
	tree_drop(t, 99);
	assert_int_equal(t->children, before - 2);
	tree_add_text(t, 12, "last");
	assert_string_equal(tree_text(t, 12), "last");
	struct tree *map = tree_field(t, 8, T_MAP);
	tree_map_put(map, "owner", "somebody");
	assert_int_equal(map->children, 4);
	assert_string_equal(tree_map_text(map, "owner"), "somebody");
	assert_null(tree_map_text(map, "nobody"));
	assert_null(tree_map_text(NULL, "owner"));
	assert_null(tree_field(NULL, 1, T_STRING));
	tree_free(&t);
}

#define HEAD "\x80\x01\x00\x02\x00\x00\x00\x01m\x00\x00\x00\x01"

struct hostile {
	const char *bytes;
	size_t len;
	const char *says;
};

#define LIE(text, says_)                                                                                               \
	{                                                                                                              \
		text, sizeof(text) - 1, says_                                                                          \
	}

static void refused(void **state)
{
	static const struct hostile lie[] = {
	    LIE("HTTP/1.1 400 Bad Request\r\n", "no strict binary thrift"),
	    LIE("\x00\x00\x00\x04ping\x01\x00\x00\x00\x00", "no strict binary thrift"), /* the old, unversioned form */
	    LIE("\x80\x01\x00\x02\x7f\xff\xff\xff", "a text of"),                       /* name */
	    LIE("\x80\x01\x00\x02\xff\xff\xff\xff", "a text of"),
	    LIE(HEAD "\x0b\x00\x01\x7f\xff\xff\xff", "a text of"),
	    LIE(HEAD "\x0b\x00\x01\x80\x00\x00\x00", "a text of"),
	    LIE(HEAD "\x0f\x00\x01\x0b\x7f\xff\xff\xff", "a list of"),
	    LIE(HEAD "\x0f\x00\x01\x0b\xff\xff\xff\xff", "a list of"),
	    LIE(HEAD "\x0d\x00\x01\x0b\x0b\x7f\xff\xff\xff", "a list of"),
	    LIE(HEAD "\x0f\x00\x01\x00\x00\x00\x00\x01\x00", "no type 0"),
	    LIE(HEAD "\x01\x00\x01\x00", "no type 1"),
	    LIE(HEAD "\x10\x00\x01\x00", "no type 16"),
	};
	for (size_t i = 0; i < sizeof lie / sizeof lie[0]; i++) {
		struct binary_message m;
		struct err e = {.text = ""};
		uint8_t *bytes = mem_copy(lie[i].bytes, lie[i].len);
		assert_int_equal(read_from(bytes, lie[i].len, &m, &e), RC_BAD);
		assert_non_null(strstr(e.text, lie[i].says));
		mem_free(&bytes);
	}
}

/* The head of an answer, then a unit repeated: structs in structs, lists in lists, values without end. */
static enum rc repeated(const char *unit, size_t len, size_t times, struct err *e)
{
	struct writer w;
	struct binary_message m;
	writer_init(&w, CEILING);
	writer_put(&w, HEAD, sizeof HEAD - 1);
	for (size_t i = 0; i < times; i++)
		writer_put(&w, unit, len);
	enum rc rc = read_from(w.bytes, w.len, &m, e);
	writer_fini(&w);
	return rc;
}

static void bounded(void **state)
{
	struct err e;
	assert_int_equal(repeated("\x0c\x00\x01", 3, 100000, &e), RC_BAD);
	assert_non_null(strstr(e.text, "deep"));
	assert_int_equal(repeated("\x0c\x00\x01", 3, BINARY_DEPTH - 1, &e), RC_AGAIN);
	assert_int_equal(repeated("\x02\x00\x01\x01", 4, BINARY_VALUES + 1, &e), RC_BAD);
	assert_non_null(strstr(e.text, "values"));
	/* A list that says it holds half a million lists of half a million. */
	assert_int_equal(repeated("\x0f\x00\x01\x0f\x00\x08\x00\x00", 8, 1, &e), RC_AGAIN);
	/* Large texts, each within its bound. */
	struct writer w;
	struct binary_message m;
	writer_init(&w, CEILING);
	writer_put(&w, HEAD, sizeof HEAD - 1);
	char *text = mem_zero(BINARY_TEXT, 1);
	for (int i = 0; i < 9; i++) {
		writer_put(&w, "\x0b\x00\x01\x00\x40\x00\x00", 7);
		writer_put(&w, text, BINARY_TEXT);
	}
	assert_int_equal(read_from(w.bytes, w.len, &m, &e), RC_BAD);
	assert_non_null(strstr(e.text, "bytes"));
	mem_free(&text);
	writer_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(known_bytes),
	    cmocka_unit_test(written_and_read),
	    cmocka_unit_test(edited),
	    cmocka_unit_test(refused),
	    cmocka_unit_test(bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

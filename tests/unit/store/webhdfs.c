/*
 * What of a lake in HDFS needs no server: names, places, and what answers mean.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "store/webhdfs/answer.h"
#include "store/webhdfs/name.h"
#include "store/webhdfs/place.h"

static struct err e;

/* ---- names ---- */

static void encodes(const char *raw, const char *want)
{
	struct writer w;
	char back[600];
	writer_init(&w, 1000);
	assert_int_equal(name_encode(raw, strlen(raw), &w), strlen(want));
	assert_memory_equal(w.bytes, want, strlen(want));
	assert_true(name_decode((const char *)w.bytes, w.len, back));
	assert_string_equal(back, raw);
	writer_fini(&w);
}

static void names_are_kept_or_escaped(void **state)
{
	(void)state;
	encodes("nfcapd.202601140900", "nfcapd.202601140900");
	encodes("with space", "with space");
	encodes("caf\xc3\xa9 \xf0\x9f\x98\x80", "caf\xc3\xa9 \xf0\x9f\x98\x80");
	encodes("2026-01-14T09:00", "2026-01-14T09%3A00");
	encodes("caf\xe9", "caf%E9");
	encodes("\xff\xfe", "%FF%FE");
	encodes("\xed\xa0\x80", "%ED%A0%80"); /* a surrogate is not UTF-8 */
	encodes("100%", "100%");
	encodes("%3a", "%3a");
	encodes("%3A", "%253A");
	encodes("%%3A:", "%%253A%3A");
	encodes("%:3A", "%%3A3A");
	encodes("%4:", "%4%3A");
	encodes(".snapshot", "%2Esnapshot");
	encodes(".snapshots", ".snapshots");
	encodes("..x", "..x");
	encodes("\x01\n\x7f\\", "\x01\n\x7f\\");
}

static void every_pair_of_bytes_comes_back(void **state)
{
	char raw[4] = "", back[16];
	(void)state;
	for (unsigned i = 1; i < 65536; i++) {
		struct writer w;
		raw[0] = (char)(i >> 8);
		raw[1] = (char)i;
		size_t len = raw[0] == '\0' ? 0 : 2;
		if (len == 0 || raw[0] == '/' || raw[1] == '/' || raw[1] == '\0')
			continue;
		writer_init(&w, 100);
		(void)name_encode(raw, len, &w);
		assert_null(memchr(w.bytes, ':', w.len));
		assert_true(name_decode((const char *)w.bytes, w.len, back));
		assert_memory_equal(back, raw, 3);
		writer_fini(&w);
	}
}

static void foreign_names_are_not_decoded(void **state)
{
	static const char *const names[] = {"", "%00", "a%2F", "%41", "a%2Eb", "a:b", ".snapshot", "\xff"};
	char back[16];
	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		assert_false(name_decode(names[i], strlen(names[i]), back));
}

static void order_is_known(void **state)
{
	(void)state;
	assert_true(name_is_ordered("plain%", "plain%"));
	assert_false(name_is_ordered("caf\xc3\xa9", "caf\xc3\xa9"));
	assert_false(name_is_ordered("a%3A", "a:"));
}

static void urls_hold_reserved_characters_encoded(void **state)
{
	struct writer w;
	(void)state;
	writer_init(&w, 100);
	name_url("/a b%?#;&=+\"\xc3\xa9~", 15, &w);
	writer_u8(&w, '\0');
	assert_string_equal(w.bytes, "/a%20b%25%3F%23%3B%26%3D%2B%22%C3%A9~");
	writer_fini(&w);
}

/* ---- places ---- */

static void places_are_read(void **state)
{
	struct place p;
	(void)state;
	assert_int_equal(place_read("nn1:9870,nn2.example:50070,nn3/user/spot/", false, &p, &e), RC_OK);
	assert_int_equal(p.nodes, 3);
	assert_string_equal(p.node[0], "nn1:9870");
	assert_string_equal(p.node[1], "nn2.example:50070");
	assert_string_equal(p.node[2], "nn3:9870");
	assert_string_equal(p.root, "/user/spot");
	place_fini(&p);
	assert_int_equal(place_read("[::1]/x", true, &p, &e), RC_OK);
	assert_string_equal(p.node[0], "[::1]:9871");
	place_fini(&p);
	assert_int_equal(place_read("h/", false, &p, &e), RC_OK);
	assert_string_equal(p.root, "");
	place_fini(&p);
}

static void bad_places_are_refused(void **state)
{
	static const char *const places[] = {"", "/x", "h", "h:9870", "h:0/x", "h:70000/x", "h:x/x", "h,/x", ",h/x",
	    "[::1/x", "[]/x", "user@h/x", "h/a//b", "h/a/../b", "h/./b", "h/a:b", "h h/x", "a,b,c,d,e,f,g,h,i/x"};
	struct place p;
	(void)state;
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		e.text[0] = '\0';
		assert_int_equal(place_read(places[i], false, &p, &e), RC_BAD);
		assert_true(e.text[0] != '\0');
	}
}

/* ---- answers ---- */

static struct answer read_error(int status, const char *exception, const char *message, const char *secret)
{
	struct answer a;
	char *body =
	    mem_format("{\"RemoteException\":{\"exception\":\"%s\",\"javaClassName\":\"x\",\"message\":\"%s\"}}",
	        exception, message);
	answer_read(status, body, strlen(body), secret, &a);
	mem_free(&body);
	return a;
}

static void exceptions_have_a_meaning(void **state)
{
	static const struct {
		int status;
		const char *name;
		enum answer_kind kind;
	} want[] = {{404, "FileNotFoundException", ANSWER_ABSENT}, {403, "FileAlreadyExistsException", ANSWER_TAKEN},
	    {403, "AlreadyBeingCreatedException", ANSWER_BEING_WRITTEN}, {403, "StandbyException", ANSWER_ELSEWHERE},
	    {403, "RetriableException", ANSWER_ELSEWHERE}, {403, "SafeModeException", ANSWER_LATER},
	    {403, "DSQuotaExceededException", ANSWER_FULL}, {403, "AccessControlException", ANSWER_DENIED},
	    {403, "InvalidToken", ANSWER_TOKEN}, {400, "IllegalArgumentException", ANSWER_REFUSED},
	    {403, "FSLimitException.PathComponentTooLongException", ANSWER_REFUSED},
	    {403, "FSLimitException$PathComponentTooLongException", ANSWER_REFUSED},
	    {403, "NotAFileNotFoundException", ANSWER_OTHER}, {403, "IOException", ANSWER_OTHER},
	    {500, "IOException", ANSWER_LATER}, {500, "FileNotFoundException", ANSWER_ABSENT}};
	(void)state;
	for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
		struct answer a = read_error(want[i].status, want[i].name, "m", NULL);
		assert_int_equal(a.kind, want[i].kind);
		assert_memory_equal(a.text, want[i].name, strlen(want[i].name));
	}
	assert_int_equal(
	    read_error(403, "AccessControlException", "/a (is not a directory)", NULL).kind, ANSWER_NOT_DIRECTORY);
	assert_int_equal(
	    read_error(403, "IOException", "No active nodes contain this block", NULL).kind, ANSWER_LACKING);
}

static void bodies_that_say_nothing_go_by_the_status(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum answer_kind kind;
	} want[] = {{200, "", ANSWER_OK}, {201, "x", ANSWER_OK}, {307, "", ANSWER_OK}, {401, "<html>", ANSWER_DENIED},
	    {404, "<html>", ANSWER_OTHER}, {503, "", ANSWER_LATER}, {429, "{}", ANSWER_LATER},
	    {403, "{\"RemoteException\":3}", ANSWER_OTHER},
	    {403, "{\"RemoteException\":{\"exception\":3}}", ANSWER_OTHER}};
	struct answer a;
	(void)state;
	for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
		answer_read(want[i].status, want[i].body, strlen(want[i].body), NULL, &a);
		assert_int_equal(a.kind, want[i].kind);
	}
}

static void texts_are_one_line_without_secrets(void **state)
{
	(void)state;
	assert_string_equal(read_error(403, "IOException", "broken\\n\\tat java.x", NULL).text, "IOException: broken");
	assert_string_equal(read_error(403, "InvalidToken", "token s3cret is old", "s3cret").text,
	    "an error whose text holds a secret");
}

static void statuses_are_read(void **state)
{
	static const char file[] =
	    "{\"FileStatus\":{\"length\":5,\"modificationTime\":1795752347247,\"type\":\"FILE\"}}";
	static const char *const bad[] = {"", "[]", "{\"FileStatus\":{}}",
	    "{\"FileStatus\":{\"length\":-1,\"modificationTime\":1,\"type\":\"FILE\"}}",
	    "{\"FileStatus\":{\"length\":1,\"modificationTime\":9223372036854775807,\"type\":\"FILE\"}}",
	    "{\"FileStatus\":{\"length\":\"1\",\"modificationTime\":1,\"type\":\"FILE\"}}"};
	struct store_stat st;
	(void)state;
	assert_int_equal(answer_status(file, sizeof file - 1, &st, &e), RC_OK);
	assert_int_equal(st.size, 5);
	assert_true(st.modified_ns == INT64_C(1795752347247000000));
	assert_false(st.directory);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(answer_status(bad[i], strlen(bad[i]), &st, &e), RC_AGAIN);
}

static void add_name(void *context, const char *name)
{
	strcat(context, name);
	strcat(context, ",");
}

static void listings_are_read(void **state)
{
	static const char batch[] = "{\"DirectoryListing\":{\"partialListing\":{\"FileStatuses\":{\"FileStatus\":["
	                            "{\"pathSuffix\":\"a\"},{\"pathSuffix\":\"b\"}]}},\"remainingEntries\":7}}";
	static const char whole[] = "{\"FileStatuses\":{\"FileStatus\":[{\"pathSuffix\":\"c\"}]}}";
	static const char *const bad[] = {"{}", "{\"FileStatuses\":{\"FileStatus\":[{}]}}",
	    "{\"DirectoryListing\":{\"partialListing\":{\"FileStatuses\":{\"FileStatus\":[]}}}}"};
	char names[100] = "";
	uint64_t remaining = 9;
	(void)state;
	assert_int_equal(answer_listing(batch, sizeof batch - 1, add_name, names, &remaining, &e), RC_OK);
	assert_string_equal(names, "a,b,");
	assert_int_equal(remaining, 7);
	assert_int_equal(answer_listing(whole, sizeof whole - 1, add_name, names, &remaining, &e), RC_OK);
	assert_string_equal(names, "a,b,c,");
	assert_int_equal(remaining, 0);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(answer_listing(bad[i], strlen(bad[i]), add_name, names, &remaining, &e), RC_AGAIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_are_kept_or_escaped),
	    cmocka_unit_test(every_pair_of_bytes_comes_back),
	    cmocka_unit_test(foreign_names_are_not_decoded),
	    cmocka_unit_test(order_is_known),
	    cmocka_unit_test(urls_hold_reserved_characters_encoded),
	    cmocka_unit_test(places_are_read),
	    cmocka_unit_test(bad_places_are_refused),
	    cmocka_unit_test(exceptions_have_a_meaning),
	    cmocka_unit_test(bodies_that_say_nothing_go_by_the_status),
	    cmocka_unit_test(texts_are_one_line_without_secrets),
	    cmocka_unit_test(statuses_are_read),
	    cmocka_unit_test(listings_are_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What Spot's two files say, read as Spot read them: its shell assignments, and its two kinds of file lists. */
#include "app/spot/conf.h"
#include "app/spot/pattern.h"

#include <regex.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "format/locate.h"

struct odd {
	unsigned line[16];
	size_t count;
};

static void see_odd(void *context, unsigned line, const char *why)
{
	struct odd *o = context;
	assert_non_null(why);
	assert_true(o->count < 16);
	o->line[o->count++] = line;
}

static void assignments_are_read_as_a_shell_reads_them(void **state)
{
	static const char text[] = "# a comment\n"
	                           "\n"
	                           "HUSER='/user/spot'\n"
	                           "export WEB_PORT=50070 # the old one\n"
	                           "A=\"${HUSER}/x\"$WEB_PORT'y$z'\\ b\r\n"
	                           "EMPTY=\n"
	                           "HUSER=\"/user/\\\"two\\\"\"\n"
	                           "NONE=${NOBODY}!\n"
	                           "HASH=a#b\n";
	static const char *const want[][2] = {{"WEB_PORT", "50070"}, {"A", "/user/spot/x50070y$z b"}, {"EMPTY", ""},
	    {"HUSER", "/user/\"two\""}, {"NONE", "!"}, {"HASH", "a#b"}};
	struct spot_conf c;
	struct err e;
	struct odd odd = {.count = 0};
	assert_int_equal(spot_conf_read("s", text, sizeof text - 1, &c, see_odd, &odd, &e), RC_OK);
	assert_int_equal(odd.count, 0);
	assert_int_equal(c.count, 7);
	for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
		assert_string_equal(spot_conf_get(&c, want[i][0])->value, want[i][1]);
	assert_int_equal(spot_conf_get(&c, "HUSER")->line, 7);
	assert_null(spot_conf_get(&c, "huser"));
	spot_conf_fini(&c);
}

static void what_a_shell_would_work_out_is_left_out(void **state)
{
	static const char text[] = "A=$(id)\nB=`id`\nC=\"x`id`\"\nif true; then\nD=1 E=2\nF=${G:-x}\n9X=1\nGOOD=1;\n";
	struct spot_conf c;
	struct err e;
	struct odd odd = {.count = 0};
	assert_int_equal(spot_conf_read("s", text, sizeof text - 1, &c, see_odd, &odd, &e), RC_OK);
	assert_int_equal(odd.count, 7);
	for (unsigned i = 0; i < 7; i++)
		assert_int_equal(odd.line[i], i + 1);
	assert_int_equal(c.count, 1);
	assert_string_equal(spot_conf_get(&c, "GOOD")->value, "1");
	spot_conf_fini(&c);
}

static void refuse(const char *text, size_t size, const char *why)
{
	struct spot_conf c;
	struct err e;
	struct odd odd = {.count = 0};
	assert_int_equal(spot_conf_read("s.conf", text, size, &c, see_odd, &odd, &e), RC_BAD);
	assert_non_null(strstr(e.text, why));
	assert_int_equal(c.count, 0);
}

static void hostile_assignments_are_refused(void **state)
{
	char *text = mem_zero(200000, 1);
	size_t n = 0;
	refuse("A=1\nB='x\n", 9, "s.conf:2: a quote is not closed");
	refuse("A=1\nB=x\0y", 9, "s.conf:2: byte 7 of the file");
	refuse("\xff", 1, "s.conf:1: byte 0 of the file");
	/* It would double with each line. */
	n = (size_t)sprintf(text, "A=0123456789\n");
	for (int i = 0; i < 40; i++)
		n += (size_t)sprintf(text + n, "A=$A$A\n");
	refuse(text, n, "longer than 4096 bytes");
	for (n = 0; n < 199990;)
		n += (size_t)sprintf(text + n, "A=1\n");
	refuse(text, n, "s.conf:1001: more than a thousand");
	mem_free(&text);
}

/* ---- patterns ---- */

static const char *const names[] = {"a!", "x@", "a@b", "a\\b", "nfcapd.201601010000", "nfcapd.20160101000000",
    "nfcapd.current", "xnfcapd.1", "a.pcap", "a.pcap.gz", ".pcap", "b.pcapng", "proxy.log", "proxy.log.1", "log",
    "access_2016", "a|b)c", "a[b]*", "", "nfcapdX2016", "NFCAPD.1"};

enum { NAMES = sizeof names / sizeof names[0] };

/* master_collector.py: a beginning or an end. Names with a dot in front are never taken, and none ends in one. */
static bool spot_takes(const char *const *word, size_t words, const char *name)
{
	for (size_t i = 0; i < words; i++)
		if (str_starts(name, word[i]) || str_ends(name, word[i]))
			return name[0] != '.';
	return false;
}

static void beginnings_and_ends_are_taken_as_spot_took_them(void **state)
{
	static const char *const lists[][3] = {{"nfcapd."}, {"a!", "a@"}, {".pcap"}, {".log"}, {"log"},
	    {".pcap", "nfcapd.", "access"}, {"a"}, {".log", ".log.1"}};
	struct err e;
	for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
		size_t words = 0;
		char *pattern = NULL;
		bool wider = true;
		while (words < 3 && lists[i][words] != NULL)
			words++;
		assert_int_equal(spot_pattern(lists[i], words, &pattern, &wider, &e), RC_OK);
		assert_false(wider);
		for (size_t n = 0; n < NAMES; n++)
			if (names[n][0] != '.')
				assert_int_equal(str_match(pattern, names[n]), spot_takes(lists[i], words, names[n]));
		mem_free(&pattern);
	}
}

/* collector.py: found anywhere. POSIX has \d not, so it is written out for the comparison. */
static void expressions_are_taken_as_spot_took_them(void **state)
{
	static const struct {
		const char *spot, *posix;
		bool wider;
	} row[] = {
	    {"nfcapd.*", "nfcapd.*", false},
	    {"nfcapd.[0-9]{14}", "nfcapd.[0-9]{14}", false},
	    {"^nfcapd\\.\\d{12}$", "^nfcapd\\.[0-9]{12}$", false},
	    {"\\.pcap$", "\\.pcap$", false},
	    {"a\\|b\\)", "a\\|b\\)", false},
	    {"^a\\\\b$|a!", "^a\\\\b$|a!", false},
	    {"a\\[b\\]\\*", "a\\[b\\]\\*", false},
	    {"^[^x]+\\.pcap", "^[^x]+\\.pcap", true},
	    {"pcap|\\.log$", "pcap|\\.log$", false},
	    {"^a.+p$", "^a.+p$", false},
	    {"access_[0-9]{2,}", "access_[0-9]{2,}", true},
	    {"l?og", "l?og", true},
	};
	struct err e;
	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		char *pattern = NULL;
		bool wider;
		regex_t re;
		assert_int_equal(spot_pattern(&row[i].spot, 1, &pattern, &wider, &e), RC_OK);
		assert_int_equal(wider, row[i].wider);
		assert_int_equal(regcomp(&re, row[i].posix, REG_EXTENDED | REG_NOSUB), 0);
		for (size_t n = 0; n < NAMES; n++) {
			bool spot = regexec(&re, names[n], 0, NULL, 0) == 0, ours = str_match(pattern, names[n]);
			if (spot ? !ours : ours && !wider)
				fail_msg("%s as %s: %s", row[i].spot, pattern, names[n]);
		}
		regfree(&re);
		mem_free(&pattern);
	}
}

static void what_no_pattern_says_is_refused(void **state)
{
	static const char *const no[] = {"(a|b)", "a\\", "[", "[]", "[a", "a**", "*", "a{", "a{x}", "a{99}", "\\w+",
	    "(?i)a", "a$b", "[[:digit:]]", "a^"};
	struct err e;
	char *pattern = NULL;
	bool wider;
	for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
		if (spot_pattern(&no[i], 1, &pattern, &wider, &e) != RC_BAD)
			fail_msg("%s became %s", no[i], pattern);
	assert_int_equal(spot_pattern(no, 0, &pattern, &wider, &e), RC_BAD);
	static const char many[] =
	    "a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}"
	    "a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}"
	    "a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}"
	    "a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}a{64}";
	assert_int_equal(spot_pattern((const char *const[]){many}, 1, &pattern, &wider, &e), RC_BAD);
}

/* ---- lines ---- */

static void a_member_is_found_by_its_path(void **state)
{
	static const char text[] =
	    "{ \"a\": {\n \"b\": [ {\"c\": 1}, \"c\" ],\n \"c\": {\n  \"d\": 2 } },\n \"d\": 3,\n"
	    " \"x\\\"a\": 4, \"c\": { \"d\": 5 },\n \"e\": { \"d\": 6,\n \"a\": { \"b\": 7 } } }";
	static const struct {
		const char *path[3];
		size_t depth;
		unsigned line;
	} row[] = {{{"a"}, 1, 1}, {{"d"}, 1, 5}, {{"a", "b"}, 2, 2}, {{"a", "c"}, 2, 3}, {{"a", "c", "d"}, 3, 4},
	    {{"c", "d"}, 2, 6}, {{"e", "a", "b"}, 3, 8}, {{"e", "none"}, 2, 7}, {{"none"}, 1, 1}};
	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
		assert_int_equal(locate_member(text, sizeof text - 1, row[i].path, row[i].depth), row[i].line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(assignments_are_read_as_a_shell_reads_them),
	    cmocka_unit_test(what_a_shell_would_work_out_is_left_out),
	    cmocka_unit_test(hostile_assignments_are_refused),
	    cmocka_unit_test(beginnings_and_ends_are_taken_as_spot_took_them),
	    cmocka_unit_test(expressions_are_taken_as_spot_took_them),
	    cmocka_unit_test(what_no_pattern_says_is_refused),
	    cmocka_unit_test(a_member_is_found_by_its_path),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* exec: real commands, their ends and limits. The shell is a program like any other here: the point is that nobody else
 * calls it. */
#include "exec/exec.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/writer.h"
#include "exec/preset.h"
#include "exec/spool.h"
#include "unit/dissect/csv_dump.h"

#define OPTIONS(...)       ((const char *const[]){__VA_ARGS__, NULL})
#define SHELL(script, ...) OPTIONS("command=/bin/sh", "command=-c", "command=" script, ##__VA_ARGS__)

static const char input[] = "at,n,ip,price,note\n2026-01-14,1,10.0.0.1,1.5,a\n2026-01-14,2,,,b\n";
#define ROWS "row 2026-01-14 00:00:00|1|10.0.0.1|1.5|a\nrow 2026-01-14 00:00:00|2|~|~|b\n"

static char *dump(const void *bytes, size_t len, const char *const *options)
{
	struct csv_table t;
	csv_orders(&t);
	return csv_dump(&dissect_exec, &t, bytes, len, 0, options);
}

static void expect(const char *const *options, const char *want)
{
	char *got = dump(input, strlen(input), options);
	assert_string_equal(got, want);
	mem_free(&got);
}

static void test_path_and_standard_input(void **state)
{
	expect(OPTIONS("command=cat"), ROWS "clean\n");
	expect(OPTIONS("command=cat", "command={}"), ROWS "clean\n");
	/* By path, standard input is empty. */
	expect(OPTIONS("command=cat", "command=-", "command={}"), ROWS "clean\n");
	expect(OPTIONS("command=/bin/cat", "command={}", "column.note=-"),
	    "row 2026-01-14 00:00:00|1|10.0.0.1|1.5|~\nrow 2026-01-14 00:00:00|2|~|~|~\nclean\n");
	/* The path may be opened again, and by a child of the command. */
	expect(SHELL("cat \"$1\" >/dev/null; cat \"$1\"", "command=name", "command={}"), ROWS "clean\n");
}

/* Arguments reach the program byte for byte. */
static void test_no_shell(void **state)
{
	char got_file[] = "/tmp/sluice-exec-XXXXXX";
	int fd = mkstemp(got_file);
	assert_true(fd >= 0);
	close(fd);
	unlink(got_file);
	char touch[100];
	snprintf(touch, sizeof touch, "command=2026-01-14;touch %s;$(touch %s)`touch %s`|& > x", got_file, got_file,
	    got_file);
	char *got =
	    dump(input, 0, OPTIONS("command=printf", "command=at,n,ip,price,note\\n2026-01-14,1,,,%s\\n", touch));
	char want[300];
	snprintf(want, sizeof want, "row 2026-01-14 00:00:00|1|~|~|%s\nclean\n", touch + strlen("command="));
	assert_string_equal(got, want);
	assert_int_not_equal(access(got_file, F_OK), 0);
	mem_free(&got);
}

/* More than a pipe holds, both ways, by a program that writes before it has read and one that never reads. */
static void test_much(void **state)
{
	struct writer w;
	writer_init(&w, 16 << 20);
	writer_text(&w, "at,n,ip,price,note\n");
	for (int i = 0; i < 100000; i++)
		writer_format(&w, "2026-01-14,%d,,,\n", i);
	char *got = dump(w.bytes, w.len, OPTIONS("command=cat"));
	assert_non_null(strstr(got, "|99999|~|~|~\nclean\n"));
	mem_free(&got);
	got = dump(w.bytes, w.len, SHELL("yes 'more than nothing' | head -n 100000 >&2; cat"));
	assert_non_null(strstr(got, "|99999|~|~|~\nclean\nnote: more than nothing\nmore"));
	assert_int_equal(strlen(strstr(got, "note: ")), strlen("note: \n") + DISSECT_NOTE);
	mem_free(&got);
	got = dump(w.bytes, w.len, SHELL("echo at,n,ip,price,note"));
	assert_string_equal(got, "clean\n");
	mem_free(&got);
	writer_fini(&w);
}

static void test_bad_ends(void **state)
{
	/* Rows of a command that failed are nobody's. */
	expect(SHELL("cat; exit 3"), "bad: sh: exit 3\n");
	expect(SHELL("cat; echo cannot go on >&2; echo more >&2; exit 1"),
	    "bad: sh: exit 1: cannot go on\nnote: cannot go on\nmore\n\n");
	expect(SHELL("cat; kill -9 $$"), "bad: sh: killed by signal 9 (Killed)\n");
	expect(SHELL("cat; kill -11 $$"), "bad: sh: killed by signal 11 (Segmentation fault)\n");
	/* Text on standard error alone is no reason. */
	expect(SHELL("cat; echo a warning >&2"), ROWS "clean\nnote: a warning\n\n");
	/* Control characters in a reason would break a log line. */
	expect(SHELL("printf 'a\\033b\\tc\\n' >&2; exit 1"), "bad: sh: exit 1: a?b?c\nnote: a\033b\tc\n\n");
}

static void test_start_fails(void **state)
{
	char *got = dump(input, strlen(input), OPTIONS("command=no-such-program-here"));
	assert_non_null(strstr(got, "again: exec: no program \"no-such-program-here\" in "));
	mem_free(&got);
	expect(OPTIONS("command=/no/such/program"),
	    "again: exec: /no/such/program: no such program, or it may not be run\n");
	expect(OPTIONS("command=/etc"), "again: exec: /etc: no such program, or it may not be run\n");
	char script[] = "/tmp/sluice-exec-XXXXXX";
	int fd = mkstemp(script);
	assert_true(fd >= 0 && fchmod(fd, 0755) == 0);
	assert_int_equal(write(fd,
	                     "\x7f"
	                     "ELF broken",
	                     11),
	    11);
	close(fd);
	char option[60], want[100];
	snprintf(option, sizeof option, "command=%s", script);
	snprintf(want, sizeof want, "bad: cannot start %s: Exec format error\n", script);
	expect(OPTIONS(option), want);
	unlink(script);
}

static void test_timeout(void **state)
{
	struct mono begun = clock_mono();
	expect(SHELL("cat; sleep 30", "timeout=200ms"), "bad: sh: killed after 200ms (timeout)\n");
	/* The group dies, not only the program: its child would hold standard error open. */
	expect(SHELL("echo waiting >&2; sleep 30 & wait", "timeout=200ms"),
	    "bad: sh: killed after 200ms (timeout): waiting\nnote: waiting\n\n");
	expect(SHELL("trap '' TERM INT; sleep 30", "timeout=200ms"), "bad: sh: killed after 200ms (timeout)\n");
	/* What is left behind by a program that ends is killed, and not waited for. */
	expect(SHELL("cat; sleep 30 &", "timeout=20s"), ROWS "clean\n");
	assert_true(mono_since(begun) < 15000);
}

/* Nothing of a killed group is left. */
static void test_group_is_gone(void **state)
{
	char pid_file[] = "/tmp/sluice-exec-XXXXXX", script[200];
	int fd = mkstemp(pid_file);
	assert_true(fd >= 0);
	snprintf(script, sizeof script, "command=sleep 30 & echo $! >%s; wait", pid_file);
	char *got = dump(input, strlen(input), OPTIONS("command=/bin/sh", "command=-c", script, "timeout=300ms"));
	assert_string_equal(got, "bad: sh: killed after 300ms (timeout)\n");
	mem_free(&got);
	char text[20] = "";
	assert_true(pread(fd, text, sizeof text - 1, 0) > 0);
	pid_t pid = (pid_t)atoi(text);
	/* Its new parent may take a moment to reap it; a zombie has no state but Z. */
	bool gone = false;
	for (int i = 0; i < 100 && !gone; i++) {
		char path[60], status[200] = "";
		snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
		int stat = open(path, O_RDONLY);
		gone = stat < 0 || read(stat, status, sizeof status - 1) <= 0 || strstr(status, ") Z") != NULL;
		if (stat >= 0)
			close(stat);
		if (!gone)
			clock_sleep_ms(20);
	}
	assert_true(pid > 1 && gone);
	close(fd);
	unlink(pid_file);
}

static void test_output_limit(void **state)
{
	expect(OPTIONS("command=yes", "output=100KiB"), "bad: yes: printed more than 100.0 KiB (output)\n");
	/* One that goes on when it cannot write. */
	expect(SHELL("trap '' XFSZ; yes 2>/dev/null; exit 0", "output=100KiB"),
	    "bad: sh: printed more than 100.0 KiB (output)\n");
	/* As much as is allowed. */
	char *got =
	    dump(input, 0, SHELL("echo at,n,ip,price,note; yes 2026-01-14,1,,, | head -c 102380", "output=100KiB"));
	assert_non_null(strstr(got, "row 2026-01-14 00:00:00|1|~|~|~\n"));
	assert_null(strstr(got, "bad: "));
	mem_free(&got);
}

static void test_memory_limit(void **state)
{
	expect(OPTIONS("command=dd", "command=if=/dev/zero", "command=of=/dev/null", "command=bs=900M",
	           "command=count=1", "command=status=none", "memory=256MiB"),
	    "bad: dd: exit 1: dd: memory exhausted by input buffer of size 943718400 bytes (900 MiB)\n"
	    "note: dd: memory exhausted by input buffer of size 943718400 bytes (900 MiB)\n\n");
}

/* A child sees its five variables, its descriptors, and nothing of ours. */
static void test_surroundings(void **state)
{
	setenv("SLUICE_SECRET", "token", 1);
	setenv("TMPDIR", "/tmp", 1);
	int open_here = open("/etc/passwd", O_RDONLY);
	char *got =
	    dump(input, strlen(input), SHELL("env | cut -d= -f1 | sort | tr '\\n' ' ' >&2; echo $TZ $LC_ALL >&2; cat"));
	assert_non_null(strstr(got, ROWS "clean\nnote: HOME LC_ALL PATH PWD TMPDIR TZ UTC C.UTF-8\n"));
	mem_free(&got);
	/* The last one is the folder that ls reads. */
	expect(SHELL("exec ls /proc/self/fd >&2"), "clean\nnote: 0\n1\n2\n3\n\n");
	expect(SHELL("exec ls /proc/self/fd >&2", "command={}"), "clean\nnote: 0\n1\n2\n3\n4\n\n");
	got = dump(input, strlen(input),
	    SHELL("ulimit -c >&2; test $(cut -d' ' -f5 /proc/$$/stat) = $$ && echo own group >&2; grep NoNewPrivs "
	          "/proc/$$/status >&2; cat"));
	assert_non_null(strstr(got, "note: 0\nown group\nNoNewPrivs:\t1\n"));
	mem_free(&got);
	close(open_here);
}

static void test_options(void **state)
{
	static const struct {
		const char *option[4], *want;
	} row[] = {
	    {{NULL}, "bad: command: which one? A list of program and arguments, or preset: nfdump\n"},
	    {{"comand=x"}, "bad: unknown option \"comand\" (did you mean \"command\"?)\n"},
	    {{"command=cat", "delimeter=,"}, "bad: unknown option \"delimeter\" (did you mean \"delimiter\"?)\n"},
	    {{"command=cat", "delimiter=,,"},
	        "bad: delimiter: wants one character, or comma, tab, semicolon, pipe, space, colon, not \",,\"\n"},
	    {{"command="}, "bad: command: wants a program\n"},
	    {{"preset=nfdumb"}, "bad: preset: unknown \"nfdumb\"; there are: nfdump, tshark\n"},
	    {{"command=cat", "timeout=1ms"}, "bad: timeout: \"1ms\" is out of range 100ms to 24h\n"},
	    {{"command=cat", "memory=1KiB"}, "bad: memory: \"1KiB\" is out of range 64KiB to 1TiB\n"},
	    {{"command=cat", "output=no"}, NULL},
	    {{"command=cat", "timeout=1s", "timeout=2s"}, "bad: timeout: is given twice\n"},
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		char *got = dump(input, strlen(input), row[i].option);
		if (row[i].want != NULL)
			assert_string_equal(got, row[i].want);
		else
			assert_true(strncmp(got, "bad: output: ", 13) == 0);
		mem_free(&got);
	}
}

/* A preset maps what the table asks for, and takes only the columns that it knows. */
static void test_preset(void **state)
{
	static const char *const column[] = {"time STRING datetime", "src_addr STRING ip", "proto STRING proto",
	    "in_bytes BIGINT", "tcp_flags STRING tcp_flags"};
	struct csv_table t;
	struct writer w;
	csv_table(&t, column, 5);
	writer_init(&w, 1 << 16);
	writer_format(&w, "%s\n", preset_find("nfdump")->header);
	writer_text(&w, "2026-01-14 08:59:58,2026-01-14 "
	                "08:59:59,1.000,10.0.0.1,192.0.2.1,1234,443,TCP,...AP.SF,0,0,1,7,0,0,1,2,64500,64501,24,16,0,"
	                "0,0.0.0.0,0.0.0.0,0,0,m,m,m,m,1,2,3,4,5,6,7,8,9,10,    0.000,    0.000,    "
	                "0.000,127.0.0.1,0/1,1,2026-01-14 09:00:00.123\n"
	                "2026-01-14 08:59:58,1970-01-01 00:00:00,1.000,::1,192.0.2.1,1234,443,    "
	                "99,........,0,0,1,8,0,0,1,2,64500,64501,24,16,0,"
	                "0,0.0.0.0,0.0.0.0,0,0,m,m,m,m,1,2,3,4,5,6,7,8,9,10,    0.000,    0.000,    "
	                "0.000,127.0.0.1,0/1,1,1970-01-01 00:00:00.000\n"
	                "Summary\nflows,bytes\n1,2\n");
	char *got = csv_dump(&dissect_exec, &t, w.bytes, w.len, 0, OPTIONS("preset=nfdump", "command=cat"));
	assert_string_equal(
	    got, "row 2026-01-14 09:00:00.123000000|10.0.0.1|6|7|27\nrow 2026-01-14 08:59:58|::1|99|8|0\nclean\n");
	mem_free(&got);
	/* Another version: other columns, named by what it calls itself. */
	got = csv_dump(&dissect_exec, &t, "firstSeen,duration,proto\n", 25, 0,
	    OPTIONS("preset=nfdump", "command=/bin/sh", "command=-c", "command=cat"));
	assert_non_null(strstr(got, "prints other columns than the preset reads, which knows nfdump 1.7.0 to 1.7.4: "
	                            "\"firstSeen,duration,proto\"\n"));
	mem_free(&got);
	got = csv_dump(&dissect_exec, &t, "", 0, 0, OPTIONS("preset=nfdump", "command=cat"));
	assert_non_null(strstr(got, "bad: nfdump prints other columns than the preset reads"));
	mem_free(&got);
	writer_fini(&w);
}

static void test_version_is_named(void **state)
{
	char script[] = "/tmp/sluice-exec-XXXXXX", option[60];
	static const char text[] = "#!/bin/sh\ntest \"$1\" = -V && echo 'nfdump: Version: 9.9' && exit 0\ncat\n";
	struct csv_table t;
	csv_orders(&t);
	int fd = mkstemp(script);
	assert_true(fd >= 0 && fchmod(fd, 0755) == 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	snprintf(option, sizeof option, "command=%s", script);
	char *got = csv_dump(&dissect_exec, &t, "a,b\n", 4, 0,
	    OPTIONS("preset=nfdump", option, "column.at=tr", "column.n=-", "column.ip=-", "column.price=-",
	        "column.note=-"));
	assert_string_equal(got, "bad: nfdump: Version: 9.9 prints other columns than the preset reads, which knows "
	                         "nfdump 1.7.0 to 1.7.4: \"a,b\"\n");
	mem_free(&got);
	unlink(script);
}

static void test_check(void **state)
{
	struct csv_table t;
	struct projection *p = NULL;
	struct err e;
	csv_orders(&t);
	assert_int_equal(dissect_bind(&dissect_exec, &t.schema, &p, &e), RC_OK);
	struct dissect_option good = {"command", "cat"}, bad = {"command", "no-such-program-here"};
	struct dissect_params params = dissect_params_of(p, &good, 1);
	assert_int_equal(dissect_check(&dissect_exec, &params, &e), RC_OK);
	params = dissect_params_of(p, &bad, 1);
	assert_int_equal(dissect_check(&dissect_exec, &params, &e), RC_BAD);
	assert_non_null(strstr(e.text, "no-such-program-here"));
	projection_free(&p);
}

/* The same call may work later: the input is still there. */
static void test_again(void **state)
{
	struct csv_table t;
	struct projection *p = NULL;
	struct dissector *d = NULL;
	const struct batch *b;
	bool clean = false;
	struct err e;
	char script[] = "/tmp/sluice-exec-XXXXXX";
	static const char text[] = "#!/bin/sh\nexec cat\n";
	csv_orders(&t);
	int fd = mkstemp(script);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(dissect_bind(&dissect_exec, &t.schema, &p, &e), RC_OK);
	struct dissect_option option = {"command", script};
	struct dissect_params params = dissect_params_of(p, &option, 1);
	struct dissect_hints hints = {.name = "test"};
	assert_int_equal(
	    dissect_open(&dissect_exec, source_memory(input, strlen(input)), &hints, &params, &d, &e), RC_OK);
	assert_int_equal(dissect_next(d, &b, &clean, &e), RC_AGAIN);
	assert_int_equal(dissect_next(d, &b, &clean, &e), RC_AGAIN);
	assert_int_equal(fchmod(fd, 0755), 0);
	close(fd);
	assert_int_equal(dissect_next(d, &b, &clean, &e), RC_OK);
	assert_int_equal(b->rows, 2);
	assert_int_equal(dissect_next(d, &b, &clean, &e), RC_END);
	assert_true(clean);
	dissect_close(&d);
	projection_free(&p);
	unlink(script);
}

static void test_no_room_to_spool(void **state)
{
	setenv("TMPDIR", "/no/such/folder", 1);
	expect(
	    OPTIONS("command=cat"), "fail: no temporary file in /no/such/folder (TMPDIR): No such file or directory\n");
	setenv("TMPDIR", "/tmp", 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_path_and_standard_input),
	    cmocka_unit_test(test_no_shell),
	    cmocka_unit_test(test_much),
	    cmocka_unit_test(test_bad_ends),
	    cmocka_unit_test(test_start_fails),
	    cmocka_unit_test(test_timeout),
	    cmocka_unit_test(test_group_is_gone),
	    cmocka_unit_test(test_output_limit),
	    cmocka_unit_test(test_memory_limit),
	    cmocka_unit_test(test_surroundings),
	    cmocka_unit_test(test_options),
	    cmocka_unit_test(test_preset),
	    cmocka_unit_test(test_version_is_named),
	    cmocka_unit_test(test_check),
	    cmocka_unit_test(test_again),
	    cmocka_unit_test(test_no_room_to_spool),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* csv under damage: every cut, flips, and inputs made to cost much. */
#include "dissect/csv/csv.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/writer.h"
#include "unit/dissect/csv_dump.h"

enum { FLIPS = 4000, HOSTILE = 1 << 20 };

static const char sample[] = "at,n,ip,price,note\r\n"
                             "2026-01-14 09:00:00,1,10.0.0.1,1.5,plain\r\n"
                             "2026-01-14 09:00:01,2,10.0.0.2,2.5,\"a \"\"b\"\" c\"\n"
                             "2026-01-14 09:00:02,3,::3,3.5,\"two\nlines\"\n"
                             "2026-01-14 09:00:03,4,10.0.0.4,4.5,last\n";

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return *seed >> 16;
}

/* Rows of whole records before the cut are those of the whole text. */
static void test_every_cut(void **state)
{
	struct csv_table t;
	csv_orders(&t);
	char *whole = csv_dump(&dissect_csv, &t, sample, strlen(sample), 0, NULL);
	assert_non_null(strstr(whole, "two\nlines\nrow"));
	for (size_t cut = 0; cut <= strlen(sample); cut++) {
		char *copy = mem_copy(sample, cut + 1);
		char *got = csv_dump(&dissect_csv, &t, copy, cut, 0, NULL);
		assert_null(strstr(got, "lie"));
		/* Each whole line of the sample but the header is a row; the quoted one has two. */
		const char *p = whole;
		for (size_t at = strlen("at,n,ip,price,note\r\n"), line = 0; line < 4; line++) {
			const char *end = strchr(sample + at, '\n') + 1;
			if (line == 2)
				end = strchr(end, '\n') + 1;
			if ((size_t)(end - sample) > cut)
				break;
			const char *row_end = line < 3 ? strstr(p + 1, "\nrow") + 1 : strstr(p, "clean");
			assert_memory_equal(got + (p - whole), p, (size_t)(row_end - p));
			p = row_end;
			at = (size_t)(end - sample);
		}
		mem_free(&got);
		mem_free(&copy);
	}
	mem_free(&whole);
}

/* Whatever bytes: the batches hold what they say, and the whole ends. */
static void test_flips(void **state)
{
	struct csv_table t;
	uint64_t seed = 5;
	csv_orders(&t);
	for (int i = 0; i < FLIPS; i++) {
		char *copy = mem_copy(sample, sizeof sample);
		for (int n = 0; n < 1 + i % 8; n++) {
			uint64_t r = next_random(&seed);
			copy[r % strlen(sample)] ^= (char)(1u << (r >> 32) % 8);
		}
		char *got = csv_dump(&dissect_csv, &t, copy, strlen(sample), (uint32_t)i % 3, NULL);
		const char *tail = strrchr(got, ':');
		assert_null(strstr(got, "lie"));
		assert_true(strstr(got, "clean\n") != NULL || (strncmp(got, "bad: ", 5) == 0 && tail != NULL));
		mem_free(&got);
		mem_free(&copy);
	}
}

/* One flip behind the header costs at most two rows: its own, and the next where a line end goes. */
static void test_one_flip(void **state)
{
	struct csv_table t;
	csv_orders(&t);
	size_t head = strlen("at,n,ip,price,note\r\n");
	for (size_t at = head; at < strlen(sample); at++)
		for (unsigned bit = 0; bit < 8; bit++) {
			char *copy = mem_copy(sample, sizeof sample);
			copy[at] ^= (char)(1u << bit);
			char *got = csv_dump(&dissect_csv, &t, copy, strlen(sample), 0, NULL);
			unsigned rows = 0;
			for (const char *p = strstr(got, "row "); p != NULL; p = strstr(p + 1, "\nrow "))
				rows++;
			if (rows < 2 || rows > 4 || strstr(got, "clean\n") == NULL)
				fail_msg("byte %zu bit %u: %u rows\n%s", at, bit, rows, got);
			mem_free(&got);
			mem_free(&copy);
		}
}

/* Seconds of this process for a text made of one line again and again. */
static double seconds_for(const char *line, const char *const *options)
{
	struct csv_table t;
	struct writer w;
	csv_orders(&t);
	writer_init(&w, 2 * HOSTILE);
	writer_text(&w, "at,n,ip,price,note\n");
	while (w.len < HOSTILE)
		writer_text(&w, line);
	clock_t begun = clock();
	char *got = csv_dump(&dissect_csv, &t, w.bytes, w.len, 0, options);
	double took = (double)(clock() - begun) / CLOCKS_PER_SEC;
	assert_non_null(strstr(got, "clean\n"));
	mem_free(&got);
	writer_fini(&w);
	return took;
}

/* Each line opens a quote that the next does not close: read again line by line this would be millions of megabytes. */
static void test_hostile_quotes(void **state)
{
	static const char *const line[] = {
	    "a\",\"\n", "\"\n", "\"\"\"a\n", "\",\",\"\n", "\"a\"b\n", ",\n", "\n", "\"\"\"\"\"\n", "x,\"\"\"\n"};
	static const char *const few[] = {"max_line=4KiB", NULL}, *const many[] = {"max_line=4MiB", NULL};
	for (size_t i = 0; i < sizeof line / sizeof *line; i++) {
		/* A pass is milliseconds, with sanitizers a second. */
		assert_true(seconds_for(line[i], few) < 20);
		assert_true(seconds_for(line[i], many) < 20);
	}
}

/* More rejects than a batch holds, and rows between them, all of which arrive. */
static void test_many_rejects(void **state)
{
	struct csv_table t;
	struct writer w;
	csv_orders(&t);
	writer_init(&w, 1 << 20);
	writer_text(&w, "at,n,ip,price,note\n");
	for (int i = 0; i < 500; i++)
		writer_format(&w, "2026-01-14,%d,,,\nshort\n", i);
	char *got = csv_dump(&dissect_csv, &t, w.bytes, w.len, 0, NULL);
	unsigned rows = 0, rejects = 0;
	for (const char *p = got; p != NULL && *p != '\0'; p = strchr(p, '\n') + 1) {
		rows += strncmp(p, "row ", 4) == 0;
		rejects += strncmp(p, "reject ", 7) == 0;
	}
	assert_int_equal(rows, 500);
	assert_int_equal(rejects, 500);
	mem_free(&got);
	writer_fini(&w);
}

/* Compressed in a way that is not read: refused by name, not by accident. */
static void test_refused_codec(void **state)
{
	struct csv_table t;
	csv_orders(&t);
	char *got = csv_dump(&dissect_csv, &t,
	    "\xFD"
	    "7zXZ\0\0\0\0\0\0\0",
	    12, 0, NULL);
	assert_true(strncmp(got, "bad: ", 5) == 0 && strstr(got, "xz") != NULL);
	mem_free(&got);
}

/* A header with more columns than are kept, and a record with more cells. */
static void test_many_cells(void **state)
{
	struct csv_table t;
	struct writer w;
	csv_orders(&t);
	writer_init(&w, 1 << 20);
	for (int i = 0; i < 5000; i++)
		writer_format(&w, "c%d,", i);
	char *got = csv_dump(&dissect_csv, &t, w.bytes, w.len, 0, NULL);
	assert_string_equal(got, "bad: line 1: 5001 columns, at most 4096\n");
	mem_free(&got);
	writer_reset(&w);
	writer_text(&w, "at,n,ip,price,note\n2026-01-14");
	for (int i = 0; i < 5000; i++)
		writer_text(&w, ",");
	got = csv_dump(&dissect_csv, &t, w.bytes, w.len, 0, NULL);
	assert_string_equal(got, "reject at 19 length 5010 rows 1: line 2: 5001 fields, the header has 5\nclean\n");
	mem_free(&got);
	writer_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_cut),
	    cmocka_unit_test(test_flips),
	    cmocka_unit_test(test_one_flip),
	    cmocka_unit_test(test_hostile_quotes),
	    cmocka_unit_test(test_many_rejects),
	    cmocka_unit_test(test_refused_codec),
	    cmocka_unit_test(test_many_cells),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

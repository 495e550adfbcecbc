/* chains: names of files say which commit they are of, and ranges beyond a chain become holes of it. */
#include "audit/chains.h"

#include <string.h>

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void test_names(void **state)
{
	const char *label;
	size_t len;
	uint64_t start, end;
	assert_true(chain_file_name("part-edge-1.flow.rows-3-17-22-00001.parquet", &label, &len, &start, &end));
	assert_int_equal(len, strlen("edge-1.flow.rows-3"));
	assert_memory_equal(label, "edge-1.flow.rows-3", len);
	assert_int_equal(start, 17);
	assert_int_equal(end, 22);
	static const char *const odd[] = {"", "part-", "part-a-1-2", "part-a-0-1-2.parquet",
	    "part-a-0-2-1-00000.parquet", "a-0-1-2-00000.parquet", "part-a-0-x-2-00000.parquet", "part--1-2-0.jsonl",
	    "part-1-2-3.jsonl", ".jsonl", "part-a-0-1-2-.parquet"};
	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
		if (chain_file_name(odd[i], &label, &len, &start, &end))
			assert_true(len > 0 && end > start);
	assert_false(chain_file_name("part-a-0-2-1-00000.parquet", &label, &len, &start, &end));
	assert_false(chain_file_name("part-1-2-3.jsonl", &label, &len, &start, &end));
}

static void test_labels(void **state)
{
	struct chains c = {.count = 0};
	struct chain *a = chains_add(&c, 0, "t.flow.rows", 0);
	assert_string_equal(a->label, "t.flow.rows-0");
	a = chains_add(&c, 0, "t.flow.rows", 11);
	assert_ptr_equal(chains_add(&c, 0, "t.flow.rows", 11), a);
	assert_int_equal(c.count, 2);
	assert_ptr_equal(chains_by_label(&c, "t.flow.rows-11.", 14), a);
	assert_null(chains_by_label(&c, "t.flow.rows-1", 13));
	assert_null(chains_find(&c, 1, 0));
	char topic[200];
	memset(topic, 'x', sizeof topic - 1);
	topic[sizeof topic - 1] = '\0';
	assert_true(strlen(chains_add(&c, 1, topic, 5)->label) < 130);
	chains_fini(&c);
}

static void test_holes(void **state)
{
	struct chains c = {.count = 0};
	struct chain *a = chains_add(&c, 0, "t", 0);
	/* Nothing is known: every range is a hole, and those that touch are one. */
	struct hole *h = chain_infer(a, 10, 20);
	assert_non_null(h);
	assert_ptr_equal(chain_infer(a, 20, 25), h);
	assert_int_equal(a->holes, 1);
	assert_int_equal(h->end, 25);
	a->holes = 0;
	a->any = true;
	a->first = 100;
	a->end = 200;
	assert_null(chain_infer(a, 150, 160));
	/* Before the first commit is one hole up to it, in whatever order its files come. */
	(void)chain_infer(a, 90, 95);
	(void)chain_infer(a, 40, 50);
	assert_int_equal(a->holes, 1);
	assert_int_equal(a->hole[0].start, 40);
	assert_int_equal(a->hole[0].end, 100);
	(void)chain_infer(a, 200, 210);
	(void)chain_infer(a, 230, 240);
	assert_int_equal(a->holes, 3);
	/* What a damaged manifest leaves is told of already. */
	chain_hole(a, 300, UINT64_MAX)->told = true;
	assert_true(chain_infer(a, 300, 310)->told);
	assert_ptr_equal(chain_hole_at(a, 205), &a->hole[1]);
	assert_null(chain_hole_at(a, 150));
	chains_fini(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_labels),
	    cmocka_unit_test(test_holes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* expose: the lines of the format, and that a value can't break out of its quotes. */
#include "ops/expose.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void written(struct writer *w, const char *wanted)
{
	writer_u8(w, 0);
	assert_string_equal((const char *)w->bytes, wanted);
	writer_fini(w);
}

static void a_family_and_its_samples(void **state)
{
	struct writer w;
	writer_init(&w, 4096);
	const struct expose_label label[] = {{"topic", "a"}, {"partition", "3"}};
	expose_family(&w, "sluice_x", "gauge", "what x is");
	expose_count(&w, "sluice_x", NULL, 0, UINT64_MAX);
	expose_count(&w, "sluice_x", label, 2, 7);
	expose_seconds(&w, "sluice_x", NULL, 0, 1500);
	expose_seconds(&w, "sluice_x", NULL, 0, -2005);
	written(&w, "# HELP sluice_x what x is\n# TYPE sluice_x gauge\n"
	            "sluice_x 18446744073709551615\n"
	            "sluice_x{topic=\"a\",partition=\"3\"} 7\n"
	            "sluice_x 1.500\n"
	            "sluice_x -2.005\n");
}

static void values_stay_between_their_quotes(void **state)
{
	struct writer w;
	writer_init(&w, 4096);
	const struct expose_label label = {"l", "a\"b\\c\nd"};
	expose_family(&w, "x", "gauge", "one\\two\nthree \"four\"");
	expose_count(&w, "x", &label, 1, 1);
	written(&w, "# HELP x one\\\\two\\nthree \"four\"\n# TYPE x gauge\nx{l=\"a\\\"b\\\\c\\nd\"} 1\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_family_and_its_samples),
	    cmocka_unit_test(values_stay_between_their_quotes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

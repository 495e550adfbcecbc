/* Slot times of file names: what nfcapd writes, and what only looks like it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dissect/nfcapd/nfcapd.h"

static void test_names(void **state)
{
	static const struct {
		const char *name;
		int64_t slot;
	} row[] = {
	    {"nfcapd.202405141300", 1715691600},
	    {"nfcapd.20240514130005", 1715691605},
	    {"nfcapd.202405141300+0200", 1715684400},
	    {"nfcapd.202405141300-0330", 1715704200},
	    {"nfcapd.20240514130005+0000", 1715691605},
	    {"nfcapd.197001010001", 60},
	    {"nfcapd.210602070628", 4294967280},
	    {"nfcapd.210602070629", 0},
	    {"nfcapd.197001010000", 0},
	    {"nfcapd.202402291200", 1709208000},
	    {"nfcapd.202302291200", 0},
	    {"nfcapd.202406311200", 0},
	    {"nfcapd.202413011200", 0},
	    {"nfcapd.202405142400", 0},
	    {"nfcapd.202405141360", 0},
	    {"nfcapd.20240514130060", 0},
	    {"nfcapd.2024051413", 0},
	    {"nfcapd.2024051413000", 0},
	    {"nfcapd.202405141300+02", 0},
	    {"nfcapd.202405141300+9900", 0},
	    {"nfcapd.202405141300.lz4", 0},
	    {"nfcapd.current.1234", 0},
	    {"nfcapd.", 0},
	    {"flows.202405141300", 0},
	    {"", 0},
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		assert_int_equal(dissect_nfcapd.slot(row[i].name), row[i].slot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_names)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Any bytes as a proxy log, in every dialect and with every option: batches must check, rejects must have a reason, and
 * it must end. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "dissect/log/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_rejects(const struct batch *b)
{
	const struct batch_reject *r = (const void *)((const uint8_t *)b + b->rejects_at);
	for (uint32_t i = 0; i < b->rejects; i++)
		must(r[i].reason.length > 0 && r[i].raw.length <= BATCH_RAW);
}

static void run(const uint8_t *bytes, size_t size, const struct dissect_option *option, size_t options, uint32_t rows)
{
	unsigned wanted[BATCH_COLUMNS];
	enum type types[BATCH_COLUMNS];
	size_t wants = dissect_elff.fields;
	for (size_t f = 0; f < wants; f++) {
		wanted[f] = (unsigned)f;
		types[f] = dissect_elff.field[f].type;
	}
	struct dissect_hints hints = {.name = "fuzz", .size = size};
	struct dissect_params params = {
	    .wanted = wanted, .wants = wants, .rows = rows, .option = option, .options = options};
	struct dissector *d;
	const struct batch *b;
	bool clean;
	struct err e;
	must(dissect_open(&dissect_elff, source_memory(bytes, size), &hints, &params, &d, &e) == RC_OK);
	enum rc rc;
	while ((rc = dissect_next(d, &b, &clean, &e)) == RC_OK) {
		must(batch_check(b, types, wants, b->size, &e) == RC_OK);
		check_rejects(b);
	}
	must(rc == RC_END || rc == RC_BAD);
	dissect_close(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const char *const format[] = {"auto", "elff", "squid", "common", "combined"};
	struct dissect_option option[] = {{"format", format[size % 5]}, {"zone", "-0330"},
	    {"max_line", size % 2 ? "256" : "64KiB"}, {"xff", "yes"}, {"compat", "spot"}};
	run(bytes, size, option, size % 7 == 0 ? 5 : 4, size % 3 ? 0 : 7);
	return 0;
}

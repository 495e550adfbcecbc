/* Any bytes as an nfcapd file: batches must check, rejects must lie in the input, and it must end. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "dissect/nfcapd/nfcapd.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_rejects(const struct batch *b, size_t size)
{
	const struct batch_reject *r = (const void *)((const uint8_t *)b + b->rejects_at);
	for (uint32_t i = 0; i < b->rejects; i++)
		must(r[i].offset <= size && r[i].length <= size - r[i].offset);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	unsigned wanted[BATCH_COLUMNS];
	enum type types[BATCH_COLUMNS];
	/* Every field, or every third one, and batches of two sizes, so that both kinds of chunk are met. */
	size_t wants = 0, step = size % 2 ? 1 : 3;
	for (size_t f = 0; f < dissect_nfcapd.fields; f += step, wants++) {
		wanted[wants] = (unsigned)f;
		types[wants] = dissect_nfcapd.field[f].type;
	}
	struct dissect_hints hints = {.name = "fuzz", .size = size, .slot_s = size % 3 ? 1700000000 : 0};
	struct dissect_params params = {.wanted = wanted, .wants = wants, .rows = size % 5 ? 0 : 7};
	struct dissector *d;
	const struct batch *b;
	bool clean;
	struct err e;
	must(dissect_open(&dissect_nfcapd, source_memory(bytes, size), &hints, &params, &d, &e) == RC_OK);
	enum rc rc;
	while ((rc = dissect_next(d, &b, &clean, &e)) == RC_OK) {
		must(batch_check(b, types, wants, b->size, &e) == RC_OK);
		check_rejects(b, size);
	}
	must(rc == RC_END || rc == RC_BAD);
	dissect_close(&d);
	return 0;
}

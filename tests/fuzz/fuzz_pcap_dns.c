/* Any bytes as a capture, through all of pcap-dns; the first byte picks the options. Batches must check, rejects must
 * have a place and a reason, and batches of one row must come to the same. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "dissect/pcap_dns/pcap_dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

struct sums {
	uint64_t rows, rejects, counter[BATCH_COUNTERS];
	bool bad;
};

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_rejects(const struct batch *b)
{
	const struct batch_reject *r = (const void *)((const uint8_t *)b + b->rejects_at);
	for (uint32_t i = 0; i < b->rejects; i++)
		must(r[i].reason.length > 0 && r[i].offset + r[i].length >= r[i].offset);
}

static struct sums run(const uint8_t *bytes, size_t size, const struct dissect_params *params, const enum type *types)
{
	struct dissect_hints hints = {.name = "fuzz", .size = size, .archived_s = 1700000000};
	struct sums s = {.rows = 0};
	struct dissector *d;
	const struct batch *b;
	bool clean;
	struct err e;
	must(dissect_open(&dissect_pcap_dns, source_memory(bytes, size), &hints, params, &d, &e) == RC_OK);
	enum rc rc;
	while ((rc = dissect_next(d, &b, &clean, &e)) == RC_OK) {
		must(batch_check(b, types, params->wants, b->size, &e) == RC_OK);
		check_rejects(b);
		s.rows += b->rows;
		s.rejects += b->rejects;
		for (unsigned i = 0; i < BATCH_COUNTERS; i++)
			s.counter[i] += b->counter[i];
	}
	must(rc == RC_END || (rc == RC_BAD && s.rows == 0));
	must(dissect_next(d, &b, &clean, &e) == rc);
	s.bad = rc == RC_BAD;
	dissect_close(&d);
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const char *const messages[] = {"responses", "queries", "both", "both"};
	unsigned wanted[BATCH_COLUMNS];
	enum type types[BATCH_COLUMNS];
	if (size == 0)
		return 0;
	/* Every field or every third one; tshark's fashion; which messages; every port. */
	unsigned how = bytes[0];
	size_t wants = 0, step = how & 16 ? 3 : 1;
	for (size_t f = 0; f < dissect_pcap_dns.fields; f += step, wants++) {
		wanted[wants] = (unsigned)f;
		types[wants] = dissect_pcap_dns.field[f].type;
	}
	struct dissect_option option[] = {{"compat", how & 1 ? "tshark" : "none"}, {"messages", messages[how >> 1 & 3]},
	    {"ports", how & 8 ? "any" : "53,5353"}};
	struct dissect_params params = {
	    .field = dissect_pcap_dns.field, .wanted = wanted, .wants = wants, .option = option, .options = 3};
	struct sums whole = run(bytes + 1, size - 1, &params, types);
	params.rows = 1;
	struct sums single = run(bytes + 1, size - 1, &params, types);
	must(whole.rows == single.rows && whole.rejects == single.rejects && whole.bad == single.bad);
	for (unsigned i = 0; i < BATCH_COUNTERS; i++)
		must(whole.counter[i] == single.counter[i]);
	return 0;
}

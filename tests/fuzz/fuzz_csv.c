/* Any bytes as delimited text, under options that the first byte picks: batches must check, rejects must lie in the
 * input, and it must end. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "dissect/csv/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_rejects(const struct batch *b, bool packed, size_t size)
{
	const struct batch_reject *r = (const void *)((const uint8_t *)b + b->rejects_at);
	for (uint32_t i = 0; i < b->rejects && !packed; i++)
		must(r[i].offset <= size && r[i].length <= size - r[i].offset);
}

/* gzip, zstd and lz4 by their first bytes: offsets are in what comes out. */
static bool is_packed(const uint8_t *b, size_t size)
{
	return size >= 2 && ((b[0] == 0x1F && b[1] == 0x8B) || (b[0] == 0x28 && b[1] == 0xB5) || b[0] == 0x04 ||
	                        (b[0] & 0xF0) == 0x50);
}

static const struct field field[] = {
    {"time", TYPE_TIME, .must = true},
    {"i64", TYPE_I64},
    {"u64", TYPE_U64, .as = "mac"},
    {"u32", TYPE_U32, .as = "proto"},
    {"f32", TYPE_F32},
    {"ip", TYPE_IP},
    {"text", TYPE_BYTES},
};
enum { FIELDS = sizeof field / sizeof field[0] };

static const struct dissect_option option[][4] = {
    {{"max_line", "1KiB"}, {"null", ""}, {"null", "-"}, {"skip", "0"}},
    {{"header", "no"}, {"columns", "time,i64,u64,u32,f32,ip,text"}, {"time_format", "epoch"}, {"comment", "#"}},
    {{"delimiter", "tab"}, {"quote", "none"}, {"trailer", "Sum"}, {"skip", "1"}},
    {{"time_format", "%d/%b/%Y:%H:%M:%S %z"}, {"zone", "-03:30"}, {"column.time", "time"}, {"column.time", "i64"}},
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const unsigned wanted[FIELDS] = {0, 1, 2, 3, 4, 5, 6};
	enum type types[FIELDS];
	if (size == 0)
		return 0;
	unsigned pick = bytes[0];
	bytes++;
	size--;
	for (size_t i = 0; i < FIELDS; i++)
		types[i] = field[i].type;
	struct dissect_hints hints = {.name = "fuzz", .size = size};
	struct dissect_params params = {.field = field,
	    .wanted = wanted,
	    .wants = FIELDS,
	    .rows = pick & 4 ? 3 : 0,
	    .option = option[pick & 3],
	    .options = 4};
	struct dissector *d;
	const struct batch *b;
	bool clean;
	struct err e;
	must(dissect_open(&dissect_csv, source_memory(bytes, size), &hints, &params, &d, &e) == RC_OK);
	enum rc rc;
	while ((rc = dissect_next(d, &b, &clean, &e)) == RC_OK) {
		must(batch_check(b, types, FIELDS, b->size, &e) == RC_OK);
		check_rejects(b, is_packed(bytes, size), size);
	}
	must(rc == RC_END || rc == RC_BAD);
	dissect_close(&d);
	return 0;
}

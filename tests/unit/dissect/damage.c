/* Damaged nfcapd files: what can be trusted comes out, what cannot is one reject with its byte range, and nothing is
 * worse than that. */
#include "nf_build.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <lzo/lzoconf.h>

#include "base/mem.h"
#include "dissect/nfcapd/counters.h"

enum { HEADER_2 = 40, BLOCK = 12 };

static const char *const names[] = {"src_addr", NULL};

static const enum codec codecs[] = {CODEC_NONE, CODEC_LZO, CODEC_BZ2, CODEC_LZ4, CODEC_ZSTD};
enum { OURS = sizeof codecs / sizeof *codecs };

/* Blocks of `per` flows, numbered through from 1. Returns where each block begins. */
static void build(struct nf *f, enum codec codec, unsigned blocks, unsigned per, size_t *at)
{
	uint64_t packets = 0;
	nf_begin(f, 2, codec);
	for (unsigned b = 0; b < blocks; b++) {
		nf_flows(f, 1 + b * per, per);
		size_t place = nf_block_end(f, -1);
		if (at != NULL)
			at[b] = place;
	}
	for (unsigned k = 1; k <= blocks * per; k++)
		packets += 1 + k % 7;
	nf_end(f, (uint64_t)blocks * per, packets * 100, packets, 0);
}

static void expect(const void *bytes, size_t size, const char *text)
{
	char *got = nf_dump(bytes, size, names, 0, 0);
	assert_string_equal(got, text);
	mem_free(&got);
	got = nf_dump(bytes, size, names, 5, 3);
	assert_string_equal(got, text);
	mem_free(&got);
}

static void test_not_ours(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
		const char *says;
	} row[] = {
	    {"", 0, "bad\nthe file is empty\n"},
	    {"\x0C", 1, "bad\nno nfcapd file: it has 1 bytes\n"},
	    {"\x0C\xA5\x02\0\0", 5, "bad\nnfcapd: the file ends inside its header (5 of 40 bytes)\n"},
	    {"\x0C\xA5\x01\0\0", 5, "bad\nnfcapd: the file ends inside its header (5 of 276 bytes)\n"},
	    {"\x0C\xA5\x03\0\0", 5, "bad\nnfcapd: file layout 3 (nfdump 1.8) is not supported\n"},
	    {"\x0C\xA5\x07\0\0", 5, "bad\nnfcapd: unknown file layout 7\n"},
	    {"\xA5\x0C\0\x02\0", 5, "bad\nnfcapd: written on a big-endian host, which is not supported\n"},
	    {"PK\3\4\0", 5, "bad\nno nfcapd file: it does not begin with the magic number 0xA50C\n"},
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		expect(row[i].bytes, row[i].size, row[i].says);
	struct nf f;
	build(&f, CODEC_NONE, 1, 1, NULL);
	f.file.bytes[17] = 1;
	expect(f.file.bytes, f.file.len, "bad\nnfcapd: the file is encrypted (1)\n");
	f.file.bytes[17] = 0;
	f.file.bytes[16] = 5;
	expect(f.file.bytes, f.file.len, "bad\nnfcapd: unknown compression 5\n");
	nf_fini(&f);
	nf_begin(&f, 1, CODEC_NONE);
	f.file.bytes[4] = 0x11;
	expect(f.file.bytes, f.file.len, "bad\nnfcapd: flags 0x11 name more than one compression\n");
	nf_fini(&f);
}

/* Cut at every byte, the rows are the first ones of the whole. */
static void test_every_cut(void **state)
{
	static const enum codec codec[] = {CODEC_NONE, CODEC_LZ4, CODEC_LZO, CODEC_ZSTD};
	for (size_t i = 0; i < sizeof codec / sizeof *codec; i++) {
		struct nf f;
		size_t at[3];
		build(&f, codec[i], 3, 4, at);
		char *whole = nf_dump(f.file.bytes, f.file.len, names, 0, 0);
		for (size_t cut = 0; cut < f.file.len; cut++) {
			uint8_t *copy = mem_copy(f.file.bytes, cut);
			char *got = nf_dump(copy, cut, names, 0, 0);
			size_t rows = 0;
			while (strncmp(got + rows, "row", 3) == 0)
				rows += strcspn(got + rows, "\n") + 1;
			assert_memory_equal(got, whole, rows);
			assert_null(strstr(got, "\nclean"));
			assert_true(cut < HEADER_2 ? strncmp(got, "bad", 3) == 0 : strstr(got, "reject") != NULL);
			struct abuse_count c = nf_count(copy, cut, true);
			assert_true(cut < at[1] || c.rows >= 4);
			assert_true(cut < at[2] || c.rows >= 8);
			mem_free(&got);
			mem_free(&copy);
		}
		mem_free(&whole);
		nf_fini(&f);
	}
}

static void judge_cut(void *context, size_t cut, const struct abuse_count *c)
{
	assert_false(c->clean);
	assert_int_equal(c->bad, cut < HEADER_2);
}

static void test_random_cuts(void **state)
{
	for (size_t i = 0; i < OURS; i++) {
		struct nf f;
		struct abuse a = nf_abuse(i % 2);
		build(&f, codecs[i], 5, 300, NULL);
		a.rows_max = 1500;
		a.judge = judge_cut;
		abuse_cuts(&a, f.file.bytes, f.file.len, 40);
		nf_fini(&f);
	}
}

/* One flip costs one block of twenty rows; in the header it can cost the file. What is missing is told. */
static void judge_flip(void *context, size_t byte, const struct abuse_count *c)
{
	if (byte >= HEADER_2)
		assert_true(c->rows >= 60);
	if (c->rows < 80 && !c->bad)
		assert_true((c->rejects > 0 && !c->clean) || c->counter[COUNT_STAT_MISMATCH] > 0);
}

/* Whatever bit flips: no more than what the file holds, and nothing breaks. */
static void test_flips(void **state)
{
	for (size_t i = 0; i < OURS; i++) {
		struct nf f;
		struct abuse a = nf_abuse(true);
		build(&f, codecs[i], 4, 20, NULL);
		a.rows_max = 80;
		a.judge = judge_flip;
		/* As many in the headers of file and first block as in all of it. */
		abuse_flips_in(&a, f.file.bytes, f.file.len, 0, HEADER_2 + BLOCK + 40, 200);
		abuse_flips(&a, f.file.bytes, f.file.len, 200);
		nf_fini(&f);
	}
}

static void test_many_flips(void **state)
{
	for (size_t i = 0; i < OURS; i++) {
		struct nf f;
		struct abuse a = nf_abuse(i % 2);
		build(&f, codecs[i], 6, 30, NULL);
		abuse_noise_in(&a, f.file.bytes, f.file.len, HEADER_2, 64);
		nf_fini(&f);
	}
}

/* Each length and count of a file, made into what would be read, allocated or walked too far. */
static void test_hostile_numbers(void **state)
{
	for (int layout = 1; layout <= 2; layout++) {
		struct nf f;
		struct abuse a = nf_abuse(true);
		nf_begin(&f, layout, CODEC_NONE);
		nf_exporter(&f, 1, 0x7F000001);
		nf_flows(&f, 1, 2);
		nf_block_end(&f, -1);
		nf_flows(&f, 3, 2);
		nf_block_end(&f, -1);
		nf_end(&f, 4, 1400, 14, 0);
		a.rows_max = 4;
		abuse_lengths(&a, f.file.bytes, f.file.len, 4000);
		nf_fini(&f);
	}
}

static void test_packed_block_in_the_middle(void **state)
{
	struct nf f;
	size_t at[3];
	char text[400];
	build(&f, CODEC_LZO, 3, 2, at);
	f.file.bytes[at[1] + BLOCK] = 1;
	snprintf(text, sizeof text,
	    "row src_addr=10.0.0.1\nrow src_addr=10.0.0.2\nrow src_addr=10.0.0.5\nrow src_addr=10.0.0.6\n"
	    "reject at %zu length %zu rows 2: lzo: a match before the "
	    "beginning\nstat_mismatch=1\nblocks_damaged=1\nunclean\n",
	    at[1], at[2] - at[1]);
	expect(f.file.bytes, f.file.len, text);
	nf_fini(&f);
}

/* Records of a packed block do not chain, or their number is wrong: none of it can be trusted. */
static void test_packed_block_lies(void **state)
{
	static const int64_t said[] = {1, 3, 5, UINT32_MAX};
	for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
		struct nf f;
		char text[400];
		nf_begin(&f, 2, CODEC_LZ4);
		nf_flows(&f, 1, 4);
		size_t bad = nf_block_end(&f, said[i]), good = f.file.len;
		nf_flows(&f, 5, 1);
		nf_block_end(&f, -1);
		nf_end(&f, 1, 600, 6, 0);
		snprintf(text, sizeof text,
		    "row src_addr=10.0.0.5\nreject at %zu length %zu rows %lld: %s\nblocks_damaged=1\nunclean\n", bad,
		    good - bad, (long long)(said[i] < UINT32_MAX ? said[i] : -1),
		    said[i] < 4            ? "more records than the block says"
		    : said[i] < UINT32_MAX ? "fewer records than the block says"
		                           : "no block header");
		expect(f.file.bytes, f.file.len, text);
		nf_fini(&f);
	}
}

static void test_plain_block_lies(void **state)
{
	static const struct {
		int64_t said;
		unsigned rows;
		long long lost;
		const char *reason;
	} row[] = {
	    {2, 2, -1, "more records than the block says"},
	    {9, 4, 5, "fewer records than the block says"},
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct nf f;
		char text[600] = "";
		nf_begin(&f, 2, CODEC_NONE);
		nf_flows(&f, 1, 4);
		size_t each = f.block.len / 4;
		nf_block_end(&f, row[i].said);
		size_t good = f.file.len, from = HEADER_2 + BLOCK + each * row[i].rows;
		nf_flows(&f, 5, 1);
		nf_block_end(&f, -1);
		nf_end(&f, 5, 0, 0, 0);
		for (unsigned k = 1; k <= row[i].rows; k++)
			sprintf(text + strlen(text), "row src_addr=10.0.0.%u\n", k);
		sprintf(text + strlen(text),
		    "row src_addr=10.0.0.5\nreject at %zu length %zu rows %lld: "
		    "%s\nstat_mismatch=1\nblocks_damaged=1\nunclean\n",
		    from, good - from, row[i].lost, row[i].reason);
		expect(f.file.bytes, f.file.len, text);
		nf_fini(&f);
	}
}

static void test_broken_record(void **state)
{
	static const struct {
		size_t at; /* in the third record */
		uint16_t value;
		const char *reason;
	} row[] = {
	    {2, 3, "a record past its block"},
	    {2, 0, "a record past its block"},
	    {2, UINT16_MAX, "a record past its block"},
	    {2, 8, "a flow record shorter than its head"},
	    {4, 4, "an element past its record"},
	    {4, 2, "a flow record longer than its elements"},
	    {4, UINT16_MAX, "a flow record with too many elements"},
	    {14, 3, "an element past its record"},
	    {14, UINT16_MAX, "an element past its record"},
	};
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct nf f;
		size_t at[2];
		char text[400];
		build(&f, CODEC_NONE, 2, 4, at);
		size_t each = (at[1] - at[0] - BLOCK) / 4, from = at[0] + BLOCK + 2 * each;
		memcpy(f.file.bytes + from + row[i].at, &row[i].value, 2);
		snprintf(text, sizeof text,
		    "row src_addr=10.0.0.1\nrow src_addr=10.0.0.2\n"
		    "row src_addr=10.0.0.5\nrow src_addr=10.0.0.6\nrow src_addr=10.0.0.7\nrow src_addr=10.0.0.8\n"
		    "reject at %zu length %zu rows 2: %s\n"
		    "stat_mismatch=1\nblocks_damaged=1\nunclean\n",
		    from, 2 * each, row[i].reason);
		expect(f.file.bytes, f.file.len, text);
		nf_fini(&f);
	}
}

/* The length of a block is wrong in any way: its rows stay where they can be told, and the next block is found. */
static void test_block_length(void **state)
{
	static const uint32_t length[] = {0, 1, 100, 5 << 20, (5 << 20) + 1, UINT32_MAX};
	for (int packed = 0; packed < 2; packed++)
		for (size_t i = 0; i < sizeof length / sizeof *length; i++) {
			struct nf f;
			size_t at[3];
			build(&f, packed ? CODEC_ZSTD : CODEC_NONE, 3, 4, at);
			memcpy(f.file.bytes + at[1] + 4, &length[i], 4);
			char *got = nf_dump(f.file.bytes, f.file.len, names, 0, 0);
			assert_non_null(strstr(got, "row src_addr=10.0.0.4\n"));
			assert_non_null(strstr(got, "row src_addr=10.0.0.9\nrow src_addr=10.0.0.10\nrow "
			                            "src_addr=10.0.0.11\nrow src_addr=10.0.0.12\n"));
			assert_non_null(strstr(got, "blocks_damaged=1\nunclean\n"));
			char reject[80];
			snprintf(reject, sizeof reject, "reject at ");
			assert_non_null(strstr(got, reject));
			mem_free(&got);
			nf_fini(&f);
		}
}

/* Foreign bytes between two blocks, fewer and more than are searched. */
static void test_garbage(void **state)
{
	static const size_t length[] = {1, 11, 100000, (5 << 20) - 1000, (5 << 20) + 100};
	for (size_t i = 0; i < sizeof length / sizeof *length; i++) {
		struct nf f;
		size_t at[2];
		char text[400];
		build(&f, CODEC_NONE, 2, 1, at);
		size_t size = f.file.len + length[i];
		uint8_t *bytes = mem_alloc(size);
		memcpy(bytes, f.file.bytes, at[1]);
		memset(bytes + at[1], 0xEE, length[i]);
		memcpy(bytes + at[1] + length[i], f.file.bytes + at[1], f.file.len - at[1]);
		bool found = i < 4;
		snprintf(text, sizeof text,
		    "row src_addr=10.0.0.1\n%sreject at %zu length %zu rows -1: no block "
		    "header\nblocks_damaged=1\nunclean\n",
		    found ? "row src_addr=10.0.0.2\n" : "", at[1], found ? length[i] : size - at[1]);
		char *got = nf_dump(bytes, size, names, 0, 0);
		assert_string_equal(got, text);
		mem_free(&got);
		mem_free(&bytes);
		nf_fini(&f);
	}
}

/* A packed block of a few bytes that wants to be more than 5 MiB, and one that is just as much. */
static void test_expansion(void **state)
{
	static const enum codec codec[] = {CODEC_LZ4, CODEC_ZSTD, CODEC_LZO, CODEC_BZ2};
	for (size_t i = 0; i < sizeof codec / sizeof *codec; i++)
		for (int more = 0; more < 2; more++) {
			struct nf f;
			static const uint8_t zeros[(5 << 20) / 128 - 4];
			nf_begin(&f, 2, codec[i]);
			for (int k = 0; k < 128; k++) {
				nf_record(&f, 256);
				nf_raw(&f, zeros, sizeof zeros);
				nf_record_end(&f);
			}
			if (more) {
				nf_record(&f, 256);
				nf_record_end(&f);
			}
			nf_block_end(&f, -1);
			nf_flows(&f, 1, 1);
			nf_block_end(&f, -1);
			nf_end(&f, 1, 200, 2, 0);
			char *got = nf_dump(f.file.bytes, f.file.len, names, 0, 0);
			assert_non_null(strstr(got, "row src_addr=10.0.0.1\n"));
			assert_int_equal(strstr(got, "reject") != NULL, more);
			assert_int_equal(strstr(got, "unclean") != NULL, more);
			if (more)
				assert_non_null(strstr(got, "rows 129:"));
			mem_free(&got);
			nf_fini(&f);
		}
}

static void test_killed_writer(void **state)
{
	for (int layout = 1; layout <= 2; layout++) {
		struct nf f;
		nf_begin(&f, layout, CODEC_LZ4);
		nf_flows(&f, 1, 2);
		nf_block_end(&f, -1);
		nf_flows(&f, 3, 1);
		nf_block_end(&f, -1);
		expect(f.file.bytes, f.file.len,
		    "row src_addr=10.0.0.1\nrow src_addr=10.0.0.2\nrow src_addr=10.0.0.3\nunfinished=1\nunclean\n");
		nf_fini(&f);
	}
}

static void test_missing_blocks(void **state)
{
	struct nf f;
	size_t at[3];
	char text[300];
	build(&f, CODEC_NONE, 3, 1, at);
	snprintf(text, sizeof text,
	    "row src_addr=10.0.0.1\nrow src_addr=10.0.0.2\nreject at %zu length 0 rows -1: the file ends after 2 of 4 "
	    "blocks\n"
	    "blocks_damaged=1\nunclean\n",
	    at[2]);
	expect(f.file.bytes, at[2], text);
	nf_fini(&f);
}

/* An appendix may be left out, and a block of nfdump 1.5 is named. */
static void test_block_types(void **state)
{
	struct nf f;
	nf_begin(&f, 2, CODEC_NONE);
	nf_flows(&f, 1, 1);
	nf_block_end(&f, -1);
	memcpy(f.file.bytes + 36, &f.blocks, 4);
	expect(f.file.bytes, f.file.len, "row src_addr=10.0.0.1\nclean\n");
	nf_fini(&f);
	nf_begin(&f, 1, CODEC_NONE);
	nf_flows(&f, 1, 1);
	size_t at = nf_block_end(&f, -1);
	f.file.bytes[at + 8] = 1;
	nf_end(&f, 0, 0, 0, 0);
	char text[200];
	snprintf(text, sizeof text,
	    "reject at %zu length %zu rows 1: a block of nfdump 1.5, which is not "
	    "supported\nblocks_damaged=1\nunclean\n",
	    at, f.file.len - at);
	expect(f.file.bytes, f.file.len, text);
	nf_fini(&f);
}

/* More rejects than a batch holds, all of which arrive. */
static void test_many_rejects(void **state)
{
	struct nf f;
	size_t at[300];
	build(&f, CODEC_LZ4, 300, 1, at);
	for (int i = 0; i < 300; i += 2)
		memset(f.file.bytes + at[i] + BLOCK, 0xFF, 8);
	struct abuse_count c = nf_count(f.file.bytes, f.file.len, true);
	assert_int_equal(c.rows, 150);
	assert_int_equal(c.rejects, 150);
	assert_int_equal(c.lost, 150);
	nf_fini(&f);
}

/* A file of nothing but headers that lead nowhere ends soon, in one last reject. */
static void test_hostile_headers(void **state)
{
	enum { SIZE = 2 << 20 };
	static const uint32_t unit[6] = {1, 12, 3, UINT32_MAX, UINT32_MAX, UINT32_MAX};
	static const uint32_t other[12] = {1, 12, 9, 3, UINT32_MAX, UINT32_MAX, 1, 12, 3, 3, UINT32_MAX, UINT32_MAX};
	struct abuse a = nf_abuse(false);
	struct nf f;
	nf_begin(&f, 2, CODEC_LZ4);
	struct abuse_count c = abuse_repeats(&a, f.file.bytes, HEADER_2, unit, sizeof unit, SIZE);
	assert_int_equal(c.rows, 0);
	assert_true(c.rejects > 1000 && !c.clean);
	c = abuse_repeats(&a, f.file.bytes, HEADER_2, other, sizeof other, SIZE);
	assert_true(c.rejects < 5000 && !c.clean);
	nf_fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_not_ours),
	    cmocka_unit_test(test_every_cut),
	    cmocka_unit_test(test_random_cuts),
	    cmocka_unit_test(test_flips),
	    cmocka_unit_test(test_many_flips),
	    cmocka_unit_test(test_hostile_numbers),
	    cmocka_unit_test(test_packed_block_in_the_middle),
	    cmocka_unit_test(test_packed_block_lies),
	    cmocka_unit_test(test_plain_block_lies),
	    cmocka_unit_test(test_broken_record),
	    cmocka_unit_test(test_block_length),
	    cmocka_unit_test(test_garbage),
	    cmocka_unit_test(test_expansion),
	    cmocka_unit_test(test_killed_writer),
	    cmocka_unit_test(test_missing_blocks),
	    cmocka_unit_test(test_block_types),
	    cmocka_unit_test(test_many_rejects),
	    cmocka_unit_test(test_hostile_headers),
	};
	return lzo_init() != LZO_E_OK || cmocka_run_group_tests(tests, NULL, NULL);
}

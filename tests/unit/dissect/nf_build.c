/* Builder and reader of nfcapd files for the tests of the dissector. */
#include "nf_build.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <bzlib.h>
#include <lz4.h>
#include <lzo/lzo1x.h>

#include "base/mem.h"
#include "dissect/nfcapd/nfcapd.h"

enum { CEILING = 64 << 20, HEADER_1 = 276, HEADER_2 = 40 };

void nf_begin(struct nf *f, int layout, enum codec codec)
{
	static const uint8_t code[CODECS] = {[CODEC_LZO] = 1, [CODEC_BZ2] = 2, [CODEC_LZ4] = 3, [CODEC_ZSTD] = 4};
	static const uint8_t flag[CODECS] = {[CODEC_LZO] = 0x01, [CODEC_BZ2] = 0x08, [CODEC_LZ4] = 0x10};
	uint8_t head[HEADER_1] = {0x0C, 0xA5, (uint8_t)layout};
	if (layout == 1) {
		head[4] = flag[codec];
	} else {
		memcpy(head + 4, "\x00\x01\x07\x01", 4);
		head[16] = code[codec];
	}
	*f = (struct nf){.codec = codec, .layout = layout};
	writer_init(&f->file, CEILING);
	writer_init(&f->block, CEILING);
	writer_put(&f->file, head, layout == 1 ? HEADER_1 : HEADER_2);
}

void nf_fini(struct nf *f)
{
	assert_false(f->file.failed || f->block.failed);
	writer_fini(&f->file);
	writer_fini(&f->block);
}

void nf_raw(struct nf *f, const void *bytes, size_t n)
{
	writer_put(&f->block, bytes, n);
}

void nf_u8(struct nf *f, unsigned v)
{
	writer_u8(&f->block, (uint8_t)v);
}

void nf_u16(struct nf *f, unsigned v)
{
	uint16_t n = (uint16_t)v;
	nf_raw(f, &n, sizeof n);
}

void nf_u32(struct nf *f, uint32_t v)
{
	nf_raw(f, &v, sizeof v);
}

void nf_u64(struct nf *f, uint64_t v)
{
	nf_raw(f, &v, sizeof v);
}

void nf_record(struct nf *f, unsigned type)
{
	f->record = f->block.len;
	f->elements = 0;
	nf_u16(f, type);
	nf_u16(f, 0);
}

void nf_record_end(struct nf *f)
{
	uint16_t size = (uint16_t)(f->block.len - f->record), elements = (uint16_t)f->elements;
	memcpy(f->block.bytes + f->record + 2, &size, 2);
	if (f->elements > 0)
		memcpy(f->block.bytes + f->record + 4, &elements, 2);
	f->records++;
}

void nf_flow(struct nf *f, unsigned exporter, unsigned flags)
{
	nf_record(f, 11);
	nf_u16(f, 0);
	nf_u8(f, 1);
	nf_u8(f, 2);
	nf_u16(f, exporter);
	nf_u8(f, flags);
	nf_u8(f, 9);
}

size_t nf_element(struct nf *f, unsigned id)
{
	size_t at = f->block.len;
	nf_u16(f, id);
	nf_u16(f, 0);
	f->elements++;
	return at;
}

void nf_element_end(struct nf *f, size_t at)
{
	uint16_t length = (uint16_t)(f->block.len - at);
	memcpy(f->block.bytes + at + 2, &length, 2);
}

void nf_generic(struct nf *f, uint64_t first, uint64_t last, uint64_t received, unsigned n)
{
	size_t at = nf_element(f, 1);
	nf_u64(f, first);
	nf_u64(f, last);
	nf_u64(f, received);
	nf_u64(f, n);
	nf_u64(f, n * UINT64_C(100));
	nf_u16(f, 1000 + n);
	nf_u16(f, 53);
	nf_u8(f, 17);
	nf_u8(f, 0x1B);
	nf_u8(f, 64);
	nf_u8(f, 7);
	nf_element_end(f, at);
}

void nf_ip4(struct nf *f, unsigned id, uint32_t a, uint32_t b)
{
	size_t at = nf_element(f, id);
	nf_u32(f, a);
	if (b != 0)
		nf_u32(f, b);
	nf_element_end(f, at);
}

void nf_flows(struct nf *f, unsigned from, unsigned n)
{
	for (unsigned k = from; k < from + n; k++) {
		nf_flow(f, 1, 0);
		nf_generic(f, NF_MS + k, NF_MS + k + 500, NF_MS + 1000 + k, 1 + k % 7);
		nf_ip4(f, 2, 0x0A000000 + k, 0xC0000201);
		nf_ip4(f, 12, 0x7F000001, 0);
		nf_record_end(f);
	}
}

void nf_exporter(struct nf *f, unsigned number, uint32_t ip)
{
	nf_record(f, 7);
	nf_u32(f, 9);
	nf_u64(f, 0);
	nf_u64(f, ip);
	nf_u16(f, 2);
	nf_u16(f, number);
	nf_u32(f, 4711);
	nf_record_end(f);
}

/* The codecs that the project only reads are written by their libraries. */
static size_t pack_any(enum codec c, const uint8_t *from, size_t size, uint8_t *to, size_t capacity)
{
	static uint8_t work[LZO1X_1_MEM_COMPRESS];
	unsigned bz = (unsigned)capacity;
	lzo_uint lzo = capacity;
	size_t out = 0;
	struct err e;
	switch (c) {
	case CODEC_LZ4:
		return (size_t)LZ4_compress_default((const char *)from, (char *)to, (int)size, (int)capacity);
	case CODEC_BZ2:
		assert_int_equal(
		    BZ2_bzBuffToBuffCompress((char *)to, &bz, (char *)(uintptr_t)from, (unsigned)size, 9, 0, 0), 0);
		return bz;
	case CODEC_LZO:
		assert_int_equal(lzo1x_1_compress(from, size, to, &lzo, work), LZO_E_OK);
		return lzo;
	default: {
		struct pack *p = pack_new();
		assert_int_equal(pack_block(p, c, 1, from, size, to, capacity, &out, &e), RC_OK);
		pack_free(&p);
		return out;
	}
	}
}

size_t nf_block_end(struct nf *f, int64_t records)
{
	size_t capacity = 2 * f->block.len + 4096, at = f->file.len;
	uint8_t *packed = mem_alloc(capacity);
	uint32_t head[3] = {records >= 0 ? (uint32_t)records : f->records, 0, f->layout == 1 ? 2 : 3};
	head[1] = (uint32_t)pack_any(f->codec, f->block.bytes, f->block.len, packed, capacity);
	writer_put(&f->file, head, sizeof head);
	writer_put(&f->file, packed, head[1]);
	mem_free(&packed);
	writer_reset(&f->block);
	f->records = 0;
	f->blocks++;
	return at;
}

void nf_end(struct nf *f, uint64_t flows, uint64_t bytes, uint64_t packets, uint64_t failures)
{
	uint64_t stat[18] = {flows, bytes, packets, [17] = failures};
	if (f->layout == 1) {
		uint32_t lost = (uint32_t)failures;
		memcpy(f->file.bytes + 8, &f->blocks, 4);
		memcpy(f->file.bytes + 140, stat, 24);
		memcpy(f->file.bytes + 272, &lost, 4);
		return;
	}
	uint16_t one = 1;
	uint64_t offset = f->file.len;
	memcpy(f->file.bytes + 18, &one, 2);
	memcpy(f->file.bytes + 24, &offset, 8);
	memcpy(f->file.bytes + 36, &f->blocks, 4);
	nf_record(f, 0x8001);
	nf_raw(f, "test\0\0\0", 8);
	nf_record_end(f);
	nf_record(f, 0x8002);
	nf_raw(f, stat, sizeof stat);
	nf_record_end(f);
	nf_block_end(f, -1);
}

static size_t find_fields(const char *const *names, unsigned *wanted)
{
	size_t n = 0;
	if (names == NULL)
		for (; n < dissect_nfcapd.fields; n++)
			wanted[n] = (unsigned)n;
	for (; names != NULL && names[n] != NULL; n++) {
		int field = field_find(dissect_nfcapd.field, dissect_nfcapd.fields, names[n]);
		assert_true(field >= 0);
		wanted[n] = (unsigned)field;
	}
	return n;
}

static struct dissector *open_bytes(
    const void *bytes, size_t size, const unsigned *wanted, size_t wants, size_t piece, uint32_t rows)
{
	struct dissect_hints hints = {.name = "x", .size = DISSECT_SIZE_UNKNOWN, .slot_s = NF_T0};
	struct dissect_params params = {.wanted = wanted, .wants = wants, .rows = rows};
	struct source *s = piece > 0 ? abuse_pieces(bytes, size, piece) : source_memory(bytes, size);
	struct dissector *d;
	struct err e;
	assert_int_equal(dissect_open(&dissect_nfcapd, s, &hints, &params, &d, &e), RC_OK);
	return d;
}

static void show_ip(struct writer *w, const struct ip *ip)
{
	const uint8_t *o = ip->octet;
	if (ip->family == 4)
		writer_format(w, "%u.%u.%u.%u", o[0], o[1], o[2], o[3]);
	else
		for (int i = 0; i < 16; i += 2)
			writer_format(w, "%s%x", i ? ":" : "", o[i] << 8 | o[i + 1]);
}

static void show_value(struct writer *w, const struct batch *b, unsigned column, uint32_t row)
{
	const void *v = batch_read(b, column);
	struct span span;
	switch ((enum type)b->column[column].type) {
	case TYPE_U32:
		writer_format(w, "%u", ((const uint32_t *)v)[row]);
		break;
	case TYPE_F32:
		writer_format(w, "%g", (double)((const float *)v)[row]);
		break;
	case TYPE_IP:
		show_ip(w, (const struct ip *)v + row);
		break;
	case TYPE_BYTES:
		span = ((const struct span *)v)[row];
		writer_format(w, "'%.*s'", (int)span.length, (const char *)batch_span(b, span));
		break;
	case TYPE_TIME:
		writer_format(w, "%lldms", (long long)(((const int64_t *)v)[row] / 1000000));
		break;
	default:
		writer_format(w, "%lld", (long long)((const int64_t *)v)[row]);
		break;
	}
}

/* Rows and rejects of a batch have no order between them: rejects are collected apart. */
static void show_batch(struct writer *w, struct writer *rejects, const struct batch *b, const unsigned *wanted)
{
	for (uint32_t row = 0; row < b->rows; row++) {
		writer_text(w, "row");
		for (unsigned c = 0; c < b->columns; c++) {
			if (batch_is_null(b, c, row))
				continue;
			writer_format(w, " %s=", dissect_nfcapd.field[wanted[c]].name);
			show_value(w, b, c, row);
		}
		writer_text(w, "\n");
	}
	const struct batch_reject *r = (const void *)((const uint8_t *)b + b->rejects_at);
	for (uint32_t i = 0; i < b->rejects; i++)
		writer_format(rejects, "reject at %llu length %llu rows %lld: %.*s\n", (unsigned long long)r[i].offset,
		    (unsigned long long)r[i].length, (long long)r[i].rows, (int)r[i].reason.length,
		    (const char *)batch_span(b, r[i].reason));
}

char *nf_dump(const void *bytes, size_t size, const char *const *names, size_t piece, uint32_t rows)
{
	unsigned wanted[BATCH_COLUMNS];
	size_t wants = find_fields(names, wanted);
	struct dissector *d = open_bytes(bytes, size, wanted, wants, piece, rows);
	uint64_t counter[BATCH_COUNTERS] = {0};
	struct writer w, rejects;
	const struct batch *b;
	bool clean = false;
	struct err e;
	enum rc rc;
	writer_init(&w, CEILING);
	writer_init(&rejects, CEILING);
	while ((rc = dissect_next(d, &b, &clean, &e)) == RC_OK) {
		show_batch(&w, &rejects, b, wanted);
		for (size_t i = 0; i < dissect_nfcapd.counters; i++)
			counter[i] += b->counter[i];
	}
	writer_put(&w, rejects.bytes, rejects.len);
	writer_fini(&rejects);
	for (size_t i = 0; i < dissect_nfcapd.counters; i++)
		if (counter[i] != 0)
			writer_format(&w, "%s=%llu\n", dissect_nfcapd.counter[i], (unsigned long long)counter[i]);
	writer_format(&w, "%s\n", rc == RC_END ? clean ? "clean" : "unclean" : rc_name(rc));
	if (rc != RC_END)
		writer_format(&w, "%s\n", e.text);
	dissect_close(&d);
	writer_u8(&w, 0);
	size_t len;
	return (char *)writer_take(&w, &len);
}

struct abuse nf_abuse(bool every_field)
{
	static const char *const few[] = {"time", "src_addr", "in_bytes", "exporter_addr", NULL};
	return (struct abuse){.ops = &dissect_nfcapd, .names = every_field ? NULL : few, .hints.slot_s = NF_T0};
}

struct abuse_count nf_count(const void *bytes, size_t size, bool every_field)
{
	struct abuse a = nf_abuse(every_field);
	return abuse_run(&a, bytes, size, 0, 0);
}

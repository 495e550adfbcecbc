/* nf_build: nfcapd files made by hand for tests: records, blocks of any codec, both layouts, damage where it is wanted.
 */
#ifndef NF_BUILD_H
#define NF_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/writer.h"
#include "pack/pack.h"
#include "unit/dissect/abuse.h"

struct nf {
	struct writer file, block;
	enum codec codec;
	int layout;
	size_t record;    /* begin of the open record in block */
	uint32_t records; /* in the open block */
	uint32_t blocks;
	unsigned elements;
};

void nf_begin(struct nf *f, int layout, enum codec codec);
void nf_fini(struct nf *f);

/* Bytes of any width, little-endian; list ends are the caller's. */
void nf_u8(struct nf *f, unsigned v);
void nf_u16(struct nf *f, unsigned v);
void nf_u32(struct nf *f, uint32_t v);
void nf_u64(struct nf *f, uint64_t v);
void nf_raw(struct nf *f, const void *bytes, size_t n);

/* Any record: type, then what is put, then its size is filled in. */
void nf_record(struct nf *f, unsigned type);
void nf_record_end(struct nf *f);

/* A V3 flow: head, then elements. */
void nf_flow(struct nf *f, unsigned exporter, unsigned flags);
size_t nf_element(struct nf *f, unsigned id);
void nf_element_end(struct nf *f, size_t at);

/* Element 1 with the given times; ports 1000 + n and 53, UDP, n packets of 100 bytes. */
void nf_generic(struct nf *f, uint64_t first, uint64_t last, uint64_t received, unsigned n);
void nf_ip4(struct nf *f, unsigned id, uint32_t a, uint32_t b);

/* n small flows with elements 1, 2, 12: number k from `from` on has source 10.0.0.0 + k. */
void nf_flows(struct nf *f, unsigned from, unsigned n);

/* An exporter record with an IPv4 address as nfdump 1.7.1 stores it. */
void nf_exporter(struct nf *f, unsigned number, uint32_t ip);

/* Compress and append the open block; records < 0: the true number. Returns its place in the file. */
size_t nf_block_end(struct nf *f, int64_t records);

/* The appendix, or the statistics of layout 1, with these sums; and the counts in the header. */
void nf_end(struct nf *f, uint64_t flows, uint64_t bytes, uint64_t packets, uint64_t failures);

enum { NF_T0 = 1700000000 }; /* seconds */
#define NF_MS (NF_T0 * UINT64_C(1000))

/*
 * What the dissector makes of bytes, as text: one line a row with its fields that are not null, then one a reject, then
 * the counters that are not zero, and the end. names ends with NULL; NULL is every field. piece: most bytes of one read
 * (0: all in memory). Caller frees.
 */
char *nf_dump(const void *bytes, size_t size, const char *const *names, size_t piece, uint32_t rows);

/* Of every field, or of a few. */
struct abuse nf_abuse(bool every_field);

/* Only the number of rows and rejects; asserts what must hold for any bytes whatever. */
struct abuse_count nf_count(const void *bytes, size_t size, bool every_field);

#endif

/*
 * abuse: puts a dissector under damaged input and asserts what must hold for any bytes whatever.
 *
 * Of every run: the dissector opens and comes to an end; each batch passes batch_check; a reject lies in the input and
 * its reason is one line; "bad" comes alone; the end is said again when it is asked for again; and the CPU time stays
 * under ABUSE_CPU_MS + cpu_ns for each input byte. Some runs are made again in small reads and small batches and must
 * come to the same rows, rejects and counters. The input is a copy of just its size, so that a sanitizer sees a byte
 * too far.
 *
 * A test of a dissector is a few lines:
 *
 *	static const struct abuse a = {.ops = &dissect_x, .rows_max = 80};
 *	abuse_cuts(&a, bytes, size, 500);
 *	abuse_flips(&a, bytes, size, 2000);
 *	abuse_lengths(&a, bytes, size, 2000);
 *	abuse_noise(&a, bytes, size, 200);
 *	abuse_repeats(&a, head, head_size, unit, unit_size, 4 << 20);
 *
 * Each asserts by cmocka; what fails names the damage.
 */
#ifndef UNIT_DISSECT_ABUSE_H
#define UNIT_DISSECT_ABUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dissect/dissect.h"

enum {
	ABUSE_CPU_MS = 1000,   /* of one run, whatever the input: slabs, a sanitizer, a busy machine */
	ABUSE_BYTE_NS = 10000, /* the default for each input byte: far above any dissector, far below quadratic */
};

/* What one run came to. */
struct abuse_count {
	uint64_t rows, rejects;
	uint64_t lost;    /* rows known to be lost in rejects */
	uint64_t unknown; /* rejects that don't know how many rows they cost */
	uint64_t counter[BATCH_COUNTERS];
	bool bad;   /* not this format at all */
	bool clean; /* the input ended as its format wants */
};

struct abuse {
	const struct dissect_ops *ops;
	const struct field *field; /* the catalogue where ops has none of its own (ops->catalogue); else NULL */
	size_t fields;
	const char *const *names; /* fields that are asked for, ended by NULL; NULL: all, and in turn every third one */
	const struct dissect_option *option;
	size_t options;
	struct dissect_hints hints; /* size is filled in; name "x" when NULL */
	uint64_t rows_max;          /* most rows that the damaged input may give; 0: not checked */
	uint64_t extent;            /* bytes that rejects may lie in where the input is packed; 0: those of the input */
	uint64_t cpu_ns;            /* for each input byte; 0: ABUSE_BYTE_NS */
	/* More to assert about a damaged input: at is the byte that was touched, or the length that was left. NULL: no
	 * more. */
	void (*judge)(void *context, size_t at, const struct abuse_count *c);
	void *context;
};

/* One run over bytes as they are. piece: most bytes of one read, 0 all; rows: of a batch, 0 the dissector's choice. */
struct abuse_count abuse_run(const struct abuse *a, const void *bytes, size_t size, size_t piece, uint32_t rows);

/*
 * The series. Each makes about `most` runs; where there are more places than that, every place has the same chance,
 * with a fixed seed.
 */

/* Cut short: at every byte, from nothing to all but the last. */
void abuse_cuts(const struct abuse *a, const void *bytes, size_t size, size_t most);

/* One bit turned: every bit of every byte. abuse_flips_in: of the bytes from `from` up to `to` only. */
void abuse_flips(const struct abuse *a, const void *bytes, size_t size, size_t most);
void abuse_flips_in(const struct abuse *a, const void *bytes, size_t size, size_t from, size_t to, size_t most);

/* Hostile numbers of 16 and 32 bits in both byte orders (none, one, the largest, the sign, the size and beside it) at
 * every byte. */
void abuse_lengths(const struct abuse *a, const void *bytes, size_t size, size_t most);

/* From one to 64 bytes turned into others, from `from` on; for abuse_noise from the beginning. rows_max does not hold
 * here. */
void abuse_noise(const struct abuse *a, const void *bytes, size_t size, size_t most);
void abuse_noise_in(const struct abuse *a, const void *bytes, size_t size, size_t from, size_t most);

/* head, then unit again and again up to size bytes: time that grows faster than the input is over the bound. rows_max
 * does not hold here. */
struct abuse_count abuse_repeats(
    const struct abuse *a, const void *head, size_t head_size, const void *unit, size_t unit_size, size_t size);

/* Bytes a few at a time, as a pipe may give them; borrowed until close. */
struct source *abuse_pieces(const void *bytes, size_t size, size_t piece);

#endif

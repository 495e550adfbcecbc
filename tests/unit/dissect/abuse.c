/* Damages inputs in every way that needs no knowledge of their format; checks what a dissector owes to any bytes. */
#include "unit/dissect/abuse.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <cmocka.h>

#include "base/mem.h"

enum { AGAIN_EVERY = 7, NOISE_MOST = 64, WHAT = 120 };

/* An assertion that says which damage it was. */
#define MUST(holds, what)                                                                                              \
	do {                                                                                                           \
		if (!(holds))                                                                                          \
			fail_msg("%s: not so: %s", what, #holds);                                                      \
	} while (0)

/* ---- one run ---- */

/* A source that gives a few bytes at a time. */
struct pieces {
	struct source base;
	const uint8_t *at;
	size_t left, piece;
};

static enum rc pieces_read(struct source *s, void *to, size_t size, size_t *got, struct err *e)
{
	struct pieces *p = (struct pieces *)s;
	size_t n = p->left < p->piece ? p->left : p->piece;
	if (n > size)
		n = size;
	if (n == 0)
		return RC_END;
	memcpy(to, p->at, n);
	p->at += n;
	p->left -= n;
	*got = n;
	return RC_OK;
}

static void pieces_close(struct source *s)
{
	mem_release(s);
}

struct source *abuse_pieces(const void *bytes, size_t size, size_t piece)
{
	static const struct source_ops ops = {.name = "pieces", .read = pieces_read, .close = pieces_close};
	struct pieces *p = mem_zero(1, sizeof *p);
	*p = (struct pieces){.base.ops = &ops, .at = bytes, .left = size, .piece = piece};
	return &p->base;
}

static const struct field *catalogue(const struct abuse *a, size_t *fields)
{
	*fields = a->field != NULL ? a->fields : a->ops->fields;
	return a->field != NULL ? a->field : a->ops->field;
}

static size_t find_wanted(const struct abuse *a, size_t step, unsigned *wanted, enum type *types)
{
	size_t fields, n = 0;
	const struct field *field = catalogue(a, &fields);
	for (size_t f = 0; a->names == NULL && f < fields && n < BATCH_COLUMNS; f += step)
		wanted[n++] = (unsigned)f;
	for (; a->names != NULL && a->names[n] != NULL; n++) {
		int found = field_find(field, fields, a->names[n]);
		assert_true(found >= 0);
		wanted[n] = (unsigned)found;
	}
	for (size_t i = 0; i < n; i++)
		types[i] = field[wanted[i]].type;
	return n;
}

static void take_rejects(struct abuse_count *c, const struct batch *b, uint64_t extent, const char *what)
{
	const struct batch_reject *r = (const void *)((const uint8_t *)b + b->rejects_at);
	for (uint32_t i = 0; i < b->rejects; i++) {
		MUST(r[i].offset <= extent && r[i].length <= extent - r[i].offset, what);
		MUST(r[i].reason.length > 0, what);
		MUST(memchr(batch_span(b, r[i].reason), '\n', r[i].reason.length) == NULL, what);
		c->lost += r[i].rows != REJECT_ROWS_UNKNOWN ? r[i].rows & ~REJECT_ROWS_LEAST : 0;
		c->unknown += r[i].rows == REJECT_ROWS_UNKNOWN;
	}
	c->rejects += b->rejects;
}

static uint64_t cpu_ns(void)
{
	struct rusage u;
	assert_int_equal(getrusage(RUSAGE_SELF, &u), 0);
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000 +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000;
}

static struct dissector *open_bytes(const struct abuse *a, const void *bytes, size_t size, size_t piece, uint32_t rows,
    const unsigned *wanted, size_t wants)
{
	size_t fields;
	struct dissect_params params = {.field = catalogue(a, &fields),
	    .wanted = wanted,
	    .wants = wants,
	    .rows = rows,
	    .option = a->option,
	    .options = a->options};
	struct dissect_hints hints = a->hints;
	struct source *s = piece > 0 ? abuse_pieces(bytes, size, piece) : source_memory(bytes, size);
	struct dissector *d;
	struct err e;
	hints.name = hints.name != NULL ? hints.name : "x";
	hints.size = size % 2 ? size : DISSECT_SIZE_UNKNOWN;
	assert_int_equal(dissect_open(a->ops, s, &hints, &params, &d, &e), RC_OK);
	return d;
}

/* step: every field, every second, … of those that are wanted when all are. */
static struct abuse_count run(
    const struct abuse *a, const void *bytes, size_t size, size_t piece, uint32_t rows, size_t step, const char *what)
{
	unsigned wanted[BATCH_COLUMNS];
	enum type types[BATCH_COLUMNS];
	size_t wants = find_wanted(a, step, wanted, types);
	struct abuse_count c = {0};
	const struct batch *b;
	bool clean = false;
	struct err e;
	enum rc rc;
	uint64_t start = cpu_ns();
	struct dissector *d = open_bytes(a, bytes, size, piece, rows, wanted, wants);
	while ((rc = dissect_next(d, &b, &clean, &e)) == RC_OK) {
		MUST(batch_check(b, types, wants, b->size, &e) == RC_OK, what);
		take_rejects(&c, b, a->extent != 0 ? a->extent : size, what);
		c.rows += b->rows;
		for (size_t i = 0; i < BATCH_COUNTERS; i++)
			c.counter[i] += b->counter[i];
	}
	uint64_t spent_ms = (cpu_ns() - start) / 1000000, each = a->cpu_ns != 0 ? a->cpu_ns : ABUSE_BYTE_NS;
	MUST(rc == RC_END || (rc == RC_BAD && c.rows == 0 && c.rejects == 0), what);
	c.bad = rc == RC_BAD;
	c.clean = rc == RC_END && clean;
	MUST(dissect_next(d, &b, &clean, &e) == rc && (c.bad || clean == c.clean), what);
	MUST(spent_ms <= ABUSE_CPU_MS + each * size / 1000000, what);
	dissect_close(&d);
	return c;
}

struct abuse_count abuse_run(const struct abuse *a, const void *bytes, size_t size, size_t piece, uint32_t rows)
{
	return run(a, bytes, size, piece, rows, 1, "as it is");
}

/* ---- series of runs ---- */

struct series {
	const struct abuse *abuse;
	const char *damage;
	size_t runs;
	uint64_t rows_max;
	uint64_t seed;
};

static struct series series_of(const struct abuse *a, const char *damage)
{
	return (struct series){.abuse = a, .damage = damage, .rows_max = a->rows_max, .seed = 88172645463325252};
}

static uint64_t next_random(struct series *s)
{
	s->seed ^= s->seed << 13;
	s->seed ^= s->seed >> 7;
	s->seed ^= s->seed << 17;
	return s->seed;
}

/* Is this one of `places` places among the about `most` that are tried? */
static bool chosen(struct series *s, size_t places, size_t most)
{
	return places <= most || next_random(s) % places < most;
}

static bool same(const struct abuse_count *x, const struct abuse_count *y)
{
	return x->rows == y->rows && x->rejects == y->rejects && x->lost == y->lost && x->unknown == y->unknown &&
	       x->bad == y->bad && x->clean == y->clean && memcmp(x->counter, y->counter, sizeof x->counter) == 0;
}

static struct abuse_count try(struct series *s, const uint8_t *bytes, size_t size, size_t at)
{
	const struct abuse *a = s->abuse;
	size_t step = s->runs % 3 == 0 ? 3 : 1;
	char what[WHAT];
	snprintf(what, sizeof what, "%s at %zu of %zu bytes", s->damage, at, size);
	uint8_t *copy = mem_copy(bytes, size);
	struct abuse_count c = run(a, copy, size, 0, 0, step, what);
	if (s->runs++ % AGAIN_EVERY == 0) {
		struct abuse_count again =
		    run(a, copy, size, 1 + s->runs % 61, 1 + (uint32_t)(s->runs % 5), step, what);
		MUST(same(&again, &c), what);
	}
	mem_free(&copy);
	MUST(s->rows_max == 0 || c.rows <= s->rows_max, what);
	if (a->judge != NULL)
		a->judge(a->context, at, &c);
	return c;
}

void abuse_cuts(const struct abuse *a, const void *bytes, size_t size, size_t most)
{
	struct series s = series_of(a, "cut");
	for (size_t cut = 0; cut < size; cut++)
		if (chosen(&s, size, most))
			try(&s, bytes, cut, cut);
}

void abuse_flips_in(const struct abuse *a, const void *bytes, size_t size, size_t from, size_t to, size_t most)
{
	struct series s = series_of(a, "bit turned");
	uint8_t *copy = mem_copy(bytes, size);
	for (size_t bit = from * 8; bit < to * 8; bit++) {
		if (!chosen(&s, (to - from) * 8, most))
			continue;
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		try(&s, copy, size, bit / 8);
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	mem_free(&copy);
}

void abuse_flips(const struct abuse *a, const void *bytes, size_t size, size_t most)
{
	abuse_flips_in(a, bytes, size, 0, size, most);
}

/* Number k of the hostile ones, for an input of that size; its width in bytes. Those of 16 bits come first. */
static size_t hostile_number(size_t k, size_t size, uint8_t out[4])
{
	const uint32_t n = (uint32_t)size;
	const uint32_t narrow[] = {0, 1, 0x7FFF, 0x8000, UINT16_MAX - 1, UINT16_MAX, n, n - 1};
	const uint32_t wide[] = {0, 1, INT32_MAX, UINT32_C(1) << 31, UINT32_MAX - 3, UINT32_MAX, n, n + 1};
	enum { EACH = sizeof narrow / sizeof *narrow };
	size_t width = k % (2 * EACH) < EACH ? 2 : 4;
	uint32_t v = width == 2 ? narrow[k % EACH] : wide[k % EACH];
	bool big = k >= 2 * EACH;
	for (size_t i = 0; i < width; i++)
		out[i] = (uint8_t)(v >> 8 * (big ? width - 1 - i : i));
	return width;
}

void abuse_lengths(const struct abuse *a, const void *bytes, size_t size, size_t most)
{
	enum { NUMBERS = 32 };
	struct series s = series_of(a, "hostile number");
	uint8_t *copy = mem_copy(bytes, size), number[4];
	for (size_t place = 0; place < size * NUMBERS; place++) {
		size_t at = place / NUMBERS, width = hostile_number(place % NUMBERS, size, number);
		if (width > size - at || memcmp((const uint8_t *)bytes + at, number, width) == 0 ||
		    !chosen(&s, size * NUMBERS, most))
			continue;
		memcpy(copy + at, number, width);
		try(&s, copy, size, at);
		memcpy(copy + at, (const uint8_t *)bytes + at, width);
	}
	mem_free(&copy);
}

void abuse_noise_in(const struct abuse *a, const void *bytes, size_t size, size_t from, size_t most)
{
	struct series s = series_of(a, "noise");
	s.rows_max = 0;
	for (size_t k = 0; k < most && from < size; k++) {
		uint8_t *copy = mem_copy(bytes, size);
		size_t at = 0;
		for (size_t n = 0; n < 1 + k % NOISE_MOST; n++) {
			uint64_t r = next_random(&s);
			at = from + r % (size - from);
			copy[at] ^= (uint8_t)(r >> 40);
		}
		try(&s, copy, size, at);
		mem_free(&copy);
	}
}

void abuse_noise(const struct abuse *a, const void *bytes, size_t size, size_t most)
{
	abuse_noise_in(a, bytes, size, 0, most);
}

struct abuse_count abuse_repeats(
    const struct abuse *a, const void *head, size_t head_size, const void *unit, size_t unit_size, size_t size)
{
	struct series s = series_of(a, "repeated");
	s.rows_max = 0;
	assert_true(unit_size > 0 && size >= head_size);
	uint8_t *bytes = mem_alloc(size);
	memcpy(bytes, head, head_size);
	for (size_t at = head_size; at < size; at += unit_size)
		memcpy(bytes + at, unit, size - at < unit_size ? size - at : unit_size);
	struct abuse_count c = try(&s, bytes, size, head_size);
	mem_free(&bytes);
	return c;
}

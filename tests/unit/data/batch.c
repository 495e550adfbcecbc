/* batch: what is put in comes out, unwinding leaves nothing, and every kind of lie of a filler is found. */
#include "data/batch.h"

#include <string.h>

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const enum type types[] = {TYPE_U32, TYPE_IP, TYPE_BYTES, TYPE_TIME, TYPE_BYTES};
enum { COLUMNS = sizeof types / sizeof types[0], ROWS = 100, ARENA = 4000 };

/* Ten rows of everything, some null, and a reject. */
static struct batch *filled(void)
{
	struct batch *b = batch_new(types, COLUMNS, ROWS, ARENA);
	for (uint32_t row = 0; row < 10; row++) {
		((uint32_t *)batch_values(b, 0))[row] = row;
		((struct ip *)batch_values(b, 1))[row] = (struct ip){.family = 4, .octet = {10, 0, 0, (uint8_t)row}};
		assert_true(batch_put(b, "abcdefghij", row, &((struct span *)batch_values(b, 2))[row]));
		((int64_t *)batch_values(b, 3))[row] = row;
		if (row % 3 == 0)
			batch_set_null(b, 4, row);
		else
			assert_true(batch_put(b, "xyz", 3, &((struct span *)batch_values(b, 4))[row]));
		b->rows++;
	}
	assert_true(batch_reject(b, 5, 6, 7, "a reason", "raw", 3));
	return b;
}

/* A row, a reject or any counter, the last one too. */
static void an_empty_batch_holds_nothing(void **state)
{
	struct batch *b = filled();
	assert_true(batch_holds(b));
	batch_reset(b);
	assert_false(batch_holds(b));
	b->counter[BATCH_COUNTERS - 1] = 1;
	assert_true(batch_holds(b));
	batch_reset(b);
	assert_true(batch_reject(b, 1, 2, 3, "a reason", NULL, 0));
	assert_true(batch_holds(b));
	batch_reset(b);
	b->rows = 1;
	assert_true(batch_holds(b));
	batch_free(&b);
}

/* A slab that is used again is laid out as a new one, with nothing of what was in it; one that is too small is
 * replaced. */
static void a_slab_is_used_again(void **state)
{
	static const enum type other[] = {TYPE_BYTES, TYPE_I64};
	struct err e;
	struct batch *spare = NULL, *b = filled();
	batch_keep(&b, &spare);
	assert_null(b);
	struct batch *slab = spare;
	b = batch_again(&spare, other, 2, ROWS / 2, ARENA / 2);
	assert_ptr_equal(b, slab);
	assert_null(spare);
	assert_false(batch_holds(b));
	struct batch *fresh = batch_new(other, 2, ROWS / 2, ARENA / 2);
	assert_int_equal(b->size, fresh->size);
	assert_int_equal(b->row_capacity, fresh->row_capacity);
	assert_memory_equal(b->column, fresh->column, 2 * sizeof fresh->column[0]);
	for (uint32_t i = 0; i < 2; i++)
		assert_memory_equal(
		    (uint8_t *)b + b->column[i].nulls, (uint8_t *)fresh + fresh->column[i].nulls, ROWS / 2 / 8);
	assert_int_equal(batch_check(b, other, 2, b->size, &e), RC_OK);
	batch_keep(&b, &spare);
	b = batch_again(&spare, types, COLUMNS, BATCH_ROWS, ARENA);
	assert_null(spare);
	assert_int_equal(batch_check(b, types, COLUMNS, b->size, &e), RC_OK);
	batch_keep(&b, &spare);
	batch_keep(&fresh, &spare);
	batch_keep(&fresh, &spare);
	assert_non_null(spare);
	batch_free(&spare);
}

static void what_goes_in_comes_out(void **state)
{
	struct err e;
	struct batch *b = filled();
	assert_int_equal(batch_check(b, types, COLUMNS, b->size, &e), RC_OK);
	const struct span *s = batch_read(b, 2);
	for (uint32_t row = 0; row < 10; row++) {
		assert_int_equal(s[row].length, row);
		assert_memory_equal(batch_span(b, s[row]), "abcdefghij", row);
		assert_int_equal(batch_is_null(b, 4, row), row % 3 == 0);
		assert_false(batch_is_null(b, 0, row));
	}
	const struct batch_reject *r = (const void *)((const uint8_t *)b + b->rejects_at);
	assert_int_equal(b->rejects, 1);
	assert_true(r->offset == 5 && r->length == 6 && r->rows == 7);
	assert_int_equal(r->reason.length, 8);
	assert_memory_equal(batch_span(b, r->reason), "a reason", 8);
	assert_memory_equal(batch_span(b, r->raw), "raw", 3);

	batch_reset(b);
	assert_true(b->rows == 0 && b->rejects == 0 && b->arena_used == 0);
	for (uint32_t row = 0; row < ROWS; row++)
		assert_false(batch_is_null(b, 4, row));
	b->rows = ROWS;
	assert_int_equal(b->column[4].null_count, 0);
	batch_free(&b);
	assert_null(b);
}

static void the_slab_has_its_ceiling(void **state)
{
	enum type wide[BATCH_COLUMNS];
	for (size_t i = 0; i < BATCH_COLUMNS; i++)
		wide[i] = TYPE_IP;
	struct batch *b = batch_new(wide, BATCH_COLUMNS, BATCH_ROWS, BATCH_SLAB / 2);
	struct err e;
	assert_true(b->size <= BATCH_SLAB);
	assert_true(b->row_capacity > 0 && b->row_capacity < BATCH_ROWS);
	assert_int_equal(batch_check(b, wide, BATCH_COLUMNS, b->size, &e), RC_OK);
	batch_free(&b);

	b = batch_new(types, COLUMNS, BATCH_ROWS, 0);
	assert_int_equal(b->row_capacity, BATCH_ROWS);
	batch_free(&b);
}

static void a_full_arena_says_so(void **state)
{
	struct batch *b = batch_new(types, COLUMNS, ROWS, 0);
	char long_reason[ERR_TEXT * 2];
	char raw[BATCH_RAW * 2] = {0};
	struct span s = {0};
	memset(long_reason, 'r', sizeof long_reason);
	long_reason[sizeof long_reason - 1] = '\0';
	/* An empty batch takes any one reject, cut to its limits. */
	assert_true(batch_reject(b, 0, 0, 0, long_reason, raw, sizeof raw));
	const struct batch_reject *r = (const void *)((const uint8_t *)b + b->rejects_at);
	assert_int_equal(r->raw.length, BATCH_RAW);
	assert_int_equal(r->reason.length, ERR_TEXT);

	uint32_t used = b->arena_used;
	size_t left = b->size - b->arena_at - used;
	assert_false(batch_room(b, left + 1, &s));
	assert_int_equal(b->arena_used, used);
	assert_true(batch_room(b, left, &s));
	assert_int_equal(s.offset + s.length, b->size);
	assert_false(batch_reject(b, 0, 0, 0, "no room", NULL, 0));
	assert_int_equal(b->rejects, 1);
	batch_reset(b);
	for (int i = 0; i < BATCH_REJECTS; i++)
		assert_true(batch_reject(b, 0, 0, 0, "", NULL, 0));
	assert_false(batch_reject(b, 0, 0, 0, "", NULL, 0));
	batch_free(&b);
}

static void unwinding_leaves_nothing_of_the_row(void **state)
{
	struct batch *b = filled();
	struct err e;
	uint32_t used = b->arena_used;
	struct span s;
	batch_set_null(b, 0, 10);
	batch_set_null(b, 0, 10);
	batch_set_null(b, 4, 10);
	assert_true(batch_room(b, 100, &s));
	batch_unwind(b, 10, used);
	assert_int_equal(b->arena_used, used);
	assert_int_equal(b->column[0].null_count, 0);
	assert_int_equal(b->column[4].null_count, 4);
	assert_int_equal(batch_check(b, types, COLUMNS, b->size, &e), RC_OK);
	batch_free(&b);
}

static struct span *spans(struct batch *b, unsigned column)
{
	return batch_values(b, column);
}

static struct batch_reject *rejects(struct batch *b)
{
	return (void *)((uint8_t *)b + b->rejects_at);
}

static void lie_size(struct batch *b)
{
	b->size += 8;
}

static void lie_rows(struct batch *b)
{
	b->rows = b->row_capacity + 1;
}

static void lie_capacity(struct batch *b)
{
	b->row_capacity = UINT32_MAX;
}

static void lie_capacity_none(struct batch *b)
{
	b->row_capacity = b->rows = 0;
}

static void lie_columns(struct batch *b)
{
	b->columns = COLUMNS + 1;
}

static void lie_type(struct batch *b)
{
	b->column[0].type = TYPE_BYTES;
}

static void lie_values(struct batch *b)
{
	b->column[3].values = b->size - 8;
}

static void lie_nulls(struct batch *b)
{
	b->column[3].nulls = UINT32_MAX - 3;
}

static void lie_null_count(struct batch *b)
{
	b->column[4].null_count = 0;
}

static void lie_null_bit(struct batch *b)
{
	((uint8_t *)b)[b->column[0].nulls + 1] |= 2;
}

static void lie_arena_used(struct batch *b)
{
	b->arena_used = b->size;
}

static void lie_arena_at(struct batch *b)
{
	b->arena_at = 0;
}

static void lie_rejects(struct batch *b)
{
	b->rejects = BATCH_REJECTS + 1;
}

static void lie_rejects_at(struct batch *b)
{
	b->rejects_at = b->size - 8;
}

static void lie_span_past(struct batch *b)
{
	spans(b, 2)[9].length += b->arena_used;
}

static void lie_span_wraps(struct batch *b)
{
	spans(b, 2)[9] = (struct span){.offset = UINT32_MAX - 2, .length = 9};
}

static void lie_span_before(struct batch *b)
{
	spans(b, 4)[1].offset = 0;
}

static void lie_span_unused(struct batch *b)
{
	spans(b, 4)[1].offset = b->arena_at + b->arena_used - 2;
}

static void lie_row_bytes(struct batch *b)
{
	struct span s;
	assert_true(batch_room(b, BATCH_ROW_BYTES, &s));
	spans(b, 2)[9] = s;
}

static void lie_family(struct batch *b)
{
	((struct ip *)batch_values(b, 1))[3].family = 5;
}

static void lie_ip_tail(struct batch *b)
{
	((struct ip *)batch_values(b, 1))[3].octet[15] = 1;
}

static void lie_ip_padding(struct batch *b)
{
	((struct ip *)batch_values(b, 1))[3].zero[2] = 1;
}

static void lie_reason(struct batch *b)
{
	rejects(b)->reason.offset = b->size;
}

static void lie_raw(struct batch *b)
{
	rejects(b)->raw.length = BATCH_RAW + 1;
}

static void every_lie_is_found(void **state)
{
	static void (*const lie[])(struct batch *) = {lie_size, lie_rows, lie_capacity, lie_capacity_none, lie_columns,
	    lie_type, lie_values, lie_nulls, lie_null_count, lie_null_bit, lie_arena_used, lie_arena_at, lie_rejects,
	    lie_rejects_at, lie_span_past, lie_span_wraps, lie_span_before, lie_span_unused, lie_row_bytes, lie_family,
	    lie_ip_tail, lie_ip_padding, lie_reason, lie_raw};
	for (size_t i = 0; i < sizeof lie / sizeof lie[0]; i++) {
		struct batch *b =
		    lie[i] == lie_row_bytes ? batch_new(types, COLUMNS, ROWS, 2 * BATCH_ROW_BYTES) : filled();
		struct err e;
		if (lie[i] == lie_row_bytes) {
			b->rows = 10;
			for (uint32_t row = 0; row < b->rows; row++) {
				((struct ip *)batch_values(b, 1))[row].family = 6;
				assert_true(batch_put(b, "x", 1, &spans(b, 4)[row]));
			}
		}
		uint32_t size = b->size;
		assert_int_equal(batch_check(b, types, COLUMNS, size, &e), RC_OK);
		lie[i](b);
		assert_int_equal(batch_check(b, types, COLUMNS, size, &e), RC_BAD);
		mem_unmap(b, size);
	}
}

/* A null row's values are nobody's business. */
static void null_rows_may_hold_anything(void **state)
{
	struct batch *b = filled();
	struct err e;
	spans(b, 4)[0] = (struct span){.offset = UINT32_MAX, .length = UINT32_MAX};
	assert_int_equal(batch_check(b, types, COLUMNS, b->size, &e), RC_OK);
	batch_free(&b);
}

static void lie_reject_rows(struct batch *b)
{
	rejects(b)->rows = UINT64_MAX - 1;
}

static void lie_reject_offset(struct batch *b)
{
	rejects(b)->offset = UINT64_C(1) << BATCH_COUNT_BITS;
}

static void lie_counter(struct batch *b)
{
	b->counter[BATCH_COUNTERS - 1] = UINT64_MAX;
}

static struct batch *own_slab(void)
{
	return mem_map(BATCH_SLAB);
}

/* What was taken is what was filled, whatever lay in our slab before; the layout is ours, not what the header says. */
static void a_taken_batch_is_the_same(void **state)
{
	struct batch *b = filled(), *own = own_slab();
	struct err e;
	memset(own, 0xee, BATCH_SLAB);
	b->column[2].values = b->column[3].nulls = b->arena_at = b->rejects_at = 12345678;
	b->mapped = 1;
	assert_int_equal(batch_take(own, b, b->size, types, COLUMNS, &e), RC_OK);
	assert_int_equal(batch_check(own, types, COLUMNS, own->size, &e), RC_OK);
	assert_int_equal(own->mapped, BATCH_SLAB);
	assert_int_equal(own->rows, 10);
	for (uint32_t row = 0; row < 10; row++) {
		assert_int_equal(((const uint32_t *)batch_read(own, 0))[row], row);
		assert_memory_equal(batch_span(own, spans(own, 2)[row]), "abcdefghij", row);
		assert_int_equal(batch_is_null(own, 4, row), row % 3 == 0);
		assert_false(batch_is_null(own, 0, row));
	}
	assert_memory_equal(batch_span(own, rejects(own)->reason), "a reason", 8);
	mem_unmap(b, own->size);
	mem_unmap(own, BATCH_SLAB);
}

typedef void lie(struct batch *b);

/* What a copy finds, and below what is put right by a copy alone. */
static lie *const lies[] = {lie_size, lie_rows, lie_capacity, lie_capacity_none, lie_columns, lie_arena_used,
    lie_rejects, lie_span_past, lie_span_wraps, lie_span_before, lie_span_unused, lie_family, lie_ip_tail,
    lie_ip_padding, lie_reason, lie_raw, lie_reject_rows, lie_reject_offset, lie_counter};

/* A count of nulls is counted, never believed. */
static void taking_finds_every_lie(void **state)
{
	struct batch *own = own_slab();
	for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
		struct batch *b = filled();
		struct err e;
		uint32_t size = b->size;
		lies[i](b);
		assert_int_equal(batch_take(own, b, size, types, COLUMNS, &e), RC_BAD);
		mem_unmap(b, size);
	}
	mem_unmap(own, BATCH_SLAB);
}

/* In place nothing is put right, so that more has to be right. */
static void accepting_finds_every_lie(void **state)
{
	static lie *const more[] = {
	    lie_type, lie_values, lie_nulls, lie_null_count, lie_null_bit, lie_arena_at, lie_rejects_at};
	enum { LIES = sizeof lies / sizeof lies[0], MORE = sizeof more / sizeof more[0] };
	struct batch *b = filled();
	struct err e;
	uint32_t size = b->size;
	b->mapped = 1;
	assert_true(batch_reject(b, 1, 2, 3, "\033[2J", NULL, 0));
	assert_int_equal(batch_accept(b, size, types, COLUMNS, &e), RC_OK);
	assert_int_equal(b->mapped, size);
	assert_memory_equal(batch_span(b, rejects(b)[1].reason), "?[2J", 4);
	batch_free(&b);
	for (size_t i = 0; i < LIES + MORE; i++) {
		b = filled();
		(i < LIES ? lies[i] : more[i - LIES])(b);
		assert_int_equal(batch_accept(b, size, types, COLUMNS, &e), RC_BAD);
		mem_unmap(b, size);
	}
}

static void a_taken_reason_is_printable(void **state)
{
	struct batch *b = filled(), *own = own_slab();
	struct err e;
	assert_true(batch_reject(b, 1, 2, 3, "\033[2J\n \xc2\x9b \xff \xc3\xa4 \x7f", NULL, 0));
	assert_int_equal(batch_take(own, b, b->size, types, COLUMNS, &e), RC_OK);
	struct span s = rejects(own)[1].reason;
	assert_int_equal(s.length, 15);
	assert_memory_equal(batch_span(own, s), "?[2J? ?? ? \xc3\xa4 ?", 15);
	batch_free(&b);
	mem_unmap(own, BATCH_SLAB);
}

static bool is_address(const struct ip *ip)
{
	static const uint8_t zeros[12];
	return memcmp(ip->zero, zeros, sizeof ip->zero) == 0 &&
	       (ip->family == 6 || (ip->family == 4 && memcmp(ip->octet + 4, zeros, 12) == 0));
}

/* Each byte of an address is looked at, wherever it lies among others of both families. */
static void every_byte_of_an_address_is_judged(void **state)
{
	static const enum type ips[] = {TYPE_IP};
	static const uint32_t counts[] = {1, 3, 4, 5, 255, 256, 257, 259, 700};
	struct batch *b = batch_new(ips, 1, 1000, 0);
	struct ip *ip = batch_values(b, 0);
	struct err e;
	for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++)
		for (uint32_t row = 0; row < counts[c]; row += 1 + counts[c] / 13)
			for (size_t at = 0; at < 4 * sizeof *ip; at++) {
				struct ip *changed = &ip[row];
				batch_reset(b);
				b->rows = counts[c];
				for (uint32_t i = 0; i < counts[c]; i++)
					ip[i] =
					    (struct ip){.family = 4, .octet = {10, 0, (uint8_t)(i >> 8), (uint8_t)i}};
				if (at >= 2 * sizeof *ip)
					ip[counts[c] / 2] = (struct ip){.family = 6, .octet = {0x20, [15] = 7}};
				if (at % 2 != 0)
					changed->family = 6;
				((uint8_t *)changed)[at / 2 % sizeof *ip] ^= 4;
				assert_int_equal(
				    batch_check(b, ips, 1, b->size, &e), is_address(changed) ? RC_OK : RC_BAD);
				batch_set_null(b, 0, row);
				assert_int_equal(batch_check(b, ips, 1, b->size, &e), RC_OK);
			}
	batch_free(&b);
}

static void a_taken_float_is_a_number(void **state)
{
	static const enum type f32[] = {TYPE_F32};
	static const float odd[] = {__builtin_nanf(""), __builtin_inff(), -__builtin_inff()};
	struct batch *b = batch_new(f32, 1, ROWS, 0), *own = own_slab();
	struct err e;
	float *value = batch_values(b, 0);
	b->rows = 2;
	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		batch_reset(b);
		b->rows = 2;
		value[1] = odd[i];
		assert_int_equal(batch_take(own, b, b->size, f32, 1, &e), RC_BAD);
		batch_set_null(b, 0, 1);
		assert_int_equal(batch_take(own, b, b->size, f32, 1, &e), RC_OK);
	}
	batch_free(&b);
	mem_unmap(own, BATCH_SLAB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_goes_in_comes_out),
	    cmocka_unit_test(an_empty_batch_holds_nothing),
	    cmocka_unit_test(a_slab_is_used_again),
	    cmocka_unit_test(the_slab_has_its_ceiling),
	    cmocka_unit_test(a_full_arena_says_so),
	    cmocka_unit_test(unwinding_leaves_nothing_of_the_row),
	    cmocka_unit_test(every_lie_is_found),
	    cmocka_unit_test(null_rows_may_hold_anything),
	    cmocka_unit_test(a_taken_batch_is_the_same),
	    cmocka_unit_test(taking_finds_every_lie),
	    cmocka_unit_test(accepting_finds_every_lie),
	    cmocka_unit_test(a_taken_reason_is_printable),
	    cmocka_unit_test(every_byte_of_an_address_is_judged),
	    cmocka_unit_test(a_taken_float_is_a_number),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

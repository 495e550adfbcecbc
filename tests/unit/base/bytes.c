/* reader and writer: boundaries and stickiness; mem: growth and pages. */
#include "base/reader.h"
#include "base/writer.h"

#include <stdlib.h>

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void reads_past_the_end_are_zero_and_sticky(void **state)
{
	const uint8_t bytes[] = {1, 2, 3};
	struct reader r = reader_of(bytes, sizeof bytes);
	assert_int_equal(reader_be16(&r), 0x0102);
	assert_true(reader_ok(&r));
	assert_int_equal(reader_le32(&r), 0);
	assert_false(reader_ok(&r));
	assert_int_equal(reader_u8(&r), 0);
	assert_null(reader_take(&r, 0));
}

static void both_byte_orders(void **state)
{
	const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8};
	struct reader r = reader_of(bytes, sizeof bytes);
	assert_true(reader_le64(&r) == UINT64_C(0x0807060504030201));
	r = reader_of(bytes, sizeof bytes);
	assert_true(reader_be64(&r) == UINT64_C(0x0102030405060708));
	r = reader_of(bytes, sizeof bytes);
	assert_int_equal(reader_be32(&r), 0x01020304);
	assert_int_equal(reader_le16(&r), 0x0605);
	assert_int_equal(reader_left(&r), 2);
}

static void a_child_cannot_leave_its_piece(void **state)
{
	const uint8_t bytes[] = {1, 2, 3, 4};
	struct reader r = reader_of(bytes, sizeof bytes);
	struct reader child = reader_sub(&r, 2);
	assert_int_equal(reader_be16(&child), 0x0102);
	assert_int_equal(reader_u8(&child), 0);
	assert_false(reader_ok(&child));
	assert_true(reader_ok(&r));
	assert_int_equal(reader_u8(&r), 3);
	child = reader_sub(&r, SIZE_MAX);
	assert_false(reader_ok(&child));
	assert_false(reader_ok(&r));
	assert_int_equal(reader_left(&child), 0);
}

static void a_writer_grows_to_its_ceiling_exactly(void **state)
{
	struct writer w;
	writer_init(&w, 100);
	for (int i = 0; i < 100; i++)
		writer_u8(&w, (uint8_t)i);
	assert_false(w.failed);
	assert_int_equal(w.len, 100);
	assert_true(w.capacity <= 100);
	writer_u8(&w, 1);
	assert_true(w.failed);
	assert_int_equal(w.len, 100);
	assert_int_equal(w.bytes[99], 99);
	writer_put(&w, "", 0);
	assert_null(writer_room(&w, 0));
	writer_reset(&w);
	writer_text(&w, "again");
	assert_false(w.failed);
	assert_int_equal(w.len, 5);
	writer_fini(&w);
}

static void a_put_that_is_too_long_leaves_nothing_behind(void **state)
{
	struct writer w;
	writer_init(&w, 10);
	writer_text(&w, "12345");
	writer_put(&w, "123456", 6);
	assert_true(w.failed);
	assert_int_equal(w.len, 5);
	writer_u8(&w, 0);
	assert_int_equal(w.len, 5);
	assert_null(writer_room(&w, SIZE_MAX));
	writer_fini(&w);
}

static void format_fits_any_length(void **state)
{
	struct writer w;
	writer_init(&w, 1 << 20);
	for (int len = 250; len < 262; len++) {
		writer_reset(&w);
		writer_format(&w, "%0*d", len, 7);
		assert_int_equal(w.len, len);
		assert_int_equal(w.bytes[len - 1], '7');
	}
	writer_reset(&w);
	writer_format(&w, "%s", "");
	assert_int_equal(w.len, 0);
	writer_fini(&w);
	/* a ceiling just long enough, though printf wants room for a NUL */
	writer_init(&w, 300);
	writer_format(&w, "%0300d", 7);
	assert_false(w.failed);
	assert_int_equal(w.len, 300);
	writer_fini(&w);
}

static void numbers_are_little_endian(void **state)
{
	struct writer w;
	writer_init(&w, 12);
	writer_le32(&w, 0x01020304);
	writer_le64(&w, 5);
	assert_memory_equal(w.bytes, "\4\3\2\1\5\0\0\0\0\0\0\0", 12);
	writer_fini(&w);
}

static void taken_bytes_are_the_callers(void **state)
{
	struct writer w;
	size_t len;
	writer_init(&w, 10);
	writer_text(&w, "abc");
	uint8_t *bytes = writer_take(&w, &len);
	assert_int_equal(len, 3);
	assert_int_equal(w.len, 0);
	writer_text(&w, "xyz");
	assert_memory_equal(bytes, "abc", 3);
	mem_free(&bytes);
	writer_fini(&w);
	bytes = writer_take(&w, &len);
	assert_null(bytes);
	assert_int_equal(len, 0);
}

static void growth_doubles_and_never_wraps(void **state)
{
	assert_int_equal(mem_grow(0, 1), 16);
	assert_int_equal(mem_grow(16, 17), 32);
	assert_int_equal(mem_grow(24, 25), 48);
	assert_int_equal(mem_grow(100, 50), 100);
	assert_true(mem_grow(16, SIZE_MAX) == SIZE_MAX);
}

static void pages_are_zero_and_move_with_their_content(void **state)
{
	uint8_t *p = mem_map(5000);
	for (int i = 0; i < 5000; i++)
		assert_int_equal(p[i], 0);
	p[0] = 1;
	p[4999] = 2;
	p = mem_remap(p, 5000, 5000000);
	assert_int_equal(p[0], 1);
	assert_int_equal(p[4999], 2);
	assert_int_equal(p[4999999], 0);
	p = mem_remap(p, 5000000, 1);
	assert_int_equal(p[0], 1);
	mem_unmap(p, 1);
	mem_unmap(NULL, 1);
}

static void copies(void **state)
{
	assert_null(mem_text(NULL));
	char *text = mem_text_n("abcdef", 3);
	assert_string_equal(text, "abc");
	mem_free(&text);
	assert_null(text);
	text = mem_format("%s-%d", "a", 7);
	assert_string_equal(text, "a-7");
	mem_free(&text);
	void *nothing = mem_alloc(0);
	assert_non_null(nothing);
	mem_free(&nothing);
	uint64_t *zero = mem_zero(3, sizeof *zero);
	assert_true(zero[0] == 0 && zero[2] == 0);
	mem_free(&zero);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_past_the_end_are_zero_and_sticky),
	    cmocka_unit_test(both_byte_orders),
	    cmocka_unit_test(a_child_cannot_leave_its_piece),
	    cmocka_unit_test(a_writer_grows_to_its_ceiling_exactly),
	    cmocka_unit_test(a_put_that_is_too_long_leaves_nothing_behind),
	    cmocka_unit_test(format_fits_any_length),
	    cmocka_unit_test(numbers_are_little_endian),
	    cmocka_unit_test(taken_bytes_are_the_callers),
	    cmocka_unit_test(growth_doubles_and_never_wraps),
	    cmocka_unit_test(pages_are_zero_and_move_with_their_content),
	    cmocka_unit_test(copies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

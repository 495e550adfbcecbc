/*
 * print: keys to text and back, one pair of functions for each rendering of integers and times. Private to data: others
 * go through render.
 *
 * print_x writes no NUL and returns the length, at most RENDER_TEXT. parse_x takes exactly what print_x gives.
 *
 * Thread  no state
 */
#ifndef DATA_PRINT_H
#define DATA_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/render.h"

/* Decimal digits of v; returns their number, at most 20. */
size_t print_digits(uint64_t v, char *to);

size_t print_unsigned(const union key_value *key, char text[RENDER_TEXT]);
size_t print_signed(const union key_value *key, char text[RENDER_TEXT]);
size_t print_real(const union key_value *key, char text[RENDER_TEXT]);
size_t print_datetime(const union key_value *key, char text[RENDER_TEXT]);
size_t print_address(const union key_value *key, char text[RENDER_TEXT]);
size_t print_mac(const union key_value *key, char text[RENDER_TEXT]);
size_t print_proto(const union key_value *key, char text[RENDER_TEXT]);
size_t print_tcp_flags(const union key_value *key, char text[RENDER_TEXT]);
size_t print_tcp_flags6(const union key_value *key, char text[RENDER_TEXT]);
size_t print_mpls(const union key_value *key, char text[RENDER_TEXT]);
size_t print_date(const union key_value *key, char text[RENDER_TEXT]);
size_t print_clock(const union key_value *key, char text[RENDER_TEXT]);
size_t print_frame_time(const union key_value *key, char text[RENDER_TEXT]);
size_t print_hex4(const union key_value *key, char text[RENDER_TEXT]);
size_t print_hex8(const union key_value *key, char text[RENDER_TEXT]);

bool parse_unsigned(const char *text, union key_value *out);
bool parse_signed(const char *text, union key_value *out);
bool parse_real(const char *text, union key_value *out);
bool parse_datetime(const char *text, union key_value *out);
bool parse_address(const char *text, union key_value *out);
bool parse_mac(const char *text, union key_value *out);
bool parse_proto(const char *text, union key_value *out);
bool parse_tcp_flags(const char *text, union key_value *out);
bool parse_tcp_flags6(const char *text, union key_value *out);
bool parse_mpls(const char *text, union key_value *out);
bool parse_date(const char *text, union key_value *out);
bool parse_clock(const char *text, union key_value *out);
bool parse_frame_time(const char *text, union key_value *out);
bool parse_hex4(const char *text, union key_value *out);
bool parse_hex8(const char *text, union key_value *out);

/* KEY_BYTES to text, as render.text describes. */
size_t text_utf8(const uint8_t *bytes, size_t len, const uint8_t **out, uint8_t **scratch, size_t *scratch_size);
size_t text_hex(const uint8_t *bytes, size_t len, const uint8_t **out, uint8_t **scratch, size_t *scratch_size);

#endif

/*
 * values: text of a cell to native values. Blanks around it don't count; false is no such value.
 *
 * Thread  no state
 */
#ifndef DISSECT_CSV_VALUES_H
#define DISSECT_CSV_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/render.h"
#include "data/type.h"

/* Moves both ends inwards past blanks. */
void value_trim(const char **text, size_t *len);

/* Decimal with an optional sign, or "0x" and hexadecimal digits. */
bool value_i64(const char *text, size_t len, int64_t *out);
bool value_u64(const char *text, size_t len, uint64_t *out);

/* The same, or a text that form (NULL: none) prints: a protocol's name, flags. */
bool value_named(const struct render *form, const char *text, size_t len, uint64_t *out);

/* Decimal with fraction and exponent; what passes a float is no value, nor are "inf" and "nan". */
bool value_f32(const char *text, size_t len, float *out);

bool value_ip(const char *text, size_t len, struct ip *out);

#endif

/*
 * planted: a dissector that gives a row for each byte of its input, and does what it must not when its option `act`
 * says so, `after` so many batches.
 */
#ifndef PLANTED_H
#define PLANTED_H

#include "dissect/dissect.h"

enum { PLANTED_ROWS = 100 };

extern const struct dissect_ops dissect_planted;

/* All acts by name, ends with NULL. */
const char *planted_act(size_t i);

#endif

/*
 * grid: aligned columns on standard output.
 *
 * Thread  one owner
 */
#ifndef APP_GRID_H
#define APP_GRID_H

#include "base/rc.h"

struct grid;

/* Heads of the columns, NULL after the last; a head that begins with ">" has its cells to the right. */
struct grid *grid_new(const char *const *heads);

/* The next cell; rows fill up from left to right. */
void grid_cell(struct grid *t, const char *format, ...) PRINTF_LIKE(2, 3);

/* Print under indent blanks, and free. */
void grid_print(struct grid **t, unsigned indent);

#endif

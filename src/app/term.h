/*
 * term: what the program may assume of the descriptor it talks to, and how it complains.
 *
 * Colours only on a terminal, never with NO_COLOR or TERM=dumb.
 */
#ifndef APP_TERM_H
#define APP_TERM_H

#include <stdbool.h>

#include "base/rc.h"

/* Escape sequences, "" when the descriptor takes none. */
struct term {
	const char *bold, *dim, *red, *green, *yellow, *off;
};

struct term term_of(int fd);

/* Columns of the terminal, 80 when unknown. */
unsigned term_width(int fd);

/* Text to standard output, broken between words so that no line is wider, with indent blanks before each line but the
 * first. LF in it and at its end ends a line. */
void term_wrap(const char *text, unsigned indent, unsigned width);

/* "sluice: text" to standard error. */
void complain(const char *format, ...) PRINTF_LIKE(1, 2);

#endif

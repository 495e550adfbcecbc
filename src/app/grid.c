/* Columns as wide as their widest cell, so that output for people needs no guess of widths. */
#include "app/grid.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/term.h"
#include "base/mem.h"

enum { CELL_MAX = 4096 };

struct grid {
	const char *const *head;
	size_t columns;
	char **cell;
	size_t cells, capacity;
};

struct grid *grid_new(const char *const *heads)
{
	struct grid *t = mem_zero(1, sizeof *t);
	t->head = heads;
	while (heads[t->columns] != NULL)
		t->columns++;
	return t;
}

void grid_cell(struct grid *t, const char *format, ...)
{
	char text[CELL_MAX];
	va_list list;
	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	if (t->cells == t->capacity) {
		t->capacity = mem_grow(t->capacity, t->cells + 1);
		t->cell = mem_resize(t->cell, t->capacity * sizeof *t->cell);
	}
	t->cell[t->cells++] = mem_text(text);
}

/* Characters, not bytes. */
static size_t width(const char *text)
{
	size_t n = 0;
	for (; *text != '\0'; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

/* The last of the row's cells that says something. */
static size_t end_of(const struct grid *t, size_t row)
{
	size_t end = t->columns - 1;
	while (end > 0 && t->cell[row + end][0] == '\0')
		end--;
	return end;
}

static bool right(const struct grid *t, size_t column)
{
	return t->head[column][0] == '>';
}

/* end: the column after which nothing follows in this row. */
static void put(const struct grid *t, size_t column, const char *text, size_t wide, size_t end)
{
	size_t blanks = wide - width(text);
	bool last = column >= end;
	if (column > end)
		return;
	if (right(t, column))
		printf("%*s%s", (int)blanks, "", text);
	else
		printf("%s%*s", text, last ? 0 : (int)blanks, "");
	printf("%s", last ? "\n" : "   ");
}

/* The last column on a terminal: words that do not fit go on below, so that the columns stay readable. */
static void put_wrapped(const char *text, size_t indent, size_t room)
{
	while (width(text) > room) {
		size_t cut = 0;
		for (size_t i = 1; text[i] != '\0' && i <= room; i++)
			cut = text[i] == ' ' ? i : cut;
		if (cut == 0)
			break;
		printf("%.*s\n%*s", (int)cut, text, (int)indent, "");
		text += cut + 1;
	}
	printf("%s\n", text);
}

void grid_print(struct grid **tp, unsigned indent)
{
	struct grid *t = *tp;
	struct term term = term_of(1);
	size_t *wide = mem_zero(t->columns, sizeof *wide);
	for (size_t i = 0; i < t->columns; i++)
		wide[i] = width(t->head[i] + right(t, i));
	for (size_t i = 0; i < t->cells; i++)
		if (width(t->cell[i]) > wide[i % t->columns])
			wide[i % t->columns] = width(t->cell[i]);
	size_t before = indent, screen = isatty(1) ? term_width(1) : SIZE_MAX;
	for (size_t i = 0; i + 1 < t->columns; i++)
		before += wide[i] + 3;
	size_t end = 0, head_end = t->columns - 1;
	while (head_end > 0 && t->head[head_end][0] == '\0')
		head_end--;
	bool wrap = screen > before + 20 && !right(t, t->columns - 1);
	printf("%*s%s", (int)indent, "", term.dim);
	for (size_t i = 0; i < t->columns; i++)
		put(t, i, t->head[i] + right(t, i), wide[i], head_end);
	printf("%s", term.off);
	for (size_t i = 0; i < t->cells; i++) {
		if (i % t->columns == 0) {
			end = end_of(t, i);
			printf("%*s", (int)indent, "");
		}
		if (end == t->columns - 1 && wrap && i % t->columns == t->columns - 1)
			put_wrapped(t->cell[i], before, screen - before);
		else
			put(t, i % t->columns, t->cell[i], wide[i % t->columns], end);
		mem_free(&t->cell[i]);
	}
	mem_free(&t->cell);
	mem_free(&wide);
	mem_free(tp);
}

/* Names and values in notes come from files: they are escaped, so that none can begin a line of its own. */
#include "app/spot/notes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

enum { TEXT = 2000 };

/* NEL, LS, PS: YAML 1.1, section 4.2. */
void spot_flatten(uint8_t *text, size_t len)
{
	static const struct {
		const char *bytes;
		size_t len;
	} end[] = {{"\xc2\x85", 2}, {"\xe2\x80\xa8", 3}, {"\xe2\x80\xa9", 3}};
	for (size_t i = 0; i < len; i++)
		for (size_t n = 0; n < sizeof end / sizeof end[0]; n++)
			if (len - i >= end[n].len && memcmp(text + i, end[n].bytes, end[n].len) == 0)
				memset(text + i, '?', end[n].len);
}

void spot_note(struct spot_notes *n, enum spot_note_kind kind, const char *file, unsigned line, const char *key,
    const char *format, ...)
{
	char why[TEXT], place[16] = "";
	va_list list;
	va_start(list, format);
	vsnprintf(why, sizeof why, format, list);
	va_end(list);
	if (line > 0)
		snprintf(place, sizeof place, ":%u", line);
	char *whole = mem_format("%s%s: %s%s%s", file, place, key, key[0] != '\0' ? ": " : "", why);
	char *text = mem_alloc(4 * strlen(whole) + 1);
	spot_flatten((uint8_t *)text, str_escape(whole, strlen(whole), text));
	mem_free(&whole);
	n->note = mem_resize(n->note, (n->count + 1) * sizeof *n->note);
	n->note[n->count] =
	    (struct spot_note){.kind = kind, .text = text, .file = file, .line = line, .number = n->count};
	n->count++;
}

static int compare(const void *a, const void *b, void *first)
{
	const struct spot_note *x = a, *y = b;
	if (x->file != y->file)
		return x->file == first ? -1 : 1;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

void spot_notes_sort(struct spot_notes *n, const char *first)
{
	if (n->count > 1)
		qsort_r(n->note, n->count, sizeof *n->note, compare, (void *)first);
}

size_t spot_notes_of(const struct spot_notes *n, enum spot_note_kind kind)
{
	size_t count = 0;
	for (size_t i = 0; i < n->count; i++)
		count += n->note[i].kind == kind;
	return count;
}

static void write_kind(const struct spot_notes *n, enum spot_note_kind kind, const char *head, struct writer *out)
{
	if (spot_notes_of(n, kind) == 0)
		return;
	writer_format(out, "#\n# %s\n", head);
	for (size_t i = 0; i < n->count; i++)
		if (n->note[i].kind == kind)
			writer_format(out, "#   %s\n", n->note[i].text);
}

void spot_notes_write(const struct spot_notes *n, struct writer *out)
{
	write_kind(n, SPOT_MUST, "To do before it can run:", out);
	write_kind(n, SPOT_SHOULD, "To do, or to know:", out);
	write_kind(n, SPOT_LEFT, "Not carried over; nothing to do:", out);
}

void spot_notes_fini(struct spot_notes *n)
{
	for (size_t i = 0; i < n->count; i++)
		mem_free(&n->note[i].text);
	mem_free(&n->note);
	n->count = 0;
}

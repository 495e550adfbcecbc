/* A window over the source; it moves only when the line it begins with has no end in it, so that few bytes are moved.
 */
#include "dissect/log/lines.h"

#include <assert.h>
#include <string.h>

void lines_init(struct lines *l, struct source *src, size_t bound)
{
	assert(bound <= LINES_WINDOW / 2);
	*l = (struct lines){.src = src, .bound = bound};
}

void lines_fini(struct lines *l)
{
	source_close(&l->src);
}

/* A window that begins where the last one was read to. */
static enum rc move(struct lines *l, struct err *e)
{
	source_take(l->src, l->at);
	l->at = 0;
	l->have = 0;
	enum rc rc = source_peek(l->src, LINES_WINDOW, &l->window, &l->have, e);
	l->last = rc != RC_OK || l->have < LINES_WINDOW;
	return rc;
}

enum rc lines_begin(struct lines *l, const uint8_t **bytes, size_t *have, struct err *e)
{
	enum rc rc = move(l, e);
	*bytes = l->window;
	*have = l->have;
	return rc;
}

/* Past the rest of a line that is too long; *length grows by what is passed. Its beginning is kept by the caller. */
static enum rc skip_rest(struct lines *l, uint64_t *length, struct err *e)
{
	for (;;) {
		const uint8_t *from = l->window + l->at;
		const uint8_t *end = l->have > l->at ? memchr(from, '\n', l->have - l->at) : NULL;
		size_t n = end != NULL ? (size_t)(end - from) : l->have - l->at;
		*length += n;
		l->at += n + (end != NULL);
		if (end != NULL || l->last)
			return RC_OK;
		enum rc rc = move(l, e);
		if (rc != RC_OK)
			return rc == RC_END ? RC_OK : rc;
	}
}

/* A line that fills the window: its beginning stays, the rest is passed. */
static enum rc keep_beginning(struct lines *l, struct line *out, struct err *e)
{
	memcpy(l->beginning, out->at, out->size);
	out->at = l->beginning;
	return skip_rest(l, &out->length, e);
}

/* Past NULs; false: the window is used up. */
static bool skip_padding(struct lines *l, size_t *padding)
{
	while (l->at < l->have && l->window[l->at] == 0) {
		l->at++;
		++*padding;
	}
	return l->at < l->have;
}

static void trim(struct line *line)
{
	if (line->size > 0 && line->at[line->size - 1] == '\r')
		line->size--;
	while (line->size > 0 && line->at[line->size - 1] == 0) {
		line->size--;
		line->padding++;
	}
}

enum rc lines_next(struct lines *l, struct line *out, struct err *e)
{
	*out = (struct line){0};
	while (!skip_padding(l, &out->padding)) {
		enum rc rc = move(l, e);
		if (rc != RC_OK)
			return rc;
	}
	const uint8_t *from = l->window + l->at;
	const uint8_t *end = memchr(from, '\n', l->have - l->at);
	if (end == NULL && !l->last) {
		enum rc rc = move(l, e);
		if (rc != RC_OK)
			return rc;
		from = l->window;
		end = memchr(from, '\n', l->have);
	}
	/* Without an end in a whole window the line is over the bound. */
	size_t size = end != NULL ? (size_t)(end - from) : l->have - l->at;
	out->at = from;
	out->size = size;
	out->length = size;
	out->offset = source_offset(l->src) + l->at;
	out->number = ++l->number;
	l->at += size + (end != NULL);
	struct err ignored;
	out->cut = end == NULL && l->last && source_ended(l->src, &ignored) != RC_END;
	trim(out);
	out->too_long = out->size > l->bound;
	if (out->too_long)
		out->size = BATCH_RAW < l->bound ? BATCH_RAW : l->bound;
	return end == NULL && !l->last ? keep_beginning(l, out, e) : RC_OK;
}

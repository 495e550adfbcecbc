/* Whole first: a visitor must not act on the first half of a text that turns out to be cut. */
#include "pipe/lines.h"

#include <inttypes.h>
#include <string.h>

struct walk {
	const struct lines_visitor *v;
	uint64_t lines;
	bool ended;
};

void lines_end(struct writer *w)
{
	uint64_t lines = 0;
	const uint8_t *at = w->bytes;
	const uint8_t *end = w->bytes + w->len;

	while (at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		lines++;
		at++;
	}
	writer_format(w, "{\"lines\":%" PRIu64 "}\n", lines);
}

size_t lines_span(const char *text, size_t size)
{
	static const char tail[] = "{\"lines\":";
	const char *at = text;
	const char *end = text + size;

	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		if (stop == NULL)
			return 0;
		if ((size_t)(stop - at) > sizeof tail - 1 && memcmp(at, tail, sizeof tail - 1) == 0)
			return (size_t)(stop + 1 - text);
		at = stop + 1;
	}
	return 0;
}

static enum rc walk_end(struct walk *w, const json_t *line, struct err *e)
{
	uint64_t lines = 0;
	enum rc rc = json_get_u64(line, "lines", &lines, e);

	if (rc != RC_OK)
		return rc;
	w->ended = true;
	if (lines != w->lines)
		return err_set(RC_BAD, e, "%" PRIu64 " lines, it says %" PRIu64, w->lines, lines);
	return w->v->end != NULL ? w->v->end(w->v->context, e) : RC_OK;
}

static enum rc walk_line(struct walk *w, const char *text, size_t len, struct err *e)
{
	json_t *line = NULL;
	bool known = true;
	enum rc rc = json_parse(text, len, &line, e);

	if (rc != RC_OK)
		return rc;
	if (w->ended)
		rc = err_set(RC_BAD, e, "there is more after its last line");
	else if (w->lines == 0)
		rc = w->v->head(w->v->context, line, e);
	else
		rc = w->v->line(w->v->context, line, &known, e);
	if (!known)
		rc = walk_end(w, line, e);
	w->lines++;
	json_decref(line);
	return rc;
}

enum rc lines_walk(const char *text, size_t size, const struct lines_visitor *v, struct err *e)
{
	struct walk w = {.v = v};
	const char *at = text;
	const char *end = text + size;

	if (lines_span(text, size) != size)
		return err_set(RC_BAD, e, "the manifest is not whole");
	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		if (stop == NULL)
			return err_set(RC_BAD, e, "the manifest is not whole");
		enum rc rc = walk_line(&w, at, (size_t)(stop - at), e);
		if (rc == RC_BAD)
			return err_wrap(rc, e, "%s line %" PRIu64, v->what, w.lines);
		if (rc != RC_OK)
			return rc;
		at = stop + 1;
	}
	return w.ended ? RC_OK : err_set(RC_BAD, e, "the manifest is not whole");
}

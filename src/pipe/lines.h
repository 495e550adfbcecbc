/*
 * lines: a text of JSON lines that is whole or not at all. Its first line says what it is, its last one,
 * {"lines":N}, how many came before. Manifests of commits and of compactions are such texts.
 *
 * Thread  any; no state
 * Errors  RC_BAD: not whole, doubled, or not what it should be; what visitors return is passed on
 * Source  doc/formats/manifest.md
 */
#ifndef PIPE_LINES_H
#define PIPE_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/rc.h"
#include "base/writer.h"
#include "ext/json.h"

struct lines_visitor {
	const char *what; /* in messages: "manifest line 3: ..." */
	void *context;
	enum rc (*head)(void *context, const json_t *line, struct err *e);
	/* Neither the first nor the last; *known false: of no kind that there is. */
	enum rc (*line)(void *context, const json_t *line, bool *known, struct err *e);
	enum rc (*end)(void *context, struct err *e); /* NULL: nothing to add */
};

/* The last line, for what w holds. */
void lines_end(struct writer *w);

/* Bytes of the text that another one begins with, 0 if it is not whole. */
size_t lines_span(const char *text, size_t size);

enum rc lines_walk(const char *text, size_t size, const struct lines_visitor *v, struct err *e) MUST_USE;

#endif

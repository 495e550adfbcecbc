/*
 * spot/work: what the parts of an import share: the two files, the notes, and the YAML that grows.
 *
 * Thread  one owner
 */
#ifndef APP_SPOT_WORK_H
#define APP_SPOT_WORK_H

#include <stdbool.h>

#include "app/spot/conf.h"
#include "app/spot/import.h"
#include "ext/json.h"

enum { SPOT_TEXT = 1024 };

struct spot_work {
	const struct spot_params *p;
	json_t *root; /* of ingest_conf.json */
	struct spot_conf conf;
	struct spot_notes *notes;
	struct writer yaml;
	bool kerberos, tls;
};

/* The line of root[a][b][c]; NULL ends the path earlier. */
unsigned spot_line(const struct spot_work *w, const char *a, const char *b, const char *c);

/* A text, a number or a truth value as text; false when it is neither, or longer than out. */
bool spot_scalar(const json_t *value, char out[SPOT_TEXT]);

/* Value of spot.conf; NULL when it is not there or empty. */
const char *spot_conf_text(const struct spot_work *w, const char *name, unsigned *line);

/* "true" in any case. */
bool spot_true(const char *text);

/* key: "value" with what stands before it. */
void spot_put(struct spot_work *w, const char *key, const char *value);

/* The entries of pipelines:. RC_BAD: none is left. */
enum rc spot_pipelines(struct spot_work *w, struct err *e) MUST_USE;

#endif

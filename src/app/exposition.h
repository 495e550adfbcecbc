/*
 * exposition: what was observed as Prometheus metrics. doc/ops.md lists them; a test compares.
 *
 * Thread  plain function
 */
#ifndef APP_EXPOSITION_H
#define APP_EXPOSITION_H

#include "app/observe.h"
#include "base/writer.h"

void exposition_write(const struct observed *seen, struct writer *out);

/* The table of doc/ops.md: one row a metric. */
void exposition_markdown(struct writer *out);

#endif

/*
 * expose: Prometheus' text format, version 0.0.4: families of samples with their help and type.
 *
 * The caller's order is the output's: a family is begun once, all its samples follow. Names are the caller's and fit
 * the format; label values may hold anything.
 *
 * Thread  one owner
 */
#ifndef OPS_EXPOSE_H
#define OPS_EXPOSE_H

#include <stdint.h>

#include "base/writer.h"

#define EXPOSE_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct expose_label {
	const char *name, *value;
};

/* kind: "counter", "gauge" */
void expose_family(struct writer *w, const char *name, const char *kind, const char *help);

/* labels may be NULL when there are none. */
void expose_count(
    struct writer *w, const char *name, const struct expose_label *label, unsigned labels, uint64_t value);
/* Milliseconds as the seconds that Prometheus wants. */
void expose_seconds(struct writer *w, const char *name, const struct expose_label *label, unsigned labels, int64_t ms);

#endif

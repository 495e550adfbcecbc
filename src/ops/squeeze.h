/*
 * squeeze: a body as gzip, for those who take it: what the page asks every second travels in a tenth of its bytes.
 *
 * Thread  plain function
 */
#ifndef OPS_SQUEEZE_H
#define OPS_SQUEEZE_H

#include <stdbool.h>

#include "base/writer.h"

/* The writer's bytes become their gzip form; false: it stays as it is, because that would not be shorter. */
bool squeeze(struct writer *w);

#endif

/*
 * sample: the shipped flow schema, a catalogue with its fields, and batches of seeded random flows, for the tests of the row formats.
 */
#ifndef UNIT_FORMAT_SAMPLE_H
#define UNIT_FORMAT_SAMPLE_H

#include <stdint.h>

#include "data/batch.h"
#include "data/projection.h"
#include "data/schema.h"

/* schema/flow.avsc, bound to the sample's catalogue. */
struct sample {
	struct schema *schema;
	struct projection *projection;
	uint64_t seed;
	unsigned bits; /* most of a number; 0: 64 */
};

struct sample sample_open(void);
void sample_close(struct sample *s);

/* rows random flows: most fields often null or as in the row before, some outside their column's type. */
struct batch *sample_batch(struct sample *s, uint32_t rows);

/* rows flows whose columns stay as they are for long, each for its own while: some for ever, some null, one new in each row. */
struct batch *sample_steady(struct sample *s, uint32_t rows);

uint64_t sample_random(struct sample *s);

#endif

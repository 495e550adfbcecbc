/*
 * csv: rows as RFC 4180 text: a header line of column names in schema order, LF line ends, quotes only where needed, null empty, an empty string "".
 * Floats as the shortest text that reads back.
 */
#ifndef FORMAT_CSV_H
#define FORMAT_CSV_H

#include "base/writer.h"
#include "data/batch.h"
#include "data/projection.h"

void csv_head(const struct schema *s, struct writer *out);

struct csv_encoder;
struct csv_encoder *csv_encoder_new(const struct projection *p);
void csv_encoder_free(struct csv_encoder **c);
void csv_encode(struct csv_encoder *c, const struct batch *b, const uint16_t *sel, size_t n, struct writer *out, uint64_t *outside);

#endif

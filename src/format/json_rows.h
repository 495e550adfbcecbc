/*
 * json_rows: rows as JSON, one object a line, columns in schema order, null as null.
 */
#ifndef FORMAT_JSON_ROWS_H
#define FORMAT_JSON_ROWS_H

#include "base/writer.h"
#include "data/batch.h"
#include "data/projection.h"

struct json_encoder;
struct json_encoder *json_encoder_new(const struct projection *p);
void json_encoder_free(struct json_encoder **j);
void json_encode(struct json_encoder *j, const struct batch *b, const uint16_t *sel, size_t n, struct writer *out, uint64_t *outside);

#endif

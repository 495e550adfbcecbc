/*
 * avro: rows as Avro binary, for events on the bus and for `dissect -f avro`.
 *
 * A rows event's value is one Avro array of the dataset's record: one block (count, items), then 0. So a foreign reader takes it with the schema
 * {"type": "array", "items": <the plain schema>}. Strings are valid UTF-8. Avro 1.11 specification, "Binary Encoding".
 *
 * Thread  one owner
 */
#ifndef FORMAT_AVRO_H
#define FORMAT_AVRO_H

#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/writer.h"
#include "data/batch.h"
#include "data/projection.h"

struct avro_encoder;

struct avro_encoder *avro_encoder_new(const struct projection *p);
void avro_encoder_free(struct avro_encoder **a);

/* Append the selected rows (sel NULL: 0..n-1) as bare records, no array framing. *outside counts values that became null for their type. */
void avro_encode(struct avro_encoder *a, const struct batch *b, const uint16_t *sel, size_t n, struct writer *out, uint64_t *outside);

/* Frame records of `rows` rows as the array: put avro_array_head before and avro_array_tail after them. */
void avro_array_head(struct writer *out, uint64_t rows);
void avro_array_tail(struct writer *out);

/*
 * Decode an array value, written with the schema `writer`, into batches of projection_rendered(reader's schema): columns that the writer lacks are null or the reader's
 * default, columns that the reader lacks are skipped, int widens to long. RC_BAD from open: the two can't be resolved (both named).
 */
struct avro_decoder;
enum rc avro_decoder_open(const struct schema *writer, const struct schema *reader, struct avro_decoder **out, struct err *e) MUST_USE;
void avro_decoder_free(struct avro_decoder **a);

/* Start on a value, borrowed until it is read to its end. */
void avro_decode_begin(struct avro_decoder *a, const void *value, size_t size);
/* Next rows into b (reset first); RC_END after the last; RC_BAD: damaged, nothing of it may be used. */
enum rc avro_decode_next(struct avro_decoder *a, struct batch *b, struct err *e) MUST_USE;

/* An Avro object container file around records (magic, schema, codec null, blocks with the sync marker given). */
void avro_file_head(struct writer *out, const struct schema *s, const uint8_t sync[16]);
void avro_file_block(struct writer *out, uint64_t rows, const void *records, size_t size, const uint8_t sync[16]);

#endif

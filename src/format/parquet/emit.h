/*
 * emit: the chunk of a closed row group goes into the file: dictionary page, then data pages, each with header and CRC.
 *
 * Thread  one owner
 */
#ifndef FORMAT_PARQUET_EMIT_H
#define FORMAT_PARQUET_EMIT_H

#include "base/rc.h"
#include "format/parquet/chunk.h"
#include "format/parquet/footer.h"
#include "format/parquet/output.h"
#include "format/parquet/scratch.h"

/* Write the chunk, note in its pages where they lie, and say what the footer needs to know. Failures of the sink stay
 * in o. */
enum rc emit_chunk(struct chunk *c, const struct dictionary *d, struct scratch *s, struct output *o,
    struct footer_chunk *m, struct err *e) MUST_USE;

#endif

/*
 * recode: what PLAIN would cost instead of the dictionary, and the change to it.
 *
 * Cost is the bytes that the file will hold. PLAIN is measured on a sample of the open page; the dictionary's own size
 * is known.
 *
 * Thread  one owner
 */
#ifndef FORMAT_PARQUET_RECODE_H
#define FORMAT_PARQUET_RECODE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "format/parquet/chunk.h"
#include "format/parquet/dictionary.h"
#include "format/parquet/page.h"
#include "format/parquet/scratch.h"

/* What PLAIN takes, of values looked at so far in this chunk. */
struct recode_sample {
	uint64_t values, bytes;
};

/* Measure it on a page of ids that is about to be closed. */
enum rc recode_measure(struct recode_sample *m, const struct page *p, const struct dictionary *d, struct scratch *s,
    struct err *e) MUST_USE;

/* Bytes of the chunk's dictionary pages and, estimated, of the dictionary. */
uint64_t recode_dictionary_cost(const struct chunk *c, const struct dictionary *d, enum codec codec);

/* Bytes that those pages would have as PLAIN, by the sample. */
uint64_t recode_plain_cost(const struct recode_sample *m, const struct chunk *c);

/* Turn every dictionary page of the chunk into a PLAIN page. The dictionary is of no use to it then. */
enum rc recode_plain(struct chunk *c, const struct dictionary *d, struct scratch *s, struct err *e) MUST_USE;

#endif

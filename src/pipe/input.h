/*
 * input: a table file of the lake back as rows, read twice as carefully as a query would: its length and CRC-32 are
 * those that a manifest promises, and its footer names the original of every row.
 *
 * Thread  one owner
 * Errors  RC_BAD: it contradicts its manifest or itself. RC_AGAIN: the lake is away, or the file changed meanwhile.
 *         RC_END: it is not there
 */
#ifndef PIPE_INPUT_H
#define PIPE_INPUT_H

#include <stdint.h>

#include "base/rc.h"
#include "data/batch.h"
#include "data/schema.h"
#include "ext/hash.h"
#include "pack/pack.h"
#include "pipe/crc32.h"
#include "store/store.h"

struct input;

struct input_file { /* as a manifest has it */
	const char *path;
	uint64_t size, rows;
	uint32_t crc32;
};

/* All borrowed. */
enum rc input_open(struct store *store, const struct schema *schema, struct pack *pack, const struct crc32_tables *crc,
    const struct input_file *file, struct input **out, struct err *e) MUST_USE;
void input_close(struct input **in);

/* The next rows into b, which is reset first; at most `most` of them. */
enum rc input_next(struct input *in, struct batch *b, uint64_t most, struct err *e) MUST_USE;

/*
 * Every entry of the list of originals, in the order of rows; see has to read exactly that many rows. dissector: what
 * the footer says of it. see's other rc ends it and comes back.
 */
enum rc input_originals(struct input *in,
    enum rc (*see)(
        void *context, const uint8_t original[SHA256_BYTES], uint64_t rows, const char *dissector, struct err *e),
    void *context, struct err *e) MUST_USE;

#endif

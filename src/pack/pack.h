/*
 * pack: block codecs behind one table. Whole inputs that are compressed: unpack.
 *
 * Thread  a context belongs to one thread
 * Units   bytes
 * Errors  RC_BAD: the block is damaged or does not fit the bound; *e says which
 */
#ifndef PACK_PACK_H
#define PACK_PACK_H

#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"

enum codec { CODEC_NONE, CODEC_SNAPPY, CODEC_ZSTD, CODEC_GZIP, CODEC_LZ4, CODEC_BZ2, CODEC_LZO, CODECS };

const char *codec_name(enum codec c);         /* "none" "snappy" … */
int codec_find(const char *name);             /* enum codec or -1 */

struct pack; /* reusable contexts, one per thread */

struct pack *pack_new(void);
void pack_free(struct pack **p);

/* Most bytes that compressing size bytes can take. */
size_t pack_bound(enum codec c, size_t size);

/* snappy, zstd (level 1..9), gzip (level 1..9), none. to holds pack_bound bytes. */
enum rc pack_block(struct pack *p, enum codec c, int level, const void *from, size_t size, void *to, size_t capacity, size_t *out, struct err *e) MUST_USE;

/* All codecs. The decoder must end exactly at the input's end; *out is what it gave, at most capacity. */
enum rc unpack_block(struct pack *p, enum codec c, const void *from, size_t size, void *to, size_t capacity, size_t *out, struct err *e) MUST_USE;

#endif

/*
 * unpack: a compressed input as the stream that was compressed. What an input is its first bytes say, never its name.
 *
 * gzip (RFC 1952, any number of members), zstd (RFC 8878, any number of frames, windows up to 8 MiB) and the LZ4 frame
 * format. xz and bzip2 are recognised and refused by name.
 *
 * Thread  one owner
 * Memory  one window of the codec and 64 KiB of its input, whatever the input says it holds
 * Errors  RC_BAD of a read: the compressed bytes are damaged or cut; what came before is served first
 */
#ifndef PACK_UNPACK_H
#define PACK_UNPACK_H

#include "base/rc.h"
#include "base/source.h"

/*
 * Look at the first bytes of inner and put the decoder that they ask for over it. *out is inner itself where they ask
 * for none. Takes inner whatever the outcome. RC_BAD: compressed in a way we don't read; otherwise as source_peek, but
 * an empty input is RC_OK.
 */
enum rc unpack_open(struct source *inner, struct source **out, struct err *e) MUST_USE;

#endif

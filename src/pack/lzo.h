/*
 * lzo: decodes one raw LZO1X stream, as nfdump stores it. Ours because liblzo2 is GPL.
 *
 * Stream: instructions of a match (length, distance into what was decoded) with 0..3 literals after it, or of a long
 * run of literals; the end is a match of distance 16384 exactly. See doc/formats/nfcapd.md.
 *
 * Thread  any; no state
 * Errors  RC_BAD: damaged, or more than capacity. Writes within capacity and reads within size whatever the bytes say
 */
#ifndef PACK_LZO_H
#define PACK_LZO_H

#include <stddef.h>

#include "base/rc.h"

/* The stream must end exactly where the input does. */
enum rc lzo_decode(const void *from, size_t size, void *to, size_t capacity, size_t *out, struct err *e) MUST_USE;

#endif

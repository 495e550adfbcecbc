/*
 * capture: frames out of a capture file. pcap (both byte orders, microseconds and nanoseconds) and pcapng (sections of
 * either byte order, interfaces with link type and time resolution of their own). doc/formats/capture.md.
 *
 * Thread  one owner
 * Units   times in nanoseconds since 1970 UTC, sizes in bytes, offsets from the start of the (unpacked) capture
 * Memory  a window of 320 KiB, and 32 bytes for each interface of a pcapng section (at most 65536)
 */
#ifndef DISSECT_PCAP_CAPTURE_H
#define DISSECT_PCAP_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/source.h"

enum { CAPTURE_FRAME_MAX = 256 << 10 }; /* as libpcap: 262144 */

struct frame {
	const uint8_t *bytes; /* until the next capture_next */
	uint32_t captured;    /* of them */
	uint32_t length;      /* on the wire */
	int64_t time_ns;
	bool timed;      /* false: a Simple Packet Block, or a time outside 1970 .. 2106-02-07; time_ns is 0 */
	uint16_t link;   /* LINKTYPE_* */
	uint8_t fcs;     /* bytes of a frame check sequence at the end of the frame on the wire */
	uint64_t offset; /* of its record or block */
};

/* Bytes that gave no frame. */
struct capture_damage {
	bool set;
	uint64_t offset, length; /* length 0: to the end */
	char reason[160];
};

struct capture_counts {
	uint64_t frames;
	uint64_t cut_by_snaplen; /* captured < length */
	uint64_t drops;          /* that the capturing side says it lost: interface statistics of pcapng */
	uint64_t times_carried;  /* fraction of a second out of range, put right */
	uint64_t untimed;
	uint64_t blocks_skipped; /* unknown or custom blocks */
};

struct capture;

/* Takes src, which may be compressed (pack/unpack). Does not read yet. */
struct capture *capture_new(struct source *src);
void capture_free(struct capture **c);

/*
 * The next frame. RC_END: no more; what was wrong is in capture_damage (set) once, and capture_clean says whether the
 * file ended as its format wants. RC_BAD: not a capture at all, nothing came; an input of 0 bytes is an empty capture.
 * RC_AGAIN, RC_FAIL: reading failed.
 */
enum rc capture_next(struct capture *c, struct frame *out, struct err *e) MUST_USE;
struct capture_damage *capture_damage(struct capture *c); /* the owner takes it and clears set */
bool capture_clean(const struct capture *c);
const struct capture_counts *capture_counts(const struct capture *c);

#endif

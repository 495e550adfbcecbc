/*
 * records: what the front of capture and the readers of the two file formats share.
 *
 * A reader gives the next frame, or RC_END, or says with records_stop why the file is not worth reading on. What the
 * stream says (RC_AGAIN, RC_FAIL) is passed on.
 *
 * Thread  the capture's
 */
#ifndef DISSECT_PCAP_RECORDS_H
#define DISSECT_PCAP_RECORDS_H

#include "dissect/pcap/capture.h"
#include "dissect/pcap/window.h"

enum {
	INTERFACES_MAX = 64 << 10, /* in one section of pcapng */
};

#define CAPTURE_SECONDS_MAX INT64_C(0xFFFFFFFF) /* 2106-02-07 06:28:15 */

struct interface {
	uint64_t multiplier; /* nanoseconds in one tick; 0: less than one, see resolution */
	int64_t offset_s;
	uint64_t drops; /* as the last statistics said */
	uint32_t snaplen;
	uint16_t link;
	uint8_t resolution; /* if_tsresol as it stands */
	uint8_t fcs;
};

struct capture {
	enum rc (*next)(struct capture *c, struct frame *out, struct err *e);
	struct window window;
	struct source *source; /* not yet unpacked */
	struct capture_counts counts;
	struct capture_damage damage;
	bool opened, ended, unclean;
	enum rc refused; /* by begin, why: said again when asked again; else RC_OK */
	struct err reason;

	/* pcap */
	uint32_t unit; /* parts of a second */
	uint16_t link;
	uint8_t fcs;

	/* pcapng: of the section that is read */
	struct interface *interface;
	size_t interfaces, interface_capacity;
};

/* End here: what begins at offset gives no frame. Returns RC_END. */
enum rc records_stop(struct capture *c, uint64_t offset, const char *format, ...) PRINTF_LIKE(3, 4);

/* What it means that the stream did not have what the format wants: RC_END, with damage when there is a rest (what: "a
 * record header") or the input is damaged; or rc itself. */
enum rc records_cut(struct capture *c, enum rc rc, const char *what, struct err *e);

/* Both: RC_OK with the header of the file read, RC_BAD it is not of this format, or as records_cut. */
enum rc file_begin(struct capture *c, struct err *e) MUST_USE;
enum rc ng_begin(struct capture *c, struct err *e) MUST_USE;

/* Is this the magic number of the format, in either byte order? */
bool file_magic(const uint8_t magic[4]);
bool ng_magic(const uint8_t magic[4]);

#endif

/* pcap (draft-ietf-opsawg-pcap): a file header of 24 bytes, then records with a header of 16. */
#include "dissect/pcap/records.h"

#include <inttypes.h>

#include "base/clock.h"

enum { FILE_HEADER = 24, RECORD_HEADER = 16, MICROSECONDS = 1000000, NANOSECONDS = 1000000000 };

static const uint32_t magic_us = 0xA1B2C3D4, magic_ns = 0xA1B23C4D;

bool file_magic(const uint8_t magic[4])
{
	uint32_t v;
	memcpy(&v, magic, sizeof v);
	uint32_t swapped = __builtin_bswap32(v);
	return v == magic_us || v == magic_ns || swapped == magic_us || swapped == magic_ns;
}

/* A fraction that is no fraction carries over; the counters tell. */
static void set_time(struct capture *c, struct frame *out, uint32_t seconds, uint32_t fraction)
{
	int64_t s = seconds;
	uint32_t scale = NANOSECONDS / c->unit;
	if (fraction >= c->unit) {
		s += fraction / c->unit;
		fraction %= c->unit;
		c->counts.times_carried++;
	}
	out->timed = s <= CAPTURE_SECONDS_MAX;
	out->time_ns = out->timed ? s * NS_PER_S + (int64_t)fraction * scale : 0;
	c->counts.untimed += !out->timed;
}

static enum rc next(struct capture *c, struct frame *out, struct err *e)
{
	struct window *s = &c->window;
	enum rc rc = window_want(s, RECORD_HEADER, e);
	if (rc != RC_OK)
		return records_cut(c, rc, "a record header", e);
	uint32_t captured = window_u32(s, s->at + 8);
	if (captured > CAPTURE_FRAME_MAX)
		return records_stop(c, window_offset(s),
		    "pcap: a record claims %" PRIu32 " captured bytes, more than %d", captured, CAPTURE_FRAME_MAX);
	rc = window_want(s, RECORD_HEADER + captured, e);
	if (rc != RC_OK)
		return records_cut(c, rc, "a record", e);
	const uint8_t *p = s->at;
	out->bytes = p + RECORD_HEADER;
	out->captured = captured;
	out->length = window_u32(s, p + 12);
	out->link = c->link;
	out->fcs = c->fcs;
	out->offset = window_offset(s);
	set_time(c, out, window_u32(s, p), window_u32(s, p + 4));
	s->at += RECORD_HEADER + captured;
	return RC_OK;
}

enum rc file_begin(struct capture *c, struct err *e)
{
	struct window *s = &c->window;
	enum rc rc = window_want(s, FILE_HEADER, e);
	if (rc == RC_END)
		return err_set(
		    RC_BAD, e, "pcap: the file ends inside its header (%zu of %d bytes)", window_left(s), FILE_HEADER);
	if (rc != RC_OK)
		return rc;
	uint32_t magic = window_u32(s, s->at);
	s->swap = magic != magic_us && magic != magic_ns;
	c->unit = window_u32(s, s->at) == magic_us ? MICROSECONDS : NANOSECONDS;
	unsigned major = window_u16(s, s->at + 4), minor = window_u16(s, s->at + 6);
	/* 2.3 and before have the two lengths the other way round on some hosts: nobody has written them for decades.
	 */
	if (major != 2)
		return err_set(RC_BAD, e, "pcap: unknown version %u.%u", major, minor);
	/* Frame check sequence: in 16-bit words in the upper four bits, if bit 26 says so. */
	uint32_t link = window_u32(s, s->at + 20);
	c->link = (uint16_t)link;
	c->fcs = link & UINT32_C(1) << 26 ? (uint8_t)((link >> 28) * 2) : 0;
	s->at += FILE_HEADER;
	c->next = next;
	return RC_OK;
}

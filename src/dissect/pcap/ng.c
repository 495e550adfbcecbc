/* pcapng (draft-ietf-opsawg-pcapng): sections of blocks; a packet belongs to an interface that its section has
 * described before. */
#include "dissect/pcap/records.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/mem.h"

enum {
	BLOCK_INTERFACE = 1,
	BLOCK_PACKET = 2, /* obsolete */
	BLOCK_SIMPLE = 3,
	BLOCK_STATISTICS = 5,
	BLOCK_ENHANCED = 6,
	BLOCK_SECTION = 0x0A0D0D0A,
};

enum { BLOCK_LEAST = 12, BLOCK_HEADER = 8, TRAILER = 4, BYTE_ORDER_MAGIC = 0x1A2B3C4D };

/* Bytes before the packet, or before the options, with the block header. */
enum { SECTION_FIXED = 24, INTERFACE_FIXED = 16, PACKET_FIXED = 28, SIMPLE_FIXED = 12, STATISTICS_FIXED = 20 };

enum {
	OPTION_END = 0,
	OPTION_TSRESOL = 9,
	OPTION_FCSLEN = 13,
	OPTION_TSOFFSET = 14,
	OPTION_IFDROP = 5,
	OPTION_OSDROP = 7
};

enum { RESOLUTION_DEFAULT = 6, RESOLUTION_BINARY = 0x80, FCS_MAX = 16, NO_DROP_COUNT = 0xFFFF };

/* A whole block in the window. */
struct block {
	const uint8_t *bytes;
	uint32_t type, size;
};

struct option {
	unsigned code, length;
	const uint8_t *value;
};

bool ng_magic(const uint8_t magic[4])
{
	uint32_t v;
	memcpy(&v, magic, sizeof v);
	return v == BLOCK_SECTION;
}

/* The option at *at, which moves past it; false at the end of the list or where it does not fit. */
static bool take_option(const struct window *s, const struct block *b, uint32_t *at, struct option *out)
{
	uint32_t end = b->size - TRAILER;
	if (*at > end || end - *at < 4)
		return false;
	const uint8_t *p = b->bytes + *at;
	*out = (struct option){.code = window_u16(s, p), .length = window_u16(s, p + 2), .value = p + 4};
	uint32_t padded = (out->length + 3u) & ~3u;
	if (out->code == OPTION_END || padded > end - *at - 4)
		return false;
	*at += 4 + padded;
	return true;
}

static uint64_t power_of_ten(unsigned n)
{
	uint64_t v = 1;
	while (n-- > 0)
		v *= 10;
	return v;
}

/* Whole nanoseconds in a tick for units up to 10^-9 s, and for 1 s as a power of 2. */
static uint64_t multiplier_of(uint8_t resolution)
{
	if (resolution == RESOLUTION_BINARY)
		return NS_PER_S;
	return resolution <= 9 ? power_of_ten(9 - resolution) : 0;
}

/* Nanoseconds of ticks of a unit that is no whole number of them, rounded down. */
static unsigned __int128 odd_ticks(uint8_t resolution, uint64_t ticks)
{
	unsigned power = resolution & ~RESOLUTION_BINARY;
	if (resolution & RESOLUTION_BINARY)
		return (unsigned __int128)ticks * NS_PER_S >> power;
	/* 10^19 is the last power that fits, and more than any ticks are. */
	return power - 9 <= 19 ? ticks / power_of_ten(power - 9) : 0;
}

static void set_time(struct capture *c, struct frame *out, const struct interface *i, uint64_t ticks)
{
	unsigned __int128 since =
	    i->multiplier != 0 ? (unsigned __int128)ticks * i->multiplier : odd_ticks(i->resolution, ticks);
	__int128 ns = (__int128)since + (__int128)i->offset_s * NS_PER_S;
	out->timed = ns >= 0 && ns < (__int128)(CAPTURE_SECONDS_MAX + 1) * NS_PER_S;
	out->time_ns = out->timed ? (int64_t)ns : 0;
	c->counts.untimed += !out->timed;
}

static enum rc take_section(struct capture *c, const struct block *b, uint64_t offset)
{
	struct window *s = &c->window;
	if (b->size < SECTION_FIXED + TRAILER)
		return records_stop(c, offset, "pcapng: a section header of %" PRIu32 " bytes", b->size);
	unsigned major = window_u16(s, b->bytes + 12);
	if (major != 1)
		return records_stop(
		    c, offset, "pcapng: a section of unknown version %u.%u", major, window_u16(s, b->bytes + 14));
	c->interfaces = 0;
	return RC_OK;
}

static enum rc take_interface(struct capture *c, const struct block *b, uint64_t offset)
{
	struct window *s = &c->window;
	if (b->size < INTERFACE_FIXED + TRAILER)
		return records_stop(c, offset, "pcapng: an interface description of %" PRIu32 " bytes", b->size);
	if (c->interfaces == INTERFACES_MAX)
		return records_stop(c, offset, "pcapng: a section of more than %d interfaces", INTERFACES_MAX);
	struct interface i = {.link = window_u16(s, b->bytes + 8),
	    .snaplen = window_u32(s, b->bytes + 12),
	    .resolution = RESOLUTION_DEFAULT};
	struct option o;
	for (uint32_t at = INTERFACE_FIXED; take_option(s, b, &at, &o);) {
		if (o.code == OPTION_TSRESOL && o.length == 1)
			i.resolution = o.value[0];
		else if (o.code == OPTION_FCSLEN && o.length == 1 && o.value[0] <= FCS_MAX)
			i.fcs = o.value[0];
		else if (o.code == OPTION_TSOFFSET && o.length == 8)
			i.offset_s = (int64_t)window_u64(s, o.value);
	}
	i.multiplier = multiplier_of(i.resolution);
	if (c->interfaces == c->interface_capacity) {
		c->interface_capacity = mem_grow(c->interface_capacity, c->interfaces + 1);
		c->interface = mem_resize(c->interface, c->interface_capacity * sizeof *c->interface);
	}
	c->interface[c->interfaces++] = i;
	return RC_OK;
}

/* The counts are sums since the capture began: of several blocks about an interface the last one holds. */
static void take_statistics(struct capture *c, const struct block *b)
{
	struct window *s = &c->window;
	if (b->size < STATISTICS_FIXED + TRAILER)
		return;
	uint32_t id = window_u32(s, b->bytes + 8);
	if (id >= c->interfaces)
		return;
	uint64_t drops = 0;
	struct option o;
	for (uint32_t at = STATISTICS_FIXED; take_option(s, b, &at, &o);) {
		if ((o.code == OPTION_IFDROP || o.code == OPTION_OSDROP) && o.length == 8)
			drops += window_u64(s, o.value);
	}
	if (drops > c->interface[id].drops) {
		c->counts.drops += drops - c->interface[id].drops;
		c->interface[id].drops = drops;
	}
}

/* An enhanced packet, or an obsolete one: they differ in how the interface is named. */
static enum rc take_packet(struct capture *c, const struct block *b, uint64_t offset, struct frame *out)
{
	struct window *s = &c->window;
	const uint8_t *p = b->bytes;
	if (b->size < PACKET_FIXED + TRAILER)
		return records_stop(c, offset, "pcapng: a packet block of %" PRIu32 " bytes", b->size);
	uint32_t id = b->type == BLOCK_PACKET ? window_u16(s, p + 8) : window_u32(s, p + 8);
	if (id >= c->interfaces)
		return records_stop(c, offset, "pcapng: a packet of interface %" PRIu32 " of %zu", id, c->interfaces);
	uint32_t captured = window_u32(s, p + 20);
	if (captured > CAPTURE_FRAME_MAX || captured > b->size - PACKET_FIXED - TRAILER)
		return records_stop(
		    c, offset, "pcapng: a packet of %" PRIu32 " bytes in a block of %" PRIu32, captured, b->size);
	const struct interface *i = &c->interface[id];
	out->bytes = p + PACKET_FIXED;
	out->captured = captured;
	out->length = window_u32(s, p + 24);
	out->link = i->link;
	out->fcs = i->fcs;
	out->offset = offset;
	set_time(c, out, i, (uint64_t)window_u32(s, p + 12) << 32 | window_u32(s, p + 16));
	if (b->type == BLOCK_PACKET && window_u16(s, p + 10) != NO_DROP_COUNT)
		c->counts.drops += window_u16(s, p + 10);
	return RC_OK;
}

/* Of the first interface; its captured length is what the snap length leaves. */
static enum rc take_simple(struct capture *c, const struct block *b, uint64_t offset, struct frame *out)
{
	struct window *s = &c->window;
	if (b->size < SIMPLE_FIXED + TRAILER)
		return records_stop(c, offset, "pcapng: a simple packet block of %" PRIu32 " bytes", b->size);
	if (c->interfaces == 0)
		return records_stop(c, offset, "pcapng: a simple packet before any interface");
	const struct interface *i = &c->interface[0];
	uint32_t length = window_u32(s, b->bytes + 8), room = b->size - SIMPLE_FIXED - TRAILER;
	uint32_t captured = i->snaplen != 0 && i->snaplen < length ? i->snaplen : length;
	if (captured > room || captured > CAPTURE_FRAME_MAX)
		return records_stop(
		    c, offset, "pcapng: a packet of %" PRIu32 " bytes in a block of %" PRIu32, captured, b->size);
	*out = (struct frame){.bytes = b->bytes + SIMPLE_FIXED,
	    .captured = captured,
	    .length = length,
	    .link = i->link,
	    .fcs = i->fcs,
	    .offset = offset};
	c->counts.untimed++;
	return RC_OK;
}

/* The stream ends inside the block at offset, which passes through the window. */
static enum rc cut_inside(struct capture *c, enum rc rc, uint64_t offset, struct err *e)
{
	rc = records_cut(c, rc, "a block", e);
	return rc == RC_END && !c->damage.set ? records_stop(c, offset, "the capture ends inside a block") : rc;
}

/* A block that is too long for the window passes through it. Only blocks that nobody reads may be so long. */
static enum rc pass(struct capture *c, uint64_t offset, uint32_t size, struct err *e)
{
	struct window *s = &c->window;
	for (uint32_t left = size - TRAILER; left > 0;) {
		enum rc rc = window_want(s, 1, e);
		if (rc != RC_OK)
			return cut_inside(c, rc, offset, e);
		uint32_t step = left < window_left(s) ? left : (uint32_t)window_left(s);
		s->at += step;
		left -= step;
	}
	enum rc rc = window_want(s, TRAILER, e);
	if (rc != RC_OK)
		return cut_inside(c, rc, offset, e);
	if (window_u32(s, s->at) != size)
		return records_stop(c, offset, "pcapng: a block of %" PRIu32 " bytes ends with length %" PRIu32, size,
		    window_u32(s, s->at));
	s->at += TRAILER;
	c->counts.blocks_skipped++;
	return RC_OK;
}

/* Header of the block at s->at. A section header says the byte order that its own length is in. */
static enum rc head(struct capture *c, struct block *b, struct err *e)
{
	struct window *s = &c->window;
	enum rc rc = window_want(s, BLOCK_LEAST, e);
	if (rc != RC_OK)
		return records_cut(c, rc, "a block", e);
	b->type = window_u32(s, s->at);
	if (b->type == BLOCK_SECTION) {
		uint32_t order;
		memcpy(&order, s->at + 8, sizeof order);
		if (order != BYTE_ORDER_MAGIC && __builtin_bswap32(order) != BYTE_ORDER_MAGIC)
			return records_stop(c, window_offset(s), "pcapng: a section header without a byte order");
		s->swap = order != BYTE_ORDER_MAGIC;
	}
	b->size = window_u32(s, s->at + 4);
	if (b->size < BLOCK_LEAST || b->size % 4 != 0)
		return records_stop(c, window_offset(s), "pcapng: a block of %" PRIu32 " bytes", b->size);
	return RC_OK;
}

static bool readable(uint32_t type)
{
	return type == BLOCK_ENHANCED || type == BLOCK_PACKET || type == BLOCK_SIMPLE || type == BLOCK_INTERFACE ||
	       type == BLOCK_SECTION;
}

/* One block; *frame: it held a packet. */
static enum rc take_block(struct capture *c, struct frame *out, bool *frame, struct err *e)
{
	struct window *s = &c->window;
	struct block b = {0};
	enum rc rc = head(c, &b, e);
	if (rc != RC_OK)
		return rc;
	uint64_t offset = window_offset(s);
	if (b.size > WINDOW_SIZE)
		return readable(b.type) ? records_stop(c, offset, "pcapng: a block of %" PRIu32 " bytes", b.size)
		                        : pass(c, offset, b.size, e);
	rc = window_want(s, b.size, e);
	if (rc != RC_OK)
		return records_cut(c, rc, "a block", e);
	b.bytes = s->at;
	uint32_t again = window_u32(s, b.bytes + b.size - TRAILER);
	if (again != b.size)
		return records_stop(
		    c, offset, "pcapng: a block of %" PRIu32 " bytes ends with length %" PRIu32, b.size, again);
	switch (b.type) {
	case BLOCK_ENHANCED: /* section 4.3 */
	case BLOCK_PACKET:
		rc = take_packet(c, &b, offset, out);
		*frame = true;
		break;
	case BLOCK_SIMPLE: /* section 4.4 */
		rc = take_simple(c, &b, offset, out);
		*frame = true;
		break;
	case BLOCK_INTERFACE: /* section 4.2 */
		rc = take_interface(c, &b, offset);
		break;
	case BLOCK_SECTION: /* section 4.1 */
		rc = take_section(c, &b, offset);
		break;
	case BLOCK_STATISTICS: /* section 4.6 */
		take_statistics(c, &b);
		break;
	default:
		c->counts.blocks_skipped++;
	}
	if (rc == RC_OK)
		s->at += b.size;
	return rc;
}

static enum rc next(struct capture *c, struct frame *out, struct err *e)
{
	bool frame = false;
	enum rc rc;
	do
		rc = take_block(c, out, &frame, e);
	while (rc == RC_OK && !frame);
	return rc;
}

/* Only the first section header says that this is pcapng at all. */
enum rc ng_begin(struct capture *c, struct err *e)
{
	struct window *s = &c->window;
	enum rc rc = window_want(s, BLOCK_LEAST, e);
	if (rc == RC_END)
		return err_set(RC_BAD, e, "pcapng: the file ends inside its section header");
	if (rc != RC_OK)
		return rc;
	uint32_t order;
	memcpy(&order, s->at + BLOCK_HEADER, sizeof order);
	if (order != BYTE_ORDER_MAGIC && __builtin_bswap32(order) != BYTE_ORDER_MAGIC)
		return err_set(RC_BAD, e, "no capture file: a pcapng section header without a byte order");
	c->next = next;
	return RC_OK;
}

/*
 * wire: numbers of the nfcapd format, and loads from bytes that were checked already. All little-endian, nothing is
 * aligned.
 */
#ifndef DISSECT_NFCAPD_WIRE_H
#define DISSECT_NFCAPD_WIRE_H

#include <stdint.h>
#include <string.h>

enum {
	MAGIC = 0xA50C,
	MAGIC_SWAPPED = 0x0CA5, /* written on a big-endian host */

	HEADER_1 = 276, /* layout 1: file header and statistics record */
	HEADER_2 = 40,
	BLOCK_HEADER = 12,
	RECORD_HEADER = 4,
	ELEMENT_HEADER = 4,
	FLOW_HEADER = 12, /* V3 record up to its elements */
	EXPORTER_BYTES = 32,
	STATISTICS_BYTES = 18 * 8,

	BLOCK_MAX = 5 << 20, /* nfdump's own limit, on disk and decompressed */
	ELEMENTS_MAX = 128,  /* in one record; each id comes at most once, and 42 are known */
};

enum { BLOCK_OLD = 1, BLOCK_V1 = 2, BLOCK_V3 = 3, BLOCK_ARRAY = 4 };

enum record_type {
	RECORD_COMMON_0 = 1, /* flow of nfdump 1.6.0 .. 1.6.11 */
	RECORD_MAP = 2,
	RECORD_EXPORTER = 7,
	RECORD_COMMON = 10,
	RECORD_V3 = 11,
	RECORD_KNOWN = 15, /* everything up to here is known, and skipped when it is none of the above */
	RECORD_SLACK = 256,
	RECORD_IDENT = 0x8001,
	RECORD_STATISTICS = 0x8002,
};

static inline uint16_t load16(const uint8_t *p)
{
	uint16_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

static inline uint32_t load32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

#endif

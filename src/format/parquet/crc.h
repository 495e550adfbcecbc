/*
 * crc: CRC-32 of zlib and gzip, over pages as they are stored.
 *
 * Thread  any; no state
 */
#ifndef FORMAT_PARQUET_CRC_H
#define FORMAT_PARQUET_CRC_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc_of(const void *bytes, size_t size);

#endif

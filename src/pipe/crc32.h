/*
 * crc32: the CRC-32 of zip and gzip, eight bytes a step, for the files that a manifest names.
 *
 * Thread  the tables are immutable once made
 */
#ifndef PIPE_CRC32_H
#define PIPE_CRC32_H

#include <stddef.h>
#include <stdint.h>

struct crc32_tables {
	uint32_t at[8][256];
};

void crc32_init(struct crc32_tables *t);

/* Of some bytes after those that gave crc; 0 to begin with. */
uint32_t crc32_add(const struct crc32_tables *t, uint32_t crc, const void *bytes, size_t size);

#endif

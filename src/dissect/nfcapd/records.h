/*
 * records: the chain of records in a block, checked before anything of it is believed.
 */
#ifndef DISSECT_NFCAPD_RECORDS_H
#define DISSECT_NFCAPD_RECORDS_H

#include <stddef.h>
#include <stdint.h>

struct records_check {
	size_t good;        /* bytes up to the first record that is broken or too many */
	uint32_t records;   /* in them */
	const char *reason; /* why it stopped there, NULL: everything chains and the count agrees */
};

/* bytes are the decompressed records of a block that claims to hold count of them. */
struct records_check records_check(const uint8_t *bytes, size_t size, uint32_t count);

/* Why this record of size bytes cannot be one, or NULL. Only what it says about its own parts. */
const char *record_problem(const uint8_t *record, size_t size);

/* Bytes that an old flow record has before its extensions. */
size_t old_record_base(const uint8_t *record);

#endif

/*
 * tshark: the columns as tshark 4.0's command in Apache Spot 1.0 fills them (doc/formats/dns.md, compat: tshark).
 *
 * Bounded: the names of one message cost at most 64 Ki and 16 times its size in steps; reading ends there.
 *
 * Thread  any; borrows the message
 */
#ifndef DISSECT_DNS_TSHARK_H
#define DISSECT_DNS_TSHARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dissect/dns/message.h"

enum {
	TSHARK_NAME = 253,     /* characters of a joined name that tshark prints */
	TSHARK_TEXT = 4 * 256, /* room for the text of any */
};

struct tshark_name {
	uint16_t length;
	uint8_t bytes[TSHARK_NAME + 2]; /* joined, not escaped yet */
};

/* First occurrence of each column. */
struct tshark_columns {
	bool has_question, has_name, has_type, has_class, has_ttl, has_address;
	uint16_t type, class;
	uint32_t ttl;
	size_t address; /* offset of four bytes */
	struct tshark_name question, name;
};

void tshark_walk(const struct dns_message *m, struct tshark_columns *out);

/* Valid UTF-8; returns its length, at most TSHARK_TEXT. */
size_t tshark_text(const struct tshark_name *name, uint8_t out[TSHARK_TEXT]);

#endif

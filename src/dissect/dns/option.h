/*
 * option: the options of an OPT record (RFC 6891 section 6.1.2).
 *
 * Thread  any; borrows the message
 */
#ifndef DISSECT_DNS_OPTION_H
#define DISSECT_DNS_OPTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/reader.h"
#include "base/writer.h"

struct dns_option {
	uint16_t code, length;
	const uint8_t *data;
};

/* The next one; false: no more, and the reader failed if they don't fill the record. */
bool dns_option_next(struct reader *r, struct dns_option *out);

/* Its data as text: ECS, cookie, EDE, keepalive, padding as doc/formats/dns.md says, others in hexadecimal. */
void dns_option_text(const struct dns_option *o, struct writer *out);

/* "address/source" of an ECS option (RFC 7871 section 6); false, nothing written: malformed. */
bool dns_option_subnet(const struct dns_option *o, struct writer *out);

#endif

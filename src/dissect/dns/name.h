/*
 * name: a domain name on the wire (RFC 1035 section 4.1.4) as text with the escapes of RFC 1035 section 5.1 and RFC
 * 4343 section 2.1.
 *
 * The text is ASCII without blanks, commas and double quotes: \. \\ \; \( \) \@ \$ inside a label, \DDD for every other
 * byte that is not plain. Case is kept, no dot at the end, the root is ".". Two different names never have the same
 * text.
 *
 * Bounded: at most 255 bytes and DNS_NAME_JUMPS pointers, whatever they say.
 *
 * Thread  any; borrows the message
 * Units   offsets in bytes from the start of the message
 */
#ifndef DISSECT_DNS_NAME_H
#define DISSECT_DNS_NAME_H

#include <stddef.h>
#include <stdint.h>

#include "dissect/dns/message.h"

enum {
	DNS_NAME_WIRE = 255, /* RFC 1035 section 2.3.4 */
	DNS_NAME_JUMPS = 128,
	DNS_NAME_TEXT = 4 * 256, /* room for any name's text */
	DNS_POINTER = 0xc0,      /* the two high bits of a label's length */
};

enum dns_name_state {
	DNS_NAME_GOOD,
	DNS_NAME_FORWARD, /* good, but a pointer in it does not lead back */
	DNS_NAME_LOOP,
	DNS_NAME_LONG,
	DNS_NAME_OUTSIDE, /* a pointer past the end, or a label after one that runs past it */
	DNS_NAME_CUT,     /* runs past the end in its own place: nothing after it can be found */
	DNS_NAME_LABEL,   /* a label type that nobody knows, in its own place: the same */
};

/* Is there text? */
static inline bool dns_name_usable(enum dns_name_state s)
{
	return s <= DNS_NAME_FORWARD;
}

/* Can what follows the name be found? */
static inline bool dns_name_ends(enum dns_name_state s)
{
	return s < DNS_NAME_CUT;
}

/* What a fault says of it; NULL for a good name. */
const char *dns_name_reason(enum dns_name_state s);

/* Look at the name at an offset. *end: the offset after it in its own place, where dns_name_ends. */
enum dns_name_state dns_name_check(const struct dns_message *m, size_t at, size_t *end);

/* Its text; the name was found usable there. Returns its length, at most DNS_NAME_TEXT. */
size_t dns_name_text(const struct dns_message *m, size_t at, uint8_t *out);

#endif

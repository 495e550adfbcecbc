/*
 * message: a DNS message (RFC 1035 section 4, RFC 6891, RFC 3597, RFC 9460) into one row.
 *
 * Bounded: at most one visit of each byte of the message for records, at most DNS_NAME_JUMPS pointers and 255 bytes for
 * a name, and no more text than BATCH_ROW_BYTES, whatever counts and pointers say.
 *
 * Thread  one owner
 */
#ifndef DISSECT_DNS_MESSAGE_H
#define DISSECT_DNS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/batch.h"
#include "dissect/dns/fields.h"

enum { DNS_HEADER = 12 };

enum dns_names { DNS_NAMES_RECORD, DNS_NAMES_QUESTION };

struct dns_style {
	enum dns_names names;
	bool tshark; /* names and columns as tshark 4.0's Spot command fills them: doc/formats/dns.md, quirks and modes
	              */
};

struct dns_message {
	const uint8_t *bytes;
	size_t have; /* captured */
	size_t size; /* as transport says; more than have: cut */
	bool mdns;   /* UDP 5353: the top bit of a class is no part of it */
};

/* What was wrong with a message; reason NULL: nothing. */
struct dns_fault {
	const char *reason; /* a fixed text: "a name points at itself" */
	size_t offset;      /* in the message */
	bool cut;           /* it is only that the capture was cut by its snap length */
	bool shortened;     /* nothing wrong, but the row had to stay below BATCH_ROW_BYTES: elements of its arrays are
	                       missing */
};

struct dns_filler;

/* For batches whose column i holds field wanted[i]; those of the packet (DNS_FIELD_TIME to DNS_FIELD_REASSEMBLED) are
 * left alone. */
struct dns_filler *dns_filler_new(const unsigned *wanted, size_t wants, const struct dns_style *style);
void dns_filler_free(struct dns_filler **f);

/*
 * The message's fields into a row, of whatever length the message is: what it does not tell is null. false: the arena
 * is full (the row has to be unwound). *fault says what could not be trusted: the row holds the rest.
 */
bool dns_fill(
    struct dns_filler *f, const struct dns_message *m, struct batch *b, uint32_t row, struct dns_fault *fault);

/* Is this a whole, well-formed message? What an unregistered port must show before it counts as DNS. */
bool dns_plausible(const struct dns_message *m);

/* The same question as tshark's heuristic puts it: header only, responses only. For compat: tshark. */
bool dns_heuristic(const struct dns_message *m);

#endif

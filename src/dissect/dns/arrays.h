/*
 * arrays: sections of a message as JSON arrays, always valid and ASCII (doc/formats/dns.md, arrays).
 *
 * Thread  one owner
 * Memory  at most twice the ceiling given at init
 */
#ifndef DISSECT_DNS_ARRAYS_H
#define DISSECT_DNS_ARRAYS_H

#include "base/writer.h"
#include "dissect/dns/walk.h"

struct dns_arrays {
	struct writer json; /* the array made last */
	struct writer text; /* of one value, before JSON */
	size_t limit;       /* bytes that the array may have */
	bool shortened;     /* an element did not fit; set, never cleared here */
};

void dns_arrays_init(struct dns_arrays *a, size_t ceiling);
void dns_arrays_fini(struct dns_arrays *a);

/* Each leaves its array in a->json; false: reading never came to the section, there is none. */
bool dns_arrays_section(
    struct dns_arrays *a, const struct dns_message *m, const struct dns_walk *w, enum dns_section s);
/* Data of the answers of one or two types, as texts. */
bool dns_arrays_data(
    struct dns_arrays *a, const struct dns_message *m, const struct dns_walk *w, uint16_t type, uint16_t other);
/* Of the OPT record; false: there is none. */
bool dns_arrays_options(struct dns_arrays *a, const struct dns_message *m, const struct dns_walk *w);

#endif

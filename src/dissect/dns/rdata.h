/*
 * rdata: what a record holds, checked against its type and as zone file text (doc/formats/dns.md, arrays). Which types
 * are known is one table in rdata.c.
 *
 * Thread  any; borrows the message
 */
#ifndef DISSECT_DNS_RDATA_H
#define DISSECT_DNS_RDATA_H

#include "base/writer.h"
#include "dissect/dns/walk.h"

/* NULL, or how it contradicts its type: a fixed text. The record lies inside the message. */
const char *dns_rdata_check(const struct dns_message *m, const struct dns_record *r);

/* Its text; RFC 3597's where the type is unknown or contradicted. ASCII. */
void dns_rdata_text(const struct dns_message *m, const struct dns_record *r, struct writer *out);

#endif

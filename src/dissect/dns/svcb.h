/*
 * svcb: the parameters of SVCB and HTTPS records (RFC 9460 section 2.2, presentation in its section 2.1 and appendix
 * A).
 *
 * Thread  any; borrows the bytes
 */
#ifndef DISSECT_DNS_SVCB_H
#define DISSECT_DNS_SVCB_H

#include "base/reader.h"
#include "base/writer.h"

/* All parameters, a blank before each; out NULL: only checked. Fails the reader where keys don't rise or a known value
 * is malformed. */
void svcb_params(struct reader *r, struct writer *out);

#endif

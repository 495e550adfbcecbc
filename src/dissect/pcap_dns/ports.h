/*
 * ports: which packets hold DNS. By default those of the configured ports; in tshark's fashion the lower port is asked
 * first, and what no port claims is looked at (dns-format.md section 5).
 *
 * Thread  immutable once filled
 */
#ifndef DISSECT_PCAP_DNS_PORTS_H
#define DISSECT_PCAP_DNS_PORTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "dissect/pcap/layers.h"

enum { PORT_DNS = 53, PORT_MDNS = 5353, PORT_LLMNR = 5355 };

struct ports {
	uint64_t set[65536 / 64];
	bool any;    /* every UDP port, for a whole and well-formed message */
	bool tshark; /* choose as tshark does */
};

enum claim { CLAIM_NONE, CLAIM_DNS, CLAIM_MAYBE };

/* "53", "53,5353 5355", "any"; added to the set. RC_BAD: no such thing. */
enum rc ports_add(struct ports *p, const char *text, struct err *e) MUST_USE;

static inline bool ports_has(const struct ports *p, uint16_t port)
{
	return p->set[port / 64] >> (port % 64) & 1;
}

/* Is it DNS? MAYBE: if it looks like it. */
enum claim ports_claim(const struct ports *p, const struct segment *s);

#endif

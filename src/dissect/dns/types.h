/*
 * types: mnemonics of record types, classes, response codes and EDNS options, as IANA's registry "Domain Name System
 * (DNS) Parameters" has them.
 *
 * Thread  any; constant tables
 */
#ifndef DISSECT_DNS_TYPES_H
#define DISSECT_DNS_TYPES_H

#include <stddef.h>
#include <stdint.h>

enum {
	DNS_TYPE_A = 1,
	DNS_TYPE_CNAME = 5,
	DNS_TYPE_AAAA = 28,
	DNS_TYPE_SRV = 33,
	DNS_TYPE_OPT = 41,
	DNS_OPTION_NSID = 3,
	DNS_OPTION_ECS = 8,
	DNS_OPTION_COOKIE = 10,
	DNS_OPTION_KEEPALIVE = 11,
	DNS_OPTION_PADDING = 12,
	DNS_OPTION_EDE = 15,
	DNS_MNEMONIC = 16, /* room for any of these texts and a NUL */
};

/* The mnemonic, or TYPE123 and CLASS123 (RFC 3597 section 5). Return out. */
const char *dns_type_text(uint16_t type, char out[DNS_MNEMONIC]);
const char *dns_class_text(uint16_t class, char out[DNS_MNEMONIC]);
/* The mnemonic, or the number. */
const char *dns_rcode_text(uint16_t rcode, char out[DNS_MNEMONIC]);
/* The mnemonic, or OPT123. */
const char *dns_option_name(uint16_t option, char out[DNS_MNEMONIC]);

#endif

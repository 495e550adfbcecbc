/*
 * walk: the skeleton of a message: where its questions and records are, and the first thing that contradicts.
 *
 * Every byte of the message is visited once as part of a record; names cost what name.h says.
 *
 * Thread  any; borrows the message
 * Units   offsets in bytes from the start of the message
 */
#ifndef DISSECT_DNS_WALK_H
#define DISSECT_DNS_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dissect/dns/message.h"
#include "dissect/dns/name.h"

enum dns_section { DNS_QUESTIONS, DNS_ANSWERS, DNS_AUTHORITIES, DNS_ADDITIONALS, DNS_SECTIONS };

enum {
	DNS_FLAG_QR = 0x8000,
	DNS_FLAG_AA = 0x0400,
	DNS_FLAG_TC = 0x0200,
	DNS_FLAG_RD = 0x0100,
	DNS_FLAG_RA = 0x0080,
	DNS_FLAG_AD = 0x0020,
	DNS_FLAG_CD = 0x0010,
	DNS_OPCODE_UPDATE = 5,
};

struct dns_record { /* of a question: name, type, class only */
	size_t name;
	enum dns_name_state state;
	uint16_t type, class;
	uint32_t ttl;
	size_t data;
	uint16_t length;
};

struct dns_walk {
	uint16_t id, flags;
	uint16_t count[DNS_SECTIONS]; /* as the header says; 0 where it is cut */
	uint16_t found[DNS_SECTIONS]; /* whole ones */
	size_t at[DNS_SECTIONS];      /* of the first; 0: reading never came there */
	size_t end;                   /* where reading ended */
	bool has_record, has_address, has_opt;
	struct dns_record question; /* the first; valid where found[DNS_QUESTIONS] > 0 */
	struct dns_record record;   /* the first that is not OPT */
	struct dns_record address;  /* the first A of four bytes */
	struct dns_record opt;      /* the first of the additional section */
	struct dns_fault fault;
};

static inline unsigned dns_opcode(const struct dns_walk *w)
{
	return w->flags >> 11 & 15;
}

void dns_walk(const struct dns_message *m, struct dns_walk *w);

/*
 * The question or record at *at, which moves past it. NULL, or the reason why nothing after it can be found. Of those
 * that dns_walk found it is always NULL.
 */
const char *dns_record_read(const struct dns_message *m, enum dns_section s, size_t *at, struct dns_record *out);

#endif

/*
 * dns_text: queries and the answers that a resolver would give, as bytes (RFC 1035 section 4, RFC 6891), with
 * compression pointers.
 *
 * The answer follows from the question alone: asked again, a name gives the same chain and the same addresses.
 *
 * Thread  one owner
 */
#ifndef BENCH_DNS_TEXT_H
#define BENCH_DNS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "distinct.h"

enum { DNS_TEXT_MAX = 4400, DNS_POPULAR = 20000 };

enum {
	TYPE_A = 1,
	TYPE_CNAME = 5,
	TYPE_SOA = 6,
	TYPE_PTR = 12,
	TYPE_MX = 15,
	TYPE_TXT = 16,
	TYPE_AAAA = 28,
	TYPE_OPT = 41
};

struct question {
	uint64_t name; /* a number; below DNS_POPULAR: one that many ask for */
	uint16_t id, type;
	bool opt;
	bool large; /* the answer fills two or three fragments */
};

struct dns_text {
	uint8_t bytes[DNS_TEXT_MAX];
	size_t size;
	size_t names[24]; /* where names begin that later ones may point at */
	size_t name_count;
	struct distinct *seen; /* NULL: names are not counted */
};

void dns_query(struct dns_text *t, const struct question *q);
void dns_response(struct dns_text *t, const struct question *q);

#endif

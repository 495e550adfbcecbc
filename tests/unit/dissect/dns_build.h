/*
 * dns_build: DNS messages for tests, and rows of them as text.
 *
 * Thread  one owner
 */
#ifndef TEST_DNS_BUILD_H
#define TEST_DNS_BUILD_H

#include <stddef.h>
#include <stdint.h>

#include "dissect/dns/message.h"

enum { DNS_BUILD_MOST = 65535, DNS_POINTER_QUESTION = 0xc00c };

struct dns_build {
	uint8_t bytes[DNS_BUILD_MOST];
	size_t len;
};

void dns_begin(struct dns_build *d, uint16_t flags, uint16_t qd, uint16_t an, uint16_t ns, uint16_t ar);
void dns_put(struct dns_build *d, const void *bytes, size_t n);
void dns_u8(struct dns_build *d, unsigned v);
void dns_u16(struct dns_build *d, unsigned v);
void dns_u32(struct dns_build *d, uint32_t v);
/* Dotted name as labels and the zero; "" is the root. */
void dns_name(struct dns_build *d, const char *dotted);
void dns_question(struct dns_build *d, const char *dotted, uint16_t type);
/* A record owned by the first question. */
void dns_record(struct dns_build *d, uint16_t type, const void *data, size_t n);
/* A response that asks and answers "www.example.com" with one record of this data. */
void dns_answer(struct dns_build *d, uint16_t type, const void *data, size_t n);

/*
 * Fields (names, NULL at the end; NULL itself: all of the message) of the row, joined by '|'; null is "-". The caller's
 * to free (mem_free). *fault as dns_fill says. Checks the batch.
 */
char *dns_dump(
    const struct dns_message *m, const struct dns_style *style, const char *const *fields, struct dns_fault *fault);

#endif

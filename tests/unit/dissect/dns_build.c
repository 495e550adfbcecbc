/* A message is written as the RFC draws it, without any help of the code under test. */
#include "dns_build.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/writer.h"
#include "data/render.h"

enum { ARENA = 1 << 20 };

void dns_put(struct dns_build *d, const void *bytes, size_t n)
{
	assert(n <= DNS_BUILD_MOST - d->len);
	if (n > 0)
		memcpy(d->bytes + d->len, bytes, n);
	d->len += n;
}

void dns_u8(struct dns_build *d, unsigned v)
{
	dns_put(d, &(uint8_t){(uint8_t)v}, 1);
}

void dns_u16(struct dns_build *d, unsigned v)
{
	dns_put(d, (uint8_t[]){(uint8_t)(v >> 8), (uint8_t)v}, 2);
}

void dns_u32(struct dns_build *d, uint32_t v)
{
	dns_u16(d, v >> 16);
	dns_u16(d, v & 0xffff);
}

void dns_begin(struct dns_build *d, uint16_t flags, uint16_t qd, uint16_t an, uint16_t ns, uint16_t ar)
{
	d->len = 0;
	dns_u16(d, 0x1234);
	dns_u16(d, flags);
	dns_u16(d, qd);
	dns_u16(d, an);
	dns_u16(d, ns);
	dns_u16(d, ar);
}

void dns_name(struct dns_build *d, const char *dotted)
{
	while (*dotted != '\0') {
		size_t n = strcspn(dotted, ".");
		dns_u8(d, (unsigned)n);
		dns_put(d, dotted, n);
		dotted += n + (dotted[n] == '.');
	}
	dns_u8(d, 0);
}

void dns_question(struct dns_build *d, const char *dotted, uint16_t type)
{
	dns_name(d, dotted);
	dns_u16(d, type);
	dns_u16(d, 1);
}

void dns_record(struct dns_build *d, uint16_t type, const void *data, size_t n)
{
	dns_u16(d, DNS_POINTER_QUESTION);
	dns_u16(d, type);
	dns_u16(d, 1);
	dns_u32(d, 300);
	dns_u16(d, (unsigned)n);
	dns_put(d, data, n);
}

void dns_answer(struct dns_build *d, uint16_t type, const void *data, size_t n)
{
	dns_begin(d, 0x8180, 1, 1, 0, 0);
	dns_question(d, "www.example.com", type);
	dns_record(d, type, data, n);
}

static void show(struct writer *w, const struct batch *b, unsigned column, enum type type)
{
	char text[RENDER_TEXT];
	const void *values = batch_read(b, column);
	struct span s;
	struct ip ip;
	uint32_t number;
	if (batch_is_null(b, column, 0)) {
		writer_u8(w, '-');
	} else if (type == TYPE_BYTES) {
		memcpy(&s, values, sizeof s);
		writer_put(w, batch_span(b, s), s.length);
	} else if (type == TYPE_IP) {
		memcpy(&ip, values, sizeof ip);
		writer_put(w, text, render_ip(&ip, text));
	} else {
		memcpy(&number, values, sizeof number);
		writer_format(w, "%u", number);
	}
}

char *dns_dump(
    const struct dns_message *m, const struct dns_style *style, const char *const *fields, struct dns_fault *fault)
{
	unsigned wanted[DNS_FIELD_COUNT];
	enum type types[DNS_FIELD_COUNT];
	size_t wants = 0, len;
	if (fields == NULL)
		for (unsigned f = DNS_FIELD_MESSAGE_SIZE; f < DNS_FIELD_COUNT; f++)
			wanted[wants++] = f;
	for (; fields != NULL && fields[wants] != NULL; wants++) {
		int f = field_find(dns_field, DNS_FIELD_COUNT, fields[wants]);
		assert(f >= 0);
		wanted[wants] = (unsigned)f;
	}
	for (size_t i = 0; i < wants; i++)
		types[i] = dns_field[wanted[i]].type;
	struct batch *b = batch_new(types, wants, 4, ARENA);
	struct dns_filler *f = dns_filler_new(wanted, wants, style);
	struct writer w;
	struct err e;
	bool filled = dns_fill(f, m, b, 0, fault);
	assert(filled);
	b->rows = 1;
	enum rc rc = batch_check(b, types, wants, b->size, &e);
	assert(rc == RC_OK);
	writer_init(&w, 4 * ARENA);
	for (size_t i = 0; i < wants; i++) {
		if (i > 0)
			writer_u8(&w, '|');
		show(&w, b, (unsigned)i, types[i]);
	}
	writer_u8(&w, 0);
	dns_filler_free(&f);
	batch_free(&b);
	return (char *)writer_take(&w, &len);
}

/* Any bytes as a DNS message, in both styles, with every field and with Spot's only: batches must check, arrays must be
 * JSON's characters, faults must lie inside. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dissect/dns/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { ARENA = 512 << 10, MESSAGE_MOST = 65535 };

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* Our own text is ASCII without controls; tshark's is UTF-8 without controls. */
static void check_text(const struct batch *b, unsigned column, unsigned field, bool tshark)
{
	struct span s;
	memcpy(&s, batch_read(b, column), sizeof s);
	const uint8_t *p = batch_span(b, s);
	bool wide = tshark && (field == DNS_FIELD_NAME || field == DNS_FIELD_QNAME);
	for (uint32_t i = 0; i < s.length; i++)
		must(p[i] >= 0x20 && p[i] != 0x7f && (wide || p[i] < 0x80));
	if (field >= DNS_FIELD_QUESTIONS && field <= DNS_FIELD_CNAMES)
		must(s.length >= 2 && p[0] == '[' && p[s.length - 1] == ']');
}

static void fill(const struct dns_message *m, const struct dns_style *style, const unsigned *wanted, size_t wants)
{
	enum type types[DNS_FIELD_COUNT];
	struct dns_fault fault;
	struct err e;
	for (size_t i = 0; i < wants; i++)
		types[i] = dns_field[wanted[i]].type;
	struct batch *b = batch_new(types, wants, 1, ARENA);
	struct dns_filler *f = dns_filler_new(wanted, wants, style);
	must(dns_fill(f, m, b, 0, &fault));
	b->rows = 1;
	must(b->arena_used <= BATCH_ROW_BYTES);
	must(batch_check(b, types, wants, b->size, &e) == RC_OK);
	must(fault.reason == NULL || fault.offset <= m->have);
	must(!dns_plausible(m) || fault.reason == NULL);
	for (size_t i = 0; i < wants; i++)
		if (types[i] == TYPE_BYTES && !batch_is_null(b, (unsigned)i, 0))
			check_text(b, (unsigned)i, wanted[i], style->tshark);
	dns_filler_free(&f);
	batch_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const unsigned spot[] = {DNS_FIELD_NAME, DNS_FIELD_CLASS, DNS_FIELD_TYPE, DNS_FIELD_RCODE, DNS_FIELD_A};
	unsigned all[DNS_FIELD_COUNT];
	size_t wants = 0;
	if (size < 1 || size > MESSAGE_MOST)
		return 0;
	for (unsigned f = DNS_FIELD_MESSAGE_SIZE; f < DNS_FIELD_COUNT; f++)
		all[wants++] = f;
	/* The first byte: how the message came. */
	struct dns_message m = {
	    .bytes = bytes + 1, .have = size - 1, .size = size - 1 + (bytes[0] & 2), .mdns = bytes[0] & 1};
	struct dns_style style = {.names = bytes[0] & 4 ? DNS_NAMES_QUESTION : DNS_NAMES_RECORD};
	for (unsigned i = 0; i < 2; i++) {
		style.tshark = i != 0;
		fill(&m, &style, all, wants);
		fill(&m, &style, spot, sizeof spot / sizeof *spot);
	}
	must(!dns_heuristic(&m) || m.have > DNS_HEADER);
	return 0;
}

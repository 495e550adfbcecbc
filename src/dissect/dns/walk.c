/* One pass that decides what can be trusted, so that whoever writes text later need not ask again. */
#include "dissect/dns/walk.h"

#include "dissect/dns/rdata.h"
#include "dissect/dns/types.h"

enum { QUESTION_FIXED = 4, RECORD_FIXED = 10, CLASS_MDNS = 0x7fff };

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static const char *read_fixed(const struct dns_message *m, enum dns_section s, size_t *at, struct dns_record *out)
{
	size_t fixed = s == DNS_QUESTIONS ? QUESTION_FIXED : RECORD_FIXED;
	const uint8_t *p = m->bytes + *at;
	if (m->have - *at < fixed)
		return s == DNS_QUESTIONS ? "a question runs past the end" : "a record runs past the end";
	out->type = be16(p);
	out->class = m->mdns && out->type != DNS_TYPE_OPT ? be16(p + 2) & CLASS_MDNS : be16(p + 2);
	*at += fixed;
	if (s == DNS_QUESTIONS)
		return NULL;
	out->ttl = (uint32_t)be16(p + 4) << 16 | be16(p + 6);
	out->length = be16(p + 8);
	out->data = *at;
	if (m->have - *at < out->length)
		return "RDLENGTH past the end";
	*at += out->length;
	return NULL;
}

const char *dns_record_read(const struct dns_message *m, enum dns_section s, size_t *at, struct dns_record *out)
{
	out->name = *at;
	out->state = dns_name_check(m, *at, at);
	return dns_name_ends(out->state) ? read_fixed(m, s, at, out) : dns_name_reason(out->state);
}

static void fault(struct dns_walk *w, const char *reason, size_t offset)
{
	if (w->fault.reason == NULL)
		w->fault = (struct dns_fault){.reason = reason, .offset = offset};
}

static void note_record(const struct dns_message *m, struct dns_walk *w, enum dns_section s, const struct dns_record *r)
{
	if (r->type == DNS_TYPE_OPT) {
		if (s == DNS_ADDITIONALS && !w->has_opt) {
			w->opt = *r;
			w->has_opt = true;
		}
	} else if (!w->has_record) {
		w->record = *r;
		w->has_record = true;
	}
	if (r->type == DNS_TYPE_A && r->length == 4) {
		if (!w->has_address)
			w->address = *r;
		w->has_address = true;
		return;
	}
	/* RFC 2136 section 2.4: an update names types and classes without saying anything of them. */
	if (r->length == 0 && dns_opcode(w) == DNS_OPCODE_UPDATE)
		return;
	const char *reason = dns_rdata_check(m, r);
	if (reason != NULL)
		fault(w, reason, r->data);
}

/* Most owners point where the one before pointed, and that one was looked at. */
static const char *read_next(
    const struct dns_message *m, enum dns_section s, size_t *at, size_t *known, struct dns_record *r)
{
	if (m->have - *at >= 2 && m->bytes[*at] >= DNS_POINTER) {
		size_t target = be16(m->bytes + *at) & 0x3fff;
		if (target == *known) {
			r->name = *at;
			r->state = DNS_NAME_GOOD;
			*at += 2;
			return read_fixed(m, s, at, r);
		}
	}
	const char *reason = dns_record_read(m, s, at, r);
	if (r->state == DNS_NAME_GOOD)
		*known = m->bytes[r->name] >= DNS_POINTER ? be16(m->bytes + r->name) & 0x3fff : r->name;
	return reason;
}

static bool walk_section(const struct dns_message *m, struct dns_walk *w, enum dns_section s, size_t *at, size_t *known)
{
	w->at[s] = *at;
	for (uint16_t i = 0; i < w->count[s]; i++) {
		struct dns_record r;
		size_t start = *at;
		if (start == m->have) {
			fault(w,
			    s == DNS_QUESTIONS ? "fewer questions than the header says"
			                       : "fewer records than the header says",
			    start);
			w->fault.cut = w->fault.offset == start && m->have < m->size;
			return false;
		}
		const char *reason = read_next(m, s, at, known, &r);
		if (reason != NULL) {
			bool first = w->fault.reason == NULL;
			fault(w, reason, start);
			w->fault.cut |= first && m->have < m->size && r.state != DNS_NAME_LABEL;
			w->end = start;
			return false;
		}
		if (r.state != DNS_NAME_GOOD) {
			bool outside = r.state == DNS_NAME_OUTSIDE && m->have < m->size && w->fault.reason == NULL;
			fault(w, dns_name_reason(r.state), start);
			w->fault.cut |= outside;
		}
		w->end = *at;
		w->found[s]++;
		if (s != DNS_QUESTIONS)
			note_record(m, w, s, &r);
		else if (i == 0)
			w->question = r;
	}
	return true;
}

void dns_walk(const struct dns_message *m, struct dns_walk *w)
{
	/* Not the records: they are read only where found. */
	w->has_record = w->has_address = w->has_opt = false;
	w->fault = (struct dns_fault){.reason = NULL};
	w->id = m->have >= 2 ? be16(m->bytes) : 0;
	w->flags = m->have >= 4 ? be16(m->bytes + 2) : 0;
	for (unsigned s = 0; s < DNS_SECTIONS; s++) {
		w->count[s] = m->have >= 6 + 2 * (size_t)s ? be16(m->bytes + 4 + 2 * (size_t)s) : 0;
		w->found[s] = 0;
		w->at[s] = 0;
	}
	w->end = m->have;
	if (m->have < DNS_HEADER) {
		fault(w, "shorter than its header", m->have);
		w->fault.cut = m->have < m->size;
		return;
	}
	size_t at = DNS_HEADER, known = SIZE_MAX;
	w->end = at;
	for (enum dns_section s = 0; s < DNS_SECTIONS; s++)
		if (!walk_section(m, w, s, &at, &known))
			return;
}

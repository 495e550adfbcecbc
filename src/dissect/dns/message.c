/* Fills the columns that are wanted from the walk over a message. What a column means in which mode is decided here and
 * nowhere else. */
#include "dissect/dns/message.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "dissect/dns/arrays.h"
#include "dissect/dns/option.h"
#include "dissect/dns/tshark.h"
#include "dissect/dns/types.h"
#include "dissect/dns/walk.h"

struct want {
	uint16_t field, column;
};

struct dns_filler {
	struct dns_style style;
	struct dns_arrays arrays;
	size_t wants;
	struct want want[];
};

/* The message of one row and what was found in it. */
struct view {
	const struct dns_message *m;
	const struct dns_style *style;
	struct dns_walk walk;
	const struct dns_record *chosen; /* gives name, type and class; NULL: none */
	bool from_question;
	struct tshark_columns tshark; /* where the style wants it */
};

enum filled { FILLED, FILLED_NULL, FILLED_FULL };

struct dns_filler *dns_filler_new(const unsigned *wanted, size_t wants, const struct dns_style *style)
{
	assert(wants <= BATCH_COLUMNS);
	struct dns_filler *f = mem_zero(1, sizeof *f + wants * sizeof f->want[0]);
	f->style = *style;
	dns_arrays_init(&f->arrays, BATCH_ROW_BYTES);
	for (size_t i = 0; i < wants; i++) {
		assert(wanted[i] < DNS_FIELD_COUNT);
		if (wanted[i] > DNS_FIELD_REASSEMBLED)
			f->want[f->wants++] = (struct want){.field = (uint16_t)wanted[i], .column = (uint16_t)i};
	}
	return f;
}

void dns_filler_free(struct dns_filler **f)
{
	if (*f != NULL)
		dns_arrays_fini(&(*f)->arrays);
	mem_free(f);
}

static void choose(struct view *v)
{
	const struct dns_walk *w = &v->walk;
	bool question = w->found[DNS_QUESTIONS] > 0;
	if (v->style->names == DNS_NAMES_QUESTION && w->count[DNS_QUESTIONS] > 0)
		v->chosen = question ? &w->question : NULL;
	else if (w->has_record)
		v->chosen = &w->record;
	else
		v->chosen = question ? &w->question : NULL;
	v->from_question = v->chosen == &w->question;
}

/* Are name, type, class and ttl those of tshark's first occurrences? With names: question only where nothing was asked.
 */
static bool as_tshark(const struct view *v)
{
	return v->style->tshark && !(v->style->names == DNS_NAMES_QUESTION && v->walk.count[DNS_QUESTIONS] > 0);
}

static bool flag(const struct view *v, unsigned mask, uint32_t *out)
{
	*out = (v->walk.flags & mask) != 0;
	return v->m->have >= 4;
}

static bool count(const struct view *v, enum dns_section s, uint32_t *out)
{
	*out = v->walk.count[s];
	return v->m->have >= 6 + 2 * (size_t)s;
}

static bool question_known(const struct view *v)
{
	return v->style->tshark ? v->tshark.has_question : v->walk.found[DNS_QUESTIONS] > 0;
}

static bool chosen_number(const struct view *v, unsigned field, uint32_t *out)
{
	const struct tshark_columns *t = &v->tshark;
	switch (field) {
	case DNS_FIELD_TYPE:
		*out = as_tshark(v) ? t->type : v->chosen != NULL ? v->chosen->type : 0;
		return as_tshark(v) ? t->has_type : v->chosen != NULL;
	case DNS_FIELD_CLASS:
		*out = as_tshark(v) ? t->class : v->chosen != NULL ? v->chosen->class : 0;
		return as_tshark(v) ? t->has_class : v->chosen != NULL;
	default: {
		bool has = v->chosen != NULL && !v->from_question;
		*out = as_tshark(v) ? t->ttl : has ? v->chosen->ttl : 0;
		return as_tshark(v) ? t->has_ttl : has;
	}
	}
}

/* RFC 6891 section 6.1.3: OPT's ttl is extended rcode, version, DO and zeros; its class the size. */
static bool edns_number(const struct view *v, unsigned field, uint32_t *out)
{
	const struct dns_record *o = &v->walk.opt;
	uint32_t ttl = v->walk.has_opt ? o->ttl : 0;
	switch (field) {
	case DNS_FIELD_EXTENDED_RCODE:
		*out = (ttl >> 24 << 4) | (v->walk.flags & 15u);
		return v->m->have >= 4;
	case DNS_FIELD_EDNS_VERSION:
		*out = ttl >> 16 & 0xff;
		break;
	case DNS_FIELD_EDNS_UDP_SIZE:
		*out = v->walk.has_opt ? o->class : 0;
		break;
	default:
		*out = ttl >> 15 & 1;
	}
	return v->walk.has_opt;
}

static bool number(const struct view *v, unsigned field, uint32_t *out)
{
	const struct dns_walk *w = &v->walk;
	switch (field) {
	case DNS_FIELD_MESSAGE_SIZE:
		*out = v->m->size < UINT32_MAX ? (uint32_t)v->m->size : UINT32_MAX;
		return true;
	case DNS_FIELD_MALFORMED:
		*out = w->fault.reason != NULL && !w->fault.cut;
		return true;
	case DNS_FIELD_ID:
		*out = w->id;
		return v->m->have >= 2;
	case DNS_FIELD_RESPONSE:
		return flag(v, DNS_FLAG_QR, out);
	case DNS_FIELD_OPCODE:
		*out = dns_opcode(w);
		return v->m->have >= 4;
	case DNS_FIELD_AA:
		return flag(v, DNS_FLAG_AA, out);
	case DNS_FIELD_TC:
		return flag(v, DNS_FLAG_TC, out);
	case DNS_FIELD_RD:
		return flag(v, DNS_FLAG_RD, out);
	case DNS_FIELD_RA:
		return flag(v, DNS_FLAG_RA, out);
	case DNS_FIELD_AD:
		return flag(v, DNS_FLAG_AD, out);
	case DNS_FIELD_CD:
		return flag(v, DNS_FLAG_CD, out);
	case DNS_FIELD_RCODE:
		*out = w->flags & 15;
		return v->m->have >= 4;
	case DNS_FIELD_QDCOUNT:
		return count(v, DNS_QUESTIONS, out);
	case DNS_FIELD_ANCOUNT:
		return count(v, DNS_ANSWERS, out);
	case DNS_FIELD_NSCOUNT:
		return count(v, DNS_AUTHORITIES, out);
	case DNS_FIELD_ARCOUNT:
		return count(v, DNS_ADDITIONALS, out);
	case DNS_FIELD_TYPE:
	case DNS_FIELD_CLASS:
	case DNS_FIELD_TTL:
		return chosen_number(v, field, out);
	case DNS_FIELD_QTYPE:
		*out = question_known(v) ? w->question.type : 0;
		return question_known(v);
	case DNS_FIELD_QCLASS:
		*out = question_known(v) ? w->question.class : 0;
		return question_known(v);
	default:
		return edns_number(v, field, out);
	}
}

static bool address(const struct view *v, struct ip *out)
{
	const struct dns_walk *w = &v->walk;
	bool has = v->style->tshark ? v->tshark.has_address : w->has_address;
	if (!has)
		return false;
	*out = (struct ip){.family = 4};
	memcpy(out->octet, v->m->bytes + (v->style->tshark ? v->tshark.address : w->address.data), 4);
	return true;
}

/* Straight into the arena: the most a name can take, and the rest given back. */
static enum filled put_name(
    const struct view *v, struct batch *b, const struct dns_record *r, const struct tshark_name *t, struct span *out)
{
	if (!batch_room(b, DNS_NAME_TEXT, out))
		return FILLED_FULL;
	uint8_t *to = (uint8_t *)b + out->offset;
	out->length = (uint32_t)(t != NULL ? tshark_text(t, to) : dns_name_text(v->m, r->name, to));
	b->arena_used -= DNS_NAME_TEXT - out->length;
	return FILLED;
}

_Static_assert((int)TSHARK_TEXT <= (int)DNS_NAME_TEXT, "put_name takes room for either");

static enum filled question_name(const struct view *v, struct batch *b, struct span *out)
{
	if (!question_known(v))
		return FILLED_NULL;
	if (v->style->tshark)
		return put_name(v, b, NULL, &v->tshark.question, out);
	return dns_name_usable(v->walk.question.state) ? put_name(v, b, &v->walk.question, NULL, out) : FILLED_NULL;
}

static enum filled chosen_name(const struct view *v, struct batch *b, struct span *out)
{
	if (as_tshark(v))
		return v->tshark.has_name ? put_name(v, b, NULL, &v->tshark.name, out) : FILLED_NULL;
	if (v->from_question)
		return question_name(v, b, out);
	if (v->chosen == NULL || !dns_name_usable(v->chosen->state))
		return FILLED_NULL;
	return put_name(v, b, v->chosen, NULL, out);
}

static bool client_subnet(const struct view *v, struct writer *out)
{
	struct dns_option o;
	if (!v->walk.has_opt)
		return false;
	writer_reset(out);
	struct reader r = reader_of(v->m->bytes + v->walk.opt.data, v->walk.opt.length);
	while (dns_option_next(&r, &o))
		if (o.code == DNS_OPTION_ECS)
			return dns_option_subnet(&o, out);
	return false;
}

static bool array(struct dns_arrays *a, const struct view *v, unsigned field)
{
	switch (field) {
	case DNS_FIELD_QUESTIONS:
		return dns_arrays_section(a, v->m, &v->walk, DNS_QUESTIONS);
	case DNS_FIELD_ANSWERS:
		return dns_arrays_section(a, v->m, &v->walk, DNS_ANSWERS);
	case DNS_FIELD_AUTHORITIES:
		return dns_arrays_section(a, v->m, &v->walk, DNS_AUTHORITIES);
	case DNS_FIELD_ADDITIONALS:
		return dns_arrays_section(a, v->m, &v->walk, DNS_ADDITIONALS);
	case DNS_FIELD_ADDRESSES:
		return dns_arrays_data(a, v->m, &v->walk, DNS_TYPE_A, DNS_TYPE_AAAA);
	case DNS_FIELD_CNAMES:
		return dns_arrays_data(a, v->m, &v->walk, DNS_TYPE_CNAME, DNS_TYPE_CNAME);
	case DNS_FIELD_EDNS_OPTIONS:
		return dns_arrays_options(a, v->m, &v->walk);
	default:
		return client_subnet(v, &a->json);
	}
}

/* start: arena_used when the row began; an array gets what is left of the row's bytes. */
static enum filled bytes(
    struct dns_filler *f, const struct view *v, struct batch *b, unsigned field, uint32_t start, struct span *out)
{
	if (field == DNS_FIELD_NAME)
		return chosen_name(v, b, out);
	if (field == DNS_FIELD_QNAME)
		return question_name(v, b, out);
	/* Both names may still come, and "[]" always fits. */
	size_t used = b->arena_used - start, names = 2 * (size_t)DNS_NAME_TEXT;
	f->arrays.limit = used + names + 2 < BATCH_ROW_BYTES ? BATCH_ROW_BYTES - names - used : 2;
	if (!array(&f->arrays, v, field))
		return FILLED_NULL;
	return batch_put(b, f->arrays.json.bytes, f->arrays.json.len, out) ? FILLED : FILLED_FULL;
}

static enum filled fill_one(
    struct dns_filler *f, const struct view *v, struct batch *b, uint32_t row, const struct want *w, uint32_t start)
{
	void *values = batch_values(b, w->column);
	switch (dns_field[w->field].type) {
	case TYPE_IP:
		return address(v, (struct ip *)values + row) ? FILLED : FILLED_NULL;
	case TYPE_BYTES:
		return bytes(f, v, b, w->field, start, (struct span *)values + row);
	default:
		return number(v, w->field, (uint32_t *)values + row) ? FILLED : FILLED_NULL;
	}
}

bool dns_fill(struct dns_filler *f, const struct dns_message *m, struct batch *b, uint32_t row, struct dns_fault *fault)
{
	struct view v;
	uint32_t start = b->arena_used;
	v.m = m;
	v.style = &f->style;
	dns_walk(m, &v.walk);
	choose(&v);
	if (f->style.tshark)
		tshark_walk(m, &v.tshark);
	f->arrays.shortened = false;
	for (size_t i = 0; i < f->wants; i++) {
		enum filled filled = fill_one(f, &v, b, row, &f->want[i], start);
		if (filled == FILLED_FULL)
			return false;
		if (filled == FILLED_NULL)
			batch_set_null(b, f->want[i].column, row);
	}
	*fault = v.walk.fault;
	fault->shortened = f->arrays.shortened;
	return true;
}

bool dns_plausible(const struct dns_message *m)
{
	struct dns_walk w;
	if (m->have < DNS_HEADER || m->have != m->size || (m->bytes[2] >> 3 & 15) > 6)
		return false;
	dns_walk(m, &w);
	bool any =
	    (w.count[DNS_QUESTIONS] | w.count[DNS_ANSWERS] | w.count[DNS_AUTHORITIES] | w.count[DNS_ADDITIONALS]) != 0;
	return any && w.fault.reason == NULL && w.end == m->have;
}

bool dns_heuristic(const struct dns_message *m)
{
	static const uint16_t most[DNS_SECTIONS] = {1, 100, 10, 10};
	if (m->have <= DNS_HEADER || (m->bytes[2] & 0x80) == 0 || (m->bytes[2] >> 3 & 15) != 0)
		return false;
	for (unsigned s = 0; s < DNS_SECTIONS; s++)
		if ((m->bytes[4 + 2 * s] << 8 | m->bytes[5 + 2 * s]) > most[s])
			return false;
	return true;
}

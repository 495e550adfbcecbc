/* An element is written whole or taken back, so that the array stays JSON wherever the room ends. */
#include "dissect/dns/arrays.h"

#include "dissect/dns/option.h"
#include "dissect/dns/present.h"
#include "dissect/dns/rdata.h"
#include "dissect/dns/types.h"

void dns_arrays_init(struct dns_arrays *a, size_t ceiling)
{
	*a = (struct dns_arrays){.limit = ceiling};
	writer_init(&a->json, ceiling);
	writer_init(&a->text, ceiling);
}

void dns_arrays_fini(struct dns_arrays *a)
{
	writer_fini(&a->json);
	writer_fini(&a->text);
}

static void begin(struct dns_arrays *a)
{
	writer_reset(&a->json);
	writer_u8(&a->json, '[');
}

/* Where an element begins, after its comma. */
static size_t begin_element(struct dns_arrays *a)
{
	size_t mark = a->json.len;
	if (mark > 1)
		writer_u8(&a->json, ',');
	return mark;
}

/* Keep the element if the array can still be closed after it; false: taken back, the array is full. */
static bool end_element(struct dns_arrays *a, size_t mark)
{
	if (!a->json.failed && !a->text.failed && a->json.len < a->limit)
		return true;
	a->json.len = mark;
	a->json.failed = false;
	a->shortened = true;
	return false;
}

static void end(struct dns_arrays *a)
{
	writer_u8(&a->json, ']');
}

static void put_text(struct dns_arrays *a)
{
	present_json(a->text.bytes, a->text.len, &a->json);
}

static void put_name(struct dns_arrays *a, const struct dns_message *m, const struct dns_record *r)
{
	uint8_t text[DNS_NAME_TEXT];
	writer_text(&a->json, "\"name\":");
	if (dns_name_usable(r->state))
		present_json(text, dns_name_text(m, r->name, text), &a->json);
	else
		writer_text(&a->json, "null");
}

static void put_data(struct dns_arrays *a, const struct dns_message *m, const struct dns_record *r)
{
	writer_reset(&a->text);
	dns_rdata_text(m, r, &a->text);
	put_text(a);
}

static void put_record(
    struct dns_arrays *a, const struct dns_message *m, enum dns_section s, const struct dns_record *r)
{
	char type[DNS_MNEMONIC], class[DNS_MNEMONIC];
	writer_u8(&a->json, '{');
	put_name(a, m, r);
	writer_text(&a->json, ",\"type\":\"");
	writer_text(&a->json, dns_type_text(r->type, type));
	writer_text(&a->json, "\",\"class\":\"");
	writer_text(&a->json, dns_class_text(r->class, class));
	writer_u8(&a->json, '"');
	if (s != DNS_QUESTIONS) {
		writer_format(&a->json, ",\"ttl\":%u,\"data\":", r->ttl);
		put_data(a, m, r);
	}
	writer_u8(&a->json, '}');
}

bool dns_arrays_section(struct dns_arrays *a, const struct dns_message *m, const struct dns_walk *w, enum dns_section s)
{
	size_t at = w->at[s];
	if (at == 0)
		return false;
	begin(a);
	writer_reset(&a->text);
	for (uint16_t i = 0; i < w->found[s]; i++) {
		struct dns_record r;
		dns_record_read(m, s, &at, &r);
		if (s == DNS_ADDITIONALS && r.type == DNS_TYPE_OPT)
			continue;
		size_t mark = begin_element(a);
		put_record(a, m, s, &r);
		if (!end_element(a, mark))
			break;
	}
	end(a);
	return true;
}

bool dns_arrays_data(
    struct dns_arrays *a, const struct dns_message *m, const struct dns_walk *w, uint16_t type, uint16_t other)
{
	size_t at = w->at[DNS_ANSWERS];
	if (at == 0)
		return false;
	begin(a);
	for (uint16_t i = 0; i < w->found[DNS_ANSWERS]; i++) {
		struct dns_record r;
		dns_record_read(m, DNS_ANSWERS, &at, &r);
		if ((r.type != type && r.type != other) || dns_rdata_check(m, &r) != NULL)
			continue;
		size_t mark = begin_element(a);
		put_data(a, m, &r);
		if (!end_element(a, mark))
			break;
	}
	end(a);
	return true;
}

bool dns_arrays_options(struct dns_arrays *a, const struct dns_message *m, const struct dns_walk *w)
{
	char name[DNS_MNEMONIC];
	struct dns_option o;
	if (!w->has_opt)
		return false;
	struct reader r = reader_of(m->bytes + w->opt.data, w->opt.length);
	begin(a);
	while (dns_option_next(&r, &o)) {
		size_t mark = begin_element(a);
		writer_format(
		    &a->json, "{\"code\":%u,\"name\":\"%s\",\"data\":", o.code, dns_option_name(o.code, name));
		writer_reset(&a->text);
		dns_option_text(&o, &a->text);
		put_text(a);
		writer_u8(&a->json, '}');
		if (!end_element(a, mark))
			break;
	}
	end(a);
	return true;
}

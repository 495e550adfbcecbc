/* Kinds of records: parsed once into offsets, found again by comparing headers. */
#include "dissect/nfcapd/plan.h"

#include <string.h>

#include "base/mem.h"
#include "dissect/nfcapd/records.h"
#include "dissect/nfcapd/wire.h"

/* Of an old record's second word: address and counter widths, and the map. The rest differs from flow to flow. */
enum { OLD_IPV6 = 1, OLD_PACKETS64 = 2, OLD_BYTES64 = 4 };
static const uint32_t old_mask = 0xFFFF0000 | OLD_IPV6 | OLD_PACKETS64 | OLD_BYTES64;

_Static_assert(PLANS < UINT8_MAX, "the table holds numbers in one byte");

/* Where the parts of one record lie. */
struct parts {
	enum form form;
	unsigned type;
	bool since_173;
	int32_t offset[PLACE_IDS]; /* -1: not there */
	uint16_t length[PLACE_IDS];
	unsigned unknown;
};

void plans_init(struct plans *p, const unsigned *wanted, size_t wants, const struct maps *maps)
{
	*p = (struct plans){.wanted = wanted, .wants = wants, .maps = maps};
	for (unsigned f = 0; f <= NFCAPD_FIELD_COUNT; f++)
		p->place[f] = (uint16_t)nfcapd_places;
	for (unsigned i = nfcapd_places; i-- > 0;)
		p->place[nfcapd_place[i].field] = (uint16_t)i;
}

void plans_clear(struct plans *p)
{
	for (unsigned i = 0; i < p->count; i++)
		mem_free(&p->plan[i]);
	p->count = 0;
	p->recent[0] = p->recent[1] = NULL;
	memset(p->table, 0, sizeof p->table);
}

void plans_fini(struct plans *p)
{
	plans_clear(p);
}

static void add_part(struct parts *parts, unsigned id, size_t offset, size_t length)
{
	parts->offset[id] = (int32_t)offset;
	parts->length[id] = (uint16_t)length;
}

static void parts_begin(struct parts *parts, const struct plans *p, const uint8_t *record, enum form form)
{
	*parts = (struct parts){.form = form, .type = load16(record), .since_173 = p->since_173};
	memset(parts->offset, 0xFF, sizeof parts->offset);
	add_part(parts, PLACE_RECORD, 0, load16(record + 2));
}

enum { ELEMENT_LAST = 42 };

static void parts_of_new(struct parts *parts, const uint8_t *record)
{
	size_t at = FLOW_HEADER;
	for (unsigned left = load16(record + 4); left > 0; left--) {
		unsigned id = load16(record + at);
		size_t length = load16(record + at + 2);
		if (id >= 1 && id <= ELEMENT_LAST)
			add_part(parts, id, at + ELEMENT_HEADER, length - ELEMENT_HEADER);
		else
			parts->unknown++;
		at += length;
	}
}

/* Addresses and counters as the flags say, then the extensions in the map's order. */
static enum plan_found parts_of_old(struct parts *parts, const struct map *map, const uint8_t *record)
{
	unsigned flags = record[4];
	size_t at = old_record_base(record), size = parts->length[PLACE_RECORD];
	size_t bytes = flags & OLD_BYTES64 ? 8 : 4, packets = flags & OLD_PACKETS64 ? 8 : 4;
	size_t addresses = flags & OLD_IPV6 ? 32 : 8;
	add_part(parts, flags & OLD_BYTES64 ? PLACE_BYTES64 : PLACE_BYTES32, at - bytes, bytes);
	add_part(parts, flags & OLD_PACKETS64 ? PLACE_PACKETS64 : PLACE_PACKETS32, at - bytes - packets, packets);
	add_part(parts, flags & OLD_IPV6 ? PLACE_ADDR6 : PLACE_ADDR4, at - bytes - packets - addresses, addresses);
	for (unsigned i = 0; i < map->count; i++) {
		size_t length = extension_size(map->id[i]);
		if (length == 0) {
			/* Nothing tells how long it is: what comes after it cannot be found. */
			parts->unknown += map->count - i;
			break;
		}
		if (length > size - at)
			return PLAN_SHORT;
		add_part(parts, map->id[i], at, length);
		at += length;
	}
	return PLAN_FOUND;
}

static bool holds(const struct place *place, const struct parts *parts)
{
	if (place->form != parts->form || parts->offset[place->id] < 0)
		return false;
	unsigned length = parts->length[place->id];
	if (length < place->least || length > place->most || length < place->offset + load_width(place->load))
		return false;
	switch (place->when) {
	case WHEN_BEFORE_173:
		return !parts->since_173;
	case WHEN_SINCE_173:
		return parts->since_173;
	case WHEN_TYPE_1:
		return parts->type == RECORD_COMMON_0;
	case WHEN_TYPE_10:
		return parts->type == RECORD_COMMON;
	default:
		return true;
	}
}

/* The next place of the field, from i on, that this kind of record has; nfcapd_places if none. */
static unsigned next_place(const struct parts *parts, unsigned field, unsigned i)
{
	for (; i < nfcapd_places && nfcapd_place[i].field == field; i++)
		if (holds(&nfcapd_place[i], parts))
			return i;
	return nfcapd_places;
}

static uint16_t place_offset(const struct parts *parts, unsigned i)
{
	return (uint16_t)(parts->offset[nfcapd_place[i].id] + nfcapd_place[i].offset);
}

static struct spot stored_spot(const struct plans *p, const struct parts *parts, unsigned field)
{
	unsigned i = next_place(parts, field, p->place[field]);
	if (i == nfcapd_places)
		return (struct spot){.load = LOAD_NULL};
	const struct place *place = &nfcapd_place[i];
	struct spot s = {.load = place->load, .offset = place_offset(parts, i)};
	s.length = (uint16_t)(parts->length[place->id] - place->offset);
	unsigned second = place->load == LOAD_IP4 ? next_place(parts, field, i + 1) : nfcapd_places;
	if (second == nfcapd_places || field == FIELD_EXPORTER_ADDR)
		return s;
	s.other = place_offset(parts, second);
	s.load = parts->length[place->id] < 8 ? LOAD_EITHER : place->offset == 0 ? LOAD_EITHER_SRC : LOAD_EITHER_DST;
	return s;
}

/* A field that is not as it stands in the record. */
static struct spot column_spot(const struct plans *p, const struct parts *parts, unsigned field)
{
	struct spot stored = stored_spot(p, parts, field);
	switch (field) {
	case FIELD_TIME:
		return (struct spot){.load = LOAD_TIME};
	case FIELD_DURATION:
		return (struct spot){.load = LOAD_DURATION};
	case FIELD_EXPORTER_ADDR:
		return stored.load != LOAD_NULL ? stored : (struct spot){.load = LOAD_EXPORTER_ADDR};
	case FIELD_EXPORTER_SOURCE:
		return (struct spot){.load = LOAD_EXPORTER_SOURCE};
	case FIELD_EXPORTER_VERSION:
		return (struct spot){.load = LOAD_EXPORTER_VERSION};
	default:
		return stored;
	}
}

static void fill_spots(const struct plans *p, struct plan *plan, const struct parts *parts)
{
	static const uint8_t field[SPOTS] = {
	    [SPOT_RECEIVED] = FIELD_RECEIVED,
	    [SPOT_EVENT] = FIELD_EVENT_TIME,
	    [SPOT_LAST] = FIELD_LAST,
	    [SPOT_FIRST] = FIELD_FIRST,
	    [SPOT_EXPORTER] = FIELD_EXPORTER_ID,
	    [SPOT_FLOWS] = FIELD_FLOWS,
	    [SPOT_IN_PACKETS] = FIELD_IN_PACKETS,
	    [SPOT_IN_BYTES] = FIELD_IN_BYTES,
	    [SPOT_OUT_PACKETS] = FIELD_OUT_PACKETS,
	    [SPOT_OUT_BYTES] = FIELD_OUT_BYTES,
	};
	for (unsigned i = 0; i < SPOTS; i++)
		plan->spot[i] = stored_spot(p, parts, field[i]);
	for (size_t i = 0; i < p->wants; i++) {
		struct spot *s = &plan->column[i];
		*s = column_spot(p, parts, p->wanted[i]);
		if (s->load == LOAD_BYTES || s->load == LOAD_TEXT)
			plan->arena += s->length;
	}
	plan->unknown = parts->unknown;
}

/* One block: the plan, its columns, element headers, their offsets. */
static struct plan *new_plan(const struct plans *p, unsigned elements)
{
	size_t columns = sizeof(struct plan) + p->wants * sizeof(struct spot);
	columns = (columns + 7) & ~(size_t)7;
	struct plan *plan = mem_zero(1, columns + elements * (sizeof *plan->element + sizeof *plan->at));
	plan->elements = elements;
	plan->element = (uint32_t *)((uint8_t *)plan + columns);
	plan->at = (uint16_t *)(plan->element + elements);
	return plan;
}

static enum plan_found make_plan(struct plans *p, const uint8_t *record, struct plan **out)
{
	struct parts parts;
	bool is_new = load16(record) == RECORD_V3;
	parts_begin(&parts, p, record, is_new ? FORM_NEW : FORM_OLD);
	if (is_new) {
		parts_of_new(&parts, record);
	} else {
		const struct map *map = maps_find(p->maps, load16(record + 6));
		if (map == NULL)
			return PLAN_NO_MAP;
		enum plan_found found = parts_of_old(&parts, map, record);
		if (found != PLAN_FOUND)
			return found;
	}
	unsigned elements = is_new ? load16(record + 4) : 0;
	struct plan *plan = new_plan(p, elements);
	plan->head = load32(record);
	plan->check = is_new ? elements : load32(record + 4) & old_mask;
	size_t at = FLOW_HEADER;
	for (unsigned i = 0; i < elements; i++) {
		plan->at[i] = (uint16_t)at;
		plan->element[i] = load32(record + at);
		at += plan->element[i] >> 16;
	}
	fill_spots(p, plan, &parts);
	*out = plan;
	return PLAN_FOUND;
}

static bool fits(const struct plan *plan, const uint8_t *record)
{
	uint32_t word = load32(record + 4);
	if (plan->head != load32(record))
		return false;
	if ((plan->head & 0xFFFF) != RECORD_V3)
		return plan->check == (word & old_mask);
	if (plan->check != (word & 0xFFFF))
		return false;
	/* Left at the first difference, so that nobody makes vectors of half a dozen loads. */
	for (unsigned i = 0; i < plan->elements; i++)
		if (plan->element[i] != load32(record + plan->at[i]))
			return false;
	return true;
}

static unsigned hash_of(const uint8_t *record)
{
	uint64_t h = load32(record) * UINT64_C(0x9E3779B97F4A7C15);
	if (load16(record) != RECORD_V3)
		return (unsigned)((h ^ (load32(record + 4) & old_mask)) * UINT64_C(0x9E3779B97F4A7C15) >> 32);
	size_t at = FLOW_HEADER;
	for (unsigned left = load16(record + 4); left > 0; left--) {
		h = (h ^ load32(record + at)) * UINT64_C(0x9E3779B97F4A7C15);
		h ^= h >> 29;
		at += load16(record + at + 2);
	}
	return (unsigned)(h >> 32);
}

static enum plan_found look_up(struct plans *p, const uint8_t *record, const struct plan **out)
{
	unsigned slot = hash_of(record) % (2 * PLANS);
	for (; p->table[slot] != 0; slot = (slot + 1) % (2 * PLANS)) {
		*out = p->plan[p->table[slot] - 1];
		if (fits(*out, record))
			return PLAN_FOUND;
	}
	if (p->count == PLANS)
		return PLAN_FULL;
	struct plan *plan;
	enum plan_found found = make_plan(p, record, &plan);
	if (found != PLAN_FOUND)
		return found;
	plan->number = p->count;
	p->plan[p->count++] = plan;
	p->table[slot] = (uint8_t)p->count;
	*out = plan;
	return PLAN_FOUND;
}

enum plan_found plans_find(struct plans *p, const uint8_t *record, const struct plan **out)
{
	for (unsigned i = 0; i < 2; i++)
		if (p->recent[i] != NULL && fits(p->recent[i], record)) {
			*out = p->recent[i];
			return PLAN_FOUND;
		}
	enum plan_found found = look_up(p, record, out);
	if (found == PLAN_FOUND) {
		p->recent[1] = p->recent[0];
		p->recent[0] = *out;
	}
	return found;
}

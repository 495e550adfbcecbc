/*
 * A collector that dies between the parts of an original publishes the whole set again, so a partition may hold an
 * incomplete set and then a whole one. Rows are taken only once a set is whole, from the newest event of each part.
 */
#include "pipe/parts.h"

#include <string.h>

#include "base/mem.h"

struct set {
	struct seen_key key;
	uint32_t parts, have;
	uint64_t schema;
	char *dissector;
	uint64_t *offset; /* UINT64_MAX: missing */
};

struct parts {
	struct set *set; /* a live collector has one open, a dead one a handful: walked */
	size_t sets, capacity;
};

struct parts *parts_new(void)
{
	return mem_zero(1, sizeof(struct parts));
}

static void drop(struct parts *p, size_t at)
{
	mem_free(&p->set[at].offset);
	mem_free(&p->set[at].dissector);
	p->sets--;
	memmove(p->set + at, p->set + at + 1, (p->sets - at) * sizeof *p->set);
}

void parts_reset(struct parts *p)
{
	while (p->sets > 0)
		drop(p, p->sets - 1);
}

void parts_free(struct parts **p)
{
	if (*p == NULL)
		return;
	parts_reset(*p);
	mem_free(&(*p)->set);
	mem_free(p);
}

static bool same(const struct seen_key *a, const uint8_t *original, uint32_t again)
{
	return a->again == again && memcmp(a->original, original, SHA256_BYTES) == 0;
}

static size_t find(const struct parts *p, const uint8_t *original, uint32_t again)
{
	size_t at = 0;

	while (at < p->sets && !same(&p->set[at].key, original, again))
		at++;
	return at;
}

static void begin(struct parts *p, const struct event *ev)
{
	struct set s = {.parts = ev->parts, .schema = ev->schema, .dissector = mem_text(ev->dissector)};

	memcpy(s.key.original, ev->original, SHA256_BYTES);
	s.key.again = ev->again;
	s.offset = mem_alloc(ev->parts * sizeof *s.offset);
	for (uint32_t i = 0; i < ev->parts; i++)
		s.offset[i] = UINT64_MAX;
	if (p->sets == p->capacity) {
		p->capacity = mem_grow(p->capacity, p->sets + 1);
		p->set = mem_resize(p->set, p->capacity * sizeof *p->set);
	}
	p->set[p->sets++] = s;
}

enum rc parts_add(struct parts *p, const struct event *ev, uint64_t offset, const uint64_t **offsets, struct err *e)
{
	if (ev->parts == 0 || ev->parts > PARTS_MAX || ev->part >= ev->parts)
		return err_set(RC_BAD, e, "part %u of %u", ev->part, ev->parts);
	size_t at = find(p, ev->original, ev->again);
	/* Rows cut by another dissector or for another schema may be cut elsewhere: such parts never mix. */
	if (at < p->sets && (p->set[at].parts != ev->parts || p->set[at].schema != ev->schema ||
	                        strcmp(p->set[at].dissector, ev->dissector) != 0))
		drop(p, at);
	at = find(p, ev->original, ev->again);
	if (at == p->sets)
		begin(p, ev);
	struct set *s = &p->set[at];
	s->have += s->offset[ev->part] == UINT64_MAX;
	s->offset[ev->part] = offset;
	*offsets = s->offset;
	return s->have == s->parts ? RC_OK : RC_END;
}

void parts_done(struct parts *p, const struct seen_key *key)
{
	size_t at = find(p, key->original, key->again);

	if (at < p->sets)
		drop(p, at);
}

uint64_t parts_first(const struct parts *p)
{
	uint64_t first = UINT64_MAX;

	for (size_t i = 0; i < p->sets; i++)
		for (uint32_t k = 0; k < p->set[i].parts; k++)
			if (p->set[i].offset[k] < first)
				first = p->set[i].offset[k];
	return first;
}

size_t parts_open(const struct parts *p)
{
	return p->sets;
}

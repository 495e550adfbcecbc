/* Few partitions and fewer holes: plain arrays. */
#include "audit/chains.h"

#include <string.h>

#include "base/mem.h"
#include "pipe/draft.h"

void chains_fini(struct chains *c)
{
	for (size_t i = 0; i < c->count; i++) {
		mem_free(&c->at[i].hole);
		mem_free(&c->at[i].label);
	}
	mem_free(&c->at);
	c->count = 0;
}

struct chain *chains_find(struct chains *c, uint16_t topic, uint32_t partition)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->at[i].topic == topic && c->at[i].partition == partition)
			return &c->at[i];
	return NULL;
}

struct chain *chains_add(struct chains *c, uint16_t topic, const char *topic_text, uint32_t partition)
{
	struct chain *found = chains_find(c, topic, partition);
	struct place place;
	if (found != NULL)
		return found;
	place_init(&place, topic_text, partition, NULL, NULL);
	c->at = mem_resize(c->at, (c->count + 1) * sizeof *c->at);
	c->at[c->count] = (struct chain){.topic = topic, .partition = partition, .label = mem_text(place.label)};
	return &c->at[c->count++];
}

struct chain *chains_by_label(struct chains *c, const char *label, size_t len)
{
	for (size_t i = 0; i < c->count; i++)
		if (strlen(c->at[i].label) == len && memcmp(c->at[i].label, label, len) == 0)
			return &c->at[i];
	return NULL;
}

struct hole *chain_hole(struct chain *c, uint64_t start, uint64_t end)
{
	c->hole = mem_resize(c->hole, (c->holes + 1) * sizeof *c->hole);
	c->hole[c->holes] = (struct hole){.start = start, .end = end, .history = start < c->history_end};
	return &c->hole[c->holes++];
}

struct hole *chain_hole_at(struct chain *c, uint64_t offset)
{
	for (size_t i = 0; i < c->holes; i++)
		if (offset >= c->hole[i].start && offset < c->hole[i].end)
			return &c->hole[i];
	return NULL;
}

/* One that touches it grows; so a run of commits that are gone is one hole as long as their files are met in order.
 * What lies before the first commit is one hole. */
struct hole *chain_infer(struct chain *c, uint64_t start, uint64_t end)
{
	struct hole *h = chain_hole_at(c, start);
	if (h != NULL)
		return h;
	if (c->any && start >= c->first && start < c->end)
		return NULL;
	if (c->any && start < c->first)
		end = c->first;
	for (size_t i = 0; i < c->holes; i++) {
		h = &c->hole[i];
		if (h->told || start > h->end || end < h->start)
			continue;
		h->start = start < h->start ? start : h->start;
		h->end = end > h->end ? end : h->end;
		return h;
	}
	h = chain_hole(c, start, end);
	h->history = c->any && start < c->first && c->history_end > 0;
	return h;
}

/* Digits before the end of name[0..*len), after a '-'; both are taken off. */
static bool take_number(const char *name, size_t *len, uint64_t *out)
{
	uint64_t n = 0, scale = 1;
	size_t at = *len;
	while (at > 0 && name[at - 1] >= '0' && name[at - 1] <= '9' && *len - at < 19) {
		n += scale * (uint64_t)(name[--at] - '0');
		scale *= 10;
	}
	if (at == *len || at == 0 || name[at - 1] != '-')
		return false;
	*len = at - 1;
	*out = n;
	return true;
}

bool chain_file_name(const char *name, const char **label, size_t *label_len, uint64_t *start, uint64_t *end)
{
	static const char prefix[] = "part-";
	const char *dot = strrchr(name, '.');
	uint64_t number;
	size_t len = dot != NULL ? (size_t)(dot - name) : 0;
	if (strncmp(name, prefix, sizeof prefix - 1) != 0 || !take_number(name, &len, &number) ||
	    !take_number(name, &len, end) || !take_number(name, &len, start) || len <= sizeof prefix - 1 ||
	    *end <= *start)
		return false;
	*label = name + sizeof prefix - 1;
	*label_len = len - (sizeof prefix - 1);
	return true;
}

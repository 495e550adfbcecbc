/* Extension maps by number. A file has a handful; a hostile one is bounded. */
#include "dissect/nfcapd/maps.h"

#include <string.h>

#include "base/mem.h"
#include "dissect/nfcapd/wire.h"

enum { NUMBERS = 1 << 16, MAP_HEAD = 8 };

void maps_fini(struct maps *m)
{
	mem_free(&m->map);
	mem_free(&m->index);
	*m = (struct maps){0};
}

/* The ids end with a zero, or with the record. */
static struct map parse(const uint8_t *record, size_t size)
{
	struct map map = {.number = load16(record + 4)};
	for (size_t at = MAP_HEAD; at + 2 <= size && map.count < MAP_EXTENSIONS; at += 2) {
		uint16_t id = load16(record + at);
		if (id == 0)
			break;
		map.id[map.count++] = id;
	}
	return map;
}

bool maps_put(struct maps *m, const uint8_t *record, size_t size)
{
	struct map map = parse(record, size);
	if (m->index == NULL)
		m->index = mem_zero(NUMBERS, sizeof *m->index);
	uint16_t *place = &m->index[map.number];
	if (*place != 0) {
		struct map *old = &m->map[*place - 1];
		bool same = memcmp(old, &map, sizeof map) == 0;
		*old = map;
		return !same;
	}
	if (m->count == MAPS)
		return false;
	if (m->count == m->capacity) {
		m->capacity = mem_grow(m->capacity, m->count + 1);
		m->map = mem_resize(m->map, m->capacity * sizeof *m->map);
	}
	m->map[m->count++] = map;
	*place = (uint16_t)m->count;
	return true;
}

const struct map *maps_find(const struct maps *m, unsigned number)
{
	return m->index == NULL || m->index[number] == 0 ? NULL : &m->map[m->index[number] - 1];
}

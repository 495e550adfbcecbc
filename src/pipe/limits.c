/* The table that limits.h lists, as data, and what moves a slot's values. */
#include "pipe/limits.h"

#include <stddef.h>

#include "base/clock.h"
#include "base/proc.h"

enum { NS_PER_MS = 1000000 };

#define NOW  false, false
#define MOST true, false
#define STEP true, true

const struct limit_info limit_info[LIMIT_COUNT] = {
#define X(id, key, kind, unit, counts, then) [LIMIT_##id] = {key, kind, unit, counts, then},
    LIMITS(X)
#undef X
};

void limits_begin(struct metric_slot *s)
{
	for (unsigned l = 0; l < LIMIT_COUNT; l++) {
		metric_set(s, limit_place((enum limit)l, LIMIT_USED), 0);
		metric_set(s, limit_place((enum limit)l, LIMIT_SINCE_MS), 0);
	}
}

void limit_most(struct metric_slot *s, enum limit l, uint64_t used)
{
	if (s == NULL)
		return;
	uint64_t *at = &s->value[limit_place(l, LIMIT_USED)], was = __atomic_load_n(at, __ATOMIC_RELAXED);
	while (was < used && !__atomic_compare_exchange_n(at, &was, used, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

void limits_files(struct metric_slot *s)
{
	uint64_t most = 0, open = proc_files(&most);
	limit_set(s, LIMIT_OPEN_FILES, open);
	limit_full(s, LIMIT_OPEN_FILES, open + 1 >= most);
}

void limits_original(struct metric_slot *s, unsigned hours, bool cut, uint64_t lines_bytes, bool silent)
{
	limit_most(s, LIMIT_PARTITIONS, hours);
	limit_most(s, LIMIT_REJECTS, lines_bytes);
	if (cut)
		limit_reached(s, LIMIT_PARTITIONS);
	if (silent)
		limit_reached(s, LIMIT_REJECTS);
}

void limit_full(struct metric_slot *s, enum limit l, bool full)
{
	if (s == NULL || full == (limit_get(s, l, LIMIT_SINCE_MS) != 0))
		return;
	metric_set(s, limit_place(l, LIMIT_SINCE_MS), full ? (uint64_t)(clock_wall().ns / NS_PER_MS) : 0);
	if (full)
		limit_reached(s, l);
}

/*
 * One block for all arrays of an append: one allocation per call, however many columns.
 */
#include "format/parquet/scratch.h"

#include "base/mem.h"

void scratch_init(struct scratch *s, struct pack *pack, enum codec codec, int level, uint32_t page_rows, size_t rows)
{
	*s = (struct scratch){.pack = pack, .codec = codec, .level = level, .page_rows = page_rows};
	s->raw.brief = s->packed.brief = s->marks.brief = s->wide.brief = true;
	if (rows == 0)
		return;
	size_t key = sizeof(struct ip) > sizeof(uint64_t) ? sizeof(struct ip) : sizeof(uint64_t);
	size_t room = (rows + 7) / 8 * 8; /* keeps every array aligned for the next */
	s->keys = mem_alloc(room * (key + 3 * sizeof(uint32_t) + sizeof(uint16_t) + 1));
	s->ids = (uint32_t *)(void *)((uint8_t *)s->keys + room * key);
	s->leader_ids = s->ids + room;
	s->fresh = s->leader_ids + room;
	s->fresh_rows = (uint16_t *)(s->fresh + room);
	s->present = (uint8_t *)(s->fresh_rows + room);
}

void scratch_fini(struct scratch *s)
{
	mem_free(&s->keys);
	buffer_fini(&s->raw);
	buffer_fini(&s->packed);
	buffer_fini(&s->marks);
	buffer_fini(&s->wide);
}

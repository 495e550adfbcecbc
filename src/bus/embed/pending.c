/*
 * pending: collects events so that those of one flush share one transaction, and so one sync.
 */
#include "bus/embed/pending.h"

#include "base/mem.h"
#include "bus/embed/event.h"

/* Tiny events are bounded by their number: what is remembered about each is more than they are. */
enum { COUNT_MAX = 256 << 10, KEEP_BYTES = 4 << 20 };

void pending_init(struct pending *p)
{
	*p = (struct pending){.count = 0};
	writer_init(&p->bytes, (size_t)PENDING_BYTES + EVENT_OVERHEAD + EVENT_BYTES_MAX);
}

void pending_fini(struct pending *p)
{
	writer_fini(&p->bytes);
	mem_free(&p->event);
	p->count = p->capacity = 0;
}

bool pending_add(struct pending *p, uint32_t topic, uint32_t partition, int64_t time_ms,
    const struct bus_header *header, size_t headers, struct bus_bytes key, struct bus_bytes value, void *context)
{
	size_t bytes = event_bytes(header, headers, key, value) + EVENT_OVERHEAD;
	if (p->count > 0 && (p->count == COUNT_MAX || p->bytes.len + bytes > PENDING_BYTES))
		return false;
	if (p->count == p->capacity) {
		p->capacity = mem_grow(p->capacity, p->count + 1);
		p->event = mem_resize(p->event, p->capacity * sizeof *p->event);
	}
	size_t at = p->bytes.len;
	event_write(&p->bytes, time_ms, header, headers, key, value);
	p->event[p->count++] = (struct pending_event){
	    .topic = topic, .partition = partition, .at = at, .len = p->bytes.len - at, .context = context};
	return true;
}

void pending_reset(struct pending *p)
{
	if (p->bytes.capacity > KEEP_BYTES)
		pending_fini(p);
	writer_reset(&p->bytes);
	p->count = 0;
}

/*
 * ahead: makes reading small events cheap: one transaction and one walk of the tree serve hundreds of them.
 */
#include "bus/embed/ahead.h"

#include <string.h>

#include "base/mem.h"
#include "base/reader.h"
#include "base/writer.h"
#include "bus/embed/event.h"
#include "bus/embed/keys.h"

/* 64 partitions at 64 KiB: 4 MiB a handle, plus the one large event that is being looked at. */
enum { SLOTS = 64, BATCH_BYTES = 64 << 10, FRAME = 12, CEILING = FRAME + EVENT_OVERHEAD + EVENT_BYTES_MAX };

struct slot {
	uint32_t topic, partition;
	uint64_t used;        /* tick of the last use */
	size_t at;            /* frame of the event served last, or the next one to serve */
	struct writer frames; /* offset le64, length le32, event; ... */
};

struct ahead {
	size_t slots;
	uint64_t tick;
	struct slot *last;
	struct bus_header header[BUS_HEADERS_MAX];
	struct slot slot[SLOTS];
};

struct ahead *ahead_new(void)
{
	return mem_zero(1, sizeof(struct ahead));
}

void ahead_free(struct ahead **a)
{
	if (*a == NULL)
		return;
	for (size_t i = 0; i < (*a)->slots; i++)
		writer_fini(&(*a)->slot[i].frames);
	mem_free(a);
}

static struct slot *find(struct ahead *a, uint32_t topic, uint32_t partition)
{
	if (a->last != NULL && a->last->topic == topic && a->last->partition == partition)
		return a->last;
	for (size_t i = 0; i < a->slots; i++)
		if (a->slot[i].topic == topic && a->slot[i].partition == partition)
			return &a->slot[i];
	return NULL;
}

/* A free slot or the one that was used longest ago, empty. */
static struct slot *make(struct ahead *a, uint32_t topic, uint32_t partition)
{
	struct slot *s = &a->slot[0];
	if (a->slots < SLOTS) {
		s = &a->slot[a->slots++];
		writer_init(&s->frames, CEILING);
	} else {
		for (size_t i = 1; i < SLOTS; i++)
			if (a->slot[i].used < s->used)
				s = &a->slot[i];
	}
	s->topic = topic;
	s->partition = partition;
	return s;
}

static void empty(struct slot *s)
{
	s->at = 0;
	writer_reset(&s->frames);
	if (s->frames.capacity > 4 * BATCH_BYTES) {
		writer_fini(&s->frames);
		writer_init(&s->frames, CEILING);
	}
}

/* The frame at s->at; false at the end. */
static bool frame(const struct slot *s, uint64_t *offset, struct bus_bytes *event)
{
	struct reader r = reader_of(s->frames.bytes + s->at, s->frames.len - s->at);
	*offset = reader_le64(&r);
	event->len = reader_le32(&r);
	event->at = reader_take(&r, event->len);
	return reader_ok(&r);
}

enum rc ahead_get(
    struct ahead *a, uint32_t topic, uint32_t partition, uint64_t offset, struct bus_event *out, struct err *e)
{
	struct slot *s = find(a, topic, partition);
	/* A large event of another partition was only borrowed until now. */
	if (a->last != NULL && a->last != s && a->last->frames.capacity > 4 * BATCH_BYTES)
		empty(a->last);
	a->last = s;
	if (s == NULL || s->frames.len == 0)
		return RC_END;
	s->used = ++a->tick;
	uint64_t at;
	struct bus_bytes bytes;
	bool here = frame(s, &at, &bytes);
	if (here && at < offset) {
		s->at += FRAME + bytes.len;
		here = frame(s, &at, &bytes);
	}
	if (!here || at != offset)
		return RC_END;
	struct bus_event event = {.offset = offset, .next = offset + 1};
	if (!event_parse(bytes, a->header, &event))
		return err_set(RC_FAIL, e, "event %llu is damaged", (unsigned long long)offset);
	*out = event;
	return RC_OK;
}

struct filling {
	struct writer *frames;
	const uint8_t *prefix;
};

static bool add_frame(void *context, struct kv_bytes key, struct kv_bytes value)
{
	struct filling *f = context;
	if (key.len != EVENT_KEY || memcmp(key.at, f->prefix, PARTITION_KEY) != 0)
		return false;
	/* The first one whatever its size; after it only what fits, so that a large event is never copied in vain. */
	if (f->frames->len > 0 && f->frames->len + FRAME + value.len > BATCH_BYTES)
		return false;
	writer_le64(f->frames, kv_key_read((const uint8_t *)key.at + PARTITION_KEY));
	writer_le32(f->frames, (uint32_t)value.len);
	writer_put(f->frames, value.at, value.len);
	return true;
}

enum rc ahead_fill(struct ahead *a, struct kv_txn *txn, kv_table events, uint32_t topic, uint32_t partition,
    uint64_t offset, struct err *e)
{
	struct slot *s = find(a, topic, partition);
	if (s == NULL)
		s = make(a, topic, partition);
	a->last = s;
	s->used = ++a->tick;
	empty(s);
	uint8_t from[EVENT_KEY];
	key_event(topic, partition, offset, from);
	struct filling f = {.frames = &s->frames, .prefix = from};
	kv_each(txn, events, KV_OF(from), add_frame, &f);
	if (s->frames.failed) {
		empty(s);
		return err_set(RC_FAIL, e, "event %llu is larger than an event can be", (unsigned long long)offset);
	}
	return s->frames.len > 0 ? RC_OK : RC_END;
}

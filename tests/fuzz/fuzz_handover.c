/*
 * A batch in shared memory that a child spoiled: the bytes are changes to a good one, at the places that say where and
 * how much, and anywhere. What is taken holds for whoever uses it, and the shared memory may change while it is taken
 * without that being seen later; what is accepted where it lies holds there. The same bytes are also what a child asks
 * to see of its input.
 */
#include "data/batch.h"

#include "base/mem.h"
#include "base/reader.h"
#include "confine/window.h"
#include "confine/wire.h"
#include "fuzz.h"

static const enum type types[] = {TYPE_U32, TYPE_IP, TYPE_BYTES, TYPE_TIME, TYPE_F32, TYPE_BYTES, TYPE_U64, TYPE_I64};
enum { COLUMNS = sizeof types / sizeof types[0], ROWS = 64, ARENA = 4096, SHARED = 64 << 10 };

static uint8_t *shared, *input;
static struct batch *own;

static void fill(struct batch *b)
{
	for (uint32_t row = 0; row < ROWS / 2; row++) {
		((struct ip *)batch_values(b, 1))[row] =
		    (struct ip){.family = row % 2 == 0 ? 4 : 6, .octet = {10, 0, 0, 1}};
		must(batch_put(b, "0123456789", row % 10, (struct span *)batch_values(b, 2) + row));
		if (row % 3 == 0)
			batch_set_null(b, 5, row);
		else
			must(batch_put(b, "xyz", 3, (struct span *)batch_values(b, 5) + row));
		b->rows++;
	}
	must(batch_reject(b, 1, 2, 3, "a reason", "raw", 3));
	must(batch_reject(b, 4, 5, REJECT_ROWS_UNKNOWN, "another", NULL, 0));
}

/* Where a change hurts: a number of the header, a span, an address, a reject; else any byte. */
static size_t place(const struct batch *b, uint8_t kind, uint32_t where)
{
	switch (kind % 6) {
	case 0:
		return where % (sizeof *b / 4) * 4;
	case 1:
		return sizeof *b + where % (COLUMNS * sizeof(struct batch_column) / 4) * 4;
	case 2:
		return b->column[2].values + where % (ROWS * 2) * 4;
	case 3:
		return b->column[1].values + where % (ROWS * 5) * 4;
	case 4:
		return b->rejects_at + where % (BATCH_REJECTS * sizeof(struct batch_reject) / 4) * 4;
	default:
		return where % (b->size - 4);
	}
}

static uint64_t use_span(const struct batch *b, struct span s)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < s.length; i++)
		sum += batch_span(b, s)[i];
	return sum;
}

/* Everything that an encoder would look at. */
static void use(const struct batch *b)
{
	const struct batch_reject *r = (const void *)((const uint8_t *)b + b->rejects_at);
	volatile uint64_t sum = 0;
	for (uint32_t row = 0; row < b->rows; row++) {
		for (unsigned i = 0; i < b->columns; i++) {
			if (batch_is_null(b, i, row))
				continue;
			if (types[i] == TYPE_BYTES)
				sum += use_span(b, ((const struct span *)batch_read(b, i))[row]);
			if (types[i] == TYPE_IP) {
				const struct ip *ip = (const struct ip *)batch_read(b, i) + row;
				must(ip->family == 4 || ip->family == 6);
			}
			if (types[i] == TYPE_F32) {
				float f = ((const float *)batch_read(b, i))[row];
				must(f - f == 0);
			}
		}
	}
	for (uint32_t i = 0; i < b->rejects; i++) {
		const uint8_t *reason = batch_span(b, r[i].reason);
		for (uint32_t k = 0; k < r[i].reason.length; k++)
			must(reason[k] >= 0x20 && reason[k] != 0x7f);
		sum += use_span(b, r[i].raw);
		must(r[i].rows == REJECT_ROWS_UNKNOWN || (r[i].rows & ~REJECT_ROWS_LEAST) >> BATCH_COUNT_BITS == 0);
	}
}

static uint8_t at_offset(uint64_t offset)
{
	return (uint8_t)(offset * 31 + (offset >> 8));
}

/* What is in view is the input from where the child stands on, and all of it is memory for input. */
static void see(const struct window *w, uint64_t offset)
{
	must(w->filled <= WIRE_INPUT && w->have <= w->filled && w->served - w->have == offset);
	for (uint32_t i = 0; i < w->have; i += 1 + w->have / 64)
		must(input[w->filled - w->have + i] == at_offset(offset + i));
	must(w->have == 0 || input[w->filled - 1] == at_offset(w->served - 1));
}

static void ask(struct reader r)
{
	struct window w = {.served = 0};
	for (unsigned asks = 0; reader_left(&r) >= 9 && asks < 32 && w.served < WIRE_INPUT; asks++) {
		uint8_t kind = reader_u8(&r);
		uint32_t where = reader_le32(&r), want = reader_le32(&r), keep = UINT32_MAX;
		uint64_t back = w.have > 0 && kind % 4 != 0 ? where % (w.have + 1) : (uint64_t)where << kind % 33;
		bool may = window_may_want(&w, w.served - back, kind % 2 == 0 ? want : want % WIRE_INPUT, &keep);
		want = kind % 2 == 0 ? want : want % WIRE_INPUT;
		must(!may || (back <= w.have && back <= w.served && keep == back && want > keep));
		if (!may)
			continue;
		uint32_t end = window_room(&w, input, keep, want);
		must(end > w.filled && end <= WIRE_INPUT && end - w.filled >= want - keep);
		/* A reader gives what it has. */
		uint32_t got = 1 + (where >> 8) % (kind % 64 != 0 ? 20000 : WIRE_INPUT);
		got = got < end - w.filled ? got : end - w.filled;
		for (uint32_t i = 0; i < got; i++)
			input[w.filled + i] = at_offset(w.served + i);
		window_add(&w, got);
		see(&w, w.served - got - keep);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct reader r = reader_of(bytes, size);
	struct err e;
	if (shared == NULL) {
		shared = mem_map(SHARED);
		own = mem_map(BATCH_SLAB);
		input = mem_map(WIRE_INPUT);
	}
	ask(r);
	struct batch *b = batch_new(types, COLUMNS, ROWS, ARENA);
	must(b->size <= SHARED);
	fill(b);
	memcpy(shared, b, b->size);
	while (reader_left(&r) >= 9) {
		uint8_t kind = reader_u8(&r);
		uint32_t where = reader_le32(&r), value = reader_le32(&r);
		memcpy(shared + place(b, kind, where), &value, sizeof value);
	}
	enum rc rc = batch_take(own, shared, SHARED, types, COLUMNS, &e);
	must(rc == RC_OK || rc == RC_BAD);
	must(size >= 9 || rc == RC_OK);
	/* Where it lies: what a copy puts right is refused, what a copy refuses is not accepted. */
	struct err why;
	enum rc there = batch_accept((struct batch *)(void *)shared, SHARED, types, COLUMNS, &why);
	must(there == RC_BAD || rc == RC_OK);
	if (there == RC_OK)
		use((const struct batch *)(const void *)shared);
	if (rc == RC_OK) {
		memset(shared, 0xff, b->size);
		must(batch_check(own, types, COLUMNS, own->size, &e) == RC_OK);
		use(own);
	} else {
		must_end(e.text, sizeof e.text - 1);
	}
	batch_free(&b);
	return 0;
}

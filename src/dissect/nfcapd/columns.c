/* The inner loops: a load and a store per value, no decision per row but for the few derived fields. */
#include "dissect/nfcapd/columns.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "dissect/nfcapd/counters.h"
#include "dissect/nfcapd/wire.h"

/* The end of 32-bit unix seconds, 2106-02-07: what lies beyond counts as absent. */
#define MS_END (UINT64_C(1) << 32) * 1000

enum { NS_PER_MS = 1000000, OLD_FIRST_S = 12, OLD_LAST_S = 16, OLD_FIRST_MS = 8, OLD_LAST_MS = 10 };

static uint32_t row_of(const struct run *r, uint32_t i)
{
	return r->row == NULL ? r->first_row + i : r->row[i];
}

static const uint8_t *record_of(const struct run *r, uint32_t i)
{
	return r->base + r->at[i];
}

/*
 * The loop twice: rows that follow each other need no list. `p` is the value in the record, `out` its slot in the
 * column. All is in locals, or every store would make the compiler read the run again.
 */
#define EACH_SLOT(type, store)                                                                                         \
	do {                                                                                                           \
		type *restrict to = batch_values(r->batch, column);                                                    \
		const uint8_t *const base = r->base + s->offset;                                                       \
		const uint32_t *restrict at = r->at;                                                                   \
		const uint16_t *restrict row = r->row;                                                                 \
		const uint32_t n = r->count;                                                                           \
		if (row == NULL) {                                                                                     \
			to += r->first_row;                                                                            \
			for (uint32_t i = 0; i < n; i++) {                                                             \
				const uint8_t *p = base + at[i];                                                       \
				type *out = to + i;                                                                    \
				store;                                                                                 \
			}                                                                                              \
		} else {                                                                                               \
			for (uint32_t i = 0; i < n; i++) {                                                             \
				const uint8_t *p = base + at[i];                                                       \
				type *out = to + row[i];                                                               \
				store;                                                                                 \
			}                                                                                              \
		}                                                                                                      \
	} while (0)
#define EACH(type, value) EACH_SLOT(type, *out = (value))

/*
 * Word by word and not as a struct: put together on the stack and copied in wider pieces, an address waits for its own
 * stores, and takes ten times as long.
 */
static void put_ip4(struct ip *out, const uint8_t *p)
{
	uint32_t *word = (uint32_t *)out;
	word[0] = 4;
	word[1] = __builtin_bswap32(load32(p));
	word[2] = word[3] = word[4] = 0;
}

static void put_ip6(struct ip *out, const uint8_t *p)
{
	uint32_t *word = (uint32_t *)out;
	word[0] = 6;
	word[1] = __builtin_bswap32(load32(p + 4));
	word[2] = __builtin_bswap32(load32(p));
	word[3] = __builtin_bswap32(load32(p + 12));
	word[4] = __builtin_bswap32(load32(p + 8));
}

/* p is at the IPv4 address; one of a pair stands at the beginning or the end of eight bytes. */
static void put_either(struct ip *out, const uint8_t *p, const uint8_t *six, enum load load)
{
	bool four = load == LOAD_EITHER ? load32(p) != 0 : load64(load == LOAD_EITHER_SRC ? p : p - 4) != 0;
	if (four)
		put_ip4(out, p);
	else
		put_ip6(out, six);
}

static uint32_t old_flags(uint8_t flags)
{
	enum { OLD_EVENT = 6, OLD_SAMPLED = 7 };
	return (flags >> OLD_EVENT & 1u) | (flags >> OLD_SAMPLED & 1u) << 1;
}

static uint64_t at_least_one(uint64_t n)
{
	return n != 0 ? n : 1;
}

/* What stands in the values of a null row is nobody's business. */
static void set_null(const struct run *r, unsigned column, uint32_t i)
{
	batch_set_null(r->batch, column, row_of(r, i));
}

static void fill_null(const struct run *r, unsigned column)
{
	uint32_t i = 0;
	struct batch_column *c = &r->batch->column[column];
	uint8_t *nulls = (uint8_t *)r->batch + c->nulls;
	for (; i < r->count && (r->row != NULL || row_of(r, i) % 8 != 0); i++)
		set_null(r, column, i);
	/* Rows that follow each other, eight at a time. Their bits are clear: these rows are new. */
	for (; i + 8 <= r->count; i += 8) {
		nulls[row_of(r, i) / 8] = 0xFF;
		c->null_count += 8;
	}
	for (; i < r->count; i++)
		set_null(r, column, i);
}

static uint64_t within(uint64_t ms)
{
	return ms < MS_END ? ms : 0;
}

/* Milliseconds of a time in a record, 0 when absent or beyond the calendar. */
static uint64_t ms_at(const struct spot *s, const uint8_t *record)
{
	uint64_t ms = 0;
	if (s->load == LOAD_MS)
		ms = load64(record + s->offset);
	else if (s->load == LOAD_OLD_FIRST)
		ms = load32(record + OLD_FIRST_S) * UINT64_C(1000) + load16(record + OLD_FIRST_MS);
	else if (s->load == LOAD_OLD_LAST)
		ms = load32(record + OLD_LAST_S) * UINT64_C(1000) + load16(record + OLD_LAST_MS);
	return within(ms);
}

static void fill_stored_time(const struct run *r, unsigned column, const struct spot *s)
{
	int64_t *to = batch_values(r->batch, column);
	for (uint32_t i = 0; i < r->count; i++) {
		uint64_t ms = ms_at(s, record_of(r, i));
		to[row_of(r, i)] = (int64_t)ms * NS_PER_MS;
		if (ms == 0)
			set_null(r, column, i);
	}
}

/* The first time that is there, in the order that decides which hour a flow belongs to. */
static int64_t time_of(const struct run *r, const uint8_t *record)
{
	static const struct {
		uint8_t spot;
		int8_t counter;
	} order[] = {
	    {SPOT_RECEIVED, -1},
	    {SPOT_EVENT, COUNT_TIME_FROM_EVENT},
	    {SPOT_LAST, COUNT_TIME_FROM_LAST},
	    {SPOT_FIRST, COUNT_TIME_FROM_FIRST},
	};
	for (unsigned i = 0; i < sizeof order / sizeof *order; i++) {
		uint64_t ms = ms_at(&r->plan->spot[order[i].spot], record);
		if (ms == 0)
			continue;
		if (order[i].counter >= 0)
			r->batch->counter[order[i].counter]++;
		return (int64_t)ms * NS_PER_MS;
	}
	r->batch->counter[r->slot_ns != 0 ? COUNT_TIME_FROM_SLOT : COUNT_TIME_ABSENT]++;
	return r->slot_ns;
}

static int64_t received_or_else(const struct run *r, const uint8_t *record, const uint8_t *received)
{
	uint64_t ms = load64(received);
	return ms - 1 < MS_END - 1 ? (int64_t)ms * NS_PER_MS : time_of(r, record);
}

static void fill_time(const struct run *r, unsigned column)
{
	const struct spot *s = &r->plan->spot[SPOT_RECEIVED];
	if (s->load == LOAD_MS) {
		const unsigned offset = s->offset;
		EACH(int64_t, received_or_else(r, p - offset, p));
	} else {
		int64_t *to = batch_values(r->batch, column);
		for (uint32_t i = 0; i < r->count; i++)
			to[row_of(r, i)] = time_of(r, record_of(r, i));
	}
	/* Zero is no time at all, and rare: nothing told one, not even the file's name. */
	const int64_t *to = batch_values(r->batch, column);
	for (uint32_t i = 0; r->slot_ns == 0 && i < r->count; i++)
		if (to[row_of(r, i)] == 0)
			set_null(r, column, i);
}

static float duration_of(const struct run *r, uint64_t first, uint64_t last)
{
	if (last >= first && first != 0)
		return (float)((double)(last - first) / 1000.0);
	r->batch->counter[first == 0 || last == 0 ? COUNT_DURATION_OPEN : COUNT_DURATION_NEGATIVE]++;
	return 0;
}

static void fill_duration(const struct run *r, unsigned column)
{
	const struct spot *s = &r->plan->spot[SPOT_FIRST], *last = &r->plan->spot[SPOT_LAST];
	if (s->load == LOAD_MS && last->load == LOAD_MS) {
		const int between = last->offset - s->offset;
		EACH(float, duration_of(r, within(load64(p)), within(load64(p + between))));
		return;
	}
	float *to = batch_values(r->batch, column);
	for (uint32_t i = 0; i < r->count; i++) {
		const uint8_t *record = record_of(r, i);
		to[row_of(r, i)] = duration_of(r, ms_at(s, record), ms_at(last, record));
	}
}

static const struct exporter *exporter_of(const struct run *r, const uint8_t *record)
{
	const struct spot *s = &r->plan->spot[SPOT_EXPORTER];
	if (s->load == LOAD_NULL)
		return NULL;
	return exporters_find(r->exporters, s->load == LOAD_U8 ? record[s->offset] : load16(record + s->offset));
}

static void fill_exporter(const struct run *r, unsigned column, enum load load)
{
	for (uint32_t i = 0; i < r->count; i++) {
		const struct exporter *e = exporter_of(r, record_of(r, i));
		if (e == NULL || (load == LOAD_EXPORTER_ADDR && e->addr.family == 0)) {
			set_null(r, column, i);
		} else if (load == LOAD_EXPORTER_ADDR) {
			((struct ip *)batch_values(r->batch, column))[row_of(r, i)] = e->addr;
			r->batch->counter[COUNT_EXPORTER_BY_RECORD]++;
		} else {
			uint32_t v = load == LOAD_EXPORTER_SOURCE ? e->source : e->version;
			((uint32_t *)batch_values(r->batch, column))[row_of(r, i)] = v;
		}
	}
}

static void fill_bytes(const struct run *r, unsigned column, const struct spot *s)
{
	struct span *to = batch_values(r->batch, column);
	for (uint32_t i = 0; i < r->count; i++) {
		const uint8_t *p = record_of(r, i) + s->offset;
		size_t length = s->load == LOAD_TEXT ? strnlen((const char *)p, s->length) : s->length;
		bool room = batch_put(r->batch, p, length, &to[row_of(r, i)]);
		assert(room);
	}
}

static void fill_column(const struct run *r, unsigned column, const struct spot *s)
{
	switch ((enum load)s->load) {
	case LOAD_U8:
		EACH(uint32_t, *p);
		break;
	case LOAD_U16:
		EACH(uint32_t, load16(p));
		break;
	case LOAD_U32:
		EACH(uint32_t, load32(p));
		break;
	case LOAD_BE32:
		EACH(uint32_t, __builtin_bswap32(load32(p)));
		break;
	case LOAD_OLD_FLAGS:
		EACH(uint32_t, old_flags(*p));
		break;
	case LOAD_WIDE32:
		EACH(uint64_t, load32(p));
		break;
	case LOAD_U64:
		EACH(uint64_t, load64(p));
		break;
	case LOAD_INT32:
		EACH(int64_t, (int32_t)load32(p));
		break;
	case LOAD_FLOWS32:
		EACH(uint64_t, at_least_one(load32(p)));
		break;
	case LOAD_FLOWS64:
		EACH(uint64_t, at_least_one(load64(p)));
		break;
	case LOAD_IP4:
		EACH_SLOT(struct ip, put_ip4(out, p));
		break;
	case LOAD_IP6:
		EACH_SLOT(struct ip, put_ip6(out, p));
		break;
	case LOAD_EITHER:
	case LOAD_EITHER_SRC:
	case LOAD_EITHER_DST:
		EACH_SLOT(struct ip, put_either(out, p, p - s->offset + s->other, s->load));
		break;
	case LOAD_MS:
	case LOAD_OLD_FIRST:
	case LOAD_OLD_LAST:
		fill_stored_time(r, column, s);
		break;
	case LOAD_BYTES:
	case LOAD_TEXT:
		fill_bytes(r, column, s);
		break;
	case LOAD_TIME:
		fill_time(r, column);
		break;
	case LOAD_DURATION:
		fill_duration(r, column);
		break;
	case LOAD_EXPORTER_ADDR:
	case LOAD_EXPORTER_SOURCE:
	case LOAD_EXPORTER_VERSION:
		fill_exporter(r, column, (enum load)s->load);
		break;
	case LOAD_NULL:
		fill_null(r, column);
		break;
	}
}

void columns_fill(const struct run *r)
{
	for (unsigned column = 0; column < r->batch->columns; column++)
		fill_column(r, column, &r->plan->column[column]);
	r->batch->counter[COUNT_UNKNOWN_ELEMENTS] += (uint64_t)r->plan->unknown * r->count;
}

static uint64_t sum_of(const struct run *r, enum spot_name name)
{
	const struct spot *s = &r->plan->spot[name];
	uint64_t sum = 0;
	switch ((enum load)s->load) {
	case LOAD_U64:
		for (uint32_t i = 0; i < r->count; i++)
			sum += load64(record_of(r, i) + s->offset);
		break;
	case LOAD_WIDE32:
		for (uint32_t i = 0; i < r->count; i++)
			sum += load32(record_of(r, i) + s->offset);
		break;
	case LOAD_FLOWS64:
		for (uint32_t i = 0; i < r->count; i++)
			sum += at_least_one(load64(record_of(r, i) + s->offset));
		break;
	case LOAD_FLOWS32:
		for (uint32_t i = 0; i < r->count; i++)
			sum += at_least_one(load32(record_of(r, i) + s->offset));
		break;
	default:
		break;
	}
	return sum;
}

void columns_sum(const struct run *r, struct sums *sums)
{
	bool aggregated = r->plan->spot[SPOT_FLOWS].load != LOAD_NULL;
	sums->rows += r->count;
	sums->flows += aggregated ? sum_of(r, SPOT_FLOWS) : r->count;
	sums->in_packets += sum_of(r, SPOT_IN_PACKETS);
	sums->in_bytes += sum_of(r, SPOT_IN_BYTES);
	sums->out_packets += sum_of(r, SPOT_OUT_PACKETS);
	sums->out_bytes += sum_of(r, SPOT_OUT_BYTES);
}

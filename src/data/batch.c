/* Lays a batch out as one slab of offsets, and proves a slab that somebody else filled. */
#include "data/batch.h"

#include <assert.h>
#include <endian.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

enum {
	PAGE = 4096,
	/* An empty batch must take one reject whatever arena was asked for, or its filler could never get rid of it. */
	REJECT_ROOM = BATCH_RAW + ERR_TEXT,
};

_Static_assert(sizeof(struct batch_reject) % 8 == 0, "rejects are an array in the slab");
_Static_assert(BATCH_ROW_BYTES + REJECT_ROOM < BATCH_SLAB / 2, "one row of any size fits an empty slab");

static size_t align8(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

static size_t null_bytes(uint32_t rows)
{
	return align8(((size_t)rows + 7) / 8);
}

static size_t head_bytes(size_t columns)
{
	return align8(sizeof(struct batch) + columns * sizeof(struct batch_column));
}

/* Where everything lies for these types and this many rows. Fills column[] when given; returns where the rejects begin.
 */
static size_t layout(const enum type *types, size_t count, uint32_t rows, struct batch_column *column)
{
	size_t at = head_bytes(count);
	for (size_t i = 0; i < count; i++) {
		size_t values = at;
		at += align8(type_size(types[i]) * rows);
		if (column != NULL)
			column[i] =
			    (struct batch_column){.type = types[i], .values = (uint32_t)values, .nulls = (uint32_t)at};
		at += null_bytes(rows);
	}
	return at;
}

/* *rows becomes what fits; returns the slab's bytes. */
static size_t slab_bytes(const enum type *types, size_t count, uint32_t *rows, size_t arena)
{
	assert(count <= BATCH_COLUMNS && *rows >= 1 && *rows <= BATCH_ROWS && arena <= BATCH_SLAB / 2);
	size_t tail = sizeof(struct batch_reject) * BATCH_REJECTS + arena + REJECT_ROOM;
	while (layout(types, count, *rows, NULL) + tail > BATCH_SLAB)
		*rows -= *rows > 64 ? *rows / 16 : 1;
	return (layout(types, count, *rows, NULL) + tail + PAGE - 1) / PAGE * PAGE;
}

struct batch *batch_again(struct batch **spare, const enum type *types, size_t count, uint32_t rows, size_t arena)
{
	struct batch *b = spare != NULL ? *spare : NULL;
	size_t size = slab_bytes(types, count, &rows, arena), mapped = size;
	if (spare != NULL)
		*spare = NULL;
	if (b != NULL && b->mapped < size)
		batch_free(&b);
	bool used = b != NULL;
	if (used) {
		mapped = b->mapped;
		memset(b, 0, head_bytes(count));
	} else {
		b = mem_map(size);
	}
	b->size = (uint32_t)size;
	b->mapped = (uint32_t)mapped;
	b->row_capacity = rows;
	b->columns = (uint32_t)count;
	b->rejects_at = (uint32_t)layout(types, count, rows, b->column);
	b->arena_at = (uint32_t)(b->rejects_at + sizeof(struct batch_reject) * BATCH_REJECTS);
	for (size_t i = 0; i < count && used; i++)
		memset((uint8_t *)b + b->column[i].nulls, 0, null_bytes(rows));
	return b;
}

struct batch *batch_new(const enum type *types, size_t count, uint32_t rows, size_t arena)
{
	return batch_again(NULL, types, count, rows, arena);
}

void batch_keep(struct batch **b, struct batch **spare)
{
	if (*b == NULL || spare == NULL) {
		batch_free(b);
		return;
	}
	batch_free(spare);
	*spare = *b;
	*b = NULL;
}

void batch_free(struct batch **b)
{
	if (*b != NULL)
		mem_unmap(*b, (*b)->mapped);
	*b = NULL;
}

void batch_reset(struct batch *b)
{
	b->rows = b->rejects = b->arena_used = 0;
	memset(b->counter, 0, sizeof b->counter);
	for (uint32_t i = 0; i < b->columns; i++) {
		struct batch_column *c = &b->column[i];
		if (c->null_count != 0)
			memset((uint8_t *)b + c->nulls, 0, null_bytes(b->row_capacity));
		c->null_count = 0;
	}
}

bool batch_holds(const struct batch *b)
{
	bool any = b->rows > 0 || b->rejects > 0;
	for (unsigned i = 0; i < BATCH_COUNTERS; i++)
		any |= b->counter[i] != 0;
	return any;
}

bool batch_room(struct batch *b, size_t len, struct span *out)
{
	size_t left = b->size - b->arena_at - b->arena_used;
	if (len > left)
		return false;
	*out = (struct span){.offset = b->arena_at + b->arena_used, .length = (uint32_t)len};
	b->arena_used += (uint32_t)len;
	return true;
}

bool batch_put(struct batch *b, const void *bytes, size_t len, struct span *out)
{
	if (!batch_room(b, len, out))
		return false;
	if (len > 0)
		memcpy((uint8_t *)b + out->offset, bytes, len);
	return true;
}

void batch_unwind(struct batch *b, uint32_t row, uint32_t arena_used)
{
	assert(arena_used <= b->arena_used && row < b->row_capacity);
	b->arena_used = arena_used;
	for (uint32_t i = 0; i < b->columns; i++) {
		struct batch_column *c = &b->column[i];
		uint8_t *byte = (uint8_t *)b + c->nulls + row / 8;
		uint8_t bit = (uint8_t)(1u << (row % 8));
		c->null_count -= (*byte & bit) != 0;
		*byte &= (uint8_t)~bit;
	}
}

bool batch_reject(struct batch *b, uint64_t offset, uint64_t length, uint64_t rows, const char *reason, const void *raw,
    size_t raw_len)
{
	size_t reason_len = strnlen(reason, ERR_TEXT);
	struct batch_reject r = {.offset = offset, .length = length, .rows = rows};
	uint32_t used = b->arena_used;
	if (raw_len > BATCH_RAW)
		raw_len = BATCH_RAW;
	if (b->rejects == BATCH_REJECTS)
		return false;
	if (!batch_put(b, reason, reason_len, &r.reason) || !batch_put(b, raw, raw_len, &r.raw)) {
		b->arena_used = used;
		return false;
	}
	memcpy((uint8_t *)b + b->rejects_at + b->rejects * sizeof r, &r, sizeof r);
	b->rejects++;
	return true;
}

static bool span_inside(const struct batch *b, struct span s)
{
	return s.length == 0 || (s.offset >= b->arena_at && s.length <= b->arena_used &&
	                            s.offset - b->arena_at <= b->arena_used - s.length);
}

/* By words: a bitmap is whole ones. */
static uint32_t count_nulls(const struct batch *b, unsigned column)
{
	const uint8_t *bits = (const uint8_t *)b + b->column[column].nulls;
	uint32_t n = 0;
	for (uint32_t row = 0; row < b->rows; row += 64) {
		uint64_t word;
		memcpy(&word, bits + row / 8, sizeof word);
		word = le64toh(word);
		if (b->rows - row < 64)
			word &= (UINT64_C(1) << (b->rows - row)) - 1;
		n += word != 0 ? (uint32_t)__builtin_popcountll(word) : 0;
	}
	return n;
}

static enum rc check_layout(const struct batch *b, const enum type *types, size_t count, size_t size, struct err *e)
{
	if (size < head_bytes(count) || size > BATCH_SLAB || b->size != size)
		return err_set(RC_BAD, e, "batch: size %u in a slab of %zu", b->size, size);
	if (b->columns != count || b->row_capacity < 1 || b->row_capacity > BATCH_ROWS || b->rows > b->row_capacity)
		return err_set(RC_BAD, e, "batch: %u columns, %u of %u rows", b->columns, b->rows, b->row_capacity);
	size_t rejects_at = layout(types, count, b->row_capacity, NULL);
	size_t arena_at = rejects_at + sizeof(struct batch_reject) * BATCH_REJECTS;
	if (b->rejects_at != rejects_at || b->arena_at != arena_at || arena_at > size ||
	    b->arena_used > size - arena_at || b->rejects > BATCH_REJECTS)
		return err_set(RC_BAD, e, "batch: rejects or arena outside the slab");
	struct batch_column want[BATCH_COLUMNS];
	layout(types, count, b->row_capacity, want);
	for (uint32_t i = 0; i < count; i++) {
		const struct batch_column *c = &b->column[i];
		if (c->type != want[i].type || c->values != want[i].values || c->nulls != want[i].nulls)
			return err_set(RC_BAD, e, "batch: column %u is not where it belongs", i);
		if (c->null_count != count_nulls(b, i))
			return err_set(RC_BAD, e, "batch: column %u counts %u nulls", i, c->null_count);
	}
	return RC_OK;
}

enum { IP_GROUP = 4, IP_WORDS = IP_GROUP * sizeof(struct ip) / sizeof(uint64_t), IP_STRIDE = 64 * IP_GROUP };
_Static_assert(IP_WORDS * sizeof(uint64_t) == IP_GROUP * sizeof(struct ip), "whole words");

/* Is each of them an IPv4 address, as most are? By words, which compilers turn into vectors. rows: of whole groups. */
static bool all_ipv4(const struct ip *ip, uint32_t rows)
{
	struct ip form[IP_GROUP], decides[IP_GROUP];
	uint64_t is[IP_WORDS], mask[IP_WORDS], wrong[IP_WORDS] = {0}, any = 0;
	memset(form, 0, sizeof form);
	memset(decides, 0xff, sizeof decides);
	for (unsigned i = 0; i < IP_GROUP; i++) {
		form[i].family = 4;
		memset(decides[i].octet, 0, 4);
	}
	memcpy(is, form, sizeof is);
	memcpy(mask, decides, sizeof mask);
	for (uint32_t row = 0; row < rows; row += IP_GROUP) {
		for (unsigned i = 0; i < IP_WORDS; i++) {
			uint64_t word;
			memcpy(&word, (const uint8_t *)&ip[row] + i * sizeof word, sizeof word);
			wrong[i] |= (word ^ is[i]) & mask[i];
		}
	}
	for (unsigned i = 0; i < IP_WORDS; i++)
		any |= wrong[i];
	return any == 0;
}

/* Is each of them an address, in its one form? Without a branch, so that it costs little. */
static bool all_ips(const struct ip *ip, uint32_t rows)
{
	uint64_t wrong = 0;
	for (uint32_t row = 0; row < rows; row++) {
		uint64_t head, middle; /* family, zeros and an IPv4 address; what is an IPv6 address's alone */
		uint32_t tail;
		memcpy(&head, &ip[row], sizeof head);
		memcpy(&middle, &ip[row].octet[4], sizeof middle);
		memcpy(&tail, &ip[row].octet[12], sizeof tail);
		uint64_t beyond = middle | tail, family = head & UINT32_MAX;
		wrong |= (uint64_t)((family != 4) | (beyond != 0)) & (uint64_t)(family != 6);
	}
	return wrong == 0;
}

static enum rc check_ips(const struct batch *b, unsigned column, struct err *e)
{
	const struct ip *ip = batch_read(b, column);
	if (b->column[column].null_count == b->rows)
		return RC_OK;
	for (uint32_t from = 0; from < b->rows; from += IP_STRIDE) {
		uint32_t n = b->rows - from < IP_STRIDE ? b->rows - from : IP_STRIDE;
		if ((n % IP_GROUP == 0 && all_ipv4(ip + from, n)) || all_ips(ip + from, n))
			continue;
		/* What lies under a null may be anything: only then each row is looked at. */
		for (uint32_t row = from; row < from + n; row++)
			if (!batch_is_null(b, column, row) && !all_ips(&ip[row], 1))
				return err_set(RC_BAD, e, "batch: column %u row %u: no address", column, row);
	}
	return RC_OK;
}

/* Every span, and what one row has of them together. */
static enum rc check_spans(const struct batch *b, struct err *e)
{
	unsigned bytes[BATCH_COLUMNS];
	unsigned n = 0;
	for (unsigned i = 0; i < b->columns; i++)
		if (b->column[i].type == TYPE_BYTES)
			bytes[n++] = i;
	for (uint32_t row = 0; n > 0 && row < b->rows; row++) {
		uint64_t total = 0;
		for (unsigned i = 0; i < n; i++) {
			const struct span *s = batch_read(b, bytes[i]);
			if (batch_is_null(b, bytes[i], row))
				continue;
			if (!span_inside(b, s[row]))
				return err_set(
				    RC_BAD, e, "batch: column %u row %u: bytes outside the arena", bytes[i], row);
			total += s[row].length;
		}
		if (total > BATCH_ROW_BYTES)
			return err_set(RC_BAD, e, "batch: row %u has %llu bytes", row, (unsigned long long)total);
	}
	return RC_OK;
}

static enum rc check_rejects(const struct batch *b, struct err *e)
{
	const struct batch_reject *r = (const void *)((const uint8_t *)b + b->rejects_at);
	for (uint32_t i = 0; i < b->rejects; i++)
		if (!span_inside(b, r[i].reason) || !span_inside(b, r[i].raw) || r[i].reason.length > ERR_TEXT ||
		    r[i].raw.length > BATCH_RAW)
			return err_set(RC_BAD, e, "batch: reject %u lies outside the arena", i);
	return RC_OK;
}

enum rc batch_check(const struct batch *b, const enum type *types, size_t count, size_t size, struct err *e)
{
	assert(count <= BATCH_COLUMNS);
	enum rc rc = check_layout(b, types, count, size, e);
	for (unsigned i = 0; rc == RC_OK && i < count; i++)
		if (types[i] == TYPE_IP)
			rc = check_ips(b, i, e);
	if (rc == RC_OK)
		rc = check_spans(b, e);
	return rc == RC_OK ? check_rejects(b, e) : rc;
}

/* The shared header, once: what is decided from here on is decided on the copy. */
static enum rc take_head(
    struct batch *own, const void *shared, size_t size, const enum type *types, size_t count, struct err *e)
{
	struct batch head;
	if (size < head_bytes(count) || size > BATCH_SLAB)
		return err_set(RC_BAD, e, "batch: a slab of %zu bytes", size);
	memcpy(&head, shared, sizeof head);
	__asm__ volatile("" ::: "memory");
	if (head.size > size || head.columns != count || head.row_capacity < 1 || head.row_capacity > BATCH_ROWS ||
	    head.rows > head.row_capacity || head.rejects > BATCH_REJECTS)
		return err_set(RC_BAD, e, "batch: %u bytes, %u columns, %u of %u rows, %u rejects", head.size,
		    head.columns, head.rows, head.row_capacity, head.rejects);
	head.mapped = BATCH_SLAB;
	head.rejects_at = (uint32_t)layout(types, count, head.row_capacity, own->column);
	head.arena_at = (uint32_t)(head.rejects_at + sizeof(struct batch_reject) * BATCH_REJECTS);
	if (head.arena_at > head.size || head.arena_used > head.size - head.arena_at)
		return err_set(RC_BAD, e, "batch: an arena of %u bytes outside the slab", head.arena_used);
	memcpy(own, &head, sizeof head);
	return RC_OK;
}

/* Only what is in use: a batch of a few rows costs a few bytes. */
static void take_columns(struct batch *own, const uint8_t *shared)
{
	uint8_t *to = (uint8_t *)own;
	size_t bitmap = ((size_t)own->rows + 7) / 8;
	for (uint32_t i = 0; i < own->columns; i++) {
		struct batch_column *c = &own->column[i];
		uint32_t nulls = *(const volatile uint32_t *)(shared + offsetof(struct batch, column) + i * sizeof *c +
		                                              offsetof(struct batch_column, null_count));
		memcpy(to + c->values, shared + c->values, type_size((enum type)c->type) * own->rows);
		if (nulls == 0)
			memset(to + c->nulls, 0, null_bytes(own->row_capacity));
		else
			memcpy(to + c->nulls, shared + c->nulls, bitmap);
		c->null_count = nulls == 0 ? 0 : count_nulls(own, i);
	}
	memcpy(to + own->rejects_at, shared + own->rejects_at, own->rejects * sizeof(struct batch_reject));
	memcpy(to + own->arena_at, shared + own->arena_at, own->arena_used);
}

static bool is_count(uint64_t n)
{
	return n >> BATCH_COUNT_BITS == 0;
}

/* No number that would wrap where it is added up. */
static enum rc check_numbers(const struct batch *b, struct err *e)
{
	const struct batch_reject *r = (const void *)((const uint8_t *)b + b->rejects_at);
	for (unsigned i = 0; i < BATCH_COUNTERS; i++)
		if (!is_count(b->counter[i]))
			return err_set(RC_BAD, e, "batch: counter %u says %llu", i, (unsigned long long)b->counter[i]);
	for (uint32_t i = 0; i < b->rejects; i++)
		if (!is_count(r[i].offset) || !is_count(r[i].length) ||
		    (r[i].rows != REJECT_ROWS_UNKNOWN && !is_count(r[i].rows & ~REJECT_ROWS_LEAST)))
			return err_set(RC_BAD, e, "batch: reject %u has numbers that no input gives", i);
	return RC_OK;
}

static enum rc check_floats(const struct batch *b, unsigned column, struct err *e)
{
	const float *value = batch_read(b, column);
	for (uint32_t row = 0; row < b->rows; row++)
		if (!isfinite(value[row]) && !batch_is_null(b, column, row))
			return err_set(RC_BAD, e, "batch: column %u row %u: no number", column, row);
	return RC_OK;
}

/* A reason is one line of text: it goes to logs and terminals. Spans may overlap, also with values: that changes
 * nothing about what is safe. */
static void clean_reasons(struct batch *b)
{
	const struct batch_reject *r = (const void *)((const uint8_t *)b + b->rejects_at);
	for (uint32_t i = 0; i < b->rejects; i++) {
		uint8_t *text = (uint8_t *)b + r[i].reason.offset;
		size_t left = r[i].reason.length;
		while (left > 0) {
			size_t width = str_utf8(text, left);
			bool control =
			    text[0] < 0x20 || text[0] == 0x7f || (width == 2 && text[0] == 0xc2 && text[1] < 0xa0);
			if (width == 0 || control)
				text[0] = '?';
			width = width == 0 || control ? 1 : width;
			text += width;
			left -= width;
		}
	}
}

/* What is wrong with a batch whose layout is right, and reasons made printable if nothing is. */
static enum rc judge(struct batch *b, const enum type *types, struct err *e)
{
	enum rc rc = RC_OK;
	for (unsigned i = 0; rc == RC_OK && i < b->columns; i++) {
		if (types[i] == TYPE_IP)
			rc = check_ips(b, i, e);
		else if (types[i] == TYPE_F32)
			rc = check_floats(b, i, e);
	}
	if (rc == RC_OK)
		rc = check_spans(b, e);
	if (rc == RC_OK)
		rc = check_rejects(b, e);
	if (rc == RC_OK)
		rc = check_numbers(b, e);
	if (rc == RC_OK)
		clean_reasons(b);
	return rc;
}

enum rc batch_take(
    struct batch *own, const void *shared, size_t size, const enum type *types, size_t count, struct err *e)
{
	assert(count <= BATCH_COLUMNS);
	enum rc rc = take_head(own, shared, size, types, count, e);
	if (rc != RC_OK)
		return rc;
	take_columns(own, shared);
	return judge(own, types, e);
}

enum rc batch_accept(struct batch *b, size_t size, const enum type *types, size_t count, struct err *e)
{
	assert(count <= BATCH_COLUMNS && size >= sizeof *b && size <= BATCH_SLAB);
	if (b->size > size)
		return err_set(RC_BAD, e, "batch: %u bytes in a slab of %zu", b->size, size);
	b->mapped = (uint32_t)size;
	enum rc rc = check_layout(b, types, count, b->size, e);
	return rc == RC_OK ? judge(b, types, e) : rc;
}

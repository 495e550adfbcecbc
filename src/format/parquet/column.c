/*
 * Rows to keys, keys to ids or values, ids and values into pages. Every step works on the whole selection; a column
 * whose rows are all alike is seen before any key is made.
 */
#include "format/parquet/column.h"

#include "format/parquet/bits.h"
#include "format/parquet/choice.h"
#include "format/parquet/emit.h"

enum {
	PAGE_BYTES = 1 << 20,       /* of PLAIN values: then the page closes before the border */
	PAGE_BYTES_PER_ROW = 32,    /* in tenths: 64 KiB at 20,480 rows, as far as Snappy looks back */
	DICTIONARY_LARGE = 4 << 10, /* values */
};

void column_init(struct column *c, const struct projection_column *from, uint64_t seed)
{
	*c = (struct column){.from = from};
	dictionary_init(&c->dictionary, from->render->key, physical_of(from->column->type), seed);
}

void column_fini(struct column *c)
{
	page_fini(&c->page);
	chunk_fini(&c->chunk);
	dictionary_fini(&c->dictionary);
	buffer_fini(&c->map);
}

size_t column_memory(const struct column *c)
{
	return c->page.body.capacity + c->page.levels.capacity + chunk_memory(&c->chunk) +
	       dictionary_memory(&c->dictionary) + c->map.capacity;
}

bool column_can_lead(const struct projection_column *c)
{
	const struct render *r = c->render;
	return r->type == TYPE_TIME && !r->bounded && (strcmp(r->as, "datetime") == 0 || strcmp(r->as, "unix") == 0);
}

bool column_can_follow(const struct projection_column *c, const struct projection_column *leader)
{
	static const char *const of_a_second[] = {
	    "datetime", "unix", "year", "month", "day", "hour", "minute", "second"};
	if (c->source != leader->source || c->render->type != TYPE_TIME || c->render->bounded)
		return false;
	for (size_t i = 0; i < sizeof of_a_second / sizeof of_a_second[0]; i++)
		if (strcmp(c->render->as, of_a_second[i]) == 0)
			return true;
	return false;
}

/* Closing pages */

static enum rc close_page(struct column *c, struct scratch *s, struct err *e)
{
	bool weigh = choice_due(c);
	enum rc rc = RC_OK;
	if (weigh)
		rc = recode_measure(&c->sample, &c->page, &c->dictionary, s, e);
	if (rc == RC_OK)
		rc = chunk_close_page(&c->chunk, &c->page, &c->dictionary, c->plain, s, e);
	if (rc == RC_OK && weigh)
		choice_weigh(c, s->codec);
	return rc;
}

/*
 * Is there enough for a page? Rows of a narrow column go on over several borders: a codec finds more in a longer page,
 * and a header is as long as thousands of its values. Wide ids gain more from short pages, whose width is that of the
 * dictionary so far.
 */
static bool enough(const struct column *c, const struct scratch *s)
{
	const struct page *p = &c->page;
	size_t least = (size_t)s->page_rows * PAGE_BYTES_PER_ROW / 10;
	if (c->plain)
		return p->body.len >= least;
	return !p->single && (p->item > 1 || (uint64_t)p->values * bits_width(c->dictionary.count - 1) / 8 >= least);
}

/* Rows were added: is it a border where columns may close? */
static enum rc advance(struct column *c, const uint8_t *present, size_t rows, struct scratch *s, struct err *e)
{
	page_rows(&c->page, present, rows);
	c->page_left -= (uint32_t)rows;
	return c->page_left == 0 && enough(c, s) ? close_page(c, s, e) : RC_OK;
}

/* Rows that fit until the border. */
static size_t piece(struct column *c, size_t rows, const struct scratch *s)
{
	if (c->page_left == 0)
		c->page_left = s->page_rows;
	return rows < c->page_left ? rows : c->page_left;
}

/* Putting into pages */

static size_t count_present(const uint8_t *present, size_t rows)
{
	if (present == NULL)
		return rows;
	size_t n = 0;
	for (size_t i = 0; i < rows; i++)
		n += present[i];
	return n;
}

static const uint8_t *after(const uint8_t *present, size_t rows)
{
	return present == NULL ? NULL : present + rows;
}

/*
 * A page of numbers from a large dictionary: walking that for the page's bounds would cost more than looking at every
 * key. Settled when the page begins, so that it holds for all of it.
 */
static void begin_page(struct column *c)
{
	if (c->page.rows == 0)
		c->page.by_keys = c->dictionary.physical != PHYSICAL_BYTES && c->leader == NULL &&
		                  c->dictionary.count >= DICTIONARY_LARGE;
}

static void fold_keys(struct column *c, const uint64_t *keys, size_t n)
{
	struct bounds b = bounds_keys(c->dictionary.physical, keys, n);
	bounds_fold(c->dictionary.physical, &c->page.bounds, &b);
}

/* keys: those that the ids are of; not needed by a column that follows. */
static enum rc put_ids(struct column *c, const uint32_t *ids, const uint64_t *keys, const uint8_t *present, size_t rows,
    struct scratch *s, struct err *e)
{
	unsigned item = page_item(c->dictionary.count);
	enum rc rc = RC_OK;
	while (rows > 0 && rc == RC_OK) {
		size_t take = piece(c, rows, s), values = count_present(present, take);
		begin_page(c);
		if (c->page.by_keys)
			fold_keys(c, keys, values);
		if (keys != NULL)
			keys += values;
		page_ids(&c->page, ids, values, item);
		rc = advance(c, present, take, s, e);
		ids += values;
		present = after(present, take);
		rows -= take;
	}
	return rc;
}

static enum rc put_run(
    struct column *c, uint32_t id, const uint64_t *key, size_t rows, struct scratch *s, struct err *e)
{
	unsigned item = page_item(c->dictionary.count);
	enum rc rc = RC_OK;
	while (rows > 0 && rc == RC_OK) {
		size_t take = piece(c, rows, s);
		begin_page(c);
		if (c->page.by_keys)
			fold_keys(c, key, 1);
		page_run(&c->page, id, take, item);
		rc = advance(c, NULL, take, s, e);
		rows -= take;
	}
	return rc;
}

static enum rc put_nulls(struct column *c, size_t rows, struct scratch *s, struct err *e)
{
	enum rc rc = RC_OK;
	memset(s->present, 0, rows);
	while (rows > 0 && rc == RC_OK) {
		size_t take = piece(c, rows, s);
		rc = advance(c, s->present, take, s, e);
		rows -= take;
	}
	return rc;
}

/* Rows up to the one that holds the value behind the first `values`. */
static size_t rows_of(const uint8_t *present, size_t rows, size_t values)
{
	if (present == NULL)
		return values;
	size_t i = 0;
	for (; i < rows && (values > 0 || present[i] == 0); i++)
		values -= present[i];
	return i;
}

static enum rc put_plain(struct column *c, const struct keys *k, size_t first, const uint8_t *present, size_t rows,
    struct scratch *s, struct err *e)
{
	enum rc rc = RC_OK;
	while (rows > 0 && rc == RC_OK) {
		size_t take = piece(c, rows, s), values = count_present(present, take);
		size_t put = plain_put(k, first, values, &c->page.body, PAGE_BYTES);
		if (put < values)
			take = rows_of(present, take, put);
		c->page.values += (uint32_t)put;
		rc = advance(c, present, take, s, e);
		if (rc == RC_OK && c->page.body.len >= PAGE_BYTES)
			rc = close_page(c, s, e);
		first += put;
		present = after(present, take);
		rows -= take;
	}
	return rc;
}

/* Making keys */

/* Do all rows hold the same bytes? Stops at the first that doesn't. */
static bool all_same(const struct rows *r, unsigned source)
{
	size_t size = type_size((enum type)r->batch->column[source].type);
	const uint8_t *values = batch_read(r->batch, source);
	if (r->dense) {
		const uint8_t *first = values + r->first * size;
		return memcmp(first, first + size, (r->n - 1) * size) == 0;
	}
	const uint8_t *first = values + r->sel[0] * size;
	for (size_t i = 1; i < r->n; i++)
		if (memcmp(first, values + r->sel[i] * size, size) != 0)
			return false;
	return true;
}

/* A byte per row, 0 for null; NULL when none is. */
static uint8_t *find_nulls(const struct rows *r, unsigned source, struct scratch *s, size_t *values)
{
	*values = r->n;
	if (r->batch->column[source].null_count == 0)
		return NULL;
	size_t n = 0;
	for (size_t i = 0; i < r->n; i++) {
		uint32_t row = r->sel == NULL ? (uint32_t)i : r->sel[i];
		s->present[i] = !batch_is_null(r->batch, source, row);
		n += s->present[i];
	}
	*values = n;
	return n == r->n ? NULL : s->present;
}

/* Keys of the first n rows; addresses and spans are their own keys and need not be copied when they lie side by side.
 */
static void make_keys(
    const struct column *c, const struct rows *r, size_t n, bool copy, struct scratch *s, struct keys *k)
{
	const struct projection_column *from = c->from;
	enum key kind = from->render->key;
	*k = (struct keys){.from = from, .batch = r->batch, .at = s->keys, .n = n};
	if ((kind == KEY_IP || kind == KEY_BYTES) && r->dense && !copy)
		k->at = (const uint8_t *)batch_read(r->batch, from->source) + r->first * render_key_size(kind);
	else
		from->render->normalise(r->batch, from->source, r->first, r->dense ? NULL : r->sel, n, s->keys);
}

/* Leave out the keys of rows that are not present. */
static void compact(struct keys *k, uint8_t *keys, const uint8_t *present, size_t rows)
{
	size_t size = render_key_size(k->from->render->key), n = 0;
	for (size_t i = 0; i < rows; i++) {
		memmove(keys + n * size, keys + i * size, size);
		n += present[i];
	}
	k->n = n;
}

static void absent_key(const struct projection_column *from, uint8_t *key)
{
	if (from->render->key == KEY_BYTES)
		memcpy(key, &(struct span){.length = KEYS_ABSENT}, sizeof(struct span));
	else if (from->render->key == KEY_IP)
		memcpy(key, &from->absent.ip, sizeof(struct ip));
	else
		memcpy(key, &from->absent.u64, sizeof(uint64_t));
}

static void fill_absent(const struct projection_column *from, uint8_t *keys, const uint8_t *present, size_t rows)
{
	size_t size = render_key_size(from->render->key);
	for (size_t i = 0; i < rows; i++)
		if (present[i] == 0)
			absent_key(from, keys + i * size);
}

/*
 * Null the rows whose key their SQL type can't hold. Most columns never have one: small positive numbers fit every type
 * of theirs, so one pass that ORs them all decides. Returns the levels, NULL if no row is null.
 */
static uint8_t *leave_out(struct column *c, struct keys *k, uint8_t *present, size_t rows, struct scratch *s)
{
	const struct render *r = c->from->render;
	uint64_t *key = s->keys;
	if (!r->bounded || render_all_fit(r, key, k->n))
		return present;
	size_t n = 0, left = 0;
	if (present == NULL)
		memset(s->present, 1, rows);
	for (size_t i = 0; i < rows; i++) {
		if (s->present[i] == 0)
			continue;
		uint64_t v = key[n++];
		key[left] = v;
		s->present[i] = render_fits(r, v);
		left += s->present[i];
	}
	c->outside += k->n - left;
	k->n = left;
	return left == rows ? NULL : s->present;
}

/* Appending */

/* Ids of the keys; what is new is noted for those who follow. */
static size_t find(struct column *c, const struct keys *k, uint32_t *ids, struct scratch *s)
{
	return c->leads ? dictionary_find(&c->dictionary, k, ids, s->fresh, &s->freshes)
	                : dictionary_find(&c->dictionary, k, ids, NULL, NULL);
}

/* All rows have the one key. */
static enum rc append_same(struct column *c, struct keys *k, size_t rows, struct scratch *s, struct err *e)
{
	size_t size = render_key_size(c->from->render->key);
	const struct render *r = c->from->render;
	uint32_t before = c->dictionary.count, *ids = c->leads ? s->leader_ids : s->ids;
	k->n = 1;
	if (r->bounded && !render_fits(r, *(const uint64_t *)k->at)) {
		c->outside += rows;
		return put_nulls(c, rows, s, e);
	}
	if (!c->plain && find(c, k, ids, s) == 1) {
		if (c->leads) {
			s->leader = c;
			s->leader_keys = 1;
			s->leader_before = before;
		}
		return put_run(c, ids[0], k->at, rows, s, e);
	}
	/* PLAIN has no runs: the key once per row. */
	uint8_t *keys = s->keys;
	memmove(keys, k->at, size);
	for (size_t i = 1; i < rows; i++)
		memcpy(keys + i * size, keys, size);
	k->at = keys;
	k->n = rows;
	enum rc rc = choice_plain(c, s, e);
	return rc == RC_OK ? put_plain(c, k, 0, NULL, rows, s, e) : rc;
}

static enum rc append_keys(
    struct column *c, const struct keys *k, const uint8_t *present, size_t rows, struct scratch *s, struct err *e)
{
	size_t found = 0, done = 0;
	enum rc rc = RC_OK;
	if (!c->plain) {
		uint32_t *ids = c->leads ? s->leader_ids : s->ids, before = c->dictionary.count;
		found = find(c, k, ids, s);
		done = found == k->n ? rows : rows_of(present, rows, found);
		if (c->leads && present == NULL && found == rows) {
			s->leader = c;
			s->leader_keys = rows;
			s->leader_before = before;
		}
		rc = put_ids(c, ids, k->at, present, done, s, e);
	}
	if (rc != RC_OK || done == rows)
		return rc;
	rc = choice_plain(c, s, e);
	return rc == RC_OK ? put_plain(c, k, found, after(present, done), rows - done, s, e) : rc;
}

/* The rows by way of the leader's ids. false: it did not work out, the rows must go their own way. */
static bool follow(struct column *c, const struct rows *r, struct scratch *s)
{
	if (c->leader == NULL || s->leader != c->leader || c->plain ||
	    c->map.len != s->leader_before * sizeof(uint32_t))
		return false;
	if (s->freshes == 0)
		return true;
	struct keys k = {.from = c->from, .batch = r->batch, .at = s->keys, .n = s->freshes};
	for (size_t i = 0; i < s->freshes; i++)
		s->fresh_rows[i] = r->sel == NULL ? (uint16_t)s->fresh[i] : r->sel[s->fresh[i]];
	c->from->render->normalise(r->batch, c->from->source, 0, s->fresh_rows, s->freshes, s->keys);
	if (dictionary_find(&c->dictionary, &k, s->ids, NULL, NULL) != k.n)
		return false;
	buffer_put(&c->map, s->ids, k.n * sizeof(uint32_t));
	return true;
}

static enum rc append_following(struct column *c, size_t rows, struct scratch *s, struct err *e)
{
	const uint32_t *map = (const uint32_t *)(const void *)c->map.bytes;
	if (s->leader_keys == 1)
		return put_run(c, map[s->leader_ids[0]], NULL, rows, s, e);
	if (c->dictionary.count == 1)
		return put_run(c, 0, NULL, rows, s, e);
	for (size_t i = 0; i < rows; i++)
		s->ids[i] = map[s->leader_ids[i]];
	return put_ids(c, s->ids, NULL, NULL, rows, s, e);
}

/* Rows that follow nobody. present: as find_nulls gives it. */
static enum rc append_own(
    struct column *c, const struct rows *r, uint8_t *present, size_t values, struct scratch *s, struct err *e)
{
	struct keys k;
	if (present == NULL && all_same(r, c->from->source)) {
		make_keys(c, r, 1, false, s, &k);
		return append_same(c, &k, r->n, s, e);
	}
	if (values == 0 && c->from->has_absent) {
		absent_key(c->from, s->keys);
		k = (struct keys){.from = c->from, .batch = r->batch, .at = s->keys, .n = 1};
		return append_same(c, &k, r->n, s, e);
	}
	if (values == 0)
		return put_nulls(c, r->n, s, e);
	make_keys(c, r, r->n, present != NULL, s, &k);
	if (present != NULL && c->from->has_absent) {
		fill_absent(c->from, s->keys, present, r->n);
		present = NULL;
	} else if (present != NULL) {
		compact(&k, s->keys, present, r->n);
	}
	present = leave_out(c, &k, present, r->n, s);
	return append_keys(c, &k, present, r->n, s, e);
}

enum rc column_append(struct column *c, const struct rows *r, struct scratch *s, struct err *e)
{
	enum rc rc = c->wants_plain ? choice_plain(c, s, e) : RC_OK;
	size_t values;
	if (rc != RC_OK)
		return rc;
	if (follow(c, r, s))
		return append_following(c, r->n, s, e);
	uint8_t *present = find_nulls(r, c->from->source, s, &values);
	rc = append_own(c, r, present, values, s, e);
	/* A null row's id stands for this column's own absent value, if any: nobody can follow that. */
	if (present != NULL && s->leader == c)
		s->leader = NULL;
	return rc;
}

enum rc column_flush(struct column *c, struct scratch *s, struct output *o, struct footer *f, struct err *e)
{
	struct footer_chunk meta;
	enum rc rc = RC_OK;
	if (c->page.rows != 0)
		rc = close_page(c, s, e);
	if (rc == RC_OK)
		rc = choice_last(c, s, e);
	if (rc == RC_OK)
		rc = emit_chunk(&c->chunk, &c->dictionary, s, o, &meta, e);
	if (rc != RC_OK)
		return rc;
	footer_add(f, c->from->column->name, &meta, &c->chunk);
	choice_next(c);
	column_fini(c);
	return RC_OK;
}

/* Most values of most lines need no byte of their own; the paths that write some are apart. */
#include "dissect/log/row.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "dissect/log/counters.h"
#include "dissect/log/url.h"

#define EACH(byte) (UINT64_MAX / 255 * (byte))

/* Text that is being written to the end of the arena. */
struct text {
	uint8_t *to;
	size_t length, room;
	bool cut;
};

/* Printable ASCII? May say no where it is. */
static bool is_plain(const uint8_t *p, size_t size)
{
	uint64_t odd = 0, w;
	size_t i = 0;
	for (; i + 8 <= size; i += 8) {
		memcpy(&w, p + i, 8);
		uint64_t del = w ^ EACH(0x7f);
		odd |= w | ((w - EACH(0x20)) & ~w) | ((del - EACH(1)) & ~del);
	}
	odd &= EACH(0x80);
	for (; i < size; i++)
		odd |= p[i] < 0x20 || p[i] >= 0x7f;
	return odd == 0;
}

static struct text text_begin(struct row *row)
{
	struct batch *b = row->batch;
	uint32_t used = b->arena_used - row->begin;
	size_t room = used < BATCH_ROW_BYTES ? BATCH_ROW_BYTES - used : 0;
	return (struct text){.to = (uint8_t *)b + b->arena_at + b->arena_used, .room = room};
}

static void text_bytes(struct text *t, const void *bytes, size_t n)
{
	if (n > t->room - t->length) {
		t->cut = true;
		t->room = t->length;
		return;
	}
	memcpy(t->to + t->length, bytes, n);
	t->length += n;
}

static struct span text_end(struct row *row, const struct text *t)
{
	struct batch *b = row->batch;
	struct span s = {.offset = b->arena_at + b->arena_used, .length = (uint32_t)t->length};
	b->arena_used += (uint32_t)t->length;
	b->counter[COUNT_VALUES_CUT] += t->cut;
	return s;
}

/* Length of what stands at p and may stay as it is; 0: a byte to be escaped. */
static size_t good_length(const uint8_t *p, size_t size)
{
	if ((*p >= 0x20 && *p < 0x7f) || *p == '\t')
		return 1;
	return *p < 0x80 ? 0 : str_utf8(p, size);
}

/* How many bytes an escape of the form begins with: they stand for the one that follows. */
static size_t escape_length(const struct value *v, uint32_t i)
{
	if (i + 1 >= v->length)
		return 0;
	const uint8_t *p = v->at + i;
	if (v->form == FORM_DOUBLED)
		return (p[0] == '"' || p[0] == '\\') && p[1] == '"';
	return v->form == FORM_APACHE && p[0] == '\\' && (p[1] == '"' || p[1] == '\\');
}

/* The value without its escapes, good UTF-8; json: as part of a JSON string. */
static void text_value(struct text *t, const struct value *v, bool json, uint64_t *counter)
{
	char escape[8];
	for (uint32_t i = 0; i < v->length;) {
		i += (uint32_t)escape_length(v, i);
		size_t n = good_length(v->at + i, v->length - i);
		if (n == 0) {
			int len = snprintf(escape, sizeof escape, json ? "\\\\x%02x" : "\\x%02x", v->at[i]);
			text_bytes(t, escape, (size_t)len);
			counter[COUNT_REENCODED_BYTES]++;
			n = 1;
		} else if (json && (v->at[i] == '"' || v->at[i] == '\\')) {
			text_bytes(t, (uint8_t[]){'\\', v->at[i]}, 2);
		} else if (json && v->at[i] == '\t') {
			text_bytes(t, "\\t", 2);
		} else {
			text_bytes(t, v->at + i, n);
		}
		i += (uint32_t)n;
	}
}

static inline bool in_line(const struct row *row, const struct value *v)
{
	return (uintptr_t)v->at - (uintptr_t)row->line.at < row->line.size;
}

/* Does the value need nothing done to its bytes? */
static inline bool as_it_is(const struct row *row, const struct value *v)
{
	return v->form <= FORM_QUOTED && (row->plain || is_plain(v->at, v->length));
}

static inline struct span span_of(struct row *row, const struct value *v)
{
	if (in_line(row, v) && as_it_is(row, v))
		return (struct span){.offset = row->copy + (uint32_t)(v->at - row->line.at), .length = v->length};
	struct text t = text_begin(row);
	text_value(&t, v, false, row->batch->counter);
	return text_end(row, &t);
}

/* As the options want quotes and dashes. false: null. */
static inline bool settle(const struct row *row, struct value *v)
{
	const struct log_options *o = row->options;
	if (v->form == FORM_ABSENT)
		return false;
	if (v->form != FORM_BARE && o->quotes_kept) {
		*v = value_of(v->at - 1, v->at + v->length + 1);
		return true;
	}
	if (v->form == FORM_BARE && v->length == 0)
		return false;
	return o->dash_kept || !value_unset(*v);
}

static inline void set_null(struct row *row, unsigned column)
{
	batch_set_null(row->batch, column, row->batch->rows);
}

static inline void set_span(struct row *row, unsigned column, struct span s)
{
	((struct span *)batch_values(row->batch, column))[row->batch->rows] = s;
}

static inline void set_u64(struct row *row, unsigned column, uint64_t v)
{
	((uint64_t *)batch_values(row->batch, column))[row->batch->rows] = v;
}

static inline void put_value(struct row *row, unsigned column, struct value v)
{
	if (settle(row, &v))
		set_span(row, column, span_of(row, &v));
	else
		set_null(row, column);
}

/* Thousandths of seconds that are written with a fraction. */
static bool thousandths(const struct value *v, uint64_t *out)
{
	uint64_t whole = 0;
	uint32_t i = 0, scale = 100;
	for (; i < v->length && i < 15 && is_digit(v->at[i]); i++)
		whole = whole * 10 + (v->at[i] - '0');
	whole *= 1000;
	bool point = i < v->length && v->at[i] == '.' && i > 0;
	for (i += point; point && i < v->length && is_digit(v->at[i]); i++, scale /= 10)
		whole += (v->at[i] - '0') * scale;
	*out = whole;
	return i == v->length && i > 0;
}

static void put_number(struct row *row, unsigned column, const struct value *v, unsigned unit)
{
	uint64_t n = 0, *counter = row->batch->counter;
	bool over = false, good = true;
	if (value_unset(*v)) {
		set_null(row, column);
		return;
	}
	if (unit == 1) {
		good = thousandths(v, &n);
	} else if (v->length <= 18) {
		/* 18 digits fit. */
		for (uint32_t i = 0; i < v->length; i++) {
			good &= is_digit(v->at[i]);
			n = n * 10 + (v->at[i] & 15);
		}
		n /= unit / 1000;
	} else {
		for (uint32_t i = 0; i < v->length; i++) {
			good &= is_digit(v->at[i]);
			over |= __builtin_mul_overflow(n, 10, &n) ||
			        __builtin_add_overflow(n, (uint64_t)(v->at[i] & 15), &n);
		}
		n /= unit / 1000;
	}
	counter[COUNT_NUMBERS_MALFORMED] += !good;
	counter[COUNT_NUMBERS_OUT_OF_RANGE] += good && over;
	if (good && !over)
		set_u64(row, column, n);
	else
		set_null(row, column);
}

static bool is_set(const struct value *v)
{
	return !value_unset(*v);
}

/* The parts of the URL: those that are logged, else those of the whole. */
static void find_parts(const struct row *row, const struct record *r, struct url *url)
{
	*url = (struct url){.scheme = r->value[FIELD_URISCHEME],
	    .host = r->value[FIELD_HOST],
	    .port = r->value[FIELD_URIPORT],
	    .path = r->value[FIELD_URIPATH],
	    .query = r->value[FIELD_URIQUERY]};
	if (row->options->spot || value_unset(r->uri))
		return;
	struct url whole;
	url_split(r->uri, r->tunnel, &whole);
	url->scheme = is_set(&url->scheme) ? url->scheme : whole.scheme;
	url->host = is_set(&url->host) ? url->host : whole.host;
	url->port = is_set(&url->port) ? url->port : whole.port;
	url->path = is_set(&url->path) ? url->path : whole.path;
	url->query = is_set(&url->query) ? url->query : whole.query;
}

static void text_part(struct row *row, struct text *t, const struct value *v)
{
	if (as_it_is(row, v))
		text_bytes(t, v->at, v->length);
	else
		text_value(t, v, false, row->batch->counter);
}

static bool needs_mark(const struct value *query)
{
	return is_set(query) && query->at[0] != '?';
}

static void text_query(struct row *row, struct text *t, const struct value *query, bool mark)
{
	if (mark)
		text_bytes(t, "?", 1);
	text_part(row, t, query);
}

static void put_query(struct row *row, unsigned column, const struct value *query)
{
	struct value v = *query;
	if (row->options->spot || !needs_mark(&v)) {
		put_value(row, column, v);
		return;
	}
	struct text t = text_begin(row);
	settle(row, &v);
	text_query(row, &t, &v, true);
	set_span(row, column, text_end(row, &t));
}

/* scheme://host[:port]path?query; null without a host. */
static void put_url(struct row *row, unsigned column, const struct url *u)
{
	if (!is_set(&u->host)) {
		set_null(row, column);
		return;
	}
	struct text t = text_begin(row);
	bool usual = (value_is(u->scheme, "http") && value_is(u->port, "80")) ||
	             (value_is(u->scheme, "https") && value_is(u->port, "443"));
	if (is_set(&u->scheme)) {
		text_part(row, &t, &u->scheme);
		text_bytes(&t, "://", 3);
	}
	text_part(row, &t, &u->host);
	if (is_set(&u->port) && !usual) {
		text_bytes(&t, ":", 1);
		text_part(row, &t, &u->port);
	}
	if (is_set(&u->path))
		text_part(row, &t, &u->path);
	if (is_set(&u->query))
		text_query(row, &t, &u->query, needs_mark(&u->query));
	set_span(row, column, text_end(row, &t));
}

/* Host, path and query, the latter two where they are longer than one character. */
static void put_fulluri(struct row *row, unsigned column, const struct url *u)
{
	struct value host = u->host, path = u->path, query = u->query;
	bool spot = row->options->spot;
	if (row->options->full_url) {
		put_url(row, column, u);
		return;
	}
	if (!settle(row, &host)) {
		set_null(row, column);
		return;
	}
	struct text t = text_begin(row);
	text_part(row, &t, &host);
	if (settle(row, &path) && path.length > 1)
		text_part(row, &t, &path);
	if (settle(row, &query) && (query.length > 1 || (!spot && needs_mark(&query))))
		text_query(row, &t, &query, !spot && needs_mark(&query));
	set_span(row, column, text_end(row, &t));
}

static void put_extra(struct row *row, unsigned column, const struct record *r)
{
	uint64_t *counter = row->batch->counter;
	if (r->extras == 0) {
		set_null(row, column);
		return;
	}
	struct text t = text_begin(row);
	size_t whole = 0;
	text_bytes(&t, "{", 1);
	for (size_t i = 0; i < r->extras && !t.cut; i++) {
		struct value name = value_text(r->extra[i].name);
		text_bytes(&t, ",\"", i > 0 ? 1 : 0);
		text_bytes(&t, "\"", 1);
		text_value(&t, &name, true, counter);
		text_bytes(&t, "\":\"", 3);
		text_value(&t, &r->extra[i].value, true, counter);
		text_bytes(&t, "\"}", 2);
		/* The brace is there already, so that a cut leaves whole members. */
		t.length -= !t.cut;
		whole = t.cut ? whole : t.length;
	}
	t.length = whole;
	if (whole > 0)
		t.to[t.length++] = '}';
	if (whole > 0)
		set_span(row, column, text_end(row, &t));
	else
		set_null(row, column);
	counter[COUNT_VALUES_CUT] += whole == 0;
}

static void put_extension(struct row *row, unsigned column, const struct record *r, const struct url *u)
{
	struct value v = r->value[FIELD_URIEXTENSION];
	put_value(row, column, v.form == FORM_ABSENT && !row->options->spot ? url_extension(u->path) : v);
}

static void put_raw(struct row *row, unsigned column)
{
	struct value v = value_of(row->line.at, row->line.at + row->line.size);
	set_span(row, column, span_of(row, &v));
}

static void put_field(struct row *row, unsigned column, const struct record *r, const struct url *u)
{
	switch (row->wanted[column]) {
	case FIELD_TIME:
		set_u64(row, column, (uint64_t)r->time_ns);
		break;
	case FIELD_LINE_NUMBER:
		set_u64(row, column, row->line.number);
		break;
	case FIELD_DURATION:
		put_number(row, column, &r->value[FIELD_DURATION], r->duration_unit);
		break;
	case FIELD_SCBYTES:
	case FIELD_CSBYTES:
		put_number(row, column, &r->value[row->wanted[column]], 1000);
		break;
	case FIELD_URISCHEME:
		put_value(row, column, u->scheme);
		break;
	case FIELD_HOST:
		put_value(row, column, u->host);
		break;
	case FIELD_URIPORT:
		put_value(row, column, u->port);
		break;
	case FIELD_URIPATH:
		put_value(row, column, u->path);
		break;
	case FIELD_URIQUERY:
		put_query(row, column, &u->query);
		break;
	case FIELD_URIEXTENSION:
		put_extension(row, column, r, u);
		break;
	case FIELD_FULLURI:
		put_fulluri(row, column, u);
		break;
	case FIELD_URL:
		put_url(row, column, u);
		break;
	case FIELD_EXTRA:
		put_extra(row, column, r);
		break;
	case FIELD_RAW_LINE:
		put_raw(row, column);
		break;
	default:
		put_value(row, column, r->value[row->wanted[column]]);
		break;
	}
}

void row_put(struct row *row, const struct record *r)
{
	struct batch *b = row->batch;
	struct url url;
	row->begin = b->arena_used;
	row->copy = b->arena_at + b->arena_used;
	memcpy((uint8_t *)b + row->copy, row->line.at, row->line.size);
	b->arena_used += (uint32_t)row->line.size;
	row->plain = is_plain(row->line.at, row->line.size);
	find_parts(row, r, &url);
	for (unsigned column = 0; column < row->wants; column++)
		put_field(row, column, r, &url);
	b->rows++;
}

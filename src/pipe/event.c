/*
 * Events as headers and a value, so that a reader in another language needs no code of ours. Everything that comes back
 * from the bus is hostile until it is checked: another program may write to the topic.
 */
#include "pipe/event.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

enum {
	NAME_MAX_BYTES = 1024,
	PATH_MAX_BYTES = 8192,
	REPORT_MAX_BYTES = 2 << 20,
	PARTS_MAX = 1 << 24,
	NUMBER = 24,
	HEADERS = 16,
	MAC_TEXT = 2 * MAC_BYTES + 1,
};

static const char *const kind_name[] = {[EVENT_FILE] = "file", [EVENT_ROWS] = "rows", [EVENT_FLUSH] = "flush"};

struct headers {
	struct bus_header at[HEADERS];
	size_t count;
	char number[HEADERS][NUMBER];
};

static void add(struct headers *h, const char *name, const void *bytes, size_t len)
{
	assert(h->count < HEADERS);
	h->at[h->count++] = (struct bus_header){name, {bytes, len}};
}

static void add_text(struct headers *h, const char *name, const char *text)
{
	add(h, name, text, strlen(text));
}

static void add_number(struct headers *h, const char *name, const char *format, int64_t v)
    __attribute__((format(printf, 3, 0)));

static void add_number(struct headers *h, const char *name, const char *format, int64_t v)
{
	char *text = h->number[h->count];
	int n = snprintf(text, NUMBER, format, v);
	add(h, name, text, (size_t)n);
}

static void mac_text(const struct mac *s, char out[MAC_TEXT])
{
	str_hex(s->key, MAC_KEY, out);
	str_hex(s->tag, MAC_TAG, out + 2 * MAC_KEY);
}

static char *escaped(const char *bytes)
{
	size_t len = strlen(bytes);
	char *out = mem_alloc(4 * len + 1);
	str_escape(bytes, len, out);
	return out;
}

enum rc event_produce(
    struct bus *b, const char *topic, unsigned partition, const struct event *ev, void *context, struct err *e)
{
	struct headers h = {.count = 0};
	add_text(&h, "kind", kind_name[ev->kind]);
	if (ev->kind == EVENT_FLUSH)
		return bus_produce(b, topic, partition, h.at, h.count, (struct bus_bytes){"", 0},
		    (struct bus_bytes){"", 0}, context, e);

	char hex[SHA256_TEXT], schema[20], mac[MAC_TEXT];
	str_hex(ev->original, SHA256_BYTES, hex);
	char *name = escaped(ev->name), *path = escaped(ev->path);
	add_text(&h, "original", hex);
	add_text(&h, "name", name);
	add_text(&h, "path", path);
	add_number(&h, "size", "%" PRIu64, (int64_t)ev->size);
	add_number(&h, "part", "%" PRIu64, ev->part);
	add_number(&h, "parts", "%" PRIu64, ev->parts);
	add_number(&h, "again", "%" PRIu64, ev->again);
	add_text(&h, "dissector", ev->dissector);
	add_number(&h, "slot", "%" PRId64, ev->slot_s);
	add_number(&h, "archived", "%" PRId64, ev->archived_s);
	struct bus_bytes value = {"", 0};
	if (ev->kind == EVENT_FILE && ev->has_mac) {
		mac_text(&ev->mac, mac);
		add_text(&h, "mac", mac);
	}
	if (ev->kind == EVENT_ROWS) {
		snprintf(schema, sizeof schema, "%016" PRIx64, ev->schema);
		add_text(&h, "schema", schema);
		if (ev->hour == INT64_MIN)
			add_text(&h, "hour", "");
		else
			add_number(&h, "hour", "%" PRId64, ev->hour);
		add_number(&h, "rows", "%" PRIu64, (int64_t)ev->rows);
		if (ev->report != NULL)
			add_text(&h, "report", ev->report);
		value = ev->value;
	}
	enum rc rc = bus_produce(
	    b, topic, partition, h.at, h.count, (struct bus_bytes){hex, SHA256_TEXT - 1}, value, context, e);
	mem_free(&name);
	mem_free(&path);
	return rc;
}

/* One walk over the headers of an event; the first that is wrong sticks. */
struct intake {
	const struct bus_event *from;
	char *to; /* where the next text goes in the caller's buffer */
	struct err *e;
	bool bad;
};

static struct bus_bytes need(struct intake *in, const char *name, size_t most)
{
	struct bus_bytes v = bus_event_header(in->from, name);
	if (in->bad)
		return (struct bus_bytes){"", 0};
	if (v.at == NULL || v.len > most || memchr(v.at, 0, v.len) != NULL) {
		in->bad = true;
		err_set(RC_BAD, in->e, "event %" PRIu64 ": header \"%s\" is %s", in->from->offset, name,
		    v.at == NULL   ? "missing"
		    : v.len > most ? "too long"
		                   : "not text");
		return (struct bus_bytes){"", 0};
	}
	return v;
}

static const char *keep(struct intake *in, struct bus_bytes v)
{
	char *text = in->to;
	if (v.len > 0)
		memcpy(text, v.at, v.len);
	text[v.len] = '\0';
	in->to += v.len + 1;
	return text;
}

static void wrong(struct intake *in, const char *name)
{
	if (!in->bad)
		err_set(RC_BAD, in->e, "event %" PRIu64 ": header \"%s\" makes no sense", in->from->offset, name);
	in->bad = true;
}

static int64_t number(struct intake *in, const char *name, int64_t min, int64_t max)
{
	struct bus_bytes v = need(in, name, NUMBER - 1);
	char text[NUMBER];
	int64_t out = 0;
	struct err ignored;
	memcpy(text, v.at, v.len);
	text[v.len] = '\0';
	if (!in->bad && str_number(text, min, max, &out, &ignored) != RC_OK)
		wrong(in, name);
	return in->bad ? 0 : out;
}

static const char *unescaped(struct intake *in, const char *name, size_t most)
{
	const char *text = keep(in, need(in, name, 4 * most));
	size_t len = 0;
	char *bytes = (char *)text;
	char *copy = mem_text(text);
	if (!in->bad && (!str_unescape(copy, bytes, strlen(copy) + 1, &len) || len > most || strlen(bytes) != len))
		wrong(in, name);
	mem_free(&copy);
	return bytes;
}

static void read_digest(struct intake *in, uint8_t out[SHA256_BYTES])
{
	struct bus_bytes v = need(in, "original", SHA256_TEXT - 1);
	char hex[SHA256_TEXT];
	memcpy(hex, v.at, v.len);
	hex[v.len] = '\0';
	if (!in->bad && (v.len != SHA256_TEXT - 1 || !str_unhex(hex, out, SHA256_BYTES)))
		wrong(in, "original");
}

/* Without one, or with one that can't be read, the worker sums the sha256. */
static bool read_mac(const struct intake *in, struct mac *out)
{
	struct bus_bytes v = bus_event_header(in->from, "mac");
	uint8_t bytes[MAC_BYTES];
	char hex[MAC_TEXT];
	if (v.at == NULL || v.len != MAC_TEXT - 1)
		return false;
	memcpy(hex, v.at, v.len);
	hex[v.len] = '\0';
	if (!str_unhex(hex, bytes, MAC_BYTES))
		return false;
	memcpy(out->key, bytes, MAC_KEY);
	memcpy(out->tag, bytes + MAC_KEY, MAC_TAG);
	return true;
}

static void read_rows(struct intake *in, struct event *ev)
{
	struct bus_bytes schema = need(in, "schema", 16);
	char hex[17];
	uint8_t bytes[8] = {0};
	memcpy(hex, schema.at, schema.len);
	hex[schema.len] = '\0';
	if (!in->bad && (schema.len != 16 || !str_unhex(hex, bytes, sizeof bytes)))
		wrong(in, "schema");
	for (size_t i = 0; i < sizeof bytes; i++)
		ev->schema = ev->schema << 8 | bytes[i];
	ev->hour = need(in, "hour", NUMBER - 1).len == 0 ? INT64_MIN
	                                                 : number(in, "hour", -(INT64_C(1) << 40), INT64_C(1) << 40);
	ev->rows = (uint64_t)number(in, "rows", 0, INT64_C(1) << 40);
	if (!in->bad && (ev->hour == INT64_MIN) != (ev->rows == 0))
		wrong(in, "rows");
	struct bus_bytes report = bus_event_header(in->from, "report");
	if (report.at != NULL)
		ev->report = keep(in, need(in, "report", REPORT_MAX_BYTES));
	ev->value = in->from->value;
}

static bool kind_of(struct intake *in, enum event_kind *out)
{
	struct bus_bytes v = need(in, "kind", 8);
	for (size_t i = 0; i < sizeof kind_name / sizeof kind_name[0] && !in->bad; i++)
		if (strlen(kind_name[i]) == v.len && memcmp(kind_name[i], v.at, v.len) == 0) {
			*out = (enum event_kind)i;
			return true;
		}
	wrong(in, "kind");
	return false;
}

enum rc event_read(const struct bus_event *from, struct event *out, char **buffer, size_t *buffer_size, struct err *e)
{
	size_t need_size = 64;
	for (size_t i = 0; i < from->headers; i++)
		need_size += from->header[i].value.len + 1;
	if (need_size > *buffer_size) {
		*buffer_size = mem_grow(*buffer_size, need_size);
		*buffer = mem_resize(*buffer, *buffer_size);
	}
	struct intake in = {.from = from, .to = *buffer, .e = e};
	struct event ev = {.name = "", .path = "", .dissector = "", .hour = INT64_MIN};
	if (!kind_of(&in, &ev.kind))
		return RC_BAD;
	if (ev.kind != EVENT_FLUSH) {
		read_digest(&in, ev.original);
		ev.name = unescaped(&in, "name", NAME_MAX_BYTES);
		ev.path = unescaped(&in, "path", PATH_MAX_BYTES);
		ev.size = (uint64_t)number(&in, "size", 0, INT64_MAX);
		ev.parts = (uint32_t)number(&in, "parts", 1, PARTS_MAX);
		ev.part = (uint32_t)number(&in, "part", 0, (int64_t)ev.parts - 1);
		ev.again = (uint32_t)number(&in, "again", 0, UINT32_MAX);
		ev.dissector = keep(&in, need(&in, "dissector", 128));
		ev.slot_s = number(&in, "slot", INT64_MIN, INT64_MAX);
		ev.archived_s = number(&in, "archived", INT64_MIN, INT64_MAX);
		if (ev.kind == EVENT_ROWS)
			read_rows(&in, &ev);
		else
			ev.has_mac = read_mac(&in, &ev.mac);
	}
	if (in.bad)
		return RC_BAD;
	*out = ev;
	return RC_OK;
}

void event_original(const struct event *ev, char out[SHA256_TEXT + 12])
{
	str_hex(ev->original, SHA256_BYTES, out);
	if (ev->again != 0)
		snprintf(out + SHA256_TEXT - 1, 13, "+%" PRIu32, ev->again);
}

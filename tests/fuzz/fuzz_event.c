/*
 * Any headers as an event: what is taken goes out again and comes back the same. An input is lines "name value", an
 * empty line, and the event's value.
 */
#include "pipe/event.h"

#include "base/mem.h"
#include "bus/bus.h"
#include "dissect/nfcapd/nfcapd.h"
#include "fuzz.h"
#include "pipe/report.h"

/* A bus that reads back at once what it is given. */
struct mirror {
	struct bus bus;
	const struct event *sent;
	unsigned seen;
};

static void must_same(const struct event *x, const struct event *y)
{
	must(x->kind == y->kind && memcmp(x->original, y->original, sizeof x->original) == 0);
	must(strcmp(x->name, y->name) == 0 && strcmp(x->path, y->path) == 0 && strcmp(x->dissector, y->dissector) == 0);
	must(x->size == y->size && x->part == y->part && x->parts == y->parts && x->again == y->again);
	must(x->slot_s == y->slot_s && x->archived_s == y->archived_s && x->schema == y->schema && x->hour == y->hour);
	must(x->rows == y->rows && (x->report == NULL) == (y->report == NULL));
	must(x->report == NULL || strcmp(x->report, y->report) == 0);
	must(x->value.len == y->value.len);
	must(x->value.len == 0 || memcmp(x->value.at, y->value.at, x->value.len) == 0);
}

static enum rc mirror_produce(struct bus *b, const char *topic, unsigned partition, const struct bus_header *header,
    size_t headers, struct bus_bytes key, struct bus_bytes value, void *context, struct err *e)
{
	struct mirror *m = (struct mirror *)b;
	struct bus_event event = {.key = key, .value = value, .header = header, .headers = headers};
	struct event back;
	char *buffer = NULL;
	size_t size = 0;
	must(event_read(&event, &back, &buffer, &size, e) == RC_OK);
	must_same(m->sent, &back);
	m->seen++;
	mem_free(&buffer);
	return RC_OK;
}

static const struct bus_ops mirror_ops = {.scheme = "mirror", .produce = mirror_produce};

/* Cuts text into headers, in place; the rest is the value. */
static struct bus_event event_of(char *text, size_t size, struct bus_header *header)
{
	struct bus_event event = {.header = header};
	char *end = text + size;
	while (text < end && *text != '\n' && event.headers < BUS_HEADERS_MAX) {
		char *line_end = memchr(text, '\n', (size_t)(end - text));
		line_end = line_end != NULL ? line_end : end;
		char *blank = memchr(text, ' ', (size_t)(line_end - text));
		if (blank == NULL)
			break;
		*blank = '\0';
		header[event.headers++] = (struct bus_header){text, {blank + 1, (size_t)(line_end - blank) - 1}};
		text = line_end < end ? line_end + 1 : end;
	}
	text += text < end && *text == '\n';
	event.value = (struct bus_bytes){text, (size_t)(end - text)};
	return event;
}

static void check(const struct event *ev)
{
	struct mirror m = {.bus.ops = &mirror_ops, .sent = ev};
	char id[SHA256_TEXT + 12];
	struct err e;
	event_original(ev, id);
	must_end(id, sizeof id - 1);
	must(event_produce(&m.bus, "t", 0, ev, NULL, &e) == RC_OK && m.seen == 1);
	if (ev->report == NULL)
		return;
	struct report r;
	report_init(&r, &dissect_nfcapd);
	enum rc rc = report_read(&r, ev->report, strlen(ev->report), &e);
	must(rc == RC_OK || rc == RC_BAD);
	report_fini(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct bus_header header[BUS_HEADERS_MAX];
	char *text = mem_copy(bytes, size), *buffer = NULL;
	size_t room = 0;
	struct bus_event from = event_of(text, size, header);
	struct event ev;
	struct err e;
	enum rc rc = event_read(&from, &ev, &buffer, &room, &e);
	must(rc == RC_OK || (rc == RC_BAD && e.text[0] != '\0'));
	if (rc == RC_OK)
		check(&ev);
	mem_free(&buffer);
	mem_free(&text);
	return 0;
}

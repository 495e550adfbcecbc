/* The lake, bus and pipeline that tests of the worker's half run in. */
#include "world.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/avro.h"
#include "format/avsc.h"
#include "pipe/event.h"
#include "pipe/history.h"
#include "pipe/route.h"
#include "pipe/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* The dissector of lines. */

enum { LINES_ROWS = 64, FILE_MAX = 64 << 20 };

static const struct field line_field[] = {
    {"time", TYPE_TIME, "first word"}, {"n", TYPE_I64, "second word"}, {"text", TYPE_BYTES, "third word"}};
static const char *const line_counter[] = {"lines_read"};

struct lines {
	struct dissector base;
	struct source *from;
	char *text;
	size_t len, at;
	struct batch *batch;
	const unsigned *wanted;
	size_t wants;
};

static const struct dissect_ops lines_ops;

static enum rc lines_open(struct source *src, const struct dissect_hints *hints, const struct dissect_params *params,
    struct dissector **out, struct err *e)
{
	enum type types[3];
	struct lines *d = mem_zero(1, sizeof *d);
	d->base.ops = &lines_ops;
	d->from = src;
	d->wanted = params->wanted;
	d->wants = params->wants;
	for (size_t i = 0; i < d->wants; i++)
		types[i] = line_field[d->wanted[i]].type;
	d->batch = batch_new(types, d->wants, LINES_ROWS, 64 << 10);
	*out = &d->base;
	return RC_OK;
}

static enum rc lines_load(struct lines *d, struct err *e)
{
	d->text = mem_alloc(FILE_MAX);
	for (;;) {
		size_t got = 0;
		enum rc rc = source_read(d->from, d->text + d->len, FILE_MAX - d->len, &got, e);
		if (rc == RC_END)
			return RC_OK;
		if (rc != RC_OK)
			return rc;
		d->len += got;
	}
}

static void put_line(struct lines *d, const char *line, size_t len)
{
	long long seconds = 0, n = 0;
	char text[256] = "";
	struct batch *b = d->batch;
	b->counter[0]++;
	if (sscanf(line, "%lld %lld %255[^\n]", &seconds, &n, text) < 2) {
		assert_true(batch_reject(b, d->at, len, 1, "not a line", line, len));
		return;
	}
	for (unsigned i = 0; i < d->wants; i++) {
		if (d->wanted[i] == 0)
			((int64_t *)batch_values(b, i))[b->rows] = seconds * 1000000000;
		else if (d->wanted[i] == 1)
			((int64_t *)batch_values(b, i))[b->rows] = n;
		else
			assert_true(batch_put(b, text, strlen(text), &((struct span *)batch_values(b, i))[b->rows]));
	}
	b->rows++;
}

static enum rc lines_next(struct dissector *base, const struct batch **out, bool *clean, struct err *e)
{
	struct lines *d = (struct lines *)base;
	enum rc rc = d->text == NULL ? lines_load(d, e) : RC_OK;
	if (rc != RC_OK)
		return rc;
	if (d->len >= 6 && memcmp(d->text, "refuse", 6) == 0)
		return err_set(RC_BAD, e, "it says refuse");
	if (d->at == d->len) {
		*clean = d->len == 0 || d->text[d->len - 1] == '\n';
		return RC_END;
	}
	batch_reset(d->batch);
	while (d->at < d->len && d->batch->rows < LINES_ROWS && d->batch->rejects < 8) {
		const char *stop = memchr(d->text + d->at, '\n', d->len - d->at);
		size_t len = stop != NULL ? (size_t)(stop - d->text) - d->at : d->len - d->at;
		char *line = mem_text_n(d->text + d->at, len);
		put_line(d, line, len);
		mem_free(&line);
		d->at += len + (stop != NULL);
	}
	*out = d->batch;
	return RC_OK;
}

static void lines_close(struct dissector *base)
{
	struct lines *d = (struct lines *)base;
	source_close(&d->from);
	batch_free(&d->batch);
	mem_free(&d->text);
	mem_free(&d);
}

static const struct dissect_ops lines_ops = {.name = "lines",
    .version = "1",
    .dataset = "line",
    .field = line_field,
    .fields = 3,
    .counter = line_counter,
    .counters = 1,
    .open = lines_open,
    .next = lines_next,
    .close = lines_close};

static const char schema_text[] =
    "{\"type\":\"record\",\"name\":\"line\",\"namespace\":\"org.sluice.test\",\"time\":\"time\",\n"
    "\"partition\":[{\"name\":\"y\",\"type\":\"smallint\",\"as\":\"year\"},{\"name\":\"m\",\"type\":\"tinyint\",\"as\":"
    "\"month\"},\n"
    "{\"name\":\"d\",\"type\":\"tinyint\",\"as\":\"day\"},{\"name\":\"h\",\"type\":\"tinyint\",\"as\":\"hour\"}],\n"
    "\"fields\":[{\"name\":\"at\",\"type\":[\"null\",\"long\"],\"default\":null,\"from\":\"time\",\"as\":\"unix\"},\n"
    "{\"name\":\"n\",\"type\":[\"null\",\"long\"],\"default\":null,\"from\":\"n\"},\n"
    "{\"name\":\"text\",\"type\":[\"null\",\"string\"],\"default\":null,\"from\":\"text\"}]}\n";

void world_open(struct world *w)
{
	struct err e;
	*w = (struct world){.dir = "/tmp/sluice-test-XXXXXX"};
	assert_non_null(mkdtemp(w->dir));
	log_open("test", LOG_ERROR);
	if (avsc_read("line.avsc", schema_text, sizeof schema_text - 1, &w->schema, &e) != RC_OK ||
	    projection_open(w->schema, line_field, 3, &w->projection, &e) != RC_OK)
		fail_msg("%s", e.text);
	w->rendered = projection_rendered(w->schema);
	w->pipeline = (struct pipeline){.name = (char *)"p",
	    .dissector = &lines_ops,
	    .schema = w->schema,
	    .projection = w->projection,
	    .rendered = w->rendered,
	    .topic_files = (char *)"t.p.files",
	    .topic_rows = (char *)"t.p.rows",
	    .topic_replay = (char *)"t.p.replay"};
	w->settings = (struct settings){.instance = (char *)"t",
	    .store = &store_local,
	    .store_place = mem_format("%s/lake", w->dir),
	    .bus = &bus_embed,
	    .bus_place = mem_format("%s/bus", w->dir),
	    .state = mem_format("%s/state", w->dir),
	    .workers = 1,
	    .commit_age_ms = 60000,
	    .commit_bytes = 64 << 20,
	    .commit_events = 1000,
	    .worker_memory = 48 << 20,
	    .open_hours = 24,
	    .partitions_max = 256,
	    .rejects_max = REPORT_ENTRIES_MAX,
	    .dedupe_max_bytes = UINT64_C(1) << 30,
	    .parquet = {.codec = CODEC_NONE},
	    .file_max_bytes = 64 << 20,
	    .dedupe_horizon_ms = INT64_C(30) * 24 * 3600 * 1000,
	    .stop_timeout_ms = 3000,
	    .clean_age_ms = 3600 * 1000,
	    .pipeline = &w->pipeline,
	    .pipelines = 1};
	assert_int_equal(file_mkdirs(w->settings.state, &e), RC_OK);
}

void world_close(struct world *w)
{
	struct err e;
	assert_int_equal(file_remove_tree(w->dir, &e), RC_OK);
	projection_free(&w->projection);
	projection_free(&w->rendered);
	schema_free(&w->schema);
	mem_free(&w->settings.store_place);
	mem_free(&w->settings.bus_place);
	mem_free(&w->settings.state);
}

struct bus *world_bus(const struct world *w)
{
	struct bus *b = NULL;
	struct err e;
	if (bus_open(w->settings.bus, w->settings.bus_place, NULL, 0, &b, &e) != RC_OK)
		fail_msg("%s", e.text);
	return b;
}

struct store *world_store(const struct world *w)
{
	struct store *s = NULL;
	struct err e;
	if (store_open(w->settings.store, w->settings.store_place, NULL, 0, &s, &e) != RC_OK)
		fail_msg("%s", e.text);
	return s;
}

char *world_lines(const char *mark, int64_t start_s, int64_t step_s, unsigned count)
{
	size_t room = (size_t)count * 64 + 1, len = 0;
	char *text = mem_alloc(room);
	text[0] = '\0';
	for (unsigned i = 0; i < count; i++)
		len += (size_t)snprintf(
		    text + len, room - len, "%" PRId64 " %u %s-%05u\n", start_s + i * step_s, i, mark, i);
	return text;
}

static void archive(struct store *s, const char *name, const char *text, struct event *ev, char *path, size_t room)
{
	struct store_file *f = NULL;
	struct err e;
	size_t size = strlen(text);
	char hex[SHA256_TEXT];
	sha256_of(text, size, ev->original);
	str_hex(ev->original, SHA256_BYTES, hex);
	snprintf(path, room, "line/binary/20260101/00/%s-%.8s", name, hex);
	struct store_stat st;
	if (store_stat(s, path, &st, &e) == RC_END) {
		assert_int_equal(store_create(s, path, &f, &e), RC_OK);
		assert_int_equal(store_write(s, f, text, size, &e), RC_OK);
		assert_int_equal(store_close_file(s, f, size, &e), RC_OK);
		assert_int_equal(store_sync(s, &f, 1, &e), RC_OK);
	}
	ev->name = name;
	ev->path = path;
	ev->size = size;
	ev->dissector = "lines/1";
	ev->archived_s = 1767225600;
}

static void acknowledged(void *user, void *context, enum rc rc, uint64_t offset)
{
	assert_int_equal(rc, RC_OK);
}

static void produce(const struct world *w, struct bus *b, const char *topic, const struct event *ev)
{
	struct err e;
	assert_int_equal(bus_topic_ensure(b, topic, w->settings.workers, NULL, &e), RC_OK);
	if (event_produce(b, topic, w->partition, ev, NULL, &e) != RC_OK ||
	    bus_flush(b, 5000, acknowledged, NULL, &e) != RC_OK)
		fail_msg("%s", e.text);
}

static void file_onto(const struct world *w, const char *topic, const char *name, const char *text)
{
	struct bus *b = world_bus(w);
	struct store *s = world_store(w);
	struct event ev = {.kind = EVENT_FILE, .parts = 1, .hour = INT64_MIN};
	char path[512];
	archive(s, name, text, &ev, path, sizeof path);
	produce(w, b, topic, &ev);
	store_close(&s);
	bus_close(&b);
}

void world_file(const struct world *w, const char *name, const char *text)
{
	file_onto(w, w->pipeline.topic_files, name, text);
}

void world_file_among_rows(const struct world *w, const char *name, const char *text)
{
	file_onto(w, w->pipeline.topic_rows, name, text);
}

void world_flush(const struct world *w, const char *topic)
{
	struct bus *b = world_bus(w);
	produce(w, b, topic, &(struct event){.kind = EVENT_FLUSH});
	bus_close(&b);
}

/* The rows of a text by hour, and the report of the whole. */
struct split {
	int64_t hour[64];
	struct writer records[64];
	uint64_t rows[64];
	unsigned parts;
	struct writer report;
};

static void split_text(const struct world *w, const char *text, struct split *out)
{
	struct err e;
	struct dissector *d = NULL;
	struct report report;
	struct avro_encoder *encoder = avro_encoder_new(w->projection);
	struct route *route = route_new(64);
	struct dissect_params params = {.wanted = w->projection->wanted, .wants = w->projection->wants};
	const struct batch *b;
	bool clean = true;
	enum rc rc;
	memset(out, 0, sizeof *out);
	writer_init(&out->report, 4 << 20);
	report_init(&report, &lines_ops);
	route_begin(route);
	assert_int_equal(dissect_open(&lines_ops, source_memory(text, strlen(text)),
	                     &(struct dissect_hints){.name = "x"}, &params, &d, &e),
	    RC_OK);
	while ((rc = dissect_next(d, &b, &clean, &e)) == RC_OK) {
		const struct route_group *group;
		size_t groups, left;
		report_batch(&report, b);
		route_split(route, b, w->projection->time, &group, &groups, &left);
		for (size_t g = 0; g < groups; g++) {
			unsigned p = 0;
			uint64_t outside = 0;
			while (p < out->parts && out->hour[p] != group[g].hour)
				p++;
			if (p == out->parts) {
				assert_true(p < 64);
				out->hour[out->parts++] = group[g].hour;
				writer_init(&out->records[p], 4 << 20);
			}
			avro_encode(encoder, b, group[g].rows, group[g].count, &out->records[p], &outside);
			out->rows[p] += group[g].count;
		}
	}
	if (rc == RC_BAD)
		report_refuse(&report, strlen(text), e.text, text, strlen(text));
	report.clean = report.clean && clean;
	if (out->parts == 0) {
		out->hour[0] = INT64_MIN;
		out->parts = 1;
		writer_init(&out->records[0], 16);
	}
	report_write(&report, &out->report);
	writer_u8(&out->report, 0);
	report_fini(&report);
	dissect_close(&d);
	avro_encoder_free(&encoder);
	route_free(&route);
}

static void split_free(struct split *s)
{
	for (unsigned i = 0; i < s->parts; i++)
		writer_fini(&s->records[i]);
	writer_fini(&s->report);
}

void world_rows(const struct world *w, const char *name, const char *text, uint32_t mask)
{
	struct bus *b = world_bus(w);
	struct store *s = world_store(w);
	struct split split;
	struct event ev = {.kind = EVENT_ROWS, .schema = w->schema->fingerprint};
	char path[512];
	archive(s, name, text, &ev, path, sizeof path);
	split_text(w, text, &split);
	ev.parts = split.parts;
	for (ev.part = 0; ev.part < ev.parts; ev.part++) {
		struct writer value;
		if (!(mask >> ev.part & 1))
			continue;
		writer_init(&value, 8 << 20);
		if (split.rows[ev.part] > 0) {
			avro_array_head(&value, split.rows[ev.part]);
			writer_put(&value, split.records[ev.part].bytes, split.records[ev.part].len);
			avro_array_tail(&value);
		}
		ev.hour = split.hour[ev.part];
		ev.rows = split.rows[ev.part];
		ev.report = ev.part == 0 ? (const char *)split.report.bytes : NULL;
		ev.value = (struct bus_bytes){value.len > 0 ? (const void *)value.bytes : "", value.len};
		produce(w, b, w->pipeline.topic_rows, &ev);
		writer_fini(&value);
	}
	split_free(&split);
	store_close(&s);
	bus_close(&b);
}

enum rc world_work(const struct world *w, struct err *e)
{
	const struct worker_job job = {.settings = &w->settings, .once = true, .wake_fd = -1};
	return worker_run(&job, e);
}

/* Looking at the lake. */

struct looking {
	const struct world *w;
	struct store *store;
	struct crc32_tables crc;
	struct world_sum sum;
	uint64_t next;
	bool any;
	char **named;
	size_t names;
};

static enum rc look_head(void *context, const struct manifest_head *h, struct err *e)
{
	struct looking *l = context;
	l->sum.commits++;
	if (l->any && h->start != l->next)
		l->sum.chained = false;
	l->any = true;
	l->next = h->end;
	return RC_OK;
}

static enum rc look_file(void *context, const struct manifest_file *f, struct err *e)
{
	struct looking *l = context;
	char *bytes = NULL;
	size_t size = 0;
	if (store_get(l->store, f->path, FILE_MAX, &bytes, &size, e) != RC_OK)
		fail_msg("%s is not there", f->path);
	assert_int_equal(size, f->size);
	assert_int_equal(crc32_add(&l->crc, 0, bytes, size), f->crc32);
	mem_free(&bytes);
	if (f->rejects)
		l->sum.reject_files++;
	else
		l->sum.rows += f->rows;
	l->sum.files++;
	l->named = mem_resize(l->named, (l->names + 1) * sizeof *l->named);
	l->named[l->names++] = mem_text(f->path);
	return RC_OK;
}

static enum rc look_original(void *context, const struct manifest_original *o, struct err *e)
{
	struct looking *l = context;
	l->sum.originals++;
	l->sum.rejects += o->rejects;
	return RC_OK;
}

static void walk(const char *folder, void (*see)(void *context, const char *path), void *context)
{
	DIR *d = opendir(folder);
	struct dirent *entry;
	while (d != NULL && (entry = readdir(d)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		char *path = file_join(folder, entry->d_name);
		struct stat st;
		assert_int_equal(lstat(path, &st), 0);
		if (S_ISDIR(st.st_mode))
			walk(path, see, context);
		else
			see(context, path);
		mem_free(&path);
	}
	if (d != NULL)
		closedir(d);
}

static void see_stray(void *context, const char *path)
{
	struct looking *l = context;
	const char *relative = path + strlen(l->w->settings.store_place) + 1;
	for (size_t i = 0; i < l->names; i++)
		if (strcmp(l->named[i], relative) == 0)
			return;
	l->sum.stray++;
}

struct world_sum world_sum(const struct world *w, const char *topic)
{
	struct looking l = {.w = w, .store = world_store(w), .sum = {.chained = true}};
	const struct manifest_visitor v = {
	    .context = &l, .head = look_head, .file = look_file, .original = look_original};
	struct err e;
	uint64_t next = 0;
	crc32_init(&l.crc);
	if (history_each(l.store, topic, w->partition, 0, 0, &v, &next, &e) != RC_OK)
		fail_msg("%s", e.text);
	/* Files of the other topic and partitions are no strays. */
	struct world_sum mine = l.sum;
	const char *const topics[] = {w->pipeline.topic_files, w->pipeline.topic_rows};
	for (unsigned i = 0; i < 2 * w->settings.workers; i++) {
		if (i / 2 == w->partition && strcmp(topics[i % 2], topic) == 0)
			continue;
		l.any = false;
		if (history_each(l.store, topics[i % 2], i / 2, 0, 0, &v, &next, &e) != RC_OK)
			fail_msg("%s", e.text);
	}
	static const char *const folder[] = {"line/hive", "line/rejects"};
	l.sum.stray = 0;
	for (int i = 0; i < 2; i++) {
		char *path = file_join(w->settings.store_place, folder[i]);
		walk(path, see_stray, &l);
		mem_free(&path);
	}
	mine.stray = l.sum.stray;
	for (size_t i = 0; i < l.names; i++)
		mem_free(&l.named[i]);
	mem_free(&l.named);
	store_close(&l.store);
	return mine;
}

static void see_one(void *context, const char *path)
{
	++*(unsigned *)context;
}

unsigned world_count(const struct world *w, const char *folder)
{
	unsigned count = 0;
	char *path = file_join(w->settings.store_place, folder);
	walk(path, see_one, &count);
	mem_free(&path);
	return count;
}

struct holding {
	const char *text;
	unsigned count;
};

static void see_text(void *context, const char *path)
{
	struct holding *h = context;
	char *bytes = NULL;
	size_t size = 0;
	struct err e;
	assert_int_equal(file_load(path, FILE_MAX, &bytes, &size, &e), RC_OK);
	h->count += memmem(bytes, size, h->text, strlen(h->text)) != NULL;
	mem_free(&bytes);
}

unsigned world_holding(const struct world *w, const char *text)
{
	struct holding h = {.text = text};
	char *path = file_join(w->settings.store_place, "line/hive");
	walk(path, see_text, &h);
	mem_free(&path);
	return h.count;
}

void world_bench_open(const struct world *w, struct world_bench *b)
{
	struct err e;
	const struct budget_limits limits = {.memory = w->settings.worker_memory,
	    .open_files = w->settings.open_hours,
	    .file_bytes = w->settings.file_max_bytes,
	    .parquet = w->settings.parquet};
	*b = (struct world_bench){.bench = {.settings = &w->settings, .bus = world_bus(w), .store = world_store(w)}};
	crc32_init(&b->crc);
	b->bench.crc = &b->crc;
	b->bench.budget = budget_new(&limits, b->bench.store, &b->crc, NULL);
	if (seen_open(w->settings.state, w->settings.dedupe_horizon_ms, w->settings.dedupe_max_bytes, &b->bench.seen, &e) != RC_OK)
		fail_msg("%s", e.text);
}

void world_bench_close(struct world_bench *b)
{
	budget_free(&b->bench.budget);
	seen_close(&b->bench.seen);
	store_close(&b->bench.store);
	bus_close(&b->bench.bus);
}

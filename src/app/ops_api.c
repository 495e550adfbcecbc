/* Each route is a few lines: what it says was made elsewhere. */
#include "app/ops_api.h"

#include <string.h>
#include <sys/statvfs.h>

#include "app/exposition.h"
#include "app/health_json.h"
#include "app/readiness.h"
#include "app/replayed.h"
#include "base/str.h"
#include "ops/expose.h"
#include "ops/page.h"

/* Looks come every second; one that is that late means that the process is stuck. */
enum {
	STUCK_MS = 30000,
	HTTP_ACCEPTED = 202,
	HTTP_BAD = 400,
	HTTP_CONFLICT = 409,
	HTTP_UNAVAILABLE = 503,
	REJECTS_SHOWN = OBSERVE_REJECTS
};

static const char json_text[] = "application/json";

struct answer {
	const struct ops_api *api;
	const struct server_query *query;
	struct server_reply *reply;
};

static void see(void *context, const struct server_query *q, struct server_reply *r,
    void (*show)(void *context, const struct observed *seen))
{
	struct ops_api *api = context;
	struct answer a = {.api = api, .query = q, .reply = r};
	observe_see(api->observe, show, &a);
}

static void put_json(struct server_reply *r, json_t *root)
{
	char *text = json_dumps(root, JSON_COMPACT | JSON_PRESERVE_ORDER);
	r->type = json_text;
	writer_text(&r->body, text != NULL ? text : "{}");
	writer_text(&r->body, "\n");
	free(text);
	json_decref(root);
}

/* ---- probes and metrics ---- */

static void show_healthz(void *context, const struct observed *seen)
{
	struct answer *a = context;
	bool stuck = seen->now_ms - seen->looked_ms > STUCK_MS;
	a->reply->status = stuck ? HTTP_UNAVAILABLE : 200;
	writer_text(&a->reply->body, stuck ? "stuck\n" : "ok\n");
}

static void show_readyz(void *context, const struct observed *seen)
{
	struct answer *a = context;
	struct readiness ready;
	readiness_of(seen, &ready);
	a->reply->status = ready.ready ? 200 : HTTP_UNAVAILABLE;
	writer_text(&a->reply->body, ready.ready ? "ready\n" : "not ready\n");
	for (unsigned i = 0; i < ready.conditions; i++) {
		const struct condition *c = &ready.condition[i];
		writer_format(&a->reply->body, "[%c] %s: %s\n", c->holds ? '+' : '-', c->name, c->text);
	}
}

static void show_metrics(void *context, const struct observed *seen)
{
	struct answer *a = context;
	a->reply->type = EXPOSE_TYPE;
	exposition_write(seen, &a->reply->body);
}

static void healthz(void *context, const struct server_query *q, struct server_reply *r)
{
	see(context, q, r, show_healthz);
}

static void readyz(void *context, const struct server_query *q, struct server_reply *r)
{
	see(context, q, r, show_readyz);
}

static void metrics(void *context, const struct server_query *q, struct server_reply *r)
{
	see(context, q, r, show_metrics);
}

/* ---- JSON ---- */

static void set(json_t *o, const char *key, uint64_t value)
{
	json_object_set_new(o, key, json_u64(value));
}

/* Disks are no budget of the configuration, and fill up all the same. */
static void add_disk(json_t *list, const char *name, const char *path, unsigned long *seen)
{
	struct statvfs disk;
	if (statvfs(path, &disk) != 0 || disk.f_fsid == *seen)
		return;
	*seen = disk.f_fsid;
	uint64_t used = (uint64_t)(disk.f_blocks - disk.f_bfree) * disk.f_frsize;
	uint64_t bound = (uint64_t)(disk.f_blocks - disk.f_bfree + disk.f_bavail) * disk.f_frsize;
	json_array_append_new(list, json_pack("{s:s, s:I, s:I}", "name", name, "used_bytes", (json_int_t)used,
	                                "bound_bytes", (json_int_t)bound));
}

static json_t *disks(const struct observed *seen)
{
	const struct settings *s = &seen->config->settings;
	unsigned long disk = 0;
	json_t *list = json_array();
	add_disk(list, "disk of the state folder", s->state, &disk);
	if (strcmp(s->store->scheme, "file") == 0)
		add_disk(list, "disk of the lake", s->store_place, &disk);
	return list;
}

static void add_service(json_t *list, const char *name, const char *url, const char *state, const char *reason)
{
	json_array_append_new(
	    list, json_pack("{s:s, s:s, s:s, s:s}", "name", name, "url", url, "state", state, "reason", reason));
}

static json_t *services(const struct observed *seen, const struct readiness *ready)
{
	const struct settings *s = &seen->config->settings;
	json_t *list = json_array();
	for (unsigned i = 0; i < ready->conditions; i++) {
		const struct condition *c = &ready->condition[i];
		bool bus = strcmp(c->name, "bus") == 0;
		const struct health_service *service = bus ? &seen->health->bus : &seen->health->lake;
		if (bus || strcmp(c->name, "lake") == 0)
			add_service(list, c->name, bus ? s->bus_url : s->lake_url,
			    !c->holds        ? "away"
			    : service->asked ? "answers"
			                     : "not asked",
			    c->holds ? "" : c->text);
	}
	if (!s->catalog->idle)
		add_service(list, "catalog", s->catalog_url, seen->health->catalog_since_ms != 0 ? "away" : "answers",
		    seen->health->catalog_reason);
	return list;
}

static json_t *conditions(const struct readiness *ready)
{
	json_t *list = json_array();
	for (unsigned i = 0; i < ready->conditions; i++) {
		const struct condition *c = &ready->condition[i];
		json_array_append_new(
		    list, json_pack("{s:s, s:b, s:s}", "name", c->name, "holds", c->holds, "text", c->text));
	}
	return list;
}

static void show_status(void *context, const struct observed *seen)
{
	struct answer *a = context;
	struct readiness ready;
	readiness_of(seen, &ready);
	json_t *root = health_json(seen->config, seen->health);
	json_object_set_new(root, "version", json_string(SLUICE_VERSION));
	set(root, "now_ms", (uint64_t)seen->now_ms);
	set(root, "looked_ms", (uint64_t)seen->looked_ms);
	set(root, "asked_ms", (uint64_t)seen->asked_ms);
	json_object_set_new(root, "ready", json_boolean(ready.ready));
	json_object_set_new(root, "stopping", json_boolean(seen->health->stopping));
	json_object_set_new(root, "conditions", conditions(&ready));
	json_object_set_new(root, "services", services(seen, &ready));
	json_object_set_new(root, "disks", disks(seen));
	json_object_set_new(root, "latency",
	    json_pack("{s:i, s:I, s:I}", "files", (int)seen->latency.files, "half_ms",
	        (json_int_t)seen->latency.half_ms, "most_ms", (json_int_t)seen->latency.most_ms));
	json_object_set_new(root, "writes", json_boolean(a->api->writes));
	json_object_set_new(root, "replay", replayer_json(a->api->replayer));
	set(root, "replays", seen->replays);
	put_json(a->reply, root);
}

/* Columns, so that no name is said a thousand times. */
static void show_series(void *context, const struct observed *seen)
{
	struct answer *a = context;
	struct err ignored;
	int64_t after = 0;
	const char *text = server_argument(a->query, "after");
	if (text != NULL && str_number(text, 0, INT64_MAX, &after, &ignored) != RC_OK)
		after = 0;
	uint64_t first = seen->samples > OBSERVE_SAMPLES ? seen->samples - OBSERVE_SAMPLES : 0;
	/* A number from before this process began means nothing now. */
	if ((uint64_t)after > first && (uint64_t)after <= seen->samples)
		first = (uint64_t)after;
	json_t *root = json_object(), *times = json_array();
	set(root, "next", seen->samples);
	for (uint64_t n = first; n < seen->samples; n++)
		json_array_append_new(times, json_integer(seen->sample[n % OBSERVE_SAMPLES].wall_ms));
	json_object_set_new(root, "time_ms", times);
	for (unsigned i = 0; i < SERIES_COUNT; i++) {
		json_t *column = json_array();
		for (uint64_t n = first; n < seen->samples; n++)
			json_array_append_new(column, json_u64(seen->sample[n % OBSERVE_SAMPLES].value[i]));
		json_object_set_new(root, observe_series_name[i], column);
	}
	put_json(a->reply, root);
}

static void show_rejects(void *context, const struct observed *seen)
{
	struct answer *a = context;
	json_t *root = json_object(), *list = json_array();
	for (unsigned i = 0; i < seen->rejects && i < REJECTS_SHOWN; i++) {
		const struct observe_reject *r = &seen->reject[i];
		char hex[SHA256_TEXT];
		json_int_t left = replayed_left(seen->replayed, r->pipeline, r->sha256);
		if (left == 0) /* a replay has all of it */
			continue;
		json_t *one = json_object();
		str_hex(r->sha256, SHA256_BYTES, hex);
		set(one, "number", r->number);
		json_object_set_new(one, "path", json_escaped(r->source));
		json_object_set_new(one, "pipeline", json_string(r->pipeline));
		json_object_set_new(one, "sha256", json_string(hex));
		json_object_set_new(one, "refused", json_boolean(r->refused));
		json_object_set_new(one, "reason", json_escaped(r->reason));
		set(one, "size", r->size);
		set(one, "rows", r->rows);
		set(one, "rejects", left > 0 ? (uint64_t)left : r->rejects);
		json_object_set_new(one, "replayed", json_boolean(left > 0));
		set(one, "lost", r->lost);
		set(one, "committed_ms", (uint64_t)r->committed_ms);
		json_array_append_new(list, one);
	}
	json_object_set_new(root, "rejects", list);
	json_object_set_new(root, "cut", json_boolean(seen->rejects_cut));
	put_json(a->reply, root);
}

static void status(void *context, const struct server_query *q, struct server_reply *r)
{
	see(context, q, r, show_status);
}

static void series(void *context, const struct server_query *q, struct server_reply *r)
{
	see(context, q, r, show_series);
}

static void rejects(void *context, const struct server_query *q, struct server_reply *r)
{
	see(context, q, r, show_rejects);
}

static void files(void *context, const struct server_query *q, struct server_reply *r)
{
	struct ops_api *api = context;
	put_json(r, ops_files_list(api->files, q, &r->status));
}

/* ---- what changes something ---- */

static void replay(void *context, const struct server_query *q, struct server_reply *r)
{
	struct ops_api *api = context;
	struct err e;
	enum rc rc = replayer_ask(api->replayer, server_argument(q, "original"), server_argument(q, "settle"), &e);
	json_t *root = rc == RC_OK ? replayer_json(api->replayer) : json_pack("{s:s}", "error", e.text);
	r->status = rc == RC_OK ? HTTP_ACCEPTED : rc == RC_BAD ? HTTP_BAD : HTTP_CONFLICT;
	put_json(r, root);
}

static void show_page(void *context, const struct server_query *q, struct server_reply *r)
{
	r->type = "text/html; charset=utf-8";
	r->policy = page.policy;
	r->constant = page.html;
	r->constant_size = page.html_size;
	r->constant_gzip = page.gzip;
	r->constant_gzip_size = page.gzip_size;
}

void ops_api_init(
    struct ops_api *api, struct observe *observe, struct ops_files *ops_files, struct replayer *replayer, bool writes)
{
	*api = (struct ops_api){.observe = observe,
	    .files = ops_files,
	    .replayer = replayer,
	    .writes = writes,
	    .route = {
	        {"/", false, show_page, api},
	        {"/healthz", false, healthz, api},
	        {"/readyz", false, readyz, api},
	        {"/metrics", false, metrics, api},
	        {"/api/status", false, status, api},
	        {"/api/series", false, series, api},
	        {"/api/files", false, files, api},
	        {"/api/rejects", false, rejects, api},
	        {"/api/replay", true, replay, api},
	    }};
}

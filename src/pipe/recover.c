/* Start-up: everything here can be done twice, and by several processes at once, without harm. */
#include "pipe/recover.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "pipe/history.h"
#include "pipe/manifest.h"
#include "pipe/visible.h"

enum { NS_PER_MS = 1000000, MS_PER_S = 1000, TOPICS_MAX = 10000, PARTITIONS_MAX = 10000, GROUP = 1000 };

struct rebuild {
	struct ledger *ledger;
	struct manifest_head head; /* of the manifest that is walked */
	struct visible files;      /* likewise */
	bool waits;                /* they wait for their names: its originals are not committed for SQL */
	uint64_t originals;
	unsigned in_transaction;
};

static enum rc see_head(void *context, const struct manifest_head *h, struct err *e)
{
	struct rebuild *r = context;
	r->head = *h;
	visible_begin(&r->files);
	return RC_OK;
}

static enum rc see_file(void *context, const struct manifest_file *f, struct err *e)
{
	struct rebuild *r = context;
	visible_add(&r->files, f);
	return RC_OK;
}

static enum rc see_original(void *context, const struct manifest_original *m, struct err *e)
{
	struct rebuild *r = context;
	if (r->in_transaction == GROUP) {
		enum rc rc = ledger_commit(r->ledger, e);
		if (rc == RC_OK)
			rc = ledger_begin(r->ledger, e);
		if (rc != RC_OK)
			return rc;
		r->in_transaction = 0;
	}
	size_t len = strlen(r->head.topic);
	struct ledger_original o = {.again = m->again,
	    .state = r->waits            ? LEDGER_PUBLISHED
	             : m->reason != NULL ? LEDGER_REFUSED
	                                 : LEDGER_COMMITTED,
	    .pipeline = m->pipeline,
	    .name = m->name,
	    .source = "",
	    .path = m->path,
	    .topic = r->head.topic,
	    .partition = r->head.partition,
	    .parts = m->parts,
	    .rows_event = len > 5 && strcmp(r->head.topic + len - 5, ".rows") == 0,
	    .dissector = m->dissector,
	    .size = m->size,
	    .committed_ms = r->head.time_ms,
	    .rows = m->rows,
	    .rejects = m->rejects,
	    .lost = m->lost,
	    .note = m->reason != NULL ? m->reason
	            : m->note != NULL ? m->note
	                              : ""};
	memcpy(o.sha256, m->original, SHA256_BYTES);
	ledger_put_original(r->ledger, &o);
	r->in_transaction++;
	r->originals++;
	return RC_OK;
}

/* What the chain's manifests tell from an offset on, and how far that is. */
static enum rc learn(struct rebuild *r, struct store *store, const char *topic, unsigned partition, uint64_t from,
    enum rc (*see)(void *context, const struct manifest_original *m, struct err *e), struct err *e)
{
	const struct manifest_visitor visitor = {.context = r, .head = see_head, .file = see_file, .original = see};
	uint64_t next = from;
	enum rc rc = ledger_begin(r->ledger, e);
	if (rc != RC_OK)
		return rc;
	r->in_transaction = 0;
	visible_begin(&r->files);
	rc = history_each(store, topic, partition, from, 0, &visitor, &next, e);
	if (rc == RC_OK || rc == RC_END) {
		if (next != from)
			ledger_put_commit_position(r->ledger, topic, partition, next);
		return ledger_commit(r->ledger, e);
	}
	ledger_abort(r->ledger);
	return rc;
}

/* Once more the manifest that was walked last: who follows the chain begins with it. */
static enum rc await_last(struct rebuild *r, struct store *store, struct err *e)
{
	const struct manifest_visitor visitor = {.context = r, .head = see_head, .original = see_original};
	uint64_t originals = r->originals, start = r->head.start;
	enum rc rc = ledger_begin(r->ledger, e);
	if (rc != RC_OK)
		return rc;
	r->in_transaction = 0;
	r->waits = true;
	rc = history_next(store, r->head.topic, r->head.partition, start, &visitor, e);
	r->waits = false;
	r->originals = originals;
	if (rc == RC_OK) {
		ledger_put_commit_position(r->ledger, r->head.topic, r->head.partition, start);
		return ledger_commit(r->ledger, e);
	}
	ledger_abort(r->ledger);
	return rc == RC_END ? err_set(RC_AGAIN, e, "the manifest at %" PRIu64 " is gone", start) : rc;
}

static enum rc rebuild_partition(
    struct rebuild *r, struct store *store, const char *topic, unsigned partition, struct err *e)
{
	enum rc rc = learn(r, store, topic, partition, 0, see_original, e);
	if (rc == RC_OK)
		rc = visible_look(&r->files, store, e);
	return rc == RC_END ? await_last(r, store, e) : rc;
}

static enum rc rebuild_topic(struct rebuild *r, struct store *store, const char *topic, struct err *e)
{
	char *prefix = mem_format("_sluice/commits/%s", topic), **name = NULL;
	size_t count = 0;
	enum rc rc = store_list(store, prefix, NULL, PARTITIONS_MAX, &name, &count, e);
	for (size_t i = 0; i < count && rc == RC_OK; i++) {
		int64_t partition = 0;
		struct err ignored;
		if (str_number(name[i], 0, UINT32_MAX, &partition, &ignored) == RC_OK)
			rc = rebuild_partition(r, store, topic, (unsigned)partition, e);
	}
	store_list_free(&name, count);
	mem_free(&prefix);
	return rc;
}

/* Topics of this instance alone: another instance's originals have identities of their own. */
static bool is_ours(const struct settings *s, const char *topic)
{
	for (size_t i = 0; i < s->pipelines; i++)
		if (strcmp(topic, s->pipeline[i].topic_files) == 0 || strcmp(topic, s->pipeline[i].topic_rows) == 0)
			return true;
	return false;
}

/* While the ledger is being filled it says so: a crash in between must not make it look whole. */
static enum rc filling(struct ledger *ledger, bool on, struct err *e)
{
	enum rc rc = ledger_begin(ledger, e);
	if (rc != RC_OK)
		return rc;
	ledger_put_filling(ledger, on);
	return ledger_commit(ledger, e);
}

enum rc recover_lost_ledger(const struct settings *s, struct store *store, struct ledger *ledger, struct err *e)
{
	char **topic = NULL;
	size_t count = 0;
	struct rebuild r = {.ledger = ledger};
	if (!ledger_is_new(ledger))
		return RC_OK;
	enum rc rc = store_list(store, "_sluice/commits", NULL, TOPICS_MAX, &topic, &count, e);
	if (rc == RC_OK && count > 0)
		rc = filling(ledger, true, e);
	for (size_t i = 0; i < count && rc == RC_OK; i++)
		if (is_ours(s, topic[i]))
			rc = rebuild_topic(&r, store, topic[i], e);
	if (rc == RC_OK && count > 0)
		rc = filling(ledger, false, e);
	visible_fini(&r.files);
	store_list_free(&topic, count);
	if (rc == RC_OK && r.originals > 0)
		log_warn("the ledger was lost; %" PRIu64 " originals are known again from the lake", r.originals);
	return rc;
}

/* A replay of what the ledger knows tells it nothing new. */
static enum rc see_replay(void *context, const struct manifest_original *m, struct err *e)
{
	struct rebuild *r = context;
	struct ledger_original known;
	enum rc rc = ledger_newest(r->ledger, m->pipeline, m->original, &known, e);
	return rc == RC_END ? see_original(r, m, e) : rc;
}

enum rc recover_copies(const struct settings *s, struct store *store, struct ledger *ledger, struct err *e)
{
	struct rebuild r = {.ledger = ledger};
	enum rc rc = RC_OK;
	/* One that is empty may be a lost one, and must go on looking so. */
	if (ledger_is_new(ledger))
		return RC_OK;
	for (size_t i = 0; i < s->pipelines && rc == RC_OK; i++) {
		const char *topic = s->pipeline[i].topic_replay;
		uint64_t from = 0;
		rc = ledger_commit_position(ledger, topic, 0, &from, e);
		if (rc == RC_OK)
			rc = learn(&r, store, topic, 0, from, see_replay, e);
	}
	visible_fini(&r.files);
	return rc;
}

enum rc recover_schemas(const struct settings *s, struct store *store, struct err *e)
{
	for (size_t i = 0; i < s->pipelines; i++) {
		const struct schema *schema = s->pipeline[i].schema;
		struct store_stat st;
		char path[64];
		lake_schema(path, sizeof path, schema->fingerprint);
		enum rc rc = store_stat(store, path, &st, e);
		if (rc == RC_END)
			rc = store_put_if_absent(store, path, schema->text, strlen(schema->text), e);
		if (rc != RC_OK && rc != RC_END)
			return rc;
	}
	return RC_OK;
}

static struct item *republish(const struct settings *s, const struct pipeline *p, const struct ledger_original *o)
{
	struct item *it = item_new(p, ITEM_REPUBLISH, o->source);
	memcpy(it->sha256, o->sha256, SHA256_BYTES);
	it->again = o->again;
	it->looks.size = o->size;
	it->slot_s = o->slot_s;
	it->archived_s = o->archived_s;
	it->seen_ms = o->seen_ms;
	it->name = mem_text(o->name);
	it->path = mem_text(o->path);
	it->rows_event = o->rows_event;
	it->topic = o->rows_event ? p->topic_rows : p->topic_files;
	it->partition = o->partition;
	it->parts = o->parts;
	if (s->dedupe_horizon_ms > 0 && clock_wall().ns / NS_PER_MS - o->archived_s * MS_PER_S > s->dedupe_horizon_ms) {
		/* The workers no longer remember whether they had it. */
		it->outcome = ITEM_LOST;
		snprintf(it->note, sizeof it->note, "archived longer ago than dedupe.horizon");
	}
	return it;
}

static const struct pipeline *pipeline_of(const struct settings *s, const char *name)
{
	for (size_t i = 0; i < s->pipelines; i++)
		if (strcmp(s->pipeline[i].name, name) == 0)
			return &s->pipeline[i];
	return NULL;
}

struct opened {
	const struct recover_params *params;
	struct recover_found found;
	uint64_t awaited;
	uint64_t alive, dead; /* runs that were looked at last; 0 none */
	struct item_list *page;
	size_t most;
};

/* Many originals in a row are of one run. */
static bool lives(struct opened *c, uint64_t run)
{
	if (run == 0 || run == c->dead)
		return false;
	if (run == c->alive)
		return true;
	bool alive = run_alive(c->params->run, run);
	*(alive ? &c->alive : &c->dead) = run;
	return alive;
}

static bool is_others(const struct opened *c, const struct pipeline *p)
{
	return p == NULL || (c->params->only != NULL && p != c->params->only);
}

static bool see_open(void *context, const struct ledger_original *o)
{
	struct opened *c = context;
	const struct recover_params *params = c->params;
	const struct pipeline *p = pipeline_of(params->settings, o->pipeline);
	if (p == NULL)
		log_warn("an open original's pipeline is not configured any more pipeline=%s", o->pipeline);
	if (is_others(c, p))
		return true;
	if (o->state == LEDGER_ARCHIVED && !lives(c, o->run)) {
		c->found.files++;
		c->found.bytes += o->size;
	} else if (params->only == NULL) {
		/* What a living run has archived is its own to publish. */
		c->awaited++;
		board_add(params->board, BOARD_FILES, 1);
		board_add(params->board, BOARD_BYTES, o->size);
		publish_await(params->publish, p, o);
	}
	return true;
}

enum rc recover_open(const struct recover_params *p, struct ledger *ledger, struct recover_found *out, struct err *e)
{
	struct opened c = {.params = p};
	enum rc rc = ledger_each_open(ledger, see_open, &c, e);
	if (rc != RC_OK)
		return rc;
	if (c.found.files > 0 || c.awaited > 0)
		log_info("from earlier runs: %" PRIu64 " originals to publish again, %" PRIu64 " commits awaited",
		    c.found.files, c.awaited);
	*out = c.found;
	return RC_OK;
}

static bool see_archived(void *context, const struct ledger_original *o)
{
	struct opened *c = context;
	const struct recover_params *params = c->params;
	const struct pipeline *p = pipeline_of(params->settings, o->pipeline);
	bool own = o->run == params->run->id;
	if (c->page->count == c->most)
		return false;
	if (is_others(c, p) || o->state != LEDGER_ARCHIVED || (own ? params->later : lives(c, o->run)))
		return true;
	if (!own) {
		board_add(params->board, BOARD_FILES, 1);
		board_add(params->board, BOARD_BYTES, o->size);
	}
	items_add(c->page, republish(params->settings, p, o));
	return true;
}

enum rc recover_page(const struct recover_params *p, struct ledger *ledger, uint64_t *at, size_t most,
    struct item_list *out, struct err *e)
{
	struct opened c = {.params = p, .page = out, .most = most};
	return ledger_each_open_from(ledger, at, see_archived, &c, e);
}

struct lost {
	const struct settings *settings;
	const char *topic;
	unsigned partition;
	struct item_list *again;
};

static bool is_lost(const struct lost *c, const struct ledger_original *o)
{
	return o->partition == c->partition && strcmp(o->topic, c->topic) == 0;
}

static bool see_lost(void *context, const struct ledger_original *o)
{
	struct lost *c = context;
	const struct pipeline *p = pipeline_of(c->settings, o->pipeline);
	if (p == NULL || !is_lost(c, o))
		return true;
	struct item *it = republish(c->settings, p, o);
	it->regain = true;
	items_add(c->again, it);
	return true;
}

enum rc recover_partition(const struct recover_params *p, struct ledger *ledger, const char *topic, unsigned partition,
    struct item_list *again, struct err *e)
{
	struct lost c = {.settings = p->settings, .topic = topic, .partition = partition, .again = again};
	return ledger_each_open(ledger, see_lost, &c, e);
}

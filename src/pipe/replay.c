/*
 * A dissector gives rows of the whole original, and no row says which bytes it came from. So the rows that were stored
 * before are told from the others by what they hold: read back from the tables, and taken away from what it gives now.
 */
#include "pipe/replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "pipe/annex.h"
#include "pipe/commit.h"
#include "pipe/expiry.h"
#include "pipe/families.h"
#include "pipe/history.h"
#include "pipe/intake.h"
#include "pipe/ledger.h"
#include "pipe/recover.h"
#include "pipe/stored.h"

enum {
	ROUNDS = 8,         /* lost to another replay, or to a service that is away */
	ROUND_MS = 100,     /* before the second, doubling */
	ORIGINALS = 1024,   /* in one commit */
	COMMIT_FILES = 512, /* likewise */
	STAGED_TEXT = 384,
	WHY_TEXT = 128,
	MS_PER_S = 1000,
	NS_PER_MS = 1000000,
};

/* What is in the draft, told once it is committed. */
struct done {
	const struct family *family;
	uint64_t rows, rejects, lost;
};

struct replay {
	const struct replay_params *params;
	struct replay_sum *sum;
	struct bench bench;
	struct crc32_tables crc;
	struct ledger *ledger; /* NULL: there is none */
	struct annex annex;    /* the whole file, where there is one */
	/* of one pipeline */
	const struct pipeline *pipeline;
	struct place place;
	struct intake *intake;
	struct stored *stored;
	struct families families;
	struct draft *draft;
	struct done *done;
	size_t dones, capacity;
	uint64_t start; /* end of the chain */
	/* of one original */
	const struct family *family;
	uint64_t fresh, held; /* rows of the pass */
	uint64_t found;       /* rows of it in the tables */
};

static bool stopped(const struct replay *r)
{
	return r->params->stop != NULL && r->params->stop(r->params->context);
}

static bool halt_asked(void *context)
{
	return stopped(context);
}

/* ---- one original ---- */

static void tell(struct replay *r, enum replay_kind kind, const struct done *d, const char *text)
{
	const struct family *f = d->family;
	const struct replay_news n = {.kind = kind,
	    .pipeline = r->pipeline->name,
	    .name = f->name,
	    .path = f->path,
	    .original = f->original,
	    .rows = d->rows,
	    .rejects = d->rejects,
	    .lost = d->lost,
	    .before = f->rejects,
	    .text = text};
	r->params->tell(r->params->context, &n);
	r->sum->same += kind == REPLAY_SAME;
	r->sum->left += kind == REPLAY_LEFT;
	if (kind == REPLAY_DONE || kind == REPLAY_WOULD || kind == REPLAY_SETTLED) {
		r->sum->originals++;
		r->sum->rows += n.rows;
		r->sum->rejects += n.rejects;
	}
}

static void leave(struct replay *r, const char *why)
{
	const struct done d = {.family = r->family, .rejects = r->family->rejects, .lost = r->family->lost};
	tell(r, REPLAY_LEFT, &d, why);
}

static struct done done_of(const struct replay *r)
{
	const struct report *now = intake_report(r->intake);
	return (struct done){.family = r->family, .rows = r->fresh, .rejects = now->rejects, .lost = now->lost};
}

static bool keep(void *context, const struct batch *b, uint16_t row)
{
	struct replay *r = context;
	enum stored_row is = stored_match(r->stored, b, row);
	r->fresh += is == STORED_NEW;
	r->held += is == STORED_HELD;
	return is == STORED_NEW;
}

static enum rc see_file(void *context, const struct family_file *f, struct err *e)
{
	struct replay *r = context;
	const struct input_file file = {.path = f->path, .size = f->size, .rows = f->rows, .crc32 = f->crc32};
	enum rc rc = stored_add(r->stored, &file, r->family->original, &r->found, e);
	return rc == RC_END ? err_set(RC_AGAIN, e, "%.300s vanished while it was read", f->path) : rc;
}

/* A share of what the tables hold of it. RC_END: that is not what manifests say. */
static enum rc load_stored(struct replay *r, uint32_t part, uint32_t parts, struct err *e)
{
	stored_begin(r->stored, part, parts);
	r->found = 0;
	enum rc rc = families_files(r->bench.store, &r->families, r->family, r->pipeline->schema->name, see_file, r, e);
	if (rc == RC_OK && r->found != r->family->rows)
		rc = err_set(RC_END, e,
		    "tables hold %" PRIu64 " rows of it, manifests say %" PRIu64
		    ": some have expired, a commit or a compaction is under way, or sluice audit knows more",
		    r->found, r->family->rows);
	return rc;
}

static struct event event_of(const struct replay *r)
{
	const struct family *f = r->family;
	const struct dissect_ops *d = r->pipeline->dissector;
	struct ledger_original o;
	struct err ignored;
	struct event ev = {.kind = EVENT_FILE,
	    .name = f->name,
	    .path = f->path,
	    .size = f->size,
	    .parts = 1,
	    .again = MANIFEST_REPLAY + f->replays + 1,
	    .slot_s = d->slot != NULL ? d->slot(f->name) : 0,
	    .archived_s = f->committed_ms / MS_PER_S};
	memcpy(ev.original, f->original, SHA256_BYTES);
	/* What the dissector was told the first time: rows without a time of their own depend on it. */
	if (r->ledger != NULL &&
	    ledger_original(r->ledger, r->pipeline->name, f->original, f->again, &o, &ignored) == RC_OK &&
	    o.archived_s != 0) {
		ev.slot_s = o.slot_s;
		ev.archived_s = o.archived_s;
	}
	return ev;
}

/* What is dissected: the original, or the whole file in its place, with all that the dissector was told of it. */
static struct event event_to_read(const struct replay *r)
{
	struct event ev = event_of(r);
	if (r->params->with == NULL)
		return ev;
	ev.name = r->annex.name;
	ev.path = r->annex.path;
	ev.size = r->annex.size;
	ev.again = MANIFEST_REPLAY + 1;
	memcpy(ev.original, r->annex.sha256, SHA256_BYTES);
	return ev;
}

/* One pass for each share of its rows. d NULL: only look. RC_END: rows that are stored do not come any more. */
static enum rc pass(struct replay *r, struct draft *d, uint32_t parts, struct err *e)
{
	const struct intake_halt halt = {.asked = halt_asked, .context = r};
	const struct event ev = event_to_read(r);
	enum rc rc = RC_OK;
	r->fresh = r->held = 0;
	for (uint32_t part = 0; part < parts && rc == RC_OK; part++) {
		const struct intake_sieve sieve = {
		    .keep = keep, .context = r, .first = part == 0, .last = part + 1 == parts};
		rc = load_stored(r, part, parts, e);
		if (rc == RC_OK)
			rc = intake_sift(r->intake, d, &ev, &sieve, &halt, e);
		if (rc == RC_OK && stored_left(r->stored) > 0)
			rc = err_set(RC_END, e, "%" PRIu64 " rows that the tables hold of it are not %s",
			    stored_left(r->stored),
			    r->params->with != NULL ? "in that file: it is no whole copy of it"
			                            : "among those it gives now; `sluice load --again` stores all of "
			                              "them anew");
	}
	return rc;
}

/* What makes a replay impossible before it is read. */
static const char *obstacle(const struct family *f, char *text, size_t size)
{
	if (f->ingests == 1)
		return NULL;
	if (f->ingests == 0)
		return "it came whole in place of another (--with), whose rows are not told from its own";
	snprintf(text, size,
	    "the same content was taken %u times (load --again, another pipeline or instance): whose rows are whose "
	    "can't be told",
	    f->ingests);
	return text;
}

static void note_done(struct replay *r, const struct done *d)
{
	draft_totals(r->draft)->events++;
	if (r->dones == r->capacity) {
		r->capacity = mem_grow(r->capacity, r->dones + 1);
		r->done = mem_resize(r->done, r->capacity * sizeof *r->done);
	}
	r->done[r->dones++] = *d;
}

static void open_draft(struct replay *r)
{
	if (r->draft == NULL)
		r->draft = draft_new(&r->bench, &r->place, r->start);
}

static enum rc settle(struct replay *r, struct err *e)
{
	const struct event ev = event_of(r);
	const struct done d = {.family = r->family};
	if (r->params->dry_run) {
		tell(r, REPLAY_WOULD, &d, NULL);
		return RC_OK;
	}
	open_draft(r);
	enum rc rc = intake_settle(r->intake, r->draft, &ev, r->params->settle, e);
	if (rc == RC_OK)
		note_done(r, &d);
	return rc;
}

/* Another replay that was faster sweeps what this one has staged. */
static enum rc unless_swept(struct replay *r, enum rc rc, struct err *e)
{
	struct store_stat st;
	struct err ignored;
	if (rc != RC_BAD || r->params->with == NULL ||
	    store_stat(r->bench.store, r->annex.path, &st, &ignored) != RC_END)
		return rc;
	return err_set(RC_AGAIN, e, "another replay of this pipeline is running");
}

/* Nothing new to store and nothing less to complain of. */
static bool is_same(const struct replay *r, const struct done *d)
{
	const struct family *f = r->family;
	if (d->rows > 0)
		return false;
	if (r->params->with != NULL)
		return d->rejects > 0;
	return d->rejects == f->rejects && d->lost == f->lost &&
	       (intake_report(r->intake)->reason[0] != '\0') == (f->reason != NULL);
}

/* The rows, and where they come from another file what becomes of the original. */
static enum rc store(struct replay *r, uint32_t parts, struct err *e)
{
	const struct event broken = event_of(r);
	char why[WHY_TEXT], hex[SHA256_TEXT];
	enum rc rc = RC_OK;
	open_draft(r);
	if (r->params->with != NULL)
		rc = unless_swept(r, annex_name(&r->annex, r->bench.store, r->family->path, e), e);
	if (rc == RC_OK)
		rc = pass(r, r->draft, parts, e);
	const struct done stored = done_of(r);
	if (rc == RC_OK && r->params->with != NULL) {
		str_hex(r->annex.sha256, SHA256_BYTES, hex);
		snprintf(why, sizeof why, "came again whole: %s", hex);
		rc = intake_settle(r->intake, r->draft, &broken, why, e);
	}
	if (rc == RC_OK)
		note_done(r, &stored);
	return rc;
}

/* Look first: what has to be left is found before anything is stored. */
static enum rc one_original(struct replay *r, struct err *e)
{
	const struct family *f = r->family;
	uint32_t parts = (uint32_t)(f->rows / STORED_ROWS + 1);
	char text[256];
	const char *why = obstacle(f, text, sizeof text);
	if (why != NULL) {
		leave(r, why);
		return RC_OK;
	}
	enum rc rc = unless_swept(r, pass(r, NULL, parts, e), e);
	if (stopped(r))
		return RC_END;
	if (rc == RC_END || rc == RC_BAD) {
		leave(r, e->text);
		return RC_OK;
	}
	if (rc != RC_OK)
		return rc;
	const struct done d = done_of(r);
	bool same = is_same(r, &d);
	if (same || r->params->dry_run) {
		tell(r, same ? REPLAY_SAME : REPLAY_WOULD, &d, NULL);
		return RC_OK;
	}
	rc = store(r, parts, e);
	if (stopped(r))
		return RC_END;
	return rc == RC_END ? RC_AGAIN : rc;
}

/* What is known of the whole file forbids to take it for this one. */
static const char *known_already(const struct replay *r, char *text, size_t size)
{
	const struct family *w = families_find(&r->families, r->annex.sha256);
	if (w == r->family)
		return "that is the same file";
	if (w == NULL || (w->ingests == 0 && w->replays == 0))
		return NULL;
	snprintf(text, size,
	    "that file is in the lake already, with %" PRIu64 " rows of its own: nothing takes them out", w->rows);
	return text;
}

static enum rc complete(struct replay *r, struct err *e)
{
	char staged[STAGED_TEXT], text[WHY_TEXT];
	const char *why = known_already(r, text, sizeof text);
	if (why != NULL) {
		leave(r, why);
		return RC_OK;
	}
	/* Named as what a draft stages, so that it is swept with it. */
	snprintf(staged, sizeof staged, "%s/%020" PRIu64 "-whole", r->place.staging, r->start);
	enum rc rc = annex_stage(&r->annex, r->bench.store, staged, e);
	return rc == RC_OK ? one_original(r, e) : rc;
}

/* ---- one pipeline ---- */

static void drop(struct replay *r)
{
	draft_free(&r->draft);
	r->dones = 0;
}

/* RC_AGAIN: also when another replay was faster; what is in the draft is void then. */
static enum rc commit(struct replay *r, struct err *e)
{
	if (r->draft == NULL)
		return RC_OK;
	enum rc rc = commit_run(&r->bench, &r->place, r->draft, r->start + 1, e);
	if (rc == RC_OK)
		commit_count(&r->bench, draft_totals(r->draft));
	for (size_t i = 0; i < r->dones && rc == RC_OK; i++)
		tell(r, r->params->settle != NULL ? REPLAY_SETTLED : REPLAY_DONE, &r->done[i], NULL);
	drop(r);
	r->start += rc == RC_OK;
	return rc == RC_END ? err_set(RC_AGAIN, e, "another replay of this pipeline is running") : rc;
}

static bool is_due(const struct replay *r)
{
	const struct settings *s = r->params->settings;
	return r->draft != NULL &&
	       (draft_totals(r->draft)->originals >= ORIGINALS || draft_files_count(r->draft) >= COMMIT_FILES ||
	           draft_bytes(r->draft) >= s->commit_bytes);
}

static bool is_wanted(const struct replay *r, const struct family *f)
{
	const struct replay_params *p = r->params;
	return f->name != NULL && f->rejects > 0 &&
	       (p->wanted == NULL || p->wanted(p->context, f->original, f->name, f->path));
}

/* Where the chain ends, with its newest commit rolled forward; then who is in it. */
static enum rc begin(struct replay *r, struct err *e)
{
	enum rc rc = RC_OK;
	families_fini(&r->families);
	if (!r->params->dry_run || r->params->with != NULL)
		place_renew(&r->place);
	if (!r->params->dry_run) {
		r->start = 0;
		rc = commit_recover(&r->bench, &r->place, &r->start, e);
		if (rc == RC_OK || rc == RC_END)
			rc = commit_sweep(&r->bench, &r->place, r->start, e);
		registrar_look(r->bench.registrar, r->pipeline->schema);
	}
	return rc == RC_OK ? families_read(r->bench.store, r->pipeline,
	                         r->params->with != NULL ? r->annex.sha256 : NULL, &r->families, e)
	                   : rc;
}

/* Its rejects went for their age: what they told of is past. */
static enum rc are_expired(const struct replay *r, const struct family *f, bool *expired, struct err *e)
{
	struct store_stat st;
	int64_t expired_ms = 0;
	*expired = false;
	if (f->file.path == NULL)
		return RC_OK;
	enum rc rc = store_stat(r->bench.store, f->file.path, &st, e);
	if (rc == RC_END)
		rc = expiry_took(r->bench.store, r->pipeline->schema->name, f->file.hour, f->file.path, f->file.size,
		    f->file.crc32, &expired_ms, e);
	*expired = expired_ms > 0;
	return rc;
}

static enum rc take_one(struct replay *r, struct err *e)
{
	const struct replay_params *p = r->params;
	return p->settle != NULL ? settle(r, e) : p->with != NULL ? complete(r, e) : one_original(r, e);
}

/* A file completes one original: two of a name have to be told apart. */
static bool is_ambiguous(struct replay *r)
{
	size_t meant = 0;
	for (size_t i = 0; r->params->with != NULL && i < r->families.count; i++)
		meant += is_wanted(r, &r->families.at[i]);
	for (size_t i = 0; meant > 1 && i < r->families.count; i++) {
		r->family = &r->families.at[i];
		if (is_wanted(r, r->family))
			leave(r, "others with rejects have that name: say which by its sha256");
	}
	return meant > 1;
}

static enum rc originals(struct replay *r, struct err *e)
{
	enum rc rc = RC_OK;
	if (is_ambiguous(r))
		return RC_OK;
	for (size_t i = 0; i < r->families.count && rc == RC_OK; i++) {
		bool expired = true;
		r->family = &r->families.at[i];
		if (is_wanted(r, r->family))
			rc = are_expired(r, r->family, &expired, e);
		if (rc == RC_OK && !expired)
			rc = take_one(r, e);
		if (rc == RC_OK && is_due(r))
			rc = commit(r, e);
	}
	return rc == RC_OK ? commit(r, e) : rc;
}

/* A dry run has nothing swept. */
static void drop_folder(const struct replay *r)
{
	const char *staging = r->place.staging;
	struct err ignored;
	if (r->params->dry_run && r->params->with != NULL)
		(void)!store_remove(r->bench.store, &staging, 1, &ignored);
}

/* A round begins with what the lake says now: after a failure nothing is believed to have been done, or not done. */
static enum rc one_pipeline(struct replay *r, struct err *e)
{
	uint64_t same = r->sum->same, left = r->sum->left;
	enum rc rc = RC_AGAIN;
	place_init(&r->place, r->pipeline->topic_replay, 0, r->pipeline, r->pipeline->projection);
	r->intake = intake_new(&r->bench, r->pipeline);
	r->stored = stored_new(r->pipeline, r->bench.store, &r->crc);
	for (int round = 0; round < ROUNDS && rc == RC_AGAIN && !stopped(r); round++) {
		if (round > 0)
			clock_sleep_ms(ROUND_MS << (round - 1));
		r->sum->same = same;
		r->sum->left = left;
		rc = begin(r, e);
		if (rc == RC_OK)
			rc = originals(r, e);
		drop(r);
		annex_drop(&r->annex, r->bench.store);
		drop_folder(r);
	}
	if (rc == RC_OK && !r->params->dry_run) {
		struct err ignored;
		/* Once more: what a dead one had staged for the slot that we took. */
		(void)!commit_sweep(&r->bench, &r->place, r->start, &ignored);
		(void)!history_fold(r->bench.store, r->place.topic, 0, r->params->settings->clean_age_ms,
		    clock_wall().ns / NS_PER_MS, &ignored);
	}
	families_fini(&r->families);
	stored_free(&r->stored);
	intake_free(&r->intake);
	return rc;
}

/* ---- all of them ---- */

static enum rc open_all(struct replay *r, struct err *e)
{
	const struct settings *s = r->params->settings;
	const struct budget_limits limits = {.memory = s->worker_memory,
	    .open_files = s->open_hours > 0 ? s->open_hours : 1,
	    .file_bytes = s->file_max_bytes,
	    .parquet = s->parquet};
	struct err ignored;
	crc32_init(&r->crc);
	r->bench = (struct bench){.settings = s, .crc = &r->crc, .figures = r->params->figures, .replay = true};
	r->bench.cell = cell_new(r->params->confine);
	enum rc rc = store_open(s->store, s->store_place, s->store_option, s->store_options, &r->bench.store, e);
	if (rc == RC_OK && r->params->with != NULL)
		rc = annex_open(r->params->with, &r->annex, e);
	if (rc == RC_OK && !r->params->dry_run)
		rc = seen_open(s->state, s->dedupe_horizon_ms, s->dedupe_max_bytes, &r->bench.seen, e);
	if (rc != RC_OK)
		return rc;
	char *dir = file_join(s->state, "ledger");
	if (access(dir, F_OK) == 0)
		(void)!ledger_open(dir, s->ledger_max_bytes, &r->ledger, &ignored);
	mem_free(&dir);
	r->bench.budget = budget_new(&limits, r->bench.store, &r->crc, r->params->figures);
	if (!r->params->dry_run)
		r->bench.registrar = registrar_start(s, "replay", r->params->figures);
	return RC_OK;
}

static void close_all(struct replay *r)
{
	struct err why;
	if (r->bench.registrar != NULL && registrar_stop(&r->bench.registrar, r->params->settings->stop_timeout_ms,
	                                      r->params->stop, r->params->context, &why) != RC_OK)
		snprintf(r->sum->catalog, sizeof r->sum->catalog, "%s", why.text);
	mem_free(&r->done);
	cell_free(&r->bench.cell);
	budget_free(&r->bench.budget);
	ledger_close(&r->ledger);
	seen_close(&r->bench.seen);
	store_close(&r->bench.store);
}

enum rc replay_run(const struct replay_params *p, struct replay_sum *sum, struct err *e)
{
	const struct settings *s = p->settings;
	struct replay r = {.params = p, .sum = sum};
	*sum = (struct replay_sum){.originals = 0};
	enum rc rc = open_all(&r, e);
	for (size_t i = 0; i < s->pipelines && rc == RC_OK; i++) {
		if (p->only != NULL && p->only != &s->pipeline[i])
			continue;
		r.pipeline = &s->pipeline[i];
		rc = one_pipeline(&r, e);
		if (rc != RC_OK && stopped(&r))
			rc = RC_END;
	}
	if (rc == RC_OK && p->with != NULL && !p->dry_run && r.ledger != NULL)
		rc = recover_copies(s, r.bench.store, r.ledger, e);
	close_all(&r);
	return rc;
}

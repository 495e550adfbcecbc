/*
 * Reads every history segment and every manifest of every partition, and says where their chains have holes.
 *
 * history_each stops at the first damage, and rightly so: whoever commits must not go on over it. An audit goes on, so
 * it walks by itself. Facts of a manifest are kept back until its last line was seen: one that is cut says nothing.
 */
#include "audit/work.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "pipe/history.h"
#include "pipe/ledger.h"
#include "pipe/lines.h"
#include "pipe/manifest.h"
#include "pipe/partitions.h"

enum { PATH_BYTES = 512, PENDING = 512 << 20, ROUNDS = 8 };

struct reading {
	struct audit *audit;
	struct chain *chain; /* borrowed while its partition is read */
	const char *topic;
	uint16_t topic_number, source;
	uint64_t position;     /* end of what was read; next manifest's start */
	uint64_t next_segment; /* those that begin before it were read */
	bool unsure;           /* what was there before it could not be read */
	struct manifest_head head;
	struct writer pending; /* facts of the manifest being walked */
	uint64_t rows, rejects, lost, ahead, behind, originals, tables;
};

static void keep(struct reading *r, bool path, const struct sorter_record *record)
{
	writer_u8(&r->pending, path);
	writer_le32(&r->pending, (uint32_t)record->key_len);
	writer_le32(&r->pending, (uint32_t)record->value_len);
	writer_put(&r->pending, record->key, record->key_len);
	writer_put(&r->pending, record->value, record->value_len);
}

static enum rc flush(struct reading *r, struct err *e)
{
	const uint8_t *at = r->pending.bytes, *end = at + r->pending.len;
	enum rc rc = r->pending.failed ? err_set(RC_BAD, e, "a manifest that says more than can be kept") : RC_OK;
	while (rc == RC_OK && at < end) {
		uint32_t key_len, value_len;
		memcpy(&key_len, at + 1, sizeof key_len);
		memcpy(&value_len, at + 5, sizeof value_len);
		const struct sorter_record record = {at + 9, at + 9 + key_len, key_len, value_len};
		rc = sorter_add(*at != 0 ? r->audit->paths : r->audit->idents, &record, e);
		at = record.value + value_len;
	}
	writer_reset(&r->pending);
	struct audit_result *result = r->audit->result;
	if (rc == RC_OK) {
		result->rows += r->rows;
		result->rejects += r->rejects;
		result->lost += r->lost;
		result->ahead += r->ahead;
		result->behind += r->behind;
		result->commits++;
	}
	return rc;
}

static enum rc see_head(void *context, const struct manifest_head *h, struct err *e)
{
	struct reading *r = context;
	(void)e;
	r->head = *h;
	r->rows = r->rejects = r->lost = r->ahead = r->behind = 0;
	writer_reset(&r->pending);
	return RC_OK;
}

static struct commit_id id_of(const struct reading *r)
{
	return (struct commit_id){r->topic_number, r->head.partition, r->head.start};
}

static enum rc see_file(void *context, const struct manifest_file *f, struct err *e)
{
	struct reading *r = context;
	struct sorter_record record;
	const struct named_file file = {.commit = id_of(r),
	    .size = f->size,
	    .rows = f->rows,
	    .crc32 = f->crc32,
	    .rejects = f->rejects,
	    .hour = f->hour,
	    .dataset = names_add(&r->audit->datasets, f->dataset, strlen(f->dataset)),
	    .staged = f->staged};
	(void)e;
	fact_path(&r->audit->record, f->path, PATH_FILE, &file, &record);
	keep(r, true, &record);
	return RC_OK;
}

static enum rc see_original(void *context, const struct manifest_original *o, struct err *e)
{
	struct reading *r = context;
	struct sorter_record record;
	struct named_original original = {.size = o->size, .source = r->source, .again = o->again};
	struct ident id = {.source = r->source, .again = o->again, .fact = IDENT_MANIFEST};
	const struct outcome outcome = {.commit = id_of(r),
	    .state = o->reason != NULL ? LEDGER_REFUSED : LEDGER_COMMITTED,
	    .dataset = audit_dataset(r->audit, o->path),
	    .rows = o->rows,
	    .rejects = o->rejects,
	    .lost = o->lost,
	    .size = o->size,
	    .path = o->path};
	(void)e;
	memcpy(original.sha256, o->original, SHA256_BYTES);
	memcpy(id.sha256, o->original, SHA256_BYTES);
	fact_path(&r->audit->record, o->path, PATH_ORIGINAL, &original, &record);
	keep(r, true, &record);
	fact_ident(&r->audit->record, &id, &outcome, &record);
	keep(r, false, &record);
	r->rows += o->rows;
	r->rejects += o->rejects;
	r->lost += o->lost;
	r->ahead += o->ahead;
	r->behind += o->behind;
	return RC_OK;
}

static struct manifest_visitor visitor_of(struct reading *r)
{
	return (struct manifest_visitor){.context = r, .head = see_head, .file = see_file, .original = see_original};
}

/* Nothing was read from the position up to there. Where what was there is damaged, that has been told. */
static void pass_over(struct reading *r, uint64_t to)
{
	if (to > r->position && r->unsure)
		chain_hole(r->chain, r->position, to)->told = true;
	else if (to > r->position && r->chain->any)
		(void)chain_hole(r->chain, r->position, to);
}

/* A manifest was read whole: does it follow the one before? path: of the file that holds it. */
static enum rc link(struct reading *r, const char *path, struct err *e)
{
	struct chain *c = r->chain;
	const struct manifest_head *h = &r->head;
	if (c->any && h->start < r->position && !r->unsure)
		audit_find(r->audit, FINDING_CHAIN_OVERLAP, path,
		    "its commit is of events %" PRIu64 " to %" PRIu64 ", those before reach to %" PRIu64, h->start,
		    h->end, r->position);
	else
		pass_over(r, h->start);
	if (!c->any)
		c->first = h->start;
	c->any = true;
	r->unsure = false;
	r->position = c->end = h->end;
	return flush(r, e);
}

/* Segments. */

/* Its manifests are walked up to the first that is damaged. RC_BAD: where and what. */
static enum rc walk_segment(
    struct reading *r, const char *path, uint64_t start, const char *text, size_t size, struct err *e)
{
	const struct manifest_visitor v = visitor_of(r);
	struct history_head head;
	uint64_t manifests = 0;
	size_t at = 0;
	enum rc rc = history_head_read(text, size, &head, &at, e);
	if (rc != RC_OK)
		return rc;
	if (head.start != start)
		return err_set(RC_BAD, e, "it says that it begins at %" PRIu64, head.start);
	r->chain->history_end = head.end > r->chain->history_end ? head.end : r->chain->history_end;
	while (at < size) {
		size_t span = lines_span(text + at, size - at);
		if (span == 0)
			return err_set(RC_BAD, e, "it ends in the middle of a manifest");
		if ((rc = manifest_walk(text + at, span, &v, e)) != RC_OK)
			return rc;
		if (strcmp(r->head.topic, r->topic) != 0 || r->head.partition != r->chain->partition)
			return err_set(RC_BAD, e, "it holds a manifest of %s/%u", r->head.topic, r->head.partition);
		if ((rc = link(r, path, e)) != RC_OK)
			return rc;
		at += span;
		manifests++;
	}
	if (manifests != head.manifests || r->position != head.end)
		return err_set(RC_BAD, e, "%" PRIu64 " manifests up to %" PRIu64 ", it says %" PRIu64 " up to %" PRIu64,
		    manifests, r->position, head.manifests, head.end);
	return RC_OK;
}

static enum rc read_segment(struct reading *r, uint64_t start, struct err *e)
{
	char path[PATH_BYTES];
	char *text = NULL;
	size_t size = 0;
	lake_history(path, sizeof path, r->topic, r->chain->partition);
	size_t len = strlen(path);
	snprintf(path + len, sizeof path - len, "/%020" PRIu64, start);
	enum rc rc = store_get(r->audit->store, path, HISTORY_MAX, &text, &size, e);
	if (rc == RC_OK)
		rc = walk_segment(r, path, start, text, size, e);
	mem_free(&text);
	r->audit->result->segments++;
	if (rc != RC_BAD)
		return rc;
	audit_find(r->audit, FINDING_HISTORY_DAMAGED, path, "%s", e->text);
	if (r->position < start || !r->chain->any) {
		pass_over(r, start);
		r->position = start;
	}
	r->unsure = true;
	return RC_OK;
}

static enum rc read_segments(struct reading *r, struct err *e)
{
	uint64_t *start = NULL;
	size_t count = 0;
	enum rc rc = history_list(r->audit->store, r->topic, r->chain->partition, &start, &count, e);
	for (size_t i = 0; i < count && rc == RC_OK; i++)
		if (start[i] >= r->next_segment) {
			rc = read_segment(r, start[i], e);
			r->next_segment = start[i] + 1;
		}
	mem_free(&start);
	/* A segment that vanished: they never are removed. */
	return rc == RC_END ? RC_OK : rc;
}

/* Manifests. */

/* RC_END: it is not there any more. */
static enum rc read_manifest(struct reading *r, uint64_t start, struct err *e)
{
	const struct manifest_visitor v = visitor_of(r);
	char path[PATH_BYTES];
	lake_commit(path, sizeof path, r->topic, r->chain->partition, start);
	enum rc rc = manifest_load(r->audit->store, r->topic, r->chain->partition, start, &v, e);
	if (rc == RC_OK)
		return link(r, path, e);
	if (rc != RC_BAD)
		return rc;
	/* The reason begins with the path. */
	const char *text = str_starts(e->text, path) ? e->text + strlen(path) + 2 : e->text;
	pass_over(r, start);
	audit_find(r->audit, FINDING_MANIFEST_DAMAGED, path, "%s", text);
	r->unsure = true;
	r->position = start;
	return RC_OK;
}

/* One that vanishes between listing and reading was folded: it is in a segment by then. */
static enum rc read_partition(struct reading *r, struct err *e)
{
	bool folded = true;
	enum rc rc = RC_OK;
	for (int round = 0; folded && rc == RC_OK; round++) {
		uint64_t *start = NULL;
		size_t count = 0;
		folded = false;
		if (round == ROUNDS)
			return err_set(
			    RC_AGAIN, e, "%s/%u: folded faster than it can be read", r->topic, r->chain->partition);
		rc = read_segments(r, e);
		if (rc == RC_OK)
			rc = manifest_list(
			    r->audit->store, r->topic, r->chain->partition, 0, SIZE_MAX / 2, &start, &count, e);
		for (size_t i = 0; i < count && rc == RC_OK && !folded; i++) {
			if (start[i] < r->chain->history_end) {
				r->audit->result->leftovers += round == 0;
				continue;
			}
			if (round > 0 && r->chain->any && start[i] < r->position)
				continue;
			/* What seems to be missing may have been folded after the segments were read. */
			if (start[i] != r->position && (rc = read_segments(r, e)) != RC_OK)
				break;
			if (start[i] < r->chain->history_end)
				continue;
			rc = read_manifest(r, start[i], e);
			folded = rc == RC_END;
			rc = folded ? RC_OK : rc;
		}
		mem_free(&start);
	}
	/* What follows a damaged newest manifest nobody knows: whatever speaks of it belongs to that damage. */
	if (rc == RC_OK && r->unsure)
		chain_hole(r->chain, r->position, UINT64_MAX)->told = true;
	return rc;
}

static enum rc one_partition(void *context, const char *topic, uint32_t partition, struct err *e)
{
	struct audit *a = context;
	struct reading r = {.audit = a, .topic = topic, .source = audit_source(a, topic)};
	r.topic_number = names_add(&a->topics, topic, strlen(topic));
	r.chain = chains_add(&a->chains, r.topic_number, topic, partition);
	writer_init(&r.pending, PENDING);
	enum rc rc = read_partition(&r, e);
	writer_fini(&r.pending);
	a->result->partitions++;
	return rc;
}

enum rc audit_chains(struct audit *a, struct err *e)
{
	return partitions_each(a->store, one_partition, a, e);
}

/* The lake is the memory, the index only its table of contents: this is the page that writes the contents again. */
#include "pipe/recall.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "pipe/history.h"

struct reading {
	struct seen *seen;
	struct seen_place place;
	int64_t now_ms;
	uint64_t until; /* what ends behind it is not taken in */
	bool open;      /* head and keys are of a manifest that is not noted yet */
	struct manifest_head head;
	struct seen_key *key;
	size_t keys, capacity;
};

static enum rc note(struct reading *r, struct err *e)
{
	struct seen_position position = {.start = r->head.start, .end = r->head.end};

	if (!r->open)
		return RC_OK;
	r->open = false;
	memcpy(position.epoch, r->head.epoch, sizeof position.epoch);
	return seen_add(r->seen, &r->place, r->key, r->keys, r->head.time_ms, r->now_ms, &position, e);
}

static enum rc read_head(void *context, const struct manifest_head *h, struct err *e)
{
	struct reading *r = context;
	enum rc rc = note(r, e);

	r->head = *h;
	r->keys = 0;
	r->open = h->end <= r->until;
	return rc;
}

static enum rc read_original(void *context, const struct manifest_original *o, struct err *e)
{
	struct reading *r = context;

	(void)e;
	if (!r->open)
		return RC_OK;
	if (r->keys == r->capacity) {
		r->capacity = mem_grow(r->capacity, r->keys + 1);
		r->key = mem_resize(r->key, r->capacity * sizeof *r->key);
	}
	memcpy(r->key[r->keys].original, o->original, SHA256_BYTES);
	r->key[r->keys++].again = o->again;
	return RC_OK;
}

static enum rc copy_head(void *context, const struct manifest_head *h, struct err *e)
{
	struct manifest_head *to = context;

	(void)e;
	*to = *h;
	return RC_OK;
}

/*
 * Does the chain still hold the commit that the index ends with? If not, this is another lake. Other processes of this
 * host may be working with the index: that it is ahead of us is no reason to take it from them.
 */
static enum rc is_link(struct store *store, const struct manifest_head *newest, const struct seen_position *known,
    bool *link, struct err *e)
{
	struct manifest_head h = {.end = 0};
	const struct manifest_visitor v = {.context = &h, .head = copy_head};
	enum rc rc;

	*link = known->end == newest->end && strcmp(known->epoch, newest->epoch) == 0;
	if (*link)
		return RC_OK;
	rc = history_load(store, newest->topic, newest->partition, known->start, &v, e);
	*link = rc == RC_OK && h.end == known->end && strcmp(h.epoch, known->epoch) == 0;
	if (*link && known->end > newest->end)
		return err_set(RC_AGAIN, e, "commits went on to %" PRIu64 " meanwhile", known->end);
	return rc == RC_END ? RC_OK : rc;
}

/* Offset that the index is good for; 0 when it has to be written from the beginning. */
static enum rc begin(
    struct reading *r, struct store *store, const struct manifest_head *newest, uint64_t *from, struct err *e)
{
	struct seen_position known;
	bool link = false;
	enum rc rc = seen_position(r->seen, &r->place, &known, e);

	*from = 0;
	if (rc == RC_OK && newest != NULL)
		rc = is_link(store, newest, &known, &link, e);
	if (rc == RC_END)
		return RC_OK;
	if (rc != RC_OK)
		return rc;
	if (!link)
		return seen_forget(r->seen, &r->place, e);
	*from = known.end;
	return RC_OK;
}

enum rc recall(struct store *store, struct seen *seen, const char *topic, unsigned partition,
    const struct manifest_head *newest, uint64_t end, int64_t horizon_ms, struct err *e)
{
	struct reading r = {
	    .seen = seen, .place = seen_place_of(topic, partition), .now_ms = clock_wall().ns / 1000000, .until = end};
	const struct manifest_visitor v = {.context = &r, .head = read_head, .original = read_original};
	uint64_t from = 0, next = 0;
	enum rc rc = begin(&r, store, newest, &from, e);

	if (rc != RC_OK || (newest != NULL && from == end))
		return rc;
	rc = history_each(store, topic, partition, from, r.now_ms - horizon_ms, &v, &next, e);
	if (rc == RC_OK)
		rc = note(&r, e);
	if (rc == RC_OK && next < end)
		rc = err_set(RC_AGAIN, e, "commits up to %" PRIu64 " can't be read, only to %" PRIu64, end, next);
	mem_free(&r.key);
	return rc;
}

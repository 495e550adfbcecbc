/* Each chain is followed from where the last look ended, so that a look costs a listing when there was no replay. */
#include "app/replayed.h"

#include "base/mem.h"
#include "base/str.h"
#include "pipe/history.h"
#include "pipe/manifest.h"

struct replayed {
	const struct settings *settings;
	uint64_t *next; /* of each pipeline's chain */
	json_t *into;
	int64_t time_ms; /* of the commit being read */
};

struct replayed *replayed_new(const struct settings *s)
{
	struct replayed *r = mem_zero(1, sizeof *r);
	r->settings = s;
	r->next = mem_zero(s->pipelines + 1, sizeof *r->next);
	return r;
}

void replayed_free(struct replayed **rp)
{
	if (*rp == NULL)
		return;
	mem_free(&(*rp)->next);
	mem_free(rp);
}

static char *key_of(const char *pipeline, const uint8_t sha256[SHA256_BYTES])
{
	char hex[SHA256_TEXT];
	str_hex(sha256, SHA256_BYTES, hex);
	return mem_format("%s/%s", pipeline, hex);
}

static enum rc see_head(void *context, const struct manifest_head *h, struct err *e)
{
	struct replayed *r = context;
	(void)e;
	r->time_ms = h->time_ms;
	return RC_OK;
}

/* A chain is in order of time: the last word counts. */
static enum rc see_original(void *context, const struct manifest_original *o, struct err *e)
{
	struct replayed *r = context;
	char *key = key_of(o->pipeline, o->original);
	(void)e;
	json_t *one = json_object();
	json_object_set_new(one, "left", json_u64(o->rejects));
	json_object_set_new(one, "rows",
	    json_u64(o->rows + (uint64_t)json_integer_value(json_object_get(json_object_get(r->into, key), "rows"))));
	json_object_set_new(one, "time_ms", json_integer(r->time_ms));
	if (o->settled != NULL)
		json_object_set_new(one, "settled", json_string(o->settled));
	json_object_set_new(r->into, key, one);
	mem_free(&key);
	return RC_OK;
}

enum rc replayed_read(struct replayed *r, struct store *store, json_t *into, struct err *e)
{
	const struct manifest_visitor v = {.context = r, .head = see_head, .original = see_original};
	enum rc rc = RC_OK;
	r->into = into;
	for (size_t i = 0; i < r->settings->pipelines && rc == RC_OK; i++) {
		uint64_t next = r->next[i];
		rc = history_each(store, r->settings->pipeline[i].topic_replay, 0, r->next[i], 0, &v, &next, e);
		if (rc == RC_OK)
			r->next[i] = next;
		rc = rc == RC_END ? RC_OK : rc;
	}
	return rc;
}

const json_t *replayed_of(const json_t *all, const char *pipeline, const uint8_t sha256[SHA256_BYTES])
{
	char *key = key_of(pipeline, sha256);
	const json_t *one = json_object_get(all, key);
	mem_free(&key);
	return one;
}

json_int_t replayed_left(const json_t *all, const char *pipeline, const uint8_t sha256[SHA256_BYTES])
{
	const json_t *one = replayed_of(all, pipeline, sha256);
	return one != NULL ? json_integer_value(json_object_get(one, "left")) : -1;
}

/*
 * list: HDFS orders names by signed bytes, and some are encoded, so its order is ours only for plain ones. A directory
 * is read whole for its smallest names, a thousand at a time; a walk over one in which all are plain goes on where its
 * last page ended.
 */
#include "store/webhdfs/webhdfs.h"

#include <string.h>

#include "base/mem.h"
#include "store/least.h"
#include "store/webhdfs/name.h"

struct listing {
	struct least least;
	const char *after;
	char *last; /* name as HDFS has it: where the next batch begins */
	char *raw;  /* room for one name */
	size_t room;
	bool is_file, odd; /* odd: a name that HDFS orders otherwise */
};

static void see(void *context, const char *name)
{
	struct listing *l = context;
	size_t len = strlen(name);
	if (len == 0) {
		l->is_file = true;
		return;
	}
	mem_free(&l->last);
	l->last = mem_text(name);
	if (len + 1 > l->room) {
		l->room = mem_grow(l->room, len + 1);
		l->raw = mem_resize(l->raw, l->room);
	}
	if (!name_decode(name, len, l->raw))
		return; /* not made by us, and not to be reached under any name of ours */
	l->odd = l->odd || !name_is_ordered(name, l->raw);
	if (l->after == NULL || strcmp(l->raw, l->after) > 0)
		least_add(&l->least, l->raw);
}

/* One batch. *remaining: whether there are more. RC_END: absent. */
static enum rc batch(struct webhdfs *w, const char *prefix, struct listing *l, bool *more, struct err *e)
{
	struct writer params;
	struct http_call *h = NULL;
	struct answer a;
	uint64_t remaining = 0;
	writer_init(&params, URL_MAX);
	if (l->last != NULL) {
		writer_text(&params, "&startAfter=");
		name_url(l->last, strlen(l->last), &params);
	}
	writer_u8(&params, '\0');
	const struct call c = {.method = HTTP_GET,
	    .path = prefix,
	    .op = w->no_batch ? "LISTSTATUS" : "LISTSTATUS_BATCH",
	    .params = (const char *)params.bytes,
	    .repeatable = true};
	enum rc rc = client_call(w, &c, &a, &h, e);
	writer_fini(&params);
	if (rc != RC_OK)
		return rc;
	size_t size;
	const char *body = http_reply(h, &size);
	if (a.kind == ANSWER_ABSENT || a.kind == ANSWER_NOT_DIRECTORY)
		rc = RC_END;
	else if (a.kind != ANSWER_OK)
		rc = client_error(w, prefix, &a, e);
	else if ((rc = answer_listing(body, size, see, l, &remaining, e)) != RC_OK)
		rc = err_wrap(rc, e, "%.200s", prefix);
	http_close(&h);
	if (rc == RC_OK && l->is_file)
		rc = err_set(RC_BAD, e, "%.300s: is not a directory", prefix);
	*more = remaining > 0;
	return rc;
}

static bool goes_on(const struct webhdfs *w, const char *prefix, const char *after)
{
	return after != NULL && w->walk_last != NULL && strcmp(w->walk_last, after) == 0 &&
	       strcmp(w->walk_prefix, prefix) == 0;
}

static void remember(struct webhdfs *w, const char *prefix, const struct listing *l, char **names, size_t count)
{
	mem_free(&w->walk_last);
	mem_free(&w->walk_prefix);
	if (l->odd || count == 0)
		return;
	w->walk_prefix = mem_text(prefix);
	w->walk_last = mem_text(names[count - 1]);
}

enum rc list_names(
    struct store *s, const char *prefix, const char *after, size_t max, char ***names, size_t *count, struct err *e)
{
	struct webhdfs *w = webhdfs_of(s);
	struct listing l = {.least = {.max = max}, .after = after};
	bool walk = goes_on(w, prefix, after), more = true;
	enum rc rc = RC_OK;
	if (walk)
		l.last = mem_text(after);
	/* All of it, unless names come in order: then the first max are the least. */
	while (rc == RC_OK && more && !(walk && l.least.count >= max)) {
		rc = batch(w, prefix, &l, &more, e);
		/* A server without the batch call says that it cannot, and can say all at once. */
		if (rc == RC_BAD && !w->no_batch && !l.is_file && l.last == NULL) {
			w->no_batch = true;
			rc = RC_OK;
		}
	}
	rc = rc == RC_END ? RC_OK : rc;
	if (rc == RC_OK) {
		least_take(&l.least, names, count);
		remember(w, prefix, &l, *names, *count);
	}
	least_fini(&l.least);
	mem_free(&l.last);
	mem_free(&l.raw);
	return rc;
}

/*
 * read: OPEN asks a name node, which sends to a data node, which sends the bytes. When that dies in the middle, the
 * rest is asked for from where it broke off. An answer that ends early is not an end: only the length says that.
 */
#include "store/webhdfs/webhdfs.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

struct remote {
	struct webhdfs *w;
	char *path;
	uint64_t offset, end; /* end: of the bytes wanted, at most the file's length */
	struct http_call *call;
	struct backoff backoff; /* begins anew with every byte */
};

/* RC_END: absent. RC_BAD: a directory. */
static enum rc look(struct remote *r, struct err *e)
{
	struct store_stat st;
	enum rc rc = client_stat(r->w, r->path, &st, e);
	if (rc != RC_OK)
		return rc;
	if (st.directory)
		return err_set(RC_BAD, e, "%.300s: is not a file", r->path);
	if (r->end > st.size)
		r->end = st.size;
	return RC_OK;
}

/* Ask the name node, then the data node: RC_OK when bytes may come. Else *a says what stands against it. */
static enum rc open_at(struct remote *r, struct answer *a, struct err *e)
{
	char params[100], *url = NULL;
	snprintf(params, sizeof params, "&offset=%llu&length=%llu", (unsigned long long)r->offset,
	    (unsigned long long)(r->end - r->offset));
	const struct call c = {.method = HTTP_GET, .path = r->path, .op = "OPEN", .params = params, .repeatable = true};
	r->call = client_start(r->w, &c);
	enum rc rc = http_head(r->call, e);
	for (unsigned hop = 0; rc == RC_OK; hop++) {
		int status = http_status(r->call);
		if (status >= 200 && status < 300)
			return RC_OK;
		if (status < 300 || status >= 400 || hop > 0)
			break;
		if ((rc = http_wait(r->call, e)) != RC_OK || (rc = client_redirect(r->w, r->call, &url, e)) == RC_FAIL)
			break;
		http_close(&r->call);
		const struct http_request q = {
		    .method = HTTP_GET, .url = url, .reply_stream = true, .reply_max = REPLY_MAX};
		if (rc == RC_OK)
			r->call = http_start(r->w->http, &q);
		mem_free(&url);
		if (rc == RC_OK)
			rc = http_head(r->call, e);
	}
	if (r->call != NULL) {
		(void)!http_wait(r->call, e);
		client_judge(r->w, r->call, a);
		if (a->kind == ANSWER_UNREACHED || a->kind == ANSWER_ELSEWHERE || a->kind == ANSWER_LOST)
			r->w->active = (r->w->active + 1) % r->w->place.nodes;
	} else {
		*a = (struct answer){.kind = rc == RC_FAIL ? ANSWER_UNTRUSTED : ANSWER_OTHER};
		snprintf(a->text, sizeof a->text, "%.230s", e->text);
	}
	http_close(&r->call);
	return RC_AGAIN;
}

static enum rc reopen(struct remote *r, struct err *e)
{
	for (;;) {
		struct answer a = {.kind = ANSWER_OTHER};
		if (open_at(r, &a, e) == RC_OK)
			return RC_OK;
		if (a.kind == ANSWER_ABSENT) {
			/* A data node says so too of a block that it has lost. */
			enum rc rc = look(r, e);
			if (rc != RC_OK)
				return rc;
		}
		if (a.kind == ANSWER_DENIED || a.kind == ANSWER_UNTRUSTED || a.kind == ANSWER_REFUSED ||
		    !backoff_wait(r->w, &r->backoff))
			return client_error(r->w, r->path, &a, e);
	}
}

static void remote_begin(struct remote *r, struct webhdfs *w, const char *path)
{
	*r = (struct remote){.w = w, .path = mem_text(path), .end = UINT64_MAX, .backoff = backoff_begin(RETRY_MS)};
}

static void remote_fini(struct remote *r)
{
	http_close(&r->call);
	mem_free(&r->path);
}

/* It broke off too often. By now the name node may know that no data node has the block. */
static enum rc gives_up(struct remote *r, struct err *e)
{
	struct answer a = {.kind = ANSWER_OTHER};
	if (open_at(r, &a, e) != RC_OK && a.kind == ANSWER_LACKING)
		return client_error(r->w, r->path, &a, e);
	http_close(&r->call);
	return err_set(RC_AGAIN, e, "%.300s: breaks off at byte %llu", r->path, (unsigned long long)r->offset);
}

/* Up to size bytes; RC_END at the end of what is wanted. */
static enum rc remote_read(struct remote *r, void *to, size_t size, size_t *got, struct err *e)
{
	while (r->offset < r->end) {
		enum rc rc = r->call == NULL ? reopen(r, e) : RC_OK;
		if (rc != RC_OK)
			return rc == RC_END ? err_set(RC_AGAIN, e, "%.300s: went away", r->path) : rc;
		rc = http_recv(r->call, to, size, got, e);
		if (rc == RC_OK) {
			r->offset += *got;
			r->backoff = backoff_begin(RETRY_MS);
			return RC_OK;
		}
		http_close(&r->call);
		if (rc != RC_END && rc != RC_AGAIN)
			return rc;
		if (r->offset < r->end && !backoff_wait(r->w, &r->backoff))
			return gives_up(r, e);
	}
	return RC_END;
}

enum rc read_range(
    struct store *s, const char *path, uint64_t offset, void *to, size_t size, size_t *got, struct err *e)
{
	struct remote r;
	size_t n = 0, part = 0;
	remote_begin(&r, webhdfs_of(s), path);
	/* HDFS refuses an offset at the end or beyond, with an exception that says nothing else: look first. */
	enum rc rc = look(&r, e);
	if (rc == RC_OK) {
		uint64_t end = offset + size < offset ? UINT64_MAX : offset + size;
		r.offset = offset;
		r.end = r.end < end ? r.end : end;
		while (n < size && (rc = remote_read(&r, (char *)to + n, size - n, &part, e)) == RC_OK)
			n += part;
		rc = rc == RC_END ? RC_OK : rc;
		if (rc == RC_OK)
			*got = n;
	}
	remote_fini(&r);
	return rc;
}

struct remote_source {
	struct source front;
	struct remote remote;
};

static enum rc source_pull(struct source *s, void *to, size_t size, size_t *got, struct err *e)
{
	struct remote *r = &((struct remote_source *)s)->remote;
	enum rc rc = remote_read(r, to, size, got, e);
	/* The next name of the same file is asked for as soon as its bytes are out. */
	if (rc == RC_OK)
		upload_move(r->w);
	return rc;
}

static void source_shut(struct source *s)
{
	struct remote_source *o = (struct remote_source *)s;
	remote_fini(&o->remote);
	mem_free(&o);
}

static const struct source_ops remote_ops = {.name = "webhdfs", .read = source_pull, .close = source_shut};

enum rc read_open(struct store *s, const char *path, struct source **out, struct err *e)
{
	struct remote_source *o = mem_zero(1, sizeof *o);
	o->front.ops = &remote_ops;
	remote_begin(&o->remote, webhdfs_of(s), path);
	enum rc rc = look(&o->remote, e);
	if (rc != RC_OK) {
		remote_fini(&o->remote);
		mem_free(&o);
		return rc;
	}
	*out = &o->front;
	return RC_OK;
}

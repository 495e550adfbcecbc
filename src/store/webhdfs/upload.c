/*
 * upload: files on their way in. A small one is kept until it is closed and then sent whole, many at a time, again if
 * need be; HDFS takes tens of milliseconds for each, whatever its size. A large one streams, and what breaks it, breaks
 * it: only its owner has the bytes.
 *
 * An upload that is cut short looks complete to HDFS, so the answer must be 201 and the length is asked for afterwards.
 *
 * Bytes of an attempt whose answer was lost may reach a data node later than those of the next one. So no attempt
 * replaces a file: what an earlier one left is removed first, and one that comes late finds the name taken.
 */
#include "store/webhdfs/webhdfs.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "store/webhdfs/name.h"

enum { KEPT_MAX = 1 << 20, QUEUED_MAX = 8 << 20, DRIVE_MS = 1000, ABORT_MS = 2000, EXCLUDED = 300 };

enum step {
	STEP_OPEN,   /* bytes are collected */
	STEP_STREAM, /* bytes go out as they come */
	STEP_QUEUED, /* closed, waits for a connection of the limit */
	STEP_CLEAR,  /* what an earlier attempt left is removed */
	STEP_LOCATE, /* a name node is asked for a data node */
	STEP_SEND,   /* and that is sent the bytes */
	STEP_VERIFY, /* a name node is asked for the length */
	STEP_PAUSE,  /* before another try */
	STEP_DONE,
};

struct store_file {
	struct webhdfs *w;
	struct store_file *next, **link;
	char *path;
	enum step step;
	struct http_call *call;
	uint8_t *buffer;
	size_t used, capacity;
	uint64_t size;
	bool closed, limited;    /* limited: counts in under_way */
	bool streamed;           /* what was sent is not here any more */
	bool tried;              /* an attempt may have left something under our name */
	char excluded[EXCLUDED]; /* a data node that was not there */
	struct backoff backoff;
	struct mono pause_begun;
	int64_t pause_ms;
	enum rc rc;
	struct err reason;
};

static void set_done(struct store_file *f)
{
	if (f->limited)
		f->w->under_way--;
	f->limited = false;
	http_close(&f->call);
	if (f->step != STEP_DONE && f->closed && !f->streamed)
		f->w->queued_bytes -= f->used;
	mem_free(&f->buffer);
	f->capacity = 0;
	f->step = STEP_DONE;
}

static void fail(struct store_file *f, enum rc rc)
{
	f->rc = rc;
	set_done(f);
}

/* ---- steps of an upload ---- */

static struct http_call *clear(struct store_file *f)
{
	const struct call c = {
	    .method = HTTP_DELETE, .path = f->path, .op = "DELETE", .params = "&recursive=false", .repeatable = true};
	return client_start(f->w, &c);
}

static struct http_call *locate(struct store_file *f)
{
	struct webhdfs *w = f->w;
	struct writer params;
	writer_init(&params, URL_MAX);
	writer_format(&params, "&overwrite=false%s", w->create);
	if (f->excluded[0] != '\0' && f->backoff.tries % 2 == 1) {
		writer_text(&params, "&excludedatanodes=");
		name_url(f->excluded, strlen(f->excluded), &params);
	}
	writer_u8(&params, '\0');
	const struct call c = {.method = HTTP_PUT,
	    .path = f->path,
	    .op = "CREATE",
	    .params = (const char *)params.bytes,
	    .repeatable = true};
	struct http_call *h = client_start(w, &c);
	writer_fini(&params);
	return h;
}

static struct http_call *send_to(struct store_file *f, const char *url)
{
	static const char *const header[] = {"Content-Type: application/octet-stream"};
	const struct http_request r = {.method = HTTP_PUT,
	    .url = url,
	    .header = header,
	    .headers = 1,
	    .body = f->streamed ? HTTP_STREAM : HTTP_BYTES,
	    .bytes = f->buffer,
	    .size = f->used,
	    .reply_max = REPLY_MAX};
	/* host alone: a name node knows its data nodes by another port than the one we talk to. */
	http_peer(url, f->excluded, sizeof f->excluded);
	char *port = strrchr(f->excluded, ':');
	if (port != NULL && strchr(port, ']') == NULL)
		*port = '\0';
	return http_start(f->w->http, &r);
}

static struct http_call *verify(struct store_file *f)
{
	const struct call c = {.method = HTTP_GET, .path = f->path, .op = "GETFILESTATUS", .repeatable = true};
	return client_start(f->w, &c);
}

/* What an attempt came to that did not succeed. False: it is over. */
static bool may_try_again(struct store_file *f, const struct answer *a)
{
	switch (a->kind) {
	case ANSWER_TAKEN:
	case ANSWER_BEING_WRITTEN:
		f->rc = err_set(f->tried ? RC_AGAIN : RC_BAD, &f->reason, "%.300s: is there already", f->path);
		return f->tried;
	case ANSWER_DENIED:
	case ANSWER_UNTRUSTED:
	case ANSWER_REFUSED:
	case ANSWER_NOT_DIRECTORY:
	case ANSWER_FULL:
		f->rc = client_error(f->w, f->path, a, &f->reason);
		return false;
	default:
		f->rc = client_error(f->w, f->path, a, &f->reason);
		return true;
	}
}

static void attempt_failed(struct store_file *f, const struct answer *a)
{
	if (!may_try_again(f, a) || f->streamed || (f->pause_ms = backoff_next(f->w, &f->backoff)) < 0) {
		set_done(f);
		return;
	}
	f->rc = RC_OK;
	f->pause_begun = clock_mono();
	f->step = STEP_PAUSE;
}

/* What a name node said; the next one is asked next time when it said nothing of use. */
static void judge_name_node(struct store_file *f, const struct http_call *h, struct answer *a)
{
	client_judge(f->w, h, a);
	if (a->kind == ANSWER_UNREACHED || a->kind == ANSWER_ELSEWHERE || a->kind == ANSWER_LOST)
		f->w->active = (f->w->active + 1) % f->w->place.nodes;
}

static void cleared(struct store_file *f, const struct http_call *h)
{
	struct answer a;
	judge_name_node(f, h, &a);
	if (a.kind != ANSWER_OK && a.kind != ANSWER_ABSENT) {
		attempt_failed(f, &a);
		return;
	}
	f->call = locate(f);
	f->step = STEP_LOCATE;
}

static void located(struct store_file *f, const struct http_call *h)
{
	struct answer a;
	char *url = NULL;
	judge_name_node(f, h, &a);
	if (a.kind != ANSWER_OK) {
		attempt_failed(f, &a);
		return;
	}
	enum rc rc = client_redirect(f->w, h, &url, &f->reason);
	if (rc != RC_OK) {
		fail(f, rc);
		return;
	}
	f->call = send_to(f, url);
	f->step = STEP_SEND;
	mem_free(&url);
}

static void sent(struct store_file *f, const struct http_call *h)
{
	struct answer a;
	client_judge(f->w, h, &a);
	if (a.kind != ANSWER_UNREACHED)
		f->excluded[0] = '\0';
	f->tried = f->tried || (a.kind != ANSWER_UNREACHED && a.kind != ANSWER_TAKEN && a.kind != ANSWER_BEING_WRITTEN);
	if (a.kind != ANSWER_OK) {
		attempt_failed(f, &a);
		return;
	}
	f->call = verify(f);
	f->step = STEP_VERIFY;
}

static void verified(struct store_file *f, const struct http_call *h)
{
	struct answer a;
	struct store_stat st;
	size_t size;
	client_judge(f->w, h, &a);
	if (a.kind == ANSWER_OK) {
		const char *body = http_reply(h, &size);
		enum rc rc = answer_status(body, size, &st, &f->reason);
		if (rc == RC_OK && !st.directory && st.size == f->size) {
			set_done(f);
			return;
		}
		a.kind = ANSWER_OTHER;
		snprintf(a.text, sizeof a.text, "has %llu bytes, %llu were written", (unsigned long long)st.size,
		    (unsigned long long)f->size);
	} else if (a.kind == ANSWER_LATER || a.kind == ANSWER_ELSEWHERE || a.kind == ANSWER_LOST ||
	           a.kind == ANSWER_UNREACHED || a.kind == ANSWER_OTHER) {
		/* The bytes are there: only the question is asked again. */
		if (a.kind != ANSWER_LATER)
			f->w->active = (f->w->active + 1) % f->w->place.nodes;
		if (f->streamed && (f->pause_ms = backoff_next(f->w, &f->backoff)) >= 0) {
			f->pause_begun = clock_mono();
			f->step = STEP_PAUSE;
			return;
		}
	}
	attempt_failed(f, &a);
}

static void begin_attempt(struct store_file *f)
{
	/* A streamed one that pauses has been sent: what is left is to verify it. */
	f->step = f->streamed ? STEP_VERIFY : f->tried ? STEP_CLEAR : STEP_LOCATE;
	f->call = f->streamed ? verify(f) : f->tried ? clear(f) : locate(f);
}

static void move_one(struct store_file *f)
{
	struct http_call *h = f->call;
	if (f->step == STEP_PAUSE && mono_since(f->pause_begun) >= f->pause_ms)
		begin_attempt(f);
	if (h == NULL || !http_done(h) || f->step < STEP_CLEAR)
		return;
	f->call = NULL;
	if (f->step == STEP_CLEAR)
		cleared(f, h);
	else if (f->step == STEP_LOCATE)
		located(f, h);
	else if (f->step == STEP_SEND)
		sent(f, h);
	else if (f->step == STEP_VERIFY)
		verified(f, h);
	http_close(&h);
}

void upload_move(struct webhdfs *w)
{
	for (struct store_file *f = w->file; f != NULL; f = f->next) {
		if (f->step == STEP_QUEUED && w->under_way < w->connections) {
			w->under_way++;
			f->limited = true;
			f->backoff = backoff_begin(UPLOAD_RETRY_MS);
			begin_attempt(f);
		}
		move_one(f);
	}
}

/*
 * The next moment at which something happens that no socket tells. A call that another's driving has brought to its end
 * is such a thing: there is nothing left to wait for, so the step comes first.
 */
static void drive(struct webhdfs *w)
{
	int64_t ms = DRIVE_MS;
	for (struct store_file *f = w->file; f != NULL; f = f->next) {
		if (f->step >= STEP_LOCATE && f->call != NULL && http_done(f->call)) {
			upload_move(w);
			return;
		}
		int64_t left = f->step == STEP_PAUSE ? f->pause_ms - mono_since(f->pause_begun) : DRIVE_MS;
		ms = left < ms ? left : ms;
	}
	http_drive(w->http, ms > 0 ? ms : 0);
	upload_move(w);
}

/* ---- life of a file ---- */

static void link_file(struct webhdfs *w, struct store_file *f)
{
	/* At the end: those closed first go first. */
	struct store_file **at = &w->file;
	while (*at != NULL)
		at = &(*at)->next;
	f->link = at;
	*at = f;
}

static struct store_file *file_new(struct webhdfs *w, const char *path)
{
	struct store_file *f = mem_zero(1, sizeof *f);
	f->w = w;
	f->path = mem_text(path);
	link_file(w, f);
	return f;
}

static void file_free(struct store_file *f)
{
	set_done(f);
	*f->link = f->next;
	if (f->next != NULL)
		f->next->link = f->link;
	mem_free(&f->path);
	mem_release(f);
}

/* One of the paths is the other, or lies below it. */
static bool collide(const char *a, const char *b)
{
	size_t n = 0;
	while (a[n] != '\0' && a[n] == b[n])
		n++;
	return (a[n] == '\0' && (b[n] == '\0' || b[n] == '/')) || (b[n] == '\0' && a[n] == '/');
}

enum rc upload_create(struct store *s, const char *path, struct store_file **out, struct err *e)
{
	struct webhdfs *w = webhdfs_of(s);
	struct store_stat st;
	bool taken = false;
	for (const struct store_file *f = w->file; f != NULL && !taken; f = f->next)
		taken = collide(f->path, path);
	enum rc rc = taken ? RC_OK : client_stat(w, path, &st, e);
	if (rc == RC_OK)
		return err_set(RC_BAD, e, "%.300s: is there already", path);
	if (rc != RC_END)
		return rc;
	*out = file_new(w, path);
	return RC_OK;
}

static void collect(struct store_file *f, const void *bytes, size_t size)
{
	if (f->used + size > f->capacity) {
		f->capacity = mem_grow(f->capacity, f->used + size);
		f->buffer = mem_resize(f->buffer, f->capacity);
	}
	memcpy(f->buffer + f->used, bytes, size);
	f->used += size;
}

/* Bytes of a stream. What the other side says before it has all is the end of this file. */
static enum rc stream(struct store_file *f, const void *bytes, size_t size, struct answer *a)
{
	enum rc rc = http_send(f->call, bytes, size, &f->reason);
	if (rc == RC_OK)
		return RC_OK;
	client_judge(f->w, f->call, a);
	if (a->kind == ANSWER_OK)
		*a = (struct answer){.kind = ANSWER_OTHER, .text = "the data node had enough before the end"};
	return RC_AGAIN;
}

/* From the first attempt's failure to the last one's, the collected bytes are still here. */
static enum rc stream_begin(struct store_file *f)
{
	f->backoff = backoff_begin(UPLOAD_RETRY_MS);
	f->streamed = true;
	for (;;) {
		struct answer a;
		char *url = NULL;
		if (f->tried && (f->rc = client_remove(f->w, f->path, &f->reason)) != RC_OK)
			return f->rc;
		struct http_call *h = locate(f);
		(void)!http_wait(h, &f->reason);
		judge_name_node(f, h, &a);
		enum rc rc = a.kind == ANSWER_OK ? client_redirect(f->w, h, &url, &f->reason) : RC_OK;
		http_close(&h);
		if (rc != RC_OK)
			return f->rc = rc;
		if (url != NULL) {
			f->call = send_to(f, url);
			mem_free(&url);
			if (stream(f, f->buffer, f->used, &a) == RC_OK)
				return RC_OK;
			http_close(&f->call);
			f->tried =
			    f->tried || a.kind == ANSWER_LOST || a.kind == ANSWER_OTHER || a.kind == ANSWER_LATER;
		}
		if (!may_try_again(f, &a) || !backoff_wait(f->w, &f->backoff))
			return f->rc;
		f->rc = RC_OK;
	}
}

enum rc upload_write(struct store *s, struct store_file *f, const void *bytes, size_t size, struct err *e)
{
	struct webhdfs *w = webhdfs_of(s);
	struct answer a;
	f->size += size;
	http_drive(w->http, 0);
	upload_move(w);
	if (f->rc == RC_OK && f->step == STEP_OPEN && f->used + size > KEPT_MAX) {
		if (stream_begin(f) != RC_OK)
			set_done(f);
		mem_free(&f->buffer);
		f->used = f->capacity = 0;
		f->step = f->rc == RC_OK ? STEP_STREAM : STEP_DONE;
	}
	if (f->rc == RC_OK && f->step == STEP_OPEN) {
		collect(f, bytes, size);
	} else if (f->rc == RC_OK && f->step == STEP_STREAM && stream(f, bytes, size, &a) != RC_OK) {
		f->tried = true;
		(void)may_try_again(f, &a);
		set_done(f);
	}
	if (f->rc != RC_OK)
		*e = f->reason;
	return f->rc;
}

enum rc upload_close(struct store *s, struct store_file *f, uint64_t expected, struct err *e)
{
	struct webhdfs *w = webhdfs_of(s);
	if (f->rc == RC_OK && f->size != expected) {
		err_set(RC_BAD, &f->reason, "%.300s: %llu bytes were written, %llu were expected", f->path,
		    (unsigned long long)f->size, (unsigned long long)expected);
		fail(f, RC_BAD);
	}
	f->closed = true;
	if (f->rc == RC_OK && f->step == STEP_STREAM) {
		http_send_end(f->call);
		f->backoff = backoff_begin(UPLOAD_RETRY_MS);
		f->step = STEP_SEND;
	} else if (f->rc == RC_OK) {
		w->queued_bytes += f->used;
		f->step = STEP_QUEUED;
	}
	upload_move(w);
	http_drive(w->http, 0);
	while (w->queued_bytes > QUEUED_MAX)
		drive(w);
	if (f->rc != RC_OK)
		*e = f->reason;
	return f->rc;
}

/* Something of it may be there. Best effort: what is left lies in staging, which is swept. */
static bool remove_traces(struct store_file *f)
{
	struct err ignored;
	bool there = f->tried || f->step == STEP_SEND || f->step == STEP_STREAM || f->step == STEP_VERIFY ||
	             (f->step == STEP_DONE && f->closed);
	struct mono begun = clock_mono();
	/* Bytes that are on their way would make the name again behind our back. */
	while (f->closed && f->step == STEP_SEND && mono_since(begun) < ABORT_MS)
		drive(f->w);
	set_done(f);
	return !there || client_remove(f->w, f->path, &ignored) == RC_OK;
}

void upload_abandon(struct store *s, struct store_file *f)
{
	(void)s;
	(void)remove_traces(f);
	file_free(f);
}

enum rc upload_sync(struct store *s, struct store_file **files, size_t count, struct err *e)
{
	struct webhdfs *w = webhdfs_of(s);
	enum rc rc = RC_OK;
	for (size_t i = 0; i < count && rc == RC_OK; i++) {
		if (files[i] == NULL)
			continue;
		while (files[i]->closed && files[i]->step != STEP_DONE)
			drive(w);
		rc = files[i]->rc != RC_OK ? files[i]->rc : files[i]->closed ? RC_OK : RC_BAD;
		if (files[i]->rc != RC_OK)
			*e = files[i]->reason;
		else if (rc != RC_OK)
			err_set(rc, e, "%.300s: is not closed", files[i]->path);
	}
	/* As after a failed sync elsewhere: what was written counts as lost, and goes. Where one cannot be removed, the
	 * others can't either. */
	bool reachable = true;
	for (size_t i = 0; i < count; i++) {
		if (files[i] == NULL)
			continue;
		if (rc != RC_OK && reachable)
			reachable = remove_traces(files[i]);
		file_free(files[i]);
		files[i] = NULL;
	}
	return rc;
}

enum rc upload_put(struct webhdfs *w, const char *path, const void *bytes, size_t size, struct err *e)
{
	struct store_file *f = file_new(w, path);
	enum rc rc = size > 0 ? upload_write(&w->store, f, bytes, size, e) : RC_OK;
	if (rc == RC_OK)
		rc = upload_close(&w->store, f, size, e);
	if (rc == RC_OK)
		return upload_sync(&w->store, &f, 1, e);
	upload_abandon(&w->store, f);
	return rc;
}

/*
 * client: one operation on whichever name node is active, again while it makes sense. A lost answer is a question only
 * the caller can settle, unless doing it twice is doing it once.
 */
#include "store/webhdfs/webhdfs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/webhdfs/name.h"

enum { WAIT_FIRST_MS = 40, WAIT_MOST_MS = 2000, DRIVE_MS = 1000, TOKEN_MAX = 16 << 10, UNAUTHORIZED = 401 };

/* ---- waiting ---- */

static uint64_t chance(struct webhdfs *w)
{
	w->chance ^= w->chance << 13;
	w->chance ^= w->chance >> 7;
	w->chance ^= w->chance << 17;
	return w->chance;
}

struct backoff backoff_begin(int64_t most_ms)
{
	return (struct backoff){.begun = clock_mono(), .most_ms = most_ms};
}

int64_t backoff_next(struct webhdfs *w, struct backoff *b)
{
	int64_t full = b->tries < 6 ? WAIT_FIRST_MS << b->tries : WAIT_MOST_MS;
	b->tries++;
	int64_t wait = full / 2 + (int64_t)(chance(w) % (uint64_t)full);
	return mono_since(b->begun) + wait > b->most_ms ? -1 : wait;
}

bool backoff_wait(struct webhdfs *w, struct backoff *b)
{
	int64_t ms = backoff_next(w, b);
	struct mono begun = clock_mono();
	if (ms < 0)
		return false;
	for (int64_t left; (left = ms - mono_since(begun)) > 0;) {
		http_drive(w->http, left);
		upload_move(w);
	}
	return true;
}

/* ---- asking ---- */

void client_path(const struct webhdfs *w, const char *path, struct writer *out)
{
	struct writer name;
	name_url(w->place.root, strlen(w->place.root), out);
	writer_init(&name, URL_MAX);
	for (const char *part = path; *part != '\0';) {
		size_t n = strcspn(part, "/");
		writer_reset(&name);
		(void)name_encode(part, n, &name);
		writer_u8(out, '/');
		name_url((const char *)name.bytes, name.len, out);
		part += n + (part[n] == '/');
	}
	writer_fini(&name);
	if (path[0] == '\0' && w->place.root[0] == '\0')
		writer_u8(out, '/');
}

/* Who asks: the token says it, or SPNEGO, or the name alone. */
static void put_identity(const struct webhdfs *w, struct writer *url)
{
	const char *key = w->token != NULL ? "&delegation=" : w->spnego ? "" : "&user.name=";
	const char *value = w->token != NULL ? w->token : w->spnego ? "" : w->user;
	writer_text(url, key);
	name_url(value, strlen(value), url);
}

struct http_call *client_start(struct webhdfs *w, const struct call *c)
{
	/* The cross-site filter of a cluster wants the second header, of any value; HttpFS wants the type. */
	static const char *const header[] = {"Content-Type: application/octet-stream", "X-XSRF-HEADER: sluice"};
	struct writer url;
	writer_init(&url, URL_MAX);
	writer_format(&url, "%s://%s/webhdfs/v1", w->tls ? "https" : "http", w->place.node[w->active]);
	client_path(w, c->path, &url);
	writer_format(&url, "?op=%s", c->op);
	put_identity(w, &url);
	writer_text(&url, c->params != NULL ? c->params : "");
	writer_u8(&url, '\0');
	if (url.failed)
		abort(); /* a path has at most 4,000 bytes */
	const struct http_request r = {.method = c->method,
	    .url = (const char *)url.bytes,
	    .header = header,
	    .headers = c->method == HTTP_GET ? 0 : 2,
	    .reply_stream = strcmp(c->op, "OPEN") == 0,
	    .reply_max = REPLY_MAX,
	    .negotiate = w->spnego && w->token == NULL};
	struct http_call *h = http_start(w->http, &r);
	writer_fini(&url);
	return h;
}

static void next_node(struct webhdfs *w)
{
	w->active = (w->active + 1) % w->place.nodes;
}

void client_judge(struct webhdfs *w, const struct http_call *h, struct answer *out)
{
	static const enum answer_kind none[] = {[HTTP_UNREACHED] = ANSWER_UNREACHED,
	    [HTTP_UNTRUSTED] = ANSWER_UNTRUSTED,
	    [HTTP_LOST] = ANSWER_LOST,
	    [HTTP_EXCESS] = ANSWER_LOST};
	struct err e;
	size_t size = 0;
	if (http_trouble(h) == HTTP_FINE) {
		const char *body = http_reply(h, &size);
		answer_read(http_status(h), body, size, w->token, out);
		return;
	}
	*out = (struct answer){.kind = none[http_trouble(h)]};
	(void)!http_result(h, &e);
	snprintf(out->text, sizeof out->text, "%.230s", e.text);
}

/* The file may hold a newer one: tokens are renewed by whoever got them. */
static bool reload_token(struct webhdfs *w)
{
	char *text = NULL;
	size_t size = 0;
	struct err ignored;
	if (w->token_file == NULL || file_load(w->token_file, TOKEN_MAX, &text, &size, &ignored) != RC_OK)
		return false;
	text[strcspn(text, " \t\r\n")] = '\0';
	bool newer = text[0] != '\0' && strcmp(text, w->token) != 0;
	if (newer) {
		mem_free(&w->token);
		w->token = text;
	} else {
		mem_free(&text);
	}
	return newer;
}

/* Tickets run out and a key distribution centre may be away: what SPNEGO is refused today it may be given tomorrow. */
static enum rc denied(const struct webhdfs *w, const char *what, const struct answer *a, struct err *e)
{
	bool unknown = a->status == UNAUTHORIZED;
	if (unknown && w->token == NULL && w->spnego)
		return err_set(RC_AGAIN, e,
		    "HDFS: %.200s: %s: no Kerberos ticket of this process was accepted; klist shows them", what,
		    a->text);
	if (unknown && w->token == NULL)
		return err_set(RC_FAIL, e,
		    "HDFS: %.200s: %s: it wants Kerberos: webhdfs.auth: spnego, or webhdfs.token_file", what, a->text);
	const char *user = w->token != NULL ? "of the delegation token"
	                   : w->spnego      ? "of the Kerberos ticket"
	                                    : w->user;
	return err_set(RC_FAIL, e, "HDFS: %.200s: user %.60s: %s", what, user, a->text);
}

enum rc client_error(const struct webhdfs *w, const char *path, const struct answer *a, struct err *e)
{
	const char *what = path[0] != '\0' ? path : w->place.root[0] != '\0' ? w->place.root : "/";
	switch (a->kind) {
	case ANSWER_DENIED:
		return denied(w, what, a, e);
	case ANSWER_UNTRUSTED:
		return err_set(RC_FAIL, e, "%s", a->text);
	case ANSWER_REFUSED:
	case ANSWER_TAKEN:
	case ANSWER_NOT_DIRECTORY:
		return err_set(RC_BAD, e, "%.200s: %s", what, a->text);
	case ANSWER_ABSENT:
		return err_set(RC_AGAIN, e, "%.200s: went away", what);
	case ANSWER_LACKING:
		(void)err_set(RC_AGAIN, e, "HDFS: %.200s: no data node that is up has these bytes", what);
		e->sys = EIO;
		return RC_AGAIN;
	default:
		return err_set(RC_AGAIN, e, "HDFS: %.200s: %s", what, a->text);
	}
}

/* Is another try of any use, and if so, where? */
static bool worth_repeating(struct webhdfs *w, const struct call *c, const struct answer *a)
{
	switch (a->kind) {
	case ANSWER_UNREACHED:
	case ANSWER_ELSEWHERE:
		next_node(w);
		return true;
	case ANSWER_LATER:
		return true;
	case ANSWER_LOST:
		next_node(w);
		return c->repeatable;
	case ANSWER_OTHER:
		return c->repeatable;
	case ANSWER_TOKEN:
		return reload_token(w);
	default:
		return false;
	}
}

static bool is_for_caller(const struct call *c, enum answer_kind kind)
{
	switch (kind) {
	case ANSWER_OK:
	case ANSWER_ABSENT:
	case ANSWER_TAKEN:
	case ANSWER_BEING_WRITTEN:
	case ANSWER_NOT_DIRECTORY:
	case ANSWER_NOT_EMPTY:
		return true;
	case ANSWER_OTHER:
	case ANSWER_LOST:
		return !c->repeatable;
	default:
		return false;
	}
}

enum rc client_call(struct webhdfs *w, const struct call *c, struct answer *a, struct http_call **done, struct err *e)
{
	struct backoff b = backoff_begin(RETRY_MS);
	for (;;) {
		struct http_call *h = client_start(w, c);
		while (!http_done(h)) {
			http_drive(w->http, DRIVE_MS);
			upload_move(w);
		}
		client_judge(w, h, a);
		if (is_for_caller(c, a->kind)) {
			*done = h;
			return RC_OK;
		}
		http_close(&h);
		/* The first try on another name node needs no waiting. */
		bool again = worth_repeating(w, c, a);
		bool at_once = a->kind == ANSWER_TOKEN || (a->kind != ANSWER_LATER && ++b.tries < w->place.nodes);
		if (!again || (!at_once && !backoff_wait(w, &b)))
			return client_error(w, c->path, a, e);
	}
}

enum rc client_stat(struct webhdfs *w, const char *path, struct store_stat *out, struct err *e)
{
	const struct call c = {.method = HTTP_GET, .path = path, .op = "GETFILESTATUS", .repeatable = true};
	struct http_call *h = NULL;
	struct answer a;
	size_t size;
	enum rc rc = client_call(w, &c, &a, &h, e);
	if (rc != RC_OK)
		return rc;
	const char *body = http_reply(h, &size);
	if (a.kind == ANSWER_ABSENT || a.kind == ANSWER_NOT_DIRECTORY)
		rc = RC_END;
	else if (a.kind != ANSWER_OK)
		rc = client_error(w, path, &a, e);
	else if ((rc = answer_status(body, size, out, e)) != RC_OK)
		rc = err_wrap(rc, e, "%.200s", path);
	http_close(&h);
	return rc;
}

enum rc client_mkdirs(struct webhdfs *w, const char *path, struct err *e)
{
	const struct call c = {.method = HTTP_PUT, .path = path, .op = "MKDIRS", .repeatable = true};
	struct http_call *h = NULL;
	struct answer a;
	size_t size;
	bool made = false;
	enum rc rc = client_call(w, &c, &a, &h, e);
	if (rc != RC_OK)
		return rc;
	const char *body = http_reply(h, &size);
	if (a.kind != ANSWER_OK)
		rc = client_error(w, path, &a, e);
	else if ((rc = answer_boolean(body, size, &made, e)) == RC_OK && !made)
		rc = err_set(RC_AGAIN, e, "%.200s: cannot be made", path);
	http_close(&h);
	return rc;
}

enum rc client_remove(struct webhdfs *w, const char *path, struct err *e)
{
	const struct call c = {.method = HTTP_DELETE, .path = path, .op = "DELETE", .params = "&recursive=false"};
	struct backoff b = backoff_begin(RETRY_MS);
	for (;;) {
		struct store_stat st;
		struct http_call *h = NULL;
		struct answer a;
		enum rc rc = client_call(w, &c, &a, &h, e);
		http_close(&h);
		if (rc != RC_OK)
			return rc;
		if (a.kind == ANSWER_LOST || a.kind == ANSWER_OTHER) {
			/* Was it done? Somebody may have made the name anew, so this is looked at before each try. */
			rc = client_stat(w, path, &st, e);
			if (rc == RC_OK && backoff_wait(w, &b))
				continue;
			return rc == RC_END ? RC_OK : rc == RC_OK ? client_error(w, path, &a, e) : rc;
		}
		if (a.kind == ANSWER_BEING_WRITTEN)
			return client_error(w, path, &a, e);
		return RC_OK; /* gone, absent, or a directory that is not empty */
	}
}

enum rc client_redirect(const struct webhdfs *w, const struct http_call *h, char **out, struct err *e)
{
	const char *to = http_location(h);
	if (to == NULL)
		return err_set(RC_AGAIN, e, "%s sent no data node", w->place.node[w->active]);
	if (w->tls && !str_starts(to, "https://"))
		return err_set(RC_FAIL, e, "%s leads from TLS to a data node without it (dfs.http.policy)",
		    w->place.node[w->active]);
	*out = mem_text(to);
	return RC_OK;
}

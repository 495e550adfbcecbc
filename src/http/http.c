/*
 * The multi interface is driven by whoever waits for one of its calls. Bodies are copied between the caller's memory
 * and curl's buffer once; a side that has nothing to give or no room to take is paused, which is what bounds memory.
 */
#include "http/http.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <curl/curl.h>

#include "base/clock.h"
#include "base/mem.h"

enum {
	BUFFER = 512 << 10, /* curl's own, each way */
	POLL_MS = 1000,
	PEER_TEXT = 300,
	SPARE_MAX = 32, /* easy handles kept for reuse */
};

struct http {
	struct http_params params;
	CURLM *multi;
	CURLSH *cookies;
	CURL *spare[SPARE_MAX];
	size_t spares;
	struct http_call *first; /* those that are not done */
};

struct http_call {
	struct http *http;
	struct http_call *next, **link;
	CURL *easy; /* NULL once done */
	struct curl_slist *headers;
	char peer[PEER_TEXT];
	char curl_text[CURL_ERROR_SIZE];

	/* Sending. */
	bool stream, send_ended, send_paused;
	const uint8_t *from;
	size_t from_size;

	/* Receiving. */
	bool reply_stream, pull, recv_paused, head;
	uint8_t *to;
	size_t to_size, to_used;
	uint8_t *kept; /* the reply; or, of a stream, what came beyond the reader's buffer */
	size_t kept_size, kept_from, kept_capacity, reply_max;

	uint64_t moved, moved_seen; /* bytes, either way */
	int64_t waited_ms;          /* since something moved, only while somebody drove */
	bool sent;                  /* part of the request may have reached the other side */

	bool done;
	enum http_trouble trouble;
	int status;
	char *location;
	struct err reason;
};

void http_peer(const char *url, char *out, size_t size)
{
	const char *host = strstr(url, "://");
	host = host != NULL ? host + 3 : url;
	snprintf(out, size, "%.*s", (int)strcspn(host, "/?#"), host);
}

/* ---- call-backs of curl ---- */

static size_t give(char *buffer, size_t one, size_t room, void *context)
{
	struct http_call *c = context;
	(void)one;
	if (c->from_size == 0) {
		if (!c->stream || c->send_ended)
			return 0;
		c->send_paused = true;
		return CURL_READFUNC_PAUSE;
	}
	size_t n = c->from_size < room ? c->from_size : room;
	memcpy(buffer, c->from, n);
	c->from += n;
	c->from_size -= n;
	c->moved += n;
	return n;
}

static void keep(struct http_call *c, const char *bytes, size_t size)
{
	if (c->kept_size + size + 1 > c->kept_capacity) {
		c->kept_capacity = mem_grow(c->kept_capacity, c->kept_size + size + 1);
		c->kept = mem_resize(c->kept, c->kept_capacity);
	}
	memcpy(c->kept + c->kept_size, bytes, size);
	c->kept_size += size;
	c->kept[c->kept_size] = '\0';
}

static size_t take(char *bytes, size_t one, size_t size, void *context)
{
	struct http_call *c = context;
	(void)one;
	c->head = true;
	c->moved += size;
	if (!c->pull) {
		if (c->kept_size + size > c->reply_max) {
			c->trouble = HTTP_EXCESS;
			return 0;
		}
		keep(c, bytes, size);
		return size;
	}
	/* What lies here already is read first: until then the other side waits. */
	if (c->kept_size > 0 || c->to_used == c->to_size) {
		c->recv_paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	size_t n = c->to_size - c->to_used < size ? c->to_size - c->to_used : size;
	memcpy(c->to + c->to_used, bytes, n);
	c->to_used += n;
	if (n < size)
		keep(c, bytes + n, size - n);
	return size;
}

/* Only the empty line at a head's end matters; heads of 1xx come before the one that counts. */
static size_t see_head(char *line, size_t one, size_t size, void *context)
{
	struct http_call *c = context;
	(void)one;
	long status = 0;
	c->moved += size;
	if (size <= 2 && curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK && status >= 200) {
		c->status = (int)status;
		c->pull = c->reply_stream && status < 300;
		c->head = true;
	}
	(void)line;
	return size;
}

/* Also of programs that we start, nobody shall inherit a connection. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *a)
{
	(void)context;
	(void)purpose;
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* ---- life ---- */

static void global_start(void)
{
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

enum rc http_new(const struct http_params *p, bool negotiate_needed, struct http **out, struct err *e)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, global_start);
	const curl_version_info_data *v = curl_version_info(CURLVERSION_NOW);
	if (negotiate_needed && (v->features & CURL_VERSION_SPNEGO) == 0)
		return err_set(RC_FAIL, e, "libcurl %s was built without SPNEGO", v->version);
	if (p->ca_file != NULL && access(p->ca_file, R_OK) != 0)
		return err_set(RC_FAIL, e, "%.300s: cannot be read", p->ca_file);
	struct http *h = mem_zero(1, sizeof *h);
	h->params = *p;
	h->multi = curl_multi_init();
	h->cookies = curl_share_init();
	if (h->multi == NULL || h->cookies == NULL) {
		http_free(&h);
		return err_set(RC_FAIL, e, "libcurl cannot start");
	}
	curl_share_setopt(h->cookies, CURLSHOPT_SHARE, CURL_LOCK_DATA_COOKIE);
	*out = h;
	return RC_OK;
}

static void unlink_call(struct http_call *c)
{
	if (c->link == NULL)
		return;
	*c->link = c->next;
	if (c->next != NULL)
		c->next->link = c->link;
	c->link = NULL;
}

/* Take the handle out of the multi; the connection stays open if the answer was read whole. */
static void release(struct http_call *c)
{
	struct http *h = c->http;
	if (c->easy == NULL)
		return;
	unlink_call(c);
	curl_multi_remove_handle(h->multi, c->easy);
	if (h->spares < SPARE_MAX) {
		curl_easy_reset(c->easy);
		h->spare[h->spares++] = c->easy;
	} else {
		curl_easy_cleanup(c->easy);
	}
	c->easy = NULL;
	curl_slist_free_all(c->headers);
	c->headers = NULL;
}

void http_close(struct http_call **cp)
{
	struct http_call *c = *cp;
	if (c == NULL)
		return;
	release(c);
	mem_free(&c->kept);
	mem_free(&c->location);
	mem_free(cp);
}

void http_free(struct http **hp)
{
	struct http *h = *hp;
	if (h == NULL)
		return;
	/* Calls that somebody still holds end here and say so. */
	while (h->first != NULL) {
		struct http_call *c = h->first;
		release(c);
		c->done = true;
		c->trouble = HTTP_LOST;
		err_set(RC_AGAIN, &c->reason, "%s: closed", c->peer);
	}
	for (size_t i = 0; i < h->spares; i++)
		curl_easy_cleanup(h->spare[i]);
	if (h->multi != NULL)
		curl_multi_cleanup(h->multi);
	if (h->cookies != NULL)
		curl_share_cleanup(h->cookies);
	mem_free(hp);
}

static void set_method(struct http_call *c, const struct http_request *r)
{
	CURL *x = c->easy;
	static const char *const name[] = {"GET", "PUT", "POST", "DELETE"};
	bool body = r->body != HTTP_NO_BODY || r->method == HTTP_PUT || r->method == HTTP_POST;
	if (body) {
		curl_easy_setopt(x, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(x, CURLOPT_READFUNCTION, give);
		curl_easy_setopt(x, CURLOPT_READDATA, c);
		curl_easy_setopt(x, CURLOPT_UPLOAD_BUFFERSIZE, (long)BUFFER);
		if (r->body != HTTP_STREAM)
			curl_easy_setopt(x, CURLOPT_INFILESIZE_LARGE, (curl_off_t)r->size);
	} else {
		curl_easy_setopt(x, CURLOPT_HTTPGET, 1L);
	}
	curl_easy_setopt(x, CURLOPT_CUSTOMREQUEST, name[r->method]);
}

static void set_options(struct http_call *c, const struct http_request *r)
{
	const struct http_params *p = &c->http->params;
	CURL *x = c->easy;
	curl_easy_setopt(x, CURLOPT_URL, r->url);
	curl_easy_setopt(x, CURLOPT_PRIVATE, c);
	curl_easy_setopt(x, CURLOPT_ERRORBUFFER, c->curl_text);
	curl_easy_setopt(x, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(x, CURLOPT_PROXY, "");
	curl_easy_setopt(x, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(x, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(x, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(x, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(x, CURLOPT_CONNECTTIMEOUT_MS, (long)p->connect_ms);
	curl_easy_setopt(x, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(x, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(x, CURLOPT_BUFFERSIZE, (long)BUFFER);
	curl_easy_setopt(x, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(x, CURLOPT_WRITEDATA, c);
	curl_easy_setopt(x, CURLOPT_HEADERFUNCTION, see_head);
	curl_easy_setopt(x, CURLOPT_HEADERDATA, c);
	curl_easy_setopt(x, CURLOPT_USERAGENT, "sluice/" SLUICE_VERSION);
	if (p->ca_file != NULL)
		curl_easy_setopt(x, CURLOPT_CAINFO, p->ca_file);
	if (r->negotiate) {
		curl_easy_setopt(x, CURLOPT_HTTPAUTH, (long)CURLAUTH_NEGOTIATE);
		curl_easy_setopt(x, CURLOPT_USERPWD, ":");
		curl_easy_setopt(x, CURLOPT_COOKIEFILE, "");
		curl_easy_setopt(x, CURLOPT_SHARE, c->http->cookies);
	}
	for (size_t i = 0; i < r->headers; i++)
		c->headers = curl_slist_append(c->headers, r->header[i]);
	c->headers = curl_slist_append(c->headers, "Expect:");
	if (r->body == HTTP_STREAM)
		c->headers = curl_slist_append(c->headers, "Transfer-Encoding: chunked");
	curl_easy_setopt(x, CURLOPT_HTTPHEADER, c->headers);
}

struct http_call *http_start(struct http *h, const struct http_request *r)
{
	struct http_call *c = mem_zero(1, sizeof *c);
	c->http = h;
	c->easy = h->spares > 0 ? h->spare[--h->spares] : curl_easy_init();
	assert(c->easy != NULL);
	http_peer(r->url, c->peer, sizeof c->peer);
	c->stream = r->body == HTTP_STREAM;
	if (r->body == HTTP_BYTES) {
		c->from = r->bytes;
		c->from_size = r->size;
	}
	c->reply_stream = r->reply_stream;
	c->reply_max = r->reply_max;
	set_method(c, r);
	set_options(c, r);
	c->next = h->first;
	if (c->next != NULL)
		c->next->link = &c->next;
	c->link = &h->first;
	h->first = c;
	CURLMcode added = curl_multi_add_handle(h->multi, c->easy);
	assert(added == CURLM_OK);
	(void)added;
	return c;
}

/* ---- driving ---- */

static enum http_trouble trouble_of(const struct http_call *c, CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
		return HTTP_UNREACHED;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_ISSUER_ERROR:
		return HTTP_UNTRUSTED;
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_SSL_CONNECT_ERROR:
		return c->sent ? HTTP_LOST : HTTP_UNREACHED;
	default:
		return HTTP_LOST;
	}
}

static void finish(struct http_call *c, enum http_trouble trouble, const char *why)
{
	char *location = NULL;
	long status = 0;
	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status >= 200)
		c->status = (int)status;
	if (curl_easy_getinfo(c->easy, CURLINFO_REDIRECT_URL, &location) == CURLE_OK && location != NULL)
		c->location = mem_text(location);
	c->done = true;
	c->head = true;
	c->trouble = trouble;
	if (trouble != HTTP_FINE)
		err_set(trouble == HTTP_UNTRUSTED ? RC_FAIL : RC_AGAIN, &c->reason, "%s: %.300s", c->peer, why);
	release(c);
}

static void finished(struct http_call *c, CURLcode code)
{
	long connects = 0;
	curl_easy_getinfo(c->easy, CURLINFO_REQUEST_SIZE, &connects);
	c->sent = connects > 0;
	if (code == CURLE_OK)
		finish(c, HTTP_FINE, "");
	else if (c->trouble == HTTP_EXCESS)
		finish(c, HTTP_EXCESS, "the answer is too long");
	else if (code != CURLE_WRITE_ERROR && c->status >= 300 && !c->pull && c->kept_size > 0)
		finish(c, HTTP_FINE, ""); /* it said why before it hung up */
	else
		finish(c, trouble_of(c, code), c->curl_text[0] != '\0' ? c->curl_text : curl_easy_strerror(code));
}

/* Is it the other side's turn? */
static bool is_waiting(const struct http_call *c)
{
	return !c->recv_paused && !(c->send_paused && !c->send_ended);
}

static void account(struct http *h, int64_t ms)
{
	for (struct http_call *c = h->first, *next; c != NULL; c = next) {
		next = c->next;
		if (c->moved != c->moved_seen || !is_waiting(c))
			c->waited_ms = 0;
		else
			c->waited_ms += ms;
		c->moved_seen = c->moved;
		if (c->waited_ms <= h->params.stall_ms)
			continue;
		char why[64];
		snprintf(why, sizeof why, "silent for %lld s", (long long)(h->params.stall_ms / 1000));
		finish(c, HTTP_LOST, why);
	}
}

static void collect(struct http *h)
{
	int left = 0;
	for (CURLMsg *m; (m = curl_multi_info_read(h->multi, &left)) != NULL;) {
		struct http_call *c = NULL;
		if (m->msg != CURLMSG_DONE)
			continue;
		CURLcode code = m->data.result;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&c);
		finished(c, code);
	}
}

static uint64_t moved(const struct http *h)
{
	uint64_t sum = 0;
	for (const struct http_call *c = h->first; c != NULL; c = c->next)
		sum += c->moved + 1;
	return sum;
}

void http_drive(struct http *h, int64_t wait_ms)
{
	int running = 0, ready = 0;
	uint64_t before = moved(h);
	(void)curl_multi_perform(h->multi, &running);
	collect(h);
	/* Whatever happened may be what the caller waits for. */
	if (wait_ms <= 0 || moved(h) != before)
		return;
	struct mono begun = clock_mono();
	(void)curl_multi_poll(h->multi, NULL, 0, (int)(wait_ms < POLL_MS ? wait_ms : POLL_MS), &ready);
	(void)curl_multi_perform(h->multi, &running);
	collect(h);
	account(h, mono_since(begun));
}

static void resume(struct http_call *c)
{
	c->send_paused = c->recv_paused = false;
	(void)curl_easy_pause(c->easy, CURLPAUSE_CONT);
}

enum rc http_send(struct http_call *c, const void *bytes, size_t size, struct err *e)
{
	assert(c->stream && !c->send_ended);
	c->from = bytes;
	c->from_size = size;
	if (!c->done && c->send_paused)
		resume(c);
	while (!c->done && c->from_size > 0)
		http_drive(c->http, POLL_MS);
	if (!c->done)
		return RC_OK;
	c->from_size = 0;
	return c->trouble == HTTP_FINE ? RC_END : http_result(c, e);
}

void http_send_end(struct http_call *c)
{
	c->send_ended = true;
	if (!c->done && c->send_paused)
		resume(c);
}

enum rc http_head(struct http_call *c, struct err *e)
{
	while (!c->head)
		http_drive(c->http, POLL_MS);
	/* A body may have come with the head, and be waiting for its reader. */
	return c->done && !c->pull ? http_result(c, e) : RC_OK;
}

enum rc http_recv(struct http_call *c, void *to, size_t size, size_t *got, struct err *e)
{
	if (c->kept_size > 0) {
		size_t left = c->kept_size - c->kept_from, n = left < size ? left : size;
		memcpy(to, c->kept + c->kept_from, n);
		c->kept_from += n;
		if (c->kept_from == c->kept_size)
			c->kept_size = c->kept_from = 0;
		*got = n;
		return RC_OK;
	}
	c->to = to;
	c->to_size = size;
	c->to_used = 0;
	if (!c->done && c->recv_paused)
		resume(c);
	while (!c->done && c->to_used == 0)
		http_drive(c->http, POLL_MS);
	*got = c->to_used;
	c->to_size = c->to_used = 0;
	if (*got > 0)
		return RC_OK;
	enum rc rc = http_result(c, e);
	return rc == RC_OK ? RC_END : rc;
}

enum rc http_wait(struct http_call *c, struct err *e)
{
	while (!c->done)
		http_drive(c->http, POLL_MS);
	return http_result(c, e);
}

bool http_done(const struct http_call *c)
{
	return c->done;
}

enum rc http_result(const struct http_call *c, struct err *e)
{
	if (c->trouble == HTTP_FINE)
		return RC_OK;
	*e = c->reason;
	return c->trouble == HTTP_UNTRUSTED ? RC_FAIL : RC_AGAIN;
}

enum http_trouble http_trouble(const struct http_call *c)
{
	return c->trouble;
}

int http_status(const struct http_call *c)
{
	return c->status;
}

const char *http_location(const struct http_call *c)
{
	return c->location;
}

const char *http_reply(const struct http_call *c, size_t *size)
{
	*size = c->kept_size;
	return c->kept != NULL ? (const char *)c->kept : "";
}

/*
 * The listener. libmicrohttpd parses; what is ours is who may ask, how long they may take, and what a browser is told.
 *
 * libmicrohttpd's own time-out is about silence: who sends a byte every few seconds is never silent. So each connection
 * has a time by which its request must be over, and server_sweep ends those that are late.
 */
#include "ops/server.h"

#include <assert.h>
#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "ops/guard.h"
#include "ops/squeeze.h"

/* What is smaller than a packet gains nothing. */
enum { SQUEEZE_LEAST = 1024, BACKLOG = 64 };

#define NOTHING_ELSE "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

struct connection {
	int fd; /* -1: free */
	int64_t until_ms;
};

struct server {
	const struct server_options *options;
	struct MHD_Daemon *daemon;
	int fd; /* the listening socket: libmicrohttpd's once it has started */
	struct sockaddr_storage at;
	socklen_t at_len;
	pthread_mutex_t lock;
	struct connection connection[SERVER_CONNECTIONS]; /* under lock */
};

struct server_query {
	struct MHD_Connection *connection;
};

static void set_until(struct server *s, int fd, int64_t seconds)
{
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < SERVER_CONNECTIONS; i++)
		if (s->connection[i].fd == fd)
			s->connection[i].until_ms = clock_mono().ms + seconds * 1000;
	pthread_mutex_unlock(&s->lock);
}

static int fd_of(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	return info != NULL ? info->connect_fd : -1;
}

/* Comes before the socket is closed, so that no other connection can have its number yet. */
static void connection_changed(
    void *context, struct MHD_Connection *c, void **socket, enum MHD_ConnectionNotificationCode code)
{
	struct server *s = context;
	int fd = fd_of(c), look_for = code == MHD_CONNECTION_NOTIFY_STARTED ? -1 : fd;
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < SERVER_CONNECTIONS && fd >= 0; i++) {
		if (s->connection[i].fd != look_for)
			continue;
		s->connection[i].fd = code == MHD_CONNECTION_NOTIFY_STARTED ? fd : -1;
		s->connection[i].until_ms = clock_mono().ms + SERVER_REQUEST_S * 1000;
		break;
	}
	pthread_mutex_unlock(&s->lock);
}

/* The next request may take its time to begin, and no more than a browser between two looks. */
static void request_over(void *context, struct MHD_Connection *c, void **request, enum MHD_RequestTerminationCode code)
{
	set_until(context, fd_of(c), SERVER_IDLE_S);
}

void server_sweep(struct server *s)
{
	int64_t now = clock_mono().ms;
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < SERVER_CONNECTIONS; i++)
		if (s->connection[i].fd >= 0 && s->connection[i].until_ms <= now)
			shutdown(s->connection[i].fd, SHUT_RDWR);
	pthread_mutex_unlock(&s->lock);
}

const char *server_argument(const struct server_query *q, const char *name)
{
	return MHD_lookup_connection_value(q->connection, MHD_GET_ARGUMENT_KIND, name);
}

static const char *header(struct MHD_Connection *c, const char *name)
{
	return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

/* "gzip" among the codings, unless its weight is zero ("gzip;q=0"). */
static bool takes_gzip(struct MHD_Connection *c)
{
	const char *accepts = header(c, "Accept-Encoding");
	const char *at = accepts != NULL ? strstr(accepts, "gzip") : NULL;
	if (at == NULL)
		return false;
	const char *weight = strstr(at, "q="), *comma = strchr(at, ',');
	if (weight == NULL || (comma != NULL && comma < weight))
		return true;
	weight += strlen("q=");
	return weight[strspn(weight, "0.")] >= '1' && weight[strspn(weight, "0.")] <= '9';
}

static struct MHD_Response *response_of(struct MHD_Connection *c, struct server_reply *r)
{
	bool gzip = takes_gzip(c);
	struct MHD_Response *made;
	if (r->constant != NULL) {
		gzip = gzip && r->constant_gzip != NULL;
		made = MHD_create_response_from_buffer(gzip ? r->constant_gzip_size : r->constant_size,
		    (void *)(gzip ? r->constant_gzip : r->constant), MHD_RESPMEM_PERSISTENT);
	} else {
		gzip = gzip && r->body.len >= SQUEEZE_LEAST && squeeze(&r->body);
		/* A copy: what libmicrohttpd frees must come from malloc, which is mem's own business. */
		made = MHD_create_response_from_buffer(
		    r->body.len, r->body.bytes != NULL ? r->body.bytes : (uint8_t *)"", MHD_RESPMEM_MUST_COPY);
	}
	if (made != NULL && gzip)
		MHD_add_response_header(made, "Content-Encoding", "gzip");
	return made;
}

static enum MHD_Result send_reply(struct MHD_Connection *c, struct server_reply *r, const char *allow)
{
	struct MHD_Response *made = response_of(c, r);
	writer_fini(&r->body);
	if (made == NULL)
		return MHD_NO;
	const char *const said[][2] = {
	    {"Content-Type", r->type},
	    {"Content-Security-Policy", r->policy != NULL ? r->policy : NOTHING_ELSE},
	    {"X-Content-Type-Options", "nosniff"},
	    {"X-Frame-Options", "DENY"},
	    {"Referrer-Policy", "no-referrer"},
	    {"Cross-Origin-Resource-Policy", "same-origin"},
	    {"Cross-Origin-Opener-Policy", "same-origin"},
	    {"Cache-Control", "no-store"},
	    {"Vary", "Accept-Encoding"},
	    {"Allow", allow},
	};
	for (size_t i = 0; i < sizeof said / sizeof said[0]; i++)
		if (said[i][1] != NULL)
			MHD_add_response_header(made, said[i][0], said[i][1]);
	enum MHD_Result result = MHD_queue_response(c, r->status, made);
	MHD_destroy_response(made);
	return result;
}

static enum MHD_Result refuse(struct MHD_Connection *c, unsigned status, const char *allow, const char *why)
{
	struct server_reply r = {.status = status, .type = "text/plain; charset=utf-8"};
	writer_init(&r.body, SERVER_BODY_MAX);
	writer_format(&r.body, "%s\n", why);
	return send_reply(c, &r, allow);
}

static enum MHD_Result serve(struct MHD_Connection *c, const struct server_route *route)
{
	struct server_query q = {.connection = c};
	struct server_reply r = {.status = MHD_HTTP_OK, .type = "text/plain; charset=utf-8"};
	writer_init(&r.body, SERVER_BODY_MAX);
	route->answer(route->context, &q, &r);
	if (!r.body.failed)
		return send_reply(c, &r, NULL);
	writer_fini(&r.body);
	return refuse(c, MHD_HTTP_INTERNAL_SERVER_ERROR, NULL, "the answer is too large");
}

/* What is wrong with a request to this route; 0: nothing. */
static unsigned refused_by_guard(const struct server_options *o, struct MHD_Connection *c, const char **why)
{
	*why = "nothing can be changed here: no ops.token_file is given";
	if (o->token == NULL)
		return MHD_HTTP_FORBIDDEN;
	*why = "another site's page may change nothing here";
	if (!guard_origin(header(c, "Origin"), header(c, "Host")))
		return MHD_HTTP_FORBIDDEN;
	*why = "the token is missing or wrong";
	return guard_token(header(c, "Authorization"), o->token) ? 0 : MHD_HTTP_UNAUTHORIZED;
}

/*
 * Called once when the headers are there, again for each piece of a body, and again at its end. A refusal is given at
 * once, and libmicrohttpd closes the connection; an answer is given at the end, so that the connection can go on.
 */
static enum MHD_Result access_handler(void *context, struct MHD_Connection *c, const char *url, const char *method,
    const char *version, const char *upload, size_t *upload_size, void **request)
{
	struct server *s = context;
	const struct server_route *route = s->options->route;
	const char *why;
	bool post = strcmp(method, "POST") == 0, get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
	if (*request != NULL) {
		bool ended = *upload_size == 0;
		*upload_size = 0;
		return ended ? serve(c, *request) : MHD_YES;
	}
	set_until(s, fd_of(c), SERVER_REQUEST_S);
	if (!guard_host(header(c, "Host"), s->options->names))
		return refuse(c, MHD_HTTP_MISDIRECTED_REQUEST, NULL, "this host name is not ours: see ops.names");
	while (route->path != NULL && strcmp(route->path, url) != 0)
		route++;
	if (route->path == NULL)
		return refuse(c, MHD_HTTP_NOT_FOUND, NULL, "there is nothing here");
	if (route->write ? !post : !get)
		return refuse(
		    c, MHD_HTTP_METHOD_NOT_ALLOWED, route->write ? "POST" : "GET, HEAD", "not by this method");
	unsigned status = route->write ? refused_by_guard(s->options, c, &why) : 0;
	if (status != 0)
		return refuse(c, status, NULL, why);
	*request = (void *)route;
	return MHD_YES;
}

static enum rc listen_at(const struct address *a, int *out, struct err *e)
{
	char where[ADDRESS_TEXT];
	const int yes = 1;
	int fd = socket(a->at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(RC_FAIL, errno, e, "socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (bind(fd, (const struct sockaddr *)&a->at, a->len) != 0 || listen(fd, BACKLOG) != 0) {
		int sys = errno;
		close(fd);
		return err_sys(RC_FAIL, sys, e, "cannot listen at %s", address_text(a, where));
	}
	*out = fd;
	return RC_OK;
}

enum rc server_try(const struct address *a, struct err *e)
{
	int fd = -1;
	enum rc rc = listen_at(a, &fd, e);
	if (rc == RC_OK)
		close(fd);
	return rc;
}

enum rc server_open(const struct server_options *options, struct server **out, struct err *e)
{
	int fd = -1;
	enum rc rc = listen_at(&options->address, &fd, e);
	if (rc != RC_OK)
		return rc;
	struct server *s = mem_zero(1, sizeof *s);
	s->options = options;
	s->fd = fd;
	s->at_len = sizeof s->at;
	getsockname(fd, (struct sockaddr *)&s->at, &s->at_len);
	pthread_mutex_init(&s->lock, NULL);
	for (size_t i = 0; i < SERVER_CONNECTIONS; i++)
		s->connection[i].fd = -1;
	s->daemon = MHD_start_daemon(MHD_USE_AUTO_INTERNAL_THREAD, 0, NULL, NULL, access_handler, s,
	    MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)SERVER_CONNECTIONS,
	    MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)SERVER_PER_ADDRESS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	    (size_t)SERVER_REQUEST, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SERVER_IDLE_S,
	    MHD_OPTION_NOTIFY_CONNECTION, connection_changed, s, MHD_OPTION_NOTIFY_COMPLETED, request_over, s,
	    MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
	if (s->daemon == NULL) {
		int sys = errno;
		close(fd);
		pthread_mutex_destroy(&s->lock);
		mem_free(&s);
		return err_sys(RC_FAIL, sys, e, "the endpoint cannot be started");
	}
	*out = s;
	return RC_OK;
}

void server_close(struct server **sp)
{
	struct server *s = *sp;
	if (s == NULL)
		return;
	MHD_stop_daemon(s->daemon);
	pthread_mutex_destroy(&s->lock);
	mem_free(sp);
}

const char *server_where(const struct server *s, char out[ADDRESS_TEXT])
{
	const struct address a = {.at = s->at, .len = s->at_len};
	return address_text(&a, out);
}

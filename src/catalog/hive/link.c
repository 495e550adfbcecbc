/*
 * A silent server is the ordinary way in which a metastore is away (a full thread pool accepts and never answers), so
 * every wait has an end. Waits are in slices, so that a stop need not wait for it.
 */
#include "catalog/hive/link.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

enum { SLICE_MS = 100 };

void link_init(struct link *l, const struct hosts *place, const atomic_bool *halt)
{
	*l = (struct link){.place = place, .halt = halt, .fd = -1};
}

void link_close(struct link *l)
{
	source_close(&l->in);
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

const char *link_name(const struct link *l, char *out, size_t size)
{
	const struct hosts_one *h = &l->place->host[l->at];
	snprintf(out, size, "%.200s:%s", h->name, h->port);
	return out;
}

void link_failed(struct link *l)
{
	link_close(l);
	l->at = (l->at + 1) % l->place->hosts;
}

void link_limit(struct link *l, int64_t wait_ms)
{
	l->limit = clock_mono();
	l->limit.ms += wait_ms;
	l->timed_out = false;
}

/* Until the descriptor is ready. */
static enum rc wait_for(struct link *l, int fd, short events, struct err *e)
{
	for (;;) {
		int64_t left = l->limit.ms - clock_mono().ms;
		struct pollfd p = {.fd = fd, .events = events};
		if (l->halt != NULL && atomic_load(l->halt))
			return err_set(RC_AGAIN, e, "told to stop");
		if (left <= 0) {
			l->timed_out = true;
			return err_set(RC_AGAIN, e, "no answer in time");
		}
		int n = poll(&p, 1, left < SLICE_MS ? (int)left : SLICE_MS);
		if (n > 0)
			return RC_OK;
		if (n < 0 && errno != EINTR)
			return err_sys(RC_AGAIN, errno, e, "poll");
	}
}

static enum rc connect_to(struct link *l, const struct addrinfo *a, int *out, struct err *e)
{
	int problem = 0, one = 1;
	socklen_t size = sizeof problem;
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(RC_AGAIN, errno, e, "socket");
	enum rc rc = RC_OK;
	if (connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
		if (errno != EINPROGRESS)
			rc = err_sys(RC_AGAIN, errno, e, "cannot connect");
		else if ((rc = wait_for(l, fd, POLLOUT, e)) == RC_OK &&
		         getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &size) == 0 && problem != 0)
			rc = err_sys(RC_AGAIN, problem, e, "cannot connect");
	}
	if (rc != RC_OK) {
		close(fd);
		return rc;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
	*out = fd;
	return RC_OK;
}

static enum rc connect_host(struct link *l, int *out, struct err *e)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
	const struct hosts_one *h = &l->place->host[l->at];
	struct addrinfo *list = NULL;
	int problem = getaddrinfo(h->name, h->port, &hints, &list);
	if (problem != 0)
		return err_set(RC_AGAIN, e, "cannot resolve the name: %s", gai_strerror(problem));
	enum rc rc = RC_AGAIN;
	for (const struct addrinfo *a = list; a != NULL && rc != RC_OK; a = a->ai_next)
		rc = connect_to(l, a, out, e);
	freeaddrinfo(list);
	return rc;
}

struct socket_source {
	struct source base;
	struct link *link;
};

static enum rc socket_read(struct source *s, void *to, size_t size, size_t *got, struct err *e)
{
	struct link *l = ((struct socket_source *)s)->link;
	for (;;) {
		ssize_t n = recv(l->fd, to, size, 0);
		if (n > 0) {
			*got = (size_t)n;
			return RC_OK;
		}
		if (n == 0)
			return RC_END;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			return err_sys(RC_AGAIN, errno, e, "the connection broke");
		enum rc rc = wait_for(l, l->fd, POLLIN, e);
		if (rc != RC_OK)
			return rc;
	}
}

static void socket_close(struct source *s)
{
	mem_free(&s);
}

static const struct source_ops socket_ops = {.name = "socket", .read = socket_read, .close = socket_close};

enum rc link_open(struct link *l, int64_t wait_ms, struct err *e)
{
	enum rc rc = RC_AGAIN;
	for (size_t i = 0; i < l->place->hosts; i++) {
		char name[256];
		link_limit(l, wait_ms);
		rc = connect_host(l, &l->fd, e);
		if (rc == RC_OK)
			break;
		err_wrap(rc, e, "%s", link_name(l, name, sizeof name));
		l->at = (l->at + 1) % l->place->hosts;
	}
	if (rc != RC_OK)
		return rc;
	struct socket_source *s = mem_zero(1, sizeof *s);
	*s = (struct socket_source){.base.ops = &socket_ops, .link = l};
	l->in = &s->base;
	return RC_OK;
}

enum rc link_send(struct link *l, const void *bytes, size_t size, struct err *e)
{
	const char *at = bytes;
	while (size > 0) {
		ssize_t n = send(l->fd, at, size, MSG_NOSIGNAL);
		if (n >= 0) {
			at += n;
			size -= (size_t)n;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			enum rc rc = wait_for(l, l->fd, POLLOUT, e);
			if (rc != RC_OK)
				return rc;
		} else if (errno != EINTR) {
			return err_sys(RC_AGAIN, errno, e, "the connection broke");
		}
	}
	return RC_OK;
}

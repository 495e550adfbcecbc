/* One request, one reply, in the order in which they come: whoever waits for a child waits for nothing else here. */
#include "confine/server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "confine/confine.h"
#include "confine/inmate.h"
#include "confine/wire.h"

enum { SOON_MS = 1000 };

struct running {
	pid_t pid;
	int said; /* what it writes to standard error */
};

struct server {
	int fd;
	const struct dissect_ops *const *table;
	struct running *child;
	size_t children, capacity;
};

/*
 * Signals to the whole group or control group of the daemon are the parent's business: it finishes what it has in hand,
 * and needs its children for that. Its end is ours, whatever it is: the socket tells, and not the signal of a parent's
 * death, which comes already when the thread ends that started us.
 */
static void settle_in(void)
{
	static const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE};
	for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
		signal(ignored[i], SIG_IGN);
	setpgid(0, 0);
	prctl(PR_SET_NAME, CONFINE_NAME);
	prctl(PR_SET_PDEATHSIG, 0);
	/* The parent's pipes are not to be kept open by us. */
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	if (null > STDERR_FILENO)
		close(null);
}

/* RC_END: the parent is gone. fd[] are -1 where none came. */
static enum rc receive(int fd, struct server_request_message *m, int got[WIRE_DESCRIPTORS])
{
	union {
		char bytes[CMSG_SPACE(WIRE_DESCRIPTORS * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec part = {.iov_base = m, .iov_len = sizeof *m};
	struct msghdr head = {
	    .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
	ssize_t n;
	do
		n = recvmsg(fd, &head, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	for (int i = 0; i < WIRE_DESCRIPTORS; i++)
		got[i] = -1;
	const struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&head) : NULL;
	if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(got, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
	return n == (ssize_t)sizeof *m ? RC_OK : RC_END;
}

static void start(
    struct server *s, const struct server_request_message *m, int fd[WIRE_DESCRIPTORS], struct server_reply *r)
{
	struct inmate_params p = {.said = memfd_create("said", MFD_CLOEXEC),
	    .memory = m->memory,
	    .copies = m->copies != 0,
	    .parent = getpid(),
	    .table = s->table};
	memcpy(p.fd, fd, sizeof p.fd);
	pid_t pid = p.said >= 0 ? fork() : -1;
	if (pid == 0)
		inmate_run(&p);
	r->pid = pid;
	r->sys = pid < 0 ? errno : 0;
	if (pid < 0) {
		if (p.said >= 0)
			close(p.said);
		return;
	}
	if (s->children == s->capacity) {
		s->capacity = mem_grow(s->capacity, s->children + 1);
		s->child = mem_resize(s->child, s->capacity * sizeof *s->child);
	}
	s->child[s->children++] = (struct running){pid, p.said};
}

static pid_t wait_for(pid_t pid, int *status, int flags)
{
	pid_t got;
	do
		got = waitpid(pid, status, flags);
	while (got < 0 && errno == EINTR);
	return got;
}

/* One whose socket is closed is about to end; it gets the time for that, so that its status says why. */
static bool ended_by_itself(pid_t pid, bool gone, int *status)
{
	struct mono began = clock_mono();
	do {
		if (wait_for(pid, status, WNOHANG) == pid)
			return true;
		if (gone)
			clock_sleep_ms(1);
	} while (gone && mono_since(began) < SOON_MS);
	return false;
}

static void end(struct server *s, const struct server_request_message *m, struct server_reply *r)
{
	size_t i = 0;
	while (i < s->children && s->child[i].pid != m->pid)
		i++;
	if (i == s->children) {
		r->sys = ESRCH;
		return;
	}
	int status = 0;
	r->pid = m->pid;
	r->by_itself = ended_by_itself(m->pid, m->gone != 0, &status);
	if (!r->by_itself) {
		kill(m->pid, SIGKILL);
		wait_for(m->pid, &status, 0);
	}
	r->status = status;
	ssize_t n = pread(s->child[i].said, r->said, sizeof r->said - 1, 0);
	r->said[n > 0 ? n : 0] = '\0';
	close(s->child[i].said);
	s->child[i] = s->child[--s->children];
}

int confine_serve(int fd, const struct dissect_ops *const table[])
{
	struct server s = {.fd = fd, .table = table};
	struct server_request_message m;
	int got[WIRE_DESCRIPTORS];
	settle_in();
	while (receive(fd, &m, got) == RC_OK) {
		struct server_reply r = {.pid = -1};
		if (m.what == REQUEST_START)
			start(&s, &m, got, &r);
		else
			end(&s, &m, &r);
		for (int i = 0; i < WIRE_DESCRIPTORS; i++)
			if (got[i] >= 0)
				close(got[i]);
		if (send(fd, &r, sizeof r, MSG_NOSIGNAL) != (ssize_t)sizeof r)
			break;
	}
	for (size_t i = 0; i < s.children; i++) {
		kill(s.child[i].pid, SIGKILL);
		wait_for(s.child[i].pid, NULL, 0);
	}
	mem_free(&s.child);
	return 0;
}

/*
 * The server is this program started anew with an empty environment, by exec: nothing of our memory, no token, no
 * password goes with it. exec is also what makes starting it safe where there are threads.
 */
#include "confine/keeper.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/proc.h"

enum { ENVIRONMENT = 8 };

struct keeper {
	const char *word;
	pthread_mutex_t lock;
	/* under lock */
	pid_t pid; /* 0: not running */
	int fd;
};

struct keeper *keeper_new(const char *word)
{
	struct keeper *k = mem_zero(1, sizeof *k);
	k->word = word;
	k->fd = -1;
	pthread_mutex_init(&k->lock, NULL);
	return k;
}

/* It ends its children and then itself when its socket is closed. */
static void stop(struct keeper *k)
{
	if (k->fd >= 0)
		close(k->fd);
	k->fd = -1;
	while (k->pid > 0 && waitpid(k->pid, NULL, 0) < 0 && errno == EINTR)
		;
	k->pid = 0;
}

void keeper_free(struct keeper **k)
{
	if (*k == NULL)
		return;
	stop(*k);
	pthread_mutex_destroy(&(*k)->lock);
	mem_free(k);
}

/* What sanitizers are told is all that a server is told. */
static void make_environment(const char *env[ENVIRONMENT])
{
	static const char *const kept[] = {"ASAN_OPTIONS=", "UBSAN_OPTIONS=", "TSAN_OPTIONS=", "LSAN_OPTIONS="};
	size_t n = 0;
	env[n++] = "LC_ALL=C";
	env[n++] = "TZ=UTC";
	for (char **v = environ; *v != NULL; v++)
		for (size_t i = 0; i < sizeof kept / sizeof kept[0] && n + 1 < ENVIRONMENT; i++)
			if (strncmp(*v, kept[i], strlen(kept[i])) == 0)
				env[n++] = *v;
	env[n] = NULL;
}

static enum rc start(struct keeper *k, struct err *e)
{
	const char *env[ENVIRONMENT];
	char program[PROC_PATH], number[16];
	int pair[2];
	if (k->pid > 0)
		return RC_OK;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return err_sys(RC_AGAIN, errno, e, "fork server");
	proc_self(program);
	make_environment(env);
	snprintf(number, sizeof number, "%d", pair[1]);
	const char *const argv[] = {program, k->word, number, NULL};
	enum rc rc = proc_start(argv, env, pair[1], &k->pid, e);
	close(pair[1]);
	if (rc != RC_OK) {
		close(pair[0]);
		return err_wrap(RC_AGAIN, e, "fork server");
	}
	k->fd = pair[0];
	return RC_OK;
}

static bool send_request(int to, const struct server_request_message *m, const int fd[WIRE_DESCRIPTORS])
{
	union {
		char bytes[CMSG_SPACE(WIRE_DESCRIPTORS * sizeof(int))];
		struct cmsghdr align;
	} control = {.bytes = {0}};
	struct iovec part = {.iov_base = (void *)(uintptr_t)m, .iov_len = sizeof *m};
	struct msghdr head = {.msg_iov = &part, .msg_iovlen = 1};
	if (fd != NULL) {
		head.msg_control = control.bytes;
		head.msg_controllen = sizeof control.bytes;
		struct cmsghdr *c = CMSG_FIRSTHDR(&head);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(WIRE_DESCRIPTORS * sizeof(int));
		memcpy(CMSG_DATA(c), fd, WIRE_DESCRIPTORS * sizeof(int));
	}
	ssize_t n;
	do
		n = sendmsg(to, &head, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof *m;
}

/* RC_END: the server is gone; it has been cleared away. */
static enum rc ask(
    struct keeper *k, const struct server_request_message *m, const int fd[WIRE_DESCRIPTORS], struct server_reply *out)
{
	ssize_t n = -1;
	if (send_request(k->fd, m, fd))
		do
			n = recv(k->fd, out, sizeof *out, 0);
		while (n < 0 && errno == EINTR);
	if (n == (ssize_t)sizeof *out)
		return RC_OK;
	stop(k);
	return RC_END;
}

enum rc keeper_start(
    struct keeper *k, const int fd[WIRE_DESCRIPTORS], uint64_t memory, bool copies, pid_t *pid, struct err *e)
{
	const struct server_request_message m = {.what = REQUEST_START, .copies = copies, .memory = memory};
	struct server_reply r = {.pid = -1};
	pthread_mutex_lock(&k->lock);
	enum rc rc = RC_END;
	/* One that died is found out by asking it. */
	for (int tries = 0; tries < 2 && rc == RC_END; tries++) {
		rc = start(k, e);
		if (rc == RC_OK)
			rc = ask(k, &m, fd, &r);
	}
	pthread_mutex_unlock(&k->lock);
	if (rc == RC_END)
		return err_set(RC_AGAIN, e, "the fork server dies");
	if (rc != RC_OK)
		return rc;
	if (r.pid < 0)
		return err_sys(RC_AGAIN, r.sys, e, "a process that dissects");
	*pid = r.pid;
	return RC_OK;
}

enum rc keeper_end(struct keeper *k, pid_t pid, bool gone, struct server_reply *out)
{
	const struct server_request_message m = {.what = REQUEST_END, .pid = pid, .gone = gone};
	pthread_mutex_lock(&k->lock);
	enum rc rc = k->pid > 0 ? ask(k, &m, NULL, out) : RC_END;
	pthread_mutex_unlock(&k->lock);
	return rc == RC_OK && out->sys != 0 ? RC_END : rc;
}

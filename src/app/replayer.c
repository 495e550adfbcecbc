/* A pipe that is read in turns: a child that says more than fits waits for the next turn, which its words wake. */
#include "app/replayer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "ext/hash.h"
#include "pipe/replay.h"

enum { SAID = 8192, CHUNK = 4096, NS_PER_MS = 1000000, FAILED = -1 };

enum state { NONE, ASKED, RUNNING, DONE };

static const char *const state_name[] = {[NONE] = "none", [ASKED] = "asked", [RUNNING] = "running", [DONE] = "done"};

struct replayer {
	const char *file;
	int config_fd;
	/* the owner's */
	pid_t pid;
	int fd; /* what it says; -1 */

	pthread_mutex_t lock;
	/* under lock */
	enum state state;
	char original[SHA256_TEXT];  /* "": all */
	char settle[REPLAY_WHY + 1]; /* "": it is replayed */
	int64_t started_ms, ended_ms;
	int exit;
	char said[SAID]; /* the end of it */
	size_t len;
};

static int64_t now_ms(void)
{
	return clock_wall().ns / NS_PER_MS;
}

struct replayer *replayer_new(const char *file, int config_fd)
{
	struct replayer *r = mem_zero(1, sizeof *r);
	r->file = file;
	r->config_fd = config_fd;
	r->fd = -1;
	pthread_mutex_init(&r->lock, NULL);
	return r;
}

void replayer_free(struct replayer **rp)
{
	struct replayer *r = *rp;
	if (r == NULL)
		return;
	if (r->pid > 0) {
		kill(r->pid, SIGKILL);
		while (waitpid(r->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (r->fd >= 0)
		close(r->fd);
	pthread_mutex_destroy(&r->lock);
	mem_free(rp);
}

enum rc replayer_ask(struct replayer *r, const char *original, const char *settle, struct err *e)
{
	uint8_t sha256[SHA256_BYTES];
	if (original != NULL && !str_unhex(original, sha256, sizeof sha256))
		return err_set(RC_BAD, e, "original must be a sha256");
	if (settle != NULL && original == NULL)
		return err_set(RC_BAD, e, "settle wants an original");
	if (settle != NULL && !str_is_line(settle, REPLAY_WHY))
		return err_set(
		    RC_BAD, e, "settle must be the reason, in one line of 1 to %d bytes of UTF-8", REPLAY_WHY);
	pthread_mutex_lock(&r->lock);
	bool busy = r->state == ASKED || r->state == RUNNING;
	if (!busy) {
		r->state = ASKED;
		r->started_ms = r->ended_ms = 0;
		r->len = 0;
		(void)!str_copy(r->original, sizeof r->original, original != NULL ? original : "");
		(void)!str_copy(r->settle, sizeof r->settle, settle != NULL ? settle : "");
	}
	pthread_mutex_unlock(&r->lock);
	return busy ? err_set(RC_END, e, "a replay is running") : RC_OK;
}

/* ---- what it says ---- */

/* Only the end of it is kept, from the beginning of a line on. */
static void hear(struct replayer *r, const char *bytes, size_t size)
{
	pthread_mutex_lock(&r->lock);
	if (r->len + size > SAID) {
		size_t drop = r->len + size - SAID;
		const char *line = drop < r->len ? memchr(r->said + drop, '\n', r->len - drop) : NULL;
		drop = line != NULL ? (size_t)(line + 1 - r->said) : r->len;
		memmove(r->said, r->said + drop, r->len - drop);
		r->len -= drop;
	}
	memcpy(r->said + r->len, bytes, size);
	r->len += size;
	pthread_mutex_unlock(&r->lock);
}

static void listen_to(struct replayer *r)
{
	char chunk[CHUNK];
	ssize_t n = 0;
	while (r->fd >= 0 && (n = read(r->fd, chunk, sizeof chunk)) > 0)
		hear(r, chunk, (size_t)n);
	if (r->fd < 0 || n < 0)
		return;
	close(r->fd);
	r->fd = -1;
}

/* ---- its life ---- */

static void end(struct replayer *r, int code)
{
	pthread_mutex_lock(&r->lock);
	r->state = DONE;
	r->exit = code;
	r->ended_ms = now_ms();
	pthread_mutex_unlock(&r->lock);
	r->pid = 0;
}

/* Nobody changes what was asked for while it runs. */
static enum rc start(struct replayer *r, struct err *e)
{
	char program[PROC_PATH], fd[16], why[sizeof "--settle=" + REPLAY_WHY];
	const char *argv[11] = {program, "replay", "--config", r->file};
	size_t n = 4;
	int ends[2];
	proc_self(program);
	if (r->config_fd >= 0) {
		snprintf(fd, sizeof fd, "%d", r->config_fd);
		argv[n++] = "--config-fd";
		argv[n++] = fd;
	}
	if (r->settle[0] != '\0') {
		snprintf(why, sizeof why, "--settle=%s", r->settle);
		argv[n++] = why;
	}
	argv[n++] = r->original[0] != '\0' ? "--" : "--all";
	if (r->original[0] != '\0')
		argv[n++] = r->original;
	if (pipe2(ends, O_CLOEXEC) != 0)
		return err_sys(RC_FAIL, errno, e, "pipe");
	enum rc rc = proc_start_to(argv, NULL, r->config_fd, ends[1], &r->pid, e);
	close(ends[1]);
	if (rc == RC_OK && fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0) {
		r->fd = ends[0];
		return RC_OK;
	}
	close(ends[0]);
	return rc;
}

static void start_asked(struct replayer *r)
{
	struct err e;
	pthread_mutex_lock(&r->lock);
	bool asked = r->state == ASKED;
	if (asked) {
		r->state = RUNNING;
		r->started_ms = now_ms();
	}
	pthread_mutex_unlock(&r->lock);
	if (!asked)
		return;
	log_info("replay was asked for at the endpoint original=%s%s%s", r->original[0] != '\0' ? r->original : "all",
	    r->settle[0] != '\0' ? ", to settle it: " : "", r->settle);
	if (start(r, &e) == RC_OK)
		return;
	log_error("replay cannot be started: %s", e.text);
	hear(r, e.text, strlen(e.text));
	end(r, FAILED);
}

void replayer_turn(struct replayer *r)
{
	int status = 0;
	char text[64];
	start_asked(r);
	if (r->pid <= 0)
		return;
	listen_to(r);
	if (waitpid(r->pid, &status, WNOHANG) != r->pid)
		return;
	listen_to(r);
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	log_info("replay ended: %s", proc_status_text(status, text, sizeof text));
	if (!WIFEXITED(status))
		hear(r, text, strlen(text));
	end(r, WIFEXITED(status) ? WEXITSTATUS(status) : FAILED);
}

int replayer_fd(const struct replayer *r)
{
	return r->fd;
}

/* Names are escaped by who says them; what is no text all the same must not break the answer. */
static json_t *lines_of(char *said)
{
	json_t *list = json_array();
	for (char *next, *at = said; at != NULL && *at != '\0'; at = next) {
		next = strchr(at, '\n');
		if (next != NULL)
			*next++ = '\0';
		json_t *line = json_string(at);
		json_array_append_new(list, line != NULL ? line : json_escaped(at));
	}
	return list;
}

json_t *replayer_json(struct replayer *r)
{
	json_t *one = json_object();
	char said[SAID + 1];
	pthread_mutex_lock(&r->lock);
	memcpy(said, r->said, r->len);
	said[r->len] = '\0';
	json_object_set_new(one, "state", json_string(state_name[r->state]));
	json_object_set_new(one, "original", json_string(r->original));
	json_object_set_new(one, "settle", json_string(r->settle));
	json_object_set_new(one, "started_ms", json_integer(r->started_ms));
	json_object_set_new(one, "ended_ms", json_integer(r->ended_ms));
	json_object_set_new(one, "exit", json_integer(r->exit));
	pthread_mutex_unlock(&r->lock);
	json_object_set_new(one, "lines", lines_of(said));
	return one;
}

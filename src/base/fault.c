/* In a file of its own so that a release build, which lacks the definition, compiles it to nothing. */
#include "base/fault.h"

#ifdef SLUICE_FAULTS

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHOSEN = 64, SPEC_BYTES = 8192, PATH_BYTES = 4096 };

enum fault_kind { KILL, HANG, ERROR, KINDS };

struct chosen {
	enum fault_point point;
	enum fault_kind kind;
	unsigned at; /* passing */
	atomic_uint passed;
};

static const char *const point_name[FAULT_COUNT] = {
#define X(id, name, truth) [FAULT_##id] = name,
    FAULT_POINTS(X)
#undef X
};

static const char *const kind_name[KINDS] = {"kill", "hang", "error"};

/* Set once from the environment. */
static struct chosen chosen[CHOSEN];
static unsigned chosen_count;
static const char *marks;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void refuse(const char *spec, const char *why)
{
	fprintf(stderr, "SLUICE_FAULT: \"%s\": %s\n", spec, why);
	abort();
}

static int find(const char *const *name, int count, const char *text, size_t len)
{
	for (int i = 0; i < count; i++)
		if (strlen(name[i]) == len && memcmp(name[i], text, len) == 0)
			return i;
	return -1;
}

/* point:kind or point:kind@n */
static void choose(const char *spec)
{
	const char *colon = strchr(spec, ':');
	if (colon == NULL)
		refuse(spec, "must be point:kind");
	const char *at = strchr(colon, '@');
	size_t kind_len = at != NULL ? (size_t)(at - colon - 1) : strlen(colon + 1);
	int point = find(point_name, FAULT_COUNT, spec, (size_t)(colon - spec));
	int kind = find(kind_name, KINDS, colon + 1, kind_len);
	if (point < 0 || kind < 0)
		refuse(spec, point < 0 ? "no such point" : "no such kind");
	if (chosen_count == CHOSEN)
		refuse(spec, "too many");
	struct chosen *c = &chosen[chosen_count++];
	c->point = (enum fault_point)point;
	c->kind = (enum fault_kind)kind;
	c->at = at != NULL ? (unsigned)strtoul(at + 1, NULL, 10) : 1;
}

static void read_environment(void)
{
	static char spec[SPEC_BYTES];
	const char *text = getenv("SLUICE_FAULT");
	char *rest = NULL;
	marks = getenv("SLUICE_FAULT_MARKS");
	if (text == NULL)
		return;
	if (strlen(text) >= sizeof spec)
		refuse(text, "too long");
	strcpy(spec, text);
	for (char *word = strtok_r(spec, ",", &rest); word != NULL; word = strtok_r(NULL, ",", &rest))
		choose(word);
}

/* False: it has happened before, to another process. */
static bool mark(const struct chosen *c)
{
	char path[PATH_BYTES], pid[24];
	if (marks == NULL)
		return true;
	snprintf(path, sizeof path, "%s/%s:%s", marks, point_name[c->point], kind_name[c->kind]);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return false;
	int n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
	if (write(fd, pid, (size_t)n) != n)
		refuse(path, "cannot be marked");
	close(fd);
	return true;
}

enum rc fault_pass(enum fault_point point, struct err *e)
{
	pthread_once(&once, read_environment);
	for (unsigned i = 0; i < chosen_count; i++) {
		struct chosen *c = &chosen[i];
		if (c->point != point || atomic_fetch_add(&c->passed, 1) + 1 != c->at || !mark(c))
			continue;
		if (c->kind == ERROR)
			return err_set(RC_AGAIN, e, "fault: %s", point_name[point]);
		/* raise, not kill: it must be this thread that goes no further. */
		raise(c->kind == KILL ? SIGKILL : SIGSTOP);
	}
	return RC_OK;
}

#endif

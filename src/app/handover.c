/* Replacing a supervisor by a new process would either leave a moment without one or need two that agree; exec needs
 * neither. */
#include "app/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/proc.h"

enum { TEXT = 4096 };

static const char self[] = "/proc/self/exe";

void program_path(char out[PROGRAM_PATH])
{
	char here[PROGRAM_PATH / 2];
	const char *given = (const char *)(uintptr_t)getauxval(AT_EXECFN);
	if (given == NULL || strncmp(given, "/proc/", 6) == 0 || strncmp(given, "/dev/fd/", 8) == 0) {
		ssize_t n = readlink(self, out, PROGRAM_PATH - 1);
		out[n > 0 ? n : 0] = '\0';
	} else if (given[0] == '/' || getcwd(here, sizeof here) == NULL) {
		snprintf(out, PROGRAM_PATH, "%.*s", PROGRAM_PATH - 1, given);
	} else {
		snprintf(out, PROGRAM_PATH, "%s/%.*s", here, PROGRAM_PATH / 2 - 2, given);
	}
}

const char *program_running(const char *path)
{
	struct stat there, here;
	if (stat(path, &there) == 0 && stat(self, &here) == 0 && there.st_dev == here.st_dev &&
	    there.st_ino == here.st_ino)
		return path;
	return self;
}

enum rc handover_seal(const char *name, const char *text, size_t size, int *out, struct err *e)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return err_sys(RC_FAIL, errno, e, "memfd_create");
	enum rc rc = file_write(fd, text, size, e);
	if (rc == RC_OK && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0)
		rc = err_sys(RC_FAIL, errno, e, "seal %s", name);
	if (rc == RC_OK)
		*out = fd;
	else
		close(fd);
	return rc;
}

enum rc handover_exec(const char *const argv[], const int keep[], struct err *e)
{
	sigset_t all, before;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	if (proc_stop_count() > 0) {
		sigprocmask(SIG_SETMASK, &before, NULL);
		return err_set(RC_END, e, "asked to stop");
	}
	/* What came meanwhile and was not answered comes again, to the next program. */
	if (proc_reload_take())
		raise(SIGHUP);
	for (size_t i = 0; keep[i] >= 0; i++)
		fcntl(keep[i], F_SETFD, 0);
	execv(argv[0], (char *const *)(uintptr_t)argv);
	enum rc rc = err_sys(RC_FAIL, errno, e, "cannot start %s", argv[0]);
	for (size_t i = 0; keep[i] >= 0; i++)
		fcntl(keep[i], F_SETFD, FD_CLOEXEC);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return rc;
}

enum rc handover_write(const struct handover *h, int *fd, struct err *e)
{
	char text[TEXT];
	size_t n = (size_t)snprintf(text, sizeof text, "lock %d\n", h->lock_fd);
	for (unsigned i = 0; i < h->children; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "child %s %d %lld\n", h->child[i].name,
		    (int)h->child[i].pid, (long long)h->child[i].started_ms);
	return handover_seal("sluice-handover", text, n, fd, e);
}

/* Lines that are not known are of a later version, which had a reason to write them, and said yes to be replaced. */
static void read_line(const char *line, struct handover *h)
{
	char name[HANDOVER_NAME];
	int number;
	long long started;
	if (sscanf(line, "lock %d", &number) == 1)
		h->lock_fd = number;
	else if (sscanf(line, "child %31s %d %lld", name, &number, &started) == 3 && number > 0 &&
	         h->children < HANDOVER_CHILDREN) {
		struct handover_child *c = &h->child[h->children++];
		memcpy(c->name, name, sizeof name);
		c->pid = number;
		c->started_ms = started;
	}
}

enum rc handover_read(int fd, struct handover *out, struct err *e)
{
	char text[TEXT], *at = text, *rest = NULL;
	struct handover h = {.lock_fd = -1};
	ssize_t n = pread(fd, text, sizeof text - 1, 0);
	if (n <= 0)
		return err_sys(RC_BAD, n < 0 ? errno : EINVAL, e, "--take-over %d", fd);
	text[n] = '\0';
	memset(h.child, 0, sizeof h.child);
	while ((at = strtok_r(at, "\n", &rest)) != NULL) {
		read_line(at, &h);
		at = NULL;
	}
	if (h.lock_fd < 0 || fcntl(h.lock_fd, F_SETFD, FD_CLOEXEC) != 0)
		return err_set(RC_BAD, e, "--take-over %d: nothing of ours", fd);
	close(fd);
	*out = h;
	return RC_OK;
}

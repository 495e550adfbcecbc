/* The order matters: what is given up first must not be needed for what comes after. */
#include "confine/jail.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "confine/filter.h"
#include "confine/landlock.h"

enum { NOBODY = 65534, CAPABILITIES = 64 };

/* For the handler alone; set once, before the filter is. */
static struct {
	int fd;
	void (*denied)(int fd, long number);
} told;

static void on_denied(int signal, siginfo_t *info, void *context)
{
	told.denied(told.fd, info->si_syscall);
}

static bool bound(int what, uint64_t most)
{
	struct rlimit now, limit = {.rlim_cur = most, .rlim_max = most};
	if (getrlimit(what, &now) == 0 && now.rlim_max < most)
		limit.rlim_cur = limit.rlim_max = now.rlim_max;
	return setrlimit(what, &limit) == 0;
}

/* Bytes of address space now: what is already mapped, libraries and shared memory, is not the input's. */
static uint64_t mapped_now(void)
{
	char *text = NULL;
	size_t size = 0;
	struct err e;
	if (file_load("/proc/self/statm", 256, &text, &size, &e) != RC_OK)
		return 0;
	uint64_t pages = strtoull(text, NULL, 10);
	mem_free(&text);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static enum rc set_limits(const struct jail_params *p, uint64_t now, struct jail *out, struct err *e)
{
	bool good = bound(RLIMIT_CORE, 0) && bound(RLIMIT_FSIZE, JAIL_SAID) && bound(RLIMIT_NOFILE, 0) &&
	            bound(RLIMIT_NPROC, 0) && bound(RLIMIT_MEMLOCK, 0) && bound(RLIMIT_MSGQUEUE, 0);
	if (good && now > 0)
		good = bound(RLIMIT_AS, now + p->memory);
	if (!good)
		return err_sys(RC_FAIL, errno, e, "setrlimit");
	out->limits = 1;
	out->memory = now > 0;
	return RC_OK;
}

/* Root without capabilities still owns root's files, so it becomes nobody; a user stays who he is. */
static enum rc give_up_power(struct jail *out, struct err *e)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {{0}};
	bool root = geteuid() == 0;
	/* The numbers end where the kernel says EINVAL; a user may not drop what he has not. */
	for (int i = 0; root && i < CAPABILITIES && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) == 0; i++)
		;
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (root && (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
	                setresuid(NOBODY, NOBODY, NOBODY) != 0)) {
		/* In a user namespace without these users there is nobody else to become. */
		if (errno != EINVAL && errno != EPERM)
			return err_sys(RC_FAIL, errno, e, "another user");
	}
	if (syscall(SYS_capset, &head, none) != 0)
		return err_sys(RC_FAIL, errno, e, "capset");
	out->powerless = geteuid() != 0;
	return RC_OK;
}

static enum rc enter_filter(const struct jail_params *p, struct jail *out, struct err *e)
{
	struct sigaction action = {.sa_sigaction = on_denied, .sa_flags = SA_SIGINFO};
	if (!filter_known())
		return RC_OK;
	told.fd = p->fd;
	told.denied = p->denied;
	sigfillset(&action.sa_mask);
	sigdelset(&action.sa_mask, SIGSYS);
	if (sigaction(SIGSYS, &action, NULL) != 0)
		return err_sys(RC_FAIL, errno, e, "SIGSYS");
	out->seccomp = 1;
	return filter_enter(p->fd, p->call, e);
}

enum rc jail_enter(const struct jail_params *p, struct jail *out, struct err *e)
{
	*out = (struct jail){.landlock = landlock_abi()};
	uint64_t now = p->memory > 0 && !filter_sanitized() ? mapped_now() : 0;
	enum rc rc = give_up_power(out, e);
	/* After the change of user, which clears it; and the parent may be gone already. */
	if (rc == RC_OK && (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != p->parent))
		rc = err_set(RC_FAIL, e, "the parent is gone");
	if (rc == RC_OK && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		rc = err_sys(RC_FAIL, errno, e, "no_new_privs");
	if (rc == RC_OK && out->landlock > 0)
		rc = landlock_enter(out->landlock, e);
	/* After what still opens a descriptor. */
	if (rc == RC_OK)
		rc = set_limits(p, now, out, e);
	return rc == RC_OK ? enter_filter(p, out, e) : rc;
}

bool jail_whole(const struct jail *j)
{
	return j->seccomp && j->landlock > 0 && j->limits && j->powerless;
}

const char *jail_text(const struct jail *j, char out[JAIL_TEXT])
{
	char landlock[32] = "no landlock";
	if (j->landlock > 0)
		snprintf(landlock, sizeof landlock, "landlock ABI %d", j->landlock);
	snprintf(out, JAIL_TEXT, "%s, %s, %s, %s%s", j->seccomp ? "seccomp" : "NO SECCOMP", landlock,
	    j->limits ? "rlimits" : "no rlimits", j->powerless ? "no capabilities" : "still root",
	    j->memory ? "" : ", memory not bounded");
	return out;
}

const char *jail_call(long number, char out[JAIL_CALL])
{
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)number);
	if (name != NULL)
		snprintf(out, JAIL_CALL, "%s", name);
	else
		snprintf(out, JAIL_CALL, "system call %ld", number);
	free(name);
	return out;
}

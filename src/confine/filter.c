/*
 * The list is short because a dissector needs so little: memory, its socket, an end. Sanitizers need more, and are no
 * build to put before hostile bytes.
 */
#include "confine/filter.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif

/* Without a look at their arguments. The clock is no call where the kernel maps it. */
static const int plain[] = {
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(getrandom), /* malloc, hash seeds */
    SCMP_SYS(sysinfo),   /* qsort asks how much memory there is */
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
#ifdef SANITIZED
    SCMP_SYS(futex),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(sched_yield),
    SCMP_SYS(nanosleep),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(getrlimit),
    SCMP_SYS(prlimit64),
    SCMP_SYS(readlink),
    SCMP_SYS(prctl),
#endif
};

bool filter_sanitized(void)
{
#ifdef SANITIZED
	return true;
#else
	return false;
#endif
}

bool filter_known(void)
{
	uint32_t action = SECCOMP_RET_TRAP;
	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

static int allow(scmp_filter_ctx f, int call, unsigned count, struct scmp_arg_cmp a, struct scmp_arg_cmp b)
{
	return seccomp_rule_add(f, SCMP_ACT_ALLOW, call, count, a, b);
}

static int add_rules(scmp_filter_ctx f, int fd, int call)
{
	const struct scmp_arg_cmp none = {0}, ours = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)fd);
	const struct scmp_arg_cmp data = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	const struct scmp_arg_cmp nameless = SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS);
	int rc = 0;
	for (size_t i = 0; i < sizeof plain / sizeof plain[0] && rc == 0; i++)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, plain[i], 0);
	if (rc == 0 && call >= 0)
		rc = allow(f, call, 0, none, none);
	if (rc == 0)
		rc = allow(f, SCMP_SYS(read), 1, ours, none);
	if (rc == 0)
		rc = allow(f, SCMP_SYS(write), 1, ours, none);
	if (rc == 0)
		rc = allow(f, SCMP_SYS(mmap), 2, data, nameless);
	if (rc == 0)
		rc = allow(f, SCMP_SYS(mprotect), 1, data, none);
	/* abort: a failed assertion ends with its own signal, not with a denied call */
	if (rc == 0)
		rc = allow(f, SCMP_SYS(tgkill), 2, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()),
		    SCMP_A2(SCMP_CMP_EQ, SIGABRT));
	/* last words: a file of a few bytes that only the fork server reads */
	if (rc == 0)
		rc = allow(f, SCMP_SYS(write), 1, SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO), none);
	if (rc == 0)
		rc = allow(f, SCMP_SYS(writev), 1, SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO), none);
	return rc;
}

enum rc filter_enter(int fd, int call, struct err *e)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_TRAP);
	int rc = f == NULL ? -ENOMEM : add_rules(f, fd, call);
	/* A tree of compares instead of a list: each call goes through it. */
	if (rc == 0)
		rc = seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (rc == 0)
		rc = seccomp_load(f);
	seccomp_release(f);
	return rc == 0 ? RC_OK : err_sys(RC_FAIL, -rc, e, "seccomp");
}

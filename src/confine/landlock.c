/* A rule set that handles every access and allows none. */
#include "confine/landlock.h"

#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The same on every architecture, <linux/landlock.h>. */
enum { CREATE_RULESET = 444, RESTRICT_SELF = 446, ASK_VERSION = 1 };

struct ruleset { /* struct landlock_ruleset_attr, as of ABI 6 */
	uint64_t fs;
	uint64_t net;
	uint64_t scoped;
};

int landlock_abi(void)
{
	long abi = syscall(CREATE_RULESET, NULL, 0, ASK_VERSION);
	return abi > 0 ? (int)abi : 0;
}

/* How many kinds of access to files each ABI knows: 13, then refer, truncate, and with 5 ioctl of devices. */
static uint64_t all_files(int abi)
{
	unsigned bits = abi == 1 ? 13 : abi == 2 ? 14 : abi < 5 ? 15 : 16;
	return (UINT64_C(1) << bits) - 1;
}

enum rc landlock_enter(int abi, struct err *e)
{
	struct ruleset r = {.fs = all_files(abi), .net = abi >= 4 ? 3 : 0, .scoped = abi >= 6 ? 3 : 0};
	size_t size = abi >= 6 ? sizeof r : abi >= 4 ? 2 * sizeof r.fs : sizeof r.fs;
	int fd = (int)syscall(CREATE_RULESET, &r, size, 0);
	if (fd < 0)
		return err_sys(RC_FAIL, errno, e, "landlock_create_ruleset");
	long rc = syscall(RESTRICT_SELF, fd, 0);
	int sys = errno;
	close(fd);
	return rc == 0 ? RC_OK : err_sys(RC_FAIL, sys, e, "landlock_restrict_self");
}

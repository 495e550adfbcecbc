/* The order matters: groups can only be given up by root, and root is given up last. */
#include "base/user.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/str.h"

enum { ENTRY = 16 << 10 };

static void take(const struct passwd *entry, struct user *out)
{
	out->uid = entry->pw_uid;
	out->gid = entry->pw_gid;
	(void)str_copy(out->name, sizeof out->name, entry->pw_name);
}

enum rc user_find(const char *name, struct user *out, struct err *e)
{
	char buffer[ENTRY];
	struct passwd entry, *found = NULL;
	int sys = getpwnam_r(name, &entry, buffer, sizeof buffer, &found);
	if (found == NULL)
		return sys == 0 || sys == ENOENT ? err_set(RC_BAD, e, "there is no user \"%.60s\"", name)
		                                 : err_sys(RC_BAD, sys, e, "user \"%.60s\"", name);
	if (strlen(found->pw_name) >= sizeof out->name)
		return err_set(RC_BAD, e, "\"%.60s\" is longer than %d characters", name, USER_NAME - 1);
	take(found, out);
	return RC_OK;
}

void user_self(struct user *out)
{
	char buffer[ENTRY];
	struct passwd entry, *found = NULL;
	out->uid = geteuid();
	out->gid = getegid();
	snprintf(out->name, sizeof out->name, "%lu", (unsigned long)out->uid);
	if (getpwuid_r(out->uid, &entry, buffer, sizeof buffer, &found) == 0 && found != NULL)
		(void)str_copy(out->name, sizeof out->name, found->pw_name);
}

static enum rc drop_capabilities(struct err *e)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {{0}};
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capset, &head, none) != 0)
		return err_sys(RC_FAIL, errno, e, "cannot give up capabilities");
	return RC_OK;
}

enum rc user_become(const struct user *u, struct err *e)
{
	struct user self;
	user_self(&self);
	if (self.uid == u->uid)
		return RC_OK;
	if (self.uid != 0)
		return err_set(RC_FAIL, e, "only root can become \"%s\", and this is %s: start it as root or as \"%s\"",
		    u->name, self.name, u->name);
	if (initgroups(u->name, u->gid) != 0 || setresgid(u->gid, u->gid, u->gid) != 0 ||
	    setresuid(u->uid, u->uid, u->uid) != 0)
		return err_sys(RC_FAIL, errno, e, "cannot become \"%s\"", u->name);
	if (setresuid(0, 0, 0) == 0)
		return err_set(RC_FAIL, e, "after becoming \"%s\" root can still be had", u->name);
	enum rc rc = drop_capabilities(e);
	if (rc == RC_OK && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		rc = err_sys(RC_FAIL, errno, e, "no_new_privs");
	return rc;
}

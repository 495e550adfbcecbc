/*
 * user: who this process runs as, and how root becomes somebody else for good.
 *
 * Thread  user_become: before others begin what they must not do as root; it holds for all
 * Errors  RC_BAD: there is no such user. RC_FAIL: this process can't become that user
 */
#ifndef BASE_USER_H
#define BASE_USER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/rc.h"

enum { USER_NAME = 64 };

struct user {
	uid_t uid;
	gid_t gid;
	char name[USER_NAME];
};

enum rc user_find(const char *name, struct user *out, struct err *e) MUST_USE;

/* Who runs this process. The number, where it has no name. */
void user_self(struct user *out);

/*
 * Become that user, with its groups, no capability, and no program that could give any back (no_new_privs). Nothing is
 * done where this process is that user already.
 */
enum rc user_become(const struct user *u, struct err *e) MUST_USE;

#endif

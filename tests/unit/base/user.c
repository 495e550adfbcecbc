/* user: root becomes somebody else for good; nobody else becomes anybody. */
#include "base/user.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void users_are_found_by_name(void **state)
{
	struct user u, self;
	struct err e;
	assert_int_equal(user_find("root", &u, &e), RC_OK);
	assert_int_equal(u.uid, 0);
	assert_string_equal(u.name, "root");
	assert_int_equal(user_find("no-such-user", &u, &e), RC_BAD);
	assert_non_null(strstr(e.text, "no user \"no-such-user\""));
	assert_int_equal(user_find("", &u, &e), RC_BAD);
	user_self(&self);
	assert_int_equal(self.uid, geteuid());
	assert_int_equal(user_become(&self, &e), RC_OK);
}

/* In a process of its own. 0: as it should be. */
static int become_nobody(void)
{
	struct user u;
	struct err e;
	gid_t group[64];
	if (user_find("nobody", &u, &e) != RC_OK || user_become(&u, &e) != RC_OK)
		return 1;
	if (getuid() != u.uid || geteuid() != u.uid || getgid() != u.gid || getegid() != u.gid)
		return 2;
	int groups = getgroups(64, group);
	for (int i = 0; i < groups; i++)
		if (group[i] == 0)
			return 3;
	if (setuid(0) == 0 || seteuid(0) == 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 4;
	if (access("/etc/shadow", R_OK) == 0)
		return 5;
	if (user_become(&u, &e) != RC_OK)
		return 6;
	/* and nobody becomes root again */
	return user_find("root", &u, &e) == RC_OK && user_become(&u, &e) == RC_FAIL ? 0 : 7;
}

static void root_becomes_somebody_for_good(void **state)
{
	struct user u;
	struct err e;
	int status;
	if (geteuid() != 0 || user_find("nobody", &u, &e) != RC_OK)
		skip();
	pid_t child = fork();
	if (child == 0)
		_exit(become_nobody());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(users_are_found_by_name),
	    cmocka_unit_test(root_becomes_somebody_for_good),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * landlock: no file, no network, no signal and no abstract socket of others, as far as the kernel's ABI knows them.
 *
 * Spoken in system calls: the C library has no wrappers, and its headers may be older than the kernel.
 */
#ifndef CONFINE_LANDLOCK_H
#define CONFINE_LANDLOCK_H

#include "base/rc.h"

/* The kernel's ABI, 0 without Landlock. */
int landlock_abi(void);

/* Everything that this ABI can forbid, for good. no_new_privs must be set. */
enum rc landlock_enter(int abi, struct err *e) MUST_USE;

#endif

/*
 * notice: a call that stands still until the parent answers it. A process with one thread that stands in it changes
 * nothing of its memory, so what it has put into shared memory can be looked at where it lies.
 *
 * The kernel promises that: seccomp hands the call to whoever holds its listener (SECCOMP_RET_USER_NOTIF), and with
 * SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, which is asked for, a call that was taken is left by its answer or by death
 * alone. Linux 5.19; where it can't be had nothing is handed over this way.
 *
 * Thread  both sides: one
 */
#ifndef CONFINE_NOTICE_H
#define CONFINE_NOTICE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/rc.h"

struct notice {
	uint64_t id;
	uint64_t offset; /* as the child says */
};

/* The child's: from now on notice_stand reaches the listener. Wants no_new_privs. -1: there is no such thing here. */
int notice_listener(void);

/* The child's: true once it was answered. */
bool notice_stand(uint64_t offset);

/* The number of that call, for a filter that comes after. */
int notice_call(void);

/* A descriptor through a socket, with a byte. */
bool notice_send(int socket, int fd);
/* What came with the byte, -1 nothing. RC_AGAIN: no byte yet; RC_END: never. */
enum rc notice_receive(int socket, int *fd) MUST_USE;

/* The parent's: the call that stands. RC_OK: it stands until notice_answer, or its process is gone. RC_AGAIN: none
 * does. RC_BAD: it is not that process's. */
enum rc notice_take(int listener, pid_t pid, struct notice *out);

/* Let it go on; false: it is gone. */
bool notice_answer(int listener, uint64_t id);

#endif

/*
 * jail: takes from the calling process everything but its memory and one descriptor. doc/security.md says what and why.
 *
 * In this order: limits, user and capabilities, no new privileges, Landlock (no file, no network, no signal to others,
 * as far as the kernel knows), then a seccomp filter that lets a handful of system calls through. A call that is not
 * among them is not done: `denied` is told its number and the process ends.
 *
 * Thread  of a process with one thread, once
 */
#ifndef CONFINE_JAIL_H
#define CONFINE_JAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"

enum { JAIL_SAID = 4096 };

struct jail { /* what is in force */
	uint8_t seccomp;
	uint8_t limits;    /* rlimits */
	uint8_t powerless; /* no capabilities, and not root */
	uint8_t memory;    /* its memory is bounded */
	int32_t landlock;  /* ABI; 0: none */
};

struct jail_params {
	int fd; /* the one descriptor that may be read and written; standard error may be written, JAIL_SAID bytes if it
	           is a file */
	int call;                            /* a system call that is let through beside the usual ones; -1: none */
	int parent;                          /* process that this one dies with */
	uint64_t memory;                     /* bytes beyond what it has now; 0: not bounded */
	void (*denied)(int fd, long number); /* called in a signal handler; must not return */
};

/* Enter for good. What the kernel does not offer is left out and missing in *out. RC_FAIL: something that should work
 * did not. */
enum rc jail_enter(const struct jail_params *p, struct jail *out, struct err *e) MUST_USE;

/* "seccomp, landlock ABI 7, rlimits, no capabilities", and what is missing. Returns out. */
enum { JAIL_TEXT = 160 };
const char *jail_text(const struct jail *j, char out[JAIL_TEXT]);
bool jail_whole(const struct jail *j);

/* The name of a system call: "socket"; its number where there is no name. Returns out. */
enum { JAIL_CALL = 48 };
const char *jail_call(long number, char out[JAIL_CALL]);

#endif

/*
 * filter: the seccomp filter of a jail: the few calls that a dissector needs to use its memory and its socket.
 *
 * Thread  the calling one
 */
#ifndef CONFINE_FILTER_H
#define CONFINE_FILTER_H

#include <stdbool.h>

#include "base/rc.h"

/* Is there seccomp? */
bool filter_known(void);

/* Is this a build with a sanitizer? It needs more calls, and more address space than can be bounded. */
bool filter_sanitized(void);

/* For good: reads and writes of fd, memory without execution, the end; call, if it is not negative. Everything else
 * raises SIGSYS. */
enum rc filter_enter(int fd, int call, struct err *e) MUST_USE;

#endif

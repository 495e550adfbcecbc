/*
 * server: the fork server: a process of its own with one thread, no configuration and no secrets in its memory, which
 * makes the children that dissect, and says how they ended.
 *
 * It is started anew by exec, so that a child has nothing of its parent's memory; and a child is a fork of it, which
 * costs less than a program's start. doc/security.md
 */
#ifndef CONFINE_SERVER_H
#define CONFINE_SERVER_H

#include "dissect/dissect.h"

/*
 * Serve the parent behind the socket fd until it is gone; the exit status. table: all dissectors that may run confined,
 * ends with NULL.
 */
int confine_serve(int fd, const struct dissect_ops *const table[]);

#endif

/*
 * keeper: the fork server as its parent sees it: started when first needed, and again when it died.
 *
 * Thread  any; requests go one after the other
 */
#ifndef CONFINE_KEEPER_H
#define CONFINE_KEEPER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/rc.h"
#include "confine/wire.h"

struct keeper;

/* word: the argument after the program's name that makes it a fork server; the descriptor's number follows. */
struct keeper *keeper_new(const char *word);
void keeper_free(struct keeper **k);

/* A child that got these descriptors. RC_AGAIN: not now. */
enum rc keeper_start(
    struct keeper *k, const int fd[WIRE_DESCRIPTORS], uint64_t memory, bool copies, pid_t *pid, struct err *e) MUST_USE;

/* End a child. gone: its socket is closed. RC_END: the server is gone, and its children with it. */
enum rc keeper_end(struct keeper *k, pid_t pid, bool gone, struct server_reply *out);

#endif

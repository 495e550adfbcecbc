/*
 * budgets: the limits of pipe/limits.h as a configuration sets them: whether they can work, and how full they are.
 *
 * Thread  any
 */
#ifndef APP_BUDGETS_H
#define APP_BUDGETS_H

#include <stdbool.h>
#include <stdint.h>

#include "app/config.h"
#include "base/rc.h"
#include "pipe/limits.h"

struct budget_state {
	uint64_t used, bound; /* bound 0: it does not apply here */
	uint64_t reached;
	int64_t since_ms; /* full since then, wall; 0: it is not */
};

/* Do they fit each other? RC_BAD: *key is the one to change, *e says why. */
enum rc budgets_settle(const struct config *c, const char **key, struct err *e) MUST_USE;

/* Do they fit this machine: memory, disks, descriptors? A line for each that does not. */
void budgets_check(
    const struct config *c, void (*line)(void *context, bool ok, const char *what, const char *text), void *context);

/* The limit, over all threads of a process. */
uint64_t budget_bound(const struct config *c, enum limit l);

/* Count what a process says in its slot; what a dead one used is free. */
void budget_add(struct budget_state state[LIMIT_COUNT], const struct metric_slot *s, bool alive);

#endif

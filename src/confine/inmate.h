/*
 * inmate: the process that dissects: enters its jail, then does what its orders say until its parent is gone.
 *
 * Thread  a process of its own, with one thread
 */
#ifndef CONFINE_INMATE_H
#define CONFINE_INMATE_H

#include <stdbool.h>
#include <stdint.h>

#include "confine/wire.h"
#include "dissect/dissect.h"

struct inmate_params {
	int fd[WIRE_DESCRIPTORS];
	int said;        /* becomes standard error */
	uint64_t memory; /* bytes, 0: not bounded */
	bool copies;     /* it does not stand still for its batches */
	int parent;
	const struct dissect_ops *const *table; /* all dissectors, ends with NULL */
};

_Noreturn void inmate_run(const struct inmate_params *p);

#endif

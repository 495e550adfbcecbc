/*
 * cell: a child and the memory that it shares with its parent. The child comes with the first input and is replaced
 * when it ended; the memory stays, but where somebody may still write to it.
 *
 * Thread  one a cell; confine_count any
 */
#ifndef CONFINE_CELL_H
#define CONFINE_CELL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/writer.h"
#include "confine/confine.h"
#include "confine/keeper.h"
#include "confine/wire.h"

struct confined;

enum {
	CELL_STEP_MS = 250,    /* how often a child that is silent is looked at */
	CELL_STILL_TIMES = 10, /* of the time it may compute, that a child may be silent */
};

struct confine {
	struct confine_params params;
	struct keeper *keeper;
	atomic_uint_fast64_t running, started, stopped;
};

struct cell {
	struct confine *confine;
	uint8_t *input;    /* shared, the child may only read it */
	uint8_t *slab;     /* shared; written by the child, and by us while it stands still */
	struct batch *own; /* where batches are copied to */
	int input_fd, slab_fd;
	uint32_t touched;           /* bytes of the input memory that were used, without the setup */
	struct writer orders, sent; /* for this input, and what the child has */
	pid_t pid;                  /* 0: no child */
	int fd, listener;           /* what it says, and where it stands still: -1 there is no such thing */
	int cpu;                    /* that the child is bound to; -1 none */
	bool ready;                 /* the child was counted: it is confined */
	unsigned files;             /* that the child has had */
	unsigned killed;            /* children in a row, by somebody else */
	struct confined *open;
};

void confine_count(struct confine *c, enum confine_event what, const struct jail *jail);

/* RC_AGAIN: no child can be had now. RC_FAIL: it cannot be confined. */
enum rc cell_start(struct cell *cell, struct jail *out, struct err *e) MUST_USE;

/* gone: its socket is closed. What became of it is in *r; RC_END: nobody knows, or there was none. */
enum rc cell_end(struct cell *cell, bool gone, struct server_reply *r);

/* One datagram. RC_OK; RC_END: the child closed its socket; RC_AGAIN: nothing yet; RC_BAD: no message of ours. */
enum rc cell_receive(struct cell *cell, struct wire_tell_message *m) MUST_USE;

/* The child to the processor where we are: it is about to work for us, and we are about to wait. */
void cell_bind(struct cell *cell);

#endif

/*
 * wire: what parent and dissecting child say to each other over their socket, one struct a datagram, and how the memory
 * that they share is cut. doc/security.md has the whole exchange.
 *
 * The parent believes nothing that a child says: a datagram of the wrong size or at the wrong time ends the child, and
 * a batch is checked by batch_take. What the parent says is true for the child.
 *
 * Input memory: WIRE_SETUP bytes of setup, then WIRE_INPUT bytes for a piece of the input, written by the parent while
 * the child waits for it; the child can only read it, and reads it where it lies. Of that no more than WIRE_WINDOW
 * bytes are used, unless the dissector has to see more at once. Slab memory: BATCH_SLAB bytes, the child's batch, then
 * WIRE_SHORT bytes for the copy of a short one, made when the dissector is asked whether more comes: so a small input
 * is one exchange.
 *
 * A batch is handed over in one of two ways. The child stands still (notice.h) and the parent uses the batch where it
 * lies, until it answers. Or the child says TELL_BATCH and may do what it likes; the parent copies.
 */
#ifndef CONFINE_WIRE_H
#define CONFINE_WIRE_H

#include <stdint.h>

#include "base/rc.h"
#include "base/source.h"
#include "confine/jail.h"

enum {
	WIRE_SETUP = 256 << 10,
	WIRE_INPUT = SOURCE_PEEK_MAX,
	WIRE_WINDOW = 1 << 20,
	WIRE_SHORT = 128 << 10,
	WIRE_NAME = 256,
};

enum wire_order {
	ORDER_OPEN = 1, /* dissect an input; the first batch need not be asked for */
	ORDER_NEXT,     /* the next batch: the slab is free again */
	ORDER_INPUT,    /* what TELL_WANT asked for */
};

struct wire_order_message {
	uint32_t what;
	uint32_t setup; /* OPEN: bytes of a new setup; 0: it is as it was */
	uint32_t rows;  /* OPEN: dissect_params.rows */
	uint32_t at;    /* OPEN, INPUT: where in the input memory the first byte lies that was not moved past */
	uint32_t input; /* OPEN, INPUT: bytes of input that lie there from it on */
	uint32_t ended; /* OPEN, INPUT: enum rc: what comes after them; RC_OK more */
	/* OPEN: dissect_hints */
	uint64_t size;
	int64_t slot_s, archived_s;
	char name[WIRE_NAME];
};

enum wire_tell {
	TELL_READY = 1, /* confined; `jail` says how */
	TELL_WANT,      /* more input: `want` bytes in view from `offset` on, more than there are */
	TELL_BATCH,  /* one lies in the slab; `copied`: behind it, and no ORDER_NEXT is waited for; `last`: TELL_END is
	                said with it */
	TELL_END,    /* no more; clean */
	TELL_BAD,    /* not this format, or an option is wrong: text */
	TELL_FAILED, /* reading failed */
	TELL_DENIED, /* a system call that is not allowed was tried: number */
};

struct wire_tell_message {
	uint32_t what;
	uint32_t clean;
	uint32_t copied, last;
	uint32_t want;
	int64_t number;
	uint64_t offset; /* how far the dissector has moved in its input */
	struct jail jail;
	char text[ERR_TEXT];
};

/* Descriptors as a request to the fork server carries them; the child keeps the first under WIRE_FD. */
enum { WIRE_SOCKET, WIRE_INPUT_MEMORY, WIRE_SLAB_MEMORY, WIRE_DESCRIPTORS };
enum { WIRE_FD = 3 };

enum server_request { REQUEST_START = 1, REQUEST_END };

enum { WIRE_SAID = 200 };

struct server_request_message {
	uint32_t what;
	int32_t pid;     /* END */
	uint32_t gone;   /* END: its socket is closed, so it is about to end by itself */
	uint32_t copies; /* START: it does not stand still for its batches */
	uint64_t memory; /* START: bytes the child may have */
};

struct server_reply {
	int32_t pid;
	int32_t sys;          /* START: errno, why there is no child */
	int32_t status;       /* END: as of wait(2) */
	uint32_t by_itself;   /* END: it ended before it was killed */
	char said[WIRE_SAID]; /* END: the beginning of what it wrote to its standard error */
};

#endif

/*
 * confine: dissectors in processes without rights: whoever parses bytes that others wrote has no network, no file and
 * no way to start anything. doc/security.md is the model, what is in force and what it costs.
 *
 * A cell is one such process and the memory it shares with us: the input goes in, batches come out, copied and checked.
 * What a child does wrong is the fault of the input it was given: it ends, and with it that input; the next one gets
 * another child.
 *
 * Thread  struct confine: any; one cell per thread
 */
#ifndef CONFINE_CONFINE_H
#define CONFINE_CONFINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "confine/jail.h"
#include "dissect/dissect.h"

/* The argument that makes this program a fork server (confine_serve): main looks for it before anything else. */
#define CONFINE_WORD "confined-dissectors"

/* What the fork server is called in lists of processes. */
#define CONFINE_NAME "sluice-confine"

struct confine_counts {
	uint64_t running; /* children now */
	uint64_t started;
	uint64_t stopped; /* for what they did, or because they crashed */
};

enum confine_event { CONFINE_STARTED, CONFINE_ENDED, CONFINE_STOPPED };

struct confine_params {
	uint64_t memory; /* bytes a child may have beyond its program; 0: not bounded */
	int64_t time_ms; /* processor time for an input, and another second for each MiB of it */
	unsigned files;  /* inputs until a child is replaced */
	bool copies;     /* batches are copied, also where the kernel lets us do without (notice.h): for tests */
	/* Told by any thread, for figures; NULL: nobody. jail: what is in force in a child that was started, else NULL.
	 */
	void (*told)(void *context, enum confine_event what, const struct jail *jail);
	void *context;
};

/* What the keys of a configuration say by default. */
#define CONFINE_USUAL ((struct confine_params){.memory = 256 << 20, .time_ms = 30000, .files = 1000})

struct confine;

/* Nothing is started before the first input comes. */
struct confine *confine_new(const struct confine_params *p);
/* After the last cell. */
void confine_free(struct confine **c);

/* Start a child to see what is in force. RC_AGAIN: no process can be had. RC_FAIL: it cannot be confined. */
enum rc confine_try(struct confine *c, struct jail *out, struct err *e) MUST_USE;

struct confine_counts confine_counts(struct confine *c);

struct cell;

/* c NULL gives NULL: dissectors run in this process. */
struct cell *cell_new(struct confine *c);
void cell_free(struct cell **cell);

/*
 * As dissect_open, in the cell's child; in this process if cell is NULL or the dissector starts programs of its own.
 * One dissector at a time. RC_AGAIN: no child can be had now.
 *
 * What differs: next says RC_BAD when the child was stopped before it gave a batch; after that, the rest of the input
 * is one reject in a batch of its own, and the end is not clean. RC_AGAIN: somebody else killed the child; when that
 * happens three times in a row it is taken for the input's fault. Options were judged before, so open does not.
 */
enum rc cell_open(struct cell *cell, const struct dissect_ops *ops, struct source *src,
    const struct dissect_hints *hints, const struct dissect_params *params, struct dissector **out,
    struct err *e) MUST_USE;

#endif

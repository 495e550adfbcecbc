/*
 * intake: turns events into rows of a draft: originals are fetched and dissected, rows events are decoded.
 *
 * Thread  one per thread and pipeline
 * Errors  after anything but RC_OK the draft is only good for draft_free.
 *         RC_AGAIN: the lake is away or full, or halt said so. RC_BAD: this event contradicts itself or the lake (wrong
 * sha256, no original, damaged value, a schema that can't be read): it must not be skipped. RC_FAIL: as RC_BAD, from
 * below
 */
#ifndef PIPE_INTAKE_H
#define PIPE_INTAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "pipe/draft.h"
#include "pipe/event.h"

struct intake;

struct intake *intake_new(const struct bench *bench, const struct pipeline *pipeline);
void intake_free(struct intake **in);

/* Asked between batches of a file event: true ends it with RC_AGAIN. */
struct intake_halt {
	bool (*asked)(void *context);
	void *context;
};

/* A file event, whole. */
enum rc intake_file(
    struct intake *in, struct draft *d, const struct event *ev, const struct intake_halt *halt, struct err *e) MUST_USE;

/*
 * The same for an original that is dissected in several passes, each of which stores the rows that keep says yes to.
 * first forgets what passes before it stored; last adds the original. d NULL: nothing is stored, the pass only looks.
 */
struct intake_sieve {
	bool (*keep)(void *context, const struct batch *b, uint16_t row);
	void *context;
	bool first, last;
};
enum rc intake_sift(struct intake *in, struct draft *d, const struct event *ev, const struct intake_sieve *sieve,
    const struct intake_halt *halt, struct err *e) MUST_USE;

/* Nothing is dissected: the original is added with no row and no reject, because somebody settled those it had. */
enum rc intake_settle(
    struct intake *in, struct draft *d, const struct event *ev, const char *why, struct err *e) MUST_USE;

/* What the last pass over an original gave. */
const struct report *intake_report(const struct intake *in);

/* Rows events of one original: begin with part 0, then every part in order (part 0 too), then end. */
enum rc intake_rows_begin(struct intake *in, const struct event *ev, struct err *e) MUST_USE;
enum rc intake_rows_part(struct intake *in, struct draft *d, const struct event *ev, struct err *e) MUST_USE;
enum rc intake_rows_end(struct intake *in, struct draft *d, const struct event *ev, struct err *e) MUST_USE;

#endif

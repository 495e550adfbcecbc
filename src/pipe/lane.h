/*
 * lane: one partition of one topic as a worker thread sees it: claim, recover, read, commit, and wait when something is
 * away.
 *
 * A lane does a little at a time, so that a thread can turn to its lanes one after the other.
 *
 * Thread  its worker thread's
 */
#ifndef PIPE_LANE_H
#define PIPE_LANE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "pipe/draft.h"
#include "pipe/intake.h"

struct lane;

/* topic is the pipeline's files or rows topic; intake is shared by the pipeline's lanes of a thread. All borrowed. */
struct lane *lane_new(const struct bench *bench, struct intake *intake, const struct pipeline *pipeline,
    const char *topic, unsigned partition);

/* Drops what is open and gives the claim back. */
void lane_free(struct lane **l);

bool lane_is(const struct lane *l, const char *topic, unsigned partition);

/* End when everything that lies on the bus now is committed, by whomever. RC_* of bus_range. */
enum rc lane_once(struct lane *l, struct err *e) MUST_USE;

/* Some events, or a commit, or a look whether what it waits for is back. False: there was nothing to do. */
bool lane_step(struct lane *l, const struct intake_halt *halt);

/* Commit what is open, if that can be done at once. */
void lane_drain(struct lane *l);

/* once: nothing left to do; *failed: because it can't go on, reason in *e. */
bool lane_done(const struct lane *l, bool *failed, struct err *e);

/* Where it stands: still on its way to its first read, standing by for another process that keeps the partition, or
 * reading. */
enum lane_stand { LANE_STARTS, LANE_STANDS_BY, LANE_READS };
enum lane_stand lane_stand(const struct lane *l);

/* Is a commit open? Then its age has to be watched. */
bool lane_busy(const struct lane *l);

#endif

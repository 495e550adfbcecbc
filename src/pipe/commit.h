/*
 * commit: the protocol that makes a draft's rows visible exactly once, and picks up what another writer left half done.
 * doc/commit.md has the reasons.
 *
 * Thread  the bench's
 * Errors  RC_END: the partition belongs to somebody else now (or did for a moment): recover before going on.
 *         RC_AGAIN: a service is away; nothing is lost: recover later, which settles what happened.
 *         RC_BAD, RC_FAIL: what is in the lake contradicts itself; a person has to look
 */
#ifndef PIPE_COMMIT_H
#define PIPE_COMMIT_H

#include <stdint.h>

#include "base/rc.h"
#include "pipe/draft.h"

/*
 * Commit a draft that holds everything up to end, exclusive. Once it is RC_OK the rows are visible under their final
 * names. Whatever the outcome the draft is of no further use.
 */
enum rc commit_run(
    const struct bench *bench, const struct place *place, struct draft *d, uint64_t end, struct err *e) MUST_USE;

/* The figures of a commit that is there: once, by whoever knows that it is, be it of commit_run or of its recovery. */
void commit_count(const struct bench *b, const struct draft_totals *t);

/*
 * Where a partition goes on: rolls its newest manifest forward again, brings the index of identities up to date,
 * deletes staged files that nobody wants. *next: the first offset that is not committed. RC_END: nothing was ever
 * committed.
 */
enum rc commit_recover(const struct bench *bench, const struct place *place, uint64_t *next, struct err *e) MUST_USE;

/* Delete staged files of this partition, of any writer, whose range lies before next: they were rolled forward or lost
 * their race. */
enum rc commit_sweep(const struct bench *bench, const struct place *place, uint64_t next, struct err *e) MUST_USE;

#endif

/*
 * heap: how much free memory the C library's allocator keeps.
 *
 * Left alone it keeps what the largest backlog took, in the arena of every thread, for as long as the process lives:
 * a process would be sized by its worst hour. Only glibc's allocator is told; another one does as it does.
 *
 * Thread  any
 * Source  mallopt(3), malloc_trim(3)
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include "base/clock.h"

/*
 * For a process that makes and frees pieces of a megabyte all the time: some free memory stays. As it comes, each such
 * piece goes back to the kernel and is taken anew, which was two thirds of a collector's page faults, and a tenth of what
 * dissecting a small file of packed blocks cost. All threads share one arena, else what was kept small in each would hold
 * pages of each. To be called before threads are started.
 */
void heap_keep(void);

/* Once a minute, however often it is asked, free memory goes back to the kernel; takes milliseconds.
 * last: when that was, the caller's own, clock_mono() at first. */
void heap_give_back(struct mono *last);

#endif

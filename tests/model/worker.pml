/*
 * worker: two workers that both believe that a partition is theirs, and a kill at any step of either; a kill may take the host, and with
 * it the index of identities. Each recovers, drafts, commits, sweeps, folds, and recovers again when it is told that it is not alone.
 */
#define PROCESSES 2
#include "chain.pml"

proctype writer(byte me)
{
	byte start, end, i, n, k, x, y, c, lst, from, done, marked;
	bool found, gone;

#ifndef BUG_NO_RECOVER
lost:
#endif
recover:
	commit_recover();
#ifdef BUG_NO_RECOVER
lost:
#endif
	do
	:: start == N -> break
	:: else ->
		/* [read_events], [commit_end]: an end anywhere, because age, size and flush events may come at any moment. [bus_fetch] of what
		 * was trimmed ends in another recovery. */
		end = start + 1;
		do :: end < N -> end++ :: break od;
#ifdef BUG_TRIM_FIRST
		atomic { CRASH; if :: trimmed < end -> trimmed = end :: else fi };
#endif
		atomic { CRASH; if :: start < trimmed -> gone_by(); goto recover :: else -> draft_make(start, end) fi };
#ifdef BUG_PUBLISH_FIRST
		publish(draft[me]);
#endif
		commit_run();
		sweep(start);
		if :: true :: fold() fi
	od;
	goto finished;
dead:
	draft[me] = NONE; newest[me] = NONE; loaded[me] = NONE;
	start = 0; end = 0; i = 0; n = 0; k = 0; x = 0; y = 0; c = 0; lst = 0; from = 0; done = 0; found = false; gone = false;
	if :: true :: i_keys[me] = 0; i_last[me] = NONE fi; /* [same_boot] */
	goto recover;
finished:
	running--
}

init {
	byte k, all;
	atomic { running = 2; run writer(0); run writer(1) }
	running == 0;
	/* no loss; publish_one sees to the rest */
	d_step { do :: k < N * N -> all = all | fin[k]; k++ :: else -> break od; k = 0; do :: k < N -> assert((all & BIT(k)) != 0); k++ :: else -> break od }
}

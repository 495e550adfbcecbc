/*
 * leftover: a worker slept from before its put until its slot was used, folded and cleaned. It wakes up, puts its manifest there and finds
 * out, or is killed before. Meanwhile one worker commits and folds, and a third process reads, as slowly as the search likes: another
 * worker that recovers and commits once, or with FOLLOW a collector that waits for its originals.
 *
 * Bounds as in chain.pml, with KEEP 1 and listings that are snapshots: the chain gets as far with fewer commits. No further kills.
 */
#define PROCESSES 3
#define KEEP 1
#define SNAPSHOT
#define WHOLE
#ifdef FOLLOW
#define FOLLOWER 1
#endif
#include "chain.pml"

proctype owner(byte me)
{
	byte start, end, i, n, k, x, y, c, lst, from, done, marked;
	bool found, gone;

lost:
recover:
	commit_recover();
	do
	:: start == N -> break
	:: else ->
		end = start + 1;
		atomic { if :: start < trimmed -> gone_by(); goto recover :: else -> draft_make(start, end) fi };
		commit_run();
		fold()
	od;
	running--
}

proctype other(byte me)
{
	byte start, end, i, n, k, x, y, c, lst, from, done, marked;
	bool found, gone;

recover:
	commit_recover();
	if
	:: start < N ->
		end = start + 1;
		atomic { if :: start < trimmed -> gone_by(); goto recover :: else -> draft_make(start, end) fi };
		commit_run();
#ifdef OTHER_FOLDS
		fold()
#endif
	:: else
	fi;
lost:
	draft[me] = NONE; newest[me] = NONE;
	running--
}

proctype sleeper(byte me)
{
	byte start, end, i, n, k, x, y, c, lst, from, done, marked;
	bool found, gone;

	end = 2;
	do :: end < N -> end++ :: break od;
	atomic { draft_make(start, end) };
	commit_run();
recover:
lost:
	draft[me] = NONE;
	running--
}

#ifdef FOLLOW
/* [poll_place], [look]: one look at the next name, or a listing where that brings nothing. Ends when all is marked, as `load` does. */
proctype follower(byte me)
{
	byte start, end, i, n, k, x, y, c, lst, from, done, marked;
	bool found, gone;

	do
	:: from < N ->
		/* [history_next] */
		atomic { if :: man[from] != NONE -> loaded[me] = man[from] :: else fi };
		if
		:: loaded[me] != NONE ->
			atomic {
				HISTORY_END(c);
#ifndef BUG_FOLLOW_LEFTOVER
				if :: from < c -> loaded[me] = NONE :: else fi;
#endif
				c = 0
			}
		:: else
		fi;
		if
		:: loaded[me] != NONE ->
			atomic { if :: !WAITS(loaded[me]) -> note(loaded[me]); from = a_end[loaded[me]] :: else fi; loaded[me] = NONE }
		:: else
		fi;
		/* nothing new: wait until there is */
		if
		:: from < N -> atomic {
			d_step { HISTORY_END(c); found = c > from; k = from; do :: k < N -> found = found || man[k] != NONE; k++ :: else -> break od; k = 0; c = 0 };
			(found || running == 1); found = false };
			history_each(N)
		:: else
		fi;
		if :: running == 1 -> break :: else fi
	:: else -> break
	od;
	if :: from < N -> history_each(N) :: else fi;
	/* [see_original], [tell]: everything that is committed is marked */
	atomic { running == 1; k = 0; do :: k < N -> assert((marked & BIT(k)) != 0); k++ :: else -> break od; k = 0 };
	running--
}
#endif

init {
	byte k, all;
	atomic {
		running = 3; run owner(0); run sleeper(2);
#ifdef FOLLOW
		run follower(1)
#else
		run other(1)
#endif
	}
	running == 0;
	d_step { do :: k < N * N -> all = all | fin[k]; k++ :: else -> break od; k = 0; do :: k < N -> assert((all & BIT(k)) != 0); k++ :: else -> break od }
}

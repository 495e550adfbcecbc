/*
 * spark: the Spark worker's driver and a native worker on the same partition. A batch stages up to two commits before the first manifest is
 * put. The driver is killed at any step; its index of identities is in memory and goes with it. Files of a task that ran twice are not in
 * the result that comes back, so they are in no manifest: nothing but a sweep ever touches them, and they are not modelled.
 *
 * Bounds as in chain.pml; publishing is one step (worker.pml has it file by file); listings are snapshots.
 */
#define PROCESSES 3
#define DRIVER 0
#define SPARE 2
#define SNAPSHOT
#define WHOLE
#include "chain.pml"

proctype driver(byte me)
{
	byte start, end, i, n, k, x, y, c, lst, from, done, marked, second;
	bool found, gone;

#ifndef BUG_NEXT_AFTER_LOSS
lost:
#endif
recover:
	/* [generation], [recover]: of every start, and after every failure */
	draft[SPARE] = NONE; second = 0;
	commit_recover();
	do
	:: start == N -> break
	:: start < N && draft[me] == NONE ->
		/* [commit_batch], [plan], [write]: the first commit's range, and perhaps another's behind it; what the first holds is known */
		end = start + 1;
		do :: end < N -> end++ :: break od;
		second = end;
		do :: second < N -> second++ :: break od;
		atomic {
			CRASH;
			if :: start < trimmed -> gone_by(); goto recover :: else fi;
			draft_make(start, end);
			if
			:: second > end ->
				draft[SPARE] = draft[me];
				draft_make(end, second);
				y = draft[me]; draft[me] = draft[SPARE]; draft[SPARE] = y;
				a_rows[y] = a_rows[y] & ~a_rows[draft[me]]; a_staged[y] = a_rows[y]; y = 0
			:: else
			fi
		}
	:: start < N && draft[me] != NONE ->
		/* [finish]: one after the other; what fails ends the batch */
		commit_run();
#ifdef BUG_NEXT_AFTER_LOSS
lost:
#endif
		if
		:: draft[SPARE] != NONE -> atomic {
			draft[me] = draft[SPARE]; draft[SPARE] = NONE;
			start = a_start[draft[me]]; end = a_end[draft[me]]; second = 0; n = 0; found = false }
		:: else ->
#ifdef BUG_NEXT_AFTER_LOSS
			if :: draft[me] != NONE -> goto recover :: else fi;
#endif
			/* [keep_house] */
			sweep(start);
			if :: true :: fold() fi
		fi
	od;
	goto finished;
dead:
	draft[me] = NONE; draft[SPARE] = NONE; newest[me] = NONE; loaded[me] = NONE; second = 0;
	start = 0; end = 0; i = 0; n = 0; k = 0; x = 0; y = 0; c = 0; lst = 0; from = 0; done = 0; found = false; gone = false;
	i_keys[me] = 0; i_last[me] = NONE;
	goto recover;
finished:
	running--
}

proctype native(byte me)
{
	byte start, end, i, n, k, x, y, c, lst, from, done, marked;
	bool found, gone;

lost:
dead: /* not its turn: chain.pml lets the first process be killed */
recover:
	commit_recover();
	do
	:: start == N -> break
	:: else ->
		end = start + 1;
		do :: end < N -> end++ :: break od;
		atomic { if :: start < trimmed -> gone_by(); goto recover :: else -> draft_make(start, end) fi };
		commit_run();
		sweep(start);
		if :: true :: fold() fi
	od;
	running--
}

init {
	byte k, all;
	atomic { running = 2; run driver(0); run native(1) }
	running == 0;
	d_step { do :: k < N * N -> all = all | fin[k]; k++ :: else -> break od; k = 0; do :: k < N -> assert((all & BIT(k)) != 0); k++ :: else -> break od }
}

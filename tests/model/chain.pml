/*
 * chain: one partition's commits in the lake, as src/pipe/{commit,recall,history}.c and spark/sluice_rows/chain.py make them. Shared by
 * worker.pml, leftover.pml, follow.pml and spark.pml, which say who takes part.
 *
 * One step, an atomic block, is one call of a service or work that nobody else can see. Between two steps anything may happen, and CRASH
 * may end a process before any of them. No step looks at a clock: a process that sleeps is one that the search does not let run.
 * A name in brackets is the function that a step stands for; run.py looks whether the tree still has it.
 *
 * Bounds: N events, the third of which repeats the first one's original; A attempts at a time; the newest KEEP manifests stay (the code
 * has 16); a fold takes one manifest (the code 64 to 256); a file per original, so that a commit is published in several steps.
 */
#ifndef N
#define N 3
#endif
#ifndef A
#define A 8
#endif
#ifndef KEEP
#define KEEP 2
#endif
#ifndef CRASHES
#define CRASHES 0
#endif
#ifndef FOLLOWER
#define FOLLOWER 254
#endif
#define NONE 255

/* The original that the event at an offset names, as a bit. Offset 2 is original 0 again: published twice by a collector that died. */
#define BIT(o) (1 << ((o) == 2 -> 0 : (o)))

/* An attempt is a draft: the rows of a range of events. Its number stands for the epoch too. */
byte a_start[A], a_end[A];
byte a_rows[A];   /* originals in it */
byte a_staged[A]; /* of these, those whose file is still in staging */

byte man[N] = NONE; /* _sluice/commits/<start>: attempt that put it, NONE when there is none */
byte his[N] = NONE; /* in a history segment: the manifest that began there */
byte seg[N];        /* _sluice/history/<start>: where that segment ends, 0 when there is none */
byte fin[N * N];    /* final names part-<start>-<end>: originals that are there */
byte trimmed;       /* the bus has forgotten what lies before */
byte crashes;
byte running;

/* Per process: the index of identities of its host, which survives a kill but not a reboot, and attempts that it has in hand. */
byte i_keys[PROCESSES];
byte i_last[PROCESSES] = NONE; /* commit that the index ends with */
byte draft[PROCESSES] = NONE;
byte newest[PROCESSES] = NONE;
byte loaded[PROCESSES] = NONE;

#if CRASHES > 0
#define CRASH if :: me == 0 && crashes < CRASHES -> crashes++; printf("%d: killed\n", me); goto dead :: true fi
#else
#define CRASH skip
#endif

/* [history_end] How far history reaches: the end of the segment with the highest start. */
#define HISTORY_END(c) d_step { c = 0; k = N; do :: k > 0 -> k--; if :: seg[k] > 0 -> c = seg[k]; break :: else fi :: else -> break od; k = 0 }

/* [draft_new], [take_event], [table_finish], [store_sync]: rows of [from, to) in staging, without what the index knows. The number is the
 * lowest that nothing refers to any more; a process that drafts without end would use them up. */
inline draft_make(from, to)
{
	d_step {
		x = 0;
		do
		:: x < A ->
			found = false; k = 0;
			do :: k < N -> found = found || man[k] == x || his[k] == x; k++ :: else -> break od;
			k = 0;
			do
			:: k < PROCESSES -> found = found || i_last[k] == x || draft[k] == x || newest[k] == x || loaded[k] == x; k++
			:: else -> break
			od;
			if :: !found -> break :: else -> x++ fi
		:: else -> break
		od;
		assert(x < A);
		a_rows[x] = 0; k = from;
		do :: k < to -> a_rows[x] = a_rows[x] | BIT(k); k++ :: else -> break od;
#ifndef BUG_NO_DEDUPE
		a_rows[x] = a_rows[x] & ~i_keys[me];
#endif
		a_start[x] = from; a_end[x] = to; a_staged[x] = a_rows[x];
		draft[me] = x; x = 0; k = 0; found = false
	}
	printf("%d: drafts [%d, %d) as attempt %d with originals %d\n", me, from, to, draft[me], a_rows[draft[me]])
}

/* [publish], [store_publish], [settle_both], [check_size]: one staged file to its final name, never replacing. done is what was looked
 * at. The assertions are the promise: no row visible twice, and no committed row missing. */
inline publish_one(a)
{
	d_step {
		y = 1;
		do :: (a_rows[a] & y) == 0 || (done & y) != 0 -> y = y << 1 :: else -> break od;
		done = done | y;
		x = a_start[a] * N + a_end[a] - 1;
		if
		:: (a_staged[a] & y) != 0 ->
			a_staged[a] = a_staged[a] & ~y;
			fin[x] = fin[x] | y;
			k = 0;
			do :: k < N * N -> assert(k == x || (fin[k] & y) == 0); k++ :: else -> break od
		:: else -> assert((fin[x] & y) != 0)
		fi
	}
	printf("%d: publishes original %d of attempt %d, part-%d-%d\n", me, y, a, a_start[a], a_end[a]);
	x = 0; y = 0; k = 0
}

inline publish(a)
{
	done = 0;
#ifdef WHOLE
	atomic { CRASH; do :: done != a_rows[a] -> publish_one(a) :: else -> break od; done = 0 }
#else
	do
	:: done != a_rows[a] -> atomic { CRASH; publish_one(a) }
	:: else -> break
	od;
	done = 0
#endif
}

/* [seen_add]: identities of a commit, and the position after it, in one transaction. A follower marks its ledger instead ([see_original]). */
inline note(a)
{
	if
	:: me == FOLLOWER ->
		/* nothing is marked that no link holds */
		d_step {
			x = 0; k = 0;
			do
			:: k < N ->
				if :: his[k] != NONE -> x = x | a_rows[his[k]] :: else -> if :: man[k] != NONE -> x = x | a_rows[man[k]] :: else fi fi;
				k++
			:: else -> break
			od;
			k = 0; assert((a_rows[a] & ~x) == 0); x = 0;
			/* nor that is not where SQL looks */
			do :: k < N * N -> x = x | fin[k]; k++ :: else -> break od;
			k = 0; assert((a_rows[a] & ~x) == 0); x = 0
		};
		marked = marked | a_rows[a]
	:: else -> i_keys[me] = i_keys[me] | a_rows[a]; i_last[me] = a
	fi;
	printf("%d: notes attempt %d, [%d, %d)\n", me, a, a_start[a], a_end[a])
}

/* A listing is not a snapshot: it sees one name a step, in the order that is worst for what is looked for. Names from first on, falling. */
#ifdef SNAPSHOT
#define LIST_FALLING(first, seen) d_step { seen = NONE; i = N; do :: i > first -> i--; if :: man[i] != NONE -> seen = i; break :: else fi :: else -> break od; i = 0 }
#endif
inline list_falling(first, seen)
{
	seen = NONE;
#ifdef SNAPSHOT
	atomic { CRASH; LIST_FALLING(first, seen) }
#else
	i = N;
	do
	:: i > first -> atomic { CRASH; i--; if :: man[i] != NONE -> seen = i; break :: else fi }
	:: else -> break
	od;
	i = 0
#endif
}

/* Names from first on, rising, as bits. */
inline list_rising(first)
{
	lst = 0;
#ifdef SNAPSHOT
	atomic { CRASH; d_step { i = first; do :: i < N -> if :: man[i] != NONE -> lst = lst | (1 << i) :: else fi; i++ :: else -> break od; i = 0 } }
#else
	i = first;
	do
	:: i < N -> atomic { CRASH; if :: man[i] != NONE -> lst = lst | (1 << i) :: else fi; i++ }
	:: else -> break
	od;
	i = 0
#endif
}

/* [visible_look]: a follower leaves a commit for later whose files wait for their names. */
#ifndef BUG_FOLLOW_EARLY
#define WAITS(a) (me == FOLLOWER && a_staged[a] != 0)
#else
#define WAITS(a) false
#endif

/* A manifest is true: into the index, unless it is newer than the one that was rolled forward. */
inline take_in(a, until)
{
#ifndef BUG_AHEAD
	if :: a_end[a] <= until && !WAITS(a) -> note(a) :: else fi;
#else
	note(a);
#endif
	if :: WAITS(a) -> lst = 0 :: else -> from = a_end[a] fi
}

/* [history_each], [recall]: every commit from `from` on that ends at `until` or before, oldest first; `from` moves along. */
inline history_each(until)
{
	do
	:: true ->
		gone = false;
		/* [each_segment] segments never change */
		atomic {
			CRASH;
			HISTORY_END(c);
			do
			:: from < c ->
				if :: his[from] != NONE -> take_in(his[from], until) :: else -> from++ fi
			:: else -> break
			od;
			c = 0
		}
		list_rising(from);
		/* [manifest_list], then [manifest_load] of each */
		do
		:: lst != 0 -> atomic {
			CRASH;
			i = 0; do :: (lst & (1 << i)) == 0 -> i++ :: else -> break od;
			lst = lst & ~(1 << i);
			n = NONE; k = i; do :: k < N -> if :: (lst & (1 << k)) != 0 -> n = k; break :: else fi; k++ :: else -> break od; k = 0;
			if
			:: i < from
#ifndef BUG_HOLE
			:: i > from -> gone = true /* one before it was not seen */
			:: i == from ->
#else
			:: i >= from ->
#endif
				if
				:: man[i] == NONE -> gone = true /* folded meanwhile */
#ifndef BUG_BELIEVE_LISTED
				:: man[i] != NONE && a_end[man[i]] != n -> loaded[me] = man[i]
#endif
				:: else -> take_in(man[i], until)
				fi
			fi;
			i = 0; n = 0; if :: gone -> lst = 0 :: else fi }
			/* [history_covers] what lies in a slot that was folded is a leftover */
			if
			:: loaded[me] != NONE -> atomic {
				CRASH;
				HISTORY_END(c);
				if :: a_start[loaded[me]] < c -> gone = true; lst = 0 :: else -> take_in(loaded[me], until) fi;
				c = 0; loaded[me] = NONE }
			:: else
			fi
		:: else -> break
		od;
		if :: !gone -> break :: else fi
	od;
	gone = false
}

/* [is_link], [history_load]: does the chain hold the commit that the index ends with? Where to read on, and what to forget. */
inline recall_begin()
{
	atomic {
		CRASH;
		from = 0; x = i_last[me];
		if
		:: x == NONE
		:: x != NONE && newest[me] != NONE && (x == newest[me] || (a_end[x] <= a_start[newest[me]] &&
			(man[a_start[x]] == x || (man[a_start[x]] == NONE && his[a_start[x]] == x)))) -> from = a_end[x]
		:: else -> i_keys[me] = 0; i_last[me] = NONE
		fi;
		x = 0
	}
}

/* [commit_recover], [recover]: a new epoch; the newest manifest is rolled forward, the index brought up to it. start: where to go on. */
inline commit_recover()
{
	draft[me] = NONE; newest[me] = NONE; loaded[me] = NONE; lst = 0; c = 0; n = 0; end = 0; start = 0;
	list_falling(0, n); /* [manifest_newest] */
	if
	:: n != NONE -> atomic { CRASH; if :: man[n] == NONE -> goto recover :: else -> newest[me] = man[n]; n = 0 fi } /* [roll_newest] */
#ifndef BUG_ROLL_LEFTOVER
		/* [history_covers] the slot was folded and used again since it was listed */
		atomic { CRASH; HISTORY_END(c); if :: a_start[newest[me]] < c -> newest[me] = NONE :: else fi; c = 0 }
#endif
	:: else -> n = 0
	fi;
	if
	:: newest[me] != NONE ->
		start = a_end[newest[me]];
#ifndef BUG_NO_ROLL
		/* the index knows a position only after its files have their names */
		if :: i_last[me] != newest[me] -> publish(newest[me]) :: else fi
#endif
	:: else -> atomic { CRASH; HISTORY_END(c); start = c; c = 0; if :: start == 0 -> i_keys[me] = 0; i_last[me] = NONE :: else fi }
	fi;
#ifndef BUG_NO_RECALL
	if
	:: start > 0 && (newest[me] == NONE || i_last[me] != newest[me]) ->
		recall_begin();
		history_each(start);
#ifndef BUG_AHEAD
		/* somebody went on meanwhile, or it could not be read whole */
		if :: i_last[me] == NONE || a_end[i_last[me]] != start -> goto recover :: else fi;
#endif
		from = 0
	:: else
	fi;
#endif
	newest[me] = NONE;
#ifdef BUG_SWEEP_AT_END
	sweep(start + 1)
#else
	sweep(start)
#endif
}

/* [commit_sweep]: staged files of any epoch whose range begins before `before`. */
inline sweep(before)
{
	atomic { CRASH; k = 0; do :: k < A -> if :: a_start[k] < before -> a_staged[k] = 0 :: else fi; k++ :: else -> break od; k = 0 }
}

/* [history_fold] */
inline fold()
{
	atomic { CRASH; HISTORY_END(c) }
	list_rising(0); /* [manifest_list] */
	/* [remove_covered]: left behind by a fold that was killed, or by a writer that slept */
	i = 0;
	do
	:: i < c && (lst & (1 << i)) != 0 ->
		atomic { CRASH; if :: man[i] != NONE -> a_staged[man[i]] = 0 :: else fi };
		atomic { CRASH; man[i] = NONE; lst = lst & ~(1 << i); i++ }
	:: i < c && (lst & (1 << i)) == 0 -> i++
	:: else -> break
	od;
	atomic {
		x = 0; n = NONE; i = 0;
		do :: i < N -> if :: (lst & (1 << i)) != 0 -> x++; if :: n == NONE -> n = i :: else fi :: else fi; i++ :: else -> break od;
		i = 0; lst = 0
	};
	if
	:: x > KEEP ->
		x = 0;
		/* [take] */
		atomic { CRASH; if :: man[n] != NONE -> loaded[me] = man[n] :: else fi };
#ifndef BUG_FOLD_LEFTOVER
		/* [history_end] was it still what it seems when it was read? */
		atomic { CRASH; x = c; HISTORY_END(c); if :: c != x -> loaded[me] = NONE :: else fi; x = 0 };
#endif
		if
		:: loaded[me] != NONE ->
#ifdef BUG_REMOVE_FIRST
			atomic { CRASH; man[n] = NONE };
#endif
			/* [put], [segment_head]: put if absent; whoever was first, what it covers may go */
			atomic { CRASH; if :: seg[n] == 0 -> seg[n] = a_end[loaded[me]]; his[n] = loaded[me]; printf("%d: folds [%d, %d)\n", me, n, seg[n]) :: else fi };
			if :: seg[n] >= a_end[loaded[me]] -> atomic { CRASH; man[n] = NONE } :: else fi;
			loaded[me] = NONE
		:: else
		fi
	:: else -> x = 0
	fi;
	c = 0; n = 0
}

/* [check_bus]: what the bus has forgotten must be committed, by whomever. */
inline gone_by()
{
	d_step {
		found = false; k = 0;
		do
		:: k < N -> found = found || (man[k] != NONE && a_end[man[k]] >= trimmed) || (his[k] != NONE && a_end[his[k]] >= trimmed); k++
		:: else -> break
		od;
		assert(found);
		found = false; k = 0
	}
}

/* [commit_run]: RC_OK falls through, with start at the draft's end; RC_END goes to recover. */
inline commit_run()
{
	/* [put], [store_put_if_absent], [whose], [draft_discard] */
	atomic {
		CRASH;
		if
#ifdef BUG_REPLACE
		:: true -> man[start] = draft[me]
#else
		:: man[start] == NONE -> man[start] = draft[me]; printf("%d: puts manifest %d\n", me, start)
		:: else -> printf("%d: manifest %d is taken\n", me, start); a_staged[draft[me]] = 0; goto lost
#endif
		fi
	};
#ifndef BUG_NO_CHECK
	/* [check]: a higher one? [history_place] */
	list_falling(start + 1, n);
	if
	:: n != NONE ->
		n = 0;
		atomic { CRASH; HISTORY_END(c); found = start < c; c = 0 };
		atomic { CRASH; if :: !found && end < N && man[end] != NONE -> printf("%d: is a link\n", me); goto lost :: else -> found = false fi };
		atomic { CRASH; man[start] = NONE; printf("%d: takes manifest %d away\n", me, start) };
		atomic { CRASH; a_staged[draft[me]] = 0; goto lost }
	:: else -> n = 0
	fi;
#endif
#ifdef BUG_NOTE_FIRST
	atomic { CRASH; note(draft[me]) };
#endif
	publish(draft[me]);
	/* [note_and_trim] */
	atomic { CRASH; note(draft[me]); if :: trimmed < end -> trimmed = end :: else fi; /* [bus_trim] */
		draft[me] = NONE; start = end; end = 0 }
}

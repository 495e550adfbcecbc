/*
 * parts: an original whose rows travel as two events, and one behind it; the collector is killed between the parts and publishes the whole
 * set again, perhaps cut by another version. The worker reads, commits whenever it likes and is killed at any step. doc/commit.md, "Parts".
 *
 * Bounds: LIVES lives of the collector, whose events fill EVENTS offsets; KILLS kills of the worker.
 */
#ifndef LIVES
#define LIVES 3
#endif
#ifndef KILLS
#define KILLS 2
#endif
#define EVENTS (3 * LIVES)
#define NONE 255

byte part[EVENTS]; /* 0, 1: of the set; 2: the original behind it, one event */
byte cut[EVENTS];  /* by which version */
byte events;
bool all;          /* the collector is done */

bool rows[2];      /* visible: the set's, the other's */
byte chain;        /* end of the chain of commits */
byte kills;

/* [produce_item]: the parts one after the other; killed between any two, it publishes all again ([republish]) */
active proctype collector()
{
	byte life, version;

	do
	:: life < LIVES ->
		life++;
		if :: version < 1 -> version++ :: true fi;
		atomic { part[events] = 0; cut[events] = version; events++ };
		if :: life < LIVES -> goto again :: true fi;
		atomic { part[events] = 1; cut[events] = version; events++ };
		if :: life < LIVES -> goto again :: true fi;
		atomic { part[events] = 2; events++ };
		if :: life < LIVES -> goto again :: true -> break fi;
again:
		skip
	:: else -> break
	od;
	all = true
}

/* [parts_first] */
#define FIRST (at[0] < at[1] -> at[0] : at[1])

active proctype lane()
{
	byte start, next, limit = NONE, at[2] = NONE, first, last = NONE, end, x;
	bool open, draft[2], index[2];

recover:
	/* [recover], [drop]: identities are read from the chain */
	atomic {
		start = chain; next = start; limit = NONE; at[0] = NONE; at[1] = NONE; last = NONE; open = false;
		draft[0] = false; draft[1] = false; index[0] = rows[0]; index[1] = rows[1]
	};
	do
	/* [read_events], [take_event], [take_rows] */
	:: atomic { next < events && next < limit ->
		if :: kills < KILLS -> kills++; printf("worker killed\n"); goto recover :: true fi;
		open = true; x = part[next];
		if
		:: x == 2 && !index[1] && !draft[1] -> draft[1] = true; last = next
		:: x < 2 && !index[0] && !draft[0] ->
			/* [parts_add]: the newest of each part; one that was cut otherwise begins anew */
			if :: at[1 - x] != NONE && cut[at[1 - x]] != cut[next] -> at[1 - x] = NONE :: else fi;
#ifdef BUG_FIRST_PART
			if :: at[x] == NONE -> at[x] = next :: else fi;
#else
			at[x] = next;
#endif
			if
			:: at[0] != NONE && at[1] != NONE ->
				/* [take_set], [parts_done] */
				assert(cut[at[0]] == cut[at[1]]);
				draft[0] = true; last = next; at[0] = NONE; at[1] = NONE; printf("the set is whole at %d\n", next)
			:: else
			fi
		:: else /* duplicate */
		fi;
		x = 0; next++ }
	/* [commit_if_due]: due at any moment, [commit_end], [commit_run] */
#ifdef BUG_SPLIT
	:: atomic { open && next > start ->
#else
	/* nothing before the first part: it waits for the rest and reads on */
	:: atomic { open && next > start && (FIRST == NONE || FIRST > start) ->
#endif
		first = FIRST;
		if
#ifdef BUG_SPLIT
		:: true -> end = next
#else
		:: first == NONE -> end = next
		:: first != NONE && first > start && (last == NONE || last < first) -> end = first
		:: else -> end = NONE
#endif
		fi;
		if
		:: end != NONE ->
			if :: kills < KILLS -> kills++; printf("worker killed\n"); goto recover :: true fi;
			/* no commit ends between the parts of what it stores, and nothing is stored twice */
			assert(!(draft[0] && rows[0]) && !(draft[1] && rows[1]));
			rows[0] = rows[0] || draft[0]; rows[1] = rows[1] || draft[1];
			index[0] = rows[0]; index[1] = rows[1];
			chain = end; start = end; draft[0] = false; draft[1] = false; last = NONE; open = false;
			if :: limit <= end -> limit = NONE :: else fi;
			printf("commit to %d\n", end); end = 0; first = 0
		:: else ->
			/* [back_out], [drop]: again, and end before the first part */
			next = start; limit = first; at[0] = NONE; at[1] = NONE; last = NONE; draft[0] = false; draft[1] = false; open = false;
			printf("backs out to %d\n", limit); end = 0; first = 0
		fi }
	/* a limit that nothing can be committed before */
	:: atomic { next >= limit && (!open || FIRST <= start) -> limit = NONE }
	:: atomic { all && next == events && !open && chain == events -> break }
	od;
	/* no loss; the last life published everything */
	assert(rows[0] && rows[1])
}

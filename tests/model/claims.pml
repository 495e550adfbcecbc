/*
 * claims: two instances watch one folder (claim: shared) that holds one file; each has a ledger, a bus and a worker of its own, and is
 * killed at any step. One of them may be given up, so that a person lets the other take its file over (load --again).
 *
 * The person's part, which the code can't see to: only an instance that is down is taken over from, only what none of its commits holds
 * and its bus does not hold either; it does not start while the other takes over; a command that was killed is given again.
 * Bounds: one original, KILLS kills over both, one take-over.
 */
#ifndef KILLS
#define KILLS 2
#endif
#define NONE 255
mtype = { UNKNOWN, ARCHIVED, PUBLISHED, COMMITTED, REFUSED, DOUBLE };

byte opened = NONE; /* _sluice/claims/<pipeline>/open/<sha256>: who */
byte done = NONE;   /* …/done/… */
mtype state[2] = UNKNOWN;
bool bus[2];        /* its event waits */
bool index[2];      /* the partition's commits hold the original */
bool down[2];
byte taker = NONE; /* who takes over */
byte kills, rows, running = 2;

#define KILL if :: kills < KILLS -> kills++; printf("%d: killed\n", me); goto dead :: true fi

proctype instance(byte me)
{
	byte owner;
	bool again, won;

start:
	/* [claim_sweep] what a kill kept from being moved */
	if
	:: state[me] == COMMITTED -> goto finish
	:: state[me] == ARCHIVED -> atomic {
		KILL;
		/* [take_archived], [taken_over], [claim_look] */
#ifndef BUG_NO_TAKEN_OVER
		if :: (done != NONE && done != me) || (done == NONE && opened != NONE && opened != me) -> state[me] = REFUSED; goto over :: else fi
#endif
		}
		goto publish
	:: state[me] == PUBLISHED -> goto await
	:: state[me] == UNKNOWN || state[me] == DOUBLE || state[me] == REFUSED -> if :: !again && state[me] != UNKNOWN -> goto over :: else fi
	fi;
	/* [look_for_claim], [claim_look]: done, then open */
	owner = NONE;
	atomic { KILL; owner = done };
	if :: owner == NONE -> atomic { KILL; owner = opened } :: else fi;
	if
	:: owner != NONE && owner != me && again -> atomic { opened = NONE; done = NONE; owner = NONE } /* [claim_remove] */
#ifdef BUG_TIMEOUT
	:: owner != NONE && owner != me && !again -> atomic { opened = NONE; done = NONE; owner = NONE }
#endif
	:: owner != NONE && owner != me && !again -> goto leave
	:: else
	fi;
#ifndef BUG_CLAIM_LATE
take:
	/* [stage_claim], [take_claims], [claim_take]: never replacing, and done is looked at once more */
	if
	:: owner == NONE ->
		atomic { KILL; won = opened == NONE; if :: won -> opened = me :: else fi };
		if
		:: won ->
#ifndef BUG_NO_SECOND_LOOK_AT_DONE
			atomic { KILL; owner = done };
			if :: owner != NONE && owner != me -> atomic { KILL; if :: opened == me -> opened = NONE :: else fi }; goto leave :: else fi;
#endif
			owner = me; won = false
		:: else ->
			atomic { KILL; owner = opened };
			if :: owner == NONE -> atomic { KILL; owner = done } :: else fi;
			if :: owner == NONE -> goto take :: owner != NONE && owner != me -> goto leave :: else fi
		fi
	:: else
	fi;
#endif
	/* [publish_all], [put_new]: the original, then the ledger */
	atomic { KILL; state[me] = ARCHIVED; printf("%d: archived\n", me) };
publish:
	again = false;
	atomic { KILL; bus[me] = true; printf("%d: published\n", me) };
	atomic { KILL; state[me] = PUBLISHED }; /* [put_mark] */
#ifdef BUG_CLAIM_LATE
	atomic { KILL; if :: opened == NONE && done == NONE -> opened = me :: else fi };
#endif
await:
	/* [see_original], [settled_hear] */
	atomic { index[me]; KILL; state[me] = COMMITTED };
finish:
	/* [claim_done]: moved, never replacing */
#ifdef BUG_FORGET_DONE
	atomic { KILL; opened = NONE };
#else
	atomic { KILL; if :: opened != NONE && done == NONE -> done = opened; opened = NONE; goto over :: else fi };
	atomic { KILL; opened = NONE };
#endif
	goto over;
leave:
	/* [leave], [put_foreign] */
	atomic { KILL; state[me] = DOUBLE; again = false };
over:
	atomic { if :: taker == me -> taker = NONE :: else fi };
	/* a person: the other one is down, has nothing under way, and will not come back soon */
	if
	:: atomic { state[me] == DOUBLE && down[1 - me] && taker == NONE && !bus[1 - me] && !index[1 - me] -> taker = me; again = true };
		owner = NONE; won = false; goto start
	:: true -> atomic { again = false; running--; goto end }
	fi;
dead:
	/* a person whose command was killed gives it again */
	atomic { down[me] = true; again = taker == me; owner = NONE; won = false };
	/* whoever takes over goes on to archived, or dies, before we are back */
	atomic { taker == NONE || taker == me || state[taker] != DOUBLE; down[me] = false };
	goto start;
end:
	skip
}

active [2] proctype worker()
{
	byte me = _pid;
end:
	do
	:: atomic { bus[me]; bus[me] = false; if :: !index[me] -> index[me] = true; rows++; printf("worker %d: rows\n", me); assert(rows == 1) :: else fi }
	od
}

init {
	atomic { run instance(0); run instance(1) };
	running == 0;
	assert(rows == 1)
}

/*
 * collector: two processes of one instance, a collector and a load, on one ledger and one bus, each killed at any step; partitions are
 * added meanwhile. Two paths hold the same content, so that there is one original and one double. Workers are one step here: worker.pml
 * has theirs.
 *
 * Bounds: one original, two paths, partitions 1 then 2, KILLS kills over both processes, EVENTS events a partition.
 */
#ifndef KILLS
#define KILLS 2
#endif
#define LIVES (2 + KILLS)
#define EVENTS 4
mtype = { UNKNOWN, ARCHIVED, PUBLISHED, COMMITTED };

/* ledger: one transaction each; `owner` is the run that has it until it is published */
mtype state = UNKNOWN;
byte partition;
byte owner;
bool path_known[2];
bool source[2] = true;  /* the files in the watched folder; `after: delete` */

bool lake;              /* the original lies under its name */
byte partitions = 1;    /* of the topic */
byte events[2];         /* published to each partition */
byte taken[2];          /* consumed by its worker */
bool committed[2];      /* the partition's index knows the original */
byte rows;              /* how often its rows are visible */
bool alive[LIVES + 1];          /* [run_alive] by run number */
byte runs, kills, running = 2;

#define KILL if :: kills < KILLS -> kills++; printf("%d: killed\n", me); goto dead :: true fi

/* [settled_source], [after_apply]: the user's files go, and only what is committed */
#define AFTER assert(state == COMMITTED); source[0] = !path_known[0] && source[0]; source[1] = !path_known[1] && source[1]

proctype collector(byte me)
{
	byte life, have, p, to, path;
	bool fresh;

start:
	/* [run_open], [ensure_topics]: the partitions that the topic has now */
	atomic { runs++; life = runs; alive[life] = true; have = partitions };
	/* [recover_open], [see_open], [republish]: what a dead run archived and did not publish */
	atomic {
		KILL;
		if
#ifndef BUG_REPUBLISH_NOT
		:: state == ARCHIVED && !alive[owner] -> fresh = true
#endif
		:: else
		fi
	};
	if
	:: fresh ->
		/* [take_archived], [put_again]: from the lake, to where the ledger says */
		atomic {
			KILL;
			fresh = false;
			assert(lake);
			if
			:: state == ARCHIVED ->
				owner = life;
#ifdef BUG_REPARTITION
				partition = have - 1;
#endif
				to = partition; fresh = true
			:: else
			fi
		};
		if :: fresh -> goto publish :: else fi
	:: else
	fi;
	/* [step_walk], [look_at], [known_already] */
next:
	if
	:: path < 2 && (path_known[path] || !source[path]) -> path++; goto next
	:: path < 2 && !path_known[path] && source[path] -> skip
	:: else -> goto follow
	fi;
	/* [take_source], [identify], [ledger_newest] */
	atomic { KILL; if :: source[path] -> fresh = state == UNKNOWN :: else -> goto next fi };
	if
	:: fresh ->
#ifndef BUG_LEDGER_FIRST
		/* [store_sync], [publish_all], [settle_name]: durable, then its name */
		atomic { KILL; lake = true };
#endif
#ifdef BUG_PUBLISH_FIRST
		atomic { KILL; to = have - 1; if :: events[to] < EVENTS -> events[to]++ :: else fi };
#endif
		/* [put_taken], [put_new], [put_double]: looked at again inside the transaction */
		atomic {
			KILL;
			path_known[path] = true;
			if
#ifdef BUG_NO_SECOND_LOOK
			:: true ->
#else
			:: state == UNKNOWN ->
#endif
				state = ARCHIVED; owner = life; partition = have - 1; to = partition; printf("%d: archived, partition %d\n", me, to)
			:: else -> fresh = false
			fi
		};
#ifdef BUG_LEDGER_FIRST
		atomic { KILL; lake = true };
#endif
	:: else -> atomic { KILL; path_known[path] = true } /* [put_double] */
	fi;
	if :: fresh :: else -> path++; goto next fi;
publish:
	/* [produce_item], [bus_flush] */
#ifdef BUG_MARK_FIRST
	atomic { KILL; if :: state == ARCHIVED -> state = PUBLISHED :: else fi };
#endif
	atomic { KILL; assert(events[to] < EVENTS); events[to]++; printf("%d: published to partition %d\n", me, to) };
	/* [was_published], [put_mark]: a state never goes back */
	atomic { KILL; if :: state == ARCHIVED -> state = PUBLISHED :: else fi };
#ifdef BUG_AFTER_FIRST
	atomic { KILL; AFTER };
#endif
	fresh = false; path = 0;
	goto next;
follow:
	/* [adopt]: what a run left that died meanwhile; [follow_poll], [see_original] */
	if
#ifndef BUG_REPUBLISH_NOT
	:: atomic { state == ARCHIVED && !alive[owner]; fresh = true; owner = life; to = partition }; goto publish
#endif
	:: atomic { state == PUBLISHED && committed[partition]; KILL; state = COMMITTED }
	:: atomic { state == COMMITTED }
	fi;
	atomic { KILL; AFTER };
	if :: source[0] || source[1] -> path = 0; goto next :: else fi;
	goto over;
dead:
	atomic { alive[life] = false; fresh = false; path = 0; to = 0; have = 0; goto start };
over:
	atomic { alive[life] = false; running-- }
}

/* [read_events], [commit_run], [seen_has], [seen_add]: an event becomes rows unless the partition's commits hold its original. */
active [2] proctype worker()
{
	byte me = _pid;
end:
	do
	:: atomic {
		taken[me] < events[me];
		taken[me]++;
		assert(lake); /* a file event whose original is not there stops the partition */
		if :: !committed[me] -> committed[me] = true; rows++; assert(rows == 1); printf("worker %d: rows\n", me) :: else fi }
	od
}

/* [bus_topic_ensure]: more partitions than before, at any moment */
active proctype grow()
{
	partitions = 2
}

init {
	atomic { run collector(3); run collector(4) };
	running == 0;
	assert(rows == 1 && lake && state == COMMITTED)
}

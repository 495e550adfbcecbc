/* Who reads a partition: claims, and groups that share partitions out. */
#include "conform/bus_conform.h"

#include <signal.h>

/* ---- claims ---- */

void claims_exclude_and_end_with_their_holder(void **state)
{
	struct bench *t = *state;
	if (!provider->locks)
		skip();
	EXPECT(RC_OK, bus_topic_ensure(t->bus, topic("t"), 2, NULL, &e));
	struct bus *other = open_again(t->folder);
	EXPECT(RC_OK, bus_claim(t->bus, topic("t"), 0, &e));
	EXPECT(RC_OK, bus_claim(t->bus, topic("t"), 0, &e));
	EXPECT(RC_END, bus_claim(other, topic("t"), 0, &e));
	EXPECT(RC_OK, bus_claim(other, topic("t"), 1, &e));
	EXPECT(RC_END, bus_claim(t->bus, topic("t"), 1, &e));
	bus_release(t->bus, topic("t"), 0);
	EXPECT(RC_OK, bus_claim(other, topic("t"), 0, &e));
	bus_close(&other);
	EXPECT(RC_OK, bus_claim(t->bus, topic("t"), 1, &e));
	bus_release(t->bus, topic("t"), 0);
	bus_release(t->bus, topic("t"), 1);

	int ready[2];
	assert_int_equal(pipe(ready), 0);
	pid_t pid = child_start();
	if (pid == 0) {
		struct bus *b = open_again(t->folder);
		MUST(bus_claim(b, topic("t"), 0, &e) == RC_OK);
		MUST(write(ready[1], "", 1) == 1);
		for (;;)
			pause();
	}
	char byte;
	assert_int_equal(read(ready[0], &byte, 1), 1);
	EXPECT(RC_END, bus_claim(t->bus, topic("t"), 0, &e));
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	EXPECT(RC_OK, bus_claim(t->bus, topic("t"), 0, &e));
	close(ready[0]);
	close(ready[1]);
}

/* ---- groups ---- */

enum {
	SHARED = 4,
	SESSION_MS = 3000,
	JOINS_AGAIN_MS = 3200, /* some seconds after it joined it does so again when it looks */
	TRIALS = 12,
};

static struct bus *open_member_of(const char *group, const char *folder, const char *name)
{
	struct bus_option option[] = {
	    {"group.id", group}, {"session.timeout.ms", "3000"}, {"heartbeat.interval.ms", "500"}};
	struct bus *b = open_with(folder, option, 3);
	const char *topics[] = {topic("t"), topic("later")};
	if (bus_join(b, name, topics, 2, &e) != RC_OK) {
		fprintf(stderr, "bus_join: %s\n", e.text);
		abort();
	}
	return b;
}

/* A reader of the group of this run. */
static struct bus *open_member(const char *folder, const char *name)
{
	return open_member_of(run, folder, name);
}

/* Bits of the partitions that are this reader's now; it lets go of those that are asked back. */
static unsigned mine(struct bus *b, bool let_go)
{
	unsigned bits = 0;
	for (unsigned p = 0; p < SHARED; p++) {
		enum rc rc = bus_claim(b, topic("t"), p, &e);
		if (rc == RC_OK)
			bits |= 1u << p;
		else if (rc == RC_END && let_go)
			bus_release(b, topic("t"), p);
	}
	return bits;
}

static unsigned count(unsigned bits)
{
	return (unsigned)__builtin_popcount(bits);
}

/* Until it has that many; false after 30 s. */
static bool has(struct bus *b, unsigned wanted)
{
	struct mono start = clock_mono();
	while (count(mine(b, true)) != wanted && mono_since(start) < 30000)
		clock_sleep_ms(20);
	return count(mine(b, true)) == wanted;
}

/* One that has all of them and holds on to them, until another shall have some; at most 30 s. */
static void until_asked_back(struct bus *b)
{
	struct mono start = clock_mono();
	while (count(mine(b, false)) == SHARED && mono_since(start) < 30000)
		clock_sleep_ms(20);
}

void partitions_are_shared_out(void **state)
{
	struct bench *t = *state;
	const char *topics[] = {topic("t")};
	if (!provider->groups) {
		EXPECT(RC_END, bus_join(t->bus, "a", topics, 1, &e));
		return;
	}
	EXPECT(RC_OK, bus_topic_ensure(t->bus, topic("t"), SHARED, NULL, &e));
	struct bus *a = open_member(t->folder, "a");
	assert_true(has(a, SHARED));
	struct bus *b = open_member(t->folder, "b");
	/* What is asked back from a, a part or all of it, is not b's while a holds on to it. */
	until_asked_back(a);
	assert_true(count(mine(a, false)) <= SHARED / 2);
	struct mono start = clock_mono();
	while (mono_since(start) < 1000) {
		assert_int_equal(count(mine(b, true)), 0);
		(void)mine(a, false);
		clock_sleep_ms(20);
	}
	start = clock_mono();
	while (count(mine(a, true)) + count(mine(b, true)) < SHARED || count(mine(b, true)) == 0) {
		if (mono_since(start) > 30000)
			break;
		clock_sleep_ms(20);
	}
	unsigned of_a = mine(a, true), of_b = mine(b, true);
	assert_int_equal(of_a | of_b, (1u << SHARED) - 1);
	assert_int_equal(of_a & of_b, 0);
	/* Advice to tools costs nothing and changes nothing. */
	EXPECT(RC_OK, bus_trim(a, topic("t"), 0, 0, &e));
	bus_close(&b);
	/* It keeps its name: back within the session, it has what it had, and nobody else noticed. */
	b = open_member(t->folder, "b");
	start = clock_mono();
	while (mine(b, true) != of_b && mono_since(start) < 30000) {
		assert_int_equal(mine(a, true), of_a);
		clock_sleep_ms(20);
	}
	assert_int_equal(mine(b, true), of_b);
	bus_close(&b);
	assert_true(has(a, SHARED));
	bus_close(&a);
}

void a_killed_reader_is_replaced(void **state)
{
	struct bench *t = *state;
	if (!provider->groups)
		skip();
	EXPECT(RC_OK, bus_topic_ensure(t->bus, topic("t"), SHARED, NULL, &e));
	int ready[2];
	assert_int_equal(pipe(ready), 0);
	pid_t pid = child_start();
	if (pid == 0) {
		struct bus *mates = open_member(t->folder, "victim");
		MUST(has(mates, SHARED));
		MUST(has(mates, SHARED / 2));
		MUST(write(ready[1], "", 1) == 1);
		for (;; clock_sleep_ms(20))
			(void)mine(mates, true);
	}
	clock_sleep_ms(1000);
	struct bus *a = open_member(t->folder, "a");
	assert_true(has(a, SHARED / 2));
	char byte;
	assert_int_equal(read(ready[0], &byte, 1), 1);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	struct mono start = clock_mono();
	assert_true(has(a, SHARED));
	assert_true(mono_since(start) < SESSION_MS + 4000);
	bus_close(&a);
	close(ready[0]);
	close(ready[1]);
}

/* One that was asked for its partitions looks for more of them, and ends there and then. */
static void end_while_it_is_dealt_anew(const char *folder, unsigned trial)
{
	char group[100];
	unsigned have = 0;
	MUST(snprintf(group, sizeof group, "%s-%u", run, trial) < (int)sizeof group);
	struct bus *a = open_member_of(group, folder, "a");
	struct mono start = clock_mono();
	MUST(bus_topic_partitions(a, topic("t"), &have, &e) == RC_OK);
	for (; mono_since(start) < JOINS_AGAIN_MS; clock_sleep_ms(20))
		(void)mine(a, true);
	MUST(has(a, SHARED));
	struct bus *b = open_member_of(group, folder, "b");
	until_asked_back(a);
	MUST(count(mine(a, false)) < SHARED);
	MUST(bus_topic_partitions(a, topic("t"), &have, &e) == RC_OK);
	bus_close(&a);
	bus_close(&b);
}

void a_reader_may_end_while_the_group_shares_out_anew(void **state)
{
	struct bench *t = *state;
	if (!provider->groups)
		skip();
	EXPECT(RC_OK, bus_topic_ensure(t->bus, topic("t"), SHARED, NULL, &e));
	pid_t pid[TRIALS];
	for (unsigned i = 0; i < TRIALS; i++) {
		pid[i] = child_start();
		if (pid[i] == 0) {
			end_while_it_is_dealt_anew(t->folder, i);
			_exit(0);
		}
	}
	for (unsigned i = 0; i < TRIALS; i++) {
		int status = -1;
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_int_equal(status, 0);
	}
}

void shared_topics_may_come_later_and_grow(void **state)
{
	struct bench *t = *state;
	if (!provider->groups)
		skip();
	struct bus *a = open_member(t->folder, "a");
	clock_sleep_ms(300);
	EXPECT(RC_OK, bus_topic_ensure(t->bus, topic("t"), SHARED / 2, NULL, &e));
	assert_true(has(a, SHARED / 2));
	EXPECT(RC_OK, bus_topic_ensure(t->bus, topic("t"), SHARED, NULL, &e));
	assert_true(has(a, SHARED));
	bus_close(&a);
}

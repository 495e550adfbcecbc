/*
 * bus_conform: what the files of the bus conformance test share. bus_conform.c runs the tests; each of the others holds
 * those of one noun.
 *
 * Thread  e is each thread's own; topic() too
 */
#ifndef TEST_BUS_CONFORM_H
#define TEST_BUS_CONFORM_H

#include "bus/bus.h"
#include "conform/conform.h"

#define TEXT(s) ((struct bus_bytes){(s), strlen(s)})
#define NONE    ((struct bus_bytes){NULL, 0})

/* Events below offset are not kept any more, by whatever makes this provider forget them. */
typedef void expire(struct bus *b, const char *name, unsigned partition, uint64_t offset);

struct provider {
	const struct bus_ops *ops;
	expire *expire;
	bool served;  /* place is a server's, not a folder; what one handle did, another sees a moment later */
	bool bounded; /* keeps to max_bytes and gives back what is trimmed */
	bool locks;   /* claims exclude without a join */
	bool groups;  /* hands out partitions: join */
	bool eager;   /* sends before a flush */
};

extern const struct provider *provider;
extern const char *server; /* its place */
extern char run[40];       /* before every topic's name: a server keeps topics from one test to the next */
extern _Thread_local struct err e;

/* Looks at what was acknowledged through another handle wait so long at most. */
#define SOON (provider->served ? 20000 : 0)

struct bench {
	char *folder;
	struct bus *bus;
};

/* A name of this run; a few at a time per thread. */
const char *topic(const char *name);

/* A handle; abort when there is none. */
struct bus *open_with(const char *folder, const struct bus_option *option, size_t options);
struct bus *open_again(const char *folder);

/* What on_ack adds up. */
struct acks {
	size_t ok, refused;
	uint64_t last;
	uint8_t *seen; /* by context, when not NULL */
};
void on_ack(void *user, void *context, enum rc rc, uint64_t offset);

enum rc produce(struct bus *b, const char *name, unsigned partition, const char *value);
/* And flushed. */
void produce_now(struct bus *b, const char *name, unsigned partition, const char *value);

static inline bool is(struct bus_bytes b, const char *text)
{
	return b.len == strlen(text) && memcmp(b.at, text, b.len) == 0;
}

/* ---- bus_events.c ---- */
void topics_grow_only(void **state);
void another_handle_sees_new_partitions(void **state);
void wrong_arguments_are_refused(void **state);
void events_come_back_whole(void **state);
void large_events(void **state);
void offsets_go_on_after_reopen(void **state);
void events_not_flushed_are_not_there(void **state);
void many_partitions_are_read_in_turn(void **state);

/* ---- bus_bound.c ---- */
void trimmed_is_gone_and_said_so(void **state);
void handing_over_is_bounded(void **state);
void full_bus_pushes_back_and_trim_relieves(void **state);
void flush_waits_for_room(void **state);

/* ---- bus_sharing.c ---- */
void fetch_wakes_when_something_comes(void **state);
void processes_share_it(void **state);
void threads_share_it(void **state);
void killed_producers_leave_nothing_half(void **state);

/* ---- bus_groups.c ---- */
void claims_exclude_and_end_with_their_holder(void **state);
void partitions_are_shared_out(void **state);
void a_killed_reader_is_replaced(void **state);
void a_reader_may_end_while_the_group_shares_out_anew(void **state);
void shared_topics_may_come_later_and_grow(void **state);

#endif

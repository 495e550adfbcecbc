/*
 * What every bus owes, whoever provides it. SLUICE_BUS is the URL of one ("kafka://127.0.0.1:9092"); without it all
 * that need no server are tested.
 */
#include "conform/bus_conform.h"

#include <librdkafka/rdkafka.h>

static expire expire_embed, expire_kafka;

static const struct provider providers[] = {
    {&bus_embed, .expire = expire_embed, .bounded = true, .locks = true},
    {&bus_kafka, .expire = expire_kafka, .served = true, .groups = true, .eager = true},
};

const struct provider *provider;
const char *server;
char run[40];
_Thread_local struct err e;

const char *topic(const char *name)
{
	static _Thread_local char text[4][BUS_TOPIC_MAX + 1];
	static _Thread_local unsigned turn;
	char *to = text[turn++ % 4];
	snprintf(to, sizeof text[0], "%s.%s", run, name);
	return to;
}

struct bus *open_with(const char *folder, const struct bus_option *option, size_t options)
{
	struct bus *b = NULL;
	if (bus_open(provider->ops, server != NULL ? server : folder, option, options, &b, &e) != RC_OK) {
		fprintf(stderr, "bus_open: %s\n", e.text);
		abort();
	}
	return b;
}

struct bus *open_again(const char *folder)
{
	return open_with(folder, NULL, 0);
}

static int setup(void **state)
{
	static unsigned number;
	struct bench *t = mem_zero(1, sizeof *t);
	snprintf(
	    run, sizeof run, "c%d-%lld-%u", (int)getpid(), (long long)clock_wall().ns / 1000000 % 100000000, number++);
	t->folder = folder_make(NULL);
	t->bus = open_again(t->folder);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct bench *t = *state;
	bus_close(&t->bus);
	assert_null(t->bus);
	folder_remove(&t->folder);
	mem_free(&t);
	return 0;
}

/* ---- acknowledgements ---- */

void on_ack(void *user, void *context, enum rc rc, uint64_t offset)
{
	struct acks *a = user;
	a->ok += rc == RC_OK;
	a->refused += rc != RC_OK;
	if (rc == RC_OK)
		a->last = offset;
	if (a->seen != NULL)
		a->seen[(uintptr_t)context]++;
}

enum rc produce(struct bus *b, const char *name, unsigned partition, const char *value)
{
	return bus_produce(b, name, partition, NULL, 0, NONE, TEXT(value), NULL, &e);
}

void produce_now(struct bus *b, const char *name, unsigned partition, const char *value)
{
	struct acks a = {.ok = 0};
	EXPECT(RC_OK, produce(b, name, partition, value));
	EXPECT(RC_OK, bus_flush(b, 10000, on_ack, &a, &e));
	assert_int_equal(a.ok, 1);
}

/* ---- what a provider forgets ---- */

static void expire_embed(struct bus *b, const char *name, unsigned partition, uint64_t offset)
{
	EXPECT(RC_OK, bus_trim(b, name, partition, offset, &e));
}

/* As the topic's retention does it, at once. */
static void expire_kafka(struct bus *b, const char *name, unsigned partition, uint64_t offset)
{
	char why[200] = "";
	EXPECT(RC_OK, bus_trim(b, name, partition, offset, &e));
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	assert_int_equal(rd_kafka_conf_set(conf, "bootstrap.servers", server, why, sizeof why), RD_KAFKA_CONF_OK);
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
	assert_non_null(rk);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(list, name, (int32_t)partition)->offset =
	    offset == UINT64_MAX ? RD_KAFKA_OFFSET_END : (int64_t)offset;
	rd_kafka_DeleteRecords_t *what = rd_kafka_DeleteRecords_new(list);
	rd_kafka_queue_t *q = rd_kafka_queue_new(rk);
	rd_kafka_DeleteRecords(rk, &what, 1, NULL, q);
	rd_kafka_event_t *ev = rd_kafka_queue_poll(q, 30000);
	assert_non_null(ev);
	assert_int_equal(rd_kafka_event_error(ev), RD_KAFKA_RESP_ERR_NO_ERROR);
	const rd_kafka_topic_partition_list_t *done =
	    rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(ev));
	/* An offset behind is refused as outside of the range; nothing is to be done then. */
	assert_true(done->elems[0].err == RD_KAFKA_RESP_ERR_NO_ERROR ||
	            done->elems[0].err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE);
	rd_kafka_event_destroy(ev);
	rd_kafka_queue_destroy(q);
	rd_kafka_DeleteRecords_destroy(what);
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_destroy(rk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(topics_grow_only, setup, teardown),
	    cmocka_unit_test_setup_teardown(another_handle_sees_new_partitions, setup, teardown),
	    cmocka_unit_test_setup_teardown(wrong_arguments_are_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(events_come_back_whole, setup, teardown),
	    cmocka_unit_test_setup_teardown(large_events, setup, teardown),
	    cmocka_unit_test_setup_teardown(offsets_go_on_after_reopen, setup, teardown),
	    cmocka_unit_test_setup_teardown(events_not_flushed_are_not_there, setup, teardown),
	    cmocka_unit_test_setup_teardown(many_partitions_are_read_in_turn, setup, teardown),
	    cmocka_unit_test_setup_teardown(trimmed_is_gone_and_said_so, setup, teardown),
	    cmocka_unit_test_setup_teardown(handing_over_is_bounded, setup, teardown),
	    cmocka_unit_test_setup_teardown(full_bus_pushes_back_and_trim_relieves, setup, teardown),
	    cmocka_unit_test_setup_teardown(flush_waits_for_room, setup, teardown),
	    cmocka_unit_test_setup_teardown(fetch_wakes_when_something_comes, setup, teardown),
	    cmocka_unit_test_setup_teardown(processes_share_it, setup, teardown),
	    cmocka_unit_test_setup_teardown(killed_producers_leave_nothing_half, setup, teardown),
	    cmocka_unit_test_setup_teardown(claims_exclude_and_end_with_their_holder, setup, teardown),
	    cmocka_unit_test_setup_teardown(threads_share_it, setup, teardown),
	    cmocka_unit_test_setup_teardown(partitions_are_shared_out, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_killed_reader_is_replaced, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_reader_may_end_while_the_group_shares_out_anew, setup, teardown),
	    cmocka_unit_test_setup_teardown(shared_topics_may_come_later_and_grow, setup, teardown),
	};
	const char *url = getenv("SLUICE_BUS");
	int failed = 0;
	cmocka_set_test_filter(getenv("SLUICE_BUS_TEST"));
	for (size_t i = 0; i < sizeof providers / sizeof providers[0]; i++) {
		provider = &providers[i];
		size_t len = strlen(provider->ops->scheme);
		if (url == NULL ? provider->served : strncmp(url, provider->ops->scheme, len) != 0)
			continue;
		server = provider->served ? url + len + 3 : NULL;
		failed += cmocka_run_group_tests_name(provider->ops->scheme, tests, NULL, NULL);
	}
	return failed;
}

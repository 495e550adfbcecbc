/*
 * The parts of the Kafka bus that need no broker: what the configuration may say, and a producer that is lost. Against
 * a real broker runs conform/bus_conform.c. The producer here talks to the brokers that librdkafka has inside for
 * tests.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "bus/kafka/property.h"
#include "bus/kafka/sender.h"

static struct err e;

static enum rc judge(const char *key, const char *value)
{
	struct bus_option o = {key, value};
	return properties_check("b:9092", &o, 1, &e);
}

static void properties_are_the_librarys(void **state)
{
	assert_int_equal(judge("linger.ms", "5"), RC_OK);
	assert_int_equal(judge("compression.codec", "zstd"), RC_OK);
	assert_int_equal(judge("security.protocol", "sasl_ssl"), RC_OK);
	assert_int_equal(judge("topic.metadata.refresh.interval.ms", "500"), RC_OK);
	assert_int_equal(judge("lingr.ms", "5"), RC_BAD);
	assert_non_null(strstr(e.text, "\"linger.ms\""));
	assert_int_equal(judge("ssl.ca.locaton", "x"), RC_BAD);
	assert_non_null(strstr(e.text, "\"ssl.ca.location\""));
	assert_int_equal(judge("linger.ms", "soon"), RC_BAD);
	assert_int_equal(judge("utterly.unlike.anything", "x"), RC_BAD);
	assert_null(strstr(e.text, "did you mean"));
	/* Those that the contract stands on. */
	assert_int_equal(judge("acks", "1"), RC_BAD);
	assert_int_equal(judge("enable.idempotence", "false"), RC_BAD);
	assert_int_equal(judge("auto.offset.reset", "latest"), RC_BAD);
	assert_int_equal(judge("bootstrap.servers", "other"), RC_BAD);
	/* Of topics the broker judges, but for one. */
	assert_int_equal(judge("topic/retention.ms", "1000"), RC_OK);
	assert_int_equal(judge("topic/replication.factor", "3"), RC_OK);
	assert_int_equal(judge("topic/replication.factor", "0"), RC_BAD);
	assert_int_equal(properties_check("", NULL, 0, &e), RC_BAD);
}

static void secrets_stand_elsewhere(void **state)
{
	static const char *const names[] = {"sasl.password", "ssl.key.password", "ssl.keystore.password"};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		assert_int_equal(judge(names[i], "s3cret"), RC_BAD);
		assert_null(strstr(e.text, "s3cret"));
	}
	/* Judging reads nothing. */
	assert_int_equal(judge("sasl.password/file", "/nowhere"), RC_OK);
	assert_int_equal(judge("sasl.password/pipe", "x"), RC_BAD);
	assert_int_equal(judge("sasl.passwort/file", "/nowhere"), RC_BAD);

	char path[] = "/tmp/sluice-unit-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "from file\r\n", 11), 11);
	close(fd);
	setenv("SLUICE_UNIT_SECRET", "from environment", 1);
	struct bus_option o[] = {{"sasl.password/file", path}, {"ssl.key.password/env", "SLUICE_UNIT_SECRET"},
	    {"linger.ms", "1"}, {"linger.ms", "2"}, {"topic/replication.factor", "2"}, {"topic/retention.ms", "7"}};
	struct properties p;
	assert_int_equal(properties_read("a:1,b:2/", o, 6, &p, &e), RC_OK);
	assert_string_equal(properties_get(&p, "sasl.password"), "from file");
	assert_string_equal(properties_get(&p, "ssl.key.password"), "from environment");
	assert_string_equal(properties_get(&p, "linger.ms"), "2");
	assert_string_equal(properties_get(&p, "session.timeout.ms"), "8000");
	assert_null(properties_get(&p, "sasl.username"));
	assert_string_equal(p.brokers, "a:1,b:2");
	assert_int_equal(p.replication, 2);
	assert_int_equal(p.topics, 1);
	properties_fini(&p);
	unlink(path);
	assert_int_equal(properties_read("a:1", o, 1, &p, &e), RC_BAD);
	assert_non_null(strstr(e.text, path));
	unsetenv("SLUICE_UNIT_SECRET");
	assert_int_equal(properties_read("a:1", o + 1, 1, &p, &e), RC_BAD);
	assert_non_null(strstr(e.text, "SLUICE_UNIT_SECRET"));
}

/* ---- the producer ---- */

enum { EVENTS = 500 };

struct acks {
	unsigned ok[EVENTS], refused[EVENTS];
};

static void on_ack(void *user, void *context, enum rc rc, uint64_t offset)
{
	struct acks *a = user;
	size_t i = (uintptr_t)context;
	assert_true(i < EVENTS);
	assert_true(rc == RC_OK || rc == RC_AGAIN);
	(rc == RC_OK ? a->ok : a->refused)[i]++;
}

static enum rc produce(struct sender *s, size_t i)
{
	struct bus_header h = {"n", {"1", 1}};
	return sender_produce(s, "topic", i % 2, &h, 1, (struct bus_bytes){"key", 3}, (struct bus_bytes){"value", 5},
	    (void *)(uintptr_t)i, &e);
}

static void a_lost_producer_is_replaced(void **state)
{
	struct bus_option o[] = {{"test.mock.num.brokers", "1"}, {"linger.ms", "200"}};
	struct properties p;
	struct sender s;
	struct acks *a = mem_zero(1, sizeof *a);
	assert_int_equal(properties_read("none:1", o, 2, &p, &e), RC_OK);
	sender_init(&s, &p);
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(produce(&s, i), RC_OK);
	assert_int_equal(sender_flush(&s, 20000, on_ack, a, &e), RC_OK);
	/* Handed over, and then the library says that it can't keep its promise any more. */
	for (size_t i = 100; i < 300; i++)
		assert_int_equal(produce(&s, i), RC_OK);
	rd_kafka_test_fatal_error(s.client.rk, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "for the test");
	assert_int_equal(produce(&s, 300), RC_AGAIN);
	enum rc rc = sender_flush(&s, 20000, on_ack, a, &e);
	size_t refused = 0;
	for (size_t i = 0; i < 300; i++) {
		assert_int_equal(a->ok[i] + a->refused[i], 1);
		refused += a->refused[i];
	}
	assert_int_equal(rc, refused > 0 ? RC_AGAIN : RC_OK);
	assert_true(refused > 0);
	assert_non_null(strstr(e.text, "lost"));
	assert_int_equal(s.handed, 0);
	/* Another took over. */
	for (size_t i = 300; i < EVENTS; i++)
		assert_int_equal(produce(&s, i), RC_OK);
	assert_int_equal(sender_flush(&s, 20000, on_ack, a, &e), RC_OK);
	for (size_t i = 300; i < EVENTS; i++)
		assert_int_equal(a->ok[i], 1);
	sender_fini(&s);
	properties_fini(&p);
	mem_free(&a);
}

/* Nobody there: handing over is bounded by the queue, a flush ends with its time, and closing does not wait. */
static void without_a_broker_it_pushes_back(void **state)
{
	struct bus_option o[] = {{"queue.buffering.max.messages", "10"}};
	struct properties p;
	struct sender s;
	struct acks *a = mem_zero(1, sizeof *a);
	size_t n = 0;
	assert_int_equal(properties_read("127.0.0.1:1", o, 1, &p, &e), RC_OK);
	sender_init(&s, &p);
	while (n < EVENTS && produce(&s, n) == RC_OK)
		n++;
	assert_int_equal(n, 10);
	struct mono start = clock_mono();
	assert_int_equal(sender_flush(&s, 300, on_ack, a, &e), RC_AGAIN);
	assert_non_null(strstr(e.text, "refused"));
	assert_true(mono_since(start) < 5000);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(a->ok[i] + a->refused[i], 0);
	sender_fini(&s);
	assert_true(mono_since(start) < 10000);
	properties_fini(&p);
	mem_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(properties_are_the_librarys),
	    cmocka_unit_test(secrets_stand_elsewhere),
	    cmocka_unit_test(a_lost_producer_is_replaced),
	    cmocka_unit_test(without_a_broker_it_pushes_back),
	};
	return cmocka_run_group_tests_name("kafka", tests, NULL, NULL);
}

/*
 * The least that moving events through Kafka costs: a librdkafka producer and consumer, nothing else, over the events
 * that a topic holds already, with the settings that sluice has.
 *
 *     kafka_loop BROKERS FROM TO [NAME=VALUE …]
 *
 * Reads the topic FROM into memory, then writes its events (keys, values, headers) to the topic TO, which must be empty
 * and have as many partitions, while a second thread reads them back. Prints "EVENTS BYTES SECONDS" of that.
 *
 * A partition whose queue was full is fetched again only within a second (librdkafka until 2.2). Being told where to
 * read wakes it: sluice does so too (src/bus/kafka/reader.c), and without it this loop would stand still for most of
 * its time.
 */
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WAIT_MS = 30000, BATCH = 500, PARTITIONS_MAX = 64 };

#define QUEUE "queued.max.messages.kbytes="

/* How far a partition is read, and the bytes since its queue was seen empty. */
struct place {
	int64_t next;
	size_t taken;
};

struct loop {
	const char *brokers, *from, *to;
	char **setting;
	int settings;
	int partitions;
	size_t full; /* bytes in a partition's queue at which it isn't fetched any more */
	rd_kafka_message_t **event;
	size_t events, capacity, bytes;
	double ended;
};

static void die(const char *what, const char *why)
{
	fprintf(stderr, "kafka_loop: %s: %s\n", what, why);
	exit(1);
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char why[200];
	if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK)
		die(name, why);
}

static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR)
		die("produce", rd_kafka_err2str(m->err));
}

static rd_kafka_t *handle(const struct loop *l, rd_kafka_type_t type)
{
	char why[200];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	set(conf, "bootstrap.servers", l->brokers);
	set(conf, "enable.idempotence", "true");
	set(conf, "check.crcs", "true");
	set(conf, "log_level", "3");
	set(conf, "auto.offset.reset", "earliest");
	for (int i = 0; i < l->settings; i++) {
		char name[100];
		const char *value = strchr(l->setting[i], '=');
		if (value == NULL)
			die(l->setting[i], "not NAME=VALUE");
		snprintf(name, sizeof name, "%.*s", (int)(value - l->setting[i]), l->setting[i]);
		set(conf, name, value + 1);
	}
	rd_kafka_conf_set_dr_msg_cb(conf, on_report);
	rd_kafka_t *rk = rd_kafka_new(type, conf, why, sizeof why);
	if (rk == NULL)
		die("rd_kafka_new", why);
	return rk;
}

/* The queue is empty now: partitions that may have been full are woken. */
static void wake(const struct loop *l, rd_kafka_topic_t *topic, struct place *place)
{
	for (int p = 0; p < l->partitions; p++) {
		if (place[p].taken >= l->full)
			(void)rd_kafka_seek(topic, p, place[p].next, 0);
		place[p].taken = 0;
	}
}

/* Reads until every partition has given all it has at the start (to NULL), or until so many came. */
static void read_all(struct loop *l, const char *name, size_t count, bool keep)
{
	rd_kafka_t *rk = handle(l, RD_KAFKA_CONSUMER);
	rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
	rd_kafka_queue_t *q = rd_kafka_queue_new(rk);
	rd_kafka_message_t *m[BATCH];
	struct place place[PARTITIONS_MAX] = {0};
	size_t got = 0, expected = count;
	for (int p = 0; p < l->partitions; p++) {
		int64_t low, high;
		rd_kafka_resp_err_t err = rd_kafka_query_watermark_offsets(rk, name, p, &low, &high, WAIT_MS);
		if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
			die(name, rd_kafka_err2str(err));
		if (keep)
			expected += (size_t)(high - low);
		if (rd_kafka_consume_start_queue(topic, p, RD_KAFKA_OFFSET_BEGINNING, q) != 0)
			die(name, rd_kafka_err2str(rd_kafka_last_error()));
	}
	double last = now();
	while (got < expected) {
		ssize_t n = rd_kafka_consume_batch_queue(q, 10, m, BATCH);
		for (ssize_t i = 0; i < n; i++) {
			if (m[i]->err != RD_KAFKA_RESP_ERR_NO_ERROR)
				die(name, rd_kafka_message_errstr(m[i]));
			got++;
			place[m[i]->partition].taken += m[i]->len + m[i]->key_len;
			place[m[i]->partition].next = m[i]->offset + 1;
			if (!keep) {
				rd_kafka_message_destroy(m[i]);
				continue;
			}
			if (l->events == l->capacity) {
				l->capacity = l->capacity * 2 + 1024;
				l->event = realloc(l->event, l->capacity * sizeof *l->event);
				if (l->event == NULL)
					die("memory", "none");
			}
			l->event[l->events++] = m[i];
			l->bytes += m[i]->len + m[i]->key_len;
		}
		if (n < BATCH)
			wake(l, topic, place);
		if (n > 0)
			last = now();
		else if (now() - last > WAIT_MS / 1000.0)
			die(name, "nothing comes any more");
	}
	l->ended = now();
	if (keep)
		return; /* the messages are the handle's */
	for (int p = 0; p < l->partitions; p++)
		rd_kafka_consume_stop(topic, p);
	rd_kafka_queue_destroy(q);
	rd_kafka_topic_destroy(topic);
	rd_kafka_destroy(rk);
}

static void *consume(void *arg)
{
	struct loop *l = arg;
	read_all(l, l->to, l->events, false);
	return NULL;
}

static void produce(struct loop *l)
{
	rd_kafka_t *rk = handle(l, RD_KAFKA_PRODUCER);
	rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, l->to, NULL);
	for (size_t i = 0; i < l->events; i++) {
		const rd_kafka_message_t *m = l->event[i];
		rd_kafka_headers_t *h = NULL;
		if (rd_kafka_message_headers(m, &h) == RD_KAFKA_RESP_ERR_NO_ERROR)
			h = rd_kafka_headers_copy(h);
		for (;;) {
			rd_kafka_resp_err_t err =
			    rd_kafka_producev(rk, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(m->partition),
			        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(m->key, m->key_len),
			        RD_KAFKA_V_VALUE(m->payload, m->len), RD_KAFKA_V_HEADERS(h), RD_KAFKA_V_END);
			if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
				break;
			if (err != RD_KAFKA_RESP_ERR__QUEUE_FULL)
				die(l->to, rd_kafka_err2str(err));
			rd_kafka_poll(rk, 5);
		}
		rd_kafka_poll(rk, 0);
	}
	if (rd_kafka_flush(rk, WAIT_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
		die("flush", "late");
	rd_kafka_topic_destroy(topic);
	rd_kafka_destroy(rk);
}

static int partitions_of(const struct loop *l)
{
	const struct rd_kafka_metadata *md;
	rd_kafka_t *rk = handle(l, RD_KAFKA_CONSUMER);
	rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, l->from, NULL);
	rd_kafka_resp_err_t err = rd_kafka_metadata(rk, 0, topic, &md, WAIT_MS);
	if (err != RD_KAFKA_RESP_ERR_NO_ERROR || md->topic_cnt != 1 || md->topics[0].partition_cnt == 0)
		die(l->from, "no such topic");
	int count = md->topics[0].partition_cnt;
	if (count > PARTITIONS_MAX)
		die(l->from, "too many partitions");
	rd_kafka_metadata_destroy(md);
	rd_kafka_topic_destroy(topic);
	rd_kafka_destroy(rk);
	return count;
}

int main(int argc, char **argv)
{
	if (argc < 4)
		die("usage", "kafka_loop BROKERS FROM TO [NAME=VALUE ...]");
	struct loop l = {.brokers = argv[1], .from = argv[2], .to = argv[3], .setting = argv + 4, .settings = argc - 4};
	l.partitions = partitions_of(&l);
	for (int i = 0; i < l.settings; i++)
		if (strncmp(l.setting[i], QUEUE, sizeof QUEUE - 1) == 0)
			l.full = strtoul(l.setting[i] + sizeof QUEUE - 1, NULL, 10) * 1024;
	if (l.full == 0)
		die(QUEUE, "is missing");
	read_all(&l, l.from, 0, true);
	double began = now();
	pthread_t reader;
	if (pthread_create(&reader, NULL, consume, &l) != 0)
		die("thread", "none");
	produce(&l);
	pthread_join(reader, NULL);
	printf("%zu %zu %.6f\n", l.events, l.bytes, l.ended - began);
	return 0;
}

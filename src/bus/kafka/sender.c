/*
 * The library's producer keeps order and sends each event once as long as it lives; this file makes it when it is
 * needed, with the limits of its topics, and makes another when it is lost.
 */
#include "bus/kafka/sender.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

enum {
	MESSAGE_MAX_LEAST = 1000,      /* that the library takes */
	MESSAGE_MAX_DEFAULT = 1048588, /* of a broker that does not tell */
	BATCH_DEFAULT = 1000000,       /* the library's own */
	QUEUE_KB_DEFAULT = 32768,
	FLUSH_SLICE_MS = 100,
	PARTITION_MS = 5000, /* for the producer to hear of a partition that we know is there */
};

static bool is_unknown(rd_kafka_resp_err_t err)
{
	return err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
	       err == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	struct sender *s = ((struct client *)opaque)->owner;
	assert(s->handed > 0);
	s->handed--;
	if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
		if (s->acknowledged != NULL)
			s->acknowledged(s->user, m->_private, RC_OK, (uint64_t)m->offset);
		return;
	}
	s->refused++;
	s->gone |= is_unknown(m->err);
	s->too_large |= m->err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
	bool ours = m->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || m->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
	if (s->why.text[0] == '\0' && !ours)
		(void)err_set(RC_AGAIN, &s->why, "%s/%d: %s", rd_kafka_topic_name(m->rkt), (int)m->partition,
		    rd_kafka_err2str(m->err));
	if (s->acknowledged != NULL)
		s->acknowledged(s->user, m->_private, RC_AGAIN, 0);
}

void sender_init(struct sender *s, const struct properties *p)
{
	*s = (struct sender){.properties = p};
}

static void drop_producer(struct sender *s)
{
	if (s->client.rk == NULL)
		return;
	rd_kafka_purge(
	    s->client.rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
	/* Every event gets its report, so none is left without an owner. */
	while (s->handed > 0)
		(void)rd_kafka_poll(s->client.rk, FLUSH_SLICE_MS);
	for (size_t i = 0; i < s->topics; i++) {
		rd_kafka_topic_destroy(s->topic[i].rkt);
		mem_free(&s->topic[i].name);
	}
	mem_free(&s->topic);
	s->topics = 0;
	client_close(&s->client);
}

void sender_fini(struct sender *s)
{
	s->acknowledged = NULL;
	drop_producer(s);
}

void sender_limit(struct sender *s, size_t message_max)
{
	if (message_max == 0)
		message_max = MESSAGE_MAX_DEFAULT;
	if (s->least == 0 || message_max < s->least)
		s->least = message_max;
	if (message_max > s->most)
		s->most = message_max;
}

size_t sender_bound(const struct sender *s)
{
	return properties_number(s->properties, "queue.buffering.max.kbytes", QUEUE_KB_DEFAULT) * 1024;
}

/* The batches we make must fit the topic that takes least, and one event the one that takes most. */
static enum rc make_producer(struct sender *s, struct err *e)
{
	char most[32], batch[32];
	size_t least = s->least != 0 ? s->least : MESSAGE_MAX_DEFAULT;
	size_t batch_max = properties_number(s->properties, "batch.size", BATCH_DEFAULT);
	size_t largest = s->most != 0 ? s->most : least;
	snprintf(most, sizeof most, "%zu", largest < MESSAGE_MAX_LEAST ? MESSAGE_MAX_LEAST : largest);
	snprintf(batch, sizeof batch, "%zu", batch_max < least ? batch_max : least);
	const char *const set[] = {
	    "enable.idempotence", "true", "acks", "all", "message.max.bytes", most, "batch.size", batch, NULL};
	rd_kafka_conf_t *conf = properties_conf(s->properties, set);
	rd_kafka_conf_set_dr_msg_cb(conf, on_report);
	s->with_least = s->least;
	s->with_most = s->most;
	return client_open(&s->client, RD_KAFKA_PRODUCER, conf, s, e);
}

static bool is_lost(const struct sender *s)
{
	char why[8];
	return rd_kafka_fatal_error(s->client.rk, why, sizeof why) != RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* A producer that is fit for the topics known by now. */
static enum rc ready(struct sender *s, struct err *e)
{
	if (s->client.rk != NULL && is_lost(s)) {
		if (s->handed > 0)
			return err_set(RC_AGAIN, e, "Kafka: the producer is lost, events wait to be given back");
		drop_producer(s);
	}
	if (s->client.rk != NULL && (s->with_least != s->least || s->with_most != s->most)) {
		if (s->handed > 0)
			return err_set(RC_AGAIN, e, "Kafka: %zu events wait to be flushed", s->handed);
		drop_producer(s);
	}
	return s->client.rk == NULL ? make_producer(s, e) : RC_OK;
}

static rd_kafka_topic_t *topic_of(struct sender *s, const char *name)
{
	for (size_t i = 0; i < s->topics; i++)
		if (strcmp(s->topic[i].name, name) == 0)
			return s->topic[i].rkt;
	rd_kafka_topic_t *rkt = rd_kafka_topic_new(s->client.rk, name, NULL);
	assert(rkt != NULL);
	s->topic = mem_resize(s->topic, (s->topics + 1) * sizeof *s->topic);
	s->topic[s->topics++] = (struct sender_topic){mem_text(name), rkt};
	return rkt;
}

static rd_kafka_resp_err_t hand_over(struct sender *s, rd_kafka_topic_t *rkt, unsigned partition,
    const struct bus_header *header, size_t headers, struct bus_bytes key, struct bus_bytes value, void *context)
{
	rd_kafka_headers_t *h = NULL;
	if (headers > 0)
		h = rd_kafka_headers_new(headers);
	for (size_t i = 0; i < headers; i++)
		(void)rd_kafka_header_add(h, header[i].name, -1, header[i].value.len > 0 ? header[i].value.at : "",
		    (ssize_t)header[i].value.len);
	rd_kafka_vu_t vu[] = {
	    {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = rkt},
	    {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = (int32_t)partition},
	    {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
	    {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)key.at, key.len}},
	    {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)value.at, value.len}},
	    {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = context},
	    {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = h},
	};
	rd_kafka_error_t *error = rd_kafka_produceva(s->client.rk, vu, sizeof vu / sizeof vu[0] - (h == NULL));
	if (error == NULL) {
		s->handed++;
		return RD_KAFKA_RESP_ERR_NO_ERROR;
	}
	rd_kafka_resp_err_t err = rd_kafka_error_code(error);
	rd_kafka_error_destroy(error);
	if (h != NULL)
		rd_kafka_headers_destroy(h);
	return err;
}

/* The owner knows that the partition is there; the producer has to hear of it. */
static void learn_partition(struct sender *s, rd_kafka_topic_t *rkt)
{
	const struct rd_kafka_metadata *m = NULL;
	if (rd_kafka_metadata(s->client.rk, 0, rkt, &m, PARTITION_MS) == RD_KAFKA_RESP_ERR_NO_ERROR)
		rd_kafka_metadata_destroy(m);
}

enum rc sender_produce(struct sender *s, const char *topic, unsigned partition, const struct bus_header *header,
    size_t headers, struct bus_bytes key, struct bus_bytes value, void *context, struct err *e)
{
	enum rc rc = ready(s, e);
	if (rc != RC_OK)
		return rc;
	rd_kafka_topic_t *rkt = topic_of(s, topic);
	rd_kafka_resp_err_t err = hand_over(s, rkt, partition, header, headers, key, value, context);
	if (is_unknown(err)) {
		learn_partition(s, rkt);
		err = hand_over(s, rkt, partition, header, headers, key, value, context);
		s->gone |= is_unknown(err);
	}
	switch (err) {
	case RD_KAFKA_RESP_ERR_NO_ERROR:
		return RC_OK;
	case RD_KAFKA_RESP_ERR__QUEUE_FULL:
		return err_set(RC_AGAIN, e, "Kafka: %zu events wait to be flushed", s->handed);
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
		return err_set(RC_BAD, e, "%s: %s", topic, rd_kafka_err2str(err));
	default:
		return err_set(RC_AGAIN, e, "%s/%u: %s", topic, partition, rd_kafka_err2str(err));
	}
}

enum rc sender_flush(struct sender *s, int64_t wait_ms,
    void (*acknowledged)(void *user, void *context, enum rc rc, uint64_t offset), void *user, struct err *e)
{
	if (s->client.rk == NULL)
		return RC_OK;
	struct mono start = clock_mono();
	s->acknowledged = acknowledged;
	s->user = user;
	s->refused = 0;
	s->why.text[0] = '\0';
	for (;;) {
		int64_t left = wait_ms - mono_since(start);
		(void)rd_kafka_flush(s->client.rk, (int)(left < 0 ? 0 : left < FLUSH_SLICE_MS ? left : FLUSH_SLICE_MS));
		client_poll(&s->client);
		if (s->handed == 0 || left <= 0 || is_lost(s))
			break;
	}
	enum rc rc = RC_OK;
	if (is_lost(s)) {
		char why[200] = "";
		(void)rd_kafka_fatal_error(s->client.rk, why, sizeof why);
		drop_producer(s);
		if (s->refused > 0)
			rc = err_set(RC_AGAIN, e, "Kafka: the producer was lost (%s); another takes over", why);
	} else if (s->refused > 0) {
		*e = s->why;
		rc = RC_AGAIN;
	} else if (s->handed > 0) {
		rc = client_failed(&s->client, "events are not acknowledged yet", RD_KAFKA_RESP_ERR__TIMED_OUT, e);
	}
	s->acknowledged = NULL;
	return rc;
}

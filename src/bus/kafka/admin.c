/*
 * Each question is a request whose answer comes by a queue of its own, waited for here.
 */
#include "bus/kafka/admin.h"

#include <stdlib.h>
#include <string.h>

enum { ANSWER_MS = 10000 };

/* Waits for the answer. NULL: *rc and *e say why there is none. */
static rd_kafka_event_t *answer(struct client *c, rd_kafka_queue_t *q, const char *what, enum rc *rc, struct err *e)
{
	rd_kafka_event_t *ev = rd_kafka_queue_poll(q, ANSWER_MS + 1000);
	rd_kafka_queue_destroy(q);
	if (ev == NULL) {
		*rc = client_failed(c, what, RD_KAFKA_RESP_ERR__TIMED_OUT, e);
		return NULL;
	}
	rd_kafka_resp_err_t err = rd_kafka_event_error(ev);
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
		return ev;
	*rc = client_failed(c, what, err, e);
	rd_kafka_event_destroy(ev);
	return NULL;
}

static rd_kafka_AdminOptions_t *options_of(struct client *c, rd_kafka_admin_op_t op)
{
	char why[100];
	rd_kafka_AdminOptions_t *o = rd_kafka_AdminOptions_new(c->rk, op);
	(void)rd_kafka_AdminOptions_set_request_timeout(o, ANSWER_MS, why, sizeof why);
	if (op != RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS)
		(void)rd_kafka_AdminOptions_set_operation_timeout(o, ANSWER_MS, why, sizeof why);
	return o;
}

static bool lasting(rd_kafka_resp_err_t err)
{
	return err == RD_KAFKA_RESP_ERR_INVALID_CONFIG || err == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION ||
	       err == RD_KAFKA_RESP_ERR_POLICY_VIOLATION || err == RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR;
}

/* The one result there is. fine: an error that is as good as none. */
static enum rc judge(const rd_kafka_topic_result_t *const *result, size_t count, const char *topic,
    rd_kafka_resp_err_t fine, struct err *e)
{
	rd_kafka_resp_err_t err = count == 1 ? rd_kafka_topic_result_error(result[0]) : RD_KAFKA_RESP_ERR__FAIL;
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR || err == fine)
		return RC_OK;
	const char *why = count == 1 ? rd_kafka_topic_result_error_string(result[0]) : NULL;
	return err_set(
	    lasting(err) ? RC_BAD : RC_AGAIN, e, "topic \"%s\": %s", topic, why != NULL ? why : rd_kafka_err2str(err));
}

/* What became of a request that makes or changes one topic. */
static enum rc settle(
    struct client *c, rd_kafka_queue_t *q, const char *what, const char *topic, rd_kafka_resp_err_t fine, struct err *e)
{
	enum rc rc = RC_OK;
	size_t count = 0;
	rd_kafka_event_t *ev = answer(c, q, what, &rc, e);
	if (ev == NULL)
		return rc;
	const rd_kafka_topic_result_t **result =
	    rd_kafka_event_type(ev) == RD_KAFKA_EVENT_CREATETOPICS_RESULT
	        ? rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(ev), &count)
	        : rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(ev), &count);
	rc = judge(result, count, topic, fine, e);
	rd_kafka_event_destroy(ev);
	return rc;
}

enum rc admin_make(struct client *c, const struct properties *p, const char *topic, unsigned partitions, struct err *e)
{
	char why[200] = "";
	rd_kafka_NewTopic_t *t = rd_kafka_NewTopic_new(topic, (int)partitions, p->replication, why, sizeof why);
	if (t == NULL)
		return err_set(RC_BAD, e, "topic \"%s\": %s", topic, why);
	for (size_t i = 0; i < p->topics; i++)
		(void)rd_kafka_NewTopic_set_config(t, p->topic[i].name, p->topic[i].value);
	rd_kafka_AdminOptions_t *o = options_of(c, RD_KAFKA_ADMIN_OP_CREATETOPICS);
	rd_kafka_queue_t *q = rd_kafka_queue_new(c->rk);
	rd_kafka_CreateTopics(c->rk, &t, 1, o, q);
	rd_kafka_NewTopic_destroy(t);
	rd_kafka_AdminOptions_destroy(o);
	return settle(c, q, "make a topic", topic, RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS, e);
}

enum rc admin_grow(struct client *c, const char *topic, unsigned partitions, struct err *e)
{
	char why[200] = "";
	rd_kafka_NewPartitions_t *n = rd_kafka_NewPartitions_new(topic, partitions, why, sizeof why);
	if (n == NULL)
		return err_set(RC_BAD, e, "topic \"%s\": %s", topic, why);
	rd_kafka_AdminOptions_t *o = options_of(c, RD_KAFKA_ADMIN_OP_CREATEPARTITIONS);
	rd_kafka_queue_t *q = rd_kafka_queue_new(c->rk);
	rd_kafka_CreatePartitions(c->rk, &n, 1, o, q);
	rd_kafka_NewPartitions_destroy(n);
	rd_kafka_AdminOptions_destroy(o);
	return settle(c, q, "add partitions", topic, RD_KAFKA_RESP_ERR_INVALID_PARTITIONS, e);
}

enum rc admin_message_max(struct client *c, const char *topic, size_t *out, struct err *e)
{
	rd_kafka_ConfigResource_t *r = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
	rd_kafka_AdminOptions_t *o = options_of(c, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
	rd_kafka_queue_t *q = rd_kafka_queue_new(c->rk);
	rd_kafka_DescribeConfigs(c->rk, &r, 1, o, q);
	rd_kafka_ConfigResource_destroy(r);
	rd_kafka_AdminOptions_destroy(o);
	enum rc rc = RC_OK;
	rd_kafka_event_t *ev = answer(c, q, "read a topic's limits", &rc, e);
	if (ev == NULL)
		return rc;
	size_t count = 0, entries = 0, most = 0;
	const rd_kafka_DescribeConfigs_result_t *told = rd_kafka_event_DescribeConfigs_result(ev);
	const rd_kafka_ConfigResource_t **resource = rd_kafka_DescribeConfigs_result_resources(told, &count);
	rd_kafka_resp_err_t err = count == 1 ? rd_kafka_ConfigResource_error(resource[0]) : RD_KAFKA_RESP_ERR__FAIL;
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
		const rd_kafka_ConfigEntry_t **entry = rd_kafka_ConfigResource_configs(resource[0], &entries);
		for (size_t i = 0; i < entries; i++)
			if (strcmp(rd_kafka_ConfigEntry_name(entry[i]), "max.message.bytes") == 0 &&
			    rd_kafka_ConfigEntry_value(entry[i]) != NULL)
				most = strtoull(rd_kafka_ConfigEntry_value(entry[i]), NULL, 10);
	} else if (err != RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
		rc = err_set(RC_AGAIN, e, "limits of topic \"%s\": %s", topic, rd_kafka_err2str(err));
	}
	rd_kafka_event_destroy(ev);
	if (rc == RC_OK)
		*out = most;
	return rc;
}

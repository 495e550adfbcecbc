/*
 * The three kinds of handles (sender, reader, member) fail alike, so that stands here once.
 */
#include "bus/kafka/client.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

enum {
	ANSWER_MS = 5000,  /* of a broker, for a request */
	SLICE_MS = 300,    /* between looks at complaints */
	REFUSED_MS = 1200, /* all brokers refuse: don't wait longer than that for one */
	ASK_MS = 1000,
	END_MS = 5000,
	END_LOOK_MS = 2,
};

static void on_error(rd_kafka_t *rk, int err, const char *reason, void *opaque)
{
	struct client *c = opaque;
	/* Of one topic only; who reads it gets to know. */
	if (err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
	    err == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION)
		return;
	c->suspect = true;
	/* "1/1 brokers are down" says less than why. */
	if (err != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || c->complaint[0] == '\0')
		(void)!str_copy(c->complaint, sizeof c->complaint, reason);
	for (char *p = c->complaint; *p != '\0'; p++)
		if (*p == '\n')
			*p = ' ';
}

/* Floors below pipe don't log; what matters comes by on_error. With `debug` a person wants to see all of it. */
static void no_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
}

enum rc client_open(struct client *c, rd_kafka_type_t type, rd_kafka_conf_t *conf, void *owner, struct err *e)
{
	char why[300] = "", debug[8] = "";
	size_t size = sizeof debug;
	*c = (struct client){.owner = owner};
	rd_kafka_conf_set_opaque(conf, c);
	rd_kafka_conf_set_error_cb(conf, on_error);
	if (rd_kafka_conf_get(conf, "debug", debug, &size) != RD_KAFKA_CONF_OK || debug[0] == '\0')
		rd_kafka_conf_set_log_cb(conf, no_log);
	c->rk = rd_kafka_new(type, conf, why, sizeof why);
	if (c->rk != NULL)
		return RC_OK;
	rd_kafka_conf_destroy(conf);
	return err_set(RC_FAIL, e, "Kafka: %s", why);
}

/* ---- the end of a handle ---- */

/* Of who waits and who destroys; the last of the two frees it. */
struct ending {
	rd_kafka_t *rk;
	atomic_int holders;
	atomic_bool ended;
};

static void ending_release(struct ending *x)
{
	if (atomic_fetch_sub(&x->holders, 1) == 1)
		mem_release(x);
}

static void *destroy(void *arg)
{
	struct ending *x = arg;
	rd_kafka_destroy_flags(x->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	atomic_store(&x->ended, true);
	ending_release(x);
	return NULL;
}

void client_close(struct client *c)
{
	pthread_t thread;
	if (c->rk == NULL)
		return;
	struct ending *x = mem_zero(1, sizeof *x);
	x->rk = c->rk;
	c->rk = NULL;
	atomic_init(&x->holders, 2);
	struct mono start = clock_mono();
	if (pthread_create(&thread, NULL, destroy, x) == 0)
		pthread_detach(thread);
	else
		(void)destroy(x);
	while (!atomic_load(&x->ended) && mono_since(start) < END_MS)
		clock_sleep_ms(END_LOOK_MS);
	ending_release(x);
}

void client_poll(struct client *c)
{
	(void)rd_kafka_poll(c->rk, 0);
}

enum rc client_failed(struct client *c, const char *what, rd_kafka_resp_err_t err, struct err *e)
{
	client_poll(c);
	if (c->complaint[0] != '\0' && (err == RD_KAFKA_RESP_ERR__TIMED_OUT || err == RD_KAFKA_RESP_ERR__TRANSPORT ||
	                                   err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN))
		return err_set(RC_AGAIN, e, "Kafka is away: %s", c->complaint);
	return err_set(RC_AGAIN, e, "Kafka: %s: %s", what, rd_kafka_err2str(err));
}

static rd_kafka_resp_err_t ask(struct client *c, int wait_ms)
{
	const struct rd_kafka_metadata *m = NULL;
	/* No topic is named: the answer holds the brokers only. */
	rd_kafka_resp_err_t err = rd_kafka_metadata(c->rk, 0, NULL, &m, wait_ms);
	if (m != NULL)
		rd_kafka_metadata_destroy(m);
	return err;
}

enum rc client_reach(struct client *c, int64_t wait_ms, struct err *e)
{
	struct mono start = clock_mono();
	rd_kafka_resp_err_t err;
	for (;;) {
		err = ask(c, SLICE_MS);
		client_poll(c);
		if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
			c->suspect = false;
			c->complaint[0] = '\0';
			return RC_OK;
		}
		int64_t passed = mono_since(start);
		if (passed >= wait_ms || (c->suspect && passed >= REFUSED_MS))
			return client_failed(c, "no answer", err, e);
	}
}

enum rc client_check(struct client *c, struct err *e)
{
	client_poll(c);
	if (!c->suspect)
		return RC_OK;
	if (mono_since(c->asked) < ASK_MS)
		return err_set(RC_AGAIN, e, "Kafka is away: %s", c->complaint);
	c->asked = clock_mono();
	return client_reach(c, ASK_MS, e);
}

enum rc client_partitions(struct client *c, const char *topic, unsigned *have, struct err *e)
{
	const struct rd_kafka_metadata *m = NULL;
	rd_kafka_topic_t *rkt = rd_kafka_topic_new(c->rk, topic, NULL);
	if (rkt == NULL)
		return err_set(RC_BAD, e, "topic \"%s\": %s", topic, rd_kafka_err2str(rd_kafka_last_error()));
	rd_kafka_resp_err_t err = rd_kafka_metadata(c->rk, 0, rkt, &m, ANSWER_MS);
	rd_kafka_topic_destroy(rkt);
	if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
		return client_failed(c, topic, err, e);
	enum rc rc = RC_END;
	if (m->topic_cnt == 1)
		err = m->topics[0].err;
	if (m->topic_cnt == 1 && err == RD_KAFKA_RESP_ERR_NO_ERROR) {
		*have = (unsigned)m->topics[0].partition_cnt;
		rc = *have > 0 ? RC_OK : RC_END;
	} else if (err != RD_KAFKA_RESP_ERR_NO_ERROR && err != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
		rc = err_set(err == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION ? RC_BAD : RC_AGAIN, e, "topic \"%s\": %s", topic,
		    rd_kafka_err2str(err));
	}
	rd_kafka_metadata_destroy(m);
	return rc;
}

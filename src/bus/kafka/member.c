/*
 * Assignments come as call-backs while the library is polled, which happens at most every few milliseconds, whenever
 * somebody asks for a partition.
 */
#include "bus/kafka/member.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "bus/kafka/client.h"

enum {
	POLL_MS = 20,
	LET_GO_MS = 10000, /* readers may take that long to finish with what is asked back */
	AGAIN_MS = 1000,   /* after a fatal error: another process has our name */
	REJOIN_MS = 3000,
	NOTES_MS = 1000, /* for the brokers to take the last notes */
	NOTES_LOOK_MS = 5,
	NOTES_AGAIN_MS = 300,
};

struct own {
	char topic[BUS_TOPIC_MAX + 1];
	unsigned partition;
	bool used;  /* a reader works on it */
	bool asked; /* back */
};

struct member {
	const struct properties *properties;
	struct client client;
	char *name;
	bool cooperative;          /* partitions are given and asked back one by one, not all of them anew */
	rd_kafka_queue_t *answers; /* to notes */
	rd_kafka_topic_partition_list_t *notes;  /* to be told, NULL none */
	bool telling;                            /* others are under way */
	struct mono refused;                     /* when some were */
	rd_kafka_topic_partition_list_t *topics; /* NULL: not joined */
	unsigned *heard;                         /* partitions of each of them as heard last */
	uint64_t dealt;                          /* all together when it joined again, 0 not yet */
	struct mono joined;                      /* last */
	struct own *own;
	size_t owns, capacity;
	rd_kafka_topic_partition_list_t *back; /* asked back and not given up yet, NULL none */
	struct mono asked;                     /* when */
	struct mono polled;
	struct mono lost; /* when the handle failed for good */
	char reason[200];
};

struct member *member_new(const struct properties *p)
{
	struct member *m = mem_zero(1, sizeof *m);
	m->properties = p;
	return m;
}

static struct own *find(struct member *m, const char *topic, unsigned partition)
{
	for (size_t i = 0; i < m->owns; i++)
		if (m->own[i].partition == partition && strcmp(m->own[i].topic, topic) == 0)
			return &m->own[i];
	return NULL;
}

/* ---- what the group says ---- */

static void given(struct member *m, const rd_kafka_topic_partition_list_t *list)
{
	for (int i = 0; i < list->cnt; i++) {
		const rd_kafka_topic_partition_t *p = &list->elems[i];
		if (find(m, p->topic, (unsigned)p->partition) != NULL)
			continue;
		if (m->owns == m->capacity) {
			m->capacity = mem_grow(m->capacity, m->owns + 1);
			m->own = mem_resize(m->own, m->capacity * sizeof *m->own);
		}
		struct own *o = &m->own[m->owns++];
		*o = (struct own){.partition = (unsigned)p->partition};
		(void)str_copy(o->topic, sizeof o->topic, p->topic);
	}
}

static void taken(struct member *m, const rd_kafka_topic_partition_list_t *list)
{
	for (int i = 0; i < list->cnt; i++) {
		struct own *o = find(m, list->elems[i].topic, (unsigned)list->elems[i].partition);
		if (o != NULL)
			*o = m->own[--m->owns];
	}
}

static void assign(struct member *m, rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list)
{
	/* Nothing is read here: a position that needs no look-up, and no fetching. */
	for (int i = 0; i < list->cnt; i++)
		list->elems[i].offset = RD_KAFKA_OFFSET_END;
	if (m->cooperative) {
		rd_kafka_error_t *error = rd_kafka_incremental_assign(rk, list);
		if (error != NULL)
			rd_kafka_error_destroy(error);
	} else {
		(void)rd_kafka_assign(rk, list);
	}
	(void)rd_kafka_pause_partitions(rk, list);
	given(m, list);
}

static void unassign(struct member *m, rd_kafka_topic_partition_list_t *list)
{
	rd_kafka_error_t *error = NULL;
	if (m->cooperative)
		error = rd_kafka_incremental_unassign(m->client.rk, list);
	else
		(void)rd_kafka_assign(m->client.rk, NULL);
	if (error != NULL)
		rd_kafka_error_destroy(error);
}

/* The group waits for that, so that the next reader begins when this one has ended. */
static void give_up(struct member *m)
{
	if (m->back == NULL)
		return;
	unassign(m, m->back);
	taken(m, m->back);
	rd_kafka_topic_partition_list_destroy(m->back);
	m->back = NULL;
}

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list, void *opaque)
{
	struct member *m = ((struct client *)opaque)->owner;
	give_up(m);
	if (err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
		assign(m, rk, list);
		return;
	}
	m->back = rd_kafka_topic_partition_list_copy(list);
	m->asked = clock_mono();
	if (rd_kafka_assignment_lost(rk)) {
		give_up(m);
		return;
	}
	for (int i = 0; i < list->cnt; i++) {
		struct own *o = find(m, list->elems[i].topic, (unsigned)list->elems[i].partition);
		if (o != NULL)
			o->asked = true;
	}
}

static bool any_used(struct member *m)
{
	for (int i = 0; i < m->back->cnt; i++) {
		struct own *o = find(m, m->back->elems[i].topic, (unsigned)m->back->elems[i].partition);
		if (o != NULL && o->used)
			return true;
	}
	return false;
}

/* ---- the handle ---- */

static void note(struct member *m, const char *topic, int32_t partition, int64_t offset)
{
	if (m->notes == NULL)
		m->notes = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_t *p = rd_kafka_topic_partition_list_find(m->notes, topic, partition);
	if (p == NULL)
		p = rd_kafka_topic_partition_list_add(m->notes, topic, partition);
	p->offset = offset;
}

/* Brokers take none while the group shares out anew: once more, a little later, what is not superseded. */
static void on_told(rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list, void *opaque)
{
	struct member *m = opaque;
	m->telling = false;
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR || list == NULL)
		return;
	m->refused = clock_mono();
	for (int i = 0; i < list->cnt; i++) {
		const rd_kafka_topic_partition_t *p = &list->elems[i];
		if (m->notes == NULL || rd_kafka_topic_partition_list_find(m->notes, p->topic, p->partition) == NULL)
			note(m, p->topic, p->partition, p->offset);
	}
}

static void tell(struct member *m)
{
	(void)rd_kafka_queue_poll_callback(m->answers, 0);
	if (m->telling || m->notes == NULL || mono_since(m->refused) < NOTES_AGAIN_MS)
		return;
	m->telling =
	    rd_kafka_commit_queue(m->client.rk, m->notes, m->answers, on_told, m) == RD_KAFKA_RESP_ERR_NO_ERROR;
	rd_kafka_topic_partition_list_destroy(m->notes);
	m->notes = NULL;
}

static void hear(struct member *m)
{
	for (rd_kafka_message_t *none; (none = rd_kafka_consumer_poll(m->client.rk, 0)) != NULL;)
		rd_kafka_message_destroy(none);
	tell(m);
}

static void drop_list(rd_kafka_topic_partition_list_t **list)
{
	if (*list != NULL)
		rd_kafka_topic_partition_list_destroy(*list);
	*list = NULL;
}

/*
 * Only what people's tools show is waited for, and not for long; nothing is closed (client_close). What was subscribed
 * while the group shared out anew is applied by the library afterwards, also to a handle that is being destroyed, which
 * then aborts: so it is withdrawn. The group does not hear of that: a handle that is not closed says no good-bye.
 */
static void leave(struct member *m)
{
	struct mono start = clock_mono();
	if (m->client.rk == NULL)
		return;
	while ((m->telling || m->notes != NULL) && mono_since(start) < NOTES_MS) {
		hear(m);
		clock_sleep_ms(NOTES_LOOK_MS);
	}
	drop_list(&m->back);
	drop_list(&m->notes);
	m->telling = false;
	rd_kafka_queue_destroy(m->answers);
	(void)rd_kafka_unsubscribe(m->client.rk);
	client_close(&m->client);
	m->owns = 0;
}

void member_free(struct member **m)
{
	if (*m == NULL)
		return;
	leave(*m);
	drop_list(&(*m)->topics);
	mem_free(&(*m)->heard);
	mem_free(&(*m)->name);
	mem_free(&(*m)->own);
	mem_free(m);
}

static enum rc open_handle(struct member *m, struct err *e)
{
	const char *const set[] = {"enable.auto.commit", "false", "enable.auto.offset.store", "false",
	    "allow.auto.create.topics", "false", m->name != NULL ? "group.instance.id" : NULL, m->name, NULL};
	rd_kafka_conf_t *conf = properties_conf(m->properties, set);
	const char *strategy = properties_get(m->properties, "partition.assignment.strategy");
	m->cooperative = strategy != NULL && strstr(strategy, "cooperative") != NULL;
	rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
	enum rc rc = client_open(&m->client, RD_KAFKA_CONSUMER, conf, m, e);
	if (rc != RC_OK)
		return rc;
	(void)rd_kafka_poll_set_consumer(m->client.rk);
	m->answers = rd_kafka_queue_new(m->client.rk);
	m->dealt = 0;
	return RC_OK;
}

static enum rc subscribe(struct member *m, struct err *e)
{
	enum rc rc = m->client.rk == NULL ? open_handle(m, e) : RC_OK;
	if (rc != RC_OK)
		return rc;
	rd_kafka_resp_err_t err = rd_kafka_subscribe(m->client.rk, m->topics);
	m->joined = clock_mono();
	return err == RD_KAFKA_RESP_ERR_NO_ERROR ? RC_OK : client_failed(&m->client, "join the group", err, e);
}

enum rc member_join(struct member *m, const char *name, const char *const *topic, size_t topics, struct err *e)
{
	if (m->name == NULL || strcmp(m->name, name) != 0) {
		leave(m);
		mem_free(&m->name);
		m->name = mem_text(name);
	}
	drop_list(&m->topics);
	m->topics = rd_kafka_topic_partition_list_new((int)topics);
	mem_free(&m->heard);
	m->heard = mem_zero(topics, sizeof *m->heard);
	for (size_t i = 0; i < topics; i++)
		(void)rd_kafka_topic_partition_list_add(m->topics, topic[i], RD_KAFKA_PARTITION_UA);
	return subscribe(m, e);
}

bool member_joined(const struct member *m)
{
	return m->topics != NULL;
}

void member_heard(struct member *m, const char *topic, unsigned partitions)
{
	uint64_t all = 0;
	bool ours = false;
	struct err e;
	for (int i = 0; m->topics != NULL && i < m->topics->cnt; i++) {
		if (strcmp(m->topics->elems[i].topic, topic) == 0) {
			/* Topics grow together: the next look joins for all of them. */
			if (m->heard[i] != partitions) {
				m->heard[i] = partitions;
				return;
			}
			ours = true;
		}
		all += m->heard[i];
	}
	if (ours && all != m->dealt && m->client.rk != NULL && mono_since(m->joined) >= REJOIN_MS &&
	    subscribe(m, &e) == RC_OK)
		m->dealt = all;
}

/* A fatal error: somebody else came under our name. The one that came later has it; this one tries again in a while. */
static enum rc look_after(struct member *m, struct err *e)
{
	if (m->client.rk != NULL) {
		if (rd_kafka_fatal_error(m->client.rk, m->reason, sizeof m->reason) == RD_KAFKA_RESP_ERR_NO_ERROR)
			return RC_OK;
		leave(m);
		m->lost = clock_mono();
	}
	if (mono_since(m->lost) < AGAIN_MS)
		return err_set(RC_AGAIN, e, "Kafka: out of the group: %s", m->reason);
	m->lost = clock_mono();
	return subscribe(m, e);
}

static void serve(struct member *m)
{
	if (mono_since(m->polled) < POLL_MS)
		return;
	m->polled = clock_mono();
	hear(m);
	if (m->back != NULL && (!any_used(m) || mono_since(m->asked) > LET_GO_MS))
		give_up(m);
}

enum rc member_mine(struct member *m, const char *topic, unsigned partition, struct err *e)
{
	enum rc rc = look_after(m, e);
	if (rc != RC_OK)
		return rc;
	serve(m);
	struct own *o = find(m, topic, partition);
	if (o == NULL)
		return m->owns == 0 && m->client.suspect ? client_check(&m->client, e) == RC_OK ? RC_END : RC_AGAIN
		                                         : RC_END;
	if (o->asked)
		return RC_END;
	o->used = true;
	return RC_OK;
}

void member_let_go(struct member *m, const char *topic, unsigned partition)
{
	struct own *o = find(m, topic, partition);
	if (o != NULL)
		o->used = false;
}

void member_note(struct member *m, const char *topic, unsigned partition, uint64_t offset)
{
	struct err e;
	if (m->client.rk == NULL && (m->topics != NULL || open_handle(m, &e) != RC_OK))
		return;
	note(m, topic, (int32_t)partition, (int64_t)offset);
	tell(m);
}

void member_tend(struct member *m)
{
	if (m->client.rk != NULL)
		tell(m);
}

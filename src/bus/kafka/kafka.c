/*
 * kafka: the bus over a cluster of brokers (doc/bus.md, "Kafka"). What the contract asks of a bus is done by reader,
 * sender, member and admin; here they are put together, with what is known of topics.
 */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "bus/bus.h"
#include "bus/kafka/admin.h"
#include "bus/kafka/client.h"
#include "bus/kafka/member.h"
#include "bus/kafka/property.h"
#include "bus/kafka/reader.h"
#include "bus/kafka/sender.h"

enum {
	REACH_MS = 10000, /* for a first answer of any broker */
	SHOWN_MS = 10000, /* until all brokers know of a topic that was made */
	LOOK_MS = 50,
	FRAME_BYTES = 512, /* a record batch around one event, with 32 headers: at most 330 */
};

struct topic {
	char name[BUS_TOPIC_MAX + 1];
	unsigned partitions;
	size_t event_bytes; /* 0: not asked yet */
};

struct kafka {
	struct bus bus;
	struct properties properties;
	struct client client; /* a consumer in no group: metadata, administration, reading */
	struct reader *reader;
	struct sender sender;
	struct member *member;
	struct topic *topic;
	size_t topics, capacity;
};

static struct kafka *of(struct bus *b)
{
	return (struct kafka *)b;
}

/* ---- topics ---- */

static struct topic *known(struct kafka *k, const char *name)
{
	for (size_t i = 0; i < k->topics; i++)
		if (strcmp(k->topic[i].name, name) == 0)
			return &k->topic[i];
	return NULL;
}

static void forget(struct kafka *k, const char *name)
{
	struct topic *t = known(k, name);
	if (t != NULL)
		*t = k->topic[--k->topics];
}

static enum rc look_up(struct kafka *k, const char *name, struct topic **out, struct err *e)
{
	unsigned have = 0;
	enum rc rc = client_partitions(&k->client, name, &have, e);
	if (rc == RC_END)
		forget(k, name);
	if (rc != RC_OK)
		return rc;
	struct topic *t = known(k, name);
	if (t == NULL) {
		if (k->topics == k->capacity) {
			k->capacity = mem_grow(k->capacity, k->topics + 1);
			k->topic = mem_resize(k->topic, k->capacity * sizeof *k->topic);
		}
		t = &k->topic[k->topics++];
		*t = (struct topic){.event_bytes = 0};
		(void)str_copy(t->name, sizeof t->name, name);
	}
	t->partitions = have;
	*out = t;
	return RC_OK;
}

static enum rc find_partition(struct kafka *k, const char *name, unsigned partition, struct topic **out, struct err *e)
{
	struct topic *t = known(k, name);
	enum rc rc = t == NULL || partition >= t->partitions ? look_up(k, name, &t, e) : RC_OK;
	*out = t;
	return bus_has_partition(rc, name, partition, rc == RC_OK ? t->partitions : 0, e);
}

static enum rc topic_partitions(struct bus *bus, const char *name, unsigned *have, struct err *e)
{
	struct topic *t = NULL;
	enum rc rc = look_up(of(bus), name, &t, e);
	if (rc == RC_OK) {
		*have = t->partitions;
		member_heard(of(bus)->member, name, t->partitions);
	}
	return rc;
}

static enum rc topic_ensure(struct bus *bus, const char *name, unsigned partitions, unsigned *have, struct err *e)
{
	struct kafka *k = of(bus);
	struct topic *t = NULL;
	enum rc rc = look_up(k, name, &t, e);
	bool enough = rc == RC_OK && t->partitions >= partitions;
	if (rc == RC_END)
		rc = admin_make(&k->client, &k->properties, name, partitions, e);
	else if (rc == RC_OK && !enough)
		rc = admin_grow(&k->client, name, partitions, e);
	/* The controller has decided; the brokers hear of it a little later. Somebody else may have made it smaller. */
	struct mono start = clock_mono();
	while (rc == RC_OK && !enough) {
		rc = look_up(k, name, &t, e);
		enough = rc == RC_OK && t->partitions >= partitions;
		if (enough || (rc != RC_OK && rc != RC_END))
			break;
		if (mono_since(start) > SHOWN_MS)
			return err_set(RC_AGAIN, e, "topic \"%s\" does not show its partitions yet", name);
		rc = RC_OK;
		clock_sleep_ms(LOOK_MS);
	}
	if (rc == RC_OK && have != NULL)
		*have = t->partitions;
	return rc;
}

/* Brokers say anew what they take. */
static void forget_limits(struct kafka *k)
{
	k->sender.least = k->sender.most = 0;
	for (size_t i = 0; i < k->topics; i++)
		k->topic[i].event_bytes = 0;
}

static enum rc learn_limit(struct kafka *k, struct topic *t, struct err *e)
{
	size_t most = 0;
	if (t->event_bytes != 0)
		return RC_OK;
	enum rc rc = admin_message_max(&k->client, t->name, &most, e);
	if (rc != RC_OK)
		return rc;
	sender_limit(&k->sender, most);
	most = most != 0 ? most : k->sender.least;
	size_t bound = sender_bound(&k->sender);
	if (most > bound)
		most = bound;
	t->event_bytes = most > 2 * FRAME_BYTES ? most - FRAME_BYTES : FRAME_BYTES;
	return RC_OK;
}

static enum rc limits(struct bus *bus, const char *name, struct bus_limits *out, struct err *e)
{
	struct kafka *k = of(bus);
	struct topic *t = NULL;
	enum rc rc = find_partition(k, name, 0, &t, e);
	forget_limits(k);
	if (rc == RC_OK)
		rc = learn_limit(k, t, e);
	if (rc == RC_OK)
		out->event_bytes = t->event_bytes;
	return rc;
}

/* ---- producing ---- */

static size_t event_bytes(const struct bus_header *header, size_t headers, struct bus_bytes key, struct bus_bytes value)
{
	size_t bytes = key.len + value.len;
	for (size_t i = 0; i < headers; i++)
		bytes += strlen(header[i].name) + header[i].value.len;
	return bytes;
}

static enum rc produce(struct bus *bus, const char *name, unsigned partition, const struct bus_header *header,
    size_t headers, struct bus_bytes key, struct bus_bytes value, void *context, struct err *e)
{
	struct kafka *k = of(bus);
	struct topic *t = NULL;
	enum rc rc = find_partition(k, name, partition, &t, e);
	if (rc == RC_OK)
		rc = learn_limit(k, t, e);
	if (rc != RC_OK)
		return rc;
	size_t bytes = event_bytes(header, headers, key, value);
	if (bytes > t->event_bytes)
		return err_set(RC_BAD, e, "an event of %zu bytes, at most %zu are taken", bytes, t->event_bytes);
	return sender_produce(&k->sender, name, partition, header, headers, key, value, context, e);
}

static enum rc flush(struct bus *bus, int64_t wait_ms,
    void (*acknowledged)(void *user, void *context, enum rc rc, uint64_t offset), void *user, struct err *e)
{
	struct kafka *k = of(bus);
	enum rc rc = sender_flush(&k->sender, wait_ms, acknowledged, user, e);
	if (k->sender.too_large) {
		k->sender.too_large = false;
		forget_limits(k);
	}
	if (k->sender.gone) { /* which of them, the next look-up finds out */
		k->sender.gone = false;
		k->topics = 0;
	}
	return rc;
}

/* ---- reading ---- */

static enum rc fetch(struct bus *bus, const char *name, unsigned partition, uint64_t offset, int64_t wait_ms,
    struct bus_event *out, struct err *e)
{
	struct kafka *k = of(bus);
	struct topic *t = NULL;
	bool gone = false;
	enum rc rc = find_partition(k, name, partition, &t, e);
	if (rc == RC_OK)
		rc = reader_fetch(k->reader, name, partition, offset, wait_ms, out, &gone, e);
	if (gone)
		forget(k, name);
	return rc;
}

static enum rc range(
    struct bus *bus, const char *name, unsigned partition, uint64_t *first, uint64_t *next, struct err *e)
{
	struct kafka *k = of(bus);
	struct topic *t = NULL;
	bool gone = false;
	enum rc rc = find_partition(k, name, partition, &t, e);
	if (rc == RC_OK)
		rc = reader_range(k->reader, name, partition, first, next, &gone, e);
	if (gone)
		forget(k, name);
	return rc;
}

/* The topic's retention decides; tools that show how far a group is get to know. */
static enum rc trim(struct bus *bus, const char *name, unsigned partition, uint64_t offset, struct err *e)
{
	if (offset <= INT64_MAX)
		member_note(of(bus)->member, name, partition, offset);
	return RC_OK;
}

/* ---- sharing ---- */

static enum rc join(struct bus *bus, const char *member, const char *const *topic, size_t topics, struct err *e)
{
	return member_join(of(bus)->member, member, topic, topics, e);
}

static enum rc claim(struct bus *bus, const char *name, unsigned partition, struct err *e)
{
	struct kafka *k = of(bus);
	struct topic *t = NULL;
	if (!member_joined(k->member)) {
		member_tend(k->member);
		return RC_OK;
	}
	enum rc rc = member_mine(k->member, name, partition, e);
	/* A group hands out nothing of a topic that was deleted: say that, not that another has it. */
	if (rc == RC_END && known(k, name) == NULL && look_up(k, name, &t, e) == RC_END)
		rc = err_set(RC_AGAIN, e, "there is no topic \"%s\"", name);
	return rc;
}

static void release(struct bus *bus, const char *name, unsigned partition)
{
	struct kafka *k = of(bus);
	reader_stop(k->reader, name, partition);
	member_let_go(k->member, name, partition);
}

static enum rc usage(struct bus *bus, uint64_t *used, uint64_t *bound, struct err *e)
{
	*used = *bound = 0;
	return RC_OK;
}

/* ---- opening ---- */

static void close_bus(struct bus *bus)
{
	struct kafka *k = of(bus);
	sender_fini(&k->sender);
	member_free(&k->member);
	reader_free(&k->reader);
	client_close(&k->client);
	properties_fini(&k->properties);
	mem_free(&k->topic);
	mem_release(k);
}

static enum rc open_bus(
    const char *place, const struct bus_option *option, size_t options, struct bus **out, struct err *e)
{
	static const char *const set[] = {"enable.auto.commit", "false", "auto.offset.reset", "error",
	    "enable.partition.eof", "true", "allow.auto.create.topics", "false", NULL};
	struct kafka *k = mem_zero(1, sizeof *k);
	k->bus.ops = &bus_kafka;
	sender_init(&k->sender, &k->properties);
	k->member = member_new(&k->properties);
	enum rc rc = properties_read(place, option, options, &k->properties, e);
	if (rc == RC_OK)
		rc = client_open(&k->client, RD_KAFKA_CONSUMER, properties_conf(&k->properties, set), k, e);
	if (rc == RC_OK)
		rc = client_reach(&k->client, REACH_MS, e);
	k->reader = reader_new(&k->client, properties_number(&k->properties, "queued.max.messages.kbytes", 0) * 1024);
	if (rc == RC_OK)
		*out = &k->bus;
	else
		close_bus(&k->bus);
	return rc;
}

const struct bus_ops bus_kafka = {
    .scheme = "kafka",
    .check = properties_check,
    .open = open_bus,
    .topic_ensure = topic_ensure,
    .topic_partitions = topic_partitions,
    .limits = limits,
    .produce = produce,
    .flush = flush,
    .fetch = fetch,
    .range = range,
    .trim = trim,
    .join = join,
    .claim = claim,
    .release = release,
    .usage = usage,
    .close = close_bus,
};

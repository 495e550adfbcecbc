/*
 * librdkafka knows its properties; nothing here lists them. What is listed: those that the contract of the bus depends
 * on, those that are secrets, and the defaults that differ from the library's.
 */
#include "bus/kafka/property.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

enum { SECRET_MAX = 1 << 20, LINE_CHARS = 200 };

/* The contract of the bus stands on these. */
static const char *const ours[] = {"bootstrap.servers", "metadata.broker.list", "enable.idempotence", "acks",
    "request.required.acks", "transactional.id", "enable.auto.commit", "auto.commit.enable", "enable.auto.offset.store",
    "auto.offset.reset", "enable.partition.eof", "allow.auto.create.topics", "delivery.report.only.error",
    "partitioner", "group.instance.id", "log.queue", "enabled_events"};

static const char *const secret[] = {"sasl.password", "ssl.key.password", "ssl.key.pem", "ssl.keystore.password",
    "sasl.oauthbearer.client.secret", "sasl.oauthbearer.config"};

/* Bounded memory; added partitions and new events are seen soon; a dead reader is noticed. */
static const char *const defaults[][2] = {
    {"client.id", "sluice"},
    {"topic.metadata.refresh.interval.ms", "1000"},
    {"queue.buffering.max.kbytes", "32768"},
    {"compression.codec", "lz4"},
    {"queued.max.messages.kbytes", "8192"},
    {"fetch.message.max.bytes", "4194304"},
    {"fetch.wait.max.ms", "50"},
    {"check.crcs", "true"},
    {"session.timeout.ms", "8000"},
    {"heartbeat.interval.ms", "2000"},
    {"max.poll.interval.ms", "3600000"},
    {"partition.assignment.strategy", "roundrobin"},
    {"group.id", "sluice"},
    {"reconnect.backoff.max.ms", "2000"},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool is_among(const char *name, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i], name) == 0)
			return true;
	return false;
}

/* " (did you mean …?)" from the library's own table of properties. */
static const char *nearest(const char *name, char *out, size_t size)
{
	char *text = NULL, best[LINE_CHARS] = "";
	size_t len = 0, least = strlen(name) / 3 + 2;
	FILE *f = open_memstream(&text, &len);
	out[0] = '\0';
	if (f == NULL)
		return out;
	rd_kafka_conf_properties_show(f);
	fclose(f);
	for (char *save = NULL, *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
		char word[LINE_CHARS];
		if (sscanf(line, "%199[a-z_.0-9] ", word) != 1 || strchr(line, '|') == NULL)
			continue;
		size_t distance = str_distance(name, word);
		if (distance < least && !is_among(word, ours, COUNT(ours))) {
			least = distance;
			strcpy(best, word);
		}
	}
	free(text);
	if (best[0] != '\0')
		snprintf(out, size, " (did you mean \"%s\"?)", best);
	return out;
}

/* Does the library take it? value NULL: the name alone is judged. */
static enum rc try_property(const char *name, const char *value, struct err *e)
{
	char why[300] = "", hint[LINE_CHARS + 24];
	if (is_among(name, ours, COUNT(ours)))
		return err_set(RC_BAD, e, "%s: is set by sluice itself", name);
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_res_t res = rd_kafka_conf_set(conf, name, value != NULL ? value : "x", why, sizeof why);
	rd_kafka_conf_destroy(conf);
	if (res == RD_KAFKA_CONF_UNKNOWN)
		return err_set(RC_BAD, e, "%.100s: librdkafka %s has no such property%s", name, rd_kafka_version_str(),
		    nearest(name, hint, sizeof hint));
	if (res == RD_KAFKA_CONF_OK || value == NULL)
		return RC_OK;
	return err_set(RC_BAD, e, "%s: %s", name, why);
}

static void add(struct property **list, size_t *count, const char *name, const char *value)
{
	*list = mem_resize(*list, (*count + 1) * sizeof **list);
	(*list)[(*count)++] = (struct property){mem_text(name), mem_text(value)};
}

static enum rc add_topic(struct properties *p, const char *name, const char *value, struct err *e)
{
	int64_t copies = -1;
	if (strcmp(name, "replication.factor") != 0) {
		if (p != NULL)
			add(&p->topic, &p->topics, name, value);
		return RC_OK;
	}
	if (str_number(value, 1, INT16_MAX, &copies, e) != RC_OK)
		return err_wrap(RC_BAD, e, "topic: %s", name);
	if (p != NULL)
		p->replication = (int)copies;
	return RC_OK;
}

/* The value that lies in a file (without the newline at its end) or in the environment. */
static enum rc find_secret(const char *name, const char *where, const char *from, char **out, struct err *e)
{
	size_t size = 0;
	if (strcmp(where, "env") == 0) {
		const char *value = getenv(from);
		if (value == NULL || value[0] == '\0')
			return err_set(RC_BAD, e, "%s: the environment has no %.100s", name, from);
		*out = mem_text(value);
		return RC_OK;
	}
	enum rc rc = file_load(from, SECRET_MAX, out, &size, e);
	if (rc == RC_END)
		rc = err_set(RC_BAD, e, "%.300s: no such file", from);
	if (rc != RC_OK)
		return err_wrap(rc == RC_FAIL ? RC_BAD : rc, e, "%s", name);
	while (size > 0 && ((*out)[size - 1] == '\n' || (*out)[size - 1] == '\r'))
		(*out)[--size] = '\0';
	return RC_OK;
}

/* p NULL: only judge. */
static enum rc take(struct properties *p, const struct bus_option *o, struct err *e)
{
	char name[LINE_CHARS], *value = NULL;
	const char *slash = strrchr(o->key, '/');
	if (str_starts(o->key, "topic/"))
		return add_topic(p, o->key + 6, o->value, e);
	snprintf(name, sizeof name, "%.*s", (int)(slash != NULL ? slash - o->key : LINE_CHARS - 1), o->key);
	if (slash == NULL && is_among(name, secret, COUNT(secret)))
		return err_set(RC_BAD, e, "%s: a secret stands elsewhere: { file: PATH } or { env: VARIABLE }", name);
	if (slash != NULL && strcmp(slash, "/file") != 0 && strcmp(slash, "/env") != 0)
		return err_set(RC_BAD, e, "%s: takes file or env, not \"%.60s\"", name, slash + 1);
	enum rc rc = try_property(name, slash == NULL ? o->value : NULL, e);
	if (rc != RC_OK || p == NULL)
		return rc;
	if (slash == NULL)
		value = mem_text(o->value);
	else
		rc = find_secret(name, slash + 1, o->value, &value, e);
	if (rc == RC_OK && slash != NULL && try_property(name, value, e) != RC_OK)
		rc = err_set(RC_BAD, e, "%s: librdkafka refuses what %.300s holds", name, o->value);
	if (rc == RC_OK)
		add(&p->client, &p->clients, name, value);
	mem_free(&value);
	return rc;
}

static enum rc take_all(
    const char *place, const struct bus_option *option, size_t options, struct properties *p, struct err *e)
{
	if (place[0] == '\0')
		return err_set(RC_BAD, e, "the Kafka bus needs brokers: kafka://host:9092,host:9092");
	enum rc rc = RC_OK;
	for (size_t i = 0; i < options && rc == RC_OK; i++)
		rc = take(p, &option[i], e);
	return rc;
}

enum rc properties_check(const char *place, const struct bus_option *option, size_t options, struct err *e)
{
	return take_all(place, option, options, NULL, e);
}

enum rc properties_read(
    const char *place, const struct bus_option *option, size_t options, struct properties *out, struct err *e)
{
	struct properties p = {.brokers = mem_text(place), .replication = -1};
	enum rc rc = take_all(place, option, options, &p, e);
	/* "kafka://host:9092/" is a slip that everybody makes. */
	size_t len = strlen(p.brokers);
	if (len > 0 && p.brokers[len - 1] == '/')
		p.brokers[len - 1] = '\0';
	if (rc == RC_OK)
		*out = p;
	else
		properties_fini(&p);
	return rc;
}

static void list_fini(struct property *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		/* It may be a password. */
		explicit_bzero(list[i].value, strlen(list[i].value));
		mem_free(&list[i].name);
		mem_free(&list[i].value);
	}
	mem_release(list);
}

void properties_fini(struct properties *p)
{
	list_fini(p->client, p->clients);
	list_fini(p->topic, p->topics);
	mem_free(&p->brokers);
	*p = (struct properties){.replication = -1};
}

const char *properties_get(const struct properties *p, const char *name)
{
	for (size_t i = p->clients; i-- > 0;)
		if (strcmp(p->client[i].name, name) == 0)
			return p->client[i].value;
	for (size_t i = 0; i < COUNT(defaults); i++)
		if (strcmp(defaults[i][0], name) == 0)
			return defaults[i][1];
	return NULL;
}

size_t properties_number(const struct properties *p, const char *name, size_t otherwise)
{
	const char *value = properties_get(p, name);
	return value != NULL ? strtoull(value, NULL, 10) : otherwise;
}

rd_kafka_conf_t *properties_conf(const struct properties *p, const char *const *set)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char why[200];
	for (size_t i = 0; i < COUNT(defaults); i++)
		(void)rd_kafka_conf_set(conf, defaults[i][0], defaults[i][1], why, sizeof why);
	/* Newer libraries wait a second before they fetch on after a full queue; older ones don't know the property. */
	(void)rd_kafka_conf_set(conf, "fetch.queue.backoff.ms", "5", why, sizeof why);
	for (size_t i = 0; i < p->clients; i++)
		(void)rd_kafka_conf_set(conf, p->client[i].name, p->client[i].value, why, sizeof why);
	rd_kafka_conf_res_t res = rd_kafka_conf_set(conf, "bootstrap.servers", p->brokers, why, sizeof why);
	for (; *set != NULL && res == RD_KAFKA_CONF_OK; set += 2)
		res = rd_kafka_conf_set(conf, set[0], set[1], why, sizeof why);
	assert(res == RD_KAFKA_CONF_OK);
	return conf;
}

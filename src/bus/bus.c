/*
 * bus: checks what every provider may rely on, so that providers stay small.
 */
#include "bus/bus.h"
#include "base/fault.h"

#include <assert.h>
#include <string.h>

static bool topic_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
	       c == '-';
}

static enum rc check_topic(const char *topic, struct err *e)
{
	size_t len = 0;
	while (topic[len] != '\0' && len <= BUS_TOPIC_MAX) {
		if (!topic_letter(topic[len]))
			return err_set(
			    RC_BAD, e, "topic \"%.249s\": only letters, digits, dot, underscore and dash", topic);
		len++;
	}
	if (len == 0 || len > BUS_TOPIC_MAX)
		return err_set(RC_BAD, e, "topic \"%.249s\": must have 1 to %d characters", topic, BUS_TOPIC_MAX);
	return RC_OK;
}

static enum rc check_place(const char *topic, unsigned partition, struct err *e)
{
	if (partition >= BUS_PARTITIONS_MAX)
		return err_set(RC_BAD, e, "topic \"%.249s\": partition %u: there are at most %d", topic, partition,
		    BUS_PARTITIONS_MAX);
	return check_topic(topic, e);
}

static enum rc check_headers(const struct bus_header *header, size_t headers, struct err *e)
{
	if (headers > BUS_HEADERS_MAX)
		return err_set(RC_BAD, e, "%zu headers: an event has at most %d", headers, BUS_HEADERS_MAX);
	for (size_t i = 0; i < headers; i++) {
		size_t len = strspn(header[i].name, "abcdefghijklmnopqrstuvwxyz_");
		if (len == 0 || len > BUS_HEADER_NAME_MAX || header[i].name[len] != '\0')
			return err_set(RC_BAD, e, "header \"%.64s\": a name is 1 to %d of a-z and underscore",
			    header[i].name, BUS_HEADER_NAME_MAX);
		assert(header[i].value.at != NULL || header[i].value.len == 0);
	}
	return RC_OK;
}

enum rc bus_open(const struct bus_ops *ops, const char *place, const struct bus_option *option, size_t options,
    struct bus **out, struct err *e)
{
	return ops->open(place, option, options, out, e);
}

enum rc bus_check(
    const struct bus_ops *ops, const char *place, const struct bus_option *option, size_t options, struct err *e)
{
	return ops->check != NULL ? ops->check(place, option, options, e) : RC_OK;
}

enum rc bus_topic_ensure(struct bus *b, const char *topic, unsigned partitions, unsigned *have, struct err *e)
{
	if (partitions == 0 || partitions > BUS_PARTITIONS_MAX)
		return err_set(RC_BAD, e, "topic \"%.249s\": %u partitions: must be 1 to %d", topic, partitions,
		    BUS_PARTITIONS_MAX);
	enum rc rc = check_topic(topic, e);
	if (rc == RC_OK)
		rc = b->ops->topic_ensure(b, topic, partitions, have, e);
	return rc == RC_OK ? FAULT(BUS_ENSURED, e) : rc;
}

enum rc bus_topic_partitions(struct bus *b, const char *topic, unsigned *have, struct err *e)
{
	enum rc rc = check_topic(topic, e);
	return rc == RC_OK ? b->ops->topic_partitions(b, topic, have, e) : rc;
}

enum rc bus_has_partition(enum rc looked, const char *topic, unsigned partition, unsigned have, struct err *e)
{
	if (looked == RC_END)
		return err_set(RC_BAD, e, "there is no topic \"%s\"", topic);
	if (looked == RC_OK && partition >= have)
		return err_set(RC_BAD, e, "topic \"%s\" has no partition %u, it has %u", topic, partition, have);
	return looked;
}

enum rc bus_limits(struct bus *b, const char *topic, struct bus_limits *out, struct err *e)
{
	enum rc rc = check_topic(topic, e);
	return rc == RC_OK ? b->ops->limits(b, topic, out, e) : rc;
}

enum rc bus_produce(struct bus *b, const char *topic, unsigned partition, const struct bus_header *header,
    size_t headers, struct bus_bytes key, struct bus_bytes value, void *context, struct err *e)
{
	assert(key.at != NULL || key.len == 0);
	assert(value.at != NULL || value.len == 0);
	enum rc rc = check_place(topic, partition, e);
	if (rc == RC_OK)
		rc = check_headers(header, headers, e);
	return rc == RC_OK ? b->ops->produce(b, topic, partition, header, headers, key, value, context, e) : rc;
}

enum rc bus_flush(struct bus *b, int64_t wait_ms,
    void (*acknowledged)(void *user, void *context, enum rc rc, uint64_t offset), void *user, struct err *e)
{
	return b->ops->flush(b, wait_ms, acknowledged, user, e);
}

enum rc bus_fetch(struct bus *b, const char *topic, unsigned partition, uint64_t offset, int64_t wait_ms,
    struct bus_event *out, struct err *e)
{
	enum rc rc = check_place(topic, partition, e);
	return rc == RC_OK ? b->ops->fetch(b, topic, partition, offset, wait_ms, out, e) : rc;
}

enum rc bus_range(struct bus *b, const char *topic, unsigned partition, uint64_t *first, uint64_t *next, struct err *e)
{
	enum rc rc = check_place(topic, partition, e);
	return rc == RC_OK ? b->ops->range(b, topic, partition, first, next, e) : rc;
}

enum rc bus_trim(struct bus *b, const char *topic, unsigned partition, uint64_t offset, struct err *e)
{
	enum rc rc = check_place(topic, partition, e);
	return rc == RC_OK ? b->ops->trim(b, topic, partition, offset, e) : rc;
}

enum rc bus_join(struct bus *b, const char *member, const char *const *topic, size_t topics, struct err *e)
{
	enum rc rc = RC_OK;
	for (size_t i = 0; i < topics && rc == RC_OK; i++)
		rc = check_topic(topic[i], e);
	if (rc != RC_OK)
		return rc;
	return b->ops->join != NULL ? b->ops->join(b, member, topic, topics, e) : RC_END;
}

bool bus_shares(const struct bus *b)
{
	return b->ops->join != NULL;
}

enum rc bus_claim(struct bus *b, const char *topic, unsigned partition, struct err *e)
{
	enum rc rc = check_place(topic, partition, e);
	if (rc != RC_OK || b->ops->claim == NULL)
		return rc;
	return b->ops->claim(b, topic, partition, e);
}

void bus_release(struct bus *b, const char *topic, unsigned partition)
{
	if (b->ops->release != NULL)
		b->ops->release(b, topic, partition);
}

enum rc bus_usage(struct bus *b, uint64_t *used, uint64_t *bound, struct err *e)
{
	return b->ops->usage(b, used, bound, e);
}

void bus_close(struct bus **b)
{
	if (*b == NULL)
		return;
	(*b)->ops->close(*b);
	*b = NULL;
}

struct bus_bytes bus_event_header(const struct bus_event *event, const char *name)
{
	for (size_t i = 0; i < event->headers; i++)
		if (strcmp(event->header[i].name, name) == 0)
			return event->header[i].value;
	return (struct bus_bytes){NULL, 0};
}

/*
 * Over the library's consumer of single partitions: each has a queue that fills in the background. What came out of it
 * is kept in a row by offset; reading on moves through that row, and only an offset outside of it costs a seek.
 */
#include "bus/kafka/reader.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

enum {
	BATCH = 128,      /* events taken out of the library's queue at once */
	ANSWER_MS = 5000, /* of a broker, for a request */
	COMING_MS = 3000, /* for events that are known to be there */
	MOVING_MS = 3000, /* for a partition to have a leader */
	LOOK_MS = 20,
	SLICE_MS = 100, /* between looks at complaints */
	BEHIND_BYTES = 16 << 20,
};

struct part {
	char *topic;
	unsigned partition;
	rd_kafka_topic_t *rkt;
	bool started;
	uint64_t from, at; /* the row holds all that lies in between; at: what the library's queue gives next */
	uint64_t ended;    /* the queue told that it ends there, UINT64_MAX not */
	uint64_t known;    /* the end as the brokers told at the start */
	size_t taken;      /* bytes out of the queue since it was empty */
	rd_kafka_message_t **row;
	size_t first, count, capacity; /* row[first] .. row[count - 1] */
	size_t cursor;                 /* in row: the one given last */
	size_t bytes;                  /* of the row up to cursor */
};

struct reader {
	struct client *client;
	struct part **part;
	size_t parts, capacity;
	size_t behind; /* bytes of all rows up to their cursors */
	size_t full;   /* the library stops to fetch for a queue that holds this many bytes */
	struct bus_header header[BUS_HEADERS_MAX];
};

struct reader *reader_new(struct client *c, size_t queue_bytes)
{
	struct reader *r = mem_zero(1, sizeof *r);
	r->client = c;
	r->full = queue_bytes;
	return r;
}

static size_t size_of(const rd_kafka_message_t *m)
{
	return m->len + m->key_len + 256;
}

static void row_clear(struct reader *r, struct part *p)
{
	for (size_t i = p->first; i < p->count; i++)
		rd_kafka_message_destroy(p->row[i]);
	r->behind -= p->bytes;
	p->bytes = 0;
	p->first = p->count = p->cursor = 0;
}

static void halt(struct reader *r, struct part *p)
{
	if (p->started)
		(void)rd_kafka_consume_stop(p->rkt, (int32_t)p->partition);
	p->started = false;
	row_clear(r, p);
}

static void part_free(struct reader *r, struct part *p)
{
	halt(r, p);
	rd_kafka_topic_destroy(p->rkt);
	mem_free(&p->topic);
	mem_free(&p->row);
	mem_release(p);
}

void reader_free(struct reader **r)
{
	if (*r == NULL)
		return;
	for (size_t i = 0; i < (*r)->parts; i++)
		part_free(*r, (*r)->part[i]);
	mem_free(&(*r)->part);
	mem_free(r);
}

static size_t place_of(const struct reader *r, const char *topic, unsigned partition)
{
	size_t i = 0;
	while (i < r->parts && (r->part[i]->partition != partition || strcmp(r->part[i]->topic, topic) != 0))
		i++;
	return i;
}

static struct part *part_of(struct reader *r, const char *topic, unsigned partition)
{
	size_t i = place_of(r, topic, partition);
	if (i < r->parts)
		return r->part[i];
	if (r->parts == r->capacity) {
		r->capacity = mem_grow(r->capacity, r->parts + 1);
		r->part = mem_resize(r->part, r->capacity * sizeof *r->part);
	}
	struct part *p = mem_zero(1, sizeof *p);
	p->topic = mem_text(topic);
	p->partition = partition;
	p->rkt = rd_kafka_topic_new(r->client->rk, topic, NULL);
	assert(p->rkt != NULL);
	r->part[r->parts++] = p;
	return p;
}

void reader_stop(struct reader *r, const char *topic, unsigned partition)
{
	size_t i = place_of(r, topic, partition);
	if (i == r->parts)
		return;
	part_free(r, r->part[i]);
	r->part[i] = r->part[--r->parts];
}

/* ---- what went wrong ---- */

static bool is_gone(rd_kafka_resp_err_t err)
{
	return err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
	       err == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

/* A partition that was just made, or whose leader changes. */
static bool is_moving(rd_kafka_resp_err_t err)
{
	return err == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION || err == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ||
	       err == RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE;
}

static enum rc failed(
    struct reader *r, const char *topic, unsigned partition, rd_kafka_resp_err_t err, bool *gone, struct err *e)
{
	*gone = is_gone(err);
	if (*gone)
		return err_set(RC_BAD, e, "topic \"%s\" has no partition %u any more", topic, partition);
	enum rc rc = client_failed(r->client, "no answer", err, e);
	return err_wrap(rc, e, "%s/%u", topic, partition);
}

/*
 * One end of what a partition's leader has: RD_KAFKA_OFFSET_BEGINNING or _END, which are times to the brokers. The
 * library's own call for both ends does not come back before 2.3 while the leader is away, whatever its time-out is
 * (librdkafka#2588), not even when another broker leads by then.
 */
static rd_kafka_resp_err_t ask_end(
    struct reader *r, const char *topic, unsigned partition, int64_t which, int64_t *offset)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_t *one = rd_kafka_topic_partition_list_add(list, topic, (int32_t)partition);
	one->offset = which;
	rd_kafka_resp_err_t err = rd_kafka_offsets_for_times(r->client->rk, list, ANSWER_MS);
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
		err = one->err;
	*offset = one->offset;
	rd_kafka_topic_partition_list_destroy(list);
	return err;
}

/* The library says of a partition without a leader that there is none. */
static bool is_there(struct reader *r, const char *topic, unsigned partition)
{
	unsigned have = 0;
	struct err ignored;
	return client_partitions(r->client, topic, &have, &ignored) == RC_OK && partition < have;
}

static rd_kafka_resp_err_t ask_ends(
    struct reader *r, const char *topic, unsigned partition, int64_t *low, int64_t *high)
{
	rd_kafka_resp_err_t err = ask_end(r, topic, partition, RD_KAFKA_OFFSET_BEGINNING, low);
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
		err = ask_end(r, topic, partition, RD_KAFKA_OFFSET_END, high);
	return is_gone(err) && is_there(r, topic, partition) ? RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE : err;
}

enum rc reader_range(
    struct reader *r, const char *topic, unsigned partition, uint64_t *first, uint64_t *next, bool *gone, struct err *e)
{
	int64_t low = 0, high = 0;
	struct mono start = clock_mono();
	rd_kafka_resp_err_t err;
	*gone = false;
	while ((err = ask_ends(r, topic, partition, &low, &high)) != RD_KAFKA_RESP_ERR_NO_ERROR && is_moving(err) &&
	       mono_since(start) < MOVING_MS)
		clock_sleep_ms(LOOK_MS);
	if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
		return failed(r, topic, partition, err, gone, e);
	*first = (uint64_t)low;
	*next = (uint64_t)high;
	return RC_OK;
}

/* RC_BAD when the offset was never kept here or is not any more; RC_OK when it is. */
static enum rc judge(struct reader *r, const struct part *p, uint64_t offset, uint64_t *next, struct bus_event *out,
    bool *gone, struct err *e)
{
	uint64_t first = 0;
	enum rc rc = reader_range(r, p->topic, p->partition, &first, next, gone, e);
	if (rc != RC_OK || (offset >= first && offset <= *next))
		return rc;
	out->offset = first;
	return err_set(RC_BAD, e,
	    "%s/%u: offset %" PRIu64 " is %s: %" PRIu64 " is the first kept, %" PRIu64 " the next to come", p->topic,
	    p->partition, offset, offset < first ? "gone" : "not of this bus", first, *next);
}

/* ---- positions ---- */

static enum rc begin(
    struct reader *r, struct part *p, uint64_t offset, struct bus_event *out, bool *gone, struct err *e)
{
	uint64_t next = p->known;
	/* Back to what was read before: if it was trimmed meanwhile, the fetch says so. */
	if (!p->started || offset > p->at) {
		enum rc rc = judge(r, p, offset, &next, out, gone, e);
		if (rc != RC_OK)
			return rc;
	}
	row_clear(r, p);
	int failure = 0;
	if (p->started)
		failure = rd_kafka_seek(p->rkt, (int32_t)p->partition, (int64_t)offset, ANSWER_MS);
	if (failure != 0)
		halt(r, p);
	if (!p->started && rd_kafka_consume_start(p->rkt, (int32_t)p->partition, (int64_t)offset) != 0)
		return failed(r, p->topic, p->partition, rd_kafka_last_error(), gone, e);
	p->started = true;
	p->from = p->at = offset;
	p->known = next;
	p->taken = 0;
	p->ended = UINT64_MAX;
	return RC_OK;
}

static void row_add(struct part *p, rd_kafka_message_t *m)
{
	if (p->count == p->capacity && p->first > p->capacity / 2) {
		memmove(p->row, p->row + p->first, (p->count - p->first) * sizeof(rd_kafka_message_t *));
		p->count -= p->first;
		p->cursor -= p->first;
		p->first = 0;
	}
	if (p->count == p->capacity) {
		p->capacity = mem_grow(p->capacity, p->count + 1);
		p->row = mem_resize(p->row, p->capacity * sizeof(rd_kafka_message_t *));
	}
	p->row[p->count++] = m;
	p->at = (uint64_t)m->offset + 1;
	p->ended = UINT64_MAX;
}

/* The brokers' end as heard last: at the start, with an answer to a fetch, or by the queue's own word. */
static bool more_to_come(const struct reader *r, const struct part *p)
{
	int64_t low = 0, high = -1;
	if (p->ended == p->at)
		return false;
	(void)rd_kafka_get_watermark_offsets(r->client->rk, p->topic, (int32_t)p->partition, &low, &high);
	return p->at < p->known || (high >= 0 && p->at < (uint64_t)high);
}

/* A message that is none. RC_OK: go on. */
static enum rc heed(
    struct reader *r, struct part *p, const rd_kafka_message_t *m, struct bus_event *out, bool *gone, struct err *e)
{
	rd_kafka_resp_err_t err = m->err;
	uint64_t next = 0, at = p->at;
	if (err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
		/* Behind records that are not events (marks of transactions). */
		if ((uint64_t)m->offset > p->at)
			p->at = (uint64_t)m->offset;
		p->ended = p->at;
		return RC_OK;
	}
	halt(r, p);
	if (err != RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET && err != RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE)
		return failed(r, p->topic, p->partition, err, gone, e);
	enum rc rc = judge(r, p, at, &next, out, gone, e);
	/* It lies inside after all: a replica that was behind for a moment. */
	return rc == RC_OK
	           ? err_set(RC_AGAIN, e, "%s/%u: offset %" PRIu64 " can't be read yet", p->topic, p->partition, at)
	           : rc;
}

/*
 * The library looks again only within a second whether a queue that was full has room (fetch.queue.backoff.ms, and that
 * only since 2.2). Being told where to read wakes it, and costs nothing while nothing is under way, which is so after
 * it was full and is empty now.
 */
static void go_on_fetching(struct reader *r, struct part *p)
{
	if (p->taken >= r->full && p->started)
		(void)rd_kafka_seek(p->rkt, (int32_t)p->partition, (int64_t)p->at, 0);
	p->taken = 0;
}

/* Take what the queue has, waiting for a first one. RC_END: nothing. */
static enum rc take(struct reader *r, struct part *p, int64_t wait_ms, struct bus_event *out, bool *gone, struct err *e)
{
	rd_kafka_message_t *m[BATCH];
	ssize_t n = rd_kafka_consume_batch(p->rkt, (int32_t)p->partition, 0, m, BATCH);
	if (n == 0 && wait_ms > 0) {
		/* A batch would wait until it is full. */
		m[0] = rd_kafka_consume(p->rkt, (int32_t)p->partition, (int)wait_ms);
		n = m[0] != NULL;
	}
	if (n < 0)
		return failed(r, p->topic, p->partition, rd_kafka_last_error(), gone, e);
	enum rc rc = n == 0 ? RC_END : RC_OK;
	for (ssize_t i = 0; i < n; i++) {
		if (rc == RC_OK && m[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
			p->taken += size_of(m[i]);
			row_add(p, m[i]);
			continue;
		}
		if (rc == RC_OK)
			rc = heed(r, p, m[i], out, gone, e);
		rd_kafka_message_destroy(m[i]);
	}
	if (n < BATCH)
		go_on_fetching(r, p);
	return rc;
}

/* ---- giving ---- */

static void forget_some(struct reader *r)
{
	while (r->behind > BEHIND_BYTES) {
		struct part *most = NULL;
		for (size_t i = 0; i < r->parts; i++)
			if (most == NULL || r->part[i]->bytes > most->bytes)
				most = r->part[i];
		if (most->first >= most->cursor)
			return;
		rd_kafka_message_t *m = most->row[most->first++];
		most->bytes -= size_of(m);
		r->behind -= size_of(m);
		most->from = (uint64_t)m->offset + 1;
		rd_kafka_message_destroy(m);
	}
}

static void move_cursor(struct reader *r, struct part *p, size_t to)
{
	for (; p->cursor < to; p->cursor++) {
		p->bytes += size_of(p->row[p->cursor]);
		r->behind += size_of(p->row[p->cursor]);
	}
	while (p->cursor > to) {
		p->cursor--;
		p->bytes -= size_of(p->row[p->cursor]);
		r->behind -= size_of(p->row[p->cursor]);
	}
}

/* The place in the row of the first one at or behind offset; count when there is none. */
static size_t find(const struct part *p, uint64_t offset)
{
	size_t low = p->first, high = p->count;
	if (p->cursor + 1 < p->count && (uint64_t)p->row[p->cursor + 1]->offset == offset)
		return p->cursor + 1;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if ((uint64_t)p->row[mid]->offset < offset)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void give(struct reader *r, struct part *p, size_t at, struct bus_event *out)
{
	move_cursor(r, p, at);
	forget_some(r);
	const rd_kafka_message_t *m = p->row[p->cursor];
	rd_kafka_timestamp_type_t type;
	rd_kafka_headers_t *h = NULL;
	size_t n = 0;
	if (rd_kafka_message_headers(m, &h) == RD_KAFKA_RESP_ERR_NO_ERROR)
		while (n < BUS_HEADERS_MAX) {
			struct bus_header *to = &r->header[n];
			if (rd_kafka_header_get_all(h, n, &to->name, &to->value.at, &to->value.len) !=
			    RD_KAFKA_RESP_ERR_NO_ERROR)
				break;
			n++;
		}
	*out = (struct bus_event){.offset = (uint64_t)m->offset,
	    .next = (uint64_t)m->offset + 1,
	    .time_ms = rd_kafka_message_timestamp(m, &type),
	    .key = {m->key, m->key_len},
	    .value = {m->payload, m->len},
	    .header = r->header,
	    .headers = n};
}

enum rc reader_fetch(struct reader *r, const char *topic, unsigned partition, uint64_t offset, int64_t wait_ms,
    struct bus_event *out, bool *gone, struct err *e)
{
	struct part *p = part_of(r, topic, partition);
	struct mono start = clock_mono();
	enum rc rc = RC_OK;
	*gone = false;
	if (!p->started || offset < p->from || offset > p->at)
		rc = begin(r, p, offset, out, gone, e);
	while (rc == RC_OK || rc == RC_END) {
		size_t at = find(p, offset);
		if (at < p->count) {
			give(r, p, at, out);
			return RC_OK;
		}
		rc = take(r, p, 0, out, gone, e);
		if (rc != RC_END)
			continue;
		bool coming = more_to_come(r, p);
		int64_t passed = mono_since(start), most = coming && wait_ms < COMING_MS ? COMING_MS : wait_ms;
		if (passed >= most) {
			rc = client_check(r->client, e);
			if (rc == RC_OK && coming)
				rc = err_set(
				    RC_AGAIN, e, "%s/%u: offset %" PRIu64 " does not come", topic, partition, p->at);
			out->next = p->at > offset ? p->at : offset;
			return rc == RC_OK ? RC_END : rc;
		}
		rc = take(r, p, most - passed < SLICE_MS ? most - passed : SLICE_MS, out, gone, e);
	}
	return rc;
}

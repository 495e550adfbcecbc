/*
 * tables: reads and writes the small records, and never believes their sizes.
 */
#include "bus/embed/tables.h"

#include <string.h>

enum { FORMAT = 1 };

struct topic_record {
	uint32_t id, partitions;
};

enum rc tables_damaged(struct err *e, const char *what)
{
	return err_set(RC_FAIL, e, "the bus is damaged: %s", what);
}

/* RC_END: a new bus. */
static enum rc read_format(const struct tables *t, struct err *e)
{
	struct kv_txn *txn;
	struct kv_bytes value;
	uint32_t format = 0;
	enum rc rc = kv_begin(t->kv, false, &txn, e);
	if (rc != RC_OK)
		return rc;
	bool there = kv_get(txn, t->meta, KV_TEXT("format"), &value);
	if (there && value.len == sizeof format)
		memcpy(&format, value.at, sizeof format);
	rc = kv_commit(&txn, e);
	if (rc == RC_OK && !there)
		return RC_END;
	if (rc == RC_OK && format != FORMAT)
		return err_set(RC_FAIL, e, "the bus has format %u, this program knows %d", format, FORMAT);
	return rc;
}

enum rc tables_open(struct tables *t, struct kv *kv, struct err *e)
{
	static const char *const names[TABLES] = {"meta", "topics", "partitions", "events"};
	kv_table *const tables[TABLES] = {&t->meta, &t->topics, &t->partitions, &t->events};
	t->kv = kv;
	for (size_t i = 0; i < TABLES; i++) {
		enum rc rc = kv_table_open(kv, names[i], tables[i], e);
		if (rc != RC_OK)
			return rc;
	}
	enum rc rc = read_format(t, e);
	if (rc != RC_END)
		return rc;
	struct kv_txn *txn;
	uint32_t format = FORMAT;
	rc = kv_begin(kv, true, &txn, e);
	if (rc != RC_OK)
		return rc;
	kv_put(txn, t->meta, KV_TEXT("format"), KV_OF(format));
	return kv_commit(&txn, e);
}

bool tables_extent(struct kv_txn *txn, const struct tables *t, const uint8_t key[PARTITION_KEY], struct extent *out)
{
	struct kv_bytes value;
	*out = (struct extent){0, 0};
	if (!kv_get(txn, t->partitions, (struct kv_bytes){key, PARTITION_KEY}, &value))
		return true;
	if (value.len != sizeof *out)
		return false;
	memcpy(out, value.at, sizeof *out);
	return out->first <= out->next;
}

void tables_put_extent(
    struct kv_txn *txn, const struct tables *t, const uint8_t key[PARTITION_KEY], const struct extent *x)
{
	kv_put(txn, t->partitions, (struct kv_bytes){key, PARTITION_KEY}, KV_OF(*x));
}

/* partitions 0: there is no such topic. false: damaged. */
static bool read_topic(struct kv_txn *txn, const struct tables *t, const char *name, struct topic_record *out)
{
	struct kv_bytes value;
	*out = (struct topic_record){0, 0};
	if (!kv_get(txn, t->topics, KV_TEXT(name), &value))
		return true;
	if (value.len != sizeof *out)
		return false;
	memcpy(out, value.at, sizeof *out);
	return out->partitions > 0;
}

enum rc tables_topic(const struct tables *t, const char *name, uint32_t *id, uint32_t *partitions, struct err *e)
{
	struct kv_txn *txn;
	struct topic_record record;
	enum rc rc = kv_begin(t->kv, false, &txn, e);
	if (rc != RC_OK)
		return rc;
	bool whole = read_topic(txn, t, name, &record);
	rc = kv_commit(&txn, e);
	if (rc != RC_OK)
		return rc;
	if (!whole)
		return tables_damaged(e, "a topic's record");
	if (record.partitions == 0)
		return RC_END;
	*id = record.id;
	*partitions = record.partitions;
	return RC_OK;
}

enum rc tables_grow_topic(
    const struct tables *t, const char *name, uint32_t least, uint32_t *id, uint32_t *partitions, struct err *e)
{
	struct kv_txn *txn;
	struct topic_record record;
	enum rc rc = kv_begin(t->kv, true, &txn, e);
	if (rc != RC_OK)
		return rc;
	if (!read_topic(txn, t, name, &record)) {
		kv_abort(&txn);
		return tables_damaged(e, "a topic's record");
	}
	if (record.partitions == 0)
		record.id = (uint32_t)kv_count(txn, t->topics) + 1; /* topics are never removed */
	if (record.partitions < least)
		record.partitions = least;
	kv_put(txn, t->topics, KV_TEXT(name), KV_OF(record));
	rc = kv_commit(&txn, e);
	if (rc != RC_OK)
		return rc;
	*id = record.id;
	*partitions = record.partitions;
	return RC_OK;
}

/*
 * The ledger in LMDB. Entries are numbered in the order of archiving, so that new ones go to the end of their table and
 * a group of files touches few pages there; only the index by digest is random, and its entries are small.
 */
#include "pipe/ledger.h"

#include <assert.h>
#include <endian.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/writer.h"
#include "kv/kv.h"
#include "pipe/ledger_entry.h"

enum {
	KEY_MAX = 500, /* LMDB takes 511 */
	PIPELINE_MAX = 200,
};

/* Before every key: LMDB has no empty keys. */
#define FIRST ((struct kv_bytes){"", 1})

enum { T_META, T_ORIGINAL, T_DIGEST, T_OPEN, T_PATH, T_ASIDE, T_POSITION, TABLES };

static const char *const table_name[TABLES] = {
    [T_META] = "meta",
    [T_ORIGINAL] = "original",
    [T_DIGEST] = "digest",
    [T_OPEN] = "open",
    [T_PATH] = "path",
    [T_ASIDE] = "aside",
    [T_POSITION] = "position",
};

_Static_assert((int)LEDGER_FULL == (int)KV_FULL, "kv says it");

struct ledger {
	struct kv *kv;
	bool shared; /* kv belongs to another handle */
	kv_table table[TABLES];
	struct kv_txn *txn;   /* between begin and commit */
	struct writer record; /* what is being put */
	char *text;           /* copies of what came out: texts borrowed from it until the next call */
	size_t text_size;
};

struct key {
	uint8_t bytes[KEY_MAX + 11];
	size_t len;
};

static struct kv_bytes key_bytes(const struct key *k)
{
	return (struct kv_bytes){k->bytes, k->len};
}

static void key_put(struct key *k, const void *bytes, size_t len)
{
	assert(k->len + len <= sizeof k->bytes);
	memcpy(k->bytes + k->len, bytes, len);
	k->len += len;
}

static void key_be32(struct key *k, uint32_t v)
{
	v = __builtin_bswap32(v);
	key_put(k, &v, sizeof v);
}

/* "<pipeline> NUL": names of pipelines are checked where the configuration is read. */
static struct key key_of(const char *pipeline)
{
	struct key k = {.len = 0};
	size_t len = strlen(pipeline);
	assert(len <= PIPELINE_MAX);
	key_put(&k, pipeline, len + 1);
	return k;
}

static struct key digest_key(const char *pipeline, const uint8_t sha256[SHA256_BYTES], uint32_t again)
{
	struct key k = key_of(pipeline);
	key_put(&k, sha256, SHA256_BYTES);
	key_be32(&k, again);
	return k;
}

/*
 * Paths may be longer than a key: then the key is their beginning, a NUL and the digest of the whole. No path has a
 * NUL, so the two kinds can't meet, and long paths keep their order by folder.
 */
static struct key path_key(const char *pipeline, const char *path)
{
	struct key k = key_of(pipeline);
	size_t len = strlen(path);
	if (k.len + len <= KEY_MAX) {
		key_put(&k, path, len);
		return k;
	}
	uint8_t digest[SHA256_BYTES];
	sha256_of(path, len, digest);
	key_put(&k, path, KEY_MAX - 1 - SHA256_BYTES - k.len);
	key_put(&k, "", 1);
	key_put(&k, digest, SHA256_BYTES);
	return k;
}

enum rc ledger_open(const char *dir, uint64_t ceiling_bytes, struct ledger **out, struct err *e)
{
	struct kv_options options = {.ceiling_bytes = ceiling_bytes, .tables = TABLES, .durable = true};
	struct ledger *l = mem_zero(1, sizeof *l);
	enum rc rc = kv_open(dir, &options, &l->kv, e);
	for (size_t i = 0; i < TABLES && rc == RC_OK; i++)
		rc = kv_table_open(l->kv, table_name[i], &l->table[i], e);
	if (rc != RC_OK) {
		kv_close(&l->kv);
		mem_free(&l);
		return err_wrap(rc, e, "ledger");
	}
	writer_init(&l->record, LEDGER_ENTRY_MAX);
	*out = l;
	return RC_OK;
}

struct ledger *ledger_share(struct ledger *l)
{
	struct ledger *other = mem_zero(1, sizeof *other);
	other->kv = l->kv;
	other->shared = true;
	memcpy(other->table, l->table, sizeof l->table);
	writer_init(&other->record, LEDGER_ENTRY_MAX);
	return other;
}

void ledger_close(struct ledger **l)
{
	if (*l == NULL)
		return;
	ledger_abort(*l);
	if (!(*l)->shared)
		kv_close(&(*l)->kv);
	writer_fini(&(*l)->record);
	mem_free(&(*l)->text);
	mem_free(l);
}

enum rc ledger_begin(struct ledger *l, struct err *e)
{
	assert(l->txn == NULL);
	return kv_begin(l->kv, true, &l->txn, e);
}

enum rc ledger_commit(struct ledger *l, struct err *e)
{
	assert(l->txn != NULL);
	return kv_commit(&l->txn, e);
}

void ledger_abort(struct ledger *l)
{
	if (l->txn != NULL)
		kv_abort(&l->txn);
}

/* The transaction to read in: the one that is open, or one of its own that read_end ends. */
static enum rc read_begin(struct ledger *l, struct kv_txn **txn, struct err *e)
{
	if (l->txn != NULL) {
		*txn = l->txn;
		return RC_OK;
	}
	return kv_begin(l->kv, false, txn, e);
}

static enum rc read_end(struct ledger *l, struct kv_txn **txn, struct err *e)
{
	enum rc rc = kv_result(*txn, e);
	if (l->txn == NULL)
		kv_abort(txn);
	return rc;
}

/* Copy a value out of the map, because holding the read transaction open would keep old pages alive. */
static const void *copied(struct ledger *l, struct kv_bytes value)
{
	if (value.len > l->text_size) {
		l->text_size = mem_grow(l->text_size, value.len);
		l->text = mem_resize(l->text, l->text_size);
	}
	memcpy(l->text, value.at, value.len);
	return l->text;
}

static struct ledger_counts get_counts(struct ledger *l, struct kv_txn *txn, const char *pipeline)
{
	struct key k = key_of("count");
	key_put(&k, pipeline, strlen(pipeline));
	struct kv_bytes v;
	struct ledger_counts counts = {.doubles = 0};
	if (kv_get(txn, l->table[T_META], key_bytes(&k), &v) && v.len == sizeof counts)
		memcpy(&counts, v.at, sizeof counts);
	return counts;
}

static void put_counts(struct ledger *l, const char *pipeline, const struct ledger_counts *counts)
{
	struct key k = key_of("count");
	key_put(&k, pipeline, strlen(pipeline));
	kv_put(l->txn, l->table[T_META], key_bytes(&k), KV_OF(*counts));
}

static bool is_open(enum ledger_state s)
{
	return s == LEDGER_ARCHIVED || s == LEDGER_PUBLISHED;
}

static uint64_t next_number(struct ledger *l)
{
	struct kv_bytes v;
	struct key k = key_of("next");
	uint64_t next = 1;
	if (kv_get(l->txn, l->table[T_META], key_bytes(&k), &v) && v.len == sizeof next)
		memcpy(&next, v.at, sizeof next);
	uint64_t after = next + 1;
	kv_put(l->txn, l->table[T_META], key_bytes(&k), KV_OF(after));
	return next;
}

void ledger_put_original(struct ledger *l, const struct ledger_original *o)
{
	assert(l->txn != NULL);
	struct key k = digest_key(o->pipeline, o->sha256, o->again);
	struct kv_bytes v, old;
	uint8_t number[8];
	struct ledger_counts counts = get_counts(l, l->txn, o->pipeline);
	if (kv_get(l->txn, l->table[T_DIGEST], key_bytes(&k), &v) && v.len == sizeof number) {
		memcpy(number, v.at, sizeof number);
		struct ledger_original was;
		if (kv_get(l->txn, l->table[T_ORIGINAL], KV_OF(number), &old) &&
		    ledger_entry_get(old.at, old.len, &was))
			counts.original[was.state]--;
	} else {
		kv_key_u64(next_number(l), number);
		kv_put(l->txn, l->table[T_DIGEST], key_bytes(&k), KV_OF(number));
	}
	counts.original[o->state]++;
	put_counts(l, o->pipeline, &counts);
	ledger_entry_put(&l->record, o);
	assert(!l->record.failed);
	kv_put(l->txn, l->table[T_ORIGINAL], KV_OF(number), (struct kv_bytes){l->record.bytes, l->record.len});
	if (is_open(o->state))
		kv_put(l->txn, l->table[T_OPEN], KV_OF(number), (struct kv_bytes){"", 0});
	else
		kv_delete(l->txn, l->table[T_OPEN], KV_OF(number));
}

/* Take what the ledger says of a path out of the counts and the list of those set aside. */
static void forget_path(struct ledger *l, const struct key *k, struct ledger_counts *counts)
{
	struct kv_bytes v;
	struct ledger_path was;
	const char *path;
	if (!kv_get(l->txn, l->table[T_PATH], key_bytes(k), &v) || !ledger_path_get(v.at, v.len, &was, &path))
		return;
	counts->doubles -= was.state == LEDGER_PATH_DOUBLE;
	counts->aside -= was.state == LEDGER_PATH_ASIDE;
	if (was.state == LEDGER_PATH_ASIDE)
		kv_delete(l->txn, l->table[T_ASIDE], key_bytes(k));
}

void ledger_put_path(struct ledger *l, const char *pipeline, const char *path, const struct ledger_path *p)
{
	assert(l->txn != NULL);
	struct key k = path_key(pipeline, path);
	struct ledger_counts before = get_counts(l, l->txn, pipeline), counts = before;
	forget_path(l, &k, &counts);
	counts.doubles += p->state == LEDGER_PATH_DOUBLE;
	counts.aside += p->state == LEDGER_PATH_ASIDE;
	if (memcmp(&before, &counts, sizeof counts) != 0)
		put_counts(l, pipeline, &counts);
	ledger_path_put(&l->record, path, p);
	assert(!l->record.failed);
	kv_put(l->txn, l->table[T_PATH], key_bytes(&k), (struct kv_bytes){l->record.bytes, l->record.len});
	if (p->state == LEDGER_PATH_ASIDE)
		kv_put(l->txn, l->table[T_ASIDE], key_bytes(&k), (struct kv_bytes){"", 0});
}

void ledger_delete_path(struct ledger *l, const char *pipeline, const char *path)
{
	assert(l->txn != NULL);
	struct key k = path_key(pipeline, path);
	struct ledger_counts counts = get_counts(l, l->txn, pipeline);
	forget_path(l, &k, &counts);
	put_counts(l, pipeline, &counts);
	kv_delete(l->txn, l->table[T_PATH], key_bytes(&k));
}

static enum rc damaged(struct err *e, const char *what)
{
	return err_set(RC_FAIL, e, "ledger: %s that this version can't read", what);
}

static enum rc original_at(
    struct ledger *l, struct kv_txn *txn, struct kv_bytes number, struct ledger_original *out, struct err *e)
{
	struct kv_bytes v;
	if (!kv_get(txn, l->table[T_ORIGINAL], number, &v))
		return RC_END;
	const void *bytes = copied(l, v);
	return ledger_entry_get(bytes, v.len, out) ? RC_OK : damaged(e, "an original");
}

enum rc ledger_original(struct ledger *l, const char *pipeline, const uint8_t sha256[SHA256_BYTES], uint32_t again,
    struct ledger_original *out, struct err *e)
{
	struct key k = digest_key(pipeline, sha256, again);
	struct kv_txn *txn = NULL;
	struct kv_bytes number;
	enum rc rc = read_begin(l, &txn, e);
	if (rc != RC_OK)
		return rc;
	rc = kv_get(txn, l->table[T_DIGEST], key_bytes(&k), &number) ? original_at(l, txn, number, out, e) : RC_END;
	enum rc end = read_end(l, &txn, e);
	return end != RC_OK ? end : rc;
}

enum rc ledger_newest(struct ledger *l, const char *pipeline, const uint8_t sha256[SHA256_BYTES],
    struct ledger_original *out, struct err *e)
{
	struct key before = digest_key(pipeline, sha256, UINT32_MAX);
	struct kv_txn *txn = NULL;
	struct kv_bytes key, number;
	enum rc rc = read_begin(l, &txn, e);
	if (rc != RC_OK)
		return rc;
	rc = RC_END;
	if (kv_before(txn, l->table[T_DIGEST], key_bytes(&before), &key, &number) && key.len == before.len &&
	    memcmp(key.at, before.bytes, before.len - sizeof(uint32_t)) == 0)
		rc = original_at(l, txn, number, out, e);
	enum rc end = read_end(l, &txn, e);
	return end != RC_OK ? end : rc;
}

enum rc ledger_path(struct ledger *l, const char *pipeline, const char *path, struct ledger_path *out, struct err *e)
{
	struct key k = path_key(pipeline, path);
	struct kv_txn *txn = NULL;
	struct kv_bytes v;
	const char *ignored;
	enum rc rc = read_begin(l, &txn, e);
	if (rc != RC_OK)
		return rc;
	rc = RC_END;
	if (kv_get(txn, l->table[T_PATH], key_bytes(&k), &v)) {
		const void *bytes = copied(l, v);
		rc = ledger_path_get(bytes, v.len, out, &ignored) ? RC_OK : damaged(e, "a path");
	}
	enum rc end = read_end(l, &txn, e);
	return end != RC_OK ? end : rc;
}

struct walk {
	struct ledger *l;
	struct kv_txn *txn;
	bool (*original)(void *context, const struct ledger_original *o);
	bool (*path)(void *context, const char *pipeline, const char *path, const struct ledger_path *p);
	void *context;
	uint64_t at; /* behind the last one that was wanted */
	bool damaged;
};

static bool visit_original(void *context, struct kv_bytes key, struct kv_bytes value)
{
	struct walk *w = context;
	struct ledger_original o;
	const void *bytes = copied(w->l, value);
	w->damaged = !ledger_entry_get(bytes, value.len, &o);
	return !w->damaged && w->original(w->context, &o);
}

static bool visit_open(void *context, struct kv_bytes key, struct kv_bytes value)
{
	struct walk *w = context;
	struct kv_bytes v;
	uint64_t number = 0;
	if (key.len == sizeof number)
		memcpy(&number, key.at, sizeof number);
	bool goes_on = !kv_get(w->txn, w->l->table[T_ORIGINAL], key, &v) || visit_original(w, key, v);
	if (goes_on)
		w->at = be64toh(number) + 1;
	return goes_on;
}

static bool visit_path(void *context, struct kv_bytes key, struct kv_bytes value)
{
	struct walk *w = context;
	struct ledger_path p;
	const char *path;
	char from_key[KEY_MAX + 1];
	const void *bytes = copied(w->l, value);
	w->damaged = !ledger_path_get(bytes, value.len, &p, &path);
	if (w->damaged)
		return false;
	/* The key begins with the pipeline's name and its NUL. */
	const char *pipeline = key.at;
	size_t begin = strlen(pipeline) + 1, len = key.len - begin;
	if (path[0] == '\0' && memchr(pipeline + begin, '\0', len) == NULL) {
		memcpy(from_key, pipeline + begin, len);
		from_key[len] = '\0';
		path = from_key;
	}
	return w->path(w->context, pipeline, path, &p);
}

static bool visit_aside(void *context, struct kv_bytes key, struct kv_bytes value)
{
	struct walk *w = context;
	struct kv_bytes v;
	return !kv_get(w->txn, w->l->table[T_PATH], key, &v) || visit_path(w, key, v);
}

static enum rc walk_from(struct walk *w, kv_table table, struct kv_bytes from,
    bool (*visit)(void *, struct kv_bytes, struct kv_bytes), struct err *e)
{
	enum rc rc = read_begin(w->l, &w->txn, e);
	if (rc != RC_OK)
		return rc;
	kv_each(w->txn, table, from, visit, w);
	rc = read_end(w->l, &w->txn, e);
	return rc != RC_OK ? rc : w->damaged ? damaged(e, "an entry") : RC_OK;
}

static enum rc walk_table(
    struct walk *w, kv_table table, bool (*visit)(void *, struct kv_bytes, struct kv_bytes), struct err *e)
{
	return walk_from(w, table, FIRST, visit, e);
}

enum rc ledger_each_open_from(struct ledger *l, uint64_t *at,
    bool (*visit)(void *context, const struct ledger_original *o), void *context, struct err *e)
{
	struct walk w = {.l = l, .original = visit, .context = context, .at = *at};
	uint8_t from[8];
	kv_key_u64(*at, from);
	enum rc rc = walk_from(&w, l->table[T_OPEN], KV_OF(from), visit_open, e);
	if (rc == RC_OK)
		*at = w.at;
	return rc;
}

uint64_t ledger_used(const struct ledger *l)
{
	return kv_used(l->kv);
}

enum rc ledger_each_open(
    struct ledger *l, bool (*visit)(void *context, const struct ledger_original *o), void *context, struct err *e)
{
	struct walk w = {.l = l, .original = visit, .context = context};
	return walk_table(&w, l->table[T_OPEN], visit_open, e);
}

enum rc ledger_each(
    struct ledger *l, bool (*visit)(void *context, const struct ledger_original *o), void *context, struct err *e)
{
	struct walk w = {.l = l, .original = visit, .context = context};
	return walk_table(&w, l->table[T_ORIGINAL], visit_original, e);
}

enum rc ledger_each_back(struct ledger *l, uint64_t before,
    bool (*visit)(void *context, uint64_t number, const struct ledger_original *o), void *context, struct err *e)
{
	uint8_t at[8];
	struct kv_txn *txn = NULL;
	struct kv_bytes key, value;
	struct ledger_original o;
	bool more = true, sound = true;
	enum rc rc = read_begin(l, &txn, e);
	if (rc != RC_OK)
		return rc;
	kv_key_u64(before == 0 ? UINT64_MAX : before, at);
	while (more && kv_before(txn, l->table[T_ORIGINAL], KV_OF(at), &key, &value)) {
		uint64_t number = kv_key_read(key.at);
		const void *bytes = copied(l, value);
		sound = ledger_entry_get(bytes, value.len, &o);
		more = sound && visit(context, number, &o);
		kv_key_u64(number, at);
	}
	rc = read_end(l, &txn, e);
	return rc != RC_OK ? rc : sound ? RC_OK : damaged(e, "an entry");
}

enum rc ledger_each_aside(struct ledger *l,
    bool (*visit)(void *context, const char *pipeline, const char *path, const struct ledger_path *p), void *context,
    struct err *e)
{
	struct walk w = {.l = l, .path = visit, .context = context};
	return walk_table(&w, l->table[T_ASIDE], visit_aside, e);
}

enum rc ledger_each_path(struct ledger *l,
    bool (*visit)(void *context, const char *pipeline, const char *path, const struct ledger_path *p), void *context,
    struct err *e)
{
	struct walk w = {.l = l, .path = visit, .context = context};
	return walk_table(&w, l->table[T_PATH], visit_path, e);
}

enum rc ledger_count(struct ledger *l, const char *pipeline, struct ledger_counts *out, struct err *e)
{
	struct kv_txn *txn = NULL;
	enum rc rc = read_begin(l, &txn, e);
	if (rc != RC_OK)
		return rc;
	struct ledger_counts counts = get_counts(l, txn, pipeline);
	rc = read_end(l, &txn, e);
	if (rc == RC_OK)
		*out = counts;
	return rc;
}

static struct key position_key(const char *topic, unsigned partition)
{
	struct key k = {.len = 0};
	assert(strlen(topic) < 300);
	key_put(&k, topic, strlen(topic) + 1);
	key_be32(&k, partition);
	return k;
}

enum rc ledger_commit_position(struct ledger *l, const char *topic, unsigned partition, uint64_t *next, struct err *e)
{
	struct key k = position_key(topic, partition);
	struct kv_txn *txn = NULL;
	struct kv_bytes v;
	uint64_t found = 0;
	enum rc rc = read_begin(l, &txn, e);
	if (rc != RC_OK)
		return rc;
	if (kv_get(txn, l->table[T_POSITION], key_bytes(&k), &v) && v.len == sizeof found)
		memcpy(&found, v.at, sizeof found);
	rc = read_end(l, &txn, e);
	if (rc == RC_OK)
		*next = found;
	return rc;
}

void ledger_put_commit_position(struct ledger *l, const char *topic, unsigned partition, uint64_t next)
{
	assert(l->txn != NULL);
	struct key k = position_key(topic, partition);
	kv_put(l->txn, l->table[T_POSITION], key_bytes(&k), KV_OF(next));
}

bool ledger_is_new(struct ledger *l)
{
	struct kv_txn *txn = NULL;
	struct kv_bytes key, value;
	struct key filling = key_of("filling");
	struct err e;
	if (read_begin(l, &txn, &e) != RC_OK)
		return false;
	bool used = kv_at_or_after(txn, l->table[T_ORIGINAL], FIRST, &key, &value) ||
	            kv_at_or_after(txn, l->table[T_PATH], FIRST, &key, &value);
	bool unfinished = kv_get(txn, l->table[T_META], key_bytes(&filling), &value);
	return read_end(l, &txn, &e) == RC_OK && (!used || unfinished);
}

void ledger_put_filling(struct ledger *l, bool filling)
{
	assert(l->txn != NULL);
	struct key k = key_of("filling");
	if (filling)
		kv_put(l->txn, l->table[T_META], key_bytes(&k), (struct kv_bytes){"", 0});
	else
		kv_delete(l->txn, l->table[T_META], key_bytes(&k));
}

/*
 * Duplicates have to be found after weeks, at once, in bounded memory. The lake knows them all; this index only makes
 * the question cheap, so it may be lost at any time, and must never know more than the lake.
 */
#include "pipe/seen.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "kv/kv.h"

enum {
	KEY_BYTES = 16 + 1 + 4 + SHA256_BYTES + 4,
	BOOT_BYTES = 64,
	TAG_POSITION = 'p', /* place, tag */
	TAG_IDENTITY = 'q', /* place, tag, period, original, again */
};

_Static_assert((int)SEEN_FULL == (int)KV_FULL, "kv says it");

struct seen {
	struct kv *kv;
	kv_table table;
	int64_t horizon_ms;
};

/* A cache without fsync is whole after a kill, not after a power cut: one of another boot is not trusted. */
static enum rc same_boot(const char *dir, struct err *e)
{
	char *mark = file_join(dir, "boot");
	char *boot = NULL, *old = NULL;
	size_t boot_size = 0, old_size = 0;
	enum rc rc = file_load("/proc/sys/kernel/random/boot_id", BOOT_BYTES, &boot, &boot_size, e);

	if (rc == RC_OK)
		rc = file_load(mark, BOOT_BYTES, &old, &old_size, e);
	if (rc == RC_OK && old_size == boot_size && memcmp(old, boot, boot_size) == 0)
		goto out;
	if (rc == RC_AGAIN)
		goto out;
	rc = file_remove_tree(dir, e);
	if (rc == RC_OK)
		rc = file_mkdirs(dir, e);
	if (rc == RC_OK && boot != NULL)
		rc = file_store(mark, boot, boot_size, 0640, e);
out:
	mem_free(&mark);
	mem_free(&boot);
	mem_free(&old);
	return rc;
}

/* Workers that start together on one state folder: the first decides, the others find what it made. */
static enum rc settle_boot(const char *state, const char *dir, struct err *e)
{
	char *path = file_join(state, "seen.lock");
	enum rc rc = file_mkdirs(state, e);
	int fd = rc == RC_OK ? open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640) : -1;

	if (rc == RC_OK && (fd < 0 || flock(fd, LOCK_EX) != 0))
		rc = err_sys(RC_FAIL, errno, e, "%s", path);
	if (rc == RC_OK)
		rc = same_boot(dir, e);
	if (fd >= 0)
		close(fd);
	mem_free(&path);
	return rc;
}

enum rc seen_open(const char *state, int64_t horizon_ms, uint64_t ceiling_bytes, struct seen **out, struct err *e)
{
	const struct kv_options options = {.ceiling_bytes = ceiling_bytes, .tables = 1, .durable = false};
	struct seen *s = mem_zero(1, sizeof *s);
	char *dir = file_join(state, "seen");
	enum rc rc = settle_boot(state, dir, e);

	s->horizon_ms = horizon_ms > 0 ? horizon_ms : 1;
	if (rc == RC_OK)
		rc = kv_open(dir, &options, &s->kv, e);
	if (rc == RC_OK)
		rc = kv_table_open(s->kv, "seen", &s->table, e);
	mem_free(&dir);
	if (rc != RC_OK) {
		seen_close(&s);
		return err_wrap(rc, e, "index of committed identities");
	}
	*out = s;
	return RC_OK;
}

void seen_close(struct seen **s)
{
	if (*s == NULL)
		return;
	kv_close(&(*s)->kv);
	mem_free(s);
}

uint64_t seen_used(const struct seen *s)
{
	return kv_used(s->kv);
}

struct seen_place seen_place_of(const char *topic, unsigned partition)
{
	uint8_t digest[SHA256_BYTES];
	char *text = mem_format("%s/%u", topic, partition);
	struct seen_place p;

	sha256_of(text, strlen(text), digest);
	memcpy(p.at, digest, sizeof p.at);
	mem_free(&text);
	return p;
}

static void put_u32(uint8_t *to, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(to, &v, sizeof v);
}

static struct kv_bytes position_key(const struct seen_place *p, uint8_t key[KEY_BYTES])
{
	memcpy(key, p->at, sizeof p->at);
	key[sizeof p->at] = TAG_POSITION;
	return (struct kv_bytes){key, sizeof p->at + 1};
}

/* key NULL: the first possible key of a period. */
static struct kv_bytes identity_key(
    const struct seen_place *p, int64_t period, const struct seen_key *key, uint8_t to[KEY_BYTES])
{
	memcpy(to, p->at, sizeof p->at);
	to[sizeof p->at] = TAG_IDENTITY;
	put_u32(to + 17, (uint32_t)period);
	if (key == NULL)
		return (struct kv_bytes){to, 21};
	memcpy(to + 21, key->original, SHA256_BYTES);
	put_u32(to + 21 + SHA256_BYTES, key->again);
	return (struct kv_bytes){to, KEY_BYTES};
}

static int64_t period_of(const struct seen *s, int64_t ms)
{
	return ms > 0 ? ms / s->horizon_ms : 0;
}

enum rc seen_has(
    struct seen *s, const struct seen_place *p, const struct seen_key *key, int64_t now_ms, bool *has, struct err *e)
{
	struct kv_txn *txn = NULL;
	uint8_t bytes[KEY_BYTES];
	struct kv_bytes value;
	int64_t period = period_of(s, now_ms);
	enum rc rc = kv_begin(s->kv, false, &txn, e);

	if (rc != RC_OK)
		return rc;
	bool found = kv_get(txn, s->table, identity_key(p, period, key, bytes), &value);
	if (!found && period > 0)
		found = kv_get(txn, s->table, identity_key(p, period - 1, key, bytes), &value);
	rc = kv_commit(&txn, e);
	if (rc == RC_OK)
		*has = found;
	return rc;
}

enum rc seen_position(struct seen *s, const struct seen_place *p, struct seen_position *out, struct err *e)
{
	struct kv_txn *txn = NULL;
	uint8_t bytes[KEY_BYTES];
	struct kv_bytes value;
	struct seen_position found;
	enum rc rc = kv_begin(s->kv, false, &txn, e);

	if (rc != RC_OK)
		return rc;
	bool any = kv_get(txn, s->table, position_key(p, bytes), &value) && value.len == sizeof found;
	if (any)
		memcpy(&found, value.at, sizeof found);
	rc = kv_commit(&txn, e);
	if (rc != RC_OK)
		return rc;
	if (!any)
		return RC_END;
	*out = found;
	out->epoch[sizeof out->epoch - 1] = '\0';
	return RC_OK;
}

enum rc seen_add(struct seen *s, const struct seen_place *p, const struct seen_key *key, size_t keys,
    int64_t committed_ms, int64_t now_ms, const struct seen_position *position, struct err *e)
{
	struct kv_txn *txn = NULL;
	uint8_t bytes[KEY_BYTES], before[KEY_BYTES];
	struct seen_position whole;
	int64_t now = period_of(s, now_ms), period = period_of(s, committed_ms);
	enum rc rc = kv_begin(s->kv, true, &txn, e);

	if (rc != RC_OK)
		return rc;
	if (now > 1)
		kv_delete_range(txn, s->table, identity_key(p, 0, NULL, bytes), identity_key(p, now - 1, NULL, before));
	/* A clock that was ahead once must not hide identities from look-ups. */
	if (period > now)
		period = now;
	for (size_t i = 0; i < keys && period + 1 >= now; i++)
		kv_put(txn, s->table, identity_key(p, period, &key[i], bytes), (struct kv_bytes){"", 0});
	memset(&whole, 0, sizeof whole);
	whole.start = position->start;
	whole.end = position->end;
	memcpy(whole.epoch, position->epoch, strlen(position->epoch) + 1);
	kv_put(txn, s->table, position_key(p, bytes), KV_OF(whole));
	return kv_commit(&txn, e);
}

enum rc seen_forget(struct seen *s, const struct seen_place *p, struct err *e)
{
	struct kv_txn *txn = NULL;
	uint8_t from[KEY_BYTES], before[KEY_BYTES];
	enum rc rc = kv_begin(s->kv, true, &txn, e);

	if (rc != RC_OK)
		return rc;
	kv_delete_range(txn, s->table, identity_key(p, 0, NULL, from), identity_key(p, UINT32_MAX, NULL, before));
	kv_delete(txn, s->table, position_key(p, from));
	return kv_commit(&txn, e);
}

/* The set of an open commit: open addressing over an array that keeps their order. */

struct seen_set {
	struct seen_key *key;
	size_t keys, capacity;
	uint32_t *slot; /* index + 1 */
	size_t mask;
};

struct seen_set *seen_set_new(void)
{
	struct seen_set *s = mem_zero(1, sizeof *s);

	s->mask = 63;
	s->slot = mem_zero(s->mask + 1, sizeof *s->slot);
	return s;
}

void seen_set_free(struct seen_set **s)
{
	if (*s == NULL)
		return;
	mem_free(&(*s)->key);
	mem_free(&(*s)->slot);
	mem_free(s);
}

/* Slot of the key, or the free one where it would go. A digest is as good as random already. */
static size_t slot_of(const struct seen_set *s, const struct seen_key *key)
{
	uint64_t h;

	memcpy(&h, key->original, sizeof h);
	size_t at = (h + key->again) & s->mask;
	while (s->slot[at] != 0) {
		const struct seen_key *k = &s->key[s->slot[at] - 1];
		if (k->again == key->again && memcmp(k->original, key->original, SHA256_BYTES) == 0)
			break;
		at = (at + 1) & s->mask;
	}
	return at;
}

bool seen_set_has(const struct seen_set *s, const struct seen_key *key)
{
	return s->slot[slot_of(s, key)] != 0;
}

bool seen_set_add(struct seen_set *s, const struct seen_key *key)
{
	size_t at = slot_of(s, key);

	if (s->slot[at] != 0)
		return false;
	if (s->keys == s->capacity) {
		s->capacity = mem_grow(s->capacity, s->keys + 1);
		s->key = mem_resize(s->key, s->capacity * sizeof *s->key);
	}
	s->key[s->keys++] = *key;
	s->slot[at] = (uint32_t)s->keys;
	if (s->keys * 2 > s->mask) {
		s->mask = s->mask * 2 + 1;
		mem_free(&s->slot);
		s->slot = mem_zero(s->mask + 1, sizeof *s->slot);
		for (size_t i = 0; i < s->keys; i++)
			s->slot[slot_of(s, &s->key[i])] = (uint32_t)i + 1;
	}
	return true;
}

const struct seen_key *seen_set_keys(const struct seen_set *s, size_t *count)
{
	*count = s->keys;
	return s->key;
}

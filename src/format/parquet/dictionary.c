/*
 * Keys to ids, whole selections at a time. The loops over known keys are tight and have no calls; they stop at the
 * first unknown key, which is added out of line.
 *
 * Integers below 2^32 and IPv4 addresses are their own tag in the narrow table, and go through a plain array while
 * their domain is small. Wider keys (IPv6, big counters, bytes) are hashed, and compared with the key that lies behind
 * the number.
 */
#include "format/parquet/dictionary.h"

#include <assert.h>

#include "base/mem.h"
#include "base/short.h"

enum {
	TABLE_FIRST = 64,       /* slots of a new table */
	DIRECT_SMALL = 256,     /* domain of a new dictionary of integers */
	DIRECT_LARGE = 1 << 16, /* of one that grew: 128 KiB, what the table would have had */
	DIRECT_FROM = 1 << 14,  /* slots that the table would have had */
	DIRECT_IDS = UINT16_MAX - 1,
	AHEAD_FROM = 256 << 10, /* bytes of slots: more than the nearest cache */
};

void dictionary_init(struct dictionary *d, enum key key, enum physical physical, uint64_t seed)
{
	*d = (struct dictionary){.key = key, .physical = physical, .seed = seed};
}

void dictionary_seal(struct dictionary *d)
{
	buffer_fini(&d->direct);
	table_fini(&d->narrow);
	table_fini(&d->wide);
	buffer_fini(&d->wide_keys);
	buffer_fini(&d->wide_ids);
	mem_free(&d->scratch);
	d->scratch_size = 0;
	d->domain = 0;
}

void dictionary_fini(struct dictionary *d)
{
	dictionary_seal(d);
	buffer_fini(&d->values);
	buffer_fini(&d->offsets);
	buffer_fini(&d->heads);
	dictionary_init(d, d->key, d->physical, d->seed);
}

size_t dictionary_memory(const struct dictionary *d)
{
	return d->values.capacity + d->offsets.capacity + d->heads.capacity + d->direct.capacity +
	       d->narrow.slots.capacity + d->wide.slots.capacity + d->wide_keys.capacity + d->wide_ids.capacity +
	       d->scratch_size;
}

/* Values */

static uint64_t head_of(const struct dictionary *d, uint32_t id)
{
	return ((const uint64_t *)(const void *)d->heads.bytes)[id];
}

int dictionary_compare(const struct dictionary *d, uint32_t a, uint32_t b)
{
	uint64_t a_head = head_of(d, a), b_head = head_of(d, b);
	if (a_head != b_head)
		return a_head < b_head ? -1 : 1;
	uint32_t a_len, b_len;
	const uint8_t *a_text = dictionary_value(d, a, &a_len), *b_text = dictionary_value(d, b, &b_len);
	int order = memcmp(a_text, b_text, a_len < b_len ? a_len : b_len);
	return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

/* The last text is in: is it the first or the last in order? */
static void extend(struct dictionary *d)
{
	uint32_t id = d->count - 1;
	if (dictionary_compare(d, id, d->least) < 0)
		d->least = id;
	if (dictionary_compare(d, id, d->most) > 0)
		d->most = id;
}

static bool put_value(struct dictionary *d, const void *bytes, size_t len)
{
	bool text = d->physical == PHYSICAL_BYTES;
	size_t size = text ? sizeof(uint32_t) + len : len;
	if (d->count == (text ? DICTIONARY_MOST : DICTIONARY_ENTRIES) || d->values.len + size > DICTIONARY_MOST_BYTES)
		return false;
	if (text) {
		uint64_t head = 0;
		memcpy(&head, bytes, len < sizeof head ? len : sizeof head);
		head = __builtin_bswap64(head);
		buffer_put(&d->heads, &head, sizeof head);
		buffer_u32(&d->offsets, (uint32_t)d->values.len);
		buffer_u32(&d->values, (uint32_t)len);
	}
	buffer_put(&d->values, bytes, len);
	d->count++;
	if (text)
		extend(d);
	return true;
}

/* The value of key i becomes the next one; false when full. */
static bool print_value(struct dictionary *d, const struct keys *k, size_t i)
{
	if (d->physical != PHYSICAL_BYTES)
		return put_value(d, (const uint64_t *)k->at + i, physical_size(d->physical));
	char text[RENDER_TEXT];
	size_t len;
	const uint8_t *bytes = keys_text(k, i, text, &d->scratch, &d->scratch_size, &len);
	return put_value(d, bytes, len);
}

void dictionary_plain(const struct dictionary *d, const uint32_t *ids, size_t n, struct buffer *out)
{
	if (d->physical == PHYSICAL_BYTES) {
		for (size_t i = 0; i < n; i++) {
			uint32_t len;
			const uint8_t *bytes = dictionary_value(d, ids[i], &len);
			buffer_put(out, bytes - sizeof len, sizeof len + len);
		}
		return;
	}
	size_t size = physical_size(d->physical);
	uint8_t *to = buffer_room(out, n * size);
	if (size == 8) {
		for (size_t i = 0; i < n; i++)
			memcpy(to + i * 8, d->values.bytes + (size_t)ids[i] * 8, 8);
	} else {
		for (size_t i = 0; i < n; i++)
			memcpy(to + i * 4, d->values.bytes + (size_t)ids[i] * 4, 4);
	}
	out->len += n * size;
}

/* Narrow keys */

/* The same entries in count slots, or more where no multiplier spreads them. */
static void narrow_rebuild(struct dictionary *d, size_t count)
{
	struct buffer old = d->narrow.slots;
	size_t olds = old.len / sizeof(uint64_t);
	d->narrow.slots = (struct buffer){0};
	for (unsigned attempt = 1;; attempt++) {
		table_clear(&d->narrow, count, &d->seed);
		size_t i = 0;
		for (; i < olds; i++) {
			uint64_t s = ((const uint64_t *)(const void *)old.bytes)[i];
			if (s != 0 && !table_add(&d->narrow, (uint32_t)s * d->narrow.multiplier, (uint32_t)s,
			                  (uint32_t)(s >> 32) - 1))
				break;
		}
		if (i == olds)
			break;
		if (attempt % 4 == 0)
			count *= 2;
	}
	buffer_fini(&old);
}

static void narrow_put(struct dictionary *d, uint32_t key, uint32_t id)
{
	if (table_full(&d->narrow))
		narrow_rebuild(d, d->narrow.slots.len == 0 ? TABLE_FIRST : 2 * ((size_t)d->narrow.mask + 1));
	while (!table_add(&d->narrow, key * d->narrow.multiplier, key, id))
		narrow_rebuild(d, (size_t)d->narrow.mask + 1);
}

static void direct_open(struct dictionary *d, uint32_t domain)
{
	buffer_zero(&d->direct, domain * sizeof(uint16_t));
	d->domain = domain;
}

static void direct_to_table(struct dictionary *d)
{
	const uint16_t *direct = (const uint16_t *)(const void *)d->direct.bytes;
	for (uint32_t key = 0; key < d->domain; key++)
		if (direct[key] != 0)
			narrow_put(d, key, direct[key] - 1u);
	buffer_fini(&d->direct);
	d->domain = 0;
}

static void table_to_direct(struct dictionary *d)
{
	direct_open(d, DIRECT_LARGE);
	uint16_t *direct = (uint16_t *)(void *)d->direct.bytes;
	const uint64_t *slot = table_slots(&d->narrow);
	for (size_t i = 0; i <= d->narrow.mask; i++)
		if (slot[i] != 0)
			direct[(uint32_t)slot[i]] = (uint16_t)(slot[i] >> 32);
	table_fini(&d->narrow);
}

static void narrow_add(struct dictionary *d, uint32_t key, uint32_t id)
{
	if (d->count == 1 && d->key != KEY_IP && key < DIRECT_SMALL)
		direct_open(d, DIRECT_SMALL);
	if (key > d->widest)
		d->widest = key;
	if (d->domain == 0 && d->key != KEY_IP && d->widest < DIRECT_LARGE && id < DIRECT_IDS &&
	    table_full(&d->narrow) && 2 * ((size_t)d->narrow.mask + 1) >= DIRECT_FROM && d->narrow.slots.len != 0)
		table_to_direct(d);
	if (d->domain != 0 && (key >= d->domain || id >= DIRECT_IDS))
		direct_to_table(d);
	if (d->domain != 0)
		((uint16_t *)(void *)d->direct.bytes)[key] = (uint16_t)(id + 1);
	else
		narrow_put(d, key, id);
}

/* Wide keys */

static inline uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 p = (unsigned __int128)a * b;
	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

/* Sixteen bytes a multiplication. seed is secret, so that nobody can make a factor zero; the length goes in last,
 * because keys of different lengths may give the same two halves. */
static inline uint64_t hash_bytes(const uint8_t *p, size_t n, uint64_t seed)
{
	uint64_t h = seed, a, b;
	size_t left = n;
	for (; left > 16; p += 16, left -= 16)
		h = fold(short_load(p, 8) ^ seed, short_load(p + 8, 8) ^ h);
	if (left >= 8) {
		a = short_load(p, 8);
		b = short_load(p + left - 8, 8);
	} else if (left >= 4) {
		a = short_load(p, 4);
		b = short_load(p + left - 4, 4);
	} else {
		a = left == 0 ? 0 : (uint64_t)p[0] | (uint64_t)p[left / 2] << 8 | (uint64_t)p[left - 1] << 16;
		b = 0;
	}
	return fold(fold(a ^ seed, b ^ h) ^ n, UINT64_C(0x8EBC6AF09C88C6E3));
}

static size_t wide_size(const struct dictionary *d)
{
	return d->key == KEY_IP ? sizeof(struct ip) : sizeof(uint64_t);
}

/* The wide key behind a number. */
static const uint8_t *wide_key(const struct dictionary *d, uint32_t number, size_t *len)
{
	if (d->key == KEY_BYTES) {
		uint32_t n;
		const uint8_t *p = dictionary_value(d, number, &n);
		*len = n;
		return p;
	}
	*len = wide_size(d);
	return d->wide_keys.bytes + number * *len;
}

static void wide_rebuild(struct dictionary *d, size_t count)
{
	uint32_t entries = d->wide.used;
	for (unsigned attempt = 1;; attempt++) {
		table_clear(&d->wide, count, &d->seed);
		uint32_t i = 0;
		for (; i < entries; i++) {
			size_t len;
			const uint8_t *key = wide_key(d, i, &len);
			uint64_t hash = hash_bytes(key, len, d->wide.multiplier);
			if (!table_add(&d->wide, hash, (uint32_t)hash, i))
				break;
		}
		if (i == entries)
			return;
		if (attempt % 4 == 0)
			count *= 2;
	}
}

/* The number of the next wide key, whose bytes lie behind it already. */
static void wide_put(struct dictionary *d, const uint8_t *key, size_t len)
{
	if (table_full(&d->wide))
		wide_rebuild(d, d->wide.slots.len == 0 ? TABLE_FIRST : 2 * ((size_t)d->wide.mask + 1));
	for (;;) {
		uint64_t hash = hash_bytes(key, len, d->wide.multiplier);
		if (table_add(&d->wide, hash, (uint32_t)hash, d->wide.used))
			return;
		wide_rebuild(d, (size_t)d->wide.mask + 1);
	}
}

static inline bool wide_at(const struct dictionary *d, const uint8_t *key, size_t len, uint64_t hash, uint32_t *number)
{
	const uint64_t *slot = table_slots(&d->wide);
	uint64_t s;
	for (uint32_t at = table_home(&d->wide, hash); (s = slot[at]) != 0; at = (at + 1) & d->wide.mask) {
		if ((uint32_t)s != (uint32_t)hash)
			continue;
		size_t have_len;
		const uint8_t *have = wide_key(d, (uint32_t)(s >> 32) - 1, &have_len);
		if (have_len == len && short_same(have, key, len)) {
			*number = (uint32_t)(s >> 32) - 1;
			return true;
		}
	}
	return false;
}

static bool wide_find(const struct dictionary *d, const uint8_t *key, size_t len, uint32_t *number)
{
	return d->wide.used != 0 && wide_at(d, key, len, hash_bytes(key, len, d->wide.multiplier), number);
}

/* The id of a wide key that is not bytes. */
static bool wide_id(const struct dictionary *d, const void *key, uint32_t *id)
{
	uint32_t number;
	if (!wide_find(d, key, wide_size(d), &number))
		return false;
	memcpy(id, d->wide_ids.bytes + number * sizeof *id, sizeof *id);
	return true;
}

/* Known keys: each loop ends at the first that is not, or at n. */

static size_t known_direct(const struct dictionary *d, const uint64_t *key, size_t i, size_t n, uint32_t *ids)
{
	const uint16_t *direct = (const uint16_t *)(const void *)d->direct.bytes;
	uint64_t domain = d->domain; /* a power of two, so one compare of all bits does for eight keys */
	for (; i + 8 <= n; i += 8) {
		const uint64_t *k = key + i;
		uint32_t missing = 0;
		if ((k[0] | k[1] | k[2] | k[3] | k[4] | k[5] | k[6] | k[7]) >= domain)
			break;
		_Pragma("GCC unroll 8") for (unsigned j = 0; j < 8; j++)
		{
			uint32_t id = direct[k[j]] - 1u;
			ids[i + j] = id;
			missing |= id;
		}
		if (missing >> 31 != 0)
			break;
	}
	for (; i < n && key[i] < domain && direct[key[i]] != 0; i++)
		ids[i] = direct[key[i]] - 1u;
	return i;
}

static inline bool narrow_at(const uint64_t *slot, uint32_t mask, uint32_t at, uint32_t key, uint32_t *id)
{
	uint64_t s;
	while ((uint32_t)(s = slot[at]) != key && s != 0)
		at = (at + 1) & mask;
	*id = (uint32_t)(s >> 32) - 1;
	return s != 0;
}

static size_t known_numbers(const struct dictionary *d, const uint64_t *key, size_t i, size_t n, uint32_t *ids)
{
	const struct table *t = &d->narrow;
	const uint64_t *slot = table_slots(t);
	for (; i < n; i++) {
		if (key[i] > UINT32_MAX) {
			if (!wide_id(d, &key[i], &ids[i]))
				break;
		} else if (slot == NULL || !narrow_at(slot, t->mask, table_home(t, (uint32_t)key[i] * t->multiplier),
		                               (uint32_t)key[i], &ids[i])) {
			break;
		}
	}
	return i;
}

/* For columns where most keys equal the one before: the compare is cheaper than the search, and well predicted. */
static size_t known_runs(const struct dictionary *d, const uint64_t *key, size_t i, size_t n, uint32_t *ids)
{
	while (i < n) {
		size_t one = known_numbers(d, key, i, i + 1, ids);
		if (one == i)
			return i;
		uint64_t same = key[i];
		uint32_t id = ids[i];
		for (i++; i < n && key[i] == same; i++)
			ids[i] = id;
	}
	return i;
}

static bool same_span(const struct span *s)
{
	return s[0].offset == s[-1].offset && s[0].length == s[-1].length;
}

/* Of bytes that are no text: each is printed and looked for as what it prints as. */
static size_t known_bytes(const struct keys *k, size_t i, uint32_t *ids)
{
	for (const struct span *span = k->at; i > 0 && i < k->n && same_span(&span[i]); i++)
		ids[i] = ids[i - 1];
	return i;
}

/* Are most keys of the selection the same as the one before? Looks at a part of them. */
static bool mostly_runs(const uint64_t *key, size_t n)
{
	size_t same = 0, looked = n < 512 ? n : 512;
	for (size_t i = 1; i < looked; i++)
		same += key[i] == key[i - 1];
	return same * 8 >= looked * 7;
}

static size_t known(const struct dictionary *d, const struct keys *k, size_t i, bool runs, uint32_t *ids)
{
	if (d->key == KEY_BYTES)
		return known_bytes(k, i, ids);
	if (d->domain != 0)
		return known_direct(d, k->at, i, k->n, ids);
	return runs ? known_runs(d, k->at, i, k->n, ids) : known_numbers(d, k->at, i, k->n, ids);
}

/* Unknown keys */

static bool add_bytes(struct dictionary *d, const struct keys *k, size_t i, uint32_t *id)
{
	size_t raw, len;
	const uint8_t *bytes = keys_bytes(k, i, &raw);
	char unused[RENDER_TEXT];
	const uint8_t *text = keys_text(k, i, unused, &d->scratch, &d->scratch_size, &len);
	/* What was repaired may be there already, under the repaired text: different bad bytes come to the same. */
	if (text != bytes && wide_find(d, text, len, id))
		return true;
	*id = d->count;
	if (!put_value(d, text, len))
		return false;
	const uint8_t *own = dictionary_value(d, *id, &(uint32_t){0});
	wide_put(d, own, len);
	return true;
}

static bool add_wide(struct dictionary *d, const struct keys *k, size_t i, uint32_t id)
{
	size_t size = wide_size(d);
	const uint8_t *key = (const uint8_t *)k->at + i * size;
	if (!print_value(d, k, i))
		return false;
	buffer_put(&d->wide_keys, key, size);
	buffer_u32(&d->wide_ids, id);
	wide_put(d, key, size);
	return true;
}

static bool add(struct dictionary *d, const struct keys *k, size_t i, uint32_t *id)
{
	uint32_t key;
	if (d->key == KEY_BYTES)
		return add_bytes(d, k, i, id);
	*id = d->count;
	if (d->key == KEY_IP) {
		const struct ip *ip = (const struct ip *)k->at + i;
		if (ip->family != 4)
			return add_wide(d, k, i, *id);
		key = (uint32_t)short_load(ip->octet, 4);
	} else {
		uint64_t number = ((const uint64_t *)k->at)[i];
		/* Numbers are looked for in the array alone while it is open, so a wide one closes it. */
		if (number > UINT32_MAX) {
			if (d->domain != 0)
				direct_to_table(d);
			d->widest = UINT32_MAX;
			uint32_t have;
			if (wide_id(d, &number, &have)) {
				*id = have;
				return true;
			}
			return add_wide(d, k, i, *id);
		}
		key = (uint32_t)number;
	}
	if (!print_value(d, k, i))
		return false;
	narrow_add(d, key, *id);
	return true;
}

/* A selection on its way. */
struct search {
	struct dictionary *dictionary;
	const struct keys *keys;
	uint32_t *ids;
	uint32_t *fresh; /* or NULL */
	size_t freshes;
};

static __attribute__((noinline)) bool add_noted(struct search *q, size_t i)
{
	uint32_t before = q->dictionary->count;
	if (!add(q->dictionary, q->keys, i, &q->ids[i]))
		return false;
	if (q->fresh != NULL && q->dictionary->count != before)
		q->fresh[q->freshes++] = (uint32_t)i;
	return true;
}

/*
 * Through a table that is larger than the nearest cache: the slots of a block of keys are asked for before any is
 * looked at, so that a mispredicted compare does not wait for memory. Ends at n, where the dictionary is full, or where
 * the table is no more.
 */
static inline __attribute__((always_inline)) size_t find_ahead(struct search *q, size_t i, const bool ips)
{
	enum { AHEAD = 32 };
	const struct ip *ip = q->keys->at;
	const uint64_t *number = q->keys->at;
	while (i < q->keys->n && q->dictionary->domain == 0) {
		const struct table t = q->dictionary->narrow;
		const uint64_t *slot = table_slots(&t);
		size_t stop = q->keys->n - i < AHEAD ? q->keys->n : i + AHEAD;
		uint32_t home[AHEAD];
		for (size_t j = i, h = 0; j < stop; j++, h++) {
			uint32_t key = ips ? (uint32_t)short_load(ip[j].octet, 4) : (uint32_t)number[j];
			home[h] = table_home(&t, key * t.multiplier);
			__builtin_prefetch(&slot[home[h]]);
		}
		for (size_t h = 0; i < stop; i++, h++) {
			bool wide = ips ? ip[i].family != 4 : number[i] > UINT32_MAX;
			uint32_t key = ips ? (uint32_t)short_load(ip[i].octet, 4) : (uint32_t)number[i];
			if (!wide && narrow_at(slot, t.mask, home[h], key, &q->ids[i]))
				continue;
			if (wide &&
			    wide_id(q->dictionary, ips ? (const void *)&ip[i] : (const void *)&number[i], &q->ids[i]))
				continue;
			if (!add_noted(q, i))
				return i;
			/* It may have moved. */
			if (slot != table_slots(&q->dictionary->narrow) ||
			    t.multiplier != q->dictionary->narrow.multiplier) {
				i++;
				break;
			}
		}
	}
	return i;
}

/* A new text whose bytes are known by now, as its hash is. */
static __attribute__((noinline)) bool add_text(
    struct search *q, size_t i, const uint8_t *bytes, size_t len, uint64_t hash)
{
	struct dictionary *d = q->dictionary;
	char unused[RENDER_TEXT];
	size_t size;
	if (keys_text(q->keys, i, unused, &d->scratch, &d->scratch_size, &size) != bytes)
		return add_noted(q, i);
	q->ids[i] = d->count;
	if (!put_value(d, bytes, len))
		return false;
	if (q->fresh != NULL)
		q->fresh[q->freshes++] = (uint32_t)i;
	if (table_full(&d->wide) || !table_add(&d->wide, hash, (uint32_t)hash, d->wide.used))
		wide_put(d, bytes, len);
	return true;
}

/* Ask for what the search of those hashes will read: the slots, the places of their texts, the texts. */
static void ask_ahead(const struct dictionary *d, const uint64_t *hash, size_t n)
{
	const uint64_t *slot = table_slots(&d->wide);
	for (size_t h = 0; h < n; h++)
		__builtin_prefetch(&slot[table_home(&d->wide, hash[h])]);
	for (size_t h = 0; h < n; h++) {
		uint64_t s = slot[table_home(&d->wide, hash[h])];
		if (s != 0)
			__builtin_prefetch(d->offsets.bytes + ((s >> 32) - 1) * sizeof(uint32_t));
	}
	for (size_t h = 0; h < n; h++) {
		uint64_t s = slot[table_home(&d->wide, hash[h])];
		if (s != 0)
			__builtin_prefetch(
			    d->values.bytes + short_load(d->offsets.bytes + ((s >> 32) - 1) * sizeof(uint32_t), 4));
	}
}

/* Texts: valid ones are their own key. Ends at n, or where the dictionary is full. */
static size_t find_texts(struct search *q)
{
	enum { AHEAD = 32 };
	struct dictionary *d = q->dictionary;
	const struct span *span = q->keys->at;
	size_t i = 0, n = q->keys->n, again = 0;
	if (d->wide.slots.len == 0)
		wide_rebuild(d, TABLE_FIRST);
	while (i < n) {
		uint64_t hash[AHEAD], multiplier = d->wide.multiplier;
		const uint8_t *key[AHEAD];
		size_t len[AHEAD], stop = n - i < AHEAD ? n : i + AHEAD;
		/* Where texts repeat, the compare with the last one is cheaper than a hash, and well predicted. */
		bool same[AHEAD] = {false}, runs = again >= AHEAD * 3 / 4;
		for (size_t j = i, h = 0; j < stop; j++, h++) {
			key[h] = keys_bytes(q->keys, j, &len[h]);
			same[h] = h > 0 && (same_span(&span[j]) || (runs && len[h] == len[h - 1] &&
			                                               short_same(key[h], key[h - 1], len[h])));
			hash[h] = same[h] ? hash[h - 1] : hash_bytes(key[h], len[h], multiplier);
		}
		again = 0;
		if (d->wide.slots.len >= AHEAD_FROM / 4)
			ask_ahead(d, hash, stop - i);
		/* Adding may rebuild the table, and then the hashes are no longer its own. */
		for (size_t h = 0; i < stop && d->wide.multiplier == multiplier; i++, h++) {
			if (same[h])
				q->ids[i] = q->ids[i - 1];
			else if (!wide_at(d, key[h], len[h], hash[h], &q->ids[i]) &&
			         !add_text(q, i, key[h], len[h], hash[h]))
				return i;
			again += i > 0 && q->ids[i] == q->ids[i - 1];
		}
	}
	return i;
}

size_t dictionary_find(struct dictionary *d, const struct keys *k, uint32_t *ids, uint32_t *fresh, size_t *freshes)
{
	struct search q = {.dictionary = d, .keys = k, .ids = ids, .fresh = fresh};
	bool runs = d->key != KEY_IP && d->key != KEY_BYTES && mostly_runs(k->at, k->n);
	size_t i = 0;
	bool full = false;
	if (d->key == KEY_IP && d->narrow.slots.len == 0)
		narrow_rebuild(d, TABLE_FIRST);
	if (d->key == KEY_BYTES && strcmp(k->from->render->as, "text") == 0) {
		i = find_texts(&q);
		full = i < k->n;
	}
	while (i < k->n && !full) {
		if (d->key == KEY_IP) {
			i = find_ahead(&q, i, true);
			full = i < k->n;
		} else if (d->key != KEY_BYTES && d->domain == 0 && !runs && d->narrow.slots.len >= AHEAD_FROM) {
			size_t end = find_ahead(&q, i, false);
			full = end < k->n && d->domain == 0;
			i = end;
		} else {
			i = known(d, k, i, runs, ids);
			if (i < k->n && !add_noted(&q, i))
				full = true;
			else if (i < k->n)
				i++;
		}
	}
	if (freshes != NULL)
		*freshes = q.freshes;
	return i;
}

/*
 * Datagrams are put together in chunks that are allocated when a fragment touches them, with one bit for each 8-byte
 * unit that is there: a fragment costs its bytes and no more, however many came before it, and one far from the start
 * costs no room for what lies between.
 */
#include "dissect/pcap/frag.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "dissect/pcap/siphash.h"

enum {
	UNIT = 8, /* fragment offsets count these */
	CHUNK = 2048,
	CHUNK_UNITS = CHUNK / UNIT,
	CHUNKS = (FRAG_DATAGRAM_MAX + CHUNK) / CHUNK,
	BUCKETS = 2 * FRAG_DATAGRAMS,
	SIZE_UNKNOWN = FRAG_DATAGRAM_MAX + 1,
};

struct chunk {
	uint64_t there[CHUNK_UNITS / 64]; /* a bit for each unit */
	uint8_t bytes[CHUNK];
};

struct datagram {
	struct datagram *chain;         /* in its bucket */
	struct datagram *older, *newer; /* by the first fragment that came */
	struct frag_key key;
	uint32_t bucket;
	uint32_t size;  /* SIZE_UNKNOWN until the last fragment, or a cut one, has told */
	uint32_t units; /* that are there, below size */
	int64_t opened_ns;
	struct chunk *chunk[CHUNKS];
};

struct frags {
	struct siphash hash;
	struct frag_counts counts;
	struct datagram *oldest, *newest;
	size_t open, bytes;
	uint8_t *whole; /* FRAG_DATAGRAM_MAX, once a datagram was whole */
	struct datagram *bucket[BUCKETS];
};

static bool same_key(const struct frag_key *a, const struct frag_key *b)
{
	return a->id == b->id && a->proto == b->proto && memcmp(&a->src, &b->src, sizeof a->src) == 0 &&
	       memcmp(&a->dst, &b->dst, sizeof a->dst) == 0;
}

static uint32_t bucket_of(const struct frags *f, const struct frag_key *key)
{
	uint64_t word[5];
	memcpy(word, key->src.octet, 16);
	memcpy(word + 2, key->dst.octet, 16);
	word[4] = (uint64_t)key->id << 32 | (uint64_t)key->src.family << 8 | key->proto;
	return (uint32_t)(siphash_words(&f->hash, word, 5) % BUCKETS);
}

static void datagram_free(struct frags *f, struct datagram *d)
{
	struct datagram **at = &f->bucket[d->bucket];
	while (*at != d)
		at = &(*at)->chain;
	*at = d->chain;
	*(d->older != NULL ? &d->older->newer : &f->oldest) = d->newer;
	*(d->newer != NULL ? &d->newer->older : &f->newest) = d->older;
	for (size_t i = 0; i < CHUNKS; i++) {
		f->bytes -= d->chunk[i] != NULL ? sizeof *d->chunk[i] : 0;
		mem_free(&d->chunk[i]);
	}
	f->bytes -= sizeof *d;
	f->open--;
	mem_release(d);
}

/* Make room for need bytes at the cost of the oldest, but not of keep. One datagram is far smaller than FRAG_BYTES. */
static void make_room(struct frags *f, const struct datagram *keep, size_t need)
{
	while (f->bytes + need > FRAG_BYTES) {
		struct datagram *d = f->oldest == keep ? f->oldest->newer : f->oldest;
		datagram_free(f, d);
		f->counts.evicted++;
	}
}

static void expire(struct frags *f, int64_t now_ns)
{
	struct datagram *d;
	/* Clocks of captures also go backwards: then nothing is old. */
	while ((d = f->oldest) != NULL && now_ns > d->opened_ns &&
	       (uint64_t)now_ns - (uint64_t)d->opened_ns > (uint64_t)FRAG_SECONDS * NS_PER_S) {
		datagram_free(f, d);
		f->counts.expired++;
	}
}

static struct datagram *find(struct frags *f, const struct frag_key *key, uint32_t bucket)
{
	struct datagram *d = f->bucket[bucket];
	while (d != NULL && !same_key(&d->key, key))
		d = d->chain;
	return d;
}

static struct datagram *open_datagram(struct frags *f, const struct frag_key *key, uint32_t bucket, int64_t time_ns)
{
	if (f->open == FRAG_DATAGRAMS) {
		datagram_free(f, f->oldest);
		f->counts.evicted++;
	}
	make_room(f, NULL, sizeof(struct datagram));
	struct datagram *d = mem_zero(1, sizeof *d);
	d->key = *key;
	d->bucket = bucket;
	d->size = SIZE_UNKNOWN;
	d->opened_ns = time_ns;
	d->chain = f->bucket[bucket];
	f->bucket[bucket] = d;
	d->older = f->newest;
	*(f->newest != NULL ? &f->newest->newer : &f->oldest) = d;
	f->newest = d;
	f->open++;
	f->bytes += sizeof *d;
	return d;
}

/* The datagram ends at size: units that came from beyond do not count any more. */
static void set_size(struct datagram *d, uint32_t size)
{
	uint32_t units = (size + UNIT - 1) / UNIT;
	d->size = size;
	d->units = 0;
	for (uint32_t c = 0; c * CHUNK_UNITS < units; c++) {
		for (uint32_t w = 0; d->chunk[c] != NULL && w < CHUNK_UNITS / 64; w++) {
			uint32_t first = c * CHUNK_UNITS + w * 64;
			uint64_t below = first + 64 <= units ? UINT64_MAX
			                 : first < units     ? (UINT64_C(1) << (units - first)) - 1
			                                     : 0;
			d->units += (uint32_t)__builtin_popcountll(d->chunk[c]->there[w] & below);
		}
	}
}

static struct chunk *chunk_at(struct frags *f, struct datagram *d, uint32_t place)
{
	struct chunk **c = &d->chunk[place / CHUNK];
	if (*c == NULL) {
		make_room(f, d, sizeof **c);
		*c = mem_alloc(sizeof **c);
		memset((*c)->there, 0, sizeof(*c)->there);
		f->bytes += sizeof **c;
	}
	return *c;
}

/* Units of one word of bits, from the first on; some may be there. */
static void fill_word(
    struct datagram *d, struct chunk *c, uint32_t unit, uint32_t units, const uint8_t *bytes, uint32_t have)
{
	uint64_t *there = &c->there[unit / 64];
	uint64_t mask = (units == 64 ? UINT64_MAX : (UINT64_C(1) << units) - 1) << unit % 64, fresh = mask & ~*there;
	if (fresh == mask)
		memcpy(c->bytes + unit * UNIT, bytes, have);
	for (uint32_t i = 0; fresh != mask && i < units; i++) {
		uint32_t at = i * UNIT;
		if (fresh >> (unit + i) % 64 & 1)
			memcpy(c->bytes + unit * UNIT + at, bytes + at, have - at < UNIT ? have - at : UNIT);
	}
	*there |= mask;
	d->units += (uint32_t)__builtin_popcountll(fresh);
}

/* Take the units that are not there yet. offset is a multiple of UNIT, offset + have at most the size. */
static void fill(struct frags *f, struct datagram *d, uint32_t offset, const uint8_t *bytes, uint32_t have)
{
	for (uint32_t at = 0; at < have;) {
		uint32_t place = offset + at, unit = place % CHUNK / UNIT, units = 64 - unit % 64;
		uint32_t take = have - at < units * UNIT ? have - at : units * UNIT;
		fill_word(d, chunk_at(f, d, place), unit, (take + UNIT - 1) / UNIT, bytes + at, take);
		at += take;
	}
}

static void join(struct frags *f, const struct datagram *d)
{
	if (f->whole == NULL)
		f->whole = mem_alloc(CHUNKS * CHUNK);
	for (uint32_t at = 0; at < d->size; at += CHUNK)
		memcpy(f->whole + at, d->chunk[at / CHUNK]->bytes, d->size - at < CHUNK ? d->size - at : CHUNK);
}

struct frags *frags_new(void)
{
	struct frags *f = mem_zero(1, sizeof *f);
	siphash_seed(&f->hash);
	return f;
}

void frags_free(struct frags **f)
{
	if (*f == NULL)
		return;
	while ((*f)->oldest != NULL)
		datagram_free(*f, (*f)->oldest);
	mem_free(&(*f)->whole);
	mem_free(f);
}

bool frags_add(struct frags *f, const struct frag_key *key, uint32_t offset, bool more, const uint8_t *bytes,
    size_t have, bool cut, int64_t time_ns, const uint8_t **whole, size_t *size)
{
	expire(f, time_ns);
	if (offset % UNIT != 0 || offset > FRAG_DATAGRAM_MAX || have > FRAG_DATAGRAM_MAX - offset) {
		f->counts.oversized++;
		return false;
	}
	/* All but the last are whole units (RFC 791 section 3.2); what is too much cannot be placed. */
	uint32_t use = more && !cut ? (uint32_t)have / UNIT * UNIT : (uint32_t)have;
	bool ends = !more || cut;
	if (use == 0 && !(ends && offset > 0))
		return false;
	uint32_t bucket = bucket_of(f, key);
	struct datagram *d = find(f, key, bucket);
	if (d == NULL)
		d = open_datagram(f, key, bucket, time_ns);
	/* The first end stays, unless a cut shows that not even that much is there. */
	if (ends && (d->size == SIZE_UNKNOWN || (cut && offset + use < d->size)))
		set_size(d, offset + use);
	if (offset + use < d->size)
		use -= use % UNIT; /* a last fragment that is not the last */
	if (offset < d->size)
		fill(f, d, offset, bytes, use < d->size - offset ? use : d->size - offset);
	if (d->size == SIZE_UNKNOWN || d->units < (d->size + UNIT - 1) / UNIT)
		return false;
	join(f, d);
	*whole = f->whole;
	*size = d->size;
	datagram_free(f, d);
	f->counts.whole++;
	return true;
}

const struct frag_counts *frags_counts(const struct frags *f)
{
	return &f->counts;
}

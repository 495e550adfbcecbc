/* What a row is called in a digest must not depend on whether it comes from a dissector or from a table file: both are
 * encoded as a rows event carries them. */
#include "pipe/stored.h"

#include <string.h>

#include "base/mem.h"
#include "ext/hash.h"
#include "format/avro.h"

enum { KEY = 16, READ_ROWS = 4096, READ_ARENA = 4 << 20, ROW_MAX = 4 << 20, SLOTS_LEAST = 1 << 10 };

struct slot {
	uint8_t key[KEY];
	uint32_t count; /* of rows that were not matched yet */
	bool used;
};

struct stored {
	const struct pipeline *pipeline;
	struct store *store;
	const struct crc32_tables *crc;
	struct pack *pack;
	struct batch *batch; /* of table files */
	struct avro_encoder *native, *rendered;
	struct writer row;
	struct sha256 *hash;
	uint32_t part, parts;
	struct slot *slot; /* open addressing, at most half full */
	size_t slots, used;
	uint64_t left;
};

struct stored *stored_new(const struct pipeline *p, struct store *store, const struct crc32_tables *crc)
{
	struct stored *s = mem_zero(1, sizeof *s);
	s->pipeline = p;
	s->store = store;
	s->crc = crc;
	s->pack = pack_new();
	s->batch = batch_new(p->rendered->types, p->rendered->wants, READ_ROWS, READ_ARENA);
	s->native = avro_encoder_new(p->projection);
	s->rendered = avro_encoder_new(p->rendered);
	writer_init(&s->row, ROW_MAX);
	s->hash = sha256_new();
	stored_begin(s, 0, 1);
	return s;
}

void stored_free(struct stored **s)
{
	if (*s == NULL)
		return;
	pack_free(&(*s)->pack);
	batch_free(&(*s)->batch);
	avro_encoder_free(&(*s)->native);
	avro_encoder_free(&(*s)->rendered);
	writer_fini(&(*s)->row);
	sha256_free(&(*s)->hash);
	mem_free(&(*s)->slot);
	mem_free(s);
}

void stored_begin(struct stored *s, uint32_t part, uint32_t parts)
{
	mem_free(&s->slot);
	s->slots = SLOTS_LEAST;
	s->slot = mem_zero(s->slots, sizeof *s->slot);
	s->used = 0;
	s->left = 0;
	s->part = part;
	s->parts = parts;
}

/* false: it is of another share. */
static bool digest(
    struct stored *s, struct avro_encoder *encoder, const struct batch *b, uint16_t row, uint8_t key[KEY])
{
	uint8_t sum[SHA256_BYTES];
	uint64_t outside = 0, share;
	writer_reset(&s->row);
	avro_encode(encoder, b, &row, 1, &s->row, &outside);
	sha256_reset(s->hash);
	sha256_add(s->hash, s->row.bytes, s->row.len);
	sha256_peek(s->hash, sum);
	memcpy(key, sum, KEY);
	memcpy(&share, sum + KEY, sizeof share);
	return share % s->parts == s->part;
}

static struct slot *find(struct slot *slot, size_t slots, const uint8_t key[KEY])
{
	size_t at;
	memcpy(&at, key, sizeof at);
	for (at &= slots - 1; slot[at].used && memcmp(slot[at].key, key, KEY) != 0;)
		at = (at + 1) & (slots - 1);
	return &slot[at];
}

static void grow(struct stored *s)
{
	size_t slots = 2 * s->slots;
	struct slot *slot = mem_zero(slots, sizeof *slot);
	for (size_t i = 0; i < s->slots; i++)
		if (s->slot[i].used)
			*find(slot, slots, s->slot[i].key) = s->slot[i];
	mem_free(&s->slot);
	s->slot = slot;
	s->slots = slots;
}

static void hold(struct stored *s, const uint8_t key[KEY])
{
	if (2 * (s->used + 1) > s->slots)
		grow(s);
	struct slot *at = find(s->slot, s->slots, key);
	if (!at->used) {
		at->used = true;
		memcpy(at->key, key, KEY);
		s->used++;
	}
	at->count++;
	s->left++;
}

struct adding { /* one file */
	struct stored *stored;
	struct input *in;
	const struct input_file *file;
	const uint8_t *original;
	uint64_t *rows;
};

static enum rc see_original(
    void *context, const uint8_t original[SHA256_BYTES], uint64_t rows, const char *dissector, struct err *e)
{
	const struct adding *a = context;
	struct stored *s = a->stored;
	bool ours = memcmp(original, a->original, SHA256_BYTES) == 0;
	uint8_t key[KEY];
	(void)dissector;
	while (rows > 0) {
		enum rc rc = input_next(a->in, s->batch, rows, e);
		if (rc == RC_END)
			rc = err_set(RC_BAD, e, "%.300s: fewer rows than its footer says", a->file->path);
		if (rc != RC_OK)
			return rc;
		for (uint32_t i = 0; ours && i < s->batch->rows; i++)
			if (digest(s, s->rendered, s->batch, (uint16_t)i, key))
				hold(s, key);
		*a->rows += ours ? s->batch->rows : 0;
		rows -= s->batch->rows;
	}
	return RC_OK;
}

enum rc stored_add(
    struct stored *s, const struct input_file *f, const uint8_t original[SHA256_BYTES], uint64_t *rows, struct err *e)
{
	struct adding a = {.stored = s, .file = f, .original = original, .rows = rows};
	enum rc rc = input_open(s->store, s->pipeline->schema, s->pack, s->crc, f, &a.in, e);
	if (rc == RC_OK)
		rc = input_originals(a.in, see_original, &a, e);
	input_close(&a.in);
	return rc;
}

enum stored_row stored_match(struct stored *s, const struct batch *b, uint16_t row)
{
	uint8_t key[KEY];
	if (!digest(s, s->native, b, row, key))
		return STORED_OTHER;
	struct slot *at = find(s->slot, s->slots, key);
	if (!at->used || at->count == 0)
		return STORED_NEW;
	at->count--;
	s->left--;
	return STORED_HELD;
}

uint64_t stored_left(const struct stored *s)
{
	return s->left;
}

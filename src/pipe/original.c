/*
 * A dissector may stop before the end of its input and closes its source when it pleases, but the digest needs every
 * byte. So it reads through a source that sums and leaves the real one open.
 */
#include "pipe/original.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"

enum { REST_CHUNK = 256 << 10 };

struct original {
	struct source *inner;
	struct sha256 *sum;
	uint64_t size;
};

struct summed {
	struct source front;
	struct original *original;
};

static enum rc read_summed(struct source *s, void *to, size_t size, size_t *got, struct err *e)
{
	struct original *o = ((struct summed *)s)->original;
	enum rc rc = source_read(o->inner, to, size, got, e);

	if (rc == RC_OK) {
		sha256_add(o->sum, to, *got);
		o->size += *got;
	}
	return rc;
}

static void close_summed(struct source *s)
{
	/* The original stays open: original_check has yet to read its rest. */
	mem_free(&s);
}

static const struct source_ops summed_ops = {.name = "original", .read = read_summed, .close = close_summed};

enum rc original_open(struct store *store, const char *path, struct original **out, struct err *e)
{
	struct source *inner = NULL;
	enum rc rc = store_read(store, path, &inner, e);

	if (rc != RC_OK)
		return rc;
	struct original *o = mem_zero(1, sizeof *o);
	o->inner = inner;
	o->sum = sha256_new();
	*out = o;
	return RC_OK;
}

void original_close(struct original **o)
{
	if (*o == NULL)
		return;
	source_close(&(*o)->inner);
	sha256_free(&(*o)->sum);
	mem_free(o);
}

struct source *original_source(struct original *o)
{
	struct summed *s = mem_zero(1, sizeof *s);

	s->front.ops = &summed_ops;
	s->original = o;
	return &s->front;
}

enum rc original_check(struct original *o, uint64_t size, const uint8_t sha256[SHA256_BYTES], struct err *e)
{
	uint8_t *chunk = mem_alloc(REST_CHUNK);
	uint8_t digest[SHA256_BYTES];
	size_t got = 0;
	enum rc rc;

	while ((rc = source_read(o->inner, chunk, REST_CHUNK, &got, e)) == RC_OK) {
		sha256_add(o->sum, chunk, got);
		o->size += got;
	}
	mem_free(&chunk);
	if (rc != RC_END)
		return rc;
	sha256_peek(o->sum, digest);
	if (o->size != size || memcmp(digest, sha256, SHA256_BYTES) != 0)
		return err_set(RC_BAD, e,
		    "the original is not what was archived: %" PRIu64 " bytes of %" PRIu64 ", sha256 %s", o->size, size,
		    memcmp(digest, sha256, SHA256_BYTES) != 0 ? "differs" : "is right");
	return RC_OK;
}

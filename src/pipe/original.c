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
	const struct event *event;
	struct gmac *gmac; /* one of the two */
	struct sha256 *sum;
	uint64_t size;
};

struct summed {
	struct source front;
	struct original *original;
};

static void add(struct original *o, const void *bytes, size_t size)
{
	if (o->gmac != NULL)
		gmac_add(o->gmac, bytes, size);
	else
		sha256_add(o->sum, bytes, size);
	o->size += size;
}

static bool right(struct original *o)
{
	uint8_t digest[SHA256_BYTES], tag[MAC_TAG];

	if (o->gmac != NULL) {
		gmac_end(o->gmac, tag);
		return mac_holds(&o->event->mac, tag);
	}
	sha256_peek(o->sum, digest);
	return memcmp(digest, o->event->original, SHA256_BYTES) == 0;
}

static enum rc read_summed(struct source *s, void *to, size_t size, size_t *got, struct err *e)
{
	struct original *o = ((struct summed *)s)->original;
	enum rc rc = source_read(o->inner, to, size, got, e);

	if (rc == RC_OK)
		add(o, to, *got);
	return rc;
}

static void close_summed(struct source *s)
{
	/* The original stays open: original_check has yet to read its rest. */
	mem_free(&s);
}

static const struct source_ops summed_ops = {.name = "original", .read = read_summed, .close = close_summed};

enum rc original_open(struct store *store, const struct event *ev, struct original **out, struct err *e)
{
	struct source *inner = NULL;
	enum rc rc = store_read(store, ev->path, &inner, e);

	if (rc != RC_OK)
		return rc;
	struct original *o = mem_zero(1, sizeof *o);
	o->inner = inner;
	o->event = ev;
	if (ev->has_mac) {
		o->gmac = gmac_new();
		gmac_begin(o->gmac, &ev->mac);
	} else {
		o->sum = sha256_new();
	}
	*out = o;
	return RC_OK;
}

void original_close(struct original **o)
{
	if (*o == NULL)
		return;
	source_close(&(*o)->inner);
	gmac_free(&(*o)->gmac);
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

enum rc original_check(struct original *o, struct err *e)
{
	uint8_t *chunk = mem_alloc(REST_CHUNK);
	size_t got = 0;
	bool same;
	enum rc rc;

	while ((rc = source_read(o->inner, chunk, REST_CHUNK, &got, e)) == RC_OK)
		add(o, chunk, got);
	mem_free(&chunk);
	if (rc != RC_END)
		return rc;
	same = right(o);
	if (o->size != o->event->size || !same)
		return err_set(RC_BAD, e, "the original is not what was archived: %" PRIu64 " bytes of %" PRIu64 ", %s",
		    o->size, o->event->size,
		    same              ? "their sum is right"
		    : o->gmac != NULL ? "its MAC differs"
		                      : "sha256 differs");
	return RC_OK;
}

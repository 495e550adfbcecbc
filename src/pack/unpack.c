/*
 * Three libraries that decode a stream, behind one source. Each is fed what its input has buffered and asked for what
 * the caller has room for, so that no size in the input decides an allocation.
 */
#include "pack/unpack.h"

#include <lz4frame.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/mem.h"

enum { INPUT = 64 << 10, MAGIC = 6, GZIP_AUTO = 15 + 16, WINDOW_LOG_MAX = 23 };

struct unpack {
	struct source front;
	struct source *inner;
	const struct coder *coder;
	z_stream gzip;
	ZSTD_DCtx *zstd;
	LZ4F_dctx *lz4;
	bool inside; /* a member or frame has begun and not ended */
};

/* What one codec does with input that is there: how much of it was used, how much came out. */
struct coder {
	const char *name;
	uint8_t magic[MAGIC];
	size_t magic_length;
	enum rc (*begin)(struct unpack *u, struct err *e); /* NULL: a codec we don't read */
	enum rc (*step)(
	    struct unpack *u, const uint8_t *in, size_t *in_size, uint8_t *out, size_t *out_size, struct err *e);
};

static enum rc gzip_begin(struct unpack *u, struct err *e)
{
	return inflateInit2(&u->gzip, GZIP_AUTO) == Z_OK ? RC_OK : err_set(RC_AGAIN, e, "gzip: no memory");
}

static enum rc gzip_step(
    struct unpack *u, const uint8_t *in, size_t *in_size, uint8_t *out, size_t *out_size, struct err *e)
{
	z_stream *z = &u->gzip;
	if (!u->inside && inflateReset(z) != Z_OK)
		return err_set(RC_BAD, e, "gzip: damaged");
	z->next_in = (Bytef *)(uintptr_t)in;
	z->avail_in = (uInt)*in_size;
	z->next_out = out;
	z->avail_out = (uInt)*out_size;
	int result = inflate(z, Z_NO_FLUSH);
	if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
		return err_set(RC_BAD, e, "gzip: %s", z->msg != NULL ? z->msg : "damaged");
	u->inside = result != Z_STREAM_END;
	*in_size -= z->avail_in;
	*out_size -= z->avail_out;
	return RC_OK;
}

static enum rc zstd_begin(struct unpack *u, struct err *e)
{
	u->zstd = ZSTD_createDCtx();
	if (u->zstd == NULL)
		return err_set(RC_AGAIN, e, "zstd: no memory");
	ZSTD_DCtx_setParameter(u->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
	return RC_OK;
}

static enum rc zstd_step(
    struct unpack *u, const uint8_t *in, size_t *in_size, uint8_t *out, size_t *out_size, struct err *e)
{
	ZSTD_inBuffer from = {in, *in_size, 0};
	ZSTD_outBuffer to = {out, *out_size, 0};
	size_t left = ZSTD_decompressStream(u->zstd, &to, &from);
	if (ZSTD_isError(left))
		return err_set(RC_BAD, e, "zstd: %s", ZSTD_getErrorName(left));
	u->inside = left != 0;
	*in_size = from.pos;
	*out_size = to.pos;
	return RC_OK;
}

static enum rc lz4_begin(struct unpack *u, struct err *e)
{
	return !LZ4F_isError(LZ4F_createDecompressionContext(&u->lz4, LZ4F_VERSION))
	           ? RC_OK
	           : err_set(RC_AGAIN, e, "lz4: no memory");
}

static enum rc lz4_step(
    struct unpack *u, const uint8_t *in, size_t *in_size, uint8_t *out, size_t *out_size, struct err *e)
{
	size_t left = LZ4F_decompress(u->lz4, out, out_size, in, in_size, NULL);
	if (LZ4F_isError(left))
		return err_set(RC_BAD, e, "lz4: %s", LZ4F_getErrorName(left));
	u->inside = left != 0;
	return RC_OK;
}

static const struct coder coder[] = {
    {"gzip", {0x1f, 0x8b, 8}, 3, gzip_begin, gzip_step},
    {"zstd", {0x28, 0xb5, 0x2f, 0xfd}, 4, zstd_begin, zstd_step},
    {"lz4", {0x04, 0x22, 0x4d, 0x18}, 4, lz4_begin, lz4_step},
    {"xz", {0xfd, '7', 'z', 'X', 'Z', 0}, 6, NULL, NULL},
    {"bzip2", {'B', 'Z', 'h'}, 3, NULL, NULL},
};

/* Zeros after the last member are padding, as gzip itself takes them; anything else there is damage. */
static enum rc between(struct unpack *u, const uint8_t *in, size_t have, struct err *e)
{
	if (have >= u->coder->magic_length ? memcmp(in, u->coder->magic, u->coder->magic_length) == 0 : false)
		return RC_OK;
	/* A skippable frame of zstd. */
	if (u->zstd != NULL && have >= 4 && (in[0] & 0xf0) == 0x50 && memcmp(in + 1, "\x2a\x4d\x18", 3) == 0)
		return RC_OK;
	for (size_t i = 0; i < have; i++)
		if (in[i] != 0)
			return err_set(RC_BAD, e, "%s: bytes after its end", u->coder->name);
	source_take(u->inner, have);
	return RC_END;
}

static enum rc unpack_read(struct source *s, void *to, size_t size, size_t *got, struct err *e)
{
	struct unpack *u = (struct unpack *)s;
	for (;;) {
		const uint8_t *in = (const uint8_t *)"";
		size_t have = 0;
		enum rc rc = source_peek(u->inner, INPUT, &in, &have, e);
		if (rc == RC_END && !u->inside)
			return RC_END;
		if (rc != RC_OK && rc != RC_END)
			return rc;
		if (!u->inside) {
			rc = between(u, in, have, e);
			if (rc == RC_END)
				continue;
			if (rc != RC_OK)
				return rc;
		}
		size_t used = have, out = size;
		rc = u->coder->step(u, in, &used, to, &out, e);
		if (rc != RC_OK)
			return rc;
		source_take(u->inner, used);
		if (out > 0) {
			*got = out;
			return RC_OK;
		}
		if (used == 0 && have == 0)
			return err_set(RC_BAD, e, "%s: cut at its end", u->coder->name);
		if (used == 0 && u->inside && have < INPUT && source_ended(u->inner, e) != RC_OK)
			return err_set(RC_BAD, e, "%s: damaged at its end", u->coder->name);
	}
}

static void unpack_close(struct source *s)
{
	struct unpack *u = (struct unpack *)s;
	source_close(&u->inner);
	inflateEnd(&u->gzip);
	ZSTD_freeDCtx(u->zstd);
	LZ4F_freeDecompressionContext(u->lz4);
	mem_free(&u);
}

static const struct source_ops unpack_ops = {.name = "unpack", .read = unpack_read, .close = unpack_close};

enum rc unpack_open(struct source *inner, struct source **out, struct err *e)
{
	const uint8_t *bytes = NULL;
	size_t have = 0;
	enum rc rc = source_peek(inner, MAGIC, &bytes, &have, e);
	if (rc != RC_OK && rc != RC_END)
		goto out;
	rc = RC_OK;
	for (size_t i = 0; i < sizeof coder / sizeof coder[0]; i++) {
		const struct coder *c = &coder[i];
		if (have < c->magic_length || memcmp(bytes, c->magic, c->magic_length) != 0)
			continue;
		if (c->begin == NULL) {
			rc = err_set(
			    RC_BAD, e, "compressed with %s: gzip, zstd and lz4 are read, unpack it first", c->name);
			goto out;
		}
		struct unpack *u = mem_zero(1, sizeof *u);
		*u = (struct unpack){.front.ops = &unpack_ops, .inner = inner, .coder = c};
		rc = c->begin(u, e);
		inner = &u->front;
		break;
	}
out:
	if (rc == RC_OK)
		*out = inner;
	else
		source_close(&inner);
	return rc;
}

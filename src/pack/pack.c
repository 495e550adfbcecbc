/*
 * pack: the libraries behind one table, with contexts that are made once and used for every block.
 */
#include "pack/pack.h"

#include <assert.h>
#include <bzlib.h>
#include <limits.h>
#include <lz4.h>
#include <snappy-c.h>
#include <stdbool.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/mem.h"
#include "pack/lzo.h"

struct pack {
	ZSTD_CCtx *zstd_out;
	ZSTD_DCtx *zstd_in;
	z_stream deflate, inflate;
	bool deflating, inflating; /* the streams are there */
	int deflate_level;
};

/* What one codec does. A codec that is only read has no pack and no bound. */
struct codec_row {
	const char *name;
	size_t (*bound)(size_t size);
	enum rc (*pack)(struct pack *p, int level, const void *from, size_t size, void *to, size_t capacity,
	    size_t *out, struct err *e);
	enum rc (*unpack)(
	    struct pack *p, const void *from, size_t size, void *to, size_t capacity, size_t *out, struct err *e);
};

static enum rc too_small(struct err *e, const char *codec)
{
	return err_set(RC_BAD, e, "%s: the block does not fit its bound", codec);
}

static size_t none_bound(size_t size)
{
	return size;
}

static enum rc none_unpack(
    struct pack *p, const void *from, size_t size, void *to, size_t capacity, size_t *out, struct err *e)
{
	if (size > capacity)
		return too_small(e, "none");
	memcpy(to, from, size);
	*out = size;
	return RC_OK;
}

static enum rc none_pack(
    struct pack *p, int level, const void *from, size_t size, void *to, size_t capacity, size_t *out, struct err *e)
{
	return none_unpack(p, from, size, to, capacity, out, e);
}

static enum rc snappy_pack(
    struct pack *p, int level, const void *from, size_t size, void *to, size_t capacity, size_t *out, struct err *e)
{
	size_t n = capacity;
	if (capacity < snappy_max_compressed_length(size) || snappy_compress(from, size, to, &n) != SNAPPY_OK)
		return too_small(e, "snappy");
	*out = n;
	return RC_OK;
}

static enum rc snappy_unpack(
    struct pack *p, const void *from, size_t size, void *to, size_t capacity, size_t *out, struct err *e)
{
	size_t n;
	if (snappy_uncompressed_length(from, size, &n) != SNAPPY_OK)
		return err_set(RC_BAD, e, "snappy: damaged");
	if (n > capacity)
		return too_small(e, "snappy");
	if (snappy_uncompress(from, size, to, &n) != SNAPPY_OK)
		return err_set(RC_BAD, e, "snappy: damaged");
	*out = n;
	return RC_OK;
}

static size_t zstd_bound(size_t size)
{
	return ZSTD_compressBound(size);
}

static enum rc zstd_pack(
    struct pack *p, int level, const void *from, size_t size, void *to, size_t capacity, size_t *out, struct err *e)
{
	if (p->zstd_out == NULL)
		p->zstd_out = ZSTD_createCCtx();
	if (p->zstd_out == NULL)
		return err_set(RC_AGAIN, e, "zstd: no memory");
	size_t n = ZSTD_compressCCtx(p->zstd_out, to, capacity, from, size, level);
	if (ZSTD_isError(n))
		return err_set(RC_BAD, e, "zstd: %s", ZSTD_getErrorName(n));
	*out = n;
	return RC_OK;
}

static enum rc zstd_unpack(
    struct pack *p, const void *from, size_t size, void *to, size_t capacity, size_t *out, struct err *e)
{
	if (p->zstd_in == NULL)
		p->zstd_in = ZSTD_createDCtx();
	if (p->zstd_in == NULL)
		return err_set(RC_AGAIN, e, "zstd: no memory");
	size_t n = ZSTD_decompressDCtx(p->zstd_in, to, capacity, from, size);
	if (ZSTD_isError(n))
		return err_set(RC_BAD, e, "zstd: %s", ZSTD_getErrorName(n));
	*out = n;
	return RC_OK;
}

/* window bits + 16: the gzip frame, which is what Parquet means by GZIP. */
enum { GZIP_WINDOW = 15 + 16, GZIP_MEMORY = 8, GZIP_FRAME = 18 };

static size_t gzip_bound(size_t size)
{
	return compressBound(size) + GZIP_FRAME;
}

/* Points a stream at one whole block. */
static bool zlib_aim(z_stream *z, const void *from, size_t size, void *to, size_t capacity)
{
	if (size > UINT_MAX || capacity > UINT_MAX)
		return false;
	z->next_in = (Bytef *)(uintptr_t)from;
	z->avail_in = (uInt)size;
	z->next_out = to;
	z->avail_out = (uInt)capacity;
	return true;
}

static enum rc gzip_ready(struct pack *p, int level, struct err *e)
{
	if (p->deflating && p->deflate_level != level) {
		deflateEnd(&p->deflate);
		p->deflating = false;
	}
	if (p->deflating)
		return deflateReset(&p->deflate) == Z_OK ? RC_OK : err_set(RC_FAIL, e, "gzip: reset failed");
	p->deflate = (z_stream){0};
	if (deflateInit2(&p->deflate, level, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
		return err_set(RC_AGAIN, e, "gzip: no memory");
	p->deflating = true;
	p->deflate_level = level;
	return RC_OK;
}

static enum rc gzip_pack(
    struct pack *p, int level, const void *from, size_t size, void *to, size_t capacity, size_t *out, struct err *e)
{
	enum rc rc = gzip_ready(p, level, e);
	if (rc != RC_OK)
		return rc;
	if (!zlib_aim(&p->deflate, from, size, to, capacity) || deflate(&p->deflate, Z_FINISH) != Z_STREAM_END)
		return too_small(e, "gzip");
	*out = capacity - p->deflate.avail_out;
	return RC_OK;
}

static enum rc gzip_unpack(
    struct pack *p, const void *from, size_t size, void *to, size_t capacity, size_t *out, struct err *e)
{
	if (p->inflating)
		inflateReset(&p->inflate);
	else if (inflateInit2(&p->inflate, GZIP_WINDOW) != Z_OK)
		return err_set(RC_AGAIN, e, "gzip: no memory");
	p->inflating = true;
	if (!zlib_aim(&p->inflate, from, size, to, capacity))
		return too_small(e, "gzip");
	int rc = inflate(&p->inflate, Z_FINISH);
	if (rc == Z_BUF_ERROR && p->inflate.avail_out == 0)
		return too_small(e, "gzip");
	if (rc == Z_MEM_ERROR)
		return err_set(RC_AGAIN, e, "gzip: no memory");
	if (rc != Z_STREAM_END || p->inflate.avail_in != 0)
		return err_set(
		    RC_BAD, e, "gzip: %s", p->inflate.msg != NULL ? p->inflate.msg : "does not end with the block");
	*out = capacity - p->inflate.avail_out;
	return RC_OK;
}

static enum rc lz4_unpack(
    struct pack *p, const void *from, size_t size, void *to, size_t capacity, size_t *out, struct err *e)
{
	if (size > INT_MAX || capacity > INT_MAX)
		return too_small(e, "lz4");
	int n = LZ4_decompress_safe(from, to, (int)size, (int)capacity);
	if (n < 0)
		return err_set(RC_BAD, e, "lz4: damaged, or more than its bound");
	*out = (size_t)n;
	return RC_OK;
}

/* bzlib has no reset: its stream lives for one block. */
static enum rc bz2_unpack(
    struct pack *p, const void *from, size_t size, void *to, size_t capacity, size_t *out, struct err *e)
{
	bz_stream z = {0};
	if (size > UINT_MAX || capacity > UINT_MAX)
		return too_small(e, "bz2");
	if (BZ2_bzDecompressInit(&z, 0, 0) != BZ_OK)
		return err_set(RC_AGAIN, e, "bz2: no memory");
	z.next_in = (char *)(uintptr_t)from;
	z.avail_in = (unsigned)size;
	z.next_out = to;
	z.avail_out = (unsigned)capacity;
	int rc = BZ2_bzDecompress(&z);
	size_t n = capacity - z.avail_out, left = z.avail_in;
	BZ2_bzDecompressEnd(&z);
	if (rc == BZ_MEM_ERROR)
		return err_set(RC_AGAIN, e, "bz2: no memory");
	if (rc == BZ_OK && n == capacity)
		return too_small(e, "bz2");
	if (rc != BZ_STREAM_END || left != 0)
		return err_set(RC_BAD, e, "bz2: %s",
		    rc == BZ_OK || rc == BZ_STREAM_END ? "does not end with the block" : "damaged");
	*out = n;
	return RC_OK;
}

static enum rc lzo_unpack(
    struct pack *p, const void *from, size_t size, void *to, size_t capacity, size_t *out, struct err *e)
{
	return lzo_decode(from, size, to, capacity, out, e);
}

static const struct codec_row codec_row[CODECS] = {
    [CODEC_NONE] = {"none", none_bound, none_pack, none_unpack},
    [CODEC_SNAPPY] = {"snappy", snappy_max_compressed_length, snappy_pack, snappy_unpack},
    [CODEC_ZSTD] = {"zstd", zstd_bound, zstd_pack, zstd_unpack},
    [CODEC_GZIP] = {"gzip", gzip_bound, gzip_pack, gzip_unpack},
    [CODEC_LZ4] = {"lz4", .unpack = lz4_unpack},
    [CODEC_BZ2] = {"bz2", .unpack = bz2_unpack},
    [CODEC_LZO] = {"lzo", .unpack = lzo_unpack},
};

const char *codec_name(enum codec c)
{
	assert((unsigned)c < CODECS);
	return codec_row[c].name;
}

int codec_find(const char *name)
{
	for (int c = 0; c < CODECS; c++)
		if (strcmp(codec_row[c].name, name) == 0)
			return c;
	return -1;
}

struct pack *pack_new(void)
{
	return mem_zero(1, sizeof(struct pack));
}

void pack_free(struct pack **pp)
{
	struct pack *p = *pp;
	if (p == NULL)
		return;
	ZSTD_freeCCtx(p->zstd_out);
	ZSTD_freeDCtx(p->zstd_in);
	if (p->deflating)
		deflateEnd(&p->deflate);
	if (p->inflating)
		inflateEnd(&p->inflate);
	mem_free(pp);
}

size_t pack_bound(enum codec c, size_t size)
{
	assert((unsigned)c < CODECS && codec_row[c].bound != NULL);
	return codec_row[c].bound(size);
}

enum rc pack_block(struct pack *p, enum codec c, int level, const void *from, size_t size, void *to, size_t capacity,
    size_t *out, struct err *e)
{
	assert((unsigned)c < CODECS && codec_row[c].pack != NULL);
	return codec_row[c].pack(p, level, from, size, to, capacity, out, e);
}

enum rc unpack_block(
    struct pack *p, enum codec c, const void *from, size_t size, void *to, size_t capacity, size_t *out, struct err *e)
{
	assert((unsigned)c < CODECS);
	/* zstd takes no bytes for no bytes; a block of nothing is no block in any codec. */
	if (size == 0 && c != CODEC_NONE)
		return err_set(RC_BAD, e, "%s: empty", codec_name(c));
	return codec_row[c].unpack(p, from, size, to, capacity, out, e);
}

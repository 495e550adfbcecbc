/* Files are read once from front to back, or at their end; none is held whole but a footer. */
#include "audit/content.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "ext/json.h"

enum { CHUNK = 256 << 10, GUESS = 64 << 10, LINE_MAX_BYTES = 4 << 20 };

static enum rc each_chunk(struct store *s, const char *path, void (*see)(void *context, const void *bytes, size_t size),
    void *context, struct err *e)
{
	struct source *in = NULL;
	size_t got = 0;
	enum rc rc = store_read(s, path, &in, e);
	if (rc != RC_OK)
		return rc;
	uint8_t *chunk = mem_alloc(CHUNK);
	while ((rc = source_read(in, chunk, CHUNK, &got, e)) == RC_OK)
		see(context, chunk, got);
	mem_free(&chunk);
	source_close(&in);
	return rc == RC_END ? RC_OK : rc;
}

struct digesting {
	struct sha256 *sum;
	uint64_t size;
};

static void add_digest(void *context, const void *bytes, size_t size)
{
	struct digesting *d = context;
	sha256_add(d->sum, bytes, size);
	d->size += size;
}

enum rc content_sha256(struct store *s, const char *path, uint8_t out[SHA256_BYTES], uint64_t *size, struct err *e)
{
	struct digesting d = {.sum = sha256_new()};
	enum rc rc = each_chunk(s, path, add_digest, &d, e);
	if (rc == RC_OK)
		sha256_peek(d.sum, out);
	*size = d.size;
	sha256_free(&d.sum);
	return rc;
}

struct summing {
	const struct crc32_tables *table;
	uint32_t crc;
};

static void add_crc(void *context, const void *bytes, size_t size)
{
	struct summing *c = context;
	c->crc = crc32_add(c->table, c->crc, bytes, size);
}

enum rc content_crc32(struct store *s, const struct crc32_tables *t, const char *path, uint32_t *out, struct err *e)
{
	struct summing c = {.table = t};
	enum rc rc = each_chunk(s, path, add_crc, &c, e);
	*out = c.crc;
	return rc;
}

/* "12 further rejects without a line of their own", over a length of nothing: rejects.c */
static uint64_t silent_count(const char *reason, int64_t length)
{
	char *end = NULL;
	unsigned long long n = strtoull(reason, &end, 10);
	return length == 0 && end != reason && strncmp(end, " further rejects", 16) == 0 ? n : 0;
}

static enum rc read_line(const char *text, size_t len, struct reject_line *out, json_t **line, struct err *e)
{
	const char *hex = NULL;
	int64_t again = 0, offset = 0, length = 0;
	enum rc rc = json_parse(text, len, line, e);
	if (rc != RC_OK)
		return rc;
	const json_t *rows = json_object_get(*line, "rows");
	if ((rc = json_get_text(*line, "original", &hex, e)) != RC_OK ||
	    (rc = json_get_int(*line, "again", &again, e)) != RC_OK ||
	    (rc = json_get_int(*line, "offset", &offset, e)) != RC_OK ||
	    (rc = json_get_int(*line, "length", &length, e)) != RC_OK ||
	    (rc = json_get_text(*line, "reason", &out->reason, e)) != RC_OK)
		return rc;
	if (!str_unhex(hex, out->sha256, SHA256_BYTES) || again < 0 || again > UINT32_MAX)
		return err_set(RC_BAD, e, "it names no original");
	out->again = (uint32_t)again;
	out->line = *line;
	out->offset = (uint64_t)offset;
	out->length = (uint64_t)length;
	out->lost = json_is_integer(rows) && json_integer_value(rows) > 0 ? (uint64_t)json_integer_value(rows) : 0;
	uint64_t silent = silent_count(out->reason, length);
	out->silent = silent > 0;
	out->rejects = out->silent ? silent : 1;
	return RC_OK;
}

/* The next line without its LF, borrowed until the source moves; RC_END: no more. */
static enum rc next_line(struct source *in, const char **text, size_t *len, struct err *e)
{
	const uint8_t *bytes = NULL;
	for (size_t want = GUESS;; want *= 2) {
		size_t have = 0;
		enum rc rc = source_peek(in, want, &bytes, &have, e);
		if (rc != RC_OK)
			return rc;
		const uint8_t *stop = memchr(bytes, '\n', have);
		if (stop != NULL) {
			*text = (const char *)bytes;
			*len = (size_t)(stop - bytes);
			return RC_OK;
		}
		if (have < want || want >= LINE_MAX_BYTES)
			return err_set(RC_BAD, e, "it ends in the middle of a line");
	}
}

enum rc content_rejects(struct store *s, const struct crc32_tables *t, const char *path,
    enum rc (*see)(void *context, const struct reject_line *l, struct err *e), void *context, uint32_t *crc32,
    struct err *e)
{
	struct source *in = NULL;
	uint64_t number = 0;
	uint32_t crc = 0;
	enum rc rc = store_read(s, path, &in, e);
	if (rc != RC_OK)
		return rc;
	for (;;) {
		const char *text = NULL;
		size_t len = 0;
		json_t *line = NULL;
		struct reject_line l = {.again = 0};
		if ((rc = next_line(in, &text, &len, e)) != RC_OK)
			break;
		number++;
		crc = crc32_add(t, crc, text, len + 1);
		rc = read_line(text, len, &l, &line, e);
		rc = rc == RC_OK ? see(context, &l, e) : err_wrap(rc, e, "line %" PRIu64, number);
		json_decref(line);
		source_take(in, len + 1);
		if (rc != RC_OK)
			break;
	}
	source_close(&in);
	*crc32 = crc;
	return rc == RC_END ? RC_OK : rc;
}

enum rc content_given(enum rc rc, struct err *e)
{
	if ((rc != RC_FAIL && rc != RC_AGAIN) || e->sys != EIO)
		return rc;
	return rc == RC_FAIL ? err_sys(RC_BAD, EIO, e, "its bytes can't be read")
	                     : err_wrap(RC_BAD, e, "its bytes can't be read");
}

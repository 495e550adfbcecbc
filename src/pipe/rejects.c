/* A reject is evidence: it says which original, which bytes and why, so that it can be found again and replayed once a
 * dissector knows better. */
#include "pipe/rejects.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/writer.h"
#include "ext/json.h"

enum { BUFFER = 64 << 10, LINE_MAX_BYTES = 1 << 20 };

struct rejects {
	struct store *store;
	const struct crc32_tables *crc;
	char *path;
	struct staged *file;
	struct writer out;
	uint64_t lines;
};

struct rejects *rejects_new(struct store *store, const struct crc32_tables *crc, const char *path)
{
	struct rejects *r = mem_zero(1, sizeof *r);

	r->store = store;
	r->crc = crc;
	r->path = mem_text(path);
	writer_init(&r->out, BUFFER + LINE_MAX_BYTES);
	return r;
}

void rejects_drop(struct rejects **r)
{
	if (*r == NULL)
		return;
	staged_drop(&(*r)->file);
	writer_fini(&(*r)->out);
	mem_free(&(*r)->path);
	mem_free(r);
}

static enum rc drain(struct rejects *r, struct err *e)
{
	enum rc rc;

	if (r->out.len == 0)
		return RC_OK;
	if (r->out.failed)
		return err_set(RC_FAIL, e, "a reject's line is longer than %d bytes", LINE_MAX_BYTES);
	if (r->file == NULL && (rc = staged_open(r->store, r->crc, r->path, &r->file, e)) != RC_OK)
		return rc;
	rc = staged_write(r->file, r->out.bytes, r->out.len, e);
	writer_reset(&r->out);
	return rc;
}

/* What every line of an original begins with: {"original":…,"name":…,"path":…,"pipeline":…, */
static void put_prefix(struct writer *w, const struct manifest_original *o)
{
	char hex[SHA256_TEXT];
	const char *const bytes[] = {o->name, o->path};
	static const char *const key[] = {"name", "path"};

	str_hex(o->original, SHA256_BYTES, hex);
	writer_format(w, "{\"original\":\"%s\",\"again\":%" PRIu32, hex, o->again);
	for (int i = 0; i < 2; i++) {
		size_t len = strlen(bytes[i]);
		char *escaped = mem_alloc(4 * len + 1);
		size_t n = str_escape(bytes[i], len, escaped);
		writer_format(w, ",\"%s\":", key[i]);
		json_quote(w, escaped, n);
		mem_free(&escaped);
	}
	writer_text(w, ",\"pipeline\":");
	json_quote(w, o->pipeline, strlen(o->pipeline));
	writer_text(w, ",");
}

enum rc rejects_add(struct rejects *r, const struct manifest_original *o, const struct report *report, struct err *e)
{
	const char *at = (const char *)report->entries.bytes;
	const char *end = at + report->entries.len;
	enum rc rc;

	if (report->rejects == 0)
		return RC_OK;
	while (at < end) {
		/* An entry is an object of its own: its brace gives way to what says whose it is. */
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		if (stop == NULL || *at != '{')
			return err_set(RC_BAD, e, "a report with damaged entries");
		put_prefix(&r->out, o);
		writer_put(&r->out, at + 1, (size_t)(stop + 1 - (at + 1)));
		r->lines++;
		at = stop + 1;
		if (r->out.len >= BUFFER && (rc = drain(r, e)) != RC_OK)
			return rc;
	}
	if (report->silent > 0) {
		put_prefix(&r->out, o);
		writer_format(&r->out,
		    "\"offset\":0,\"length\":0,\"rows\":null,\"reason\":\"%" PRIu64
		    " further rejects without a line of their own\",\"raw\":\"\"}\n",
		    report->silent);
		r->lines++;
	}
	return r->out.len >= BUFFER ? drain(r, e) : RC_OK;
}

enum rc rejects_finish(struct rejects *r, struct err *e)
{
	enum rc rc = drain(r, e);

	if (rc == RC_OK && r->file != NULL)
		rc = staged_close(r->file, e);
	return rc;
}

struct staged *rejects_file(struct rejects *r, uint64_t *lines)
{
	*lines = r->lines;
	return r->file;
}

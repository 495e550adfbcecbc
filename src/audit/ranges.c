/* Footers say it; a compaction's outputs have footers of their own. */
#include "audit/ranges.h"

#include <string.h>

#include "base/mem.h"
#include "pipe/compaction.h"
#include "pipe/footer.h"

struct collecting {
	const uint8_t *sha256;
	json_t *ranges;
	uint64_t rows;
};

static enum rc see_source(
    void *context, const uint8_t sha256[SHA256_BYTES], uint64_t first, uint64_t rows, struct err *e)
{
	struct collecting *c = context;
	(void)e;
	if (memcmp(sha256, c->sha256, SHA256_BYTES) != 0)
		return RC_OK;
	json_array_append_new(c->ranges, json_pack("[I,I]", (json_int_t)first, (json_int_t)rows));
	c->rows += rows;
	return RC_OK;
}

static bool is_told(const json_t *files, const char *path)
{
	size_t i;
	json_t *one;
	json_array_foreach(
	    files, i, one) if (strcmp(json_string_value(json_object_get(one, "path")), path) == 0) return true;
	return false;
}

/* RC_END: it is not there. */
static enum rc read_ranges(
    struct store *s, const char *path, const uint8_t sha256[SHA256_BYTES], json_t *files, struct err *e)
{
	struct collecting c = {.sha256 = sha256, .ranges = json_array()};
	struct footer footer;
	struct store_stat st;
	json_t *problem = NULL;
	enum rc rc = is_told(files, path) ? RC_OK : store_stat(s, path, &st, e);
	if (rc == RC_OK && !is_told(files, path)) {
		rc = footer_read(s, path, st.size, &footer, e);
		if (rc == RC_OK) {
			rc = footer_sources(&footer.inspect, see_source, &c, e);
			mem_free(&footer.bytes);
		}
		if (rc == RC_BAD) {
			problem = json_string(e->text);
			rc = RC_OK;
		}
	}
	if (rc == RC_OK && problem != NULL)
		json_array_append_new(files, json_pack("{s:s,s:o}", "path", path, "problem", problem));
	else if (rc == RC_OK && c.rows > 0)
		json_array_append_new(
		    files, json_pack("{s:s,s:I,s:O}", "path", path, "rows", (json_int_t)c.rows, "ranges", c.ranges));
	json_decref(c.ranges);
	return rc;
}

struct looking {
	const char *path; /* the file of the commit */
	const uint8_t *sha256;
	json_t *live;  /* outputs of the hour that no later generation took */
	json_t *files; /* what is told */
	bool expired;  /* it, or what it went into */
};

/* Those of other commits are told of with these. */
static void see_expired(struct looking *l, const struct compaction_file *f)
{
	uint64_t rows = compaction_rows_of(f, l->sha256);
	bool ours = strcmp(f->path, l->path) == 0 || json_object_get(l->live, f->path) != NULL;
	l->expired |= ours;
	if (ours && rows > 0 && !is_told(l->files, f->path))
		json_array_append_new(l->files, json_pack("{s:s,s:I,s:I}", "path", f->path, "rows", (json_int_t)rows,
		                                    "expired_ms", (json_int_t)f->expired_ms));
}

static enum rc see_compacted(void *context, const struct compaction_file *f, struct err *e)
{
	struct looking *l = context;
	(void)e;
	if (f->output) {
		json_object_set_new(l->live, f->path, json_true());
		return RC_OK;
	}
	if (f->expired_ms > 0)
		see_expired(l, f);
	json_object_del(l->live, f->path);
	return RC_OK;
}

enum rc ranges_of_file(
    struct store *s, const json_t *file, const uint8_t sha256[SHA256_BYTES], json_t *files, struct err *e)
{
	const char *path = json_string_value(json_object_get(file, "path")), *output;
	const char *staged = json_string_value(json_object_get(file, "staged"));
	const char *dataset = json_string_value(json_object_get(file, "dataset"));
	json_t *ignored;
	enum rc rc = read_ranges(s, path, sha256, files, e);
	if (rc != RC_END)
		return rc;
	struct looking l = {.path = path, .sha256 = sha256, .live = json_object(), .files = files};
	const struct compaction_visitor v = {.context = &l, .file = see_compacted};
	rc = compaction_each(s, dataset, json_integer_value(json_object_get(file, "hour")), &v, NULL, e);
	if (rc == RC_OK && json_object_size(l.live) == 0 && !l.expired)
		rc = read_ranges(s, staged, sha256, files, e);
	json_object_foreach(l.live, output, ignored) if (rc == RC_OK || rc == RC_END) rc =
	    read_ranges(s, output, sha256, files, e);
	json_decref(l.live);
	if (rc == RC_END && !l.expired && !is_told(files, path))
		json_array_append_new(files, json_pack("{s:s,s:s}", "path", path, "problem", "it is not there"));
	return rc == RC_END ? RC_OK : rc;
}

/* Mostly one read at the end of a file; no more of it is held than its footer. */
#include "pipe/footer.h"

#include <inttypes.h>

#include "base/mem.h"
#include "base/str.h"
#include "ext/json.h"

enum { GUESS = 64 << 10 };

static enum rc get_exactly(struct store *s, const char *path, uint64_t offset, void *to, size_t size, struct err *e)
{
	size_t got = 0;
	enum rc rc = store_get_range(s, path, offset, to, size, &got, e);
	return rc == RC_OK && got != size ? err_set(RC_BAD, e, "it is shorter than it was") : rc;
}

/* Mostly one read: the guess holds the footers of all but the largest files. */
enum rc footer_read(struct store *s, const char *path, uint64_t size, struct footer *out, struct err *e)
{
	size_t guess = size < GUESS ? (size_t)size : GUESS, length = 0;
	if (size < INSPECT_HEAD + INSPECT_TAIL)
		return err_set(RC_BAD, e, "%" PRIu64 " bytes are no Parquet file", size);
	char *bytes = mem_alloc(guess);
	enum rc rc = get_exactly(s, path, size - guess, bytes, guess, e);
	if (rc == RC_OK)
		rc = inspect_length((const uint8_t *)bytes + guess - INSPECT_TAIL, size, &length, e);
	const char *footer = bytes + guess - INSPECT_TAIL - length;
	if (rc == RC_OK && length + INSPECT_TAIL > guess) {
		bytes = mem_resize(bytes, length + 1);
		rc = get_exactly(s, path, size - INSPECT_TAIL - length, bytes, length, e);
		footer = bytes;
	}
	if (rc == RC_OK)
		rc = inspect_footer(footer, length, &out->inspect, e);
	if (rc == RC_OK && out->inspect.group_rows != out->inspect.rows)
		rc = err_set(RC_BAD, e, "its row groups have %" PRIu64 " rows, its footer says %" PRIu64,
		    out->inspect.group_rows, out->inspect.rows);
	if (rc == RC_OK)
		out->bytes = bytes;
	else
		mem_free(&bytes);
	return rc;
}

static bool read_source(const json_t *entry, uint8_t sha256[SHA256_BYTES], uint64_t *first, uint64_t *rows)
{
	const char *hex = json_string_value(json_array_get(entry, 0));
	const json_t *from = json_array_get(entry, 1), *count = json_array_get(entry, 2);
	if (json_array_size(entry) != 3 || hex == NULL || !str_unhex(hex, sha256, SHA256_BYTES) ||
	    !json_is_integer(from) || !json_is_integer(count) || json_integer_value(from) < 0 ||
	    json_integer_value(count) <= 0)
		return false;
	*first = (uint64_t)json_integer_value(from);
	*rows = (uint64_t)json_integer_value(count);
	return true;
}

enum rc footer_sources(const struct inspect *in,
    enum rc (*see)(void *context, const uint8_t sha256[SHA256_BYTES], uint64_t first, uint64_t rows, struct err *e),
    void *context, struct err *e)
{
	json_t *list = NULL;
	uint64_t next = 0, first = 0, rows = 0;
	uint8_t sha256[SHA256_BYTES];
	if (in->sources.at == NULL)
		return err_set(RC_BAD, e, "its footer names no sources");
	if (json_parse(in->sources.at, in->sources.len, &list, e) != RC_OK || !json_is_array(list)) {
		json_decref(list);
		return err_set(RC_BAD, e, "its sources are no list");
	}
	enum rc rc = RC_OK;
	for (size_t i = 0; i < json_array_size(list) && rc == RC_OK; i++) {
		if (!read_source(json_array_get(list, i), sha256, &first, &rows) || first != next)
			rc = err_set(RC_BAD, e, "source %zu of its footer is damaged", i);
		else
			rc = see(context, sha256, first, rows, e);
		next = first + rows;
	}
	if (rc == RC_OK && next != in->rows)
		rc = err_set(RC_BAD, e, "its sources have %" PRIu64 " rows, its footer %" PRIu64, next, in->rows);
	json_decref(list);
	return rc;
}

/* A file that is damaged is found out here, before anybody builds on what it seems to hold. */
#include "pipe/input.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "ext/json.h"
#include "format/parquet/reader.h"

enum {
	WHOLE_BYTES = 8 << 20, /* up to that a file is read at once */
	CRC_CHUNK = 1 << 20,
};

struct input {
	struct store *store;
	struct input_file file;
	uint8_t *whole; /* or NULL */
	struct parquet_reader *reader;
};

static enum rc read_bytes(void *context, uint64_t offset, void *to, size_t size, struct err *e)
{
	struct input *in = context;
	size_t got = 0;
	if (offset > in->file.size || size > in->file.size - offset)
		return err_set(RC_BAD, e, "%.300s: it points beyond its end", in->file.path);
	if (in->whole != NULL) {
		memcpy(to, in->whole + offset, size);
		return RC_OK;
	}
	enum rc rc = store_get_range(in->store, in->file.path, offset, to, size, &got, e);
	if (rc == RC_OK && got < size)
		return err_set(RC_AGAIN, e, "%.300s: it changed while it was read", in->file.path);
	return rc;
}

/* The CRC-32 of all of it; keeps the bytes when there are few. */
static enum rc load(struct input *in, const struct crc32_tables *tables, uint32_t *crc, struct err *e)
{
	uint64_t size = in->file.size;
	bool few = size <= WHOLE_BYTES;
	uint8_t *chunk = mem_alloc(few ? (size_t)size + 1 : CRC_CHUNK);
	enum rc rc = RC_OK;
	*crc = 0;
	for (uint64_t at = 0; at < size && rc == RC_OK;) {
		uint64_t left = size - at;
		size_t n = few ? (size_t)left : left < CRC_CHUNK ? (size_t)left : CRC_CHUNK;
		rc = read_bytes(in, at, chunk, n, e);
		if (rc == RC_OK)
			*crc = crc32_add(tables, *crc, chunk, n);
		at += n;
	}
	if (few && rc == RC_OK)
		in->whole = chunk;
	else
		mem_free(&chunk);
	return rc;
}

enum rc input_open(struct store *store, const struct schema *schema, struct pack *pack, const struct crc32_tables *crc,
    const struct input_file *file, struct input **out, struct err *e)
{
	struct input *in = mem_zero(1, sizeof *in);
	uint32_t sum = 0;
	in->store = store;
	in->file = *file;
	const struct parquet_bytes bytes = {.context = in, .read = read_bytes, .size = file->size};
	enum rc rc = load(in, crc, &sum, e);
	if (rc == RC_OK && sum != file->crc32)
		rc = err_set(RC_BAD, e, "%.300s: it holds other bytes than its manifest says", file->path);
	if (rc == RC_OK) {
		rc = parquet_reader_open(schema, &bytes, pack, &in->reader, e);
		if (rc == RC_BAD)
			rc = err_wrap(rc, e, "%.200s", file->path);
	}
	if (rc == RC_OK)
		*out = in;
	else
		input_close(&in);
	return rc;
}

void input_close(struct input **in)
{
	if (*in == NULL)
		return;
	parquet_reader_free(&(*in)->reader);
	mem_free(&(*in)->whole);
	mem_free(in);
}

enum rc input_next(struct input *in, struct batch *b, uint64_t most, struct err *e)
{
	return parquet_reader_next(in->reader, b, most, e);
}

/* One entry of sluice.sources: [sha256, first row, rows]. */
static bool read_entry(const json_t *entry, uint64_t first, uint8_t original[SHA256_BYTES], uint64_t *rows)
{
	const char *hex = json_string_value(json_array_get(entry, 0));
	const json_t *at = json_array_get(entry, 1), *n = json_array_get(entry, 2);
	if (hex == NULL || !str_unhex(hex, original, SHA256_BYTES) || !json_is_integer(at) || !json_is_integer(n) ||
	    json_integer_value(at) != (json_int_t)first || json_integer_value(n) < 0)
		return false;
	*rows = (uint64_t)json_integer_value(n);
	return true;
}

enum rc input_originals(struct input *in,
    enum rc (*see)(
        void *context, const uint8_t original[SHA256_BYTES], uint64_t rows, const char *dissector, struct err *e),
    void *context, struct err *e)
{
	const char *path = in->file.path, *text = parquet_reader_key(in->reader, "sluice.sources"),
	           *dissector = parquet_reader_key(in->reader, "sluice.dissector");
	json_t *list = NULL;
	uint64_t first = 0, all = in->file.rows;
	if (parquet_reader_rows(in->reader) != all)
		return err_set(RC_BAD, e, "%.300s: %" PRIu64 " rows, its manifest says %" PRIu64, path,
		    parquet_reader_rows(in->reader), all);
	if (text == NULL || dissector == NULL || json_parse(text, strlen(text), &list, e) != RC_OK ||
	    !json_is_array(list)) {
		json_decref(list);
		return err_set(RC_BAD, e, "%.300s: its footer does not say where its rows came from", path);
	}
	enum rc rc = RC_OK;
	for (size_t i = 0; i < json_array_size(list) && rc == RC_OK; i++) {
		uint8_t original[SHA256_BYTES];
		uint64_t rows = 0;
		if (read_entry(json_array_get(list, i), first, original, &rows) && rows <= all - first)
			rc = see(context, original, rows, dissector, e);
		else
			rc = err_set(RC_BAD, e, "%.300s: its list of originals is damaged", path);
		first += rows;
	}
	json_decref(list);
	if (rc == RC_OK && first != all)
		rc = err_set(RC_BAD, e, "%.300s: its list of originals does not name all rows", path);
	return rc;
}

/* Four encoders with four call shapes; the command that prints rows should not know them apart. */
#include "app/printer.h"

#include <assert.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/writer.h"
#include "ext/hash.h"
#include "format/avro.h"
#include "format/csv.h"
#include "format/json_rows.h"

enum {
	PRINTER_BUFFER = 64 << 20, /* text of one batch; a batch that is larger goes out in pieces */
	PRINTER_FLUSH = 256 << 10,
	SOURCES_MAX = 1 << 20, /* 4,096 entries of a hash and two numbers fit with room */
};

struct printer_ops {
	const char *name;
	enum rc (*open)(struct printer *r, struct err *e);
	enum rc (*append)(struct printer *r, const struct batch *b, struct err *e);
	enum rc (*finish)(struct printer *r, struct err *e);
};

struct printer {
	const struct printer_ops *ops;
	struct printer_params params;
	struct writer out;
	uint64_t outside;
	struct csv_encoder *csv;
	struct json_encoder *json;
	struct avro_encoder *avro;
	uint8_t sync[16];
	struct pack *pack;
	struct parquet *parquet;
	struct writer sources;
	uint64_t first_row;
};

static enum rc drain(struct printer *r, struct err *e)
{
	enum rc rc = RC_OK;
	if (r->out.len > 0)
		rc = file_write(r->params.fd, r->out.bytes, r->out.len, e);
	writer_reset(&r->out);
	return rc;
}

typedef void encode_fn(struct printer *r, const struct batch *b, const uint16_t *sel, size_t n, uint64_t *outside);

/*
 * Encode in one go, else in pieces of fewer rows: many rows may share one long span, so the text of a batch can be far
 * larger than the batch.
 */
static enum rc encode(struct printer *r, const struct batch *b, encode_fn *call, struct err *e)
{
	uint64_t outside = 0;
	call(r, b, NULL, b->rows, &outside);
	if (!r->out.failed) {
		r->outside += outside;
		return r->out.len >= PRINTER_FLUSH ? drain(r, e) : RC_OK;
	}
	writer_reset(&r->out);
	for (uint32_t row = 0; row < b->rows; row++) {
		uint16_t one = (uint16_t)row;
		call(r, b, &one, 1, &r->outside);
		if (r->out.failed)
			return err_set(RC_BAD, e, "one row takes more than %d MiB of text", PRINTER_BUFFER >> 20);
		enum rc rc = r->out.len >= PRINTER_FLUSH ? drain(r, e) : RC_OK;
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

static enum rc csv_open(struct printer *r, struct err *e)
{
	r->csv = csv_encoder_new(r->params.projection);
	csv_head(r->params.projection->schema, &r->out);
	return RC_OK;
}

static void csv_call(struct printer *r, const struct batch *b, const uint16_t *sel, size_t n, uint64_t *outside)
{
	csv_encode(r->csv, b, sel, n, &r->out, outside);
}

static enum rc csv_append(struct printer *r, const struct batch *b, struct err *e)
{
	return encode(r, b, csv_call, e);
}

static enum rc json_open(struct printer *r, struct err *e)
{
	r->json = json_encoder_new(r->params.projection);
	return RC_OK;
}

static void json_call(struct printer *r, const struct batch *b, const uint16_t *sel, size_t n, uint64_t *outside)
{
	json_encode(r->json, b, sel, n, &r->out, outside);
}

static enum rc json_append(struct printer *r, const struct batch *b, struct err *e)
{
	return encode(r, b, json_call, e);
}

/* The sync marker comes from the schema, so that the same rows give the same bytes. */
static enum rc avro_open(struct printer *r, struct err *e)
{
	uint8_t digest[SHA256_BYTES];
	const struct schema *s = r->params.projection->schema;
	sha256_of(s->avro, strlen(s->avro), digest);
	memcpy(r->sync, digest, sizeof r->sync);
	r->avro = avro_encoder_new(r->params.projection);
	avro_file_head(&r->out, s, r->sync);
	return drain(r, e);
}

/* One Avro block a piece: its byte count stands before it, so records are built apart. */
static enum rc avro_block(struct printer *r, const struct batch *b, uint32_t from, uint32_t n, struct err *e)
{
	uint16_t sel[1024];
	struct writer records;
	writer_init(&records, PRINTER_BUFFER);
	for (uint32_t i = 0; i < n; i++)
		sel[i] = (uint16_t)(from + i);
	uint64_t outside = 0;
	enum rc rc = RC_OK;
	avro_encode(r->avro, b, sel, n, &records, &outside);
	if (!records.failed) {
		avro_file_block(&r->out, n, records.bytes, records.len, r->sync);
		r->outside += outside;
		rc = r->out.failed ? err_set(RC_BAD, e, "rows take more than %d MiB", PRINTER_BUFFER >> 20)
		                   : drain(r, e);
	} else if (n == 1) {
		rc = err_set(RC_BAD, e, "one row takes more than %d MiB", PRINTER_BUFFER >> 20);
	} else {
		for (uint32_t i = 0; i < n && rc == RC_OK; i++)
			rc = avro_block(r, b, from + i, 1, e);
	}
	writer_fini(&records);
	return rc;
}

static enum rc avro_append(struct printer *r, const struct batch *b, struct err *e)
{
	enum rc rc = RC_OK;
	for (uint32_t from = 0; from < b->rows && rc == RC_OK; from += 1024)
		rc = avro_block(r, b, from, b->rows - from < 1024 ? b->rows - from : 1024, e);
	return rc;
}

static enum rc text_finish(struct printer *r, struct err *e)
{
	return drain(r, e);
}

static enum rc sink(void *context, const void *bytes, size_t size, struct err *e)
{
	const struct printer *r = context;
	return file_write(r->params.fd, bytes, size, e);
}

static enum rc table_open(struct printer *r, struct err *e)
{
	r->pack = pack_new();
	struct parquet_sink to = {.context = r, .write = sink};
	return parquet_open(r->params.projection, &r->params.parquet, r->pack, to, &r->parquet, e);
}

static enum rc table_append(struct printer *r, const struct batch *b, struct err *e)
{
	return parquet_append(r->parquet, b, NULL, b->rows, e);
}

static enum rc table_finish(struct printer *r, struct err *e)
{
	bool named = r->sources.len > 0;
	writer_text(&r->sources, "]");
	struct parquet_key key[] = {
	    {"sluice.dissector", r->params.dissector, strlen(r->params.dissector)},
	    {"sluice.sources", (const char *)r->sources.bytes, r->sources.len},
	};
	if (r->sources.failed)
		return err_set(RC_BAD, e, "too many inputs for one parquet file");
	r->outside = parquet_outside(r->parquet);
	return parquet_close(r->parquet, key, named ? 2 : 1, e);
}

static const struct printer_ops format[] = {
    {"csv", csv_open, csv_append, text_finish},
    {"json", json_open, json_append, text_finish},
    {"avro", avro_open, avro_append, text_finish},
    {"parquet", table_open, table_append, table_finish},
};

static const struct printer_ops *find(const char *name)
{
	for (size_t i = 0; i < sizeof format / sizeof format[0]; i++)
		if (strcmp(format[i].name, name) == 0)
			return &format[i];
	return NULL;
}

enum rc printer_open(const char *name, const struct printer_params *params, struct printer **out, struct err *e)
{
	struct printer *r = mem_zero(1, sizeof *r);
	r->ops = find(name);
	assert(r->ops != NULL);
	r->params = *params;
	writer_init(&r->out, PRINTER_BUFFER);
	writer_init(&r->sources, SOURCES_MAX);
	enum rc rc = r->ops->open(r, e);
	if (rc == RC_OK)
		*out = r;
	else
		printer_free(&r);
	return rc;
}

enum rc printer_append(struct printer *r, const struct batch *b, struct err *e)
{
	return r->ops->append(r, b, e);
}

void printer_source(struct printer *r, const char *sha256_text, uint64_t rows)
{
	if (sha256_text != NULL)
		writer_format(&r->sources, "%s[\"%s\",%llu,%llu]", r->sources.len == 0 ? "[" : ",", sha256_text,
		    (unsigned long long)r->first_row, (unsigned long long)rows);
	r->first_row += rows;
}

enum rc printer_finish(struct printer *r, struct err *e)
{
	return r->ops->finish(r, e);
}

uint64_t printer_outside(const struct printer *r)
{
	return r->outside;
}

bool printer_wants_source(const struct printer *r)
{
	return r->ops->append == table_append;
}

void printer_free(struct printer **r)
{
	if (*r == NULL)
		return;
	csv_encoder_free(&(*r)->csv);
	json_encoder_free(&(*r)->json);
	avro_encoder_free(&(*r)->avro);
	parquet_free(&(*r)->parquet);
	pack_free(&(*r)->pack);
	writer_fini(&(*r)->out);
	writer_fini(&(*r)->sources);
	mem_free(r);
}

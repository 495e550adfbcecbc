/* Only flat tables of the types that we write are read; anything else in a table's folder is somebody else's file. */
#include "format/parquet/meta.h"

#include <string.h>

#include "base/mem.h"
#include "format/thrift_in.h"

enum { COLUMNS_MOST = 4096, GROUPS_MOST = 1 << 20, CHUNK_MOST = 1 << 30, REQUIRED = 0, OPTIONAL = 1 };

/* parquet.thrift, CompressionCodec; LZ4 there is a framing of Hadoop's that we do not read. */
static int codec_of(int64_t number)
{
	switch (number) {
	case 0:
		return CODEC_NONE;
	case 1:
		return CODEC_SNAPPY;
	case 2:
		return CODEC_GZIP;
	case 6:
		return CODEC_ZSTD;
	case 7:
		return CODEC_LZ4;
	default:
		return -1;
	}
}

static bool known_physical(int64_t type)
{
	return type == PHYSICAL_INT32 || type == PHYSICAL_INT64 || type == PHYSICAL_FLOAT || type == PHYSICAL_BYTES;
}

/* SchemaElement. */
static bool read_element(struct thrift_in *t, struct meta_column *c, int64_t *children)
{
	int16_t id;
	unsigned type;
	int64_t physical = -1, repetition = REQUIRED;
	const uint8_t *name = NULL;
	size_t len = 0;
	*children = 0;
	thrift_in_struct(t);
	while (thrift_in_field(t, &id, &type)) {
		if (id == 1 && type == THRIFT_I32)
			physical = thrift_in_int(t);
		else if (id == 3 && type == THRIFT_I32)
			repetition = thrift_in_int(t);
		else if (id == 4 && type == THRIFT_BINARY)
			name = thrift_in_bytes(t, &len);
		else if (id == 5 && type == THRIFT_I32)
			*children = thrift_in_int(t);
		else
			thrift_in_skip(t, type);
	}
	if (name == NULL)
		return false;
	c->name = mem_text_n((const char *)name, len);
	c->physical = (enum physical)physical;
	c->optional = repetition == OPTIONAL;
	return repetition == OPTIONAL || repetition == REQUIRED;
}

static enum rc read_schema(struct thrift_in *t, struct meta *m, struct err *e)
{
	unsigned type;
	size_t count;
	struct meta_column root = {0};
	int64_t children = 0;
	thrift_in_list(t, &type, &count);
	if (m->columns != 0 || type != THRIFT_STRUCT || count < 2 || count > COLUMNS_MOST)
		return err_set(RC_BAD, e, "parquet: no schema of a flat table");
	bool well = read_element(t, &root, &children);
	mem_free(&root.name);
	if (!well || children != (int64_t)count - 1)
		return err_set(RC_BAD, e, "parquet: no schema of a flat table");
	m->column = mem_zero(count - 1, sizeof *m->column);
	for (size_t i = 0; i < count - 1; i++) {
		struct meta_column *c = &m->column[m->columns];
		well = read_element(t, c, &children);
		m->columns++;
		if (!well || children != 0 || !known_physical(c->physical))
			return err_set(RC_BAD, e, "parquet: column %zu (%.100s) is of a type that is not read", i + 1,
			    c->name != NULL ? c->name : "?");
	}
	return RC_OK;
}

struct chunk_says {
	int64_t physical, codec, values, stored, data_at, dictionary_at;
};

/* ColumnMetaData. */
static void read_column_meta(struct thrift_in *t, struct chunk_says *c)
{
	int16_t id;
	unsigned type;
	thrift_in_struct(t);
	while (thrift_in_field(t, &id, &type)) {
		int64_t *to = id == 1    ? &c->physical
		              : id == 4  ? &c->codec
		              : id == 5  ? &c->values
		              : id == 7  ? &c->stored
		              : id == 9  ? &c->data_at
		              : id == 11 ? &c->dictionary_at
		                         : NULL;
		if (to != NULL && (type == THRIFT_I32 || type == THRIFT_I64))
			*to = thrift_in_int(t);
		else
			thrift_in_skip(t, type);
	}
}

static enum rc read_chunk(
    struct thrift_in *t, const struct meta_column *column, struct meta_chunk *out, uint64_t file_size, struct err *e)
{
	struct chunk_says c = {.physical = -1, .codec = -1, .stored = -1, .values = -1, .data_at = -1};
	int16_t id;
	unsigned type;
	thrift_in_struct(t);
	while (thrift_in_field(t, &id, &type)) {
		if (id == 3 && type == THRIFT_STRUCT)
			read_column_meta(t, &c);
		else
			thrift_in_skip(t, type);
	}
	int64_t at = c.dictionary_at > 0 && c.dictionary_at < c.data_at ? c.dictionary_at : c.data_at;
	int codec = codec_of(c.codec);
	if (!thrift_in_ok(t) || c.physical != (int64_t)column->physical || c.values < 0 || c.stored < 0 || at < 4 ||
	    (uint64_t)at > file_size || (uint64_t)c.stored > file_size - (uint64_t)at)
		return err_set(RC_BAD, e, "parquet: the footer lies about column %.100s", column->name);
	if (codec < 0 || c.stored > CHUNK_MOST)
		return err_set(RC_BAD, e, "parquet: column %.100s: %s", column->name,
		    codec < 0 ? "its codec is not read" : "a chunk of more than 1 GiB");
	*out = (struct meta_chunk){
	    .at = (uint64_t)at, .stored = (uint64_t)c.stored, .values = (uint64_t)c.values, .codec = (enum codec)codec};
	return RC_OK;
}

static enum rc read_chunks(struct thrift_in *t, struct meta *m, size_t group, uint64_t file_size, struct err *e)
{
	unsigned type;
	size_t count;
	thrift_in_list(t, &type, &count);
	if (type != THRIFT_STRUCT || count != m->columns)
		return err_set(RC_BAD, e, "parquet: a row group with %zu columns of %zu", count, m->columns);
	for (size_t i = 0; i < count; i++) {
		enum rc rc = read_chunk(t, &m->column[i], &m->chunk[group * m->columns + i], file_size, e);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

static enum rc read_group(struct thrift_in *t, struct meta *m, size_t group, uint64_t file_size, struct err *e)
{
	int16_t id;
	unsigned type;
	bool chunks = false;
	int64_t rows = -1;
	enum rc rc = RC_OK;
	thrift_in_struct(t);
	while (rc == RC_OK && thrift_in_field(t, &id, &type)) {
		if (id == 1 && type == THRIFT_LIST && !chunks) {
			rc = read_chunks(t, m, group, file_size, e);
			chunks = true;
		} else if (id == 3 && type == THRIFT_I64) {
			rows = thrift_in_int(t);
		} else {
			thrift_in_skip(t, type);
		}
	}
	if (rc != RC_OK)
		return rc;
	if (!chunks || rows < 0)
		return err_set(RC_BAD, e, "parquet: a row group without rows or columns");
	m->group[group] = (uint64_t)rows;
	for (size_t i = 0; i < m->columns; i++)
		if (m->chunk[group * m->columns + i].values != (uint64_t)rows)
			return err_set(
			    RC_BAD, e, "parquet: column %.100s has not as many values as rows", m->column[i].name);
	return RC_OK;
}

static enum rc read_groups(struct thrift_in *t, struct meta *m, uint64_t file_size, struct err *e)
{
	unsigned type;
	size_t count;
	thrift_in_list(t, &type, &count);
	if (m->columns == 0 || m->group != NULL || (count > 0 && type != THRIFT_STRUCT) || count > GROUPS_MOST)
		return err_set(RC_BAD, e, "parquet: its row groups are not read");
	m->group = mem_zero(count + 1, sizeof *m->group);
	m->chunk = mem_zero((count + 1) * m->columns, sizeof *m->chunk);
	for (; m->groups < count; m->groups++) {
		enum rc rc = read_group(t, m, m->groups, file_size, e);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

static void read_keys(struct thrift_in *t, struct meta *m)
{
	unsigned type;
	size_t count;
	thrift_in_list(t, &type, &count);
	if (type != THRIFT_STRUCT || m->key != NULL)
		t->in.failed = true;
	m->key = mem_zero(count + 1, sizeof *m->key);
	for (size_t i = 0; i < count && thrift_in_ok(t); i++) {
		int16_t id;
		const uint8_t *key = NULL, *value = NULL;
		size_t key_len = 0, value_len = 0;
		thrift_in_struct(t);
		while (thrift_in_field(t, &id, &type)) {
			if (id == 1 && type == THRIFT_BINARY)
				key = thrift_in_bytes(t, &key_len);
			else if (id == 2 && type == THRIFT_BINARY)
				value = thrift_in_bytes(t, &value_len);
			else
				thrift_in_skip(t, type);
		}
		if (key != NULL && value != NULL)
			m->key[m->keys++] = (struct meta_key){mem_text_n((const char *)key, key_len),
			    mem_text_n((const char *)value, value_len), value_len};
	}
}

enum rc meta_read(struct meta *m, const void *bytes, size_t size, uint64_t file_size, struct err *e)
{
	struct thrift_in t;
	int16_t id;
	unsigned type;
	int64_t rows = -1;
	uint64_t sum = 0;
	enum rc rc = RC_OK;
	*m = (struct meta){0};
	thrift_in_begin(&t, bytes, size);
	while (rc == RC_OK && thrift_in_field(&t, &id, &type)) {
		if (id == 2 && type == THRIFT_LIST)
			rc = read_schema(&t, m, e);
		else if (id == 3 && type == THRIFT_I64)
			rows = thrift_in_int(&t);
		else if (id == 4 && type == THRIFT_LIST)
			rc = read_groups(&t, m, file_size, e);
		else if (id == 5 && type == THRIFT_LIST)
			read_keys(&t, m);
		else
			thrift_in_skip(&t, type);
	}
	if (rc == RC_OK && (!thrift_in_ok(&t) || rows < 0 || m->columns == 0 || m->group == NULL))
		rc = err_set(RC_BAD, e, "parquet: the footer is damaged");
	for (size_t i = 0; i < m->groups; i++)
		sum += m->group[i];
	if (rc == RC_OK && sum != (uint64_t)rows)
		rc = err_set(RC_BAD, e, "parquet: row groups do not add up to %lld rows", (long long)rows);
	m->rows = (uint64_t)rows;
	if (rc != RC_OK)
		meta_fini(m);
	return rc;
}

void meta_fini(struct meta *m)
{
	for (size_t i = 0; i < m->columns; i++)
		mem_free(&m->column[i].name);
	for (size_t i = 0; i < m->keys; i++) {
		mem_free(&m->key[i].key);
		mem_free(&m->key[i].value);
	}
	mem_free(&m->column);
	mem_free(&m->group);
	mem_free(&m->chunk);
	mem_free(&m->key);
	*m = (struct meta){0};
}

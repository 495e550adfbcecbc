/* Records never leave the process that made them, so plain structs are copied as they are; only keys have an order. */
#include "audit/facts.h"

#include <assert.h>
#include <string.h>

enum { IDENT_KEY = SHA256_BYTES + 2 + 4 + 1 };

static void put_be(struct writer *w, uint64_t v, unsigned bytes)
{
	while (bytes-- > 0)
		writer_u8(w, (uint8_t)(v >> 8 * bytes));
}

static uint64_t get_be(const uint8_t *at, unsigned bytes)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < bytes; i++)
		v = v << 8 | at[i];
	return v;
}

static void put_text(struct writer *w, const char *text)
{
	writer_put(w, text, strlen(text) + 1);
}

static void set(const struct writer *w, size_t key_len, struct sorter_record *out)
{
	assert(!w->failed);
	*out = (struct sorter_record){w->bytes, w->bytes + key_len, key_len, w->len - key_len};
}

void fact_path(struct writer *w, const char *path, enum path_fact fact, const void *what, struct sorter_record *out)
{
	writer_reset(w);
	put_text(w, path);
	writer_u8(w, (uint8_t)fact);
	size_t key_len = w->len;
	switch (fact) {
	case PATH_LISTED:
		writer_put(w, what, sizeof(struct listed));
		break;
	case PATH_FILE:
	case PATH_TAKEN:
		writer_put(w, what, sizeof(struct named_file));
		put_text(w, ((const struct named_file *)what)->staged);
		break;
	case PATH_ORIGINAL:
	case PATH_LEDGER:
	case PATH_EXPIRED:
		writer_put(w, what, sizeof(struct named_original));
		break;
	}
	set(w, key_len, out);
}

enum path_fact fact_path_read(const struct sorter_record *r, const char **path)
{
	*path = (const char *)r->key;
	return (enum path_fact)r->key[r->key_len - 1];
}

void fact_listed_read(const struct sorter_record *r, struct listed *out)
{
	memcpy(out, r->value, sizeof *out);
}

void fact_file_read(const struct sorter_record *r, struct named_file *out)
{
	memcpy(out, r->value, sizeof *out);
	out->staged = (const char *)r->value + sizeof *out;
}

void fact_original_read(const struct sorter_record *r, struct named_original *out)
{
	memcpy(out, r->value, sizeof *out);
}

void fact_ident(struct writer *w, const struct ident *id, const void *what, struct sorter_record *out)
{
	writer_reset(w);
	writer_put(w, id->sha256, SHA256_BYTES);
	put_be(w, id->source, 2);
	put_be(w, id->again, 4);
	writer_u8(w, (uint8_t)id->fact);
	switch (id->fact) {
	case IDENT_LEDGER:
	case IDENT_MANIFEST:
		writer_put(w, what, sizeof(struct outcome));
		put_text(w, ((const struct outcome *)what)->path);
		break;
	case IDENT_REJECTS:
		writer_put(w, what, sizeof(struct reject_lines));
		break;
	case IDENT_ROWS:
	case IDENT_ORPHAN:
		writer_put(w, what, sizeof(struct rows_of));
		break;
	case IDENT_STRAY:
		put_text(w, what);
		break;
	}
	set(w, IDENT_KEY, out);
}

void fact_ident_read(const struct sorter_record *r, struct ident *out)
{
	memcpy(out->sha256, r->key, SHA256_BYTES);
	out->source = (uint16_t)get_be(r->key + SHA256_BYTES, 2);
	out->again = (uint32_t)get_be(r->key + SHA256_BYTES + 2, 4);
	out->fact = (enum ident_fact)r->key[IDENT_KEY - 1];
}

void fact_outcome_read(const struct sorter_record *r, struct outcome *out)
{
	memcpy(out, r->value, sizeof *out);
	out->path = (const char *)r->value + sizeof *out;
}

void fact_rejects_read(const struct sorter_record *r, struct reject_lines *out)
{
	memcpy(out, r->value, sizeof *out);
}

void fact_rows_read(const struct sorter_record *r, struct rows_of *out)
{
	memcpy(out, r->value, sizeof *out);
}

const char *fact_stray_read(const struct sorter_record *r)
{
	return (const char *)r->value;
}

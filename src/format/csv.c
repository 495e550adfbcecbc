/* Rows as text for people, pipes and comparisons with other tools. */
#include "format/csv.h"

#include <string.h>

#include "base/mem.h"
#include "data/print.h"
#include "format/cells.h"

struct csv_encoder {
	struct cells *cells;
};

/* An empty string must differ from a null, so it is quoted as well. */
static bool needs_quotes(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (bytes[i] == ',' || bytes[i] == '"' || bytes[i] == '\n' || bytes[i] == '\r')
			return true;
	return len == 0;
}

static uint8_t *put_null(uint8_t *to)
{
	return to;
}

static uint8_t *put_number(uint8_t *to, int64_t v)
{
	return to + print_signed(&(union key_value){.u64 = (uint64_t)v}, (char *)to);
}

static uint8_t *put_real(uint8_t *to, float v)
{
	return to + render_float(v, (char *)to);
}

static uint8_t *put_text(uint8_t *to, const uint8_t *bytes, size_t len)
{
	if (!needs_quotes(bytes, len)) {
		memcpy(to, bytes, len);
		return to + len;
	}
	*to++ = '"';
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '"')
			*to++ = '"';
		*to++ = bytes[i];
	}
	*to++ = '"';
	return to;
}

static const struct cell_format format = {
    .null = put_null, .number = put_number, .real = put_real, .text = put_text, .text_most = 2};

void csv_head(const struct schema *s, struct writer *out)
{
	for (size_t i = 0; i < s->columns; i++)
		writer_format(out, "%s%s", i == 0 ? "" : ",", s->column[i].name);
	writer_u8(out, '\n');
}

struct csv_encoder *csv_encoder_new(const struct projection *p)
{
	struct csv_encoder *c = mem_zero(1, sizeof *c);
	size_t columns = p->schema->columns;
	c->cells = cells_new(p, &format);
	for (size_t i = 0; i < columns; i++)
		cells_frame(c->cells, i, "", i + 1 < columns ? "," : "\n");
	return c;
}

void csv_encoder_free(struct csv_encoder **c)
{
	if (*c != NULL)
		cells_free(&(*c)->cells);
	mem_free(c);
}

void csv_encode(
    struct csv_encoder *c, const struct batch *b, const uint16_t *sel, size_t n, struct writer *out, uint64_t *outside)
{
	cells_encode(c->cells, b, sel, n, out, outside);
}

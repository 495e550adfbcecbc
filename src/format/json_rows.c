/* Rows as JSON lines, for jq and its like. */
#include "format/json_rows.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "data/print.h"
#include "format/cells.h"

struct json_encoder {
	struct cells *cells;
};

static uint8_t *put_null(uint8_t *to)
{
	memcpy(to, "null", 4);
	return to + 4;
}

static uint8_t *put_number(uint8_t *to, int64_t v)
{
	return to + print_signed(&(union key_value){.u64 = (uint64_t)v}, (char *)to);
}

/* JSON has no word for what is no finite number. */
static uint8_t *put_real(uint8_t *to, float v)
{
	return isfinite(v) ? to + render_float(v, (char *)to) : put_null(to);
}

static uint8_t *put_escape(uint8_t *to, uint8_t c)
{
	static const char digit[] = "0123456789abcdef";
	static const char short_form[][2] = {{'"', '"'}, {'\\', '\\'}, {'\n', 'n'}, {'\r', 'r'}, {'\t', 't'}};
	*to++ = '\\';
	for (size_t i = 0; i < sizeof short_form / sizeof short_form[0]; i++) {
		if ((uint8_t)short_form[i][0] == c) {
			*to++ = (uint8_t)short_form[i][1];
			return to;
		}
	}
	memcpy(to, "u00", 3);
	to[3] = (uint8_t)digit[c >> 4];
	to[4] = (uint8_t)digit[c & 15];
	return to + 5;
}

static uint8_t *put_text(uint8_t *to, const uint8_t *bytes, size_t len)
{
	*to++ = '"';
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] < ' ' || bytes[i] == '"' || bytes[i] == '\\')
			to = put_escape(to, bytes[i]);
		else
			*to++ = bytes[i];
	}
	*to++ = '"';
	return to;
}

static const struct cell_format format = {
    .null = put_null, .number = put_number, .real = put_real, .text = put_text, .text_most = 6};

struct json_encoder *json_encoder_new(const struct projection *p)
{
	struct json_encoder *j = mem_zero(1, sizeof *j);
	const struct schema *s = p->schema;
	j->cells = cells_new(p, &format);
	for (size_t i = 0; i < s->columns; i++) {
		char *before = mem_format("%s\"%s\":", i == 0 ? "{" : ",", s->column[i].name);
		cells_frame(j->cells, i, before, i + 1 < s->columns ? "" : "}\n");
		mem_free(&before);
	}
	return j;
}

void json_encoder_free(struct json_encoder **j)
{
	if (*j != NULL)
		cells_free(&(*j)->cells);
	mem_free(j);
}

void json_encode(
    struct json_encoder *j, const struct batch *b, const uint16_t *sel, size_t n, struct writer *out, uint64_t *outside)
{
	cells_encode(j->cells, b, sel, n, out, outside);
}

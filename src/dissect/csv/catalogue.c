/* A table's own columns say what its fields are: the render table knows which native types each of them can show. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "data/render.h"
#include "data/schema.h"
#include "dissect/csv/csv.h"

/* Text of a time column reads by time_format, whatever the column shows. */
static bool can_show(enum type type, const struct schema_column *c)
{
	const char *as = c->as != NULL ? c->as : render_default(type, c->type);
	return as != NULL && render_find(type, as, c->type) != NULL;
}

static bool is_time(const struct schema *s, const char *name)
{
	return s->time != NULL && strcmp(s->time, name) == 0;
}

/* Can type feed every column of the field among the first `columns`? */
static bool fits(const struct schema *s, const char *name, size_t columns, enum type type)
{
	if (is_time(s, name) && type != TYPE_TIME)
		return false;
	for (size_t i = 0; i < columns; i++)
		if (strcmp(s->column[i].from, name) == 0 && !can_show(type, &s->column[i]))
			return false;
	return true;
}

/* What a column without "as" most likely means. */
static enum type plain_type(enum sql_type sql)
{
	return sql == SQL_STRING ? TYPE_BYTES : sql == SQL_FLOAT ? TYPE_F32 : TYPE_I64;
}

/* TYPE_COUNT: none. */
static enum type choose(const struct schema *s, const char *name, size_t columns)
{
	static const enum type order[] = {TYPE_I64, TYPE_F32, TYPE_BYTES, TYPE_U32, TYPE_U64, TYPE_TIME, TYPE_IP};
	for (size_t i = 0; i < columns; i++) {
		const struct schema_column *c = &s->column[i];
		if (c->as == NULL && strcmp(c->from, name) == 0 && fits(s, name, columns, plain_type(c->type)))
			return plain_type(c->type);
	}
	for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
		if (fits(s, name, columns, order[i]))
			return order[i];
	return TYPE_COUNT;
}

/* Integers may come as the text that the table shows ("TCP", "...AP.SF"). */
static const char *text_form(const struct schema *s, const char *name, enum type type)
{
	if (type != TYPE_U32 && type != TYPE_U64)
		return NULL;
	for (size_t i = 0; i < s->columns; i++)
		if (strcmp(s->column[i].from, name) == 0 && s->column[i].as != NULL &&
		    strcmp(s->column[i].as, "number") != 0)
			return s->column[i].as;
	return NULL;
}

/* Name the first column that cannot live with those before it. */
static enum rc conflict(const struct schema *s, const char *name, struct err *e)
{
	const char *where = s->file != NULL ? s->file : s->name;
	for (size_t n = 1; n <= s->columns; n++) {
		const struct schema_column *c = &s->column[n - 1];
		if (strcmp(c->from, name) == 0 && choose(s, name, n) == TYPE_COUNT)
			return err_set(RC_BAD, e,
			    "%s:%u: column \"%s\": no type of field \"%s\" gives %s%s%s%s and what %s", where, c->line,
			    c->name, name, sql_name(c->type), c->as != NULL ? " as \"" : "", c->as != NULL ? c->as : "",
			    c->as != NULL ? "\"" : "", is_time(s, name) ? "a time" : "the columns before want");
	}
	return err_set(RC_BAD, e, "%s: field \"%s\" has no type", where, name);
}

enum rc csv_catalogue(const struct schema *s, struct field **out, size_t *count, struct err *e)
{
	struct field *field = mem_zero(s->columns + 1, sizeof *field);
	size_t n = 0;
	for (size_t i = 0; i <= s->columns; i++) {
		const char *name = i < s->columns ? s->column[i].from : s->time;
		if (name == NULL || field_find(field, n, name) >= 0)
			continue;
		enum type type = choose(s, name, s->columns);
		if (type == TYPE_COUNT) {
			mem_free(&field);
			return conflict(s, name, e);
		}
		field[n++] = (struct field){.name = name,
		    .type = type,
		    .help = "as the table asks",
		    .as = text_form(s, name, type),
		    .must = is_time(s, name)};
	}
	*out = field;
	*count = n;
	return RC_OK;
}

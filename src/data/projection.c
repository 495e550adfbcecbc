/* Binds a table to a dissector once, with every mistake a schema can hold found here and not per row. */
#include "data/projection.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

struct catalogue {
	const struct field *field;
	size_t count;
};

static const char *where(const struct schema *s)
{
	return s->file != NULL ? s->file : s->name;
}

/* " (did you mean \"x\"?)" or nothing. */
static void hint(const char *word, const struct catalogue *from, char *out, size_t size)
{
	size_t least = strlen(word) / 3 + 2;
	out[0] = '\0';
	for (size_t i = 0; i < from->count; i++) {
		size_t distance = str_distance(word, from->field[i].name);
		if (distance >= least)
			continue;
		least = distance;
		snprintf(out, size, " (did you mean \"%s\"?)", from->field[i].name);
	}
}

static enum rc find(const struct catalogue *from, const char *name, unsigned *out, struct err *e)
{
	char did_you_mean[128];
	int i = field_find(from->field, from->count, name);
	if (i >= 0) {
		*out = (unsigned)i;
		return RC_OK;
	}
	hint(name, from, did_you_mean, sizeof did_you_mean);
	return err_set(RC_BAD, e, "no field \"%.100s\"%s", name, did_you_mean);
}

/* The batch column of a field; a field asked for the first time gets the next one. */
static unsigned want(struct projection *p, const struct catalogue *from, unsigned field)
{
	for (size_t i = 0; i < p->wants; i++)
		if (p->wanted[i] == field)
			return (unsigned)i;
	p->wanted[p->wants] = field;
	p->types[p->wants] = from->field[field].type;
	return (unsigned)p->wants++;
}

/* What is shown for an absent field must be a value the column could show anyway, or readers would meet a text of no
 * meaning. */
static enum rc bind_absent(struct projection_column *c, struct err *e)
{
	const char *text = c->column->absent;
	const struct render *r = c->render;
	char back[RENDER_TEXT];
	if (text == NULL)
		return RC_OK;
	c->has_absent = true;
	if (r->key == KEY_BYTES) {
		c->absent.bytes = (struct span){.length = (uint32_t)strlen(text)};
		return RC_OK;
	}
	if (!r->parse(text, &c->absent) || !render_fits(r, c->absent.u64))
		return err_set(RC_BAD, e, "\"absent\": \"%.100s\" is no %s \"%s\"", text, sql_name(r->sql), r->as);
	if (r->print == NULL)
		return RC_OK;
	size_t len = r->print(&c->absent, back);
	if (strlen(text) != len || memcmp(text, back, len) != 0)
		return err_set(RC_BAD, e, "\"absent\": \"%.100s\" would show as \"%.*s\"", text, (int)len, back);
	return RC_OK;
}

static enum rc bind(struct projection *p, const struct catalogue *from, size_t i, struct err *e)
{
	struct projection_column *c = &p->column[i];
	const struct schema_column *column = &p->schema->column[i];
	unsigned field = 0;
	enum rc rc = find(from, column->from, &field, e);
	if (rc != RC_OK)
		return rc;
	enum type type = from->field[field].type;
	const char *as = column->as != NULL ? column->as : render_default(type, column->type);
	if (as == NULL)
		return err_set(RC_BAD, e, "field \"%s\" (%s) has no default \"as\" for %s", column->from,
		    type_name(type), sql_name(column->type));
	c->column = column;
	c->render = render_find(type, as, column->type);
	if (c->render == NULL)
		return err_set(RC_BAD, e, "field \"%s\" (%s) as \"%.100s\" is not allowed for %s", column->from,
		    type_name(type), as, sql_name(column->type));
	c->source = want(p, from, field);
	return bind_absent(c, e);
}

static enum rc bind_time(struct projection *p, const struct catalogue *from, struct err *e)
{
	const char *name = p->schema->time;
	unsigned field = 0;
	if (name == NULL)
		return RC_OK;
	enum rc rc = find(from, name, &field, e);
	if (rc == RC_OK && from->field[field].type != TYPE_TIME)
		rc = err_set(RC_BAD, e, "field \"%s\" is %s, no time", name, type_name(from->field[field].type));
	if (rc != RC_OK)
		return err_wrap(rc, e, "%s: partition time", where(p->schema));
	p->time = want(p, from, field);
	return RC_OK;
}

/* Room for a field of every column and the partition time. */
static struct projection *blank(const struct schema *schema)
{
	struct projection *p = mem_zero(1, sizeof *p);
	p->schema = schema;
	p->time = UINT_MAX;
	p->wanted = mem_zero(schema->columns + 1, sizeof *p->wanted);
	p->types = mem_zero(schema->columns + 1, sizeof *p->types);
	p->column = mem_zero(schema->columns + 1, sizeof *p->column);
	return p;
}

enum rc projection_open(
    const struct schema *schema, const struct field *fields, size_t count, struct projection **out, struct err *e)
{
	struct catalogue from = {.field = fields, .count = count};
	struct projection *p = blank(schema);
	p->field = fields;
	enum rc rc = RC_OK;
	for (size_t i = 0; rc == RC_OK && i < schema->columns; i++) {
		const struct schema_column *c = &schema->column[i];
		rc = bind(p, &from, i, e);
		if (rc != RC_OK)
			rc = err_wrap(rc, e, "%s:%u: column \"%s\"", where(schema), c->line, c->name);
	}
	if (rc == RC_OK)
		rc = bind_time(p, &from, e);
	if (rc == RC_OK && p->wants > BATCH_COLUMNS)
		rc = err_set(RC_BAD, e, "%s: %zu fields, at most %d", where(schema), p->wants, BATCH_COLUMNS);
	if (rc == RC_OK)
		*out = p;
	else
		projection_free(&p);
	return rc;
}

/* How a rendered column travels: by SQL type of the table body. */
static const enum type rendered_type[SQL_TYPES] = {
    [SQL_STRING] = TYPE_BYTES,
    [SQL_INT] = TYPE_I64,
    [SQL_BIGINT] = TYPE_I64,
    [SQL_SMALLINT] = TYPE_I64,
    [SQL_TINYINT] = TYPE_I64,
    [SQL_FLOAT] = TYPE_F32,
};

struct projection *projection_rendered(const struct schema *schema)
{
	struct projection *p = blank(schema);
	for (size_t i = 0; i < schema->columns; i++) {
		const struct schema_column *column = &schema->column[i];
		enum type type = rendered_type[column->type];
		p->wanted[i] = (unsigned)i;
		p->types[i] = type;
		p->column[i] = (struct projection_column){
		    .column = column,
		    .render = render_find(type, render_default(type, column->type), column->type),
		    .source = (unsigned)i,
		};
	}
	p->wants = schema->columns;
	return p;
}

void projection_free(struct projection **p)
{
	if (*p == NULL)
		return;
	mem_free(&(*p)->made);
	mem_free(&(*p)->wanted);
	mem_free(&(*p)->types);
	mem_free(&(*p)->column);
	mem_free(p);
}

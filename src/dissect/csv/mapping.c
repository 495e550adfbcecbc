/* Fields to cells, once the names of the columns are known. A column that is not there refuses the file: rows with
 * silent holes would be worse. */
#include "dissect/csv/mapping.h"

#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "dissect/csv/lines.h"
#include "dissect/option.h"

static const struct time_format iso8601 = {.kind = TIME_ISO8601};

static const struct time_format *format_of(const struct csv_options *o, const char *field)
{
	const struct time_format *f = &iso8601;
	for (size_t i = 0; i < o->times; i++) {
		if (o->time[i].field != NULL && strcmp(o->time[i].field, field) == 0)
			return &o->time[i].format;
		if (o->time[i].field == NULL)
			f = &o->time[i].format;
	}
	return f;
}

static bool is_number(const char *text)
{
	return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

enum rc mapping_init(struct mapping *m, const struct csv_options *o, const struct dissect_params *params, struct err *e)
{
	*m = (struct mapping){.columns = params->wants};
	for (size_t i = 0; i < params->wants; i++) {
		const struct field *f = &params->field[params->wanted[i]];
		m->column[i] = (struct mapped){.field = f};
		if (f->type == TYPE_TIME)
			m->column[i].format = format_of(o, f->name);
		if (f->as != NULL)
			m->column[i].form = render_find(f->type, f->as, SQL_STRING);
	}
	return o->header || o->column != NULL ? RC_OK : mapping_bind(m, o, NULL, 0, e);
}

struct names {
	char *const *name;
	size_t count;
};

static const char *next_name(const void *context, size_t i)
{
	const struct names *n = context;
	return i < n->count ? n->name[i] : NULL;
}

/* A header in one piece was most likely parted by another delimiter: which? */
static const char *whole_header(const struct names *names)
{
	static const struct {
		char sign;
		const char *hint;
	} other[] = {
	    {'\t', "; the header has one column, with tabs in it: delimiter: tab?"},
	    {';', "; the header has one column, with semicolons in it: delimiter: semicolon?"},
	    {'|', "; the header has one column, with pipes in it: delimiter: pipe?"},
	    {',', "; the header has one column, with commas in it: delimiter: comma?"},
	    {' ', "; the header has one column, with blanks in it: delimiter: space?"},
	    {':', "; the header has one column, with colons in it: delimiter: colon?"},
	};
	if (names->count != 1)
		return "";
	for (size_t i = 0; i < sizeof other / sizeof other[0]; i++)
		if (strchr(names->name[0], other[i].sign) != NULL)
			return other[i].hint;
	return "; the header has one column";
}

static enum rc find_name(
    const struct names *names, const struct field *f, const char *column, uint16_t *out, struct err *e)
{
	char hint[OPTION_HINT];
	size_t found = names->count;
	for (size_t i = 0; i < names->count; i++) {
		if (strcasecmp(names->name[i], column) != 0)
			continue;
		if (found < names->count)
			return err_set(RC_BAD, e, "the column \"%.100s\" is there twice", column);
		found = i;
	}
	if (names->name == NULL)
		return err_set(RC_BAD, e, "field \"%.100s\": which column? column.%.100s: NUMBER", f->name, f->name);
	if (found == names->count)
		return err_set(RC_BAD, e, "field \"%.100s\": no column \"%.100s\"%s%s", f->name, column,
		    option_hint(column, next_name, names, hint), whole_header(names));
	*out = (uint16_t)found;
	return RC_OK;
}

static enum rc find_cell(
    const struct names *names, const struct field *f, const char *column, uint16_t *out, struct err *e)
{
	int64_t number = 0;
	if (!is_number(column))
		return find_name(names, f, column, out, e);
	enum rc rc = str_number(column, 1, names->name != NULL ? (int64_t)names->count : CSV_COLUMNS, &number, e);
	*out = (uint16_t)(number - 1);
	return rc == RC_OK ? rc : err_wrap(rc, e, "column.%.100s", f->name);
}

static enum rc add_cell(
    struct mapping *m, struct mapped *c, const struct names *names, const char *column, struct err *e)
{
	uint16_t cell = 0;
	if (c->cells == MAPPING_CELLS)
		return err_set(
		    RC_BAD, e, "column.%.100s: at most %d columns to fall back on", c->field->name, MAPPING_CELLS);
	enum rc rc = find_cell(names, c->field, column, &cell, e);
	if (rc != RC_OK)
		return rc;
	c->cell[c->cells++] = cell;
	if (m->least < (size_t)cell + 1)
		m->least = (size_t)cell + 1;
	return RC_OK;
}

enum rc mapping_bind(struct mapping *m, const struct csv_options *o, char *const *name, size_t count, struct err *e)
{
	struct names names = {.name = name, .count = count};
	m->exact = count;
	m->least = 0;
	for (size_t i = 0; i < m->columns; i++) {
		struct mapped *c = &m->column[i];
		bool given = false;
		c->cells = 0;
		enum rc rc = RC_OK;
		for (size_t k = 0; k < o->sources && rc == RC_OK; k++) {
			if (strcmp(o->source[k].field, c->field->name) != 0)
				continue;
			given = true;
			if (strcmp(o->source[k].column, "-") != 0)
				rc = add_cell(m, c, &names, o->source[k].column, e);
		}
		if (rc == RC_OK && !given)
			rc = add_cell(m, c, &names, c->field->name, e);
		if (rc == RC_OK && c->field->must && c->cells == 0)
			rc = err_set(RC_BAD, e, "column.%.100s: the partition time cannot be left out", c->field->name);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

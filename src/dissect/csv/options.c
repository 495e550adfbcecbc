/* Options of csv: one row of a table each, so that the list of keys, the messages and the parser are one thing. */
#include "dissect/csv/options.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "dissect/csv/lines.h"
#include "dissect/option.h"

enum { SKIP_MAX = 1000000, LINE_DEFAULT = 1 << 20, TRAILER_MAX = 1000 };

struct reading {
	struct csv_options *to;
	const struct dissect_params *params;
	const char *key, *value;
};

static const char *const char_name[] = {"comma", ",", "tab", "\t", "\\t", "\t", "semicolon", ";", "pipe", "|", "space",
    " ", "colon", ":", "quote", "\"", "apostrophe", "'", NULL};

/* One byte, as itself or by name. */
static enum rc read_char(const struct reading *r, bool or_none, int *out, struct err *e)
{
	const char *text = r->value;
	for (size_t i = 0; char_name[i] != NULL; i += 2)
		if (strcmp(text, char_name[i]) == 0)
			text = char_name[i + 1];
	if (or_none && strcmp(text, "none") == 0) {
		*out = -1;
		return RC_OK;
	}
	if (text[0] == '\0' || text[1] != '\0' || text[0] == '\n' || text[0] == '\r')
		return err_set(RC_BAD, e,
		    "wants one character, or comma, tab, semicolon, pipe, space, colon%s, not \"%.40s\"",
		    or_none ? ", none" : "", r->value);
	*out = (uint8_t)text[0];
	return RC_OK;
}

static enum rc add_text(struct csv_list *to, const char *text, struct err *e)
{
	if (to->count == CSV_TEXTS)
		return err_set(RC_BAD, e, "at most %d texts", CSV_TEXTS);
	to->text[to->count++] = text;
	return RC_OK;
}

static enum rc read_header(const struct reading *r, struct err *e)
{
	bool yes = strcmp(r->value, "yes") == 0 || strcmp(r->value, "true") == 0;
	if (!yes && strcmp(r->value, "no") != 0 && strcmp(r->value, "false") != 0)
		return err_set(RC_BAD, e, "yes or no, not \"%.40s\"", r->value);
	r->to->header = yes;
	return RC_OK;
}

/* Names one by one, or in one text with commas between them. */
static enum rc read_columns(const struct reading *r, struct err *e)
{
	struct csv_options *o = r->to;
	for (const char *p = r->value;; p++) {
		size_t len = strcspn(p, ",");
		if (len == 0)
			return err_set(RC_BAD, e, "a name is empty; - skips a column");
		if (o->columns == CSV_COLUMNS)
			return err_set(RC_BAD, e, "at most %d columns", CSV_COLUMNS);
		o->column = mem_resize(o->column, (o->columns + 1) * sizeof *o->column);
		o->column[o->columns++] = mem_text_n(p, len);
		p += len;
		if (*p == '\0')
			return RC_OK;
	}
}

static enum rc read_delimiter(const struct reading *r, struct err *e)
{
	return read_char(r, false, &r->to->delimiter, e);
}

static enum rc read_quote(const struct reading *r, struct err *e)
{
	return read_char(r, true, &r->to->quote, e);
}

static enum rc read_comment(const struct reading *r, struct err *e)
{
	return read_char(r, true, &r->to->comment, e);
}

static enum rc read_null(const struct reading *r, struct err *e)
{
	return add_text(&r->to->nulls, r->value, e);
}

static enum rc read_trailer(const struct reading *r, struct err *e)
{
	if (r->value[0] == '\0' || strlen(r->value) > TRAILER_MAX)
		return err_set(RC_BAD, e, "wants the beginning of a line, at most %d bytes", TRAILER_MAX);
	return add_text(&r->to->trailers, r->value, e);
}

static enum rc read_skip(const struct reading *r, struct err *e)
{
	int64_t n = 0;
	enum rc rc = str_number(r->value, 0, SKIP_MAX, &n, e);
	r->to->skip = (uint32_t)n;
	return rc;
}

static enum rc read_max_line(const struct reading *r, struct err *e)
{
	uint64_t bytes = 0;
	enum rc rc = str_size(r->value, &bytes, e);
	if (rc == RC_OK && (bytes < CSV_LINE_LEAST || bytes > CSV_LINE_MOST))
		rc = err_set(RC_BAD, e, "\"%.40s\" is out of range 1KiB to 4MiB", r->value);
	r->to->max_line = (uint32_t)bytes;
	return rc;
}

static enum rc read_zone(const struct reading *r, struct err *e)
{
	return time_zone_read(r->value, &r->to->zone_s, e);
}

static const char *next_field(const void *context, size_t i)
{
	const struct dissect_params *params = context;
	return i < params->wants ? params->field[params->wanted[i]].name : NULL;
}

static enum rc check_field(const struct reading *r, const char *name, struct err *e)
{
	char hint[OPTION_HINT];
	const char *have;
	for (size_t i = 0; (have = next_field(r->params, i)) != NULL; i++)
		if (strcmp(have, name) == 0)
			return RC_OK;
	return err_set(
	    RC_BAD, e, "the table has no field \"%.100s\"%s", name, option_hint(name, next_field, r->params, hint));
}

static enum rc read_time_format(const struct reading *r, struct err *e)
{
	struct csv_options *o = r->to;
	const char *dot = strchr(r->key, '.');
	struct csv_time t = {.field = dot != NULL ? dot + 1 : NULL};
	enum rc rc = t.field != NULL ? check_field(r, t.field, e) : RC_OK;
	if (rc == RC_OK)
		rc = time_format_read(r->value, &t.format, e);
	if (rc != RC_OK)
		return rc;
	o->time = mem_resize(o->time, (o->times + 1) * sizeof *o->time);
	o->time[o->times++] = t;
	return RC_OK;
}

static enum rc read_column(const struct reading *r, struct err *e)
{
	struct csv_options *o = r->to;
	const char *field = strchr(r->key, '.') + 1;
	enum rc rc = check_field(r, field, e);
	if (rc == RC_OK && r->value[0] == '\0')
		rc = err_set(RC_BAD, e, "wants a column's name or number, or - for none");
	if (rc != RC_OK)
		return rc;
	o->source = mem_resize(o->source, (o->sources + 1) * sizeof *o->source);
	o->source[o->sources++] = (struct csv_source){.field = field, .column = r->value};
	return RC_OK;
}

/* A name that ends in a dot stands for all keys that begin so. */
static const struct option {
	const char *name;
	bool many; /* may be given several times */
	enum rc (*read)(const struct reading *r, struct err *e);
} option[] = {
    {"header", false, read_header},
    {"columns", true, read_columns},
    {"delimiter", false, read_delimiter},
    {"quote", false, read_quote},
    {"column.", true, read_column},
    {"time_format", false, read_time_format},
    {"time_format.", false, read_time_format},
    {"zone", false, read_zone},
    {"null", true, read_null},
    {"skip", false, read_skip},
    {"comment", false, read_comment},
    {"max_line", false, read_max_line},
    {"trailer", true, read_trailer},
};
enum { OPTIONS = sizeof option / sizeof option[0] };

static const struct option *find(const char *key)
{
	for (size_t i = 0; i < OPTIONS; i++) {
		const char *name = option[i].name;
		bool group = str_ends(name, ".");
		if (group ? str_starts(key, name) && key[strlen(name)] != '\0' : strcmp(key, name) == 0)
			return &option[i];
	}
	return NULL;
}

const char *csv_option_key(size_t i)
{
	return i < OPTIONS ? option[i].name : NULL;
}

bool csv_option_known(const char *key)
{
	return find(key) != NULL;
}

static enum rc refuse_key(const char *key, struct err *e)
{
	const char *known[OPTIONS + 1] = {NULL};
	for (size_t i = 0; i < OPTIONS; i++)
		known[i] = option[i].name;
	return option_unknown(key, known, e);
}

static enum rc read_one(struct reading *r, size_t i, struct err *e)
{
	const struct dissect_option *given = r->params->option;
	const struct option *o = find(given[i].key);
	if (o == NULL)
		return refuse_key(given[i].key, e);
	for (size_t k = 0; k < i && !o->many; k++)
		if (strcmp(given[k].key, given[i].key) == 0)
			return err_set(RC_BAD, e, "%s: is given twice", given[i].key);
	r->key = given[i].key;
	r->value = given[i].value;
	enum rc rc = o->read(r, e);
	return rc == RC_OK ? rc : err_wrap(rc, e, "%.100s", r->key);
}

static enum rc check_all(const struct csv_options *o, struct err *e)
{
	if (o->delimiter == o->quote)
		return err_set(RC_BAD, e, "quote: is the delimiter too");
	if (o->comment >= 0 && (o->comment == o->quote || o->comment == o->delimiter))
		return err_set(RC_BAD, e, "comment: is the %s too", o->comment == o->quote ? "quote" : "delimiter");
	return RC_OK;
}

enum rc csv_options_read(const struct dissect_params *params, struct csv_options *out, struct err *e)
{
	*out = (struct csv_options){
	    .header = true, .delimiter = ',', .quote = '"', .comment = -1, .max_line = LINE_DEFAULT};
	struct reading r = {.to = out, .params = params};
	enum rc rc = RC_OK;
	for (size_t i = 0; i < params->options && rc == RC_OK; i++)
		rc = read_one(&r, i, e);
	if (rc == RC_OK)
		rc = check_all(out, e);
	if (rc != RC_OK)
		csv_options_fini(out);
	return rc;
}

void csv_options_fini(struct csv_options *o)
{
	for (size_t i = 0; i < o->columns; i++)
		mem_free(&o->column[i]);
	mem_free(&o->column);
	mem_free(&o->source);
	mem_free(&o->time);
	*o = (struct csv_options){.columns = 0};
}

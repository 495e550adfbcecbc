/* Reads a dataset's .avsc. A schema is written by people, so every mistake is refused here, with its line, before a row
 * is touched. */
#include "format/avsc.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "data/batch.h"
#include "ext/json.h"
#include "format/avro_schema.h"
#include "format/locate.h"

enum { NAME_MAX_CHARS = 128, PATH_CHARS = 255 };

/* The document being read. */
struct avsc {
	const char *file;
	const char *text;
	size_t len;
	struct locate at; /* what is being looked at, for errors */
	struct schema *schema;
};

static enum rc bad(const struct avsc *a, const char *key, struct err *e, const char *format, ...) PRINTF_LIKE(4, 5);

static enum rc bad(const struct avsc *a, const char *key, struct err *e, const char *format, ...)
{
	char reason[ERR_TEXT];
	struct locate at = a->at;
	va_list list;
	at.key = key;
	va_start(list, format);
	vsnprintf(reason, sizeof reason, format, list);
	va_end(list);
	return err_set(RC_BAD, e, "%s:%u: %s", a->file, locate_line(a->text, a->len, at), reason);
}

/* Refuse members that are none of `known` (ends with NULL). */
static enum rc only_known(const struct avsc *a, json_t *object, const char *const known[], struct err *e)
{
	const char *key;
	json_t *value;
	json_object_foreach(object, key, value)
	{
		const char *nearest = NULL;
		size_t least = strlen(key) / 3 + 2;
		bool found = false;
		for (size_t i = 0; known[i] != NULL; i++) {
			size_t distance = str_distance(key, known[i]);
			found = found || distance == 0;
			if (distance < least) {
				nearest = known[i];
				least = distance;
			}
		}
		if (found)
			continue;
		if (nearest != NULL)
			return bad(a, key, e, "unknown attribute \"%.100s\" (did you mean \"%s\"?)", key, nearest);
		return bad(a, key, e, "unknown attribute \"%.100s\"", key);
	}
	return RC_OK;
}

/* A text member; NULL when it is not there and needs not be. */
static enum rc get_text(
    const struct avsc *a, json_t *object, const char *key, bool needed, const char **out, struct err *e)
{
	json_t *value = json_object_get(object, key);
	if (value == NULL && !needed) {
		*out = NULL;
		return RC_OK;
	}
	if (value == NULL)
		return bad(a, NULL, e, "\"%s\" is missing", key);
	if (!json_is_string(value))
		return bad(a, key, e, "\"%s\" must be a text", key);
	*out = json_string_value(value);
	return RC_OK;
}

static bool is_name(const char *name)
{
	return strlen(name) <= NAME_MAX_CHARS && (name[0] < '0' || name[0] > '9') && name[0] != '\0' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz_0123456789") == strlen(name);
}

static bool is_namespace(const char *text)
{
	bool start = true;
	for (const char *p = text; *p != '\0'; p++) {
		bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || *p == '_';
		bool digit = *p >= '0' && *p <= '9';
		if (start ? !letter : !letter && !digit && *p != '.')
			return false;
		start = *p == '.';
	}
	return !start && strlen(text) <= NAME_MAX_CHARS;
}

/* What a table body knows, by Avro name. */
struct body_type {
	const char *avro;
	enum sql_type sql;
};

static enum rc column_type(const struct avsc *a, json_t *field, enum sql_type *out, struct err *e)
{
	static const struct body_type known[] = {
	    {"string", SQL_STRING}, {"int", SQL_INT}, {"long", SQL_BIGINT}, {"float", SQL_FLOAT}};
	json_t *type = json_object_get(field, "type");
	const char *null = json_string_value(json_array_get(type, 0));
	const char *name = json_string_value(json_array_get(type, 1));
	if (json_array_size(type) != 2 || null == NULL || strcmp(null, "null") != 0 || name == NULL)
		return bad(a, "type", e, "\"type\" must be [\"null\", \"string\" | \"int\" | \"long\" | \"float\"]");
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (strcmp(known[i].avro, name) == 0) {
			*out = known[i].sql;
			return RC_OK;
		}
	}
	return bad(a, "type", e, "type \"%.100s\" is none of string, int, long, float", name);
}

static enum rc read_column(struct avsc *a, json_t *field, struct schema_column *c, struct err *e)
{
	static const char *const known[] = {"name", "type", "default", "doc", "from", "as", "absent", "bloom", NULL};
	const char *name = NULL, *from = NULL, *as = NULL, *absent = NULL;
	if (!json_is_object(field))
		return bad(a, NULL, e, "a field must be an object");
	enum rc rc = only_known(a, field, known, e);
	if (rc == RC_OK)
		rc = get_text(a, field, "name", true, &name, e);
	if (rc == RC_OK)
		rc = get_text(a, field, "from", true, &from, e);
	if (rc == RC_OK)
		rc = get_text(a, field, "as", false, &as, e);
	if (rc == RC_OK)
		rc = get_text(a, field, "absent", false, &absent, e);
	if (rc == RC_OK)
		rc = column_type(a, field, &c->type, e);
	if (rc != RC_OK)
		return rc;
	if (!is_name(name))
		return bad(a, "name", e, "\"%.100s\" is no column name: [a-z_][a-z0-9_]*", name);
	json_t *otherwise = json_object_get(field, "default");
	if (otherwise != NULL && !json_is_null(otherwise))
		return bad(a, "default", e, "column \"%s\": \"default\" must be null", name);
	json_t *bloom = json_object_get(field, "bloom");
	if (bloom != NULL && !json_is_boolean(bloom))
		return bad(a, "bloom", e, "column \"%s\": \"bloom\" must be true or false", name);
	c->name = mem_text(name);
	c->from = mem_text(from);
	c->as = mem_text(as);
	c->absent = mem_text(absent);
	c->bloom = json_is_true(bloom);
	c->line = locate_line(a->text, a->len, a->at);
	return RC_OK;
}

static enum rc read_columns(struct avsc *a, json_t *root, struct err *e)
{
	struct schema *s = a->schema;
	json_t *fields = json_object_get(root, "fields");
	size_t count = json_array_size(fields);
	if (count == 0 || count > BATCH_COLUMNS)
		return bad(a, "fields", e, "\"fields\" must be a list of 1 to %d columns", BATCH_COLUMNS);
	s->column = mem_zero(count, sizeof *s->column);
	for (size_t i = 0; i < count; i++) {
		a->at = (struct locate){.array = "fields", .index = i};
		s->columns = i + 1;
		enum rc rc = read_column(a, json_array_get(fields, i), &s->column[i], e);
		if (rc != RC_OK)
			return rc;
		for (size_t j = 0; j < i; j++)
			if (strcmp(s->column[j].name, s->column[i].name) == 0)
				return bad(a, "name", e, "column \"%s\" is there already, on line %u",
				    s->column[i].name, s->column[j].line);
	}
	return RC_OK;
}

/* Can a column of this type hold the part? Two digits are text; a year needs more than eight bits. */
static bool part_fits(const char *as, enum sql_type type)
{
	if (str_ends(as, "2"))
		return type == SQL_STRING;
	return strcmp(as, "year") != 0 || type != SQL_TINYINT;
}

static enum rc read_part(struct avsc *a, json_t *part, struct schema_partition *p, struct err *e)
{
	static const char *const known[] = {"name", "type", "as", NULL};
	static const struct body_type types[] = {
	    {"smallint", SQL_SMALLINT}, {"tinyint", SQL_TINYINT}, {"int", SQL_INT}, {"string", SQL_STRING}};
	const char *name = NULL, *type = NULL, *as = NULL;
	if (!json_is_object(part))
		return bad(a, NULL, e, "a partition must be an object");
	enum rc rc = only_known(a, part, known, e);
	if (rc == RC_OK)
		rc = get_text(a, part, "name", true, &name, e);
	if (rc == RC_OK)
		rc = get_text(a, part, "type", true, &type, e);
	if (rc == RC_OK)
		rc = get_text(a, part, "as", true, &as, e);
	if (rc != RC_OK)
		return rc;
	if (!is_name(name))
		return bad(a, "name", e, "\"%.100s\" is no partition name: [a-z_][a-z0-9_]*", name);
	if (!schema_partition_known(as))
		return bad(a, "as", e, "\"as\": \"%.100s\" is none of year month day hour month2 day2 hour2", as);
	p->type = SQL_TYPES;
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (strcmp(types[i].avro, type) == 0)
			p->type = types[i].sql;
	if (p->type == SQL_TYPES)
		return bad(a, "type", e, "type \"%.100s\" is none of smallint, tinyint, int, string", type);
	if (!part_fits(as, p->type))
		return bad(a, "type", e, "\"%s\" does not fit type \"%s\"", as, type);
	p->name = mem_text(name);
	p->as = mem_text(as);
	return RC_OK;
}

static bool name_taken(const struct schema *s, const char *name, size_t parts)
{
	for (size_t i = 0; i < s->columns; i++)
		if (strcmp(s->column[i].name, name) == 0)
			return true;
	for (size_t i = 0; i < parts; i++)
		if (strcmp(s->partition[i].name, name) == 0)
			return true;
	return false;
}

static enum rc read_parts(struct avsc *a, json_t *root, struct err *e)
{
	struct schema *s = a->schema;
	json_t *parts = json_object_get(root, "partition");
	size_t count = json_array_size(parts);
	size_t path = 0;
	a->at = (struct locate){0};
	if (parts == NULL)
		return RC_OK;
	if (!json_is_array(parts) || count > SCHEMA_PARTITIONS)
		return bad(a, "partition", e, "\"partition\" must be a list of at most %d", SCHEMA_PARTITIONS);
	if (count > 0 && s->time == NULL)
		return bad(a, "partition", e, "\"partition\" needs \"time\", the field it comes from");
	for (size_t i = 0; i < count; i++) {
		a->at = (struct locate){.array = "partition", .index = i};
		s->partitions = i + 1;
		enum rc rc = read_part(a, json_array_get(parts, i), &s->partition[i], e);
		if (rc != RC_OK)
			return rc;
		const char *name = s->partition[i].name;
		if (name_taken(s, name, i))
			return bad(a, "name", e, "partition \"%s\": a column or partition has that name", name);
		path += strlen(name) + strlen("=-2147483648/");
		if (path > PATH_CHARS)
			return bad(a, "name", e, "the partitions' names are too long together");
	}
	return RC_OK;
}

static enum rc read_record(struct avsc *a, json_t *root, struct err *e)
{
	static const char *const known[] = {"type", "name", "namespace", "doc", "time", "partition", "fields", NULL};
	struct schema *s = a->schema;
	const char *type = NULL, *name = NULL, *space = NULL, *time = NULL;
	enum rc rc = only_known(a, root, known, e);
	if (rc == RC_OK)
		rc = get_text(a, root, "type", true, &type, e);
	if (rc == RC_OK)
		rc = get_text(a, root, "name", true, &name, e);
	if (rc == RC_OK)
		rc = get_text(a, root, "namespace", false, &space, e);
	if (rc == RC_OK)
		rc = get_text(a, root, "time", false, &time, e);
	if (rc != RC_OK)
		return rc;
	if (strcmp(type, "record") != 0)
		return bad(a, "type", e, "\"type\" must be \"record\"");
	if (!is_name(name))
		return bad(a, "name", e, "\"%.100s\" is no dataset name: [a-z_][a-z0-9_]*", name);
	if (space != NULL && !is_namespace(space))
		return bad(a, "namespace", e, "\"%.100s\" is no namespace", space);
	s->name = mem_text(name);
	s->full_name = space != NULL ? mem_format("%s.%s", space, name) : mem_text(name);
	s->time = mem_text(time);
	rc = read_columns(a, root, e);
	return rc == RC_OK ? read_parts(a, root, e) : rc;
}

enum rc avsc_read(const char *file, const char *text, size_t len, struct schema **out, struct err *e)
{
	json_error_t wrong;
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &wrong);
	if (root == NULL)
		return err_set(RC_BAD, e, "%s:%d: %s", file, wrong.line, wrong.text);
	struct avsc a = {.file = file, .text = text, .len = len, .schema = mem_zero(1, sizeof *a.schema)};
	enum rc rc = json_is_object(root) ? read_record(&a, root, e) : bad(&a, NULL, e, "a schema must be an object");
	json_decref(root);
	if (rc != RC_OK) {
		schema_free(&a.schema);
		return rc;
	}
	a.schema->file = mem_text(file);
	a.schema->text = mem_text_n(text, len);
	avro_schema_derive(a.schema);
	*out = a.schema;
	return RC_OK;
}

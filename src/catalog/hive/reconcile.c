/* Says the first difference with both sides of it: that is what somebody has to look at. */
#include "catalog/hive/reconcile.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "catalog/hive/definition.h"

static void other(struct catalog_view *out, const char *format, ...) PRINTF_LIKE(2, 3);

static void other(struct catalog_view *out, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(out->text, sizeof out->text, format, args);
	va_end(args);
	out->match = CATALOG_OTHER;
}

struct url {
	const char *scheme, *host, *path;
	size_t scheme_len, host_len;
};

static struct url url_of(const char *text)
{
	struct url u = {.scheme = text, .host = "", .path = text};
	size_t len = strcspn(text, ":/");
	if (text[len] == ':') {
		u.scheme_len = len;
		u.path = text + len + 1;
	}
	if (strncmp(u.path, "//", 2) == 0) {
		u.host = u.path + 2;
		u.host_len = strcspn(u.host, "/");
		u.path = u.host + u.host_len;
	}
	return u;
}

/* One slash for many, none at the end. */
static bool same_path(const char *a, const char *b)
{
	for (;;) {
		size_t slashes_a = strspn(a, "/"), slashes_b = strspn(b, "/");
		a += slashes_a;
		b += slashes_b;
		if (*a == '\0' || *b == '\0')
			return *a == *b;
		if ((slashes_a > 0) != (slashes_b > 0))
			return false;
		size_t len = strcspn(a, "/");
		if (strcspn(b, "/") != len || memcmp(a, b, len) != 0)
			return false;
		a += len;
		b += len;
	}
}

bool reconcile_same_place(const char *a, const char *b)
{
	struct url x = url_of(a), y = url_of(b);
	return x.scheme_len == y.scheme_len && strncasecmp(x.scheme, y.scheme, x.scheme_len) == 0 &&
	       x.host_len == y.host_len && strncasecmp(x.host, y.host, x.host_len) == 0 && same_path(x.path, y.path);
}

/* Names and types without regard to case. */
static bool is_column(const struct tree *field, const char *name, enum sql_type type)
{
	const char *there = tree_text(field, FIELD_NAME), *its_type = tree_text(field, FIELD_TYPE);
	return there != NULL && its_type != NULL && strcasecmp(there, name) == 0 &&
	       strcasecmp(its_type, definition_type(type)) == 0;
}

static const char *text_or(const struct tree *t, int16_t id)
{
	const char *text = tree_text(t, id);
	return text != NULL ? text : "?";
}

/* Partition keys must be the same, all of them, in order. */
static bool look_at_keys(const struct tree *keys, const struct schema *s, struct catalog_view *out)
{
	const struct tree *field = keys != NULL ? keys->first : NULL;
	for (size_t i = 0; i < s->partitions; i++) {
		const char *name = s->partition[i].name, *type = definition_type(s->partition[i].type);
		if (field == NULL) {
			other(out, "partition key %zu is %s %s in the schema, missing in the table", i + 1, name, type);
			return false;
		}
		if (!is_column(field, name, s->partition[i].type)) {
			other(out, "partition key %zu is %s %s in the schema, %.60s %.60s in the table", i + 1, name,
			    type, text_or(field, FIELD_NAME), text_or(field, FIELD_TYPE));
			return false;
		}
		field = field->next;
	}
	if (field != NULL)
		other(out, "the table has a partition key more than the schema: %.60s %.60s",
		    text_or(field, FIELD_NAME), text_or(field, FIELD_TYPE));
	return field == NULL;
}

static void look_at_columns(const struct tree *columns, const struct schema *s, struct catalog_view *out)
{
	const struct tree *field = columns != NULL ? columns->first : NULL;
	size_t i = 0, len = 0;
	for (; i < s->columns && field != NULL; i++, field = field->next) {
		if (is_column(field, s->column[i].name, s->column[i].type))
			continue;
		other(out, "column %zu is %s %s in the schema, %.60s %.60s in the table", i + 1, s->column[i].name,
		    definition_type(s->column[i].type), text_or(field, FIELD_NAME), text_or(field, FIELD_TYPE));
		return;
	}
	const char *comma = "";
	if (i < s->columns) {
		out->match = CATALOG_SHORTER;
		len = (size_t)snprintf(out->text, sizeof out->text, "the table lacks");
		for (; i < s->columns && len < sizeof out->text; i++, comma = ",")
			len += (size_t)snprintf(out->text + len, sizeof out->text - len, "%s %s %s", comma,
			    s->column[i].name, definition_type(s->column[i].type));
	} else if (field != NULL) {
		len = (size_t)snprintf(out->text, sizeof out->text, "the table also has");
		for (; field != NULL && len < sizeof out->text; field = field->next, comma = ",")
			len += (size_t)snprintf(out->text + len, sizeof out->text - len, "%s %.60s %.60s", comma,
			    text_or(field, FIELD_NAME), text_or(field, FIELD_TYPE));
	}
}

void reconcile_look(const struct tree *table, const struct catalog_table *want, struct catalog_view *out)
{
	const struct tree *sd = tree_field(table, TABLE_SD, T_STRUCT);
	const char *type = tree_text(table, TABLE_TYPE), *location = tree_text(sd, SD_LOCATION);
	const char *serde = tree_text(tree_field(sd, SD_SERDE, T_STRUCT), SERDE_LIBRARY);
	const char *external = tree_map_text(tree_field(table, TABLE_PARAMETERS, T_MAP), "EXTERNAL");

	*out = (struct catalog_view){.match = CATALOG_SAME};
	if (type == NULL || strcmp(type, "EXTERNAL_TABLE") != 0 || external == NULL ||
	    strcasecmp(external, "TRUE") != 0)
		other(out, "an external table is wanted, the table is a %.40s%s", type != NULL ? type : "?",
		    type != NULL && strcmp(type, "EXTERNAL_TABLE") == 0 ? " without EXTERNAL=TRUE" : "");
	else if (location == NULL || !reconcile_same_place(location, want->location))
		other(out, "location is %.180s in the configuration, %.180s in the table", want->location,
		    location != NULL ? location : "?");
	else if (serde == NULL || strcmp(serde, PARQUET_SERDE) != 0)
		other(out, "a Parquet table is wanted (%s), the table has %.180s", PARQUET_SERDE,
		    serde != NULL ? serde : "no format");
	else if (look_at_keys(tree_field(table, TABLE_KEYS, T_LIST), want->schema, out))
		look_at_columns(tree_field(sd, SD_COLUMNS, T_LIST), want->schema, out);
}

void reconcile_append(struct tree *table, const struct catalog_table *want)
{
	struct tree *sd = tree_field(table, TABLE_SD, T_STRUCT);
	struct tree *columns = tree_field(sd, SD_COLUMNS, T_LIST);
	if (columns == NULL) {
		columns = tree_add_list(sd, SD_COLUMNS, T_STRUCT);
	}
	for (size_t i = columns->children; i < want->schema->columns; i++)
		definition_column(columns, want->schema->column[i].name, want->schema->column[i].type);
}

/* What every user of a schema needs of it: its end, and where an hour lies. Reading one is format/avsc. */
#include "data/schema.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

void schema_free(struct schema **s)
{
	if (*s == NULL)
		return;
	for (size_t i = 0; i < (*s)->columns; i++) {
		struct schema_column *c = &(*s)->column[i];
		mem_free(&c->name);
		mem_free(&c->from);
		mem_free(&c->as);
		mem_free(&c->absent);
	}
	for (size_t i = 0; i < (*s)->partitions; i++) {
		mem_free(&(*s)->partition[i].name);
		mem_free(&(*s)->partition[i].as);
	}
	mem_free(&(*s)->column);
	mem_free(&(*s)->name);
	mem_free(&(*s)->full_name);
	mem_free(&(*s)->time);
	mem_free(&(*s)->avro);
	mem_free(&(*s)->text);
	mem_free(&(*s)->file);
	mem_free(s);
}

const char *sql_name(enum sql_type t)
{
	static const char *const name[SQL_TYPES] = {
	    [SQL_STRING] = "STRING",
	    [SQL_INT] = "INT",
	    [SQL_BIGINT] = "BIGINT",
	    [SQL_SMALLINT] = "SMALLINT",
	    [SQL_TINYINT] = "TINYINT",
	    [SQL_FLOAT] = "FLOAT",
	};
	assert((unsigned)t < SQL_TYPES);
	return name[t];
}

/* One row for each "as" of a partition. */
struct part {
	const char *as;
	char unit;
	int digits; /* at least */
};

static const struct part part[] = {
    {"year", 'y', 1},
    {"month", 'm', 1},
    {"day", 'd', 1},
    {"hour", 'h', 1},
    {"month2", 'm', 2},
    {"day2", 'd', 2},
    {"hour2", 'h', 2},
};

static const struct part *part_find(const char *as)
{
	for (size_t i = 0; i < sizeof part / sizeof part[0]; i++)
		if (strcmp(part[i].as, as) == 0)
			return &part[i];
	return NULL;
}

bool schema_partition_known(const char *as)
{
	return part_find(as) != NULL;
}

void schema_partition_values(const struct schema *s, int64_t hour, char out[][16])
{
	struct civil c = civil_of(hour * 3600);
	for (size_t i = 0; i < s->partitions; i++) {
		const struct part *p = part_find(s->partition[i].as);
		assert(p != NULL);
		int value = p->unit == 'y' ? c.year : p->unit == 'm' ? c.month : p->unit == 'd' ? c.day : c.hour;
		snprintf(out[i], 16, "%0*d", p->digits, value);
	}
}

void schema_partition_path(const struct schema *s, int64_t hour, char *out, size_t size)
{
	char value[SCHEMA_PARTITIONS][16];
	size_t len = 0;
	assert(size > 0);
	out[0] = '\0';
	schema_partition_values(s, hour, value);
	for (size_t i = 0; i < s->partitions; i++) {
		int n = snprintf(out + len, size - len, "%s%s=%s", i == 0 ? "" : "/", s->partition[i].name, value[i]);
		assert(n > 0 && (size_t)n < size - len);
		len += (size_t)n;
	}
}

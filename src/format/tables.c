/* What other programs call the table: Hive's DDL and the Parquet message type. Text only; the files themselves are
 * written elsewhere. */
#include "format/avsc.h"

static void hive_text(const char *text, struct writer *out)
{
	writer_u8(out, '\'');
	for (; *text != '\0'; text++) {
		if (*text == '\'' || *text == '\\')
			writer_u8(out, '\\');
		writer_u8(out, (uint8_t)*text);
	}
	writer_u8(out, '\'');
}

void avsc_hive_ddl(const struct schema *s, const char *location, struct writer *out)
{
	writer_format(out, "CREATE EXTERNAL TABLE IF NOT EXISTS `%s` (\n", s->name);
	for (size_t i = 0; i < s->columns; i++)
		writer_format(out, "  `%s` %s%s\n", s->column[i].name, sql_name(s->column[i].type),
		    i + 1 < s->columns ? "," : "");
	writer_text(out, ")\n");
	if (s->partitions > 0) {
		writer_text(out, "PARTITIONED BY (");
		for (size_t i = 0; i < s->partitions; i++)
			writer_format(
			    out, "%s`%s` %s", i == 0 ? "" : ", ", s->partition[i].name, sql_name(s->partition[i].type));
		writer_text(out, ")\n");
	}
	writer_text(out, "STORED AS PARQUET");
	if (location != NULL) {
		writer_text(out, "\nLOCATION ");
		hive_text(location, out);
	}
	writer_text(out, ";\n");
}

void avsc_parquet_text(const struct schema *s, struct writer *out)
{
	static const char *const before[SQL_TYPES] = {
	    [SQL_STRING] = "binary", [SQL_INT] = "int32", [SQL_BIGINT] = "int64", [SQL_FLOAT] = "float"};
	writer_format(out, "message %s {\n", s->full_name);
	for (size_t i = 0; i < s->columns; i++)
		writer_format(out, "  optional %s %s%s;\n", before[s->column[i].type], s->column[i].name,
		    s->column[i].type == SQL_STRING ? " (STRING)" : "");
	writer_text(out, "}\n");
}

/* A foreign reader gets a schema without our attributes; both sides name it by the fingerprint of its canonical form.
 */
#include "format/avro_schema.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/writer.h"

/* 256 columns of names within their limit stay far below. */
enum { TEXT_CEILING = 1 << 20 };

#define FINGERPRINT_EMPTY UINT64_C(0xc15d213aa4d7a795)

const char *avro_type_name(enum sql_type t)
{
	static const char *const name[SQL_TYPES] = {
	    [SQL_STRING] = "string", [SQL_INT] = "int", [SQL_BIGINT] = "long", [SQL_FLOAT] = "float"};
	assert(name[t] != NULL);
	return name[t];
}

uint64_t avro_fingerprint(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint64_t crc = FINGERPRINT_EMPTY;
	for (size_t i = 0; i < len; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (FINGERPRINT_EMPTY & (0 - (crc & 1)));
	}
	return crc;
}

static void put_fields(const struct schema *s, const char *otherwise, struct writer *to)
{
	writer_text(to, "\"fields\":[");
	for (size_t i = 0; i < s->columns; i++)
		writer_format(to, "%s{\"name\":\"%s\",\"type\":[\"null\",\"%s\"]%s}", i == 0 ? "" : ",",
		    s->column[i].name, avro_type_name(s->column[i].type), otherwise);
	writer_text(to, "]}");
}

static char *finish(struct writer *w)
{
	writer_u8(w, 0);
	assert(!w->failed);
	return (char *)writer_take(w, &(size_t){0});
}

/* Names are checked before, so that nothing here needs escapes. */
void avro_schema_derive(struct schema *s)
{
	struct writer w;
	const char *dot = strrchr(s->full_name, '.');
	writer_init(&w, TEXT_CEILING);
	writer_format(&w, "{\"type\":\"record\",\"name\":\"%s\",", s->name);
	if (dot != NULL)
		writer_format(&w, "\"namespace\":\"%.*s\",", (int)(dot - s->full_name), s->full_name);
	put_fields(s, ",\"default\":null", &w);
	s->avro = finish(&w);
	writer_fini(&w);

	/* "Parsing Canonical Form": full name, type, fields, without defaults and blanks. */
	writer_init(&w, TEXT_CEILING);
	writer_format(&w, "{\"name\":\"%s\",\"type\":\"record\",", s->full_name);
	put_fields(s, "", &w);
	char *canonical = finish(&w);
	s->fingerprint = avro_fingerprint(canonical, strlen(canonical));
	mem_free(&canonical);
	writer_fini(&w);
}

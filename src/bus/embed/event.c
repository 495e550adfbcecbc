/*
 * event: the bytes of one event in the embedded bus. Names keep their NUL, so that a reader can point at them.
 */
#include "bus/embed/event.h"

#include <string.h>

#include "base/reader.h"

enum { VERSION = 1 };

size_t event_bytes(const struct bus_header *header, size_t headers, struct bus_bytes key, struct bus_bytes value)
{
	size_t bytes = key.len + value.len;
	for (size_t i = 0; i < headers; i++)
		bytes += strlen(header[i].name) + header[i].value.len;
	return bytes;
}

void event_write(struct writer *w, int64_t time_ms, const struct bus_header *header, size_t headers,
    struct bus_bytes key, struct bus_bytes value)
{
	writer_u8(w, VERSION);
	writer_u8(w, (uint8_t)headers);
	writer_u8(w, 0);
	writer_u8(w, 0);
	writer_le32(w, (uint32_t)key.len);
	writer_le64(w, (uint64_t)time_ms);
	for (size_t i = 0; i < headers; i++) {
		size_t name = strlen(header[i].name);
		writer_u8(w, (uint8_t)name);
		writer_le32(w, (uint32_t)header[i].value.len);
		writer_put(w, header[i].name, name + 1);
		writer_put(w, header[i].value.at, header[i].value.len);
	}
	writer_put(w, key.at, key.len);
	writer_put(w, value.at, value.len);
}

static struct bus_bytes take(struct reader *r, size_t len)
{
	return (struct bus_bytes){reader_take(r, len), len};
}

bool event_parse(struct bus_bytes bytes, struct bus_header *header, struct bus_event *out)
{
	struct reader r = reader_of(bytes.at, bytes.len);
	uint8_t version = reader_u8(&r), headers = reader_u8(&r);
	(void)reader_le16(&r);
	uint32_t key = reader_le32(&r);
	int64_t time_ms = (int64_t)reader_le64(&r);
	if (!reader_ok(&r) || version != VERSION || headers > BUS_HEADERS_MAX)
		return false;
	for (unsigned i = 0; i < headers; i++) {
		uint8_t name_len = reader_u8(&r);
		uint32_t value_len = reader_le32(&r);
		const uint8_t *name = reader_take(&r, (size_t)name_len + 1);
		struct bus_bytes value = take(&r, value_len);
		if (!reader_ok(&r) || memchr(name, '\0', (size_t)name_len + 1) != name + name_len)
			return false;
		header[i] = (struct bus_header){(const char *)name, value};
	}
	out->time_ms = time_ms;
	out->key = take(&r, key);
	out->value = take(&r, reader_left(&r));
	out->header = header;
	out->headers = headers;
	return reader_ok(&r);
}

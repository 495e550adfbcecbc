/* A format byte, the numbers, then texts as le32 length, bytes and a NUL, so that they can be borrowed where they lie.
 */
#include "pipe/ledger_entry.h"

#include <string.h>

#include "base/reader.h"

enum { FORMAT = 1 };

static void put_text(struct writer *w, const char *text)
{
	size_t len = text != NULL ? strlen(text) : 0;
	writer_le32(w, (uint32_t)len);
	writer_put(w, text != NULL ? text : "", len + 1);
}

static const char *get_text(struct reader *r)
{
	size_t len = reader_le32(r);
	const uint8_t *at = len < LEDGER_ENTRY_MAX ? reader_take(r, len + 1) : NULL;
	if (at == NULL || at[len] != 0) {
		r->failed = true;
		return "";
	}
	return (const char *)at;
}

void ledger_entry_put(struct writer *w, const struct ledger_original *o)
{
	writer_reset(w);
	writer_u8(w, FORMAT);
	writer_put(w, o->sha256, SHA256_BYTES);
	writer_le32(w, o->again);
	writer_u8(w, (uint8_t)o->state);
	writer_u8(w, o->rows_event);
	writer_le32(w, o->partition);
	writer_le32(w, o->parts);
	const uint64_t number[] = {o->size, (uint64_t)o->slot_s, (uint64_t)o->archived_s, (uint64_t)o->seen_ms,
	    (uint64_t)o->published_ms, (uint64_t)o->committed_ms, o->rows, o->rejects, o->lost, o->after_dev,
	    o->after_ino, (uint64_t)o->after_mtime_ns, o->run};
	for (size_t i = 0; i < sizeof number / sizeof number[0]; i++)
		writer_le64(w, number[i]);
	const char *const text[] = {o->pipeline, o->name, o->source, o->path, o->topic, o->dissector, o->note};
	for (size_t i = 0; i < sizeof text / sizeof text[0]; i++)
		put_text(w, text[i]);
}

bool ledger_entry_get(const void *bytes, size_t len, struct ledger_original *o)
{
	struct reader r = reader_of(bytes, len);
	if (reader_u8(&r) != FORMAT)
		return false;
	const uint8_t *sha256 = reader_take(&r, SHA256_BYTES);
	if (sha256 == NULL)
		return false;
	*o = (struct ledger_original){.again = 0};
	memcpy(o->sha256, sha256, SHA256_BYTES);
	o->again = reader_le32(&r);
	o->state = (enum ledger_state)reader_u8(&r);
	o->rows_event = reader_u8(&r) != 0;
	o->partition = reader_le32(&r);
	o->parts = reader_le32(&r);
	o->size = reader_le64(&r);
	int64_t *const time[] = {&o->slot_s, &o->archived_s, &o->seen_ms, &o->published_ms, &o->committed_ms};
	for (size_t i = 0; i < sizeof time / sizeof time[0]; i++)
		*time[i] = (int64_t)reader_le64(&r);
	o->rows = reader_le64(&r);
	o->rejects = reader_le64(&r);
	o->lost = reader_le64(&r);
	o->after_dev = reader_le64(&r);
	o->after_ino = reader_le64(&r);
	o->after_mtime_ns = (int64_t)reader_le64(&r);
	o->run = reader_le64(&r);
	const char **const text[] = {&o->pipeline, &o->name, &o->source, &o->path, &o->topic, &o->dissector, &o->note};
	for (size_t i = 0; i < sizeof text / sizeof text[0]; i++)
		*text[i] = get_text(&r);
	return reader_ok(&r) && (unsigned)o->state < LEDGER_STATES;
}

void ledger_path_put(struct writer *w, const char *path, const struct ledger_path *p)
{
	writer_reset(w);
	writer_u8(w, FORMAT);
	writer_u8(w, (uint8_t)p->state);
	writer_u8(w, p->retry);
	writer_u8(w, p->taken);
	writer_put(w, p->sha256, SHA256_BYTES);
	const uint64_t number[] = {
	    p->dev, p->ino, p->size, (uint64_t)p->mtime_ns, (uint64_t)p->ctime_ns, p->taken_size};
	for (size_t i = 0; i < sizeof number / sizeof number[0]; i++)
		writer_le64(w, number[i]);
	put_text(w, p->note);
	/* Only what is listed needs its path back; the key may hold less than all of it. */
	put_text(w, p->state == LEDGER_PATH_ASIDE ? path : "");
}

bool ledger_path_get(const void *bytes, size_t len, struct ledger_path *p, const char **path)
{
	struct reader r = reader_of(bytes, len);
	if (reader_u8(&r) != FORMAT)
		return false;
	*p = (struct ledger_path){.state = (enum ledger_path_state)reader_u8(&r)};
	p->retry = reader_u8(&r) != 0;
	p->taken = reader_u8(&r) != 0;
	const uint8_t *sha256 = reader_take(&r, SHA256_BYTES);
	if (sha256 == NULL)
		return false;
	memcpy(p->sha256, sha256, SHA256_BYTES);
	p->dev = reader_le64(&r);
	p->ino = reader_le64(&r);
	p->size = reader_le64(&r);
	p->mtime_ns = (int64_t)reader_le64(&r);
	p->ctime_ns = (int64_t)reader_le64(&r);
	p->taken_size = reader_le64(&r);
	p->note = get_text(&r);
	*path = get_text(&r);
	return reader_ok(&r) && (unsigned)p->state <= LEDGER_PATH_ASIDE;
}

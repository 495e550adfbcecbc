/* Reports: the counts are exact whatever the input does; the lines that explain them are bounded. */
#include "pipe/report.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "ext/json.h"

enum { MS_PER_S = 1000 };

void report_init(struct report *r, const struct dissect_ops *dissector)
{
	*r = (struct report){.dissector = dissector, .clean = true, .first_hour = INT64_MIN, .last_hour = INT64_MAX};
	writer_init(&r->entries, REPORT_ENTRIES_MAX);
}

void report_bound(struct report *r, size_t entries_max)
{
	r->entries.ceiling = entries_max;
}

void report_reset(struct report *r, const struct dissect_ops *dissector)
{
	struct writer entries = r->entries;
	writer_reset(&entries);
	*r = (struct report){
	    .dissector = dissector, .clean = true, .entries = entries, .first_hour = INT64_MIN, .last_hour = INT64_MAX};
}

void report_fini(struct report *r)
{
	writer_fini(&r->entries);
}

static void put_base64(struct writer *w, const uint8_t *bytes, size_t len)
{
	static const char letter[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (size_t i = 0; i < len; i += 3) {
		uint32_t v = (uint32_t)bytes[i] << 16;
		v |= i + 1 < len ? (uint32_t)bytes[i + 1] << 8 : 0;
		v |= i + 2 < len ? bytes[i + 2] : 0;
		char out[4] = {letter[v >> 18], letter[v >> 12 & 63], i + 1 < len ? letter[v >> 6 & 63] : '=',
		    i + 2 < len ? letter[v & 63] : '='};
		writer_put(w, out, sizeof out);
	}
}

/* A line that does not fit is taken back whole and counted, so that what is kept stays readable. */
static void put_entry(struct report *r, uint64_t offset, uint64_t length, uint64_t rows, const char *reason,
    size_t reason_len, const uint8_t *raw, size_t raw_len)
{
	size_t before = r->entries.len;
	struct writer *w = &r->entries;
	bool least = rows != REJECT_ROWS_UNKNOWN && (rows & REJECT_ROWS_LEAST) != 0;
	if (least)
		rows &= ~REJECT_ROWS_LEAST;
	r->rejects++;
	if (rows != REJECT_ROWS_UNKNOWN)
		r->lost += rows;
	writer_format(w, "{\"offset\":%" PRIu64 ",\"length\":%" PRIu64 ",\"rows\":", offset, length);
	if (rows == REJECT_ROWS_UNKNOWN)
		writer_text(w, "null");
	else
		writer_format(w, "%" PRIu64 "%s", rows, least ? ",\"least\":true" : "");
	writer_text(w, ",\"reason\":");
	json_quote(w, reason, reason_len);
	writer_text(w, ",\"raw\":\"");
	put_base64(w, raw, raw_len);
	writer_text(w, "\"}\n");
	if (w->failed) {
		w->len = before;
		w->failed = false;
		r->silent++;
	}
}

void report_batch(struct report *r, const struct batch *b)
{
	r->rows += b->rows;
	for (size_t i = 0; i < r->dissector->counters && i < BATCH_COUNTERS; i++)
		r->counter[i] += b->counter[i];
	const struct batch_reject *reject = (const struct batch_reject *)((const uint8_t *)b + b->rejects_at);
	for (uint32_t i = 0; i < b->rejects; i++)
		put_entry(r, reject[i].offset, reject[i].length, reject[i].rows,
		    (const char *)batch_span(b, reject[i].reason), reject[i].reason.length,
		    batch_span(b, reject[i].raw), reject[i].raw.length);
}

void report_reject(struct report *r, uint64_t offset, uint64_t length, uint64_t rows, const char *reason)
{
	put_entry(r, offset, length, rows, reason, strlen(reason), (const uint8_t *)"", 0);
}

/* Whole hours: one that is plausible in part is plausible. */
void report_expect(struct report *r, int64_t archived_s, int64_t behind_ms, int64_t ahead_ms)
{
	if (archived_s <= 0)
		return;
	r->first_hour = hour_of(archived_s - behind_ms / MS_PER_S);
	r->last_hour = hour_of(archived_s + ahead_ms / MS_PER_S);
}

void report_hour(struct report *r, int64_t hour, uint64_t rows)
{
	r->ahead += hour > r->last_hour ? rows : 0;
	r->behind += hour < r->first_hour ? rows : 0;
}

void report_refuse(struct report *r, uint64_t size, const char *reason, const void *raw, size_t raw_len)
{
	r->clean = false;
	if (!str_copy(r->reason, sizeof r->reason, reason[0] != '\0' ? reason : "refused"))
		r->reason[sizeof r->reason - 1] = '\0';
	put_entry(r, 0, size, REJECT_ROWS_UNKNOWN, r->reason, strlen(r->reason), raw,
	    raw_len < REPORT_RAW ? raw_len : REPORT_RAW);
}

/* A NUL would end it, and broken UTF-8 is no JSON. */
static void copy_text(char *to, size_t size, const uint8_t *bytes, size_t len)
{
	size_t n = 0;
	for (size_t i = 0; i < len && n + 1 < size;) {
		size_t width = str_utf8(bytes + i, len - i);
		bool text = width > 0 && bytes[i] != '\0';
		if (width > 1 && n + width >= size)
			break;
		if (width > 1)
			memcpy(to + n, bytes + i, width);
		else
			to[n] = text ? (char)bytes[i] : '?';
		n += width > 0 ? width : 1;
		i += width > 0 ? width : 1;
	}
	to[n] = '\0';
}

void report_note(struct report *r, const struct dissector *d)
{
	const char *text;
	size_t len = dissect_note(d, &text);
	while (len > 0 && text[len - 1] == '\n')
		len--;
	copy_text(r->note, sizeof r->note, (const uint8_t *)text, len);
}

void report_write(const struct report *r, struct writer *out)
{
	writer_format(out,
	    "{\"rows\":%" PRIu64 ",\"rejects\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"outside\":%" PRIu64
	    ",\"silent\":%" PRIu64 ",\"clean\":%s,\"reason\":",
	    r->rows, r->rejects, r->lost, r->outside, r->silent, r->clean ? "true" : "false");
	json_quote(out, r->reason, strlen(r->reason));
	if (r->ahead > 0)
		writer_format(out, ",\"ahead\":%" PRIu64, r->ahead);
	if (r->behind > 0)
		writer_format(out, ",\"behind\":%" PRIu64, r->behind);
	if (r->note[0] != '\0') {
		writer_text(out, ",\"note\":");
		json_quote(out, r->note, strlen(r->note));
	}
	writer_text(out, ",\"counters\":{");
	const char *comma = "";
	for (size_t i = 0; i < r->dissector->counters && i < BATCH_COUNTERS; i++) {
		if (r->counter[i] == 0)
			continue;
		writer_format(out, "%s\"%s\":%" PRIu64, comma, r->dissector->counter[i], r->counter[i]);
		comma = ",";
	}
	writer_text(out, "},\"entries\":");
	json_quote(out, (const char *)r->entries.bytes, r->entries.len);
	writer_text(out, "}");
}

static enum rc get_count(const json_t *o, const char *key, uint64_t *out, struct err *e)
{
	int64_t v = 0;
	if (json_get_int(o, key, &v, e) != RC_OK)
		return RC_BAD;
	if (v < 0)
		return err_set(RC_BAD, e, "key \"%s\" is negative", key);
	*out = (uint64_t)v;
	return RC_OK;
}

/* Counters that this build's dissector does not name come from another version: they are dropped, the rest stays true.
 */
static void read_counters(struct report *r, const json_t *counters)
{
	for (size_t i = 0; i < r->dissector->counters && i < BATCH_COUNTERS; i++) {
		const json_t *v = json_object_get(counters, r->dissector->counter[i]);
		if (json_is_integer(v) && json_integer_value(v) > 0)
			r->counter[i] = (uint64_t)json_integer_value(v);
	}
}

static enum rc read_members(struct report *r, const json_t *o, struct err *e)
{
	const struct {
		const char *key;
		uint64_t *to;
	} count[] = {{"rows", &r->rows}, {"rejects", &r->rejects}, {"lost", &r->lost}, {"outside", &r->outside},
	    {"silent", &r->silent}};
	for (size_t i = 0; i < sizeof count / sizeof count[0]; i++)
		if (get_count(o, count[i].key, count[i].to, e) != RC_OK)
			return RC_BAD;
	const json_t *clean = json_object_get(o, "clean"), *entries = json_object_get(o, "entries");
	const char *reason = NULL;
	if (json_get_text(o, "reason", &reason, e) != RC_OK)
		return RC_BAD;
	if (!json_is_boolean(clean) || !json_is_string(entries))
		return err_set(RC_BAD, e, "keys \"clean\" and \"entries\" are wanted");
	if (json_string_length(entries) > REPORT_ENTRIES_MAX)
		return err_set(RC_BAD, e, "key \"entries\" is longer than %d bytes", REPORT_ENTRIES_MAX);
	r->clean = json_is_true(clean);
	if (!str_copy(r->reason, sizeof r->reason, reason))
		return err_set(RC_BAD, e, "key \"reason\" is longer than %d bytes", REPORT_REASON - 1);
	writer_put(&r->entries, json_string_value(entries), json_string_length(entries));
	read_counters(r, json_object_get(o, "counters"));
	/* Not there in reports of older builds, nor where there is nothing to say. */
	if ((json_object_get(o, "ahead") != NULL && get_count(o, "ahead", &r->ahead, e) != RC_OK) ||
	    (json_object_get(o, "behind") != NULL && get_count(o, "behind", &r->behind, e) != RC_OK))
		return RC_BAD;
	const json_t *note = json_object_get(o, "note");
	if (note != NULL && (!json_is_string(note) || !str_copy(r->note, sizeof r->note, json_string_value(note))))
		return err_set(RC_BAD, e, "key \"note\" is no text of at most %d bytes", DISSECT_NOTE);
	return RC_OK;
}

enum rc report_read(struct report *r, const char *text, size_t len, struct err *e)
{
	json_t *o = NULL;
	report_reset(r, r->dissector);
	if (json_parse(text, len, &o, e) != RC_OK)
		return err_wrap(RC_BAD, e, "report");
	enum rc rc = json_is_object(o) ? read_members(r, o, e) : err_set(RC_BAD, e, "not an object");
	json_decref(o);
	if (rc != RC_OK) {
		report_reset(r, r->dissector);
		err_wrap(rc, e, "report");
	}
	return rc;
}

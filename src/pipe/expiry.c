/*
 * Written whole or not at all before a file goes, and kept for ever: without it an audit could not tell what was let go
 * from what was lost.
 */
#include "pipe/expiry.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "pipe/compaction.h"
#include "pipe/lines.h"
#include "pipe/manifest.h"

enum { VERSION = 1, PATH_BYTES = 512, NAME_BYTES = 4096, DAY_DIGITS = 8, HOUR_DIGITS = 2 };

const char *const expiry_kind_name[EXPIRY_KINDS] = {
    [EXPIRY_TABLE] = "table", [EXPIRY_REJECTS] = "rejects", [EXPIRY_ORIGINAL] = "original"};

static const char *const folder_name[EXPIRY_KINDS] = {[EXPIRY_REJECTS] = "rejects", [EXPIRY_ORIGINAL] = "originals"};

void lake_expiry(char *out, size_t size, enum expiry_kind kind, const char *dataset, int64_t hour, uint64_t generation)
{
	if (kind == EXPIRY_TABLE)
		lake_compaction_hour(out, size, dataset, hour);
	else
		snprintf(out, size, "_sluice/expired/%s/%s/%020" PRId64, folder_name[kind], dataset, hour);
	size_t len = strlen(out);
	if (generation > 0)
		snprintf(out + len, size - len, "/%020" PRIu64, generation);
}

/* ---- writing ---- */

void expiry_begin(struct writer *w, const struct expiry_head *h)
{
	writer_format(w, "{\"sluice\":\"expiry\",\"version\":%d,\"kind\":\"%s\"", VERSION, expiry_kind_name[h->kind]);
	json_quote_member(w, "dataset", h->dataset);
	writer_format(w, ",\"hour\":%" PRId64 ",\"generation\":%" PRIu64, h->hour, h->generation);
	json_quote_member(w, "epoch", h->epoch);
	json_quote_member(w, "writer", "sluice " SLUICE_VERSION);
	writer_format(w, ",\"time\":%" PRId64 "}\n", h->time_ms);
}

static void add_original(struct writer *w, const struct expiry_file *f)
{
	char hex[SHA256_TEXT];
	str_hex(f->original, SHA256_BYTES, hex);
	writer_format(w, ",\"original\":\"%s\",\"identities\":[", hex);
	for (size_t i = 0; i < f->identities; i++) {
		writer_text(w, i > 0 ? ",[" : "[");
		json_quote(w, f->identity[i].source, strlen(f->identity[i].source));
		writer_format(w, ",%" PRIu32 "]", f->identity[i].again);
	}
	writer_text(w, "]");
}

void expiry_add(struct writer *w, enum expiry_kind kind, const struct expiry_file *f)
{
	size_t len = strlen(f->path);
	char *shown = mem_alloc(4 * len + 1);
	len = str_escape(f->path, len, shown);
	writer_text(w, "{\"input\":");
	json_quote(w, shown, len);
	mem_free(&shown);
	writer_format(w, ",\"size\":%" PRIu64, f->size);
	if (kind == EXPIRY_ORIGINAL)
		add_original(w, f);
	else
		writer_format(w, ",\"rows\":%" PRIu64 ",\"crc32\":%" PRIu32, f->rows, f->crc32);
	if (kind == EXPIRY_TABLE) {
		writer_text(w, ",\"of\":");
		writer_text(w, f->of);
	}
	writer_text(w, "}\n");
}

/* ---- reading ---- */

struct walk {
	enum expiry_kind kind;
	const char *dataset; /* what the name promises */
	int64_t hour;
	uint64_t generation;
	struct expiry_head head;
	expiry_see *see;
	void *context;
	char path[NAME_BYTES];
};

static enum rc walk_head(void *context, const json_t *line, struct err *e)
{
	struct walk *w = context;
	struct expiry_head *h = &w->head;
	const char *what, *kind, *dataset, *epoch;
	int64_t version = 0;
	enum rc rc;

	if ((rc = json_get_text(line, "sluice", &what, e)) != RC_OK ||
	    (rc = json_get_int(line, "version", &version, e)) != RC_OK ||
	    (rc = json_get_text(line, "kind", &kind, e)) != RC_OK ||
	    (rc = json_get_text(line, "dataset", &dataset, e)) != RC_OK ||
	    (rc = json_get_int(line, "hour", &h->hour, e)) != RC_OK ||
	    (rc = json_get_u64(line, "generation", &h->generation, e)) != RC_OK ||
	    (rc = json_get_text(line, "epoch", &epoch, e)) != RC_OK ||
	    (rc = json_get_int(line, "time", &h->time_ms, e)) != RC_OK)
		return rc;
	if (strcmp(what, "expiry") != 0 || version != VERSION)
		return err_set(
		    RC_BAD, e, "a %.32s of version %" PRId64 ", not an expiry of version %d", what, version, VERSION);
	h->kind = w->kind;
	if (strcmp(kind, expiry_kind_name[w->kind]) != 0 || strcmp(dataset, w->dataset) != 0 || h->hour != w->hour ||
	    h->generation != w->generation || !str_copy(h->dataset, sizeof h->dataset, dataset) ||
	    !str_copy(h->epoch, sizeof h->epoch, epoch))
		return err_set(RC_BAD, e, "it speaks of generation %" PRIu64 " of hour %" PRId64 " of %.60s of %.60s",
		    h->generation, h->hour, kind, dataset);
	return RC_OK;
}

static bool read_identity(const json_t *entry, struct expiry_identity *out)
{
	const json_t *again = json_array_get(entry, 1);
	json_int_t n = json_integer_value(again);
	out->source = json_string_value(json_array_get(entry, 0));
	if (out->source == NULL || !json_is_integer(again) || n < 0 || n > UINT32_MAX)
		return false;
	out->again = (uint32_t)n;
	return true;
}

static enum rc see_original(struct walk *w, const json_t *line, struct expiry_file *f, struct err *e)
{
	const json_t *list = json_object_get(line, "identities");
	size_t count = json_array_size(list);
	const char *hex;
	enum rc rc = json_get_text(line, "original", &hex, e);
	if (rc != RC_OK)
		return rc;
	struct expiry_identity *identity = mem_zero(count + 1, sizeof *identity);
	bool well = json_is_array(list) && str_unhex(hex, f->original, SHA256_BYTES);
	for (size_t i = 0; i < count && well; i++)
		well = read_identity(json_array_get(list, i), &identity[i]);
	f->identity = identity;
	f->identities = count;
	rc = well ? w->see(w->context, &w->head, f, e)
	          : err_set(RC_BAD, e, "whom the original %.200s was of is damaged", f->path);
	mem_free(&identity);
	return rc;
}

static enum rc walk_line(void *context, const json_t *line, bool *known, struct err *e)
{
	struct walk *w = context;
	struct expiry_file f = {.path = w->path};
	const char *path;
	uint64_t crc32 = 0;
	size_t len;
	enum rc rc;

	if (json_object_get(line, "input") == NULL) {
		*known = false;
		return RC_OK;
	}
	if ((rc = json_get_text(line, "input", &path, e)) != RC_OK ||
	    (rc = json_get_u64(line, "size", &f.size, e)) != RC_OK)
		return rc;
	if (!str_unescape(path, w->path, sizeof w->path, &len) || strlen(w->path) != len)
		return err_set(RC_BAD, e, "a path that is none");
	if (w->kind == EXPIRY_ORIGINAL)
		return see_original(w, line, &f, e);
	if ((rc = json_get_u64(line, "rows", &f.rows, e)) != RC_OK ||
	    (rc = json_get_u64(line, "crc32", &crc32, e)) != RC_OK)
		return rc;
	if (crc32 > UINT32_MAX)
		return err_set(RC_BAD, e, "the line of a file is damaged");
	f.crc32 = (uint32_t)crc32;
	return w->see(w->context, &w->head, &f, e);
}

enum rc expiry_load(struct store *s, enum expiry_kind kind, const char *dataset, int64_t hour, uint64_t generation,
    expiry_see *see, void *context, struct err *e)
{
	struct walk w = {
	    .kind = kind, .dataset = dataset, .hour = hour, .generation = generation, .see = see, .context = context};
	const struct lines_visitor v = {.what = "expiry", .context = &w, .head = walk_head, .line = walk_line};
	char path[PATH_BYTES], *text = NULL;
	size_t size = 0;
	lake_expiry(path, sizeof path, kind, dataset, hour, generation);
	enum rc rc = store_get(s, path, EXPIRY_MAX, &text, &size, e);
	if (rc != RC_OK)
		return rc;
	rc = lines_walk(text, size, &v, e);
	mem_free(&text);
	return rc == RC_BAD ? err_wrap(rc, e, "%s", path) : rc;
}

enum rc expiry_each(struct store *s, enum expiry_kind kind, const char *dataset, int64_t hour, expiry_see *see,
    void *context, uint64_t *newest, struct err *e)
{
	char folder[PATH_BYTES], **name = NULL;
	size_t count = 0;
	uint64_t last = 0;
	lake_expiry(folder, sizeof folder, kind, dataset, hour, 0);
	enum rc rc = store_list(s, folder, NULL, SIZE_MAX / 2, &name, &count, e);
	for (size_t i = 0; i < count && rc == RC_OK; i++) {
		uint64_t generation;
		if (!manifest_name_read(name[i], &generation))
			continue;
		last = generation;
		rc = expiry_load(s, kind, dataset, hour, generation, see, context, e);
		if (rc == RC_END)
			rc = err_set(RC_AGAIN, e, "%s/%s vanished", folder, name[i]);
	}
	store_list_free(&name, count);
	if (newest != NULL)
		*newest = last;
	return rc;
}

enum rc expiry_hours(
    struct store *s, enum expiry_kind kind, const char *dataset, int64_t **hours, size_t *count, struct err *e)
{
	char *path = mem_format("_sluice/expired/%s/%s", folder_name[kind], dataset), **name = NULL;
	size_t got = 0, n = 0;
	enum rc rc = store_list(s, path, NULL, SIZE_MAX / 2, &name, &got, e);
	mem_free(&path);
	if (rc != RC_OK)
		return rc;
	*hours = mem_alloc((got + 1) * sizeof **hours);
	for (size_t i = 0; i < got; i++) {
		uint64_t hour;
		if (manifest_name_read(name[i], &hour) && hour <= INT64_MAX)
			(*hours)[n++] = (int64_t)hour;
	}
	store_list_free(&name, got);
	*count = n;
	return RC_OK;
}

struct look {
	const char *path;
	uint64_t size;
	uint32_t crc32;
	int64_t when_ms;
};

static enum rc look_file(void *context, const struct expiry_head *h, const struct expiry_file *f, struct err *e)
{
	struct look *l = context;
	(void)e;
	if (strcmp(f->path, l->path) == 0 && f->size == l->size && f->crc32 == l->crc32)
		l->when_ms = h->time_ms;
	return RC_OK;
}

enum rc expiry_took(struct store *s, const char *dataset, int64_t hour, const char *path, uint64_t size, uint32_t crc32,
    int64_t *when_ms, struct err *e)
{
	struct look l = {.path = path, .size = size, .crc32 = crc32};
	enum rc rc = expiry_each(s, EXPIRY_REJECTS, dataset, hour, look_file, &l, NULL, e);
	if (rc == RC_OK)
		*when_ms = l.when_ms;
	return rc;
}

/* ---- originals ---- */

static bool read_digits(const char *name, size_t digits, int *out)
{
	int n = 0;
	if (strlen(name) != digits || strspn(name, "0123456789") != digits)
		return false;
	for (; *name != '\0'; name++)
		n = 10 * n + (*name - '0');
	*out = n;
	return true;
}

bool expiry_read_hour(const char *day_name, const char *hour_name, int64_t *hour)
{
	int day = 0, h = 0;
	if (!read_digits(day_name, DAY_DIGITS, &day) || !read_digits(hour_name, HOUR_DIGITS, &h))
		return false;
	const struct civil c = {
	    .year = day / 10000, .month = (uint8_t)(day / 100 % 100), .day = (uint8_t)(day % 100), .hour = (uint8_t)h};
	if (c.month < 1 || c.month > 12 || c.day < 1 || c.day > 31 || h > 23)
		return false;
	*hour = hour_of(civil_seconds(c));
	return true;
}

struct look_original {
	const char *path;
	const uint8_t *sha256;
	int64_t when_ms;
};

static enum rc look_one(void *context, const struct expiry_head *h, const struct expiry_file *f, struct err *e)
{
	struct look_original *l = context;
	(void)e;
	if (strcmp(f->path, l->path) == 0 && memcmp(f->original, l->sha256, SHA256_BYTES) == 0)
		l->when_ms = h->time_ms;
	return RC_OK;
}

/* "<dataset>/binary/YYYYMMDD/HH/<name>". */
enum rc expiry_took_original(
    struct store *s, const char *path, const uint8_t sha256[SHA256_BYTES], int64_t *when_ms, struct err *e)
{
	static const char binary[] = "/binary/";
	struct look_original l = {.path = path, .sha256 = sha256};
	char dataset[128], day[DAY_DIGITS + 1], hour_name[HOUR_DIGITS + 1];
	const char *at = strstr(path, binary);
	int64_t hour = 0;
	*when_ms = 0;
	if (at == NULL || (size_t)(at - path) >= sizeof dataset)
		return RC_OK;
	snprintf(dataset, sizeof dataset, "%.*s", (int)(at - path), path);
	at += strlen(binary);
	if (strlen(at) < DAY_DIGITS + HOUR_DIGITS + 2 || at[DAY_DIGITS] != '/')
		return RC_OK;
	snprintf(day, sizeof day, "%.*s", DAY_DIGITS, at);
	snprintf(hour_name, sizeof hour_name, "%.*s", HOUR_DIGITS, at + DAY_DIGITS + 1);
	if (!expiry_read_hour(day, hour_name, &hour))
		return RC_OK;
	enum rc rc = expiry_each(s, EXPIRY_ORIGINAL, dataset, hour, look_one, &l, NULL, e);
	if (rc == RC_OK)
		*when_ms = l.when_ms;
	return rc;
}

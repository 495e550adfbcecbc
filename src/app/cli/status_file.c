/* The question of somebody who misses a file: where is it now? */
#include "app/cli/status_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/replayed.h"
#include "app/term.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "ext/hash.h"
#include "ext/json.h"
#include "pipe/ledger.h"
#include "pipe/manifest.h"
#include "store/store.h"

enum { SHOWN = 4 * PATH_MAX + 1, TIME = 25 };

static const char *const state_name[LEDGER_STATES] = {"archived", "published", "committed", "refused"};

struct query {
	struct ledger *ledger;
	const struct settings *settings;
	bool json;
	bool bad;
	json_t *replays; /* of all pipelines; NULL: not read yet */
};

/* Rejects are past once a replay has dealt with them, and that stands in the lake alone. It is read when the first
 * original with rejects is shown. NULL: it was not replayed, or the lake does not say. */
static const json_t *replay_of(struct query *q, const struct ledger_original *o)
{
	const struct settings *s = q->settings;
	struct store *store = NULL;
	struct err e;
	if (o == NULL || o->rejects == 0)
		return NULL;
	if (q->replays == NULL) {
		struct replayed *r = replayed_new(s);
		q->replays = json_object();
		enum rc rc = store_open(s->store, s->store_place, s->store_option, s->store_options, &store, &e);
		if (rc == RC_OK)
			rc = replayed_read(r, store, q->replays, &e);
		if (rc != RC_OK)
			complain("status: replays: %s", e.text);
		store_close(&store);
		replayed_free(&r);
	}
	return replayed_of(q->replays, o->pipeline, o->sha256);
}

static json_int_t number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static bool hash_file(const char *path, uint8_t out[SHA256_BYTES])
{
	uint8_t bytes[64 << 10];
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	struct sha256 *h = sha256_new();
	while ((n = read(fd, bytes, sizeof bytes)) > 0 || (n < 0 && errno == EINTR))
		sha256_add(h, bytes, n > 0 ? (size_t)n : 0);
	sha256_peek(h, out);
	sha256_free(&h);
	close(fd);
	return n == 0;
}

static void time_text(int64_t ms, char out[TIME])
{
	civil_iso((struct wall){ms * 1000000}, out);
}

/* What is said beside the state: of a committed original what its tool said. */
static const char *note_of(const struct ledger_original *o)
{
	return o != NULL && o->state == LEDGER_COMMITTED && o->note != NULL ? o->note : "";
}

static void show_json(
    const char *path, const char *state, const struct ledger_original *o, const char *reason, const json_t *replay)
{
	char hex[SHA256_TEXT] = "", text[SHOWN];
	json_t *one = json_object();
	str_escape(path, strnlen(path, PATH_MAX), text);
	json_object_set_new(one, "path", json_string(text));
	json_object_set_new(one, "state", json_string(state));
	if (reason != NULL && reason[0] != '\0')
		json_object_set_new(one, "reason", json_string(reason));
	if (note_of(o)[0] != '\0')
		json_object_set_new(one, "note", json_string(note_of(o)));
	if (o != NULL) {
		str_hex(o->sha256, SHA256_BYTES, hex);
		str_escape(o->path, strnlen(o->path, PATH_MAX), text);
		json_object_set_new(one, "pipeline", json_string(o->pipeline));
		json_object_set_new(one, "sha256", json_string(hex));
		json_object_set_new(one, "original", json_string(text));
		json_object_set_new(one, "rows", json_integer((json_int_t)o->rows));
		json_object_set_new(one, "rejects", json_integer((json_int_t)o->rejects));
		json_object_set_new(one, "seen_ms", json_integer((json_int_t)o->seen_ms));
		json_object_set_new(one, "committed_ms", json_integer((json_int_t)o->committed_ms));
	}
	if (replay != NULL) {
		json_object_set_new(one, "replayed_ms", json_integer(number(replay, "time_ms")));
		json_object_set_new(one, "replayed_rows", json_integer(number(replay, "rows")));
		json_object_set_new(one, "rejects_left", json_integer(number(replay, "left")));
		if (json_object_get(replay, "settled") != NULL)
			json_object_set(one, "settled", json_object_get(replay, "settled"));
	}
	json_dumpf(one, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
	printf("\n");
	json_decref(one);
}

static void show_replay(const json_t *replay)
{
	char when[TIME], rows[40], left[40];
	uint64_t stored = (uint64_t)number(replay, "rows"), rejects = (uint64_t)number(replay, "left");
	const char *why = json_string_value(json_object_get(replay, "settled"));
	time_text(number(replay, "time_ms"), when);
	if (why != NULL) {
		printf("  settled   %s: %s\n", when, why);
		return;
	}
	printf("  replayed  %s: %s row%s, %s reject%s left\n", when, str_show_count(stored, rows, sizeof rows),
	    stored == 1 ? "" : "s", str_show_count(rejects, left, sizeof left), rejects == 1 ? "" : "s");
}

static void show_text(
    const char *path, const char *state, const struct ledger_original *o, const char *reason, const json_t *replay)
{
	char text[SHOWN], hex[SHA256_TEXT], when[TIME], count[40];
	struct term t = term_of(1);
	str_escape(path, strnlen(path, PATH_MAX), text);
	printf("%s%s%s\n  state     %s%s%s\n", t.bold, text, t.off, state,
	    reason != NULL && reason[0] != '\0' ? ": " : "", reason != NULL ? reason : "");
	if (o == NULL)
		return;
	str_hex(o->sha256, SHA256_BYTES, hex);
	time_text(o->seen_ms, when);
	printf("  seen      %s, by pipeline %s\n", when, o->pipeline);
	if (o->state == LEDGER_COMMITTED || o->state == LEDGER_REFUSED) {
		time_text(o->committed_ms, when);
		printf("  commit    %s\n", when);
		printf("  rows      %s, %" PRIu64 " reject%s\n", str_show_count(o->rows, count, sizeof count),
		    o->rejects, o->rejects == 1 ? "" : "s");
	}
	if (replay != NULL)
		show_replay(replay);
	if (note_of(o)[0] != '\0') {
		size_t len = strlen(note_of(o));
		char *shown = mem_alloc(4 * len + 1);
		str_escape(note_of(o), len, shown);
		printf("  its tool  %s\n", shown);
		mem_free(&shown);
	}
	printf("  event     %s, partition %u\n", o->topic, o->partition);
	str_escape(o->path, strnlen(o->path, PATH_MAX), text);
	printf("  original  %s\n  sha256    %s\n", text, hex);
	str_escape(o->source, strnlen(o->source, PATH_MAX), text);
	if (strcmp(o->source, path) != 0)
		printf("  found as  %s\n", text);
}

static void show(
    struct query *q, const char *path, const char *state, const struct ledger_original *o, const char *reason)
{
	const json_t *replay = replay_of(q, o);
	if (q->json)
		show_json(path, state, o, reason, replay);
	else
		show_text(path, state, o, reason, replay);
	q->bad |= o != NULL && o->state == LEDGER_REFUSED && (replay == NULL || number(replay, "left") > 0);
}

static enum rc by_content(struct query *q, const char *path, const char *pipeline, const uint8_t sha256[SHA256_BYTES],
    bool doubled, struct err *e)
{
	struct ledger_original o;
	enum rc rc = ledger_newest(q->ledger, pipeline, sha256, &o, e);
	if (rc != RC_OK)
		return rc;
	show(q, path, state_name[o.state], &o,
	    o.state == LEDGER_REFUSED    ? o.note
	    : o.again >= MANIFEST_REPLAY ? "as a whole copy, with the rows that a broken original lacked"
	    : doubled                    ? "its content came earlier"
	                                 : "");
	return RC_OK;
}

/* RC_END: no pipeline knows it. */
static enum rc one_file(struct query *q, const char *path, struct err *e)
{
	const struct settings *s = q->settings;
	uint8_t sha256[SHA256_BYTES];
	for (size_t i = 0; i < s->pipelines; i++) {
		struct ledger_path p;
		const char *pipeline = s->pipeline[i].name;
		enum rc rc = ledger_path(q->ledger, pipeline, path, &p, e);
		if (rc == RC_OK && p.state == LEDGER_PATH_ASIDE) {
			show(q, path, "set aside", NULL, p.note);
			q->bad = true;
			return RC_OK;
		}
		if (rc == RC_OK) {
			memcpy(sha256, p.sha256, sizeof sha256);
			/* Texts of the ledger last until its next call. */
			char note[ERR_TEXT];
			(void)str_copy(note, sizeof note, p.note);
			rc = by_content(q, path, pipeline, sha256, p.state == LEDGER_PATH_DOUBLE, e);
			if (rc == RC_END && note[0] != '\0') {
				show(q, path, "foreign", NULL, note);
				return RC_OK;
			}
		}
		if (rc != RC_END)
			return rc;
	}
	if (!hash_file(path, sha256))
		return RC_END;
	for (size_t i = 0; i < s->pipelines; i++) {
		enum rc rc = by_content(q, path, s->pipeline[i].name, sha256, false, e);
		if (rc != RC_END)
			return rc;
	}
	return RC_END;
}

/* ---- by bare name ---- */

struct by_name {
	struct query *query;
	const char *name;
	unsigned found;
};

static bool see_original(void *context, const struct ledger_original *o)
{
	struct by_name *b = context;
	if (strcmp(o->name, b->name) != 0)
		return true;
	show(b->query, o->source, state_name[o->state], o, o->state == LEDGER_REFUSED ? o->note : "");
	b->found++;
	return true;
}

static bool see_aside(void *context, const char *pipeline, const char *path, const struct ledger_path *p)
{
	struct by_name *b = context;
	if (strcmp(file_name(path), b->name) != 0)
		return true;
	show(b->query, path, "set aside", NULL, p->note);
	b->query->bad = true;
	b->found++;
	return true;
}

/* Every original of that name, wherever it was found: walks the whole ledger, so only when the path itself says
 * nothing. RC_END: none. */
static enum rc every_of_name(struct query *q, const char *name, struct err *e)
{
	struct by_name b = {.query = q, .name = name};
	enum rc rc = ledger_each(q->ledger, see_original, &b, e);
	if (rc == RC_OK)
		rc = ledger_each_aside(q->ledger, see_aside, &b, e);
	return rc == RC_OK && b.found == 0 ? RC_END : rc;
}

static char *whole_path(const char *path)
{
	char *whole = realpath(path, NULL);
	if (whole != NULL)
		return whole;
	/* Gone by now: perhaps by `after: delete`. Its name is still in the ledger. */
	char here[PATH_MAX];
	return path[0] == '/' || getcwd(here, sizeof here) == NULL ? mem_text(path) : file_join(here, path);
}

enum status status_files(const struct args *a, const struct settings *s)
{
	struct err e;
	struct query q = {.settings = s, .json = args_has(a, "json")};
	char *dir = file_join(s->state, "ledger");
	enum rc rc = RC_OK;
	if (access(dir, F_OK) == 0)
		rc = ledger_open(dir, s->ledger_max_bytes, &q.ledger, &e);
	for (size_t i = 0; i < a->words && rc == RC_OK; i++) {
		char *path = whole_path(a->word[i]);
		rc = q.ledger != NULL ? one_file(&q, path, &e) : RC_END;
		if (rc == RC_END && q.ledger != NULL && strchr(a->word[i], '/') == NULL)
			rc = every_of_name(&q, a->word[i], &e);
		if (rc == RC_END) {
			show(&q, path, "not known", NULL, "");
			q.bad = true;
			rc = RC_OK;
		}
		mem_free(&path);
	}
	if (rc != RC_OK)
		complain("status: %s", e.text);
	json_decref(q.replays);
	ledger_close(&q.ledger);
	mem_free(&dir);
	return rc != RC_OK || q.bad ? STATUS_BAD : STATUS_DONE;
}

/*
 * Claims carry no time-out: nobody can tell a slow instance from a dead one, and a wrong guess stores rows twice. What
 * is stranded is shown, and a person decides.
 */
#include "pipe/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "ext/json.h"

enum { PAGE = 1000 };

void claim_path(char out[CLAIM_PATH], const char *pipeline, const uint8_t sha256[SHA256_BYTES], bool done)
{
	char hex[SHA256_TEXT];
	str_hex(sha256, SHA256_BYTES, hex);
	if (done)
		snprintf(out, CLAIM_PATH, "_sluice/claims/%s/done/%.2s/%s", pipeline, hex, hex);
	else
		snprintf(out, CLAIM_PATH, "_sluice/claims/%s/open/%s", pipeline, hex);
}

void claim_write(const struct claim *c, struct writer *out)
{
	writer_text(out, "{\"instance\":");
	json_quote(out, c->instance, strlen(c->instance));
	writer_format(out, ",\"partition\":%u,\"time_ms\":%" PRId64 ",\"name\":", c->partition, c->time_ms);
	json_quote(out, c->name, strlen(c->name));
	writer_text(out, "}\n");
}

enum rc claim_read(const char *bytes, size_t size, struct claim *out, struct err *e)
{
	json_t *root = NULL;
	const char *instance = NULL, *name = NULL;
	int64_t partition = 0;
	struct claim c = {.partition = 0};
	enum rc rc = json_parse(bytes, size, &root, e);
	if (rc != RC_OK)
		return rc;
	if ((rc = json_get_text(root, "instance", &instance, e)) == RC_OK &&
	    (rc = json_get_text(root, "name", &name, e)) == RC_OK &&
	    (rc = json_get_int(root, "partition", &partition, e)) == RC_OK)
		rc = json_get_int(root, "time_ms", &c.time_ms, e);
	if (rc == RC_OK &&
	    (partition < 0 || partition > UINT32_MAX || !str_copy(c.instance, sizeof c.instance, instance)))
		rc = err_set(RC_BAD, e, "a claim of nobody we could name");
	if (rc == RC_OK) {
		(void)str_copy(c.name, sizeof c.name, name);
		c.partition = (unsigned)partition;
		*out = c;
	}
	json_decref(root);
	return rc;
}

/* RC_END: there is none. */
static enum rc load(struct store *s, const char *path, struct claim *out, struct err *e)
{
	char *bytes = NULL;
	size_t size = 0;
	enum rc rc = store_get(s, path, CLAIM_MAX, &bytes, &size, e);
	if (rc != RC_OK)
		return rc;
	rc = claim_read(bytes, size, out, e);
	mem_free(&bytes);
	return rc == RC_OK ? RC_OK : err_wrap(rc, e, "%.300s", path);
}

static enum claim_owner owner_of(const struct claim *c, const char *instance)
{
	return strcmp(c->instance, instance) == 0 ? CLAIM_OURS : CLAIM_FOREIGN;
}

enum rc claim_look(struct store *s, const char *instance, const char *pipeline, const uint8_t sha256[SHA256_BYTES],
    enum claim_owner *owner, struct claim *out, struct err *e)
{
	char path[CLAIM_PATH];
	enum rc rc = RC_END;
	for (int done = 1; done >= 0 && rc == RC_END; done--) {
		claim_path(path, pipeline, sha256, done == 1);
		rc = load(s, path, out, e);
	}
	if (rc == RC_OK)
		*owner = owner_of(out, instance);
	else if (rc == RC_END)
		*owner = CLAIM_FREE;
	return rc == RC_END ? RC_OK : rc;
}

enum rc claim_take(struct store *s, const char *staged, const char *instance, const char *pipeline,
    const uint8_t sha256[SHA256_BYTES], enum claim_owner *owner, struct claim *out, struct err *e)
{
	char open[CLAIM_PATH], done[CLAIM_PATH];
	size_t moved = 0;
	claim_path(open, pipeline, sha256, false);
	claim_path(done, pipeline, sha256, true);
	enum rc rc = store_publish(s, &(struct store_move){staged, open}, 1, &moved, e);
	bool won = rc == RC_OK;
	if (rc == RC_END) {
		rc = store_remove(s, &staged, 1, e);
		if (rc == RC_OK)
			rc = load(s, open, out, e);
		/* It went to done between our move and our look. */
		if (rc == RC_END && (rc = load(s, done, out, e)) == RC_END)
			return err_set(RC_AGAIN, e, "%.300s: comes and goes", open);
	} else if (won) {
		*owner = CLAIM_OURS;
		rc = load(s, done, out, e);
		if (rc == RC_END)
			return RC_OK;
	}
	if (rc != RC_OK)
		return rc;
	*owner = owner_of(out, instance);
	return won && *owner == CLAIM_FOREIGN ? store_remove(s, &(const char *){open}, 1, e) : RC_OK;
}

enum rc claim_done(struct store *s, const char *pipeline, const uint8_t sha256[SHA256_BYTES], struct err *e)
{
	char open[CLAIM_PATH], done[CLAIM_PATH];
	size_t moved = 0;
	claim_path(open, pipeline, sha256, false);
	claim_path(done, pipeline, sha256, true);
	enum rc rc = store_publish(s, &(struct store_move){open, done}, 1, &moved, e);
	if (rc == RC_END)
		return store_remove(s, &(const char *){open}, 1, e);
	return rc == RC_BAD ? RC_OK : rc;
}

enum rc claim_remove(struct store *s, const char *pipeline, const uint8_t sha256[SHA256_BYTES], struct err *e)
{
	char open[CLAIM_PATH], done[CLAIM_PATH];
	const char *const path[] = {open, done};
	claim_path(open, pipeline, sha256, false);
	claim_path(done, pipeline, sha256, true);
	return store_remove(s, path, 2, e);
}

static enum rc sweep_page(
    const char *pipeline, struct store *store, struct ledger *ledger, char *const *name, size_t count, struct err *e)
{
	enum rc rc = RC_OK;
	for (size_t i = 0; i < count && rc == RC_OK; i++) {
		uint8_t sha256[SHA256_BYTES];
		struct ledger_original o;
		if (strlen(name[i]) != SHA256_TEXT - 1 || !str_unhex(name[i], sha256, SHA256_BYTES))
			continue;
		rc = ledger_newest(ledger, pipeline, sha256, &o, e);
		if (rc == RC_OK && (o.state == LEDGER_COMMITTED || o.state == LEDGER_REFUSED))
			rc = claim_done(store, pipeline, sha256, e);
		rc = rc == RC_END ? RC_OK : rc;
	}
	return rc;
}

enum rc claim_sweep(const struct settings *s, struct store *store, struct ledger *ledger, struct err *e)
{
	enum rc rc = RC_OK;
	for (size_t i = 0; i < s->pipelines && rc == RC_OK && s->claim_shared; i++) {
		char folder[CLAIM_PATH], after[SHA256_TEXT] = "";
		size_t count = PAGE;
		snprintf(folder, sizeof folder, "_sluice/claims/%s/open", s->pipeline[i].name);
		while (rc == RC_OK && count == PAGE) {
			char **name = NULL;
			rc = store_list(store, folder, after[0] != '\0' ? after : NULL, PAGE, &name, &count, e);
			if (rc != RC_OK)
				break;
			rc = sweep_page(s->pipeline[i].name, store, ledger, name, count, e);
			bool ours = count > 0 && str_copy(after, sizeof after, name[count - 1]);
			store_list_free(&name, count);
			if (!ours)
				break; /* the end, or a foreign name, behind which a page cannot begin */
		}
	}
	return rc;
}

/* Claims that could go. */
struct spent {
	const char *pipeline;
	uint8_t sha256[PAGE][SHA256_BYTES];
	bool lies[PAGE]; /* its file does, under one path or another */
	size_t count;
};

static int by_digest(const void *a, const void *b)
{
	return memcmp(a, b, SHA256_BYTES);
}

/* Anything but "no such file" is no proof that it is gone. */
static bool lies(const char *path)
{
	return faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

static bool see_path(void *context, const char *pipeline, const char *path, const struct ledger_path *p)
{
	struct spent *s = context;
	const uint8_t *at = p->taken && strcmp(pipeline, s->pipeline) == 0
	                        ? bsearch(p->sha256, s->sha256, s->count, SHA256_BYTES, by_digest)
	                        : NULL;
	if (at != NULL && (path[0] == '\0' || lies(path)))
		s->lies[(size_t)(at - s->sha256[0]) / SHA256_BYTES] = true;
	return true;
}

/* Names of a listing are in order, so the digests are. An original out of a rebuilt ledger has no source: it stays. */
static enum rc find_spent(
    struct spent *out, const struct settings *s, struct ledger *ledger, char *const *name, size_t count, struct err *e)
{
	int64_t now_ms = clock_wall().ns / 1000000;
	enum rc rc = RC_OK;
	out->count = 0;
	for (size_t i = 0; i < count && rc == RC_OK; i++) {
		uint8_t *sha256 = out->sha256[out->count];
		struct ledger_original o;
		if (strlen(name[i]) != SHA256_TEXT - 1 || !str_unhex(name[i], sha256, SHA256_BYTES))
			continue;
		rc = ledger_newest(ledger, out->pipeline, sha256, &o, e);
		bool spent = rc == RC_OK && (o.state == LEDGER_COMMITTED || o.state == LEDGER_REFUSED) &&
		             now_ms - o.committed_ms > s->claim_keep_ms && o.source[0] != '\0' && !lies(o.source);
		if (spent)
			out->lies[out->count++] = false;
		rc = rc == RC_END ? RC_OK : rc;
	}
	return rc == RC_OK && out->count > 0 ? ledger_each_path(ledger, see_path, out, e) : rc;
}

static enum rc clean_page(struct spent *page, const struct settings *s, struct store *store, struct ledger *ledger,
    char *const *name, size_t count, struct err *e)
{
	enum rc rc = find_spent(page, s, ledger, name, count, e);
	for (size_t i = 0; i < page->count && rc == RC_OK; i++) {
		char path[CLAIM_PATH];
		claim_path(path, page->pipeline, page->sha256[i], true);
		if (!page->lies[i])
			rc = store_remove(store, &(const char *){path}, 1, e);
	}
	return rc;
}

enum rc claim_clean(
    const struct settings *s, struct store *store, struct ledger *ledger, unsigned folder, struct err *e)
{
	struct spent *page = mem_zero(1, sizeof *page);
	enum rc rc = RC_OK;
	for (size_t i = 0; i < s->pipelines && rc == RC_OK && s->claim_shared; i++) {
		char at[CLAIM_PATH], after[SHA256_TEXT] = "";
		size_t count = PAGE;
		page->pipeline = s->pipeline[i].name;
		snprintf(at, sizeof at, "_sluice/claims/%s/done/%02x", page->pipeline, folder % CLAIM_FOLDERS);
		while (rc == RC_OK && count == PAGE) {
			char **name = NULL;
			rc = store_list(store, at, after[0] != '\0' ? after : NULL, PAGE, &name, &count, e);
			if (rc != RC_OK)
				break;
			rc = clean_page(page, s, store, ledger, name, count, e);
			bool ours = count > 0 && str_copy(after, sizeof after, name[count - 1]);
			store_list_free(&name, count);
			if (!ours)
				break;
		}
	}
	mem_free(&page);
	return rc;
}

enum rc claim_stale(const struct settings *s, struct store *store, const char *pipeline, size_t most,
    void (*visit)(void *context, const char *pipeline, const struct claim *c), void *context, struct err *e)
{
	char folder[CLAIM_PATH];
	char **name = NULL;
	size_t count = 0;
	int64_t now_ms = clock_wall().ns / 1000000;
	snprintf(folder, sizeof folder, "_sluice/claims/%s/open", pipeline);
	enum rc rc = store_list(store, folder, NULL, most, &name, &count, e);
	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < count && rc == RC_OK; i++) {
		struct claim c;
		char *path = file_join(folder, name[i]);
		rc = load(store, path, &c, e);
		if (rc == RC_OK && owner_of(&c, s->instance) == CLAIM_FOREIGN && now_ms - c.time_ms > s->claim_stale_ms)
			visit(context, pipeline, &c);
		rc = rc == RC_END ? RC_OK : rc; /* done meanwhile */
		mem_free(&path);
	}
	store_list_free(&name, count);
	return rc;
}

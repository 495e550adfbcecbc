/*
 * Claims carry no time-out: nobody can tell a slow instance from a dead one, and a wrong guess stores rows twice. What
 * is stranded is shown, and a person decides.
 */
#include "pipe/claim.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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

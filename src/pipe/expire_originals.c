/*
 * Which commits an original is in, its name does not say: every manifest is read, once for each ROUND of originals that
 * are old enough, so that memory does not grow with the lake.
 */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "ext/json.h"
#include "pipe/expire_work.h"
#include "pipe/history.h"
#include "pipe/ledger.h"
#include "pipe/manifest.h"
#include "pipe/partitions.h"

enum { ROUND = 50000, SLOTS = 1 << 17, NS_PER_MS = 1000000, PAGE = 8192 };

/* Who names an original: a source is a topic without ".files", ".rows", ".replay". */
struct named {
	char *source;
	uint32_t again;
	char *rejects; /* its rejects lie in this file; NULL: it has none */
	bool settled;  /* an expiry before let the file go for this one */
};

struct kept { /* an original that is old enough */
	char *path;
	int64_t hour, modified_ms;
	uint64_t size;
	uint8_t original[SHA256_BYTES];
	struct named *by;
	size_t bys;
	bool contrary; /* two originals are said to lie here */
	bool waiting;  /* for a commit */
	int64_t gone_ms;
};

struct round {
	struct expire *x;
	struct kept *at;
	size_t count, capacity;
	size_t slot[SLOTS]; /* place + 1 by path */
	char *rejects;      /* rejects file of the manifest being walked */
	const char *topic;
};

/* ---- by path ---- */

static size_t *slot_of(struct round *r, const char *path)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
	for (const char *p = path; *p != '\0'; p++)
		h = (h ^ (uint8_t)*p) * UINT64_C(0x100000001b3);
	size_t i = (size_t)(h ^ h >> 32) & (SLOTS - 1);
	while (r->slot[i] != 0 && strcmp(r->at[r->slot[i] - 1].path, path) != 0)
		i = (i + 1) & (SLOTS - 1);
	return &r->slot[i];
}

static struct kept *find(struct round *r, const char *path)
{
	size_t at = *slot_of(r, path);
	return at > 0 ? &r->at[at - 1] : NULL;
}

static void add(struct round *r, const char *path, int64_t hour, const struct store_stat *st)
{
	if (r->count == r->capacity) {
		r->capacity = mem_grow(r->capacity, r->count + 1);
		r->at = mem_resize(r->at, r->capacity * sizeof *r->at);
	}
	size_t *slot = slot_of(r, path);
	r->at[r->count++] = (struct kept){
	    .path = mem_text(path), .hour = hour, .size = st->size, .modified_ms = st->modified_ns / NS_PER_MS};
	*slot = r->count;
}

static void clear(struct round *r)
{
	for (size_t i = 0; i < r->count; i++) {
		for (size_t n = 0; n < r->at[i].bys; n++) {
			mem_free(&r->at[i].by[n].source);
			mem_free(&r->at[i].by[n].rejects);
		}
		mem_free(&r->at[i].by);
		mem_free(&r->at[i].path);
	}
	r->count = 0;
	memset(r->slot, 0, sizeof r->slot);
}

/* ---- who names them ---- */

static enum rc see_manifest(void *context, const struct manifest_head *h, struct err *e)
{
	struct round *r = context;
	(void)h, (void)e;
	mem_free(&r->rejects);
	return RC_OK;
}

static enum rc see_file(void *context, const struct manifest_file *f, struct err *e)
{
	struct round *r = context;
	(void)e;
	if (f->rejects) {
		mem_free(&r->rejects);
		r->rejects = mem_text(f->path);
	}
	return RC_OK;
}

static struct named *named_by(struct kept *k, const char *source, uint32_t again)
{
	for (size_t i = 0; i < k->bys; i++)
		if (k->by[i].again == again && strcmp(k->by[i].source, source) == 0)
			return &k->by[i];
	return NULL;
}

static enum rc see_original(void *context, const struct manifest_original *o, struct err *e)
{
	struct round *r = context;
	struct kept *k = find(r, o->path);
	(void)e;
	if (k == NULL)
		return RC_OK;
	k->contrary |= k->bys > 0 && memcmp(k->original, o->original, SHA256_BYTES) != 0;
	memcpy(k->original, o->original, SHA256_BYTES);
	char *source = mem_text_n(r->topic, (size_t)(strrchr(r->topic, '.') - r->topic));
	if (named_by(k, source, o->again) != NULL) {
		mem_free(&source);
		return RC_OK;
	}
	k->by = mem_resize(k->by, (k->bys + 1) * sizeof *k->by);
	k->by[k->bys++] = (struct named){
	    .source = source, .again = o->again, .rejects = o->rejects > 0 ? mem_text(r->rejects) : NULL};
	return RC_OK;
}

static enum rc see_partition(void *context, const char *topic, uint32_t partition, struct err *e)
{
	struct round *r = context;
	const struct manifest_visitor v = {
	    .context = r, .head = see_manifest, .file = see_file, .original = see_original};
	uint64_t next = 0;
	if (strrchr(topic, '.') == NULL)
		return RC_OK;
	r->topic = topic;
	enum rc rc = history_each(r->x->p->store, topic, partition, 0, 0, &v, &next, e);
	mem_free(&r->rejects);
	return rc == RC_END ? RC_OK : rc;
}

static enum rc see_gone(void *context, const struct expiry_head *h, const struct expiry_file *f, struct err *e)
{
	struct round *r = context;
	struct kept *k = find(r, f->path);
	(void)e;
	if (k == NULL || memcmp(k->original, f->original, SHA256_BYTES) != 0)
		return RC_OK;
	for (size_t i = 0; i < f->identities; i++) {
		struct named *n = named_by(k, f->identity[i].source, f->identity[i].again);
		if (n != NULL)
			n->settled = true;
	}
	k->gone_ms = h->time_ms > k->gone_ms ? h->time_ms : k->gone_ms;
	return RC_OK;
}

/* ---- who still wants them ---- */

static bool see_open(void *context, const struct ledger_original *o)
{
	struct round *r = context;
	struct kept *k = find(r, o->path);
	if (k != NULL)
		k->waiting = true;
	return true;
}

/* On the bus, or not even there yet, by our own ledger. */
static enum rc ask_ledger(struct round *r, struct err *e)
{
	const struct settings *s = r->x->p->settings;
	struct ledger *l = NULL;
	char *dir = file_join(s->state, "ledger");
	enum rc rc = RC_OK;
	if (access(dir, F_OK) == 0)
		rc = ledger_open(dir, s->ledger_max_bytes, &l, e);
	if (rc == RC_OK && l != NULL)
		rc = ledger_each_open(l, see_open, r, e);
	ledger_close(&l);
	mem_free(&dir);
	return rc;
}

static enum rc ask_claims_of(struct round *r, const char *pipeline, json_t *open, struct err *e)
{
	char *folder = mem_format("_sluice/claims/%s/open", pipeline), *after = NULL;
	size_t count = PAGE;
	enum rc rc = RC_OK;
	while (rc == RC_OK && count == PAGE) {
		char **name = NULL;
		if ((rc = store_list(r->x->p->store, folder, after, PAGE, &name, &count, e)) != RC_OK)
			break;
		for (size_t i = 0; i < count; i++)
			json_object_set_new(open, name[i], json_true());
		mem_free(&after);
		if (count > 0)
			after = mem_text(name[count - 1]);
		store_list_free(&name, count);
	}
	mem_free(&after);
	mem_free(&folder);
	return rc;
}

/* Of other instances the claims that are not done say what waits. */
static enum rc ask_claims(struct round *r, struct err *e)
{
	char **name = NULL, hex[SHA256_TEXT];
	size_t count = 0;
	json_t *open = json_object();
	enum rc rc = store_list(r->x->p->store, "_sluice/claims", NULL, SIZE_MAX / 2, &name, &count, e);
	for (size_t i = 0; i < count && rc == RC_OK; i++)
		rc = ask_claims_of(r, name[i], open, e);
	store_list_free(&name, count);
	for (size_t i = 0; i < r->count && json_object_size(open) > 0; i++) {
		str_hex(r->at[i].original, SHA256_BYTES, hex);
		r->at[i].waiting |= json_object_get(open, hex) != NULL;
	}
	json_decref(open);
	return rc;
}

/* Its rejects that count: those of its newest replay, without one its own. */
static enum rc has_open_rejects(const struct round *r, const struct kept *k, bool *open, struct err *e)
{
	enum rc rc = RC_OK;
	*open = false;
	for (size_t i = 0; i < k->bys && rc == RC_OK && !*open; i++) {
		const struct named *n = &k->by[i];
		bool past = n->rejects == NULL;
		for (size_t m = 0; m < k->bys && !past; m++)
			past = k->by[m].again >= MANIFEST_REPLAY && k->by[m].again > n->again &&
			       strcmp(k->by[m].source, n->source) == 0;
		struct store_stat st;
		if (!past)
			rc = store_stat(r->x->p->store, n->rejects, &st, e);
		*open = !past && rc == RC_OK;
		rc = rc == RC_END ? RC_OK : rc;
	}
	return rc;
}

/* ---- going ---- */

/* Replays name what was there before them, and want no file of their own; but for a copy that came whole, which they
 * alone name. */
static bool is_wanted(const struct kept *k)
{
	bool taken = false, ours = false, replays = false;
	for (size_t i = 0; i < k->bys; i++) {
		bool replay = k->by[i].again >= MANIFEST_REPLAY;
		taken |= !replay;
		ours |= !replay && !k->by[i].settled;
		replays |= replay && !k->by[i].settled;
	}
	return taken ? ours : replays;
}

static enum rc let_go(struct release *r, const struct kept *k, struct err *e)
{
	struct expiry_identity *identity = mem_zero(k->bys + 1, sizeof *identity);
	struct expiry_file f = {.path = k->path, .size = k->size, .identity = identity, .identities = k->bys};
	memcpy(f.original, k->original, SHA256_BYTES);
	for (size_t i = 0; i < k->bys; i++)
		identity[i] = (struct expiry_identity){k->by[i].source, k->by[i].again};
	enum rc rc = release_add(r, &f, e);
	mem_free(&identity);
	return rc;
}

static enum rc judge(struct round *r, struct release *out, const struct kept *k, struct err *e)
{
	struct expire_sum *sum = r->x->sum;
	bool open = false;
	if (k->waiting) {
		sum->waiting++;
		return RC_OK;
	}
	if (k->bys == 0 || k->contrary) {
		sum->strange++;
		return RC_OK;
	}
	if (!is_wanted(k)) {
		/* Left by an expiry that did not end; one that came later was put back by somebody. */
		if (k->gone_ms > 0 && k->modified_ms <= k->gone_ms)
			return release_finish(r->x, k->path, e);
		sum->strange++;
		return RC_OK;
	}
	enum rc rc = has_open_rejects(r, k, &open, e);
	if (rc == RC_OK && open)
		sum->open++;
	return rc == RC_OK && !open ? let_go(out, k, e) : rc;
}

static enum rc hour_goes(struct round *r, size_t from, size_t to, struct err *e)
{
	struct expire *x = r->x;
	struct release out;
	uint64_t newest = 0;
	enum rc rc =
	    expiry_each(x->p->store, EXPIRY_ORIGINAL, x->schema->name, r->at[from].hour, see_gone, r, &newest, e);
	if (rc == RC_OK && !x->p->dry_run)
		rc = ask_ledger(r, e); /* once more, as late as can be: somebody may be loading one of them again */
	release_begin(&out, x, r->at[from].hour, newest);
	for (size_t i = from; i < to && rc == RC_OK; i++)
		rc = judge(r, &out, &r->at[i], e);
	if (rc == RC_OK)
		rc = release_end(&out, e);
	release_fini(&out);
	if (rc == RC_END) {
		x->sum->busy++;
		rc = RC_OK;
	}
	char *folder = mem_text(r->at[from].path), *root = mem_format("%s/binary", x->schema->name);
	*strrchr(folder, '/') = '\0';
	if (rc == RC_OK)
		rc = expire_clear(x, folder, root, e);
	mem_free(&root);
	mem_free(&folder);
	return rc;
}

static enum rc round_goes(struct round *r, struct err *e)
{
	enum rc rc = r->count > 0 ? partitions_each(r->x->p->store, see_partition, r, e) : RC_OK;
	if (rc == RC_OK && r->count > 0)
		rc = ask_ledger(r, e);
	if (rc == RC_OK && r->count > 0)
		rc = ask_claims(r, e);
	for (size_t from = 0, to; from < r->count && rc == RC_OK && !expire_stopped(r->x); from = to) {
		for (to = from; to < r->count && r->at[to].hour == r->at[from].hour;)
			to++;
		rc = hour_goes(r, from, to, e);
	}
	clear(r);
	return rc;
}

/* ---- gathering ---- */

static enum rc add_page(struct round *r, const char *folder, int64_t hour, char **name, size_t count, struct err *e)
{
	enum rc rc = RC_OK;
	for (size_t i = 0; i < count && rc == RC_OK; i++) {
		struct store_stat st;
		char *path = mem_format("%s/%s", folder, name[i]);
		rc = store_stat(r->x->p->store, path, &st, e);
		if (rc == RC_OK && !st.directory)
			add(r, path, hour, &st);
		rc = rc == RC_END ? RC_OK : rc;
		if (rc == RC_OK && r->count == ROUND)
			rc = round_goes(r, e);
		mem_free(&path);
	}
	return rc;
}

static enum rc see_hour(void *context, const char *folder, int64_t hour, struct err *e)
{
	struct round *r = context;
	char *after = NULL;
	size_t count = PAGE;
	enum rc rc = RC_OK;
	while (rc == RC_OK && count == PAGE) {
		char **name = NULL;
		if ((rc = store_list(r->x->p->store, folder, after, PAGE, &name, &count, e)) != RC_OK)
			break;
		rc = add_page(r, folder, hour, name, count, e);
		mem_free(&after);
		if (count > 0)
			after = mem_text(name[count - 1]);
		store_list_free(&name, count);
	}
	mem_free(&after);
	return rc;
}

/* A folder that was empty already: an expiry was killed before it removed it. */
static enum rc see_empty(void *context, const char *folder, int64_t hour, struct err *e)
{
	struct expire *x = context;
	char **name = NULL, *root = NULL;
	size_t count = 0;
	(void)hour;
	enum rc rc = store_list(x->p->store, folder, NULL, 1, &name, &count, e);
	store_list_free(&name, count);
	root = mem_format("%s/binary", x->schema->name);
	if (rc == RC_OK && count == 0)
		rc = expire_clear(x, folder, root, e);
	mem_free(&root);
	return rc;
}

enum rc expire_originals(struct expire *x, struct err *e)
{
	struct round *r = mem_zero(1, sizeof *r);
	char *root = mem_format("%s/binary", x->schema->name);
	r->x = x;
	enum rc rc = expire_folders(x, root, see_hour, r, e);
	if (rc == RC_OK)
		rc = round_goes(r, e);
	clear(r);
	if (rc == RC_OK && !x->p->dry_run && !expire_stopped(x))
		rc = expire_folders(x, root, see_empty, x, e);
	mem_free(&r->at);
	mem_free(&r);
	mem_free(&root);
	return rc;
}

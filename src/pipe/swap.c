/*
 * Order: manifest (by others) -> with a catalog: copies aside, the partition's location there, a grace for queries that
 * have planned on the inputs -> outputs in, inputs away, in one step where the store can -> what others wrote
 * aside is copied home, then the location back -> a mark of when -> after the grace the kept inputs and the copies ->
 * the notes. Each step finds out from the lake whether it
 * was done before.
 */
#include "pipe/swap.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/writer.h"
#include "ext/json.h"
#include "pipe/aside.h"
#include "pipe/compaction.h"
#include "pipe/manifest.h"

enum { NOTE_MAX = 4096, PATH_BYTES = 512, DIGITS = 20, STAGED_PAGE = 4096 };

static const char *const suffix[NOTES] = {[NOTE_WORK] = "", [NOTE_ASIDE] = ".aside", [NOTE_SWITCHED] = ".switched"};

/* ---- notes ---- */

static void note_path(char out[PATH_BYTES], const struct swap_key *k, enum note_kind kind)
{
	snprintf(out, PATH_BYTES, "_sluice/compacting/%s/%020" PRId64 "-%020" PRIu64 "%s", k->dataset, k->hour,
	    k->generation, suffix[kind]);
}

enum rc note_put(struct store *s, const struct swap_key *k, enum note_kind kind, const struct note *n, struct err *e)
{
	struct writer w;
	char path[PATH_BYTES];
	writer_init(&w, NOTE_MAX);
	writer_text(&w, "{\"instance\":");
	json_quote(&w, n->instance, strlen(n->instance));
	writer_format(&w, ",\"epoch\":\"%s\",\"time\":%" PRId64 "}\n", n->epoch, n->time_ms);
	note_path(path, k, kind);
	enum rc rc = store_put_if_absent(s, path, w.bytes, w.len, e);
	writer_fini(&w);
	return rc;
}

enum rc note_load(struct store *s, const struct swap_key *k, enum note_kind kind, struct note *out, struct err *e)
{
	char path[PATH_BYTES], *text = NULL;
	size_t size = 0;
	json_t *root = NULL;
	const char *instance = NULL, *epoch = NULL;
	struct note n = {.time_ms = 0};
	note_path(path, k, kind);
	enum rc rc = store_get(s, path, NOTE_MAX, &text, &size, e);
	if (rc != RC_OK)
		return rc;
	if ((rc = json_parse(text, size, &root, e)) == RC_OK &&
	    (rc = json_get_text(root, "instance", &instance, e)) == RC_OK &&
	    (rc = json_get_text(root, "epoch", &epoch, e)) == RC_OK)
		rc = json_get_int(root, "time", &n.time_ms, e);
	if (rc == RC_OK &&
	    (!str_copy(n.instance, sizeof n.instance, instance) || !str_copy(n.epoch, sizeof n.epoch, epoch)))
		rc = err_set(RC_BAD, e, "a note of nobody we could name");
	if (rc == RC_OK)
		*out = n;
	json_decref(root);
	mem_free(&text);
	return rc == RC_OK ? rc : err_wrap(rc, e, "%s", path);
}

enum rc note_remove(struct store *s, const struct swap_key *k, struct err *e)
{
	enum rc rc = RC_OK;
	for (int kind = NOTES - 1; kind >= 0 && rc == RC_OK; kind--) {
		char path[PATH_BYTES];
		note_path(path, k, (enum note_kind)kind);
		rc = store_remove(s, (const char *const[]){path}, 1, e);
	}
	return rc;
}

/* "<hour, 20 digits>-<generation, 20 digits>". */
static bool read_note_name(const char *name, struct swap_key *k)
{
	char hour_text[DIGITS + 1];
	uint64_t hour;
	if (strlen(name) != 2 * DIGITS + 1 || name[DIGITS] != '-')
		return false;
	(void)!str_copy(hour_text, sizeof hour_text, name);
	if (!manifest_name_read(hour_text, &hour) || !manifest_name_read(name + DIGITS + 1, &k->generation))
		return false;
	k->hour = (int64_t)hour;
	return true;
}

enum rc note_each(struct store *s, const char *dataset,
    enum rc (*see)(void *context, const struct swap_key *k, struct err *e), void *context, struct err *e)
{
	char **names = NULL;
	size_t count = 0;
	char *folder = mem_format("_sluice/compacting/%s", dataset);
	enum rc rc = store_list(s, folder, NULL, SIZE_MAX / 2, &names, &count, e);
	mem_free(&folder);
	for (size_t i = 0; i < count && rc == RC_OK; i++) {
		struct swap_key k = {.dataset = dataset};
		if (read_note_name(names[i], &k))
			rc = see(context, &k, e);
	}
	store_list_free(&names, count);
	return rc;
}

/* ---- staging ---- */

char *swap_staging(const char *epoch)
{
	return mem_format("_sluice/staging/compact-%s", epoch);
}

enum rc swap_sweep(struct store *s, const char *epoch, struct err *e)
{
	char **names = NULL;
	size_t count = 0;
	char *folder = swap_staging(epoch);
	enum rc rc = store_list(s, folder, NULL, STAGED_PAGE, &names, &count, e);
	for (size_t i = 0; i < count && rc == RC_OK; i++) {
		char *path = mem_format("%s/%s", folder, names[i]);
		rc = store_remove(s, (const char *const[]){path}, 1, e);
		mem_free(&path);
	}
	store_list_free(&names, count);
	if (rc == RC_OK)
		rc = store_remove(s, (const char *const[]){folder}, 1, e);
	mem_free(&folder);
	return rc;
}

/* ---- the switch ---- */

struct moves {
	struct compaction_head head;
	struct store_move *in, *out; /* staged -> table, table -> kept */
	struct aside_copy *copy;     /* of the outputs; none without a catalog */
	size_t ins, outs, copies;
};

static enum rc see_head(void *context, const struct compaction_head *h, struct err *e)
{
	(void)e;
	((struct moves *)context)->head = *h;
	return RC_OK;
}

static void add(struct store_move **list, size_t *count, const char *from, const char *to)
{
	/* Grows by doubling from one. */
	if ((*count & (*count - 1)) == 0)
		*list = mem_resize(*list, (*count == 0 ? 1 : 2 * *count) * sizeof **list);
	(*list)[(*count)++] = (struct store_move){mem_text(from), mem_text(to)};
}

static enum rc see_file(void *context, const struct compaction_file *f, struct err *e)
{
	struct moves *m = context;
	(void)e;
	if (!f->output) {
		add(&m->out, &m->outs, f->path, f->from);
		return RC_OK;
	}
	add(&m->in, &m->ins, f->from, f->path);
	if (f->aside != NULL) {
		m->copy = mem_resize(m->copy, (m->copies + 1) * sizeof *m->copy);
		m->copy[m->copies++] = (struct aside_copy){mem_text(f->from), mem_text(f->aside), f->size, f->crc32};
	}
	return RC_OK;
}

static void free_list(struct store_move **list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		mem_release((void *)(*list)[i].from);
		mem_release((void *)(*list)[i].to);
	}
	mem_free(list);
}

static void moves_fini(struct moves *m)
{
	free_list(&m->in, m->ins);
	free_list(&m->out, m->outs);
	for (size_t i = 0; i < m->copies; i++) {
		mem_free(&m->copy[i].from);
		mem_free(&m->copy[i].to);
	}
	mem_free(&m->copy);
}

/* Generations follow one another: one that has a successor was switched before that was begun. */
static enum rc is_newest(const struct swap *w, const struct swap_key *k, bool *newest, struct err *e)
{
	uint64_t last = 0;
	enum rc rc = compaction_each(w->store, k->dataset, k->hour, NULL, &last, e);
	*newest = last == k->generation;
	return rc;
}

static char *folder_of(const char *path)
{
	return mem_text_n(path, (size_t)(strrchr(path, '/') - path));
}

static enum rc replace(const struct swap *w, const struct moves *m, struct err *e)
{
	char *folder = folder_of(m->in[0].to);
	enum rc rc = store_replace(w->store, folder, m->in, m->ins, m->out, m->outs, e);
	mem_free(&folder);
	return rc;
}

static enum rc mark(const struct swap *w, const struct swap_key *k, const struct moves *m, enum note_kind kind,
    int64_t time_ms, struct err *e)
{
	struct note n = {.time_ms = time_ms};
	(void)!str_copy(n.instance, sizeof n.instance, w->instance);
	(void)!str_copy(n.epoch, sizeof n.epoch, m->head.epoch);
	enum rc rc = note_put(w->store, k, kind, &n, e);
	return rc == RC_END ? RC_OK : rc; /* somebody else did the same */
}

/* "y=2026/m=1/d=14/h=9" of "flow/hive/y=2026/m=1/d=14/h=9/name"; caller frees. */
static char *partition_of(const struct swap_key *k, const struct moves *m)
{
	const char *from = m->in[0].to + strlen(k->dataset) + strlen("/hive/");
	const char *slash = strrchr(m->in[0].to, '/');
	return slash > from ? mem_text_n(from, (size_t)(slash - from)) : mem_text("");
}

/* generation 0: to its own place. RC_END: the catalog has no such partition, so nobody reads it there. */
static enum rc move_partition(
    const struct swap *w, const struct swap_key *k, const struct moves *m, uint64_t generation, struct err *e)
{
	char *path = partition_of(k, m);
	enum rc rc = catalog_move_partition(w->catalog, w->table, path, generation, e);
	mem_free(&path);
	return rc;
}

static enum rc go_aside(
    const struct swap *w, const struct swap_key *k, const struct moves *m, int64_t *since, struct err *e)
{
	char *folder = swap_staging(m->head.epoch), *temp = mem_format("%s/aside", folder);
	enum rc rc = aside_make(w->store, m->copy, m->copies, temp, e);
	*since = w->now_ms;
	if (rc == RC_OK)
		rc = FAULT(COMPACT_COPIED, e);
	if (rc == RC_OK)
		rc = move_partition(w, k, m, k->generation, e);
	if (rc == RC_OK)
		rc = FAULT(COMPACT_ASIDE, e);
	if (rc == RC_END) {
		*since = 0;
		rc = RC_OK;
	}
	if (rc == RC_OK)
		rc = mark(w, k, m, NOTE_ASIDE, *since, e);
	mem_free(&temp);
	mem_free(&folder);
	return rc;
}

/* *ready: the folder may be switched, as far as readers through the catalog are concerned. */
static enum rc look_aside(
    const struct swap *w, const struct swap_key *k, const struct moves *m, bool *ready, struct err *e)
{
	struct note n = {.time_ms = 0};
	if (m->copies == 0)
		return RC_OK;
	enum rc rc = note_load(w->store, k, NOTE_ASIDE, &n, e);
	if (rc == RC_OK && n.time_ms != 0 && w->catalog == NULL)
		return err_set(RC_BAD, e,
		    "hour %" PRId64 " was moved aside in a catalog that is not configured any more", k->hour);
	if (rc == RC_END)
		rc = w->catalog != NULL ? go_aside(w, k, m, &n.time_ms, e) : RC_OK;
	*ready = rc == RC_OK && w->now_ms - n.time_ms >= w->grace_ms;
	return rc;
}

/* Who had the old location when he began to write may come late: so it is looked again until the folder is gone. */
static enum rc bring_home(const struct swap *w, const struct moves *m, bool remove, struct err *e)
{
	if (m->copies == 0)
		return RC_OK;
	char *aside = folder_of(m->copy[0].to), *home = folder_of(m->in[0].to), *staging = swap_staging(m->head.epoch);
	char *temp = mem_format("%s/home", staging);
	enum rc rc = aside_home(w->store, aside, home, temp, remove, w->brought, e);
	mem_free(&temp);
	mem_free(&staging);
	mem_free(&home);
	mem_free(&aside);
	return rc;
}

static enum rc switch_folder(const struct swap *w, const struct swap_key *k, const struct moves *m, struct err *e)
{
	enum rc rc = replace(w, m, e);
	if (rc == RC_OK)
		rc = FAULT(COMPACT_REPLACED, e);
	if (rc != RC_OK || m->copies == 0 || w->catalog == NULL)
		return rc;
	rc = bring_home(w, m, false, e);
	if (rc == RC_OK)
		rc = move_partition(w, k, m, 0, e);
	return rc == RC_OK ? FAULT(COMPACT_BACK, e) : rc == RC_END ? RC_OK : rc;
}

/* *since: when the switch was made. SWAP_ASIDE: it was not yet. */
static enum rc make_switch(const struct swap *w, const struct swap_key *k, const struct moves *m,
    enum swap_state *state, int64_t *since, struct err *e)
{
	struct note n = {.time_ms = w->now_ms};
	bool newest = false, ready = true;
	enum rc rc = note_load(w->store, k, NOTE_SWITCHED, &n, e);
	*state = SWAP_GRACE;
	if (rc == RC_END) {
		n.time_ms = w->now_ms;
		rc = is_newest(w, k, &newest, e);
		if (rc == RC_OK && newest)
			rc = look_aside(w, k, m, &ready, e);
		if (!ready)
			*state = SWAP_ASIDE;
		if (rc == RC_OK && newest && ready)
			rc = switch_folder(w, k, m, e);
		if (rc == RC_OK && ready)
			rc = mark(w, k, m, NOTE_SWITCHED, n.time_ms, e);
		if (rc == RC_OK && ready)
			rc = FAULT(COMPACT_SWITCHED, e);
	}
	*since = n.time_ms;
	return rc;
}

static enum rc remove_kept(const struct swap *w, const struct swap_key *k, const struct moves *m, struct err *e)
{
	const char **path = mem_alloc((m->outs + 1) * sizeof *path);
	char *folder =
	    mem_format("_sluice/compacted/%s/%020" PRId64 "/%020" PRIu64, k->dataset, k->hour, k->generation);
	for (size_t i = 0; i < m->outs; i++)
		path[i] = m->out[i].to;
	path[m->outs] = folder;
	enum rc rc = store_remove(w->store, path, m->outs + 1, e);
	*strrchr(folder, '/') = '\0';
	if (rc == RC_OK) /* stays while another generation is in it */
		rc = store_remove(w->store, (const char *const[]){folder}, 1, e);
	mem_free(&folder);
	mem_free(&path);
	return rc;
}

/* The hour expired while somebody was about to compact it: he has lost the generation, and what he staged is in vain.
 */
static enum rc give_way(const struct swap *w, const struct swap_key *k, enum swap_state *state, struct err *e)
{
	struct note n;
	enum rc rc = note_load(w->store, k, NOTE_WORK, &n, e);
	if (rc == RC_OK)
		rc = swap_sweep(w->store, n.epoch, e);
	if (rc == RC_OK)
		rc = note_remove(w->store, k, e);
	*state = SWAP_DONE;
	return rc == RC_END ? RC_OK : rc;
}

/* Nobody needs what was replaced any more, nor the place aside. */
static enum rc finish(const struct swap *w, const struct swap_key *k, const struct moves *m, struct err *e)
{
	enum rc rc = bring_home(w, m, true, e);
	if (rc == RC_OK)
		rc = remove_kept(w, k, m, e);
	if (rc == RC_OK)
		rc = aside_remove(w->store, m->copy, m->copies, e);
	if (rc == RC_OK)
		rc = FAULT(COMPACT_REMOVED, e);
	if (rc == RC_OK)
		rc = swap_sweep(w->store, m->head.epoch, e);
	return rc == RC_OK ? note_remove(w->store, k, e) : rc;
}

enum rc swap_forward(const struct swap *w, const struct swap_key *k, enum swap_state *state, struct err *e)
{
	struct moves m = {.ins = 0};
	const struct compaction_visitor v = {.context = &m, .head = see_head, .file = see_file};
	int64_t since = 0;
	enum rc rc = compaction_load(w->store, k->dataset, k->hour, k->generation, &v, e);
	*state = SWAP_NONE;
	if (rc == RC_END)
		rc = RC_OK;
	else if (rc == RC_OK && m.head.expired)
		rc = give_way(w, k, state, e);
	else if (rc == RC_OK && (m.ins == 0 || m.outs == 0))
		rc = err_set(RC_BAD, e, "a compaction of nothing");
	else if (rc == RC_OK) {
		rc = make_switch(w, k, &m, state, &since, e);
	}
	bool over = w->now_ms - since >= w->grace_ms;
	if (rc == RC_OK && *state == SWAP_GRACE)
		rc = over ? finish(w, k, &m, e) : bring_home(w, &m, false, e);
	if (rc == RC_OK && *state == SWAP_GRACE && over)
		*state = SWAP_DONE;
	moves_fini(&m);
	return rc;
}

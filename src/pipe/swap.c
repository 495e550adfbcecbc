/*
 * Order: manifest (by others) -> outputs in, inputs away, in one step where the store can -> a mark of when -> after
 * the grace the kept inputs -> the notes. Each step finds out from the lake whether it was done before.
 */
#include "pipe/swap.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/writer.h"
#include "ext/json.h"
#include "pipe/compaction.h"
#include "pipe/manifest.h"

enum { NOTE_MAX = 4096, PATH_BYTES = 512, DIGITS = 20, STAGED_PAGE = 4096 };

static const char *const suffix[NOTES] = {[NOTE_WORK] = "", [NOTE_SWITCHED] = ".switched"};

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
	size_t ins, outs;
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
	if (f->output)
		add(&m->in, &m->ins, f->from, f->path);
	else
		add(&m->out, &m->outs, f->path, f->from);
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
}

/* Generations follow one another: one that has a successor was switched before that was begun. */
static enum rc is_newest(const struct swap *w, const struct swap_key *k, bool *newest, struct err *e)
{
	uint64_t last = 0;
	enum rc rc = compaction_each(w->store, k->dataset, k->hour, NULL, &last, e);
	*newest = last == k->generation;
	return rc;
}

static enum rc replace(const struct swap *w, const struct moves *m, struct err *e)
{
	const char *to = m->in[0].to;
	char *folder = mem_text_n(to, (size_t)(strrchr(to, '/') - to));
	enum rc rc = store_replace(w->store, folder, m->in, m->ins, m->out, m->outs, e);
	mem_free(&folder);
	return rc;
}

/* *since: when the switch was made. */
static enum rc make_switch(
    const struct swap *w, const struct swap_key *k, const struct moves *m, int64_t *since, struct err *e)
{
	struct note n = {.time_ms = w->now_ms};
	enum rc rc = note_load(w->store, k, NOTE_SWITCHED, &n, e);
	if (rc == RC_END) {
		bool newest = false;
		rc = is_newest(w, k, &newest, e);
		if (rc == RC_OK && newest)
			rc = replace(w, m, e);
		if (rc != RC_OK)
			return rc;
		n.time_ms = w->now_ms;
		(void)!str_copy(n.instance, sizeof n.instance, w->instance);
		(void)!str_copy(n.epoch, sizeof n.epoch, m->head.epoch);
		rc = note_put(w->store, k, NOTE_SWITCHED, &n, e);
		if (rc == RC_END) /* somebody else did the same */
			rc = RC_OK;
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

enum rc swap_forward(const struct swap *w, const struct swap_key *k, enum swap_state *state, struct err *e)
{
	struct moves m = {.ins = 0};
	const struct compaction_visitor v = {.context = &m, .head = see_head, .file = see_file};
	int64_t since = 0;
	enum rc rc = compaction_load(w->store, k->dataset, k->hour, k->generation, &v, e);
	*state = SWAP_NONE;
	if (rc == RC_END)
		rc = RC_OK;
	else if (rc == RC_OK && (m.ins == 0 || m.outs == 0))
		rc = err_set(RC_BAD, e, "a compaction of nothing");
	else if (rc == RC_OK) {
		*state = SWAP_GRACE;
		rc = make_switch(w, k, &m, &since, e);
	}
	if (rc == RC_OK && *state == SWAP_GRACE && w->now_ms - since >= w->grace_ms) {
		rc = remove_kept(w, k, &m, e);
		if (rc == RC_OK)
			rc = swap_sweep(w->store, m.head.epoch, e);
		if (rc == RC_OK)
			rc = note_remove(w->store, k, e);
		if (rc == RC_OK)
			*state = SWAP_DONE;
	}
	moves_fini(&m);
	return rc;
}
